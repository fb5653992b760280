"""``bakeoff merge``: one report of a run's shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.report.files import read, rederive, write
from core.harness.report.merge import merge
from core.harness.report.verdict import EXIT_STATUS
from core.plain import plain
from core.settings import load_settings
from reflex_tui.cli.output import about, gate_lines, marked, print_json

if TYPE_CHECKING:
    import argparse


def merge_command(arguments: argparse.Namespace) -> int:
    """Merge ``arguments.reports`` into ``arguments.out`` (default ``.speckit/eval``).

    0 pass, 1 fail, 3 inconclusive; a report that lacks shards is 3 whatever it says. Nothing is
    promoted: what other machines ran was not seen here.
    """
    out = arguments.out or load_settings(arguments.config).state_dir / "eval"
    report = merge([read(path) for path in arguments.reports])
    path, page, sha256 = write(report, out)
    gate = rederive(report)
    if arguments.json:
        document = {
            "report": str(path),
            "markdown": str(page),
            "sha256": f"sha256:{sha256}",
            "stamps": list(report.stamps),
            "gate": gate.as_json(),
        }
        print_json(document)
    else:
        print(marked(gate.verdict, gate.summary))
        print(f"{about(report)}\n{plain(path)}\n")
        print("\n".join(gate_lines(gate)))
        if gate.decides:
            print(f"\nneeded for a verdict: {gate.decides}")
    status = EXIT_STATUS[gate.verdict]
    return 3 if report.partial and status == 0 else status
