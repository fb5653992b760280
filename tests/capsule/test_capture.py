"""What is kept of a call by each mode, and that no secret is."""

from __future__ import annotations

import base64
import json
import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import capsule
from core.capsule.capture import Capture
from core.capsule.redaction import redact
from core.capsule.secret_rules import PHRASES, TOKENS

KEY = bytes(range(32))
LOWER = string.ascii_lowercase
MIXED = "aB3dE5fG7hJ9kL1mN0pQ2rS4tU6vW8xY" * 8
HEX = "0123456789abcdef" * 8
UPPER = "A2B3C4D5E6F7G8H9" * 4
PEM = "\n".join(
    ["-----BEGIN RSA PRIVATE KEY-----", *[MIXED[:64]] * 4, "-----END RSA PRIVATE KEY-----"]
)
JWT = f"eyJ{MIXED[:20]}.eyJ{MIXED[:40]}.{MIXED[:43]}"

# Each kind as (text, the part that must not be stored).
PLANTED = {
    "anthropic": (f"key is sk-ant-api03-{MIXED[:90]}", MIXED[:90]),
    "openai": (f"sk-{MIXED[:48]} and more", MIXED[:48]),
    "openai project": (f'"sk-proj-{MIXED[:60]}"', MIXED[:60]),
    "github classic": (f"ghp_{MIXED[:36]}", MIXED[:36]),
    "github fine": (f"github_pat_{MIXED[:22]}_{MIXED[:59]}", MIXED[:22]),
    "gitlab": (f"glpat-{MIXED[:20]}", MIXED[:20]),
    "slack": (f"xoxb-123456789012-{MIXED[:24]}", MIXED[:24]),
    "slack webhook": (f"https://hooks.slack.com/services/T0/B0/{MIXED[:24]}", MIXED[:24]),
    "aws id": ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
    "aws secret": (f"aws_secret_access_key = {MIXED[:40]}", MIXED[:40]),
    "google api": (f"AIza{MIXED[:35]}", MIXED[:35]),
    "google oauth": (f"ya29.{MIXED[:60]}", MIXED[:60]),
    "gcp service account": (json.dumps({"private_key": PEM, "type": "x"}), MIXED[:64]),
    "azure storage": (
        f"DefaultEndpointsProtocol=https;AccountKey={MIXED[:86]}==;EndpointSuffix=x",
        MIXED[:86],
    ),
    "azure sas": (f"https://x.blob/c?sv=1&sig={MIXED[:43]}%3D", MIXED[:43]),
    "azure client": (f"abc8Q~{MIXED[:34]}", MIXED[:34]),
    "huggingface": (f"hf_{MIXED[:34]}", MIXED[:34]),
    "npm": (f"//registry/:_authToken=npm_{MIXED[:36]}", MIXED[:36]),
    "pypi": (f"pypi-AgEIcHlwaS5vcmc{MIXED[:80]}", MIXED[:80]),
    "stripe": (f"sk_live_{MIXED[:24]}", MIXED[:24]),
    "twilio": (f"SK{HEX[:32]}", HEX[:32]),
    "sendgrid": (f"SG.{MIXED[:22]}.{MIXED[:43]}", MIXED[:43]),
    "jwt": (f"token {JWT}", MIXED[:40]),
    "pem": (f"before\n{PEM}\nafter", MIXED[:64]),
    "pem escaped": (json.dumps(PEM), MIXED[:64]),
    "pem numbered": (
        "\n".join(f"{n:4} | {line}" for n, line in enumerate(PEM.splitlines(), 9)),
        MIXED[:64],
    ),
    "pem quoted": ("\n".join(f"> {line}" for line in PEM.splitlines()), MIXED[:64]),
    "pem as a diff": ("\n".join(f"+{line}" for line in PEM.splitlines()), MIXED[:64]),
    "pem as code": (
        "\n".join(f'    "{line}\\n"  # {{x}}' for line in PEM.splitlines()),
        MIXED[:64],
    ),
    "pem in html": (PEM.replace("\n", "<br/>&nbsp;"), MIXED[:64]),
    "long pem": (
        "-----BEGIN PRIVATE KEY-----\n" + f"{HEX[:64]}\n" * 2000 + f"{MIXED[:64]}\n"
        "-----END PRIVATE KEY-----",
        MIXED[:64],
    ),
    "putty": (f"Private-Lines: 2\n{MIXED[:64]}\n{MIXED[64:100]}\n", MIXED[:64]),
    "url token": ("https://x.example/hook?a=1&token=correcthorse&b=2", "correcthorse"),
    "url access token": ("https://x.example/#access_token=correcthorse", "correcthorse"),
    "url key": ("curl 'https://x.example/?key=correcthorse'", "correcthorse"),
    "url signature": (f"https://x.example/?X-Amz-Date=1&signature={HEX[:40]}", HEX[:40]),
    "cookie": ("Cookie: theme=dark; session=correct-horse\n", "correct-horse"),
    "cookie quoted": ('Cookie: a="x y"; session=correct-horse\n', "correct-horse"),
    "set-cookie": ("Set-Cookie: sid=correct-horse; HttpOnly\n", "correct-horse"),
    "cookie in curl": ("curl -H 'cookie: sid=correct-horse' https://x", "correct-horse"),
    "cookie json": (json.dumps({"Cookie": "sid=correct-horse"}), "correct-horse"),
    "negotiate": (f"Authorization: Negotiate YIIJ{MIXED[:200]}==", MIXED[:200]),
    "long negotiate": (f"Authorization: Negotiate {MIXED * 40}=", MIXED),
    "ntlm": (f"Proxy-Authorization: NTLM TlRMTVNTUAAB{MIXED[:40]}", MIXED[:40]),
    "digest": (
        f'Authorization: Digest username="u", realm="r", response="{HEX[:32]}"\n',
        HEX[:32],
    ),
    "aws signature": (
        f"Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature={HEX[:64]}\n",
        HEX[:64],
    ),
    "token json": ('{"token": "abcd1234efgh"}', "abcd1234efgh"),
    "token json long": ('{"token":"correct-horse-battery-staple"}', "correct-horse-battery"),
    "token yaml": (f"token: {MIXED[:40]}", MIXED[:40]),
    "several": ('{"password": ["hunter", "correct horse"]}', "correct horse"),
    "several escaped": (json.dumps(json.dumps({"secret": ["hunter-two"]})), "hunter-two"),
    "bearer": ("Authorization: Bearer canary-token-value", "canary-token-value"),
    "bearer json": (f'{{"Authorization": "Bearer {MIXED[:30]}"}}', MIXED[:30]),
    "basic": (f"Basic {base64.b64encode(b'user:pa55word').decode()}", "dXNlcjpwYTU1d29yZA"),
    "url": ("postgres://app:hunter2@db/x", "hunter2"),
    "assigned": ("password=hunter2", "hunter2"),
    "assigned quoted": ('api_key: "correct horse battery"', "correct horse battery"),
    "assigned json in json": (json.dumps(json.dumps({"apiKey": "hunter-two"})), "hunter-two"),
    "environment file": ("export DB_PASSWORD=correcthorse\n", "correcthorse"),
    "connection string": ("Server=db;User=app;Password=hunter;Port=1", "hunter"),
    "digitalocean": (f"dop_v1_{HEX[:64]}", HEX[:64]),
    "databricks": (f"dapi{HEX[:32]}", HEX[:32]),
    "vault": (f"hvs.{MIXED[:30]}", MIXED[:30]),
    "groq": (f"gsk_{MIXED[:52]}", MIXED[:52]),
    "gitlab oauth": (f"gloas-{HEX[:64]}", HEX[:64]),
    "gitlab runner": (f"GR1348941{MIXED[:20]}", MIXED[:20]),
    "slack cookie": (f"xoxd-{MIXED[:40]}%2B{MIXED[:20]}", MIXED[:40]),
    "aws secret beside its id": (f"AKIAIOSFODNN7EXAMPLE,{MIXED[:40]}", MIXED[:40]),
    "aws bedrock": (f"ABSK{MIXED[:120]}", MIXED[:120]),
    "aws presigned": (f"https://b.example/k?X-Amz-Signature={HEX[:64]}", HEX[:64]),
    "gcs presigned": (f"https://b.example/k?X-Goog-Signature={HEX[:90]}", HEX[:90]),
    "google refresh": (f"1//0{MIXED[:60]}", MIXED[:60]),
    "google code": (f"https://x.example/cb?code=4/0A{MIXED[:60]}", MIXED[:60]),
    "huggingface oauth": (f"hf_oauth_{MIXED[:34]}", MIXED[:34]),
    "atlassian scoped": (f"ATCTT3xFfGN0{MIXED[:80]}", MIXED[:80]),
    "jwt encrypted": (
        f"eyJ{MIXED[:20]}.{MIXED[:64]}.{MIXED[:16]}.{MIXED[64:120]}.{MIXED[:22]}",
        MIXED[64:120],
    ),
    "perplexity": (f"pplx-{MIXED[:48]}", MIXED[:48]),
    "nvidia": (f"nvapi-{MIXED[:64]}", MIXED[:64]),
    "langsmith": (f"lsv2_pt_{HEX[:32]}_{HEX[:10]}", HEX[:32]),
    "fireworks": (f"fw_{MIXED[:24]}", MIXED[:24]),
    "dropbox": (f"sl.B{MIXED[:130]}", MIXED[:130]),
    "square": (f"sq0atp-{MIXED[:22]}", MIXED[:22]),
    "linear": (f"lin_api_{MIXED[:40]}", MIXED[:40]),
    "notion": (f"ntn_{MIXED[:46]}", MIXED[:46]),
    "figma": (f"figd_{MIXED[:40]}", MIXED[:40]),
    "postman": (f"PMAK-{HEX[:24]}-{HEX[:34]}", HEX[:34]),
    "new relic": (f"NRAK-{UPPER[:27]}", UPPER[:27]),
    "sentry": (f"sntryu_{HEX[:64]}", HEX[:64]),
    "doppler": (f"dp.pt.{MIXED[:43]}", MIXED[:43]),
    "pulumi": (f"pul-{HEX[:40]}", HEX[:40]),
    "terraform": (f"organisation14.atlasv1.{MIXED[:60]}", MIXED[:60]),
    "cloudflare": (f"v1.0-{HEX[:24]}-{HEX[:128]}", HEX[:120]),
    "planetscale": (f"pscale_tkn_{MIXED[:43]}", MIXED[:43]),
    "supabase": (f"sb_secret_{MIXED[:30]}", MIXED[:30]),
    "vercel": (f"vercel_blob_rw_{MIXED[:30]}", MIXED[:30]),
    "rubygems": (f"rubygems_{HEX[:48]}", HEX[:48]),
    "crates": (f"cio{MIXED[:32]}", MIXED[:32]),
    "mailgun": (f"key-{HEX[:32]}", HEX[:32]),
    "telegram": (f"bot123456789:AA{MIXED[:33]}", MIXED[:33]),
    "discord webhook": (f"https://discord.com/api/webhooks/123456/{MIXED[:68]}", MIXED[:68]),
    "pem in base64": (base64.b64encode(PEM.encode()).decode(), MIXED[:20]),
    "pem without its marks": (f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{MIXED[:200]}", MIXED[:64]),
    "ssh2": (PEM.replace("-----", "----").replace("RSA", "SSH2 ENCRYPTED"), MIXED[:64]),
    "kubernetes": (f"client-key-data: {MIXED[:200]}", MIXED[:200]),
    "docker": (f'{{"auths": {{"h": {{"auth": "{MIXED[:24]}"}}}}}}', MIXED[:24]),
    "npm basic": (f"_auth={MIXED[:24]}==", MIXED[:24]),
    "netrc": ("machine h login bob password correct-horse\n", "correct-horse"),
    "url token as user": (f"https://{MIXED[:30]}@github.com/x/y", MIXED[:30]),
    "oracle": ("jdbc:oracle:thin:scott/correcthorse@//h:1521/x", "correcthorse"),
    "option": ("tool --password corr3cthorse --verbose", "corr3cthorse"),
    "option token": (f"tool --api-token {MIXED[:30]}", MIXED[:30]),
    "option user": ("curl -u bob:corr3cthorse https://x.example", "corr3cthorse"),
    "sshpass": ("sshpass -p correcthorse ssh h", "correcthorse"),
    "mysql": ("mysql -u root -pcorrecthorse db", "correcthorse"),
    "sql": ("CREATE USER a IDENTIFIED BY 'correcthorse';", "correcthorse"),
    "sql role": ("ALTER ROLE a WITH PASSWORD 'correcthorse'", "correcthorse"),
    "xml attribute": ('<add key="Password" value="correcthorse"/>', "correcthorse"),
    "xml element": ("<password>correcthorse</password>", "correcthorse"),
    "arguments": ("define('DB_PASSWORD', 'corr3cthorse');", "corr3cthorse"),
    "shadow": (f"root:$6$saltsalt${MIXED[:86]}:1:0", MIXED[:86]),
    "bcrypt": (f"bob:$2b$12${MIXED[:53]}", MIXED[:53]),
    "age": (f"AGE-SECRET-KEY-1{UPPER[:58]}", UPPER[:58]),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_secrets_are_taken_out(kind: str) -> None:
    """Each kind is found in a text, in a key and deep in a request; what stands around it stays."""
    text, secret = PLANTED[kind]
    prompt = f"def f(x):\n    return x  # {text}\nprint(f(1))"
    stored = redact({"messages": [{"role": "user", "content": prompt}, {text: [text]}]})
    assert secret not in json.dumps(stored)
    content = stored["messages"][0]["content"]
    assert content.startswith("def f(x):\n    return x  # ")
    assert content.endswith("print(f(1))")
    assert "[redacted:" in content


def test_a_private_key_that_was_cut_is_taken_out() -> None:
    """What looks like the beginning of a key goes, whether its end is there or not."""
    assert redact(f"see {PEM[:150]}") == "see [redacted:pem]"


def test_secret_fields_are_taken_out_whatever_they_hold() -> None:
    """A field named like a secret is one; a schema that describes such a field is none."""
    stored = redact({"X-Api-Key": "abc", "password": "p", "token": "the", "max_tokens": 512})
    assert stored == {
        "X-Api-Key": "[redacted:field]",
        "password": "[redacted:field]",
        "token": "the",
        "max_tokens": 512,
    }
    schema = {"properties": {"password": {"type": "string"}}, "required": ["password"]}
    assert redact(schema) == schema


def test_a_secret_field_may_hold_several() -> None:
    """A list, a number, a name in any case: taken out; a token that is a word of a reply stays."""
    stored = redact(
        {
            "password": ["a", ["b", 1234, {"type": "string"}]],
            "accessToken": 12345678,
            "token": "abc12345",
            "logprobs": [{"token": " the", "logprob": -1.5}, {"token": "understanding"}],
        }
    )
    gone = "[redacted:field]"
    assert stored == {
        "password": [gone, [gone, gone, {"type": "string"}]],
        "accessToken": gone,
        "token": gone,
        "logprobs": [{"token": " the", "logprob": -1.5}, {"token": "understanding"}],
    }


def test_known_secrets_are_taken_out_by_value() -> None:
    """A configured key of no known shape never stays, not as part of a longer one either."""
    known = ("canary", "canary-and-more", "EMPTY")
    assert redact("a canary-and-more b canary EMPTY", known=known) == (
        "a [redacted:known] b [redacted:known] EMPTY"
    )


def test_ordinary_code_stays_readable() -> None:
    """This package's own source, and code that handles secrets, come out as they went in."""
    sources = sorted(Path(capsule.__file__).parent.glob("*.py"))
    assert len(sources) > 10
    for source in sources:
        if source.name != "patterns.py":
            text = source.read_text()
            assert redact(text) == text
    for line in (
        'api_key = os.environ["OPENAI_API_KEY"]',
        "password = getpass.getpass()",
        "def login(user: str, password: str) -> Token: ...",
        "if token == expected_token and secret is not None:",
        'headers = {"Authorization": f"Bearer {token}"}',
        "token = tokens[position2]",
        "self.api_key: str | None = config.api_key",
        'url = f"postgres://{user}:{password}@{host}/db"',
        "see https://example.org:8080/a@b and http://127.0.0.1:3009/v1",
        "a basic understanding of bearer authentication",
        "task-oriented sk-learn risk-averse",
        "SKIP ACCEPT SG.1 eyJ",
        "def read(cookie: str = '', *, authorization: str | None = None) -> None:",
        'cookie = request.cookies.get("session_id")',
        "authorization: the header of a request; cookie: see above",
        "token = next(tokens); token = some_variable_name_2",
        'if text == "-----BEGIN PRIVATE KEY-----": end = "-----END PRIVATE KEY-----"',
        'f"https://x.example/?token={token}&key={key}"',
        "docker run -u 1000:1000 --user node:node --token TOKEN --password-stdin image",
        "code reflex serve --token-env REFLEX_TOKEN --api-key $KEY --password <PASSWORD>",
        "an option --secret takes one; log in with a login name and a password",
        '("password", "text"); auth = "key"; auth_header = build_auth_header_v2(name)',
        '{"auth": "basic", "type": "password", "description": "a password or token"}',
        "pip install key-value-store-2; author=somebody2024somebody; code=200&x",
        "<token>{name}</token><password/> $5 $6.50 a$2b$",
        "the mysql -p option asks; WITH PASSWORD '%s' IDENTIFIED BY '{}'",
        'required = ["password"]; "password": [], secret: list[str] = []',
    ):
        assert redact(line) == line


@given(st.lists(st.sampled_from([text for text, _ in PLANTED.values()]) | st.text(), max_size=5))
def test_redacting_again_changes_nothing(parts: list[str]) -> None:
    """What was redacted once is left alone."""
    once = redact(" ".join(parts))
    assert redact(once) == once


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(LOWER), inner),
        max_leaves=8,
    )
)
def test_the_shape_of_a_value_is_kept(value: Any) -> None:
    """Lists stay lists, numbers numbers; the copy is JSON again."""
    stored = redact(value)
    assert type(stored) is type(value)
    if isinstance(value, dict | list):
        assert len(stored) == len(value)
    json.dumps(stored)


