"""Secrets of every kind, planted in a text: none is anybody's."""

from __future__ import annotations

import base64
import json
import string

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
    "age": (f"AGE-SECRET-KEY-1{UPPER[:58]}", UPPER[:58]),
}
