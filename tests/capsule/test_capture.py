"""What is kept of a call by each mode, and that no secret is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import capsule
from core.capsule.capture import Capture
from core.capsule.redaction import redact
from core.capsule.secret_rules import PHRASES, TOKENS
from tests.support.capsule.secrets import JWT, LOWER, MIXED, PEM, PLANTED

KEY = bytes(range(32))


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


BY_THEMSELVES = {
    "github": f"ghp_{MIXED[:36]}",
    "openai": f"sk-proj-{MIXED[:48]}",
    "anthropic": f"sk-ant-api03-{MIXED[:90]}",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "slack": f"xoxb-123456789012-{MIXED[:24]}",
    "gitlab": f"glpat-{MIXED[:20]}",
    "stripe": f"sk_live_{MIXED[:24]}",
    "jwt": JWT,
}
AROUND = {
    "a line of JSON": lambda text: json.dumps({"content": f"first\n{text}\nlast"}),
    "a line of JSON in JSON": lambda text: json.dumps(json.dumps(f"first\n{text}\nlast")),
    "a cell of a table": lambda text: json.dumps(f"name\t{text}\tnote"),
    "bytes as Python shows them": lambda text: repr(f"first\n{text}".encode()),
    "an escaped quote mark": lambda text: f"\\u0022{text}\\u0022",
    "a URL's text": lambda text: f"https://x.example/?q=key%3D{text}",
    "a mail's text": lambda text: f"=22{text}=22",
    "a removed line": lambda text: f"@@ -1 +1 @@\n-{text}\n+KEY",
    "a removed line in JSON": lambda text: json.dumps(f"@@ -1 +1 @@\n-{text}\n+KEY"),
    "an option": lambda text: f"tool -p{text} run",
    "colour": lambda text: f"\x1b[31m{text}\x1b[0m",
    "bold colour": lambda text: f"\x1b[1;38;5;196m{text}\x1b[m",
    "colour in JSON": lambda text: json.dumps(f"a \x1b[31m{text}\x1b[0m"),
    "colour in JSON in JSON": lambda text: json.dumps(json.dumps(f"a \x1b[31m{text}\x1b[0m")),
    "what a search has found": lambda text: f"\x1b[01;31m\x1b[K{text[:4]}\x1b[m\x1b[K{text[4:]}",
    "colour after a word": lambda text: f"key\x1b[32m{text}",
}


@pytest.mark.parametrize("where", AROUND)
def test_tokens_are_taken_out_wherever_they_stand(where: str) -> None:
    """What is before one may end in a letter and be no word: an escape, a code, a mark."""
    for kind, token in BY_THEMSELVES.items():
        stored = json.dumps(redact({"messages": [{"content": AROUND[where](token)}]}))
        assert token[8:] not in stored, kind
        assert "[redacted:" in stored


def test_coloured_text_without_a_secret_is_kept_as_it_is() -> None:
    """Colour is part of what was said."""
    text = "\x1b[31mFAILED\x1b[0m task-1 \\u001b[0m"
    assert redact(text) == text
    assert redact("\x1b[1mpassword\x1b[0m=\x1b[32m'hunter2secret'\x1b[0m") == (
        "password='[redacted:assigned]'"
    )
    assert "hunter2secret" not in redact("https://x.example/?a=1&q=password%3Dhunter2secret%26b")


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


@pytest.mark.slow
def test_hostile_text_takes_linear_time() -> None:
    """Anything repeated costs milliseconds; a quadratic pattern would run into the time limit."""
    for text in HOSTILE:
        redact((text * 20_000)[:10_000])


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
def test_much_of_the_same_ends(text: str) -> None:
    """In time that grows with the length; with its square this would take hours."""
    size = 1 << 18
    redact((text * (size // len(text) + 1))[:size])


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
