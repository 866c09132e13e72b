"""Text files as the readers see them: decoded, and with the line of whatever is wrong in them."""

from __future__ import annotations

import codecs
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TextFile:
    """A text file's content.

    Attributes:
        path: where it lies; every complaint begins with it.
        text: its content, lines ended by a newline alone.
    """

    path: Path
    text: str

    def line_at(self, position: int) -> int:
        """Number, from 1, of the line that holds the character at `position`."""
        return self.text.count("\n", 0, position) + 1

    @property
    def last_line(self) -> int:
        """Number, from 1, of the last line that is not blank."""
        return self.line_at(len(self.text.rstrip()))

    def error(self, line: int, complaint: str) -> ValueError:
        """The error for what is wrong in a line."""
        return ValueError(f"{self.path}:{line}: {complaint}")


def read_text(path: Path) -> TextFile:
    """Read a text file: UTF-8 or, as spreadsheets write it, UTF-16; else Latin-1.

    Raises:
        ValueError: for a file that is empty or not text.
        OSError: for one that cannot be read.
    """
    data = path.read_bytes()
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


def parse_number(token: str) -> float | None:
    """The number that `token` spells; None where it spells none, or one that is not finite."""
    try:
        value = float(token)
    except ValueError:
        return None
    return value if math.isfinite(value) and token.isascii() and "_" not in token else None


def format_number(value: float) -> str:
    """The shortest text that is read as exactly this number; whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def quote(token: str) -> str:
    """A piece of a file as errors show it: on one line, cut when long."""
    return repr(token if len(token) <= 40 else token[:37] + "...")


def reason(error: Exception) -> str:
    """What a library's error says, in a few words on one line."""
    said = str(error).partition("\n")[0].rstrip(",.")
    return (said if len(said) <= 160 else said[:157] + "...") or type(error).__name__
