"""The hold-out: a share of the calls that reflex could answer goes to the cloud, for comparison.

Which calls these are follows from a hash of the call's id, so that nobody can choose them and
anybody can check them later: ``check_holdouts`` does, by the policies that the calls went by. The
calls of one task share an id for it: what became of a task held out by half would say nothing.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from core.capsule.decisions import records_of
from core.figures import finite
from core.files import read_state
from core.settings.policy import content_hash
from core.stages import LIVE_ORIGINS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.capsule import EventLog

NOT_COMPARED = "cloud_not_allowed"
"""The detail of a call of reflex's that no hold-out could take, whatever its id."""

_RANGE = 1 << 64
_MOST_BYTES = 1 << 20
_MOST_PROBLEMS = 20


def held_out(drawn_by: str, share: float) -> bool:
    """Whether a call is of the ``share`` (0 to 1) that goes to the cloud.

    ``drawn_by`` is its task's id, or its own where it is of no task.
    """
    digest = sha256(b"holdout\0" + drawn_by.encode(errors="replace")).digest()
    return int.from_bytes(digest[:8], "big") < share * _RANGE


def check_holdouts(log: EventLog, policies: Path) -> list[str]:
    """Which decisions do not follow from their call's id, a sentence each; 20 at most.

    A decision whose policy is not stored, or not as its hash says, cannot be judged.

    Raises:
        CapsuleCorrupt: a decision's record is damaged.
    """
    shares: dict[str, float | None] = {}
    problems: list[str] = []
    for record in records_of(log, ("RoutingDecision",)):
        body = record.body
        reason = body.get("reason")
        if reason not in (Reason.HOLDOUT, Reason.HEALTHY_AND_THRESHOLDS_MET):  # or no text at all
            continue
        if body.get("is_fallback") or str(body.get("origin")) not in LIVE_ORIGINS:
            continue
        if body.get("detail") == NOT_COMPARED:
            continue
        named = str(body.get("policy_hash"))
        if named not in shares:
            shares[named] = _share(policies, named)
        share = shares[named]
        if share is None:
            continue
        expected = held_out(str(body.get("task_id") or body.get("call_id")), share)
        if expected != (reason == Reason.HOLDOUT):
            what = "was not held out, but should have been" if expected else "was held out at will"
            problems.append(f"record {record.seq}: its call {what} (holdout = {share:g})")
            if len(problems) >= _MOST_PROBLEMS:
                break
    return problems


def _share(policies: Path, policy_hash: str) -> float | None:
    """The hold-out share of a stored policy; None where there is none that the hash vouches for.

    One of before there was a hold-out had none, and one with ``to_cloud = false`` has none.
    """
    name = policy_hash.removeprefix("sha256:")
    if not name.isalnum():
        return None
    try:
        kept = json.loads(read_state(policies / f"{name}.json", limit=_MOST_BYTES))
        content: Mapping[str, Any] = {key: kept[key] for key in ("routing", "capture")}
        if content_hash(content) != policy_hash:
            return None
        reflex = content["routing"]["reflex"]
        if not reflex["fallback"]["to_cloud"]:
            return 0.0
        return finite(reflex.get("monitor", {}).get("holdout", 0.0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
