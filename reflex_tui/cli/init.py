"""``init``: finds the local servers, writes a first configuration, and says what comes next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain
from reflex_tui.cli.kinds import port, words
from reflex_tui.cli.output import columns, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from core.router.condition import Health
    from reflex_tui.cli.parser import Commands

# Ours, SGLang's, vLLM's, llama.cpp's, Ollama's and LM Studio's.
PORTS = (3009, 30000, 8000, 8080, 11434, 1234)
_TIMEOUT_MS = 1500


class NoServer(ConfigError):
    """No server that answers, or none that serves the model that was named."""

    code = "no_server"
    exit_code = 1


def add(commands: Commands) -> None:
    """Declare the command."""
    init = commands.add(
        "init",
        run,
        "init",
        "init --port 8000 --model qwen2.5-coder-7b-instruct",
    )
    init.add_argument(
        "--port",
        type=port,
        metavar="PORT",
        help=f"the server's port on this machine (default: try {', '.join(map(str, PORTS))})",
    )
    init.add_argument(
        "--model",
        type=words,
        metavar="NAME",
        help="the model to use (default: the first that the server lists)",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when a configuration was written, 1 when no server answers, 2 when there is one already."""
    import asyncio

    from core.settings import load_settings
    from reflex_tui.model.first_config import example, place_of

    place = arguments.config or place_of(load_settings(None))
    if _is_there(place):
        raise ConfigError(
            f"there is a configuration already: {plain(place)}",
            remedy="See it with: code reflex status",
        )
    if not place.parent.is_dir():
        raise ConfigError(f"{plain(place)}: there is no such directory to write it to")
    ports = PORTS if arguments.port is None else (arguments.port,)
    found = asyncio.run(_look(ports))
    server, model = _choose(found, ports, arguments.model)
    text = "".join(f"{line}\n" for line in example(server.endpoint, model))
    _create(place, text)
    if arguments.json:
        print_json({"file": str(place), "endpoint": server.endpoint, "model": model})
    else:
        print("\n".join(_lines(found, place, text)))
    return 0


def _is_there(place: Path) -> bool:
    try:
        os.lstat(place)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:  # no file can have such a name
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{plain(place, 200)}: cannot be written: {plain(why, 100)}") from error
    return True


async def _look(ports: Sequence[int]) -> list[Health]:
    """What answers at these ports and lists a model, in their order."""
    import asyncio

    from core.client.backend import Backend
    from core.router.health import probe
    from core.stages import PRIMARY, Mode

    def backend(at: int) -> Backend:
        return Backend(PRIMARY, Mode.REFLEX, f"http://127.0.0.1:{at}/v1", "", _TIMEOUT_MS)

    all_found = await asyncio.gather(*(probe(backend(at), timeout_ms=_TIMEOUT_MS) for at in ports))
    return [one for one in all_found if one.models]


def _choose(found: Sequence[Health], ports: Sequence[int], model: str | None) -> tuple[Health, str]:
    for server in found:
        if model is None or model in server.models:
            return server, model or server.models[0]
    where = (
        f"port {ports[0]}" if len(ports) == 1 else f"any of the ports {', '.join(map(str, ports))}"
    )
    if not found:
        raise NoServer(
            f"no OpenAI-compatible server answers at {where} of this machine",
            remedy="Start one: code reflex health shows how. Without a GPU: code reflex engine",
        )
    known = ", ".join(plain(name, 80) for server in found for name in server.models[:5])
    raise NoServer(
        f"no server here serves {plain(model, 80)}", remedy=f"The servers found serve: {known}"
    )


def _create(place: Path, text: str) -> None:
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{plain(place)}: cannot be written: {error.strerror}") from error


def _lines(found: Sequence[Health], place: Path, text: str) -> list[str]:
    rows = [
        (
            "●",
            one.endpoint,
            one.engine.label if one.engine else "",
            ", ".join(plain(name, 60) for name in one.models[:3]),
        )
        for one in found
    ]
    return [
        *columns(rows),
        "",
        f"wrote {plain(place)}:",
        *(f"  {line}" for line in text.splitlines()),
        "",
        "next:",
        *columns(
            [
                ("  code reflex health --deep", "check the server"),
                ("  export OPENAI_API_KEY=…", "the cloud's key; another cloud goes under [cloud]"),
                ("  code reflex bakeoff", "compare both models"),
                ("  code reflex enable", "after a pass: let the local model serve"),
            ]
        ),
    ]
