"""Replies of real servers, recorded byte for byte, with the transfer encoding already removed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from tests.support.behaviours import framed

if TYPE_CHECKING:
    import asyncio

    from tests.support.behaviours import Handler, Seen

DIRECTORY = Path(__file__).parents[1] / "client" / "recordings"
_NOT_REPLAYED = {"content-length", "transfer-encoding"}


@dataclass(frozen=True)
class Recording:
    """One exchange; ``headers`` without those that frame the body, ``sent`` the request's JSON."""

    name: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    sent: Any = None

    @property
    def streamed(self) -> bool:
        """Whether the body is a stream of events."""
        return "event-stream" in self.headers.get("content-type", "")

    def question(self) -> ChatRequest:
        """The chat that was asked, as an agent asks it of us."""
        sent: dict[str, Any] = self.sent if isinstance(self.sent, dict) else {}
        shape = sent.get("response_format") or {}
        return ChatRequest(
            sent.get("messages") or [{"role": "user", "content": "hi"}],
            schema=shape.get("json_schema", {}).get("schema"),
            extra={name: sent[name] for name in ("tools", "tool_choice") if name in sent},
        )

    def handler(self) -> Handler:
        """A ``FaultServer`` behaviour that replays it."""

        async def replay(_: Seen, writer: asyncio.StreamWriter) -> None:
            fields = dict(self.headers)
            if self.streamed:
                fields["transfer-encoding"] = "chunked"
                body = framed(self.body) + framed(b"")
            else:
                fields["content-length"] = str(len(self.body))
                body = self.body
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode() + body)

        return replay


def load(name: str) -> Recording:
    """The recording of that name, such as ``vllm-0.32.0/chat``."""
    content = (DIRECTORY / f"{name}.http").read_bytes()
    opening, _, rest = content.partition(b"\nHTTP ")
    method, path = opening.decode().splitlines()[0].split(" ", 1)
    top, _, body = rest.partition(b"\n\n")
    status, *lines = top.decode().splitlines()
    fields = (line.partition(": ") for line in lines)
    headers = {key: value for key, _, value in fields if key.lower() not in _NOT_REPLAYED}
    sent = opening.decode().partition("\nREQ ")[2]
    return Recording(name, method, path, int(status), headers, body, _json(sent))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None  # a request that was malformed on purpose, or shortened


def names() -> list[str]:
    """Every recording's name."""
    return sorted(str(path.relative_to(DIRECTORY))[:-5] for path in DIRECTORY.rglob("*.http"))
