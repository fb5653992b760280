"""``[cloud] auth = "caller"`` over TLS: the agent's own credential reaches the cloud alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.settings import load_settings, trust
from tests.support.behaviours import DONE, Seen, delta, event, streams, whole
from tests.support.certificate import authority
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import CHAT, configured, fronted, on_post
from tests.support.router.world import promote

if TYPE_CHECKING:
    import asyncio

SECRET = "own-login-of-the-agent-7f3a"  # without marks that redaction knows
HI: list[Any] = [{"role": "user", "content": "hi"}]
ASKS: dict[str, dict[str, Any]] = {
    CHAT: {"messages": HI},
    "responses": {"input": HI},
    "messages": {"messages": HI, "max_tokens": 9},
}
HEADERS = {CHAT: "authorization", "responses": "authorization", "messages": "x-api-key"}
KEEPS_ALL = '[capsule]\ncapture_mode = "full_io"\n'


async def echoes(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """A cloud that says every credential it was sent, in an answer or an error."""
    sent = f"{seen.headers.get('authorization')} {seen.headers.get('x-api-key')}"
    if "fail" in seen.body.decode():
        await whole({"error": {"message": f"bad key {sent}", "type": "x"}}, 400)(seen, writer)
        return
    if "log in" in seen.body.decode():
        await whole({"error": {"message": f"expired: {sent}"}}, 401)(seen, writer)
        return
    said = streams(event(delta({"content": "yes"})), event(delta({}, "stop")), DONE)
    await said(seen, writer)


def stored(*roots: Path) -> list[Path]:
    """The files below that hold the secret."""
    files = [one for root in roots for one in root.rglob("*") if one.is_file()]
    return [one for one in files if SECRET.encode() in one.read_bytes()]


@pytest.mark.parametrize("path", ASKS)
async def test_it_goes_to_the_cloud_over_tls_and_nowhere_else(
    project: Path, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to the local server that is asked first, not into what is kept, not into an error."""
    certificate, context = authority(tmp_path)
    value = SECRET if HEADERS[path] == "x-api-key" else f"Bearer {SECRET}"
    local = FaultServer(on_post(whole({"error": {"message": "no"}}, 500)))
    async with local, FaultServer(on_post(echoes), tls=context) as cloud:
        trust.trust(cloud.endpoint)
        configured(project, cloud.endpoint, f'auth = "caller"\n{KEEPS_ALL}', reflex=local.endpoint)
        settings = load_settings(project / "stage0.toml")
        await promote(settings)
        async with fronted(settings) as http:
            headers = {HEADERS[path]: value}
            unknown = await http.post(path, json=ASKS[path], headers=headers)
            assert (unknown.status_code, len(cloud.chats)) == (502, 0)  # nobody vouches for it
            assert "certificate" in unknown.text
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with fronted(settings) as http:
            answer = await http.post(path, json=ASKS[path], headers=headers)
            failing = {**ASKS[path], "metadata": {"please": "fail"}, "user": "fail"}
            refused = await http.post(path, json=failing, headers=headers)
            nobody = await http.post(path, json=ASKS[path])
            again = json.loads(json.dumps(ASKS[path]).replace('"hi"', '"log in"'))
            expired = await http.post(path, json=again, headers=headers)
    assert answer.status_code == 200, answer.text
    assert {seen.headers["authorization"] for seen in cloud.chats} == {f"Bearer {SECRET}"}
    assert local.chats
    for seen in local.chats:
        assert SECRET not in str(seen.headers)
        assert SECRET.encode() not in seen.body
    # Agents log in anew on a 401, and on nothing else.
    assert (nobody.status_code, expired.status_code) == (401, 401)
    assert "x-should-retry" not in expired.headers
    assert SECRET not in refused.text + answer.text + expired.text
    with EventLog(settings.state_dir / "capsule") as log:
        assert sum(one.event_type == "LLMCall" for one in log.read()) > 3
    homes = (Path(os.environ[name]) for name in ("XDG_STATE_HOME", "XDG_DATA_HOME"))
    assert not stored(project, *(home for home in homes if home.exists()))
