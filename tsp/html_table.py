"""A table in HTML, as notebooks show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def html_table(lines: Sequence[Sequence[str]]) -> str:
    """The table of texts, which are escaped; the first line is the heading."""
    heading, *rows = lines
    return f"<table>{_row('th', heading)}{''.join(_row('td', row) for row in rows)}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
