"""`Comparison`: what `compare` returns, as JSON, as text and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from tsp.comparison.report import (
    DIFFERENCES,
    difference_lines,
    format_count,
    format_differences,
    format_rows,
    row_lines,
    verdict,
)
from tsp.comparison.rows import Row
from tsp.composition import problem_of
from tsp.files import atomic_write
from tsp.html_table import html_table
from tsp.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path

Reference = Literal["proved optimal", "best known", "best found"]


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        problem: its name.
        reference: reference of the gaps: `proved optimal` where every instance was proved here,
            `best known` where every instance has a best known objective, else the `best found` by any of
            the solvers under any of the limits.
        threads: number of threads for each solver.
        rows: by time limit, then in the order of the solvers.
        notes: sentences that explain the figures, such as a solver's tuned settings.
        unit: unit of the objectives; None: they have none, or several.
        instances: what was solved, in the order of the rows' solutions.
        references: the value of the reference of each instance; NaN where nobody answered.
        specs: spec of each solver that has an alias, by the alias.
    """

    problem: str
    reference: Reference
    threads: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    unit: str | None = None
    instances: tuple[Instance, ...] = ()
    references: tuple[float, ...] = ()
    specs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def time_limits(self) -> list[float]:
        """The limits compared, shortest first."""
        return list(dict.fromkeys(row.time_limit for row in self.rows))

    def under(self, time_limit: float) -> list[Row]:
        """The rows of one limit."""
        return [row for row in self.rows if row.time_limit == time_limit]

    def gaps_by_instance(self, row: Row) -> list[float | None]:
        """The gap of a row's answer to each instance; None where there is no answer, or no reference but 0."""
        return [
            None if answer.objective is None else problem_of(instance).objective.gap(answer.objective, reference)
            for instance, answer, reference in zip(self.instances, row.solutions, self.references, strict=True)
        ]

    def verdicts(self) -> list[str]:
        """For each limit one sentence: the leader, its lead, and whether that is significant."""
        return [verdict(self.under(limit)) for limit in self.time_limits]

    def to_json(self) -> dict[str, Any]:
        """The comparison as the command line prints it; no value in it is NaN or infinite."""
        return {
            "problem": self.problem,
            "reference": self.reference,
            **({} if self.unit is None else {"unit": self.unit}),
            **({"specs": dict(self.specs)} if self.specs else {}),
            "rows": [row.to_json() for row in self.rows],
            "verdicts": self.verdicts(),
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """The comparison as aligned text: the rows, paired differences, verdicts and notes."""
        blocks = [self._heading(), format_rows(self.rows)]
        if self.rows[0].difference:
            blocks.append(format_differences([self.under(limit) for limit in self.time_limits]))
        blocks.append("\n".join([*self.verdicts(), *self.notes]))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        """The verdicts and the tables, for notebooks."""
        blocks = [_paragraphs([*self.verdicts(), self._heading()]), html_table(row_lines(self.rows))]
        if self.rows[0].difference:
            lines = difference_lines([self.under(limit) for limit in self.time_limits])
            blocks += [_paragraphs([DIFFERENCES]), html_table(lines)]
        return "".join([*blocks, _paragraphs(self.notes)])

    def _heading(self) -> str:
        """What was compared, and what gaps are to."""
        given = f"{format_count(self.rows[0].instances, 'instance')}, {format_count(self.threads, 'thread')}"
        unit = "" if self.unit is None else f", objective in {self.unit}"
        return f"{self.problem}, {given}{unit}, gap to the {self.reference}"

    def write_csv(self, path: str | Path, *, force: bool = False) -> None:
        """Write a line for each row, with three columns for the difference to each solver.

        Raises:
            ValueError: when `path` exists and `force` is not given, or cannot be written.
        """
        lines: list[dict[str, Any]] = []
        for row in self.rows:
            line = row.to_json()
            if self.specs:
                line["spec"] = self.specs.get(row.solver, row.solver)
            if self.unit is not None:
                line["unit"] = self.unit
            line["gap_low"], line["gap_high"] = line.pop("gap_interval") or (None, None)
            for other, values in line.pop("difference").items():
                named = zip(("low", "mean", "high"), values or (None,) * 3, strict=True)
                line |= {f"difference to {other} {name}": value for name, value in named}
            lines.append(line)
        columns = list(dict.fromkeys(column for line in lines for column in line))
        with atomic_write(path, force=force) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
