"""A project whose reflex is the real embedded engine, and whose cloud is the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.settings import Settings, load_settings
from tests.support.router.world import promote

if TYPE_CHECKING:
    from pathlib import Path

    from core.client.backend import Message
    from core.engine.process import ServerProcess
    from core.standin.scripted_server import ScriptedServer

PATIENT_MS = 90_000  # another process may have the cores
EDIT_SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "enum": ["calc.py", "test_calc.py"]},
        "line": {"type": "integer", "minimum": 1, "maximum": 99},
        "done": {"type": "boolean"},
    },
    "required": ["path", "line", "done"],
    "additionalProperties": False,
}
PROMPTS = [
    "calc.py line 12 adds where it should subtract. Which file and line do you change?",
    "Explain at length, in Markdown with a heading, what is wrong in calc.py.",
    "Answer with a fenced code block and nothing else: the repaired line of calc.py.",
]


def question(prompt: str) -> list[Message]:
    """The prompt as chat messages."""
    return [{"role": "user", "content": prompt}]


async def promoted(
    project: Path,
    engine: ServerProcess,
    cloud: ScriptedServer,
    text: str = "",
    *,
    timeout_ms: int = PATIENT_MS,
) -> Settings:
    """Settings under which the engine has passed the gate; ``text`` goes into ``[reflex]``."""
    path = configure(project, engine, cloud, f"timeout_ms = {timeout_ms}\n{text}")
    settings = load_settings(path)
    await promote(settings)
    return settings


def configure(
    project: Path,
    engine: ServerProcess,
    cloud: ScriptedServer,
    text: str = "",
    *,
    enabled: bool = True,
    model: str | None = None,
) -> Path:
    """Write stage0.toml and return its path; ``text`` begins within ``[reflex]``."""
    path = project / "stage0.toml"
    path.write_text(
        f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "{cloud.script.model}"\n'
        f'[reflex]\nenabled = {str(enabled).lower()}\nendpoint = "{engine.endpoint}"\n'
        f'model = "{model or engine.model}"\n{text}',
        encoding="utf-8",
    )
    return path


def events(settings: Settings, *types: str) -> list[dict[str, Any]]:
    """The capsule's records of these types, oldest first; the chain holds."""
    with EventLog(settings.state_dir / "capsule") as log:
        assert log.verify().ok
        return [dict(record.body) for record in log.read() if record.event_type in types]
