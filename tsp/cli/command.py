"""`Command`: the part of each command's module that the program uses; and the exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

DONE, INFEASIBLE, BAD_INPUT = 0, 1, 2
"""Exit codes; that of an interrupted command is `tsp.interrupts.exit_code`."""


class Command(NamedTuple):
    """A command of the program.

    Attributes:
        summary: one line, in lower case, for `tsp --help`.
        example: a command that can be typed.
        add_options: adds the command's options to its parser.
        run: runs the command with its parsed options, and returns the exit code.
    """

    summary: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
