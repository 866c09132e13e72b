"""Writing files atomically, and never over an existing file unless that is forced."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Generator


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
        if target.exists() and not target.is_file():
            raise ValueError(f"{path}: cannot be written (it is not a regular file)")
        if not folder.is_dir():
            raise ValueError(f"{path}: cannot be written (there is no folder {folder})")
        if target.exists() and not force:
            raise ValueError(f"{path}: exists; use --force to overwrite it")
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
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
    temporary = target.with_name(f".{uuid4().hex}{target.suffix}")
    try:
        try:
            temporary.touch(exist_ok=False)  # not the module tempfile, whose files only their owner can read
        except OSError as error:
            raise ValueError(f"{path}: cannot be written ({error.strerror})") from None
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        if os.name == "posix":
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, *, force: bool) -> None:
    """Write a text file, in UTF-8 and with plain newlines, atomically; see `atomic_write`."""
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
