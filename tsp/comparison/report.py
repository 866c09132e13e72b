"""A comparison as text: verdict sentences and aligned tables, made of its rows."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.comparison.rows import Row
    from tsp.statistics import Estimate

COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("limit", lambda row: f"{row.time_limit:g} s"),
    ("solver", lambda row: row.solver),
    ("feasible", lambda row: f"{row.feasible}/{row.instances}"),
    ("objective", lambda row: "–" if row.mean_objective is None else format_number(row.mean_objective)),
    ("gap %", lambda row: "–" if row.mean_gap is None else f"{100 * row.mean_gap.mean:.3f}"),
    ("95 % interval", lambda row: _percent_interval(row.mean_gap)),
    ("wins", lambda row: str(row.wins)),
    ("proved", lambda row: str(row.proved)),
    ("s/instance", lambda row: format_number(row.seconds_per_instance, 3)),
    ("instances/s", lambda row: format_number(row.instances_per_second, 3)),
    ("overruns", lambda row: str(row.overruns)),
)
"""The columns of the table: title, and the text of a row."""


def verdict(rows: Sequence[Row]) -> str:
    """One sentence about the rows of one limit: the leader, its lead, and whether that is significant.

    The leader is better than most other solvers in the mean paired difference; of several such solvers, the one with
    the smallest mean gap. A solver that answers few instances does not change the differences between the others.
    """
    limit = f"At {rows[0].time_limit:g} s"
    if not any(row.feasible for row in rows):
        return f"{limit} nothing was answered."
    leader = max(rows, key=_standing)
    lags = [(row, row.difference[leader.solver]) for row in rows if row is not leader]
    known = sorted(((row, d) for row, d in lags if d is not None), key=lambda pair: pair[1].mean)
    parts = [
        f"{limit} {_ranking(leader.solver, known)} ({format_number(leader.seconds_per_instance, 2)} s an instance)"
    ]
    for row, lag in known:
        if lag.mean != 0:
            used = format_number(row.seconds_per_instance, 2)
            parts.append(f"{row.solver} is {_describe_lag(lag)} ({used} s)")
    for row in rows:
        if row.feasible < row.instances:
            count = f"only {row.feasible}" if row.feasible else "none"
            parts.append(f"{row.solver} answered {count} of {row.instances}")
        if row.overruns:
            parts.append(f"{row.solver} was late on {row.overruns} of {row.instances}")
    return "; ".join(parts) + "."


def _standing(row: Row) -> tuple[int, int, float]:
    """What makes a solver the leader: to be better than others, to answer more instances, and a smaller mean gap."""
    better = sum(d is not None and d.mean < 0 for d in row.difference.values())
    return better, row.feasible, float("-inf") if row.mean_gap is None else -row.mean_gap.mean


def _describe_lag(lag: Estimate) -> str:
    """How far a solver is behind the leader; means of relative differences may say of each that it is better."""
    low, high = lag.interval or (None, None)
    if lag.mean > 0:
        interval = "" if lag.interval is None else f" {_percent_interval(lag)}"
        return f"{100 * lag.mean:.3f} %{interval} worse"
    interval = "" if low is None or high is None else f" [{-100 * high:.3f}, {-100 * low:.3f}]"
    return f"{-100 * lag.mean:.3f} %{interval} better in the paired mean"


def _ranking(leader: str, lags: Sequence[tuple[Row, Estimate]]) -> str:
    """Whether the leader wins, leads or ties, from how far each other solver is behind it."""
    equal = [row.solver for row, lag in lags if lag.mean == 0]
    unsure = [row.solver for row, lag in lags if lag.mean < 0 or (lag.mean > 0 and not lag.significant)]
    if not lags:
        return f"{leader} has no opponent"
    if equal:
        return f"{leader} and {_enumerate(equal)} are level"
    if unsure and all(lag.interval is None for _, lag in lags):
        return f"{leader} is ahead, but one instance allows no conclusion"
    if unsure:
        return f"{leader} leads, but not significantly ahead of {_enumerate(unsure)}"
    return f"{leader} wins"


def _enumerate(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def row_lines(rows: Sequence[Row]) -> list[list[str]]:
    """The table of the rows: the titles, and a line for each."""
    return [[title for title, _ in COLUMNS], *([cell(row) for _, cell in COLUMNS] for row in rows)]


def format_rows(rows: Sequence[Row]) -> str:
    """The table of the rows as aligned text."""
    return _aligned(row_lines(rows), left={1})


DIFFERENCES = "Paired relative difference (negative: the first is better)"


def difference_lines(rows_by_limit: Sequence[Sequence[Row]]) -> list[list[str]]:
    """The table of the paired differences: the titles, and a line for each limit and pair of solvers."""
    lines = [["limit", "solver", "against", "difference %", "95 % interval"]]
    for rows in rows_by_limit:
        for a, b in combinations(rows, 2):
            estimate = a.difference[b.solver]
            mean = "–" if estimate is None else f"{100 * estimate.mean:+.3f}"
            lines.append([f"{a.time_limit:g} s", a.solver, b.solver, mean, _percent_interval(estimate)])
    return lines


def format_differences(rows_by_limit: Sequence[Sequence[Row]]) -> str:
    """The table of the paired differences as aligned text."""
    return f"{DIFFERENCES}\n{_aligned(difference_lines(rows_by_limit), left={1, 2})}"


def format_count(number: int, noun: str) -> str:
    """The number with its noun in the singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _percent_interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.interval is None:
        return "–"
    low, high = estimate.interval
    return f"[{100 * low:.3f}, {100 * high:.3f}]"


def _aligned(lines: Sequence[Sequence[str]], *, left: set[int]) -> str:
    """Lines of text in columns, aligned right except for those in `left`."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
