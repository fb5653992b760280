"""What of a call is kept: keyed hashes, the request, or request and reply; never a secret.

Secrets are found by a list of rules. A rule's pattern is tried only where one of its anchors (a
literal) is found, over a bounded length and without backtracking, so that hostile text takes linear
time. No rule matches ``[redacted:KIND]``: redacting twice changes nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from core.capsule.keys import keyed_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class SecretRule(NamedTuple):
    """``source`` is matched where an anchor begins; its group 1, if it has one, is the secret."""

    kind: str
    anchors: tuple[str, ...]
    source: str


# The shortest of the tokens; shorter runs of their characters need not be looked at.
SHORTEST_RUN = 15
RUN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~"


def _token(kind: str, anchors: str, source: str) -> SecretRule:
    return SecretRule(kind, tuple(anchors.split()), rf"(?<![A-Za-z0-9_-]){source}")


# Tokens that tell themselves by how they begin; capitals count.
TOKENS = (
    _token("anthropic", "sk-ant-", r"sk-ant-[\w-]{16,512}+"),
    _token("openai", "sk- sess-", r"(?:sk|sess)-[\w-]{20,512}+"),
    _token("github", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,512}+"),
    _token("github", "github_pat_", r"github_pat_\w{20,512}+"),
    _token("gitlab", "glpat- gldt- glrt- glcbt- glptt-", r"gl[a-z]{2,4}-[\w-]{16,512}+"),
    _token("slack", "xoxa- xoxb- xoxe- xoxp- xoxr- xoxs- xapp-", r"x[a-z]{3}-[\w-]{10,512}+"),
    _token("aws", "AKIA ASIA ABIA ACCA", r"A[KSBC][IC]A[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("google-api", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    _token("google-oauth", "ya29.", r"ya29\.[\w-]{16,2048}+"),
    _token("google-client", "GOCSPX-", r"GOCSPX-[\w-]{20,64}+"),
    _token("huggingface", "hf_", r"hf_[A-Za-z0-9]{20,512}+"),
    _token("npm", "npm_", r"npm_[A-Za-z0-9]{30,512}+"),
    _token("pypi", "pypi-", r"pypi-[\w-]{32,1024}+"),
    _token("stripe", "sk_live_ sk_test_ rk_live_", r"[sr]k_[a-z]{4}_[A-Za-z0-9]{16,512}+"),
    _token("stripe", "whsec_", r"whsec_[A-Za-z0-9+/=]{16,512}+"),
    _token("twilio", "SK AC", r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),
    _token("sendgrid", "SG.", r"SG\.[\w-]{16,64}+\.[\w-]{16,128}+"),
    _token("jwt", "eyJ", r"eyJ[\w-]{8,4096}+\.eyJ[\w-]{4,8192}+\.[\w-]{0,4096}+"),
    _token("digitalocean", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{40,128}+"),
    _token("databricks", "dapi", r"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    _token("vault", "hvs. hvb.", r"hv[sb]\.[\w-]{20,512}+"),
    _token("groq", "gsk_", r"gsk_[A-Za-z0-9]{20,512}+"),
    _token("xai", "xai-", r"xai-[A-Za-z0-9]{20,512}+"),
    _token("replicate", "r8_", r"r8_[A-Za-z0-9]{30,512}+"),
    _token("shopify", "shpat_ shpss_ shpca_ shppa_", r"shp[a-z]{2}_[a-fA-F0-9]{32,64}+"),
    _token("docker", "dckr_pat_", r"dckr_pat_[\w-]{20,128}+"),
    _token("grafana", "glsa_ glc_", r"gl(?:sa|c)_[\w+/=]{20,512}+"),
    _token("atlassian", "ATATT3", r"ATATT3[\w=-]{20,512}+"),
    _token("age", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,80}+"),
    SecretRule("azure-client", ("8Q~",), r"8Q~[\w.~-]{31,34}"),
)

# What may stand between a name and its value; the quote may be escaped, and its escape again, as
# JSON within JSON within JSON has it.
_ASSIGNS = r"""\\{0,7}["']?\]?\s{0,4}(?::=|=>|[:=])"""
# A quoted literal without placeholders; or a bare word that no code would be: it is right at
# the sign and has a digit, or its name is in capitals, as in a file of environment variables.
_QUOTED = r"""\s{0,4}[bru]?\\{0,7}["']([^\r\n"'\\{}<>$]{4,256}+)\\{0,7}["']"""
_ENDS = r"""\s"'`,;(){}\[\]<>$&|\\"""
_WITH_DIGIT = rf" ?(?=[^{_ENDS}\d]{{0,64}}\d)([^{_ENDS}]{{6,512}}+)(?![(\[])"
_CAPITALS = rf"(?-i:(?<=[A-Z]=))([^{_ENDS}]{{4,512}}+)(?![(\[])"
_VALUE = rf"(?!\s{{0,4}}\S{{0,8}}\[redacted:)(?:{_QUOTED}|{_WITH_DIGIT}|{_CAPITALS})"
_OWNERS = ("api", "access", "auth", "account", "private", "secret", "client", "refresh", "session")
_OWNED = "|".join(rf"(?<={owner})|(?<={owner}[_-])" for owner in _OWNERS)

# A header's value to the line's end: a quote within it is followed by more of it.
_HEADER_REST = r"""(?:[^\r\n\\"']|\\{0,7}["'](?=[^\s,:)}\]"']|[,;]\s?[\w-]{1,32}=)){1,65536}+"""
_OPENS = r"""\s{0,4}\\{0,7}["']?"""
# Where a parameter of a URL begins.
_PARAMETER = "|".join(
    rf"(?<=[?&#;]{owner})"
    for owner in ("", "access_", "auth_", "api_", "id_", "refresh_", "private_", "client_", "api")
)

# Secrets that are recognised by what is around them; capitals do not count.
PHRASES = (
    SecretRule("slack", ("hooks.slack.com/",), r"hooks\.slack\.com/\w{1,20}+/([\w/-]{10,256}+)"),
    SecretRule(
        "header", ("bearer ",), r"bearer {1,4}(?=[a-z]{0,64}[^a-z\s])([\w.~+/=-]{12,65536}+)"
    ),
    SecretRule("header", ("basic ",), r"basic {1,4}(?=[a-z+/]{0,256}[0-9=])([\w+/=]{12,65536}+)"),
    # Any other scheme: one credential, or a list of name=value.
    SecretRule(
        "header",
        ("authorization",),
        rf"authorization{_ASSIGNS}{_OPENS}[a-z][a-z0-9-]{{1,31}} {{1,4}}(?!\[redacted:)"
        rf"(?:(?=[\w-]{{1,32}}=[\w\\\"'])(?=[^\r\n]{{12}})({_HEADER_REST})"
        r"|(?=[a-z_.~-]{0,64}[\d+/=])([\w.~+/=-]{12,65536}+))",
    ),
    SecretRule(
        "header",
        ("authorization",),
        rf"authorization{_ASSIGNS}{_OPENS}"
        r"(?:(?:bearer|basic|token|apikey) {1,4})?"
        r"(?![\w.]{1,64}[(\[{])([\w.~+/=-]{12,65536}+)",
    ),
    SecretRule(
        "header",
        ("cookie",),
        rf"cookie{_ASSIGNS}{_OPENS}(?=[\w.!#$%&*+^|~-]{{1,64}}=[^\s;])({_HEADER_REST})",
    ),
    SecretRule("url", ("://",), r"""://[^\s/:@"'<>]{0,256}+:(?![{$%<*\[])([^\s/@"'<>]{1,256}+)@"""),
    SecretRule(
        "url",
        ("token=", "key=", "secret=", "signature=", "password=", "passwd=", "auth="),
        rf"(?:{_PARAMETER})(?:token|key|secret|signature|passw(?:or)?d|auth)="
        r"""(?!\[redacted:)([^\s&#"'<>\\{}$]{4,8192}+)""",
    ),
    SecretRule(
        "azure",
        ("accountkey=", "sharedaccesskey=", "&sig=", "?sig="),
        r"[?&a-z]{3,30}+=([\w+/=%-]{20,512}+)",
    ),
    SecretRule(
        "connection",
        (";password=", ";pwd="),
        r""";(?:password|pwd)=(?!\[redacted:)([^;\s"'{}<>$]{1,512}+)""",
    ),
    SecretRule(
        "putty",
        ("private-lines:",),
        r"private-lines: {0,4}\d{1,4}(?:\s|\\{1,4}[nr]){1,4}"
        r"((?:[\w+/=]{1,64}+(?:\s|\\{1,4}[nr]){1,2}){1,1000}+)",
    ),
    SecretRule(
        "assigned",
        ("passw", "passphrase", "pwd", "secret", "key", "token"),
        r"(?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?"
        rf"|(?:{_OWNED})(?:key|token)){_ASSIGNS}{_VALUE}",
    ),
    # Several at once, in a list.
    SecretRule(
        "assigned",
        ("passw", "passphrase", "pwd", "secret", "key", "token"),
        r"(?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?key)?|(?<=[\"'])token"
        rf"|(?:{_OWNED})(?:key|token))s?{_ASSIGNS}\s{{0,4}}\["
        r"""(?=\s{0,64}\\{0,7}["'])(?!\s{0,64}\\{0,7}["']\[redacted:)([^\[\]{}]{1,65536}+)""",
    ),
    # A token, where what is called so looks like one: not "token": "the" of a model's reply.
    SecretRule(
        "assigned",
        ("token",),
        rf"""(?<=["'])token{_ASSIGNS}\s{{0,4}}[bru]?\\{{0,7}}["']"""
        r"""(?=[^\s"'\\\d]{0,64}\d|[^\s"'\\]{20})([^\s"'\\{}<>$]{8,8192}+)""",
    ),
    SecretRule(
        "assigned",
        ("token",),
        rf"token{_ASSIGNS} ?(?-i:(?=\w{{0,64}}[A-Z])(?=\w{{0,64}}[a-z])(?=\w{{0,64}}\d))"
        r"(?![\w.]{1,64}[(\[{])([\w.~+/=-]{16,8192}+)",
    ),
)

# Fields of a JSON object whose text is a secret whatever it looks like; case and `-_` do not count.
SECRET_FIELDS = frozenset(
    {
        "accesskey",
        "accesstoken",
        "apikey",
        "apitoken",
        "authtoken",
        "authorization",
        "awssecretaccesskey",
        "bearertoken",
        "clientsecret",
        "connectionstring",
        "cookie",
        "credentials",
        "csrftoken",
        "idtoken",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "privatekey",
        "privatetoken",
        "proxyauthorization",
        "pwd",
        "refreshtoken",
        "secret",
        "secretaccesskey",
        "secretkey",
        "sessiontoken",
        "setcookie",
        "xapikey",
        "xauthtoken",
    }
)

# A private key: from its first line to its last, whatever is before its lines (numbers, quote
# marks, comment signs); where the last is missing, as far as it looks like one.
_KEY_BEGINS = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.IGNORECASE | re.ASCII
)
_KEY_ENDS = re.compile(
    r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.IGNORECASE | re.ASCII
)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{24}")
_KEY_CUT = re.compile(r"(?:[A-Za-z0-9+/=\s\\:,\"'.()>|#*;]|-(?!----))*+")


