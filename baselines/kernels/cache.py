"""The folder of compiled kernels, named by a hash of all kernels' sources.

A kernel is compiled together with the parts that it calls from other modules, but numba's cache watches only the
module of the kernel itself. With the hash in the path, an edit of any of them compiles all of them again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from numba.core import config
from numba.misc.appdirs import AppDirs

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1]
PREFIX = "travelling-scientist-kernels-"
DIGITS = 12
"""Number of hexadecimal digits of the hash in the folder's name."""


def sources_hash(folder: Path) -> str:
    """A hash of the names and the contents of all modules in a package."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:DIGITS]


@cache
def cache_folder() -> Path:
    """The folder for the kernels of this package."""
    return folder_of(PACKAGE)


def folder_of(package: Path) -> Path:
    """The folder for this version of a package's sources: in `NUMBA_CACHE_DIR`, beside them, or in the user's cache.

    Folders of other versions in the same place are removed.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        place = Path(os.environ["NUMBA_CACHE_DIR"])
    else:
        beside = package / "__pycache__"
        can_write = os.access(beside if beside.exists() else package, os.W_OK)
        place = beside if can_write else Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    folder = place / f"{PREFIX}{sources_hash(package)}"
    for old in place.glob(f"{PREFIX}*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return folder


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Let functions that are decorated within this context store their compiled code in `cache_folder`."""
    before = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue] - set when numba is imported
    config.CACHE_DIR = str(cache_folder())  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # pyright: ignore[reportAttributeAccessIssue]
