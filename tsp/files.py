"""Reading regular files of a limited size, writing files atomically, and folders that one program writes.

An existing file is never overwritten unless that is forced.
A file is written under a temporary name, which is locked meanwhile. A program that is killed leaves its temporary file
behind, without a lock; the next program that writes into the same folder removes it.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import time
import tokenize
import zipfile
import zlib
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nothing is locked
    fcntl = None

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

TEMPORARY = ".tsp-part-"
"""The first characters of a temporary file's name."""
LARGEST_FILE = 2**31
"""The most bytes of a file that is read, packed or unpacked."""
MOST_INSTANCES = 1_000_000
"""The most instances of a set."""
JUST_MADE = 1.0
"""Seconds in which a temporary file may not be locked yet."""
DAMAGED_ARRAYS = (
    *(EOFError, LookupError, MemoryError, OSError, OverflowError, RuntimeError, SyntaxError, SystemError),
    *(TypeError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What numpy raises for a damaged file of arrays, `.npy` or `.npz`."""
_held: ContextVar[frozenset[Path]] = ContextVar("_held", default=frozenset())
"""The folders that the running code holds; another thread holds none of them."""


def require_readable(path: str | os.PathLike[str]) -> Path:
    """Refuse what cannot be read in bounded time and memory: pipes, devices and huge files.

    Raises:
        ValueError: for a pipe, a device or a huge file.
        OSError: for a file that cannot be read.
    """
    about = Path(path).stat()
    if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
        raise ValueError(f"{path}: a pipe or a device, expected a regular file")
    require_size(path, about.st_size)
    return Path(path)


def require_different(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse a file that is given twice: what it holds would count twice.

    Raises:
        ValueError: naming the file.
    """
    seen = set[str]()
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise ValueError(f"{path}: given twice, expected different files")
        seen.add(place)


def require_size(path: str | os.PathLike[str], size: int) -> None:
    """Refuse a file of more bytes, packed or unpacked, than are read.

    Raises:
        ValueError: with both sizes.
    """
    if size > LARGEST_FILE:
        raise ValueError(f"{path}: {size / 2**30:.1f} GiB of data, expected at most {LARGEST_FILE / 2**30:g} GiB")


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file of a limited size; see `require_readable`."""
    return require_readable(path).read_bytes()


def read_utf8(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8.

    Raises:
        ValueError: for other content, and what `require_readable` refuses.
        OSError: for a file that cannot be read.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8, expected a text in UTF-8") from None


def require_writable(path: str | os.PathLike[str], *, force: bool) -> Path:
    """Refuse an output that cannot be written, before any work is done for it.

    Returns:
        the path to write; where `path` is a symbolic link, the file that it points to.

    Raises:
        ValueError: when `path` exists and `force` is not given, or cannot be written.
    """
    target = Path(path)
    folder = target.parent
    try:
        if target.is_symlink():
            target = target.resolve()  # write to the linked file, and keep the link
            folder = target.parent
            if target.is_symlink():  # a circle of links, which Python resolves without a word from 3.13 on
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.exists() and not target.is_file():
            raise ValueError(f"{path}: cannot be written (it is not a regular file)")
        if not folder.is_dir():
            raise ValueError(f"{path}: cannot be written (there is no folder {folder})")
        if target.exists() and not force:
            raise ValueError(f"{path}: exists; use --force to overwrite it")
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise ValueError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from None
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{path}: cannot be written (no permission to write in {folder})")
    return target


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, force: bool) -> Generator[Path]:
    """Yield a temporary path in the same folder, which replaces `path` when the block ends without an error.

    An interruption, even a power cut, leaves the old file or the new one, never a part of one.

    Args:
        path: the file to write; the temporary path has the same ending.
        force: whether an existing file may be replaced.

    Raises:
        ValueError: when `path` exists and `force` is not given, or cannot be written.
    """
    target = require_writable(path, force=force)
    _remove_abandoned(target.parent.absolute())
    temporary = target.with_name(f"{TEMPORARY}{uuid4().hex}{target.suffix}")
    descriptor = -1
    try:
        # Not the module tempfile, whose files only their owner can read.
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        _lock(descriptor)
        yield temporary
        os.fsync(descriptor)
        temporary.replace(target)
        if os.name == "posix":
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a full disk is reported without a name
            raise ValueError(f"{path}: cannot be written ({error.strerror or error})") from None
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        temporary.unlink(missing_ok=True)


@contextmanager
def hold_folder(folder: str | os.PathLike[str]) -> Generator[None]:
    """Keep other programs and threads that call this function out of a folder; it is made where it is missing.

    Code that holds a folder may hold it again. The lock ends with the process, however that ends. Where the system has
    no such locks, nobody is kept out.

    Raises:
        ValueError: when another program holds the folder, or it cannot be made.
    """
    target, descriptor = Path(folder), -1
    is_new = not target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if fcntl is not None:
            descriptor = os.open(target, os.O_RDONLY)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be created ({error.strerror})") from None
    place, held = target.resolve(), _held.get()
    is_mine, token = place in held, _held.set(held | {place})
    try:
        if fcntl is not None and not is_mine and not _lock(descriptor):
            raise ValueError(f"{folder}: another program is writing into it; wait for its end, or use another folder")
        yield
    finally:
        _held.reset(token)
        if is_new:
            with suppress(OSError):  # it holds files
                target.rmdir()
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file or folder for this process; False where another one holds it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


@cache
def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of programs that were killed; once for each folder."""
    if fcntl is None:
        return
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime < JUST_MADE:
                continue
            descriptor = os.open(path, os.O_RDONLY)
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str, *, force: bool) -> None:
    """Write a text file, in UTF-8 and with plain newlines, atomically; see `atomic_write`."""
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
