"""The machine: what reports and `tsp info` say of it and its packages, how much it may do at once, and its memory."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

MOST_AT_ONCE = 256
"""The largest number of threads or processes that a user may ask for: many thousands stop the machine."""
TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's `mallopt`: free bytes above which memory is given back, and most blocks outside the heap."""
LIBRARIES = ("numpy", "scipy", "numba", "torch", "ortools", "pyvrp")


def describe_machine() -> dict[str, str]:
    """The processor, the operating system, and the versions of Python and of libraries."""
    known = {"Python": platform.python_version(), **{name: installed_version(name) for name in LIBRARIES}}
    versions = ", ".join(f"{name} {version}" for name, version in known.items() if version)
    cores = os.cpu_count() or 1
    return {
        "processor": f"{_processor()}, {cores} core{'' if cores == 1 else 's'}",
        "system": platform.platform(),
        "libraries": versions,
    }


def keep_freed_memory() -> None:
    """Let this process keep memory that it frees, for what it allocates next. Nothing happens without glibc.

    Each step of a policy on a CPU allocates large tensors of the same sizes. glibc gives them back to the system when
    they are freed, and the system clears each page before it hands it out again: a sixth of the time of training, and
    of decoding large batches.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):
        libc.mallopt(TRIM_THRESHOLD, -1)
        libc.mallopt(MMAP_MAX, 0)


def installed_version(package: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