def test_deep_values_are_bounded() -> None:
    """A value nested without end is cut, not an error."""
    deep: Any = "password=hunter2"
    for _ in range(5000):
        deep = [deep]
    assert "hunter2" not in repr(redact(deep))


HOSTILE = sorted(
    {"a", " ", '"', "\\", "-----BEGIN", "-----BEGIN RSA PRIVATE KEY-----", "://a:", "eyJaaaaaaaa."}
    | {anchor for rule in TOKENS + PHRASES for anchor in rule.anchors}
    | {f"{anchor}=" for rule in PHRASES for anchor in rule.anchors}
    | {f'{anchor}="' for rule in PHRASES for anchor in rule.anchors}
    | {"SG.aaaaaaaaaaaaaaaaaa.", "bearer aaaaaaaaaaaaaaa", "api_key", "api_key='", "\u0130"}
)


def test_hostile_text_takes_linear_time() -> None:
    """Anything repeated costs milliseconds; a quadratic pattern would run into the time limit."""
    for text in HOSTILE:
        redact((text * 20_000)[:30_000])


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "-----BEGIN",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- -----END",
        "-----BEGIN PRIVATE KEY----- " + "a" * 23,
        "cookie: a=",
        "cookie: ab=cdefgh'",
        "authorization=",
        "authorization: a b=",
        "authorization=" * 290 + "(",
        "?token=",
        '"token":"',
        'password":["',
        "token: aA1",
        "private-lines: 1 ",
        "private-lines: 1 a ",
        "IBADANBgkqhkiG9w0BAQEF",
        "mysql -u a",
        "mysql -u -u ",
        "login a password ",
        "login a ",
        "--token ",
        " -u a:",
        "://a1",
        "eyJaaaaaaaa.",
        "$6$",
        "password' value='",
        "-----BEGIN PRIVATE KEY",
        "---- BEGIN ",
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_megabyte_takes_a_second(text: str) -> None:
    """Of the process's own time, however loaded the machine is: an eighth of the largest body."""
    size = 1 << 20
    begun = time.process_time()
    redact((text * (size // len(text) + 1))[:size])
    assert time.process_time() - begun < 5


REQUEST = {"messages": [{"role": "user", "content": "a canary prompt, password=hunter2"}]}


@pytest.mark.parametrize(
    ("mode", "request_kept", "response_kept"),
    [("none", False, False), ("prompts_only", True, False), ("full_io", True, True)],
)
def test_modes_keep_what_they_say(mode: str, *, request_kept: bool, response_kept: bool) -> None:
    """Each side is stored without secrets, or as a keyed hash that tells nothing."""
    capture = Capture(mode, KEY, known=("api-key-of-the-user",))
    for stored, kept in (
        (capture.request(REQUEST), request_kept),
        (capture.response(REQUEST), response_kept),
    ):
        if kept:
            assert stored["messages"][0]["content"].startswith("a canary prompt, password=[red")
        else:
            assert stored.startswith("hmac-sha256:")
            assert stored == Capture(mode, KEY).request(REQUEST) or mode != "none"
            assert stored != Capture("none", bytes(32)).request(REQUEST)
        assert "hunter2" not in json.dumps(stored)


def test_unknown_modes_are_refused() -> None:
    """A mode that is none keeps nothing by accident."""
    with pytest.raises(ValueError, match="unknown capture mode"):
        Capture("everything", KEY)
