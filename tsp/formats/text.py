"""Decoded text files, which name the line in error messages, and the parsing of numbers."""

from __future__ import annotations

import codecs
import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tsp.files import read_bytes, require_size
from tsp.formats.foreign import refuse_foreign

GZIP = b"\x1f\x8b"
"""The first bytes of a file packed with gzip."""
PIECE = 2**18
"""Bytes that are unpacked at once."""


@dataclass(frozen=True)
class TextFile:
    """A text file's content.

    Attributes:
        path: the file; every error message begins with it.
        text: its content, lines ended by a newline alone.
        unit: what errors call a line.
    """

    unit: ClassVar = "line"

    path: Path
    text: str

    def line_at(self, position: int) -> int:
        """Number, from 1, of the line that holds the character at `position`."""
        return self.text.count("\n", 0, position) + 1

    @property
    def last_line(self) -> int:
        """Number, from 1, of the last line that is not blank."""
        return self.line_at(len(self.text.rstrip()))

    def error(self, line: int, message: str) -> ValueError:
        """An error that names the file and the line."""
        return ValueError(f"{self.path}:{line}: {message}")


def without_gz(path: Path) -> Path:
    """The path without the ending `.gz` of a packed file: its ending decides the format, its stem is the name."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def read_text(path: Path) -> TextFile:
    """Read a text file, perhaps packed with gzip: UTF-8, UTF-16 (written by spreadsheets), or otherwise Latin-1.

    Raises:
        ValueError: for a file that is empty or not text, or cannot be unpacked.
        OSError: for a file that cannot be read.
    """
    data = _unpacked(path, read_bytes(path))
    refuse_foreign(without_gz(path), data)
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    file = TextFile(path, text.replace("\r\n", "\n").replace("\r", "\n"))
    if "\0" in file.text:
        raise file.error(file.line_at(file.text.index("\0")), "binary data, expected text")
    if not file.text.strip():
        raise file.error(1, "the file is empty")
    return file


def _unpacked(path: Path, data: bytes) -> bytes:
    """The content of a file that may be packed with gzip."""
    if not data.startswith(GZIP):
        if path.suffix.lower() == ".gz":
            raise ValueError(f"{path}: not packed with gzip as its ending says, expected a gzip file")
        return data
    pieces: list[bytes] = []
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while piece := file.read(PIECE):
                pieces.append(piece)
                require_size(path, len(pieces) * PIECE)
    except EOFError:
        raise ValueError(f"{path}: the gzip file is cut off, expected the whole file") from None
    except (OSError, zlib.error) as error:
        raise ValueError(f"{path}: the gzip file is damaged and cannot be unpacked ({reason(error)})") from None
    return b"".join(pieces)


def parse_number(token: str) -> float | None:
    """The number in `token`; None if it is not a number, or not a finite one."""
    try:
        value = float(token)
    except ValueError:
        return None
    return value if math.isfinite(value) and token.isascii() and "_" not in token else None


def format_number(value: float) -> str:
    """The shortest text that is read as exactly this number; whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def quote(token: str) -> str:
    """A piece of a file for an error message: on one line, shortened if it is long."""
    return repr(token if len(token) <= 40 else token[:37] + "...")


def reason(error: Exception) -> str:
    """The message of a library's error, shortened to one line."""
    message = str(error).partition("\n")[0].rstrip(",.")
    return (message if len(message) <= 160 else message[:157] + "...") or type(error).__name__
