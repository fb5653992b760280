"""A notify command of the user's own that writes down what it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.settings.find import user_config_dir
from tests.support.patience import until

if TYPE_CHECKING:
    from pathlib import Path

# One file a notice, which is there under its name only once it is whole.
_SCRIPT = """
work=$(mktemp -d "$1/work.XXXXXX")
cat > "$work/told"
env > "$work/environ"
mv "$work" "$work.whole"
"""


@dataclass
class Listener:
    """What the command was told, in no order."""

    directory: Path

    def told(self) -> list[dict[str, Any]]:
        """The JSON documents so far."""
        return [json.loads((one / "told").read_text()) for one in self._whole()]

    def environs(self) -> list[dict[str, str]]:
        """The command's environment, each time."""
        texts = [(one / "environ").read_text() for one in self._whole()]
        return [
            dict(row.split("=", 1) for row in text.splitlines() if "=" in row) for text in texts
        ]

    async def hears(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it was told so often."""
        await until(lambda: len(self._whole()) >= count)
        return self.told()

    def _whole(self) -> list[Path]:
        return sorted(self.directory.glob("*.whole"))


def listen(directory: Path, settings: str = "") -> Listener:
    """Name the command in the user's own configuration; ``settings`` are further lines there."""
    directory.mkdir()
    script = directory / "tell.sh"
    script.write_text(_SCRIPT)
    write_own(["sh", str(script), str(directory)], settings)
    return Listener(directory)


def write_own(command: list[str], settings: str = "") -> Path:
    """The user's own stage0.toml with this ``[notify]``; returns its path."""
    own = user_config_dir() / "stage0.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(f"[notify]\ncommand = {json.dumps(command)}\n{settings}")
    return own
