"""A project's file cannot send prompts or keys where the user has not agreed to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError, UntrustedEndpoint
from core.router.backends import all_backends, cloud, primary
from core.settings import Settings, load_settings, trust

if TYPE_CHECKING:
    from pathlib import Path


def project(tmp_path: Path, text: str) -> Settings:
    """The settings of a project's file with ``text``."""
    path = tmp_path / "stage0.toml"
    path.write_text(text)
    return load_settings(path)


@pytest.mark.parametrize(
    ("endpoint", "loopback"),
    [
        ("http://127.0.0.1:3009/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]:3009/v1", True),
        ("http://[::ffff:127.0.0.1]/v1", True),
        ("http://0.0.0.0:3009/v1", False),
        ("http://127.0.0.1.evil.example/v1", False),
        ("http://localhost.evil.example/v1", False),
        ("http://2130706433/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_loopback_is_told_by_address(endpoint: str, *, loopback: bool) -> None:
    """Only addresses of this machine and the name localhost count."""
    assert trust.is_loopback(endpoint) is loopback


def test_a_projects_remote_endpoint_is_refused_until_trusted(tmp_path: Path) -> None:
    """The refusal names the line and the command; after it the same file is accepted."""
    settings = project(tmp_path, '[reflex]\nendpoint = "https://evil.example/v1"\n')
    with pytest.raises(UntrustedEndpoint) as caught:
        primary(settings)
    assert "stage0.toml:2" in caught.value.message
    assert "code reflex trust https://evil.example:443" in caught.value.remedy
    trust.trust("https://EVIL.example/other/path")
    assert primary(settings).endpoint == "https://evil.example/v1"
    assert trust.store().read_text() == "https://evil.example:443\n"


def test_further_backends_are_checked_too(tmp_path: Path) -> None:
    """No configured server escapes the check."""
    settings = project(
        tmp_path, '[reflex.backends.far]\nendpoint = "http://evil.example/v1"\nmodel = "m"\n'
    )
    with pytest.raises(UntrustedEndpoint, match=r"reflex\.backends\.far\.endpoint"):
        all_backends(settings, {})


def test_the_environment_can_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$REFLEX_TRUSTED_ENDPOINTS serves where no file can be kept."""
    monkeypatch.setenv(trust.ENVIRONMENT, "https://a.example/v1, https://b.example")
    settings = project(tmp_path, '[cloud]\nendpoint = "https://b.example/v1"\n')
    assert cloud(settings, {}).endpoint == "https://b.example/v1"


def test_the_default_cloud_needs_no_trust_and_gets_its_key(tmp_path: Path) -> None:
    """Naming the built-in default changes nothing."""
    settings = project(tmp_path, '[cloud]\nendpoint = "https://api.openai.com/v1"\n')
    assert cloud(settings, {"OPENAI_API_KEY": "sk-x"}).api_key == "sk-x"


def test_a_project_cannot_choose_which_secret_is_sent(tmp_path: Path) -> None:
    """A foreign api_key_env is refused, by name only."""
    settings = project(tmp_path, '[cloud]\napi_key_env = "AWS_SECRET_ACCESS_KEY"\n')
    with pytest.raises(UntrustedEndpoint) as caught:
        cloud(settings, {"AWS_SECRET_ACCESS_KEY": "hunter2"})
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.remedy


def test_a_project_cannot_send_the_key_to_a_local_listener(tmp_path: Path) -> None:
    """Loopback may be contacted, but gets no key unless trusted."""
    settings = project(tmp_path, '[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n')
    assert cloud(settings, {"OPENAI_API_KEY": "sk-x"}).api_key is None
    trust.trust("http://127.0.0.1:9")
    assert cloud(settings, {"OPENAI_API_KEY": "sk-x"}).api_key == "sk-x"


def test_a_reflex_backend_never_has_a_key(tmp_path: Path) -> None:
    """Keys are the cloud's, and do not show in a backend's repr."""
    backends = all_backends(project(tmp_path, ""), {"OPENAI_API_KEY": "sk-x"})
    assert backends["reflex"].api_key is None
    assert "sk-x" not in repr(backends)


def test_trusting_what_is_no_url_is_refused() -> None:
    """A typo is not remembered."""
    with pytest.raises(ConfigError, match="is not a URL"):
        trust.trust("evil.example")


def test_trust_given_by_several_at_once_is_kept() -> None:
    """Each reads the list and writes it anew, one after another."""
    wanted = [f"https://h{number}.example.com:443" for number in range(8)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        assert list(pool.map(trust.trust, wanted)) == wanted
    assert trust.trusted() >= set(wanted)


def test_a_damaged_line_costs_no_other() -> None:
    """What else stands in the list holds again with the next one."""
    trust.trust("https://a.example.com")
    trust.store().write_bytes(trust.store().read_bytes() + b"\xff\n")
    trust.trust("https://b.example.com")
    assert trust.trusted() == {"https://a.example.com:443", "https://b.example.com:443"}


def test_a_list_kept_elsewhere_stays_there(tmp_path: Path) -> None:
    """Behind a link of the user's own."""
    kept = tmp_path / "kept"
    kept.write_text("")
    trust.store().parent.mkdir(parents=True)
    trust.store().symlink_to(kept)
    trust.trust("https://a.example.com")
    assert trust.store().is_symlink()
    assert kept.read_text() == "https://a.example.com:443\n"
