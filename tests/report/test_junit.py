"""JUnit XML: valid whatever the texts are, and counted right."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from core.errors import ReportError
from core.harness.report.junit import junit, write_junit
from core.patchloop.trial import FailureKind, Trial
from tests.support.report.strategies import trials
from tests.support.report.synthetic import attempt, made, planted, run_settings, suite, trial

if TYPE_CHECKING:
    from pathlib import Path


def test_each_trial_of_the_arm_on_trial_is_a_case() -> None:
    """Failed by the model, in error for want of a reply, skipped when not run."""
    lost = Trial("c", "reflex", 0, (attempt(math.inf, FailureKind.TIMEOUT),), solved=False)
    report = made(
        [trial("a", "reflex"), trial("b", "reflex", solved=False), lost, trial("a", "cloud")],
        suite=suite(["a", "b", "c", "d"]),
    )
    root = ET.fromstring(junit(report))
    own = root[0]
    assert own.attrib["name"] == "reflex_patchloop_v1 (reflex)"
    counts = {name: own.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = own.findall("testcase")
    assert [one.attrib["name"] for one in cases] == [f"{task} [trial 1]" for task in "abcd"]
    assert [child.tag for one in cases for child in one] == [
        "system-out",
        "failure",
        "error",
        "skipped",
    ]
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "test", "message": "assert 12 == 24"}
    assert failure.text is not None
    assert failure.text.startswith("attempt 1: test, 100 ms: assert 12 == 24\nattempt 2")
    assert cases[0].attrib["time"] == "0.100"


def test_every_trial_that_was_asked_for_is_there() -> None:
    """Trials beyond the first have names of their own."""
    report = made(planted(3, trials=2), settings=run_settings(trials=2))
    names = [one.attrib["name"] for one in ET.fromstring(junit(report)).iter("testcase")]
    assert len(set(names)) == len(names) == 6


@pytest.mark.slow
@given(trials())
def test_it_is_well_formed_whatever_the_texts(made_up: list[Trial]) -> None:
    """Control characters, CDATA ends and entities included."""
    hostile = [replace(one, diff=one.diff or "\x00]]>\ufffe") for one in made_up]
    root = ET.fromstring(junit(made(hostile)))
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase"))


def test_it_is_written_where_asked_and_replaced(tmp_path: Path) -> None:
    """Directories are made; what cannot be written is an error with what to do."""
    path = tmp_path / "out" / "junit.xml"
    write_junit(made(), path)
    write_junit(made(planted(2)), path)
    assert ET.parse(path).getroot().attrib["tests"] == "2"
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        write_junit(made(), tmp_path / "file" / "junit.xml")
