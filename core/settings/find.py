"""Which configuration file applies, and which directory is its workspace's root."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, NoHome
from core.userdirs import user_dir

NAMES = ("stage0.toml", "speckit.toml")


@dataclass(frozen=True, slots=True)
class Source:
    """The file found (None: built-in defaults) and the root that ``.speckit/`` hangs off.

    ``trusted`` is true for the user's own file only: whatever else named it, a file that travels
    with a project may not choose which servers are contacted.
    """

    path: Path | None
    root: Path
    trusted: bool


def user_config_dir() -> Path:
    """The user's own configuration directory; not created. Raises NoHome."""
    return user_dir("config")


def find(explicit: Path | None = None, *, cwd: Path | None = None) -> Source:
    """The file that applies: ``--config``, ``$SPECKIT_CONFIG``, the project's, the user's, none.

    Raises:
        ConfigError: a file that was named does not exist.
    """
    here = _real(cwd or _working_directory())
    named = explicit if explicit is not None else _from_environment()
    if named is not None:
        path = here / named
        if not os.path.lexists(path):
            raise ConfigError(
                f"{path}: no such file",
                remedy="Check --config and $SPECKIT_CONFIG, or write it: endpoint and model in "
                "[reflex] are enough.",
            )
        return Source(path, _real(path).parent, trusted=False)
    repository = repository_above(here)
    for directory in _upwards(here, repository):
        for name in NAMES:
            # Also a link that leads nowhere: that is an error, not a file to pass over.
            if os.path.lexists(directory / name):
                return Source(directory / name, directory, trusted=False)
    root = repository or here
    with suppress(NoHome):
        own = user_config_dir() / NAMES[0]
        if os.path.lexists(own):
            return Source(own, root, trusted=True)
    return Source(None, root, trusted=True)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(
            f"the working directory cannot be used: {error.strerror}",
            remedy="Go to a directory that exists.",
        ) from error


def _real(path: Path) -> Path:
    # Path.resolve raises on links that go in a circle.
    return Path(os.path.realpath(path))


def _from_environment() -> Path | None:
    value = os.environ.get("SPECKIT_CONFIG", "")
    return Path(os.path.expanduser(value)) if value else None  # noqa: PTH111  never raises


def repository_above(here: Path) -> Path | None:
    """The nearest directory from ``here`` upwards that holds ``.git``; ``here`` is a real path."""
    return next((d for d in (here, *here.parents) if os.path.lexists(d / ".git")), None)


def _upwards(here: Path, repository: Path | None) -> list[Path]:
    # Without a repository only the working directory counts: going up to / would let anybody
    # who can write to /tmp configure what runs below it.
    if repository is None:
        return [here]
    chain = [here, *here.parents]
    return chain[: chain.index(repository) + 1]
