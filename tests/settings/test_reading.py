"""stage0.toml is read strictly, and every mistake says where it is."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.settings import load_settings
from core.settings.find import user_config_dir
from core.settings.model import Document
from core.settings.read import MAX_BYTES, parse

ROOT = Path(__file__).parents[2]


def test_the_sample_holds_every_key_with_its_default() -> None:
    """Uncommenting nothing, the sample reads as the defaults, and names every key."""
    text = (ROOT / "stage0.toml.sample").read_text(encoding="utf-8")
    document, lines = parse(text, "stage0.toml.sample")
    assert document == Document()
    uncommented = re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", text)
    everything, every_line = parse(uncommented, "all")
    assert everything.cloud.price_input_per_million == 0.25
    for table, model in (("reflex", Document().reflex), ("cloud", Document().cloud)):
        keys = {path[1] for path in every_line if path[0] == table}
        assert keys >= set(type(model).model_fields) - {"backends"}
    assert ("reflex", "fallback", "order") in lines


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[reflex]\nenabeld = true", 2, ["reflex.enabeld", "did you mean 'enabled'"]),
        ('[reflex]\n\ntimeout_ms = "1500"', 3, ["reflex.timeout_ms", "integer", "'1500'"]),
        ("[reflex]\ntimeout_ms = 0", 2, ["greater than or equal to 1"]),
        ("[reflex]\nenabled = 1", 2, ["boolean"]),
        ("[reflex.thresholds]\nconfidence = 1.0", 2, ["less than 1"]),
        ('[reflex]\nendpoint = "127.0.0.1:3009"', 2, ["must be a URL such as"]),
        ('[reflex]\nendpoint = "http://a:b@127.0.0.1/v1"', 2, ["must not hold credentials"]),
        ('[reflex]\ncapture_mode = "all"', 2, ["'none', 'prompts_only' or 'full_io'"]),
        ('[reflex.fallback]\norder = ["vlm"]', 2, ["fallback.order", "unknown backend 'vlm'"]),
        ('[reflex.fallback]\norder = ["cloud", "cloud"]', 2, ["names a backend twice"]),
        ('[reflex.backends.vllm]\nendpoint = "http://127.0.0.1/v1"', 1, ["model", "is required"]),
        (
            '[reflex.backends.cloud]\nendpoint="http://a/v1"\nmodel="m"',
            1,
            ["backends.cloud: is a reserved name"],
        ),
        ("[relfex]\nenabled = true", 1, ["did you mean 'reflex'"]),
        ("enabled = true", 1, ["unknown key"]),
        ("[reflex]\nenabled = maybe", 2, ["not valid TOML"]),
        ("[reflex]\nenabled", 2, ["not valid TOML"]),
        ("[cloud]\napi_key_env = 'A B'", 2, ["cloud.api_key_env"]),
    ],
)
def test_a_mistake_names_file_line_key_and_what_was_expected(
    text: str, line: int, words: list[str]
) -> None:
    """The message is enough to fix the file."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "stage0.toml")
    assert str(caught.value).startswith(f"stage0.toml:{line}:")
    for word in words:
        assert word in str(caught.value)


def test_deep_nesting_is_refused() -> None:
    """A line of brackets does not exhaust the stack."""
    with pytest.raises(ConfigError, match=r"nested too deeply|not valid TOML"):
        parse("x = " + "[" * 4000, "f")


def test_tables_of_other_tools_are_left_alone() -> None:
    """stage0.toml has other readers too."""
    document, _ = parse("[stage0]\nx = 1\n[reflex]\nenabled = true", "f")
    assert document.reflex.enabled


@given(st.text(max_size=300))
def test_no_text_is_anything_but_read_or_refused(text: str) -> None:
    """Whatever a file holds, reading it ends in a document or a ConfigError."""
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text, "f")[0], Document)


def test_the_nearest_file_up_to_the_repository_counts(project: Path) -> None:
    """From a directory inside, the project's file is found and its directory is the root."""
    (project / "stage0.toml").write_text("[reflex]\nenabled = true\n")
    inside = project / "a" / "b"
    inside.mkdir(parents=True)
    settings = load_settings(cwd=inside)
    assert settings.reflex.enabled
    assert settings.source.root == project.resolve()
    assert settings.origin("reflex", "enabled") == "stage0.toml:2"
    assert settings.origin("reflex", "model") == "default"
    assert not settings.source.trusted


def test_a_file_above_the_repository_does_not_count(project: Path) -> None:
    """Nobody who can write to a directory above configures the project."""
    (project.parent / "stage0.toml").write_text("[reflex]\nenabled = true\n")
    assert not load_settings(cwd=project).reflex.enabled
    assert not load_settings(cwd=project).source.path


def test_the_users_own_file_counts_last_and_is_trusted(project: Path) -> None:
    """Without a project's file the user's own applies, to the repository's root."""
    own = user_config_dir()
    own.mkdir(parents=True)
    (own / "stage0.toml").write_text("[reflex]\nenabled = true\n")
    settings = load_settings(cwd=project)
    assert settings.reflex.enabled
    assert settings.source.trusted
    assert settings.source.root == project.resolve()


def test_environment_and_option_win(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config beats $SPECKIT_CONFIG, which beats the project's file."""
    for name, model in (("stage0", "a"), ("env", "b"), ("option", "c")):
        (project / f"{name}.toml").write_text(f'[reflex]\nmodel = "{model}"\n')
    assert load_settings(cwd=project).reflex.model == "a"
    monkeypatch.setenv("SPECKIT_CONFIG", str(project / "env.toml"))
    assert load_settings(cwd=project).reflex.model == "b"
    assert load_settings(project / "option.toml", cwd=project).reflex.model == "c"


def test_what_is_no_small_regular_file_is_refused(project: Path) -> None:
    """Size, line length, encoding and kind are looked at before anything is parsed."""
    path = project / "stage0.toml"
    os.mkfifo(project / "fifo.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_settings(project / "fifo.toml")
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(project / "absent.toml")
    path.write_bytes(b"#\n" * MAX_BYTES)
    with pytest.raises(ConfigError, match="over 64 KiB"):
        load_settings(path)
    path.write_bytes(b"\n\n" + b"a." * 20_000 + b"b = 1")
    with pytest.raises(ConfigError, match=r"stage0.toml:3: line over 4 KiB"):
        load_settings(path)
    path.write_bytes(b"[reflex]\nmodel = '\xff'")
    with pytest.raises(ConfigError, match=r"stage0.toml:2: not UTF-8"):
        load_settings(path)
