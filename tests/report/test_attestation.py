"""A report's verdict as an in-toto statement, and ``check`` with one."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from core.harness.report.attestation import PAYLOAD, STATEMENT, TEST_RESULT, read
from tests.support.report.synthetic import planted
from tests.support.report.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project without a report yet."""
    return Workspace.begin(tmp_path)


def stated(workspace: Workspace, *options: str) -> dict[str, Any]:
    """What ``report attest`` prints."""
    done = workspace.reflex("report", "attest", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def bundled(statement: dict[str, Any]) -> dict[str, Any]:
    """As GitHub's action hands it out: the statement in a signed envelope, in a bundle."""
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": PAYLOAD, "signatures": [{"sig": "c2ln"}]}
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope}


def test_a_statement_names_the_file_and_the_verdict(workspace: Workspace) -> None:
    """The subject is the report's bytes, the result the gate's; the predicate stands alone too."""
    workspace.written()
    statement = stated(workspace)
    checked = json.loads(workspace.reflex("check", "--json").stdout)
    assert (statement["_type"], statement["predicateType"]) == (STATEMENT, TEST_RESULT)
    (subject,) = statement["subject"]
    assert f"sha256:{subject['digest']['sha256']}" == checked["sha256"]
    assert statement["predicate"]["result"] == "PASSED"
    assert "success_parity" in statement["predicate"]["passedTests"]
    assert stated(workspace, "--predicate") == statement["predicate"]


@pytest.mark.parametrize(("lost", "tasks", "result"), [(20, 64, "FAILED"), (0, 20, "WARNED")])
def test_other_verdicts_have_words_of_their_own(
    workspace: Workspace, lost: int, tasks: int, result: str
) -> None:
    """A fail, and a bakeoff that is undecided."""
    workspace.written(planted(tasks, lost=lost))
    assert stated(workspace)["predicate"]["result"] == result


@pytest.mark.parametrize("form", [lambda statement: statement, bundled])
def test_check_agrees_with_its_own_attestation(
    workspace: Workspace, tmp_path: Path, form: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Alone or in a bundle; only of the second it says that there is a signature."""
    workspace.written()
    file = tmp_path / "attestation.json"
    file.write_text(json.dumps(form(stated(workspace))))
    done = workspace.reflex("check", "--attestation", file)
    assert done.returncode == 0, done.stdout
    assert "attestation: it is about this report, and says the same" in done.stdout
    seen = json.loads(workspace.reflex("check", "--json", "--attestation", file).stdout)
    assert seen["attestation"] == {"matches": True, "signature_seen": form is bundled}


@pytest.mark.parametrize("subject", [None, 5, "x", {"digest": {}}, [None], [{"digest": 5}]])
def test_a_subject_of_another_kind_is_no_file(tmp_path: Path, subject: Any) -> None:
    """So that the statement is about no report."""
    file = tmp_path / "attestation.json"
    about = {"_type": STATEMENT, "predicateType": TEST_RESULT, "predicate": {}}
    file.write_text(json.dumps({**about, "subject": subject}))
    assert read(file).sha256 == ()


def test_check_fails_for_another_file_or_result(workspace: Workspace, tmp_path: Path) -> None:
    """One byte more in the report, or a result that its trials do not give."""
    path = workspace.written()
    statement = stated(workspace)
    file = tmp_path / "attestation.json"
    file.write_text(json.dumps(statement))
    original = path.read_bytes()
    path.write_bytes(original + b"\n")
    done = workspace.reflex("check", "--attestation", file)
    assert done.returncode == 1
    assert "attestation_differs" in done.stdout
    assert "about another file" in done.stdout
    path.write_bytes(original)
    statement["predicate"]["result"] = "FAILED"
    file.write_text(json.dumps(statement))
    done = workspace.reflex("check", "--attestation", file)
    assert done.returncode == 1
    assert "result is FAILED, but the trials say PASSED" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"payload": "!", "payloadType": "application/vnd.in-toto+json"}',
        '{"dsseEnvelope": {"payload": "e30=", "payloadType": "text/plain"}}',
        f'{{"_type": "{STATEMENT}", "predicateType": "x", "predicate": {{}}}}',
    ],
)
def test_what_is_no_attestation_is_two(workspace: Workspace, tmp_path: Path, text: str) -> None:
    """Named as such, with what makes one; also where it would break a parser."""
    workspace.written()
    file = tmp_path / "attestation.json"
    file.write_text(text)
    done = workspace.reflex("check", "--attestation", file)
    assert done.returncode == 2
    assert "is not an attestation of a bakeoff" in done.stderr
    assert "report attest" in done.stderr
