"""What the problems are: rules as data, and one table of problems made of them.

A problem is a tuple of rules and an objective; every other reading of a rule (the check, the
environment, the OR-Tools model) is a table from the rule's class elsewhere. A new problem made of
known rules is one row of `PROBLEMS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tsp.instance import Instance


class Rule:
    """One constraint, as data. Its readings are found by its class."""


@dataclass(frozen=True)
class VisitOnce(Rule):
    """Every node is visited exactly once."""


@dataclass(frozen=True)
class Objective:
    """A sum of terms, to be made small or large.

    Attributes:
        terms: names in `tsp.solution.TERMS`.
        sense: `min` or `max`.
    """

    terms: tuple[str, ...]
    sense: Literal["min", "max"] = "min"

    def better(self, a: float, b: float) -> bool:
        """Whether the value `a` is strictly better than `b`."""
        return a < b if self.sense == "min" else a > b

    def gap(self, value: float, best: float) -> float | None:
        """Relative gap of `value` to `best`, positive when worse; None where `best` is 0."""
        if best == 0:
            return None
        return (value - best) / best if self.sense == "min" else (best - value) / best


@dataclass(frozen=True)
class Problem:
    """A routing problem: rules and an objective.

    Attributes:
        name: what the command line and the files call it.
        title: the name in the literature.
        story: what the travelling scientist does.
        rules: every constraint a solution must keep.
        objective: what is minimized or maximized.
    """

    name: str
    title: str
    story: str
    rules: tuple[Rule, ...]
    objective: Objective

    def validate(self, instance: Instance) -> None:
        """Refuse an instance that lacks what the problem needs, in one sentence.

        Raises:
            ValueError: naming the instance and what is missing or not supported.
        """
        if instance.fixed_edges is not None:
            raise ValueError(
                f"{instance.name or 'instance'}: it fixes {len(instance.fixed_edges)} edge(s) "
                f"that every tour must use, which no solver here can keep"
            )


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem(
            name="tsp",
            title="travelling salesman problem",
            story="visit all chosen posters, back to the coffee corner",
            rules=(VisitOnce(),),
            objective=Objective(("length",)),
        ),
    )
}


def get_problem(name: str) -> Problem:
    """The problem called `name`.

    Raises:
        ValueError: for an unknown name, with what there is and the nearest.
    """
    try:
        return PROBLEMS[name]
    except KeyError:
        raise ValueError(unknown("problem", name, PROBLEMS)) from None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for an unknown name: what there is, and the nearest to it, whatever its case."""
    names = {k.lower(): k for k in known}
    near = get_close_matches(name.lower(), names, n=1)
    hint = f"; did you mean {names[near[0]]!r}?" if near else ""
    return f"unknown {kind} {name!r}{hint} (there are: {', '.join(names.values()) or 'none'})"
