"""Printing: results to standard output, messages and progress to standard error."""

from __future__ import annotations

import json
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


def say(text: str) -> None:
    """Print a message for the user, which is not part of the result."""
    print(f"tsp: {text.translate(CONTROLS)}", file=sys.stderr)  # noqa: T201 - this is how the program speaks


def show(text: str) -> None:
    """Print a result."""
    print(text.translate(CONTROLS))  # noqa: T201


def show_json(content: Mapping[str, Any]) -> None:
    """Print a result as JSON without NaN or infinity."""
    show(json.dumps(content, allow_nan=False))


@contextmanager
def progress_bar(total: int, unit: str, *, lines: bool = False) -> Generator[Callable[..., None]]:
    """A progress bar on a terminal, and none in a pipe.

    Args:
        total: the last position; 0 where it is not known yet.
        unit: of positions.
        lines: in a pipe, print each new text as a message.

    Yields:
        a function that moves the bar to a position, with the total and a text where they are given.
    """
    from tqdm import tqdm

    with tqdm(total=total or None, unit=unit, disable=None, leave=False, file=sys.stderr) as bar:
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
