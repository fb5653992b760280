"""``engine --hf``: a model from a hub on this machine, resumed, checked and served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.engine.hub import Listing, chosen, parts
from core.engine.weights import default_weights
from core.errors import ConfigError, EngineError
from core.extras import how_to_install
from core.settings import load_settings
from tests.support.engine.hub import Hub, hub_of
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = b"GGUF" + bytes(range(256)) * 8192
# Fetches what each line of standard input asks for, into the cache that it names.
FETCH = """
import json, os, sys
from core.engine.hub import fetch
from core.errors import ReflexError
for line in sys.stdin:
    spec, os.environ["XDG_CACHE_HOME"] = json.loads(line)
    try:
        ended = 0, str(fetch(spec))
    except ReflexError as error:
        ended = error.exit_code, f"{error.message}\\n{error.remedy}"
    print(json.dumps(ended), flush=True)
"""
SERVE = ("engine", "--json", "--port", "0", "--threads", "1")
CODE = "import sys; from reflex_tui.cli.main import run; sys.exit(run(sys.argv[1:], 'x'))"

needs_library = pytest.mark.skipif(
    find_spec("huggingface_hub") is None, reason="the hf extra is not installed"
)


def surroundings(tmp_path: Path) -> dict[str, str]:
    """A hub cache of its own, and nothing of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {
        "HF_HOME": str(tmp_path / "hf"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a process of this test's own."""
    return surroundings(tmp_path)


@dataclass
class Fetcher:
    """``fetch`` in a process whose hub stays the same, as HF_ENDPOINT counts at import."""

    process: subprocess.Popen[str]
    cache: str = ""

    def ask(self, spec: str) -> None:
        """Ask for a model."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps([spec, self.cache]) + "\n")
        self.process.stdin.flush()

    def fetch(self, spec: str) -> tuple[int, str]:
        """Exit status and output."""
        assert self.process.stdout
        self.ask(spec)
        line = self.process.stdout.readline()
        assert line, "the process ended; what it said is above"
        status, said = json.loads(line)
        return status, said


@contextmanager
def fetcher_of(environment: dict[str, str], url: str) -> Iterator[Fetcher]:
    """A fetcher that asks the hub at ``url``."""
    with subprocess.Popen(
        [sys.executable, "-c", FETCH],
        env=environment | {"HF_ENDPOINT": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Fetcher(process, environment["XDG_CACHE_HOME"])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Fetcher]]:
    own = tmp_path_factory.mktemp("hub")
    with hub_of({}) as hub, fetcher_of(surroundings(own), hub.url) as fetcher:
        yield hub, fetcher


@pytest.fixture
def hub(_shared: tuple[Hub, Fetcher]) -> Hub:
    """A hub without files."""
    shared, _ = _shared
    shared.files, shared.listed, shared.fetched = {}, {}, []
    return shared


@pytest.fixture
def fetcher(_shared: tuple[Hub, Fetcher], tmp_path: Path) -> Fetcher:
    """What fetches from ``hub`` into a cache of its own."""
    _, shared = _shared
    shared.cache = str(tmp_path / "cache")
    return shared


@needs_library
def test_the_only_model_is_fetched_once(hub: Hub, fetcher: Fetcher) -> None:
    """The second time it is taken from the cache."""
    hub.files = {"README.md": b"x", "m-q4.gguf": MODEL}
    for _ in range(2):
        status, path = fetcher.fetch("someone/m-GGUF")
        assert status == 0, path
        assert path.endswith("/m-q4.gguf")
        assert Path(path).read_bytes() == MODEL
    assert hub.fetched == [("m-q4.gguf", None)]


@pytest.mark.slow
@needs_library
def test_what_broke_off_is_resumed(environment: dict[str, str]) -> None:
    """A killed process leaves what it had; the next one asks for the rest alone."""
    model = b"GGUF" + bytes(24 << 20)
    with hub_of({"m.gguf": model}) as hub:
        hub.hang_at = 16 << 20
        with fetcher_of(environment, hub.url) as killed:
            killed.ask("someone/m")
            assert hub.hung.wait(PATIENCE_S)
            models = Path(environment["XDG_CACHE_HOME"]).rglob("*.part")
            while not any(part.stat().st_size for part in models):
                models = Path(environment["XDG_CACHE_HOME"]).rglob("*.part")
                time.sleep(0.02)
        hub.hang_at = None
        with fetcher_of(environment, hub.url) as fetcher:
            status, path = fetcher.fetch("someone/m")
        assert status == 0, path
        assert Path(path).read_bytes() == model
        assert [wanted for _, wanted in hub.fetched] == [None, f"bytes={10 << 20}-"]
        assert not list(Path(path).parent.glob("*.part"))


@needs_library
def test_a_file_that_is_not_what_was_listed_is_removed(hub: Hub, fetcher: Fetcher) -> None:
    """Neither served nor kept; the right one is fetched when it is there."""
    hub.files = {"m.gguf": MODEL}
    hub.listed["m.gguf"] = "0" * 64
    status, said = fetcher.fetch("someone/m")
    assert status == 1
    assert "sha256 differs" in said
    del hub.listed["m.gguf"]
    status, said = fetcher.fetch("someone/m")
    assert status == 0, said


@needs_library
@pytest.mark.parametrize(
    ("files", "spec", "status", "told"),
    [
        ({"a.gguf": MODEL, "b.gguf": MODEL}, "o/m", 2, "--hf o/m:b.gguf"),
        ({"a.gguf": MODEL}, "o/m:c.gguf", 2, "holds no c.gguf"),
        ({"a.safetensors": MODEL}, "o/m", 2, "holds no GGUF file"),
        ({"a.gguf": b"<html>"}, "o/m", 2, "is not a GGUF file"),
        ({"a.gguf": MODEL}, "not a/name/at all", 1, "cannot be fetched"),
        ({"../a.gguf": MODEL}, "o/m", 2, "holds no GGUF file"),
    ],
)
def test_what_cannot_be_served_is_said(
    hub: Hub, fetcher: Fetcher, *, files: dict[str, bytes], spec: str, status: int, told: str
) -> None:
    """One clear message, with the names that would work."""
    hub.files = files
    assert (found := fetcher.fetch(spec))[0] == status, found
    assert told in found[1]


@needs_library
def test_a_file_without_a_hash_is_refused(hub: Hub, fetcher: Fetcher) -> None:
    """What cannot be checked is not served."""
    hub.files, hub.listed = {"m.gguf": MODEL}, {"m.gguf": None}
    status, said = fetcher.fetch("o/m")
    assert status == 1
    assert "no sha256" in said


@needs_library
def test_nobody_there_is_one_clear_line(environment: dict[str, str]) -> None:
    """Offline, and nothing in the cache."""
    with hub_of({}) as hub:
        pass
    with fetcher_of(environment, hub.url) as fetcher:
        status, said = fetcher.fetch("o/m")
    assert status == 1
    assert "cannot be fetched" in said


def test_without_the_library_the_extra_is_named(project: Path) -> None:
    """What to install, not an ImportError."""
    script = f"import sys; sys.modules['huggingface_hub'] = None\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", script, "engine", "--hf", "o/m"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert how_to_install("hf") in done.stderr


def test_a_split_model_needs_all_its_parts() -> None:
    """The first is named, all are fetched; a missing one is said before anything is."""
    names = [f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    whole = Listing("o/m", "c", dict.fromkeys(names))
    assert chosen(whole, "") == names[0]
    assert parts(names[0], whole) == names
    assert parts("m.gguf", whole) == ["m.gguf"]
    with pytest.raises(EngineError, match="lacks m-00003"):
        parts(names[0], Listing("o/m", "c", dict.fromkeys(names[:2])))


def test_a_hostile_listing_shows_no_control_characters() -> None:
    """File names are a server's word."""
    listing = Listing("o/m", "c", {"a\x1b[2J.gguf": None, "b.gguf": None})
    with pytest.raises(ConfigError) as caught:
        chosen(listing, "")
    assert "\x1b" not in caught.value.message + caught.value.remedy


def serve(project: Path, environment: dict[str, str], *arguments: str) -> str:
    """``code reflex engine …`` until it serves, then Ctrl-C; its first JSON document."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE, *SERVE, *arguments],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        document = ""
        for line in process.stdout:
            document += line
            if line.startswith("}"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert document, errors
    return document


@pytest.mark.slow
@pytest.mark.engine
def test_write_puts_the_lines_into_the_file(project: Path, environment: dict[str, str]) -> None:
    """Comments and all other keys stay; the next command goes by them."""
    path = project / "stage0.toml"
    path.write_text('# mine\n[reflex]\ntimeout_ms = 900 # fast\nmodel = "old" # the model\n')
    served = json.loads(serve(project, environment, "--write", "--model", 'a "b"'))
    settings = load_settings(path)
    assert settings.reflex.endpoint == served["endpoint"]
    assert settings.reflex.model == served["model"] == 'a "b"'
    text = path.read_text()
    assert text.startswith("# mine\n[reflex]\ntimeout_ms = 900 # fast\n")
    assert "# the model" in text
    assert str(path) in served["written"]


@pytest.mark.slow
@needs_library
@pytest.mark.engine
def test_a_fetched_model_is_served(project: Path, environment: dict[str, str]) -> None:
    """From the hub over HTTP into llama.cpp, under its own name."""
    with hub_of({"some-Model.gguf": default_weights().read_bytes()}) as hub:
        environment["HF_ENDPOINT"] = hub.url
        served = json.loads(serve(project, environment, "--hf", "o/m"))
    assert served["model"] == "some-model"
    assert served["written"] is None
    assert not (project / "stage0.toml").exists()
