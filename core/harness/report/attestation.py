"""A report's verdict as an in-toto statement, which others can sign; and such a statement read.

The statement has in-toto's own predicate for test results
(https://in-toto.io/attestation/test-result/v0.1): the subject is the report's file by its sha256,
the result is the gate's, and the configuration names what was measured. GitHub's ``attest`` action
signs the predicate, ``gh attestation verify`` checks the signature and who signed; ``read`` and
``differences`` say whether what was signed is about this report. Neither of them checks a
signature: without ``gh``, a statement is only as good as where it comes from.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import ReportError, UnsafeFile
from core.files import read_state
from core.harness import bounded_json
from core.harness.gate.criteria import Verdict
from core.harness.report.derived import rederive
from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.report.document import Report

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD = "application/vnd.in-toto+json"
MAX_BYTES = 4 << 20
RESULTS = {Verdict.PASS: "PASSED", Verdict.FAIL: "FAILED", Verdict.INCONCLUSIVE: "WARNED"}


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a statement says of one subject: the file's sha256 (hexadecimal) and the predicate."""

    sha256: tuple[str, ...]
    predicate: dict[str, Any]
    signed: bool

    @property
    def words(self) -> str:
        """What is known of it once nothing differs."""
        known = "it is about this report, and says the same"
        if self.signed:
            return f"{known}; who signed it is for you to check: gh attestation verify"
        return f"{known}; it is not signed, so it proves nothing to others"


def predicate(report: Report) -> dict[str, Any]:
    """The test result: the gate's, derived anew from the trials, and what it depends on."""
    gate = rederive(report)
    by_result: dict[Verdict, list[str]] = {verdict: [] for verdict in RESULTS}
    for criterion in gate.criteria:
        by_result[criterion.state].append(criterion.name)
    digests = {
        f"suite/{report.suite.name}": report.suite.hash,
        "prompt": report.prompt_hash,
        "schema": report.schema_hash,
    }
    return {
        "result": RESULTS[gate.verdict],
        "configuration": [
            {"name": plain(name, 200), "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in digests.items()
        ],
        "passedTests": by_result[Verdict.PASS],
        "warnedTests": by_result[Verdict.INCONCLUSIVE],
        "failedTests": by_result[Verdict.FAIL],
        "reflex": {
            "headline": gate.summary,
            "arms": {name: arm.model for name, arm in report.arms.items()},
            "stamps": list(report.stamps),
            "run_id": report.run_id,
            "capsule_head": report.capsule_head,
        },
    }


def statement(report: Report, name: str, sha256: str) -> dict[str, Any]:
    """The in-toto statement about the report's file ``name``, whose bytes have ``sha256``."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate(report),
    }


def read(path: Path) -> Attestation:
    """A statement, alone, in a DSSE envelope, or in a Sigstore bundle, of anybody's writing.

    Raises:
        ReportError: It is no readable regular file of at most 4 MiB, or no such statement.
    """
    name = plain(path, 300)
    try:
        document = bounded_json.loads(read_state(path, limit=MAX_BYTES))
        inner, signed = _unwrapped(document)
    except UnsafeFile as error:
        raise ReportError(error.message, remedy="Name the attestation's own file.") from error
    except OSError as error:
        raise ReportError(f"{name}: cannot be read: {error.strerror or error}") from error
    except (ValueError, binascii.Error) as error:
        raise _no_statement(name, plain(error, 200)) from None
    if not isinstance(inner, dict) or inner.get("_type") != STATEMENT:
        raise _no_statement(name, f"its _type is not {STATEMENT}")
    if inner.get("predicateType") != TEST_RESULT or not isinstance(inner.get("predicate"), dict):
        raise _no_statement(name, f"its predicate is not {TEST_RESULT}")
    subjects = inner.get("subject")
    given = subjects if isinstance(subjects, list) else []
    digests = [one.get("digest") for one in given if isinstance(one, dict)]
    found = tuple(str(one.get("sha256", "")) for one in digests if isinstance(one, dict))
    return Attestation(found, inner["predicate"], signed)


def differences(attested: Attestation, report: Report, sha256: str) -> list[str]:
    """What of the attestation is not so in ``report``, whose bytes have ``sha256``; none if all is.

    A changed file is the only thing said of it: nothing else in it can then be relied on.
    """
    if sha256 not in attested.sha256:
        return ["the attestation is about another file: its sha256 is not this report's"]
    ours = predicate(report)
    return [
        f"the attestation's {key} is {plain(attested.predicate.get(key), 120)}, "
        f"but the trials say {plain(ours[key], 120)}"
        for key in ("result", "configuration", "passedTests", "warnedTests", "failedTests")
        if attested.predicate.get(key) != ours[key]
    ]


def _unwrapped(document: Any) -> tuple[Any, bool]:
    """The statement inside, and whether it came in an envelope that carries a signature."""
    if not isinstance(document, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  what is no JSON raises the same
    envelope = document.get("dsseEnvelope", document)
    if not isinstance(envelope, dict) or "payload" not in envelope:
        return document, False
    if envelope.get("payloadType") != PAYLOAD:
        raise ValueError(f"its payloadType is not {PAYLOAD}")
    payload = base64.b64decode(str(envelope["payload"]), validate=True)
    return bounded_json.loads(payload), bool(envelope.get("signatures"))


def _no_statement(name: str, why: str) -> ReportError:
    return ReportError(
        f"{name} is not an attestation of a bakeoff ({why})",
        remedy="Make one with: code reflex report attest",
    )
