"""The second line of a tour's heading: objective, gap, number of tours, solver, time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsp.checks import TERMS, budget_use
from tsp.plotting.canvas import shorten
from tsp.problems import LengthBudget, PrizeQuota
from tsp.statistics import format_number
from tsp.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.checks import Claim
    from tsp.solution import Solution

TERM_WORDS = {"longest": "longest tour", "makespan": "done at"}
"""The words in a heading for the terms of an objective that have others than `tsp.words`."""


def describe_tours(claim: Claim, solution: Solution | None) -> str:
    """Summarize an instance and, with a solution, its quality, its solver and its time."""
    instance = claim.instance
    facts = [_describe_size(claim, is_solved=solution is not None and solution.feasible)]
    facts += filter(None, [instance.describe_walls(), "open routes" if instance.free_end else ""])
    if solution is None:
        if instance.best_known is not None:
            facts.append(f"best known {_format_value(claim, claim.problem.objective.terms, instance.best_known)}")
        return " · ".join(facts)
    if solution.objective is None:
        facts.append(f"not feasible: {shorten('; '.join(solution.reasons or solution.violations), 80)}")
    else:
        facts += [*_objective_facts(claim, solution, solution.objective), *_tour_facts(claim)]
    if solution.solver:
        facts += [shorten(solution.solver, 40), f"{format_number(solution.seconds, 2)} s"]
    return " · ".join(facts)


def _describe_size(claim: Claim, *, is_solved: bool) -> str:
    """The number of stops where tours leave a depot, and how many of them are visited; else the number of nodes."""
    if claim.problem.shape.has_depot and is_solved and not claim.problem.visits_all:
        return describe_visited(claim)
    return _describe_all(claim)


def describe_visited(claim: Claim) -> str:
    """How many of the stops or nodes are visited."""
    return f"{np.count_nonzero(claim.visited & claim.customers)} of {_describe_all(claim)} visited"


def _describe_all(claim: Claim) -> str:
    if claim.problem.shape.has_depot:
        return words_of(claim.problem, claim.instance).stops(int(np.count_nonzero(claim.customers)))
    return "1 node" if claim.instance.size == 1 else f"{claim.instance.size:,} nodes"


def _objective_facts(claim: Claim, solution: Solution, objective: float) -> list[str]:
    """The objective of a feasible solution, and its gap to the best known value."""
    problem, instance, best = claim.problem, claim.instance, claim.instance.best_known
    words = words_of(problem, instance)
    terms = " + ".join(TERM_WORDS.get(term, words.term(term)) for term in problem.objective.terms)
    write = partial(_format_value, claim, problem.objective.terms)
    if solution.outlook is not None:
        return [f"expected {words.prize} {write(solution.outlook.expected)}"]
    facts = [f"{terms} {write(objective)}"]
    if problem.objective.terms == ("prize",) and instance.prizes is not None:
        facts[-1] += f" of {_format_thousands(float(instance.prizes[claim.customers].sum()))}"
    if solution.proved_optimal:
        facts.append("proved optimal")
    elif best:
        gap = (objective - best) / best
        to_best = f"{100 * gap:+.2f} % to the best known {write(best)}"
        facts.append(f"the best known {terms}" if gap == 0 else to_best)
    return facts


def _tour_facts(claim: Claim) -> list[str]:
    """Facts of feasible tours that are not in the objective: prizes, number of tours, length."""
    problem, instance = claim.problem, claim.instance
    words = words_of(problem, instance)
    facts: list[str] = []
    if problem.rule(PrizeQuota) is not None and instance.prizes is not None:
        collected = float(instance.prizes[claim.visited & claim.customers].sum())
        facts.append(
            f"{words.prize} {_format_thousands(collected)} (at least {_format_thousands(instance.min_prize or 0.0)})"
        )
    several = problem.shape.has_several_tours
    if several:
        facts.append("1 tour" if len(claim.stops) == 1 else f"{len(claim.stops)} tours")
    if problem.objective.terms != ("length",):
        limit = instance.max_length if problem.rule(LengthBudget) else None
        term = "longest" if several and limit is not None else "length"
        walked = _format_thousands(TERMS[term](claim)) if limit is None else _describe_budget(claim, limit)
        facts.append(instance.units.with_unit(f"{TERM_WORDS.get(term, words.term(term))} {walked}"))
    if instance.speed is not None:
        facts.append(f"{instance.speed:g} km/h")
    return facts


def _describe_budget(claim: Claim, limit: float) -> str:
    """How much of a length budget the tour uses that uses most."""
    uses = (budget_use(claim, k) for k in range(len(claim.tours)))
    walked, visits = max(uses, key=sum, default=(0.0, 0.0))
    visited = f" + visits {_format_thousands(visits)}" if visits else ""
    return f"{_format_thousands(walked)}{visited} of {_format_thousands(limit)}"


def _format_value(claim: Claim, terms: Sequence[str], value: float) -> str:
    """The value of an objective."""
    return claim.instance.units.format_objective(terms, value, _format_thousands)


def _format_thousands(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else format_number(value)
