"""Real calls of all stages, one after another, so that the dashboard has something to show.

Run as ``python -m core.demo.traffic STAGE0_TOML TOKENS``, with the most tokens of a reply; ends
when its standard input does.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from pathlib import Path

from core.engine.process import end_with_parent
from core.errors import ReflexError
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Stage

EDIT = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "enum": ["calc.py", "dates.py", "parse.py", "store.py"]},
        "line": {"type": "integer", "minimum": 1, "maximum": 80},
        "replacement": {"type": "string", "maxLength": 48},
    },
    "required": ["path", "line", "replacement"],
    "additionalProperties": False,
}
_FAULTS = (
    "calc.py line 12 adds where it should subtract",
    "dates.py line 31 forgets leap years",
    "parse.py line 7 loses the last field of a row",
    "store.py line 54 shares one list between all instances",
)
_PAUSE_S = (0.3, 1.2)


async def flow(settings_path: Path, reply_tokens: int) -> None:
    """Call for ever: mostly Implement, now and then another stage."""
    choose = random.Random(0)  # noqa: S311  variety, not secrecy
    stages = itertools.cycle([*[Stage.IMPLEMENT] * 4, Stage.PLAN, Stage.IMPLEMENT, Stage.VALIDATE])
    async with Implementer.from_settings(load_settings(settings_path)) as implementer:
        for stage in stages:
            fault = choose.choice(_FAULTS)
            try:
                await implementer.complete(
                    [
                        {"role": "system", "content": "You repair Python files. Reply in JSON."},
                        {"role": "user", "content": f"The test fails: {fault}. Give the edit."},
                    ],
                    stage=stage,
                    schema=EDIT,
                    max_tokens=reply_tokens,
                    temperature=0.2,
                    seed=choose.randrange(1 << 30),
                )
            except ReflexError as error:  # evidence of it is in the capsule; the next may do better
                sys.stderr.write(f"{error.code}: {error.message}\n")
            await asyncio.sleep(choose.uniform(*_PAUSE_S))


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(flow(Path(sys.argv[1]), int(sys.argv[2])))
