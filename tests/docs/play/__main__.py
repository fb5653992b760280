"""``python -m tests.docs.play HOME PAGE [LINE]``: within namespaces, see ``network.UNSHARE``.

Plays the page's command blocks, or the one whose first line is LINE, and writes each command with
how long it took; ends with 1 and the page's line at the first that does not do what it should.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.docs.play.before import collector, is_open, prepare
from tests.docs.play.ground import Ground, at_home, ground
from tests.docs.play.network import loopback_up
from tests.docs.play.running import Shell, Unlike, compare, seen_to_work
from tests.docs.play.tables import bare, exception, lacking, lasting
from tests.support.docs.pages import ROOT, Block, Line, blocks, lines

_FRESH = "README.md"  # it begins before a bakeoff, and goes through one
_THE_READERS = {  # what they have set before, where the page does not
    "--token-env REFLEX_TOKEN": "export REFLEX_TOKEN=from-the-reader",
    "completion zsh": "autoload -Uz compinit; compinit -u -D",
}
_DASK = ("dask scheduler --host 127.0.0.1 --port 8786", "dask worker tcp://127.0.0.1:8786")


async def play(home: Path, page: Path, only: int | None) -> None:
    """All blocks in order in one workspace, or one of them alone."""
    chosen = [block for block in blocks(page) if only in {None, block.line}]
    text = "".join(block.text for block in chosen)
    async with ground(home, text, promoted=page != ROOT / _FRESH) as here:
        for block in chosen:
            with ExitStack() as beside:
                await _play_block(here, block, beside)


async def _play_block(here: Ground, block: Block, beside: ExitStack) -> None:
    exports: list[str] = []
    for line in lines(block):
        if exception(line.text):
            continue
        if program := lacking(line.text):
            _tell(f"{line.place}  {line.text}: this machine has no {program}")
            continue
        begun = time.monotonic()
        try:
            await _play_line(here, line, exports, beside)
        except (Unlike, OSError) as error:
            raise Unlike(f"{line.place}: {line.text}\n{error}") from error
        if line.text.startswith("export "):
            exports.append(line.text)
        _tell(f"{line.place}  {line.text}: {time.monotonic() - begun:.1f} s")


async def _play_line(here: Ground, line: Line, exports: list[str], beside: ExitStack) -> None:
    text = bare(line.text)
    command = await prepare(here, text)
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
    before = [start for pattern, start in _THE_READERS.items() if re.search(pattern, text)]
    asks = bool(re.match(r"code reflex implement\b", text)) and "--yes" not in text
    shell = Shell(
        "\n".join([*before, *exports, command]),
        here.root,
        on_terminal=asks or bool(kind and kind.on_terminal),
        shell=next((one for one in ("fish", "zsh") if f"completion {one}" in text), "bash"),
    )
    if kind:
        ended, wanted = await asyncio.to_thread(seen_to_work, shell, kind), kind.ends
    else:
        ended, wanted = await asyncio.to_thread(shell.end), 0
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
    home, page, *only = sys.argv[1:]
    at_home(Path(home))
    loopback_up()
    try:
        asyncio.run(play(Path(home), ROOT / page, int(only[0]) if only else None))
    except Unlike as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
