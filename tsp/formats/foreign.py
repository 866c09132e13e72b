"""Files of other programs that are not read: what they are, by their first bytes, and what to do with them."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "expected CSV; in the spreadsheet program save or export the sheet as CSV (UTF-8), and give that file"
UNPACKED = "expected the file that is in it; unpack it first"
TEXT = "expected a list of nodes; export it as CSV or GeoJSON"

SPREADSHEETS = {
    ".xls": "an Excel workbook",
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".xlsb": "an Excel workbook",
    ".ods": "an OpenDocument spreadsheet",
    ".numbers": "a Numbers spreadsheet",
}
"""Ending → kind of file, where the content does not show it."""

STARTS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": f"an Excel workbook or another document of Microsoft Office, {SHEET}",
    b"%PDF": f"a PDF document, {TEXT}",
    b"SQLite format 3\0": f"an SQLite database (or a GeoPackage), {TEXT}",
    b"BZh": f"packed with bzip2, {UNPACKED}",
    b"\xfd7zXZ\0": f"packed with xz, {UNPACKED}",
    b"\x28\xb5\x2f\xfd": f"packed with Zstandard, {UNPACKED}",
    b"7z\xbc\xaf\x27\x1c": f"a 7-Zip archive, {UNPACKED}",
}
"""First bytes → kind of file, and what to do with it."""

_FLAGS = re.IGNORECASE | re.DOTALL
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|html|gpx|kml|osm|svg|workbook|table)\b", _FLAGS)
_ROOT = re.compile(rb".*?<(?:[a-z]\w*:)?([a-z]\w*)", _FLAGS)
MARKUP_SHEETS = ("workbook", "html", "table")
"""Root elements that spreadsheet programs write."""


def refuse_foreign(path: Path, data: bytes) -> None:
    """Refuse a file that is recognized as one of another program.

    Args:
        path: the file; every error message begins with it.
        data: its content, or the unpacked content.

    Raises:
        ValueError: with what the file is, and what to do.
    """
    found = next((what for start, what in STARTS.items() if data.startswith(start)), None)
    if found is None and data.startswith(b"PK"):
        found = _archive(path, data)
    if found is None and _MARKUP.match(data):
        root = _ROOT.match(data[:2000])
        name = root[1].decode("ascii").lower() if root else "xml"
        found = f"markup with the root element <{name}>, {SHEET if name in MARKUP_SHEETS else TEXT}"
    if found is not None:
        raise ValueError(f"{path}: {found}")


def _archive(path: Path, data: bytes) -> str | None:
    """A description of a ZIP archive; None for an archive of numpy's arrays."""
    sheet = SPREADSHEETS.get(path.suffix.lower())
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            kind = archive.read("mimetype")[:200] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError):
        return sheet and f"{sheet}, cut off or damaged; {SHEET}"
    if any(name.startswith("xl/") for name in names):
        sheet = SPREADSHEETS[".xlsx"]
    elif b"opendocument.spreadsheet" in kind:
        sheet = SPREADSHEETS[".ods"]
    if sheet is not None:
        return f"{sheet}, {SHEET}"
    return None if any(name.endswith(".npy") for name in names) else f"a ZIP archive, {UNPACKED}"
