"""``python -m tests.docs.play HOME PAGE …``: within namespaces, see ``network.UNSHARE``.

Plays the command blocks of the pages and writes each command with how long it took; ends with 1
where one did not do what it should, having written the page's line and why. A command that the
pages show twice is played the first time, and the other is written with where that was.

What ends by itself is run in this process; what serves, asks or is piped, in a shell.
"""

from __future__ import annotations

import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from core.harness.sandbox import selftest
from tests.docs.play.before import collector, is_open, prepare
from tests.docs.play.ground import Grounds, at_home
from tests.docs.play.network import loopback_up
from tests.docs.play.running import Shell, Unlike, compare, needs_no_shell, seen_to_work, within
from tests.docs.play.tables import bare, costly, exception, lacking, lasting
from tests.support.docs.pages import ROOT, Block, Line, blocks, lines
from tests.support.hostile.short import FULL
from tests.support.sandbox.known import attack_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.docs.play.ground import Ground

_FRESH = "README.md"  # it begins before a bakeoff, and goes through one
_THE_READERS = {  # what they have set before, where the page does not
    "--token-env REFLEX_TOKEN": "export REFLEX_TOKEN=from-the-reader",
    "completion zsh": "autoload -Uz compinit; compinit -u -D",
}
_DASK = ("dask scheduler --host 127.0.0.1 --port 8786", "dask worker tcp://127.0.0.1:8786")


class Player:
    """Plays blocks in workspaces below ``home``; ``failed`` says what was unlike its page."""

    def __init__(self, home: Path) -> None:
        self._grounds = Grounds(home)
        self._played: dict[tuple[str, tuple[str, ...]], str] = {}
        self.failed: list[str] = []

    def play(self, page: Path, *, promoted: bool) -> None:
        """A page's blocks in their order, in one workspace."""
        chosen = [found for block in blocks(page) if (found := list(self._new_lines(block)))]
        if not chosen:
            return
        with self._grounds.new(promoted=promoted) as here:
            for found in chosen:
                with ExitStack() as beside:
                    self._play_lines(here, found, beside)

    def _new_lines(self, block: Block) -> Iterator[Line]:
        for line in lines(block):
            if exception(line.text):
                continue
            before = self._played.setdefault((bare(line.text), line.shown), line.place)
            if before != line.place and not line.text.startswith("export "):
                _tell(f"{line.place}  {line.text}: as {before}")
            elif not FULL and costly(line.text):
                _tell(f"{line.place}  {line.text}: in the full form alone")
            elif program := lacking(line.text):
                _tell(f"{line.place}  {line.text}: this machine has no {program}")
            else:
                yield line

    def _play_lines(self, here: Ground, found: Sequence[Line], beside: ExitStack) -> None:
        exports: list[str] = []
        for line in found:
            begun = time.monotonic()
            try:
                _play_line(here, line, exports, beside)
            except (Unlike, OSError) as error:
                self.failed.append(f"{line.place}: {line.text}\n{error}")
                continue
            if line.text.startswith("export "):
                exports.append(line.text)
            _tell(f"{line.place}  {line.text}: {time.monotonic() - begun:.1f} s")


def _play_line(here: Ground, line: Line, exports: list[str], beside: ExitStack) -> None:
    text = bare(line.text)
    command = prepare(here, text)
    if line.text.startswith("speckit-reflex "):
        command = command.replace("code reflex", "speckit-reflex", 1)
    if command.startswith("dask "):
        _stay(here, command, beside)
        return
    if "dask://" in command and not is_open(8786):
        for one in _DASK:
            _stay(here, one, beside)
    if ":4318" in command:
        beside.enter_context(collector())
    kind = lasting(text)
    asks = bool(re.match(r"code reflex implement '", text)) and "--yes" not in text
    if needs_no_shell(command) and not (kind or asks or exports):
        ended, wanted = within(command, here.root), 0
    else:
        before = [start for pattern, start in _THE_READERS.items() if re.search(pattern, text)]
        shell = Shell(
            "\n".join([*before, *exports, command]),
            here.root,
            on_terminal=asks or bool(kind and kind.on_terminal),
            shell=next((one for one in ("fish", "zsh") if f"completion {one}" in text), "bash"),
        )
        ended = seen_to_work(shell, kind) if kind else shell.end()
        wanted = kind.ends if kind else 0
    if ended.status != wanted:
        raise Unlike(f"it ended with {ended.status}, not {wanted}:\n{ended.output}")
    compare(line.shown, ended.output)


def _stay(here: Ground, command: str, beside: ExitStack) -> None:
    """Start what others need, and leave it up until the block's end."""
    shell = Shell(command, here.root, on_terminal=False)
    beside.callback(shell.stop)
    shell.wait_for(r"Scheduler at:|Starting established connection|Registered to")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """See the module."""
    home, *pages = sys.argv[1:]
    at_home(Path(home))
    loopback_up()
    selftest.attack = attack_once
    player = Player(Path(home))
    for page in pages:
        player.play(ROOT / page, promoted=page != _FRESH)
    for each in player.failed:
        _tell(each)
    return bool(player.failed)


if __name__ == "__main__":
    sys.exit(main())
