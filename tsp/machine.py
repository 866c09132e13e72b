"""What reports and `tsp info` say about the machine and the versions of packages, and how much it may do at once."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

MOST_AT_ONCE = 256
"""The largest number of threads or processes that a user may ask for: many thousands stop the machine."""
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
