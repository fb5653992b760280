"""What secrets look like: a table of kinds, each with the literals to look for and its pattern.

A pattern is matched only where one of its anchors stands, and over a bounded length with possessive
repeats, so that hostile text takes linear time. Kinds' names contain no anchor: what was redacted
once stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """``source`` is matched where an anchor begins; its group 1, if it has one, is the secret."""

    kind: str
    anchors: tuple[str, ...]
    source: str


# The shortest of the tokens; shorter runs of their characters need not be looked at.
SHORTEST_RUN = 15
RUN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~"


def _token(kind: str, anchors: str, source: str) -> Rule:
    return Rule(kind, tuple(anchors.split()), rf"(?<![A-Za-z0-9_-]){source}")


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
    Rule("azure-client", ("8Q~",), r"8Q~[\w.~-]{31,34}"),
)

# What may stand between a name and its value; the quote may be escaped, and its escape again, as
# JSON within JSON within JSON has it.
_ASSIGNS = r"""\\{0,7}["']?\]?\s{0,4}(?::=|=>|[:=])"""
# A quoted literal without placeholders; or a bare word that no code would be: it stands right at
# the sign and has a digit, or its name is in capitals, as in a file of environment variables.
_QUOTED = r"""\s{0,4}[bru]?\\{0,7}["']([^\r\n"'\\{}<>$]{4,256}+)\\{0,7}["']"""
_ENDS = r"""\s"'`,;(){}\[\]<>$&|\\"""
_WITH_DIGIT = rf" ?(?=[^{_ENDS}\d]{{0,64}}\d)([^{_ENDS}]{{6,512}}+)(?![(\[])"
_CAPITALS = rf"(?-i:(?<=[A-Z]=))([^{_ENDS}]{{4,512}}+)(?![(\[])"
_VALUE = rf"(?!\s{{0,4}}\S{{0,8}}\[redacted:)(?:{_QUOTED}|{_WITH_DIGIT}|{_CAPITALS})"
_OWNERS = ("api", "access", "auth", "account", "private", "secret", "client", "refresh", "session")
_OWNED = "|".join(rf"(?<={owner})|(?<={owner}[_-])" for owner in _OWNERS)

# Secrets that are told by what is said around them; capitals do not count.
PHRASES = (
    Rule(
        "pem",
        ("-----begin ",),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[A-Za-z0-9+/=\s\\:,\"'.()]|-(?!----)){0,20000}+"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    Rule("slack", ("hooks.slack.com/",), r"hooks\.slack\.com/\w{1,20}+/([\w/-]{10,256}+)"),
    Rule("header", ("bearer ",), r"bearer {1,4}(?=[a-z]{0,64}[^a-z\s])([\w.~+/=-]{12,4096}+)"),
    Rule("header", ("basic ",), r"basic {1,4}(?=[a-z+/]{0,256}[0-9=])([\w+/=]{12,4096}+)"),
    Rule(
        "header",
        ("authorization",),
        rf"""authorization{_ASSIGNS}\s{{0,4}}\\{{0,7}}["']?"""
        r"(?:(?:bearer|basic|token|apikey) {1,4})?"
        r"([\w.~+/=-]{12,4096}+)(?![(\[{])",
    ),
    Rule("url", ("://",), r"""://[^\s/:@"'<>]{0,256}+:(?![{$%<*\[])([^\s/@"'<>]{1,256}+)@"""),
    Rule(
        "azure",
        ("accountkey=", "sharedaccesskey=", "&sig=", "?sig="),
        r"[?&a-z]{3,30}+=([\w+/=%-]{20,512}+)",
    ),
    Rule(
        "connection",
        (";password=", ";pwd="),
        r""";(?:password|pwd)=(?!\[redacted:)([^;\s"'{}<>$]{1,512}+)""",
    ),
    Rule(
        "assigned",
        ("passw", "passphrase", "pwd", "secret", "key", "token"),
        r"(?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?"
        rf"|(?:{_OWNED})(?:key|token)){_ASSIGNS}{_VALUE}",
    ),
)

# Fields of a JSON object whose text is a secret whatever it looks like; `-` counts as `_`.
SECRET_FIELDS = frozenset(
    {
        "access_key",
        "access_token",
        "api_key",
        "apikey",
        "auth_token",
        "authorization",
        "aws_secret_access_key",
        "client_secret",
        "connection_string",
        "cookie",
        "credentials",
        "id_token",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "proxy_authorization",
        "pwd",
        "refresh_token",
        "secret",
        "secret_access_key",
        "secret_key",
        "session_token",
        "set_cookie",
        "x_api_key",
    }
)
