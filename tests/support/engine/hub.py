"""A Hugging Face hub of one repository, as far as fetching a model needs it."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar

from tests.support.patience import PATIENCE_S
from tests.support.threaded import served

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "a" * 40


@dataclass
class Hub:
    """``files`` by path; ``listed`` overrides a file's sha256; GETs stop at ``hang_at`` bytes."""

    files: dict[str, bytes]
    url: str = ""
    listed: dict[str, str | None] = field(default_factory=dict)
    hang_at: int | None = None
    hung: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    fetched: list[tuple[str, str | None]] = field(default_factory=list)

    def info(self, repo: str) -> dict[str, Any]:
        """What the API says of the repository."""
        siblings = []
        for name, content in self.files.items():
            digest = self.listed.get(name, sha256(content).hexdigest())
            lfs = digest and {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(content), "blobId": "b", "lfs": lfs})
        return {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": []}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def do_HEAD(self) -> None:
        """The size and hash of a file."""
        name, content = self._file()
        self._begin(200 if content else 404, self._headers_of(name, content), len(content))

    def do_GET(self) -> None:
        """A repository's files by the API, or one of them from a byte on."""
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/api/models/((?:[^/]+/)?[^/]+)(?:/revision/[^/]+)?", path):
            body = json.dumps(self.hub.info(found[1])).encode()
            self._begin(200, {}, len(body))
            self.wfile.write(body)
            return
        name, content = self._file()
        if not content:
            self._begin(404, {}, 0)
            return
        wanted = self.headers.get("Range")
        self.hub.fetched.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        headers = self._headers_of(name, content)
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._begin(206 if wanted else 200, headers, len(content) - start)
        self._write(content, start)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _file(self) -> tuple[str, bytes]:
        found = re.fullmatch(r"/[^/]+/[^/]+/resolve/[^/]+/(.+)", self.path.partition("?")[0])
        name = found[1] if found else ""
        return name, self.hub.files.get(name, b"")

    def _headers_of(self, name: str, content: bytes) -> dict[str, str]:
        digest = self.hub.listed.get(name) or sha256(content).hexdigest()
        return {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{digest}"',
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
            "Accept-Ranges": "bytes",
        }

    def _begin(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, content: bytes, start: int) -> None:
        hang_at = self.hub.hang_at
        if hang_at is None:
            self.wfile.write(content[start:])
            return
        self.wfile.write(content[start:hang_at])
        self.wfile.flush()
        self.hub.hung.set()
        self.hub.released.wait(PATIENCE_S)
        self.close_connection = True


@contextmanager
def hub_of(files: dict[str, bytes]) -> Iterator[Hub]:
    """The hub on a free port of this machine."""
    state = Hub(files)
    handler = type("Handler", (_Handler,), {"hub": state})
    with served(handler) as state.url:
        try:
            yield state
        finally:
            state.released.set()
