"""A model from the Hugging Face hub, by its own library (extra ``hf``): resumed, and checked."""

from __future__ import annotations

import fcntl
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from core.engine.weights import check_gguf, holds, user_cache_dir
from core.errors import ConfigError, EngineError, ReflexError
from core.extras import how_to_install
from core.files import make_private
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = 12
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"(.*-)00001-of-(\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the hub lists it: ``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The GGUF files that a repository holds at one commit, by path; None: listed without hash."""

    repo: str
    commit: str
    files: Mapping[str, Listed | None]


def fetch(spec: str, *, cache_dir: Path | None = None) -> Path:
    """The model ``REPO`` or ``REPO:FILE`` as a file on this machine, fetched if need be.

    Progress goes to standard error; what was broken off is resumed, by a later process too. Each
    file's sha256 must be the one that the hub lists for it. ``cache_dir`` is where models are kept;
    the user's cache directory by default.

    Raises:
        ConfigError: huggingface_hub is not installed, or ``spec`` names no one file.
        EngineError: it cannot be fetched, is not what the hub lists, or is no GGUF file.
    """
    try:
        import huggingface_hub as hub  # an extra, and heavy
    except ImportError as error:
        raise ConfigError(
            "huggingface_hub is not installed", remedy=how_to_install("hf")
        ) from error
    repo, _, file = spec.partition(":")
    try:
        listing = _list(hub, repo)
        wanted = parts(chosen(listing, file), listing)
        paths = _fetch_all(hub, listing, wanted, cache_dir or user_cache_dir())
    except ReflexError:
        raise
    except Exception as error:
        # The library's transports, and so their errors, change from version to version.
        raise EngineError(
            f"{plain(spec, 200)} cannot be fetched: {plain(error, 300)}",
            remedy="Check the name at the hub ($HF_ENDPOINT) and, for a gated model, $HF_TOKEN; "
            "what was fetched so far is kept and resumed.",
        ) from error
    return check_gguf(paths[0])


def chosen(listing: Listing, file: str) -> str:
    """The path that is meant: ``file``, or the repository's only model.

    Raises:
        ConfigError: there is no such file, or no file is named where there are several.
    """
    if file in listing.files:
        return file
    single = [name for name in listing.files if not _later_part(name)]
    if not file and len(single) == 1:
        return single[0]
    if not single:
        problem = f"{plain(listing.repo)} holds no GGUF file"
    elif file:
        problem = f"{plain(listing.repo)} holds no {plain(file)}"
    else:
        problem = f"{plain(listing.repo)} holds {len(single)} models"
    lines = [f"--hf {plain(listing.repo)}:{plain(name)}" for name in single[:_SHOWN]]
    raise ConfigError(
        problem, remedy="\n".join(["Name one of its files:", *lines]) if lines else ""
    )


def parts(name: str, listing: Listing) -> list[str]:
    """The files that make up the model, the first of which is served.

    Raises:
        EngineError: the repository lacks some of them.
    """
    split = _PART.fullmatch(name)
    if split is None:
        return [name]
    count = int(split[2])
    names = [f"{split[1]}{number:05d}-of-{split[2]}.gguf" for number in range(1, count + 1)]
    missing = [part for part in names if part not in listing.files]
    if missing:
        raise EngineError(f"{plain(listing.repo)} lacks {plain(missing[0])} of that model")
    return names


def _later_part(name: str) -> bool:
    return bool(re.fullmatch(r".*-(?!00001)\d{5}-of-\d{5}\.gguf", name))


def _list(hub: Any, repo: str) -> Listing:
    info = hub.HfApi().model_info(repo, files_metadata=True)
    files = {
        sibling.rfilename: Listed(sibling.lfs.size, sibling.lfs.sha256) if sibling.lfs else None
        for sibling in info.siblings or ()
        if sibling.rfilename.endswith(".gguf") and _stays_inside(sibling.rfilename)
    }
    return Listing(repo, str(info.sha), files)


def _stays_inside(name: str) -> bool:
    """Whether the name, a server's word, is a plain relative path."""
    return not name.startswith("/") and not {"", ".", ".."} & set(name.split("/"))


def _fetch_all(hub: Any, listing: Listing, names: list[str], cache_dir: Path) -> list[Path]:
    files = {name: _checkable(name, listing.files[name]) for name in names}
    # By content: another commit with the same model is no reason to fetch it again. llama.cpp
    # wants all parts of a model side by side.
    directory = cache_dir / "models" / files[names[0]].sha256
    make_private(directory)
    return [_fetch_one(hub, listing, name, listed, directory) for name, listed in files.items()]


def _checkable(name: str, listed: Listed | None) -> Listed:
    if listed is None or not _SHA256.fullmatch(listed.sha256):
        raise EngineError(
            f"the hub lists no sha256 for {plain(name)}, so it cannot be checked",
            remedy="Fetch it yourself, and serve it with --gguf FILE.",
        )
    return listed


def _fetch_one(hub: Any, listing: Listing, name: str, listed: Listed, directory: Path) -> Path:
    path = directory / name.rpartition("/")[2]
    memory = directory / f"{path.name}.verified.json"
    if path.is_file() and holds(path, listed.sha256, memory):
        return path
    part = directory / f"{path.name}.part"
    with part.open("ab") as file:
        # Of two processes that want it, one fetches and the other waits.
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.is_file() and holds(path, listed.sha256, memory):
            return path
        _download(hub, listing, name, listed, file)
        file.flush()
        if not holds(part, listed.sha256, memory):
            part.unlink()
            raise EngineError(
                f"{plain(name)} is not what the hub lists: its sha256 differs",
                remedy="It was removed; try again. If it differs again, do not use it.",
            )
        part.replace(path)
    return path


def _download(hub: Any, listing: Listing, name: str, listed: Listed, file: BinaryIO) -> None:
    """Fetch what ``file`` lacks. The library's own cache does not keep what was broken off."""
    from huggingface_hub.file_download import http_get  # an extra

    if (done := file.tell()) < listed.size:
        http_get(
            hub.hf_hub_url(listing.repo, name, revision=listing.commit),
            file,
            resume_size=done,
            headers=hub.utils.build_hf_headers(),
            expected_size=listed.size,
            displayed_filename=plain(name),
        )