_MAX_DEPTH = 64
_SHORTEST_KNOWN = 6
_LOOKS_LIKE_TOKEN = re.compile(r"(?=\D{0,64}\d|.{20}).{8}", re.DOTALL)
_PHRASE_ANCHORS = tuple(anchor for rule in PHRASES for anchor in rule.anchors)
_BLANKED = bytes(code if chr(code) in RUN_CHARACTERS else 32 for code in range(256))


class Capture:
    """Applies a capture mode: ``none``, ``prompts_only`` or ``full_io``.

    ``key`` is the user's; ``known`` are secrets to be taken out whatever they look like.
    """

    def __init__(self, mode: str, key: bytes, known: Collection[str] = ()) -> None:
        if mode not in {"none", "prompts_only", "full_io"}:
            raise ValueError(f"unknown capture mode {mode!r}")
        self.mode = mode
        self._key = key
        self._known = known

    def request(self, obj: Any) -> Any:
        """What is stored of a request, given as JSON values."""
        return self._hashed(obj) if self.mode == "none" else redact(obj, known=self._known)

    def response(self, obj: Any) -> Any:
        """What is stored of a response, given as JSON values."""
        return redact(obj, known=self._known) if self.mode == "full_io" else self._hashed(obj)

    def _hashed(self, obj: Any) -> str:
        return keyed_hash(self._key, obj)


