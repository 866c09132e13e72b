"""Best known objectives of instances of the literature, looked up by content, not by name.

`best_known.json` maps a problem and the first digits of `Instance.fingerprint` to the objective.
`benchmarks/make_best_known.py` makes it from the lists that come with the literature's sets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tsp.composition import problem_of
from tsp.problems import PROBLEMS

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem

TABLE = Path(__file__).with_name("best_known.json")
DIGITS = 12
"""Number of hexadecimal digits of a fingerprint in the table."""


def best_known(instance: Instance) -> float | None:
    """The best known objective of an instance under its problem; None where the table has none."""
    problem = problem_of(instance)
    if instance.depot != 0 and not problem.shape.is_closed:
        return None  # the table is for tours from node 0, and a fingerprint does not contain the depot
    key = instance.fingerprint[:DIGITS]
    return next((table[key] for name in _same_problems(problem) if key in (table := _tables()[name])), None)


def recognize(instance: Instance) -> Instance:
    """The instance with `best_known` looked up again, after a change of its numbers or problem."""
    return replace(instance, best_known=best_known(instance))


@cache
def _same_problems(problem: Problem) -> tuple[str, ...]:
    """The problems of the table that have the same shape, rules and objective as this one."""
    wanted = (problem.shape, problem.rules, problem.objective)
    return tuple(n for n in _tables() if (p := PROBLEMS[n]) and (p.shape, p.rules, p.objective) == wanted)


@cache
def _tables() -> dict[str, dict[str, float]]:
    return {
        problem: {key: float(value) for key, value in table.items()}
        for problem, table in json.loads(TABLE.read_text(encoding="utf-8")).items()
    }
