"""What is not run and why, what lasts until Ctrl-C, and which programs a machine may lack."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

TUTORIAL = "docs/tutorial.md"  # its own commands are played by test_tutorial.py

EXCEPTED = {
    r"make (demo|test|coverage|lint|contracts|check|lock|torture|bench|wheel)\b": (
        "makes an environment or runs tests"
    ),
    r"\.venv/bin/python -m pytest .*--snapshot-update": "writes the snapshots of this tree",
    r"pip install ": "fetches packages; the packages' own check installs the wheel",
    r"(uv tool|pipx) install ": "fetches packages into the user's home",
    r"python -m venv \S+ && \S+/pip install ": "fetches the packages of the peers",
    r"python benchmarks/": "measures for minutes; test_other_blocks.py checks file and options",
    r"(sglang|vllm) serve ": "needs a GPU; its line is compared with what health prints",
    r"(sglang|vllm)-router ": "another project's program, in front of two servers with GPUs",
    r"llama-server ": "another project's program, and weights of gigabytes",
    r"OLLAMA_HOST=\S+ .*ollama ": "another project's program, and weights of gigabytes",
    r"lms ": "another project's program, with a window of its own",
    r"code reflex engine --hf ": "fetches gigabytes; tests/engine/test_hf.py has a stand-in hub",
    r"code reflex launch \w": "another project's program; tests/agents has one that stands in",
    r"aider ": "another project's program, which is not among our dependencies",
    r"claude ": "another project's program, which is not among our dependencies",
    r"llm -m ": "wants its models file; tests/gateway/test_other_clients.py runs it with one",
    r"code reflex report (show|compare|attest)": "wants earlier reports; tests/report has some",
    r"code reflex suite (make|show|check)": "wants a project with checks; tests/suite makes one",
    r"code reflex init": "wants no configuration; tests/cli/test_init.py has none",
    r"gh ": "another project's program, which asks GitHub",
    r"docker ": "fetches an image; a job of CI builds it and runs it",
    r"specify ": "another project's program; tests/integrations reads what it would add",
}
"""Patterns of how a command begins, each with the reason for which no test runs it."""

COSTLY = {
    r"dask |code reflex bakeoff --executor dask:": "tests/scale has a scheduler and workers",
    r"code reflex bakeoff --resume": "tests/bakeoff stops runs and resumes them",
    r"code reflex bakeoff --(aa|reuse-cloud)": "tests/bakeoff has runs of both kinds",
    r"code reflex bakeoff merge": "tests/scale merges the reports of two shards",
    r"code reflex engine --(threads|port|gguf)": "README starts one; tests/engine has options",
    r"code reflex demo": "tests/hostile/test_interrupt.py starts it, and ends it with a signal",
    r"code reflex tui --config": "README opens one, and every command takes --config",
    r"code reflex serve --port": "README serves; tests/gateway gives the options",
    r"code reflex implement 'Round half up, also": "README has the same files and check",
}
"""Patterns of commands that take seconds and show what others show.

They are played in the full form alone, with ``REFLEX_TORTURE=1``; each with who shows it else.
"""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A command that runs until SIGINT: what it ``says`` once it works, and how it ``ends``.

    The first group of ``says`` is an address that must then answer HTTP at ``path``.
    """

    begins: str
    says: str
    ends: int = 130
    path: str = ""
    on_terminal: bool = False


LASTING = (
    Lasting(r"code reflex serve\b", r"serving at (http://\S+);", path="/models"),
    Lasting(r"code reflex engine\b", r"serving \S+ at (http://\S+);", path="/models"),
    Lasting(r"code reflex health --watch", r"● up"),
    Lasting(r"code reflex events (-f|--follow)", r"LLMCall|RoutingDecision"),
    Lasting(r"code reflex events export --otlp .*(-f|--follow)$", r"\d+ events, to"),
    Lasting(r"code reflex tui --web", r"at (http://\S+);"),
    Lasting(r"code reflex (tui|demo)\b", r"● up", on_terminal=True),
)

_PROGRAMS = {
    "fish": r"\bcompletion fish\b",
    "zsh": r"\bcompletion zsh\b",
    "jq": r"\| jq ",
    "openssl": r"\bopenssl ",
    "cc": r"--file a\.c ",
    "make": r"--check .?make ",
    "curl": r"curl ",
}


def exception(text: str) -> str | None:
    """The pattern by which a command is excepted."""
    return next((one for one in EXCEPTED if re.match(one, text)), None)


def costly(text: str) -> str | None:
    """The pattern by which a command is played in the full form alone."""
    return next((one for one in COSTLY if re.match(one, bare(text))), None)


def lasting(text: str) -> Lasting | None:
    """How to see a command work that does not end by itself."""
    return next((one for one in LASTING if re.match(one.begins, bare(text))), None)


def lacking(text: str) -> str | None:
    """The program of the system's that a command needs and this machine has not."""
    for program, pattern in _PROGRAMS.items():
        if re.search(pattern, text) and not shutil.which(program):
            return program
    return None


def bare(text: str) -> str:
    """A command without the remark behind it, and by its first name."""
    return re.sub(r"^speckit-reflex ", "code reflex ", text.partition("  #")[0].strip())
