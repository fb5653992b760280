"""What a secret looks like: tokens by how they begin, others by what is around them.

One kind, one rule, one test. A pattern is matched where one of its anchors begins, and each of its
repetitions has a limit and gives nothing back where that could cost time.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class SecretRule(NamedTuple):
    """``source`` is matched where an anchor begins; its group 1, if it has one, is the secret."""

    kind: str
    anchors: tuple[str, ...]
    source: str


# The shortest of the tokens; shorter runs of their characters need not be looked at.
SHORTEST_RUN = 15
RUN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~"


# Before a token there is no word that it would be a part of. What ends like one and is none: a
# line's end as JSON writes it, "%3D" of a URL, the code of a colour, the "-" of a removed line.
_BEFORE = (
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[abefnrtv])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})"
    r"|(?<=\\[0-3][0-7]{2})|(?<=[%=][0-9A-Fa-f]{2})|(?<=[0-9;\[]m)|(?<=\[K)"
    r"|(?<=(?m:^)-)|(?<=\\n-)|(?<=\s-[A-Za-z]))"
)


def _token(kind: str, anchors: str, source: str) -> SecretRule:
    return SecretRule(kind, tuple(anchors.split()), _BEFORE + source)


# Tokens that tell themselves by how they begin; capitals count.
TOKENS = (
    _token("anthropic", "sk-ant-", r"sk-ant-[\w-]{16,512}+"),
    _token("openai", "sk- sess-", r"(?:sk|sess)-[\w-]{20,512}+"),
    _token("github", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,512}+"),
    _token("github", "github_pat_", r"github_pat_\w{20,512}+"),
    _token(
        "gitlab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-",
        r"gl[a-z]{2,5}-[\w.-]{16,512}+",
    ),
    _token("gitlab", "GR1348941", r"GR1348941[\w-]{20,64}+"),
    _token(
        "slack",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxp- xoxr- xoxs- xapp-",
        r"x[a-z]{3}-[\w%+/=-]{10,512}+",
    ),
    # With the secret that follows the id, as the console exports them.
    _token(
        "aws",
        "AKIA ASIA ABIA ACCA",
        r"""A[KSBC][IC]A[A-Z0-9]{16}(?![A-Za-z0-9])(?:["']?[\s,;:|]{1,4}["']?"""
        r"[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=]))?",
    ),
    _token("aws", "ABSK", r"ABSK[A-Za-z0-9+/=]{80,512}+"),
    _token("google-api", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    _token("google-oauth", "ya29.", r"ya29\.[\w-]{16,2048}+"),
    _token("google-client", "GOCSPX-", r"GOCSPX-[\w-]{20,64}+"),
    _token("huggingface", "hf_", r"hf_(?:oauth_)?[A-Za-z0-9]{20,512}+"),
    _token("npm", "npm_", r"npm_[A-Za-z0-9]{30,512}+"),
    _token("pypi", "pypi-", r"pypi-[\w-]{32,1024}+"),
    _token("stripe", "sk_live_ sk_test_ rk_live_", r"[sr]k_[a-z]{4}_[A-Za-z0-9]{16,512}+"),
    _token("stripe", "whsec_", r"whsec_[A-Za-z0-9+/=]{16,512}+"),
    _token("twilio", "SK AC", r"(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])"),
    _token("sendgrid", "SG.", r"SG\.[\w-]{16,64}+\.[\w-]{16,128}+"),
    # Signed, or encrypted (five parts).
    _token(
        "jwt",
        "eyJ",
        r"eyJ[\w-]{8,4096}+\.(?:eyJ[\w-]{4,8192}+\.[\w-]{0,4096}+"
        r"|[\w-]{0,1024}+\.[\w-]{8,64}+\.[\w-]{1,8192}+\.[\w-]{16,64}+)",
    ),
    _token("digitalocean", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{40,128}+"),
    _token("databricks", "dapi", r"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    _token("vault", "hvs. hvb.", r"hv[sb]\.[\w-]{20,512}+"),
    _token("groq", "gsk_", r"gsk_[A-Za-z0-9]{20,512}+"),
    _token("xai", "xai-", r"xai-[A-Za-z0-9]{20,512}+"),
    _token("replicate", "r8_", r"r8_[A-Za-z0-9]{30,512}+"),
    _token("shopify", "shpat_ shpss_ shpca_ shppa_", r"shp[a-z]{2}_[a-fA-F0-9]{32,64}+"),
    _token("docker", "dckr_pat_", r"dckr_pat_[\w-]{20,128}+"),
    _token("grafana", "glsa_ glc_", r"gl(?:sa|c)_[\w+/=]{20,512}+"),
    _token("atlassian", "ATATT3 ATCTT3 ATBB", r"AT(?:[AC]TT3|BB)[\w=-]{20,512}+"),
    _token("openrouter", "pplx- csk- nvapi-", r"(?:pplx|csk|nvapi)-[\w-]{32,512}+"),
    _token("langsmith", "lsv2_", r"lsv2_[a-z]{2}_\w{30,128}+"),
    _token("fireworks", "fw_", r"fw_(?=[A-Za-z]{0,64}\d)[A-Za-z0-9]{22,64}+"),
    _token("dropbox", "sl.", r"sl\.[\w-]{60,2048}+"),
    _token("square", "sq0", r"sq0[a-z]{3}-[\w-]{20,64}+"),
    _token("linear", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}+"),
    _token("notion", "ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{40,64}+|secret_[A-Za-z0-9]{43}\b)"),
    _token("figma", "figd_ figo_", r"fig[do]_[\w-]{32,128}+"),
    _token("postman", "PMAK-", r"PMAK-[a-f0-9-]{40,128}+"),
    _token("newrelic", "NRAK- NRJS- NRII- NRRA-", r"NR(?:AK|JS|II|RA)-[\w-]{16,64}+"),
    _token("sentry", "sntrys_ sntryu_", r"sntry[su]_[\w+/=]{40,1024}+"),
    _token("doppler", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,128}+"),
    _token("pulumi", "pul-", r"pul-[a-f0-9]{40}(?![A-Za-z0-9])"),
    _token("cloudflare", "v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,256}+"),
    _token("planetscale", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.-]{30,128}+"),
    _token("supabase", "sbp_ sb_secret_", r"(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,64}+)"),
    _token("vercel", "vercel_blob_rw_", r"vercel_blob_rw_\w{24,128}+"),
    _token("rubygems", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _token("crates", "cio", r"cio(?=[A-Za-z]{0,32}\d)[A-Za-z0-9]{32}(?![\w-])"),
    _token("mailgun", "key-", r"key-[a-f0-9]{32}(?![A-Za-z0-9])"),
    SecretRule("terraform", (".atlasv1.",), r"\.atlasv1\.[\w=-]{40,128}+"),
    # A private key in DER, and one in PEM, within base64; certificates and public keys are none.
    SecretRule(
        "pem",
        ("LS0tLS1CRUdJTi", "IBADANBgkqhkiG9w0BAQEF", "IBAAKCA", "AgEAMBMGByqGSM49", "MHcCAQEE"),
        r"(?:LS0tLS1CRUdJTi(?!BDRVJU|BQVUJM|BTU0ggUFVC)|(?<=MII\w{3})IBADANBgkqhkiG9w0BAQEF"
        r"|(?<=MII\w{3})IBAAKCA|AgEAMBMGByqGSM49|MHcCAQEE)"
        r"[\w+/=]{20,16384}+(?:(?:\s|\\n){1,4}[\w+/=]{40,256}+){0,400}+",
    ),
    _token("age", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,80}+"),
    SecretRule("azure-client", ("8Q~",), r"8Q~[\w.~-]{31,34}"),
)

# What may stand between a name and its value; the quote may be escaped, and its escape again, as
# JSON within JSON within JSON has it.
_ASSIGNS = r"""\\{0,7}["']?\]?\s{0,4}(?::=|=>|[:=]|%3[AD])"""
# A quoted literal without placeholders; or a bare word that no code would be: it is right at
# the sign and has a digit, or its name is in capitals, as in a file of environment variables.
_QUOTED = r"""\s{0,4}[bru]?\\{0,7}["']([^\r\n"'\\{}<>$]{4,256}+)\\{0,7}["']"""
_ENDS = r"""\s"'`,;(){}\[\]<>$&|\\"""
_WITH_DIGIT = rf" ?(?=[^{_ENDS}\d]{{0,64}}\d)([^{_ENDS}]{{6,512}}+)(?![(\[])"
_CAPITALS = rf"(?-i:(?<=[A-Z]=))([^{_ENDS}]{{4,512}}+)(?![(\[])"
_VALUE = rf"(?!\s{{0,4}}\S{{0,8}}\[redacted:)(?:{_QUOTED}|{_WITH_DIGIT}|{_CAPITALS})"
_OWNERS = (
    *("api", "access", "auth", "account", "private", "secret", "client", "refresh", "session"),
    *("preshared", "fernet", "encryption", "signing", "master", "deploy", "webhook", "bot"),
)
# What a file of keys adds to a name.
_KEPT_AS = r"(?:[_-](?:data|base|base64|b64|pem|hex))?"
# A quote mark, escaped as in ``_ASSIGNS``; and what a secret without spaces is made of.
_QUOTE = r"\\{0,7}[\"']"
_VISIBLE = r"[^\s\"'`<>{}$\\]"
# A word that no help text and no code would have there.
_NO_WORD = r"(?=[^\s\d]{0,64}\d|\S{20})"
_OWNED = "|".join(rf"(?<={owner})|(?<={owner}[_-])" for owner in _OWNERS)

# A header's value to the line's end: a quote within it is followed by more of it.
_HEADER_REST = r"""(?:[^\r\n\\"']|\\{0,7}["'](?=[^\s,:)}\]"']|[,;]\s?[\w-]{1,32}=)){1,65536}+"""
_OPENS = r"""\s{0,4}\\{0,7}["']?"""
# Where a parameter of a URL begins.
_PARAMETER = "|".join(
    rf"(?<=[?&#;]{owner})"
    for owner in (
        *("", "access_", "auth_", "api_", "id_", "refresh_", "private_", "client_", "api"),
        *("x-amz-", "x-amz-security-", "x-goog-", "x-ms-"),
    )
)

# Secrets that are recognised by what is around them; capitals do not count.
PHRASES = (
    SecretRule("slack", ("hooks.slack.com/",), r"hooks\.slack\.com/\w{1,20}+/([\w/-]{10,256}+)"),
    SecretRule("google-oauth", ("1//0", "4/0a"), r"(?:1//0|4/0(?-i:A))([\w-]{30,512}+)"),
    SecretRule("discord", ("/api/webhooks/",), r"/api/webhooks/\d{5,25}+/([\w-]{20,256}+)"),
    SecretRule("telegram", (":aa",), r"(?<=\d{8}):(?-i:AA)([\w-]{32,40}+)"),
    # A password as a system keeps it: it can be tried out at leisure.
    SecretRule(
        "hash",
        ("$apr1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$argon2", "$scrypt$"),
        r"\$(?:apr1|2[aby]|[56y]|argon2(?:id|i|d)|scrypt)\$([\w./+=,$-]{20,512}+)",
    ),
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
    SecretRule(
        "url",
        ("://",),
        r"""://(?!\[redacted:)[^\s/:@"'<>]{0,256}+:(?![{$%<*\[])([^\s/@"'<>]{1,256}+)@""",
    ),
    SecretRule("url", ("://",), r"://(?=[A-Za-z_-]{0,64}\d)([\w-]{20,256}+)@"),
    SecretRule("url", ("code=",), r"(?<=[?&])code=([^\s&#\"'<>\\{}$]{20,1024}+)"),
    SecretRule(
        "url",
        ("jdbc:oracle:",),
        r"""jdbc:oracle:\w{1,10}+:[^\s/@"']{1,64}+/(?![{$%<*\[])([^\s/@"']{1,128}+)@""",
    ),
    # Options of commands, and what files of credentials have in place of a sign.
    SecretRule(
        "option",
        ("--pass", "--token", "--secret", "--api", "--access", "--auth"),
        r"--(?:pass(?:word|wd|phrase)?|(?:api-?|access-?|auth-?)?(?:token|key)|secret(?:-key)?)"
        rf"\s{{1,4}}{_QUOTE}?(?!\[redacted:){_NO_WORD}({_VISIBLE}{{4,8192}}+)",
    ),
    SecretRule(
        "option",
        (" -u ", "--user ", "--user="),
        rf"(?: -u|--user)[ =]{{1,4}}{_QUOTE}?[\w.@+-]{{1,64}}+:(?!\d{{1,6}}\b)(?!\[redacted:)"
        rf"{_NO_WORD}({_VISIBLE}{{4,256}}+)",
    ),
    SecretRule(
        "option",
        ("sshpass", "mysql"),
        r"(?:sshpass\s{1,4}-p\s{0,4}"
        r"|mysql(?:dump|admin)?(?:\s{1,4}-[a-oq-z]\s{0,2}[\w.-]{1,64}+){0,6}+\s{1,4}-p)"
        rf"{_QUOTE}?(?!\[redacted:)(?!-)({_VISIBLE}{{4,256}}+)",
    ),
    SecretRule(
        "netrc",
        ("login ",),
        r"login\s{1,8}\S{1,256}+\s{1,8}password\s{1,8}(?!\[redacted:)([^\s\"\\]{3,512}+)",
    ),
    SecretRule(
        "sql",
        ("identified by", "with password", "encrypted password"),
        r"(?:identified\s{1,4}by(?:\s{1,4}password)?|(?:with|encrypted)\s{1,4}password)"
        rf"\s{{1,4}}{_QUOTE}(?!\[redacted:|%)({_VISIBLE}{{4,256}}+){_QUOTE}",
    ),
    # XML, and a pair of arguments.
    SecretRule(
        "assigned",
        ("password", "passwd", "secret", "token", "apikey"),
        rf"(?:password|passwd|secret|token|apikey)(?:{_QUOTE}\s{{1,4}}value={_QUOTE}"
        rf"(?!\[redacted:)([^\"'\\{{}}$<>]{{4,512}}+){_QUOTE}"
        rf"|>(?!\[redacted:)({_VISIBLE}{{4,512}}+)</)",
    ),
    SecretRule(
        "assigned",
        ("passw",),
        rf"passw(?:or)?d{_QUOTE}\s{{0,4}},\s{{0,4}}{_QUOTE}(?!\[redacted:)"
        rf"(?=[^\s\"'\d]{{0,64}}\d)({_VISIBLE}{{6,256}}+){_QUOTE}",
    ),
    SecretRule(
        "assigned",
        ("auth",),
        rf"(?<=[_\"'])auth{_ASSIGNS}\s{{0,4}}\\{{0,7}}[\"']?(?=[a-z+/]{{0,256}}[\d=])"
        r"([\w+/]{12,1024}+={0,2})(?![\w.(\[])",
    ),
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
        r"((?:[-+>|\t ]{0,4}[\w+/=]{1,64}+(?:\s|\\{1,4}[nr]){1,2}){1,1000}+)",
    ),
    SecretRule(
        "assigned",
        ("passw", "passphrase", "pwd", "secret", "key", "token"),
        r"(?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?"
        rf"|(?:{_OWNED})(?:key|token)){_KEPT_AS}{_ASSIGNS}{_VALUE}",
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

# Fields whose text is a secret where it looks like one.
TOKEN_FIELDS = frozenset({"auth", "token"})

# A private key: from its first line to its last, whatever is before its lines (numbers, quote
# marks, comment signs); where the last is missing, as far as it looks like one.
KEY_BEGINS = re.compile(
    r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}", re.IGNORECASE | re.ASCII
)
KEY_ENDS = re.compile(
    r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}", re.IGNORECASE | re.ASCII
)
KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{24}")
KEY_CUT = re.compile(r"(?:[A-Za-z0-9+/=\s\\:,\"'.()>|#*;]|-(?!----))*+")