def redact(obj: Any, known: Collection[str] = ()) -> Any:
    """A copy of a JSON value, every secret in its texts and keys replaced by ``[redacted:KIND]``.

    ``known`` are literal secrets to take out wherever they occur (from six characters on). What is
    nested deeper than any real request is left out.
    """
    literals = sorted((secret for secret in known if len(secret) >= _SHORTEST_KNOWN), key=len)
    return _redacted(obj, literals[::-1], 0)


def _redacted(obj: Any, known: list[str], depth: int) -> Any:
    if isinstance(obj, str):
        return _redacted_text(obj, known)
    if depth > _MAX_DEPTH:
        return "[too deep]" if isinstance(obj, dict | list | tuple) else obj
    if isinstance(obj, dict):
        return {
            _redacted_text(str(key), known): (
                _redacted_field(value, known, depth + 1)
                if _is_secret_field(str(key))
                else _redacted_token(value, known)
                if isinstance(value, str) and str(key).lower() == "token"
                else _redacted(value, known, depth + 1)
            )
            for key, value in obj.items()
        }
    if isinstance(obj, list | tuple):
        return [_redacted(item, known, depth + 1) for item in obj]
    return obj


def _redacted_field(value: Any, known: list[str], depth: int) -> Any:
    """The value of a field that is named like a secret: a text, a number, or a list of them."""
    if isinstance(value, list | tuple) and depth <= _MAX_DEPTH:
        return [_redacted_field(item, known, depth + 1) for item in value]
    if isinstance(value, str | int | float) and value and not isinstance(value, bool):
        return "[redacted:field]"
    return _redacted(value, known, depth)


