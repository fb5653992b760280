"""The benchmarks' peers that are commands: found beside their Python, run, reports read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from command_peers import Tools
from peer_tools import Load, read_aiperf, read_guidellm, read_sglang
from session_cpu import SessionCpu, at
from table import Given

if TYPE_CHECKING:
    from collections.abc import Callable

LOAD = Load("http://127.0.0.1:9/paced", 1, 2)
GUIDELLM: dict[str, Any] = {
    "benchmarks": [
        {
            "requests": {
                "successful": [
                    {
                        "request_start_time": start,
                        "request_end_time": start + 2,
                        "time_to_first_token_ms": ttft,
                        "output": " word 50.1",
                    }
                    for start, ttft in ((101.0, 52.0), (100.0, 51.0))
                ]
            }
        }
    ]
}
AIPERF: dict[str, Any] = {
    "data": [
        {
            "request_start_ns": start * 10**9,
            "request_end_ns": (start + 2) * 10**9,
            "metrics": metrics,
            "response_text": " word 50.1",
        }
        for start, metrics in (
            (101, {"time_to_first_token": 52.0}),
            (100, {"time_to_first_token": 51.0}),
            (90, {}),  # failed
        )
    ]
}
SGLANG: dict[str, Any] = {
    "duration": 3.0,
    "ttfts": [0.051, 0.0, 0.052],
    "generated_texts": [" word 50.1", "", " word 50.1"],
    "errors": ["", "reset", ""],
}


@pytest.mark.parametrize(
    ("read", "name", "told"),
    [
        (read_guidellm, "report.json", GUIDELLM),
        (read_aiperf, "outputs.json", AIPERF),
        (read_sglang, "report.jsonl", SGLANG),
    ],
)
def test_reports(tmp_path: Path, read: Callable[[Path], Any], name: str, told: Any) -> None:
    """Each report gives TTFTs in ms in the order of the starts, and the rate over their span."""
    (tmp_path / name).write_text(json.dumps(told) + "\n", encoding="utf-8")
    report = read(tmp_path)
    assert report.samples == [(51.0, " word 50.1"), (52.0, " word 50.1")]
    assert report.rate == pytest.approx(2 / 3)


def install(folder: Path, script: str) -> Given:
    """A folder with a guidellm that runs ``script``, beside the Python that has it."""
    folder.mkdir()
    for name, text in (("python", 'print(\'{"guidellm": "9.9"}\')'), ("guidellm", script)):
        (folder / name).write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return Given(quick=True, peers=sys.executable, tools=os.pathsep.join(("/none", str(folder))))


@pytest.fixture(autouse=True)
def _no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/none")


def test_found_and_run(tmp_path: Path) -> None:
    """What is found is run and has a version; what is not is noted by its name."""
    tools = Tools(
        install(tmp_path / "bin", f"open('report.json', 'w').write({json.dumps(GUIDELLM)!r})")
    )
    [(name, report)] = tools.run(LOAD, rate=True)
    assert (name, len(report.samples)) == ("guidellm", 2)
    assert tools.versions == {"guidellm": "9.9"}
    assert [note.partition(":")[0] for note in tools.notes] == ["aiperf", "sglang"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise SystemExit('no such option')", "no such option"),
        ("open('report.json', 'w').write('{}')", "KeyError"),
        ("open('report.json', 'w').write('{')", "JSONDecodeError"),
    ],
)
def test_broken(tmp_path: Path, script: str, why: str) -> None:
    """A tool that breaks is noted with the reason, and left out from then on."""
    tools = Tools(install(tmp_path / "bin", script))
    assert list(tools.run(LOAD)) == []
    assert why in tools.notes[-1]
    notes = list(tools.notes)
    assert list(tools.run(LOAD)) == []
    assert tools.notes == notes


def test_failed_calls(tmp_path: Path) -> None:
    """A tool whose calls failed has no figures: they would be of other calls than ours."""
    script = f"open('report.json', 'w').write({json.dumps(GUIDELLM)!r})"
    tools = Tools(install(tmp_path / "bin", script))
    assert list(tools.run(Load(LOAD.url, 1, 5))) == []
    assert "3 of 5 calls" in tools.notes[-1]


def test_between_points() -> None:
    """CPU time is taken straight between two looks, and stays at the ends beyond them."""
    curve = [(10.0, 1.0), (12.0, 3.0)]
    assert [at(curve, moment) for moment in (9, 10, 11, 12, 13)] == [1, 1, 2, 3, 3]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to read it from")
def test_cpu_of_all_its_processes() -> None:
    """What a command's child uses counts as the command's."""
    busy = "import sys, time\nwhile time.process_time() < 0.3: pass\nsys.stdin.read()"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    command = [sys.executable, "-c", starts]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process,
        SessionCpu(process.pid) as cpu,
    ):
        began = time.time() - 1
        while (cpu.between(began, time.time()) or 0) < 0.2:
            time.sleep(0.02)
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0
