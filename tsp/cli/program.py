"""The program `tsp`: parse the command line, run one command, turn errors into sentences."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tsp import __version__
from tsp.cli import check, compare, completion, convert, fit, generate, info, plot, serve, solve, train
from tsp.cli.command import BAD_INPUT, DONE, Command
from tsp.cli.console import complain, say, set_quiet
from tsp.interrupts import exit_code, termination_interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, Command] = {
    "solve": solve.COMMAND,
    "compare": compare.COMMAND,
    "train": train.COMMAND,
    "fit": fit.COMMAND,
    "generate": generate.COMMAND,
    "plot": plot.COMMAND,
    "check": check.COMMAND,
    "convert": convert.COMMAND,
    "info": info.COMMAND,
    "completion": completion.COMMAND,
    "serve": serve.COMMAND,
}


class _StoreOnce(argparse.Action):
    """Store the value of an option, and refuse a second one."""

    is_given = False

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """See `argparse.Action`."""
        if option_string is not None and self.is_given:
            raise argparse.ArgumentError(self, "given more than once, expected one value")
        self.is_given = True
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one sentence."""

    def parse_options(self, words: Sequence[str]) -> argparse.Namespace:
        """The options that words state; of a value `--` argparse would make an empty list."""
        for word in words:
            if word.startswith("--") and word.endswith("=--"):
                self.error(f"argument {word[:-3]}: '--', expected a value")
        return self.parse_args(words)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with 2."""
        complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(BAD_INPUT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    set_quiet(False)
    warnings.showwarning = _say_warning
    warnings.simplefilter("always", UserWarning)
    try:
        arguments = make_parser(words[0] if words else "").parse_options(words)
        from tsp.solvers.registry import verify_packages

        verify_packages()
        set_quiet(arguments.quiet)
        with termination_interrupts():
            code = arguments.run(arguments)
            sys.stdout.flush()
            return code
    except SystemExit as stop:  # raised by argparse, for --help and mistakes
        return int(stop.code or 0)
    except KeyboardInterrupt as interrupt:
        complain("interrupted")
        return exit_code(interrupt)
    except BrokenPipeError:  # nothing reads the output any more, as in `tsp … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        complain("out of memory; expected fewer or smaller instances")
        return BAD_INPUT
    except (ValueError, OSError) as error:
        complain(_sentence(error))
        return BAD_INPUT


def make_parser(chosen: str) -> Parser:
    """The parser of all commands, with options for the chosen command only."""
    parser = Parser(prog="tsp", description="Learned and classical solvers for routing problems.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tsp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=f"example: {command.example}",
            allow_abbrev=False,
        )
        subparser.set_defaults(run=command.run)
        subparser.add_argument("--quiet", action="store_true", help="print results and errors alone")
        for action in (None, "store"):
            subparser.register("action", action, _StoreOnce)
        if name == chosen:
            command.add_options(subparser)
        if name == "completion":
            subparser.set_defaults(commands=COMMANDS)
    return parser


def _open_closed_streams() -> None:
    """Let a closed standard stream, such as of `<&-`, be an empty one.

    Python has None there, and prints to standard output what should go to a closed standard error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"note: {message}")


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that there is no memory left, as numpy's and torch's do."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error).lower()


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}"
    if isinstance(error, OSError) and error.strerror is not None:  # of a file without a name
        return f"output cannot be written ({error.strerror.lower()})"
    return str(error)
