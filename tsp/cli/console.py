"""Printing: results to standard output, messages and progress to standard error."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping


CONTROLS = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}
"""Characters that control a terminal or the direction of text: names in files must not reach it with them."""


RED = "31"
"""The terminal's color of errors."""

_speech = {"is_quiet": False}


def set_quiet(quiet: bool) -> None:
    """Say whether messages and progress are printed: with `quiet`, only results and errors are."""
    _speech["is_quiet"] = quiet


def say(text: str) -> None:
    """Print a message for the user, which is not part of the result."""
    if not _speech["is_quiet"]:
        _speak("tsp:", text)


def complain(text: str) -> None:
    """Print an error, or why there is no whole result, in one line, which is never left out."""
    _speak(_colored("tsp:", RED), text.strip().replace("\n", "\\n"))


def _speak(prefix: str, text: str) -> None:
    print(f"{prefix} {text.translate(CONTROLS)}", file=sys.stderr)  # noqa: T201 - this is how the program speaks


def _colored(text: str, color: str) -> str:
    """The text in a color where messages go to a terminal that has colors, unless `NO_COLOR` is set (no-color.org)."""
    has_colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{color}m{text}\x1b[0m" if has_colors else text


def show(text: str) -> None:
    """Print a result."""
    print(text.translate(CONTROLS))  # noqa: T201


def show_json(content: Mapping[str, Any]) -> None:
    """Print a result as JSON without NaN or infinity."""
    show(json.dumps(content, allow_nan=False))


@contextmanager
def progress_bar(total: int, unit: str, *, lines: bool = False) -> Generator[Callable[..., None]]:
    """A progress bar with the time that is left on a terminal, and none in a pipe.

    Args:
        total: the last position; 0 where it is not known yet.
        unit: of positions.
        lines: in a pipe, print each new text as a message.

    Yields:
        a function that moves the bar to a position, with the total and a text where they are given.
    """
    from tqdm import tqdm

    with tqdm(
        total=total or None, unit=unit, disable=True if _speech["is_quiet"] else None, leave=False, file=sys.stderr
    ) as bar:
        latest = ""

        def advance(done: int, total: int | None = None, *, text: str = "") -> None:
            nonlocal latest
            if total is not None:
                bar.total = total
            if text and lines and bar.disable and text != latest:
                say(text)
                latest = text
            if text:
                bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)

        yield advance