def _redacted_token(value: str, known: list[str]) -> str:
    # As in a text; a word stays, since models' replies name their tokens so.
    looks_so = not any(map(str.isspace, value)) and _LOOKS_LIKE_TOKEN.match(value)
    return "[redacted:field]" if looks_so else _redacted_text(value, known)


def _is_secret_field(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") in SECRET_FIELDS


def _without_keys(text: str) -> str:
    """Without private keys in PEM; each place of the text is looked at once."""
    pieces: list[str] = []
    done = 0
    end, line = _KEY_ENDS.search(text), _KEY_LINE.search(text)
    for begin in _KEY_BEGINS.finditer(text):
        if begin.start() < done:
            continue
        if end and end.start() < begin.end():
            end = _KEY_ENDS.search(text, begin.end())
        if line and line.start() < begin.end():
            line = _KEY_LINE.search(text, begin.end())
        if end is None:
            cut = _KEY_CUT.match(text, begin.end())
            assert cut
            upto = cut.end()
        elif line and line.start() < end.start():
            upto = end.end()
        else:  # a program that reads keys: both marks, and no key
            continue
        pieces += (text[done : begin.start()], "[redacted:pem]")
        done = upto
    return "".join((*pieces, text[done:]))


def _redacted_text(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, "[redacted:known]")
    if len(text) >= SHORTEST_RUN:
        runs = _long_runs(text)
        for rule in TOKENS if runs else ():
            if any(anchor in runs for anchor in rule.anchors):
                text = _apply(rule, text)
    lowered = _lowered(text)
    if "-----begin " in lowered:
        text = _without_keys(text)
        lowered = _lowered(text)
    # Most texts hold none of these: one quick look.
    if not any(anchor in lowered for anchor in _PHRASE_ANCHORS):
        return text
    for rule in PHRASES:
        if any(anchor in lowered for anchor in rule.anchors):
            text = _apply(rule, text, lowered)
            lowered = _lowered(text)
    return text


def _long_runs(text: str) -> str:
    """Only the words long enough for a token: some hundred bytes, where most rules end at once."""
    words = text.encode(errors="replace").translate(_BLANKED).split()
    return b" ".join([word for word in words if len(word) >= SHORTEST_RUN]).decode()


def _lowered(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    # Some letters have a longer small form; places must stay the same.
    return re.sub(r"[A-Z]+", lambda capitals: capitals[0].lower(), text)


@cache
def _compiled(source: str, *, any_case: bool) -> re.Pattern[str]:
    return re.compile(source, re.ASCII | (re.IGNORECASE if any_case else re.NOFLAG))


def _apply(rule: SecretRule, text: str, lowered: str | None = None) -> str:
    pattern = _compiled(rule.source, any_case=lowered is not None)
    pieces: list[str] = []
    done = 0
    for place in sorted(_places(lowered or text, rule.anchors)):
        found = pattern.match(text, place) if place >= done else None
        if found is None:
            continue
        group = found.lastindex or 0
        pieces += (text[done : found.start(group)], f"[redacted:{rule.kind}]")
        done = found.end(group)
    return "".join((*pieces, text[done:]))


def _places(haystack: str, anchors: tuple[str, ...]) -> Iterator[int]:
    for anchor in anchors:
        place = haystack.find(anchor)
        while place >= 0:
            yield place
            place = haystack.find(anchor, place + 1)
