"""A certificate authority of a test's own, and a server's certificate that it has signed."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def authority(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """The authority's certificate, for ``SSL_CERT_FILE``, and what a server on loopback needs.

    Skips the test where there is no openssl.
    """
    ca_key, ca = directory / "ca.key", directory / "ca.pem"
    key, request, certificate = (directory / f"server.{end}" for end in ("key", "csr", "pem"))
    names = directory / "names"
    names.write_text(_NAMES)
    new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    commands = (
        f"req -x509 {new_key} -days 2 -subj /CN=authority -keyout {ca_key} -out {ca}",
        f"req {new_key} -subj /CN=localhost -keyout {key} -out {request}",
        (
            f"x509 -req -in {request} -CA {ca} -CAkey {ca_key} -set_serial 1 -days 2"
            f" -extfile {names} -out {certificate}"
        ),
    )
    try:
        for command in commands:
            subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return ca, context
