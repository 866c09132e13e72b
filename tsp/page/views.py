"""What the page is shown of instances and solutions, as JSON without NaN or infinity."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.checks import timeline_of
from tsp.composition import limits_of, problem_of
from tsp.instance import LIMITS
from tsp.laws import expected
from tsp.page.limits import MOST_DAY_NODES, MOST_STEPS_NODES
from tsp.plotting.layout import lay_out
from tsp.problems import TimeWindows
from tsp.solution import claim_of
from tsp.solvers.defaults import proof_spec
from tsp.statistics import format_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsp.instance import Instance
    from tsp.page.places import Place
    from tsp.problems import Problem
    from tsp.solution import Solution

DIGITS = 7
"""Significant digits of the numbers that are shown; answers are exact in exports."""

NODE_NUMBERS = ("prizes", "penalties", "demands", "service_times")


def instance_view(place: Place, notes: list[str], solvers: dict[str, bool]) -> dict[str, Any]:
    """An instance as the page draws it."""
    instance = place.instance
    problem, layout = problem_of(instance), lay_out(instance)
    points = layout.points * np.array([1.0, layout.aspect])
    windows = instance.time_windows
    numbers: dict[str, ArrayLike | None] = {name: getattr(instance, name) for name in NODE_NUMBERS}
    if problem.reveals:
        means = expected(instance)
        numbers |= {name: values for name in problem.reveals if (values := getattr(means, name)) is not None}
        numbers["waits"] = means.waits
    can_live = place.realization is not None and bool(problem.reveals) and instance.size <= MOST_DAY_NODES
    return {
        "name": instance.name,
        "problem": problem.name,
        "title": problem.title,
        "sense": problem.objective.sense,
        "terms": list(problem.objective.terms),
        "size": instance.size,
        "depot": instance.depot if problem.shape.has_depot else None,
        "end": instance.end,
        "several": problem.shape.has_several_tours,
        "directed": not instance.symmetric or problem.rule(TimeWindows) is not None,
        "visits_all": problem.visits_all,
        "points": _plain(points.ravel()),
        "remark": layout.remark,
        "unit": instance.unit,
        "names": None if instance.names is None else list(instance.names),
        "numbers": {name: _plain(values) for name, values in numbers.items() if values is not None},
        "windows": None if windows is None else [[_time(instance, t) for t in row] for row in windows.tolist()],
        "walls": None if place.floor is None else _plain(place.floor.walls.ravel()),
        "takes": list(limits_of(problem, instance)),
        "limits": {name: _plain_number(getattr(instance, name)) for name in (*LIMITS, "num_tours")},
        "best_known": _plain_number(instance.best_known),
        "notes": notes,
        "solvers": solvers,
        "proof": proof_spec(problem, instance.size),
        "can_step": instance.size <= MOST_STEPS_NODES and solvers.get("policy", False),
        "can_live": can_live,
        "may_stay": problem.may_stay,
        "reveals": sorted(problem.reveals),
        "command": list(place.command),
        "file": place.file,
    }


def solution_view(place: Place, problem: Problem, solution: Solution) -> dict[str, Any]:
    """A checked solution as the page draws it."""
    instance = place.instance
    objective = solution.objective
    view: dict[str, Any] = {
        "solver": solution.solver,
        "seconds": round(solution.seconds, 4),
        "objective": objective,
        "text": None if objective is None else _value(instance, problem, objective),
        "feasible": solution.feasible,
        "reasons": list(solution.reasons or solution.violations)[:5],
        "bound": _plain_number(solution.bound),
        "proved": solution.proved_optimal,
        "tours": [tour.tolist() for tour in solution.tours],
    }
    if solution.feasible and solution.tours:
        view |= _walks(place, problem, solution)
    return view


def _walks(place: Place, problem: Problem, solution: Solution) -> dict[str, Any]:
    """The stops of each tour with the return, the ways around walls, and the times of arrival."""
    claim = claim_of(problem, place.instance, solution.tours)
    out: dict[str, Any] = {"stops": [stops.tolist() for stops in claim.stops]}
    if place.floor is not None:
        out["ways"] = [_way(place, stops.tolist()) for stops in claim.stops]
    if problem.rule(TimeWindows) is not None:
        times = [timeline_of(claim, k) for k in range(len(claim.stops))]
        names = ("arrive", "begin", "leave")
        out["times"] = [[[_time(place.instance, t) for t in getattr(one, n).tolist()] for n in names] for one in times]
    return out


def way_of(place: Place, stops: list[int]) -> list[float] | None:
    """The corners of the way along the stops, x and y in turn; None where there are no walls."""
    return None if place.floor is None else _way(place, stops)


def _way(place: Place, stops: list[int]) -> list[float]:
    assert place.floor is not None
    points = place.instance.coordinates
    assert points is not None
    corners = [place.floor.route(points[a], points[b]) for a, b in pairwise(stops)]
    return _plain(np.concatenate(corners).ravel()) if corners else []


def _value(instance: Instance, problem: Problem, value: float) -> str:
    return instance.units.format_objective(problem.objective.terms, value, format_number)


def _time(instance: Instance, time: float) -> str | None:
    if not math.isfinite(time):
        return None
    return instance.units.format_time(time) if instance.is_clock else f"{time:.4g}"


def _plain(values: ArrayLike) -> list[Any]:
    """Numbers rounded to what can be seen; None in place of infinity."""
    return [_plain_number(value) for value in np.asarray(values, dtype=np.float64).tolist()]


def _plain_number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")
