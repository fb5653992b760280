"""The machine a bakeoff runs on, as its report says."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.harness.report.model import Environment
from core.plain import plain

_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def environment() -> Environment:
    """This machine and this package; the host's name is hashed."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(),
        cpus=os.cpu_count() or 0,
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        reflex_version=_version(),
        hostname_hash=hashlib.sha256(f"reflex:{platform.node()}".encode()).hexdigest()[:16],
    )


def _cpu() -> str:
    try:
        found = _MODEL.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return plain(found[1] if found else platform.processor() or platform.machine(), 120)


def _version() -> str:
    try:
        return version("speckit-reflex")
    except PackageNotFoundError:
        return "unknown"
