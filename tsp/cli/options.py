"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, TypeVar

from tsp.machine import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.budget import Budget

GENERATED = ("size", "instances", "distribution")
"""Names of the options that describe generated instances."""

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")


def positive(text: str) -> float:
    """A positive, finite number."""
    return _parse(float, text, lambda value: 0 < value < math.inf, "a positive number")


def nonnegative(text: str) -> float:
    """A finite number of 0 or more."""
    return _parse(float, text, lambda value: 0 <= value < math.inf, "a number of 0 or more")


def count(text: str) -> int:
    """A whole number of 1 or more."""
    return _parse(int, text, lambda value: value >= 1, "a whole number of 1 or more")


def at_once(text: str) -> int:
    """A number of threads or processes."""
    return _parse(int, text, lambda value: 1 <= value <= MOST_AT_ONCE, f"a whole number from 1 to {MOST_AT_ONCE}")


def workers(text: str) -> int | str:
    """A number of processes, or the place of a Ray cluster."""
    if text == "ray" or text.startswith("ray://"):
        return text
    expected = f"a number of processes up to {MOST_AT_ONCE}, ray or ray://HOST:PORT"
    return _parse(int, text, lambda value: 1 <= value <= MOST_AT_ONCE, expected)


def seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    return _parse(int, text, lambda value: 0 <= value < 2**32, f"a whole number from 0 to {2**32 - 1}")


def port(text: str) -> int:
    """The number of a port, or 0."""
    return _parse(int, text, lambda value: 0 <= value < 2**16, "a whole number from 0 to 65535")


def limits(text: str) -> list[float]:
    """Positive numbers with commas between them."""
    return [positive(part) for part in text.split(",")]


def unit(text: str) -> str:
    """A unit of length."""
    from tsp.units import require_unit

    return _refused(require_unit, text)


def speed(text: str) -> float:
    """A number of kilometres an hour."""
    from tsp.units import require_speed

    return _refused(require_speed, _parse(float, text, lambda value: not math.isnan(value), "a number"))


def _refused(require: Callable[[object, str], Value], value: object) -> Value:
    """A value that passes a check of `tsp.units`."""
    try:
        return require(value, "")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix(": ")) from None


def _parse(kind: Callable[[str], Number], text: str, is_valid: Callable[[Number], bool], expected: str) -> Number:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not is_valid(value):
        raise argparse.ArgumentTypeError(f"{text}, expected {expected}")
    return value


def add_common_options(command: argparse.ArgumentParser, *, computes: bool = True) -> None:
    """Add the seed, the device and threads of a command that `computes`, and permission to overwrite."""
    command.add_argument("--seed", type=seed, default=1234, help="seed of all random choices (default 1234)")
    if computes:
        command.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
        command.add_argument("--threads", type=at_once, default=1, help="number of threads or processes (default 1)")
    command.add_argument("--force", action="store_true", help="overwrite existing outputs")


def add_instance_options(command: argparse.ArgumentParser) -> None:
    """Add options that complete or replace numbers of an instance file; `inputs.complete_instance` uses them."""
    command.add_argument(
        "--start", metavar="NAME", help="start node, by its name in the file, or its number from 1; of a path also: any"
    )
    command.add_argument(
        "--end",
        metavar="NAME",
        help="end node, where it is not the start; any: tours end at their last visit (open routes)",
    )
    command.add_argument("--max-length", type=nonnegative, metavar="L", help="length limit of a tour")
    command.add_argument("--capacity", type=nonnegative, metavar="Q", help="largest quantity that a tour delivers")
    command.add_argument("--min-prize", type=nonnegative, metavar="P", help="least sum of prizes to collect")
    command.add_argument(
        "--late-price",
        type=nonnegative,
        metavar="P",
        help="of a session: visits that have begun are finished, and a unit of time late costs so much prize; may be 0",
    )
    command.add_argument("--num-tours", type=count, metavar="M", help="largest number of tours")
    command.add_argument("--matrix", metavar="FILE", help="distances between the nodes: CSV, text, .npy, .npz or JSON")
    command.add_argument(
        "--format",
        choices=("csv", "tsplib", "json"),
        help="of standard input, where a FILE is - (default: by its content)",
    )
    command.add_argument(
        "--walls", metavar="FILE", help="walls, around which ways lead (default: NAME.walls.csv beside NAME.csv)"
    )
    command.add_argument(
        "--unit",
        type=unit,
        metavar="m|km|mi",
        help="unit of lengths between latitudes and longitudes (default km)",
    )
    command.add_argument(
        "--speed",
        type=speed,
        metavar="KM/H",
        help="kilometres an hour there, where times are times of day (default 50)",
    )
    command.add_argument(
        "--ignore", metavar="COLUMN,…", help="columns or attributes, or the walls, to leave out on purpose"
    )


def add_decision_time(command: argparse.ArgumentParser) -> None:
    """Add the time limit of one decision."""
    command.add_argument(
        "--decision-time",
        type=positive,
        metavar="S",
        help="seconds for each decision, where values are revealed on the way; "
        "--time-limit holds for the whole walk beside it, if given",
    )


def make_budget(arguments: argparse.Namespace) -> Budget:
    """The budget of a command; with a limit for each decision alone, a walk has none."""
    from tsp.budget import DEFAULT, LONGEST, Budget

    decision_time = arguments.decision_time
    limit = arguments.time_limit or (DEFAULT if decision_time is None else LONGEST)
    return Budget(limit, arguments.threads, arguments.seed, decision_time)


def add_underway_options(command: argparse.ArgumentParser) -> None:
    """Add options that say which tours are under way; `inputs.complete_instance` uses them."""
    command.add_argument(
        "--visited",
        action="append",
        metavar="A,B,C",
        help="under way: nodes visited so far; of several tours, once for each on its way, "
        "and so the next three options",
    )
    command.add_argument(
        "--elapsed", action="append", metavar="T", help="under way: the current time, a number or such as 9:30"
    )
    for name, metavar, what in (("travelled", "L", "length of the tour"), ("load", "Q", "quantity delivered")):
        command.add_argument(
            f"--{name}", action="append", type=nonnegative, metavar=metavar, help=f"under way: {what} so far"
        )


def add_generator_options(command: argparse.ArgumentParser, *, default_count: int) -> None:
    """Add the description of generated instances; `inputs.generate_instances` uses it."""
    command.add_argument("--problem", default=None, help="default: what the files say, else tsp")
    command.add_argument("--size", type=count, help="number of customers (default 50)")
    command.add_argument("--instances", type=count, help=f"number of instances (default {default_count})")
    command.add_argument(
        "--distribution",
        help="uniform (default), clusters, mixed, hall, x or kool; optionally followed by -const, -unif, -dist "
        "(prizes), -easy, -medium, -hard (time windows), -steady or -sparse (sessions), -varied (largest length)",
    )
