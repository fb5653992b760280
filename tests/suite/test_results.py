"""What test runners print or write, read as tests; all of it may be hostile."""

from __future__ import annotations

import pytest

from core.harness.commands.results import MOST_TESTS, Outcomes, read_outcomes

JUNIT = b"""<?xml version="1.0"?>
<testsuites><testsuite name="pytest">
<testcase classname="test_a" name="test_good" time="0.1"/>
<testcase classname="test_a" name="test_bad"><failure message="1 != 2">line
two</failure></testcase>
<testcase classname="test_a" name="test_error"><error message="boom"/></testcase>
<testcase classname="test_a" name="test_skipped"><skipped/></testcase>
<testcase name="bare"><system-out>failure</system-out></testcase>
</testsuite></testsuites>"""

TAP = """TAP version 13
# Subtest: cart
    # Subtest: adds
    ok 1 - adds
    # Subtest: removes
    not ok 2 - removes
      ---
      error: 'expected 1'
      ...
    ok 3 - later # SKIP not now
not ok 1 - cart
ok 2 - alone
"""

CARGO = """
     Running unittests src/lib.rs (target/debug/deps/t-1)

running 3 tests
test tests::adds ... ok
test tests::slow ... ignored
test tests::parses ... FAILED

failures:

---- tests::parses stdout ----
thread 'tests::parses' panicked at src/lib.rs:9:9:
left: 1

failures:
    tests::parses

test result: FAILED. 1 passed; 1 failed
   Doc-tests shop
test src/lib.rs - add (line 3) ... ok
"""

GO = """{"Action":"run","Package":"t","Test":"TestA"}
not json
{"Action":"output","Package":"t","Test":"TestA","Output":"    a_test.go:4: no\\n"}
{"Action":"fail","Package":"t","Test":"TestA","Elapsed":0}
{"Action":"pass","Package":"t","Test":"TestB/inner"}
{"Action":"skip","Package":"t","Test":"TestC"}
{"Action":"fail","Package":"broken"}
"""


@pytest.mark.parametrize(
    ("kind", "printed", "report", "passed", "failed"),
    [
        ("junit", "", JUNIT, {"test_a::test_good", "bare"}, {"test_a::test_bad": "1 != 2\nline"}),
        ("tap", TAP, b"", {"cart > adds", "alone"}, {"cart > removes": "error: 'expected 1'"}),
        (
            "cargo",
            CARGO,
            b"",
            {"src/lib.rs::tests::adds", "shop::src/lib.rs - add (line 3)"},
            {"src/lib.rs::tests::parses": "panicked at src/lib.rs:9:9"},
        ),
        ("go", GO, b"", {"t/TestB/inner"}, {"t/TestA": "a_test.go:4: no", "broken": ""}),
        ("exit", "ok 1 - no", b"", set(), {}),
    ],
)
def test_a_runner_is_read(
    kind: str, printed: str, report: bytes, passed: set[str], failed: dict[str, str]
) -> None:
    """Passed and failed tests by name, with what the failed ones said; skipped ones are neither."""
    found = read_outcomes(kind, printed, report)  # type: ignore[arg-type]
    assert found.passed == passed
    assert found.failed.keys() >= failed.keys()
    for name, words in failed.items():
        assert words in found.failed[name]


def test_a_test_that_is_reported_twice_passes_only_if_it_always_did() -> None:
    """Code that prints a line of the runner's own cannot turn a failure into a pass."""
    found = read_outcomes("tap", "not ok 1 - pays\nok 1 - pays\nok 2 - other\n", b"")
    assert (found.passed, set(found.failed)) == ({"other"}, {"pays"})


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"<testsuite><testcase name='a'/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><t><testcase name="&b;"/></t>',
        b"<t>" * 100 + b"<testcase name='a'/>",
        b"\xff\xfe\x00<",
    ],
)
def test_a_document_that_no_runner_writes_is_no_passed_test(report: bytes) -> None:
    """Cut, nested without end, with entities that grow: nothing is believed."""
    assert read_outcomes("junit", "", report) == Outcomes()


def test_limits_hold_for_any_number_of_tests_and_any_length() -> None:
    """A flood of tests and endless names end at a limit, and control characters are gone."""
    flood = "".join(f"ok {number} - t{number}\n" for number in range(MOST_TESTS + 50))
    assert len(read_outcomes("tap", flood, b"").passed) == MOST_TESTS
    (name,) = read_outcomes("tap", f"ok 1 - \x1b[31m{'x' * 9000}\n", b"").passed
    assert len(name) <= 301
    assert "\x1b" not in name
