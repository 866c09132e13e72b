"""Best known values of well-known instances, found by an instance's content and not by its name.

`best_known.json` maps a problem and the first digits of `Instance.fingerprint` to the value; it is
made by `benchmarks/make_best_known.py` from the lists of the literature's sets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tsp.problems import PROBLEMS, get_problem

if TYPE_CHECKING:
    from tsp.instance import Instance

TABLE = Path(__file__).with_name("best_known.json")
DIGITS = 12
"""Hexadecimal digits of the fingerprint that the table keeps."""


def best_known(instance: Instance) -> float | None:
    """The objective of the best known solution of this instance's problem, None where the table has none."""
    if instance.depot != 0 and get_problem(instance.problem).shape != "cycle":
        return None  # a fingerprint does not know the depot, and all in the table start from node 0
    key = instance.fingerprint[:DIGITS]
    return next((table[key] for name in _same_problems(instance.problem) if key in (table := _tables()[name])), None)


def recognized(instance: Instance) -> Instance:
    """The instance with `best_known` as the table has it: for one whose numbers or problem were changed."""
    return replace(instance, best_known=best_known(instance))


@cache
def _same_problems(name: str) -> tuple[str, ...]:
    """The problems of the table that differ from this one only in what an instance must have."""
    problem = get_problem(name)
    asked = (problem.shape, problem.rules, problem.objective)
    return tuple(n for n in _tables() if (p := PROBLEMS[n]) and (p.shape, p.rules, p.objective) == asked)


@cache
def _tables() -> dict[str, dict[str, float]]:
    return {
        problem: {key: float(value) for key, value in table.items()}
        for problem, table in json.loads(TABLE.read_text(encoding="utf-8")).items()
    }
