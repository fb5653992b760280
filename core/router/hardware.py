"""Whether this machine has a GPU that SGLang and vLLM could use."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache

# The drivers' own tools, and the device files that containers are given without the tools.
_TOOLS = ("nvidia-smi", "rocm-smi", "amd-smi", "xpu-smi")
_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@lru_cache(maxsize=1)
def has_gpu() -> bool:
    """Looked at once: a tool on the ``PATH``, or a device file; nothing is started."""
    return any(map(os.path.exists, _DEVICES)) or any(map(shutil.which, _TOOLS))
