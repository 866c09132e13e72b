"""What the page's processes do: make instances, solve, show a policy's steps, live a day, write files.

A job gets `emit`, which sends a piece of its answer to the page at once, and returns the end of its answer. Every
solution comes from `solve_request`, `check` or `OnlineTour`, so that each has passed the checker.
"""

from __future__ import annotations

import base64
import pickle
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.composition import validated_problem
from tsp.formats import write_instances, write_solution
from tsp.formats.json_file import solution_entry
from tsp.infeasibility import explain
from tsp.instance import LIMITS, Underway
from tsp.page.fields import Fields
from tsp.page.places import Place, make_place
from tsp.page.views import instance_view, solution_view, way_of
from tsp.problems import Session, get_problem
from tsp.solution import check
from tsp.solvers import next_probabilities, refusal_of
from tsp.solvers.online import OnlineTour
from tsp.solvers.protocol import Request, foreign_errors, require_support, solve_request
from tsp.solvers.registry import make
from tsp.underway import is_undecided
from tsp.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Solver

    Emit = Callable[[dict[str, Any]], None]

WARM = ("ls", "ortools", "policy")
"""The solvers that are warmed up when the page starts, for closed tours."""

OFFERED = ("ls", "ortools", "policy", "bound", "session-recourse", "session-rollout", "means", "recourse")
"""The solvers of which the page says whether they solve the problem."""

MOST_REHEARSED, REHEARSAL = 500, 0.02
"""The most nodes of an instance that is solved shortly before its clock runs, and for how many seconds."""

_rehearsed: set[tuple[str, Problem, bool, bool]] = set()

PAUSE = 0.03
"""Seconds between two better solutions that are sent; a solution that is overtaken within them is not sent."""

MOST_INK = 16
"""The number of nodes of which a step shows the probability."""


@cache
def _solver(spec: str) -> Solver:
    return make(spec)


@cache
def _warmed(spec: str, problem: Problem) -> Solver:
    """A solver that is ready for a problem."""
    solver = _solver(spec)
    require_support(solver, problem)
    with foreign_errors(solver, solver.name):
        solver.warm_up(problem)
    return solver


def warm_up(emit: Emit) -> dict[str, Any]:
    """Load and compile what the first reader will use."""
    tsp = get_problem("tsp")
    for spec in WARM:
        _warmed(spec, tsp)
    for distribution in ("uniform", "hall"):
        fields = Fields({"source": {"kind": "generated", "distribution": distribution, "size": 20}})
        blob = make_instance(lambda _: None, fields)[1]
        for spec in WARM:
            solve(lambda _: None, blob, spec=spec, seconds=0.05, seed=1)
    return {}


def _rehearse(solver: Solver, spec: str, problem: Problem, instance: Instance) -> None:
    """Solve the first instance of a kind shortly before any clock runs, since first calls compile kernels."""
    kind = (spec, problem, instance.matrix is not None, instance.free_end)
    if kind in _rehearsed or instance.size > MOST_REHEARSED:
        return
    solve_request(solver, Request(problem, [instance], [REHEARSAL]))
    _rehearsed.add(kind)


@contextmanager
def _collected_notes() -> Generator[list[str]]:
    """The notes for the user that are given meanwhile."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield notes
    notes += dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, UserWarning))


def make_instance(emit: Emit, fields: Fields) -> tuple[dict[str, Any], bytes]:
    """The view of the instance that a request describes, and the instance itself, pickled for other jobs."""
    with _collected_notes() as notes:
        place = make_place(fields)
        fields.finish()
    problem = validated_problem(place.instance)
    supported: dict[str, bool] = {}
    for spec in OFFERED:
        solver = _solver(spec)
        supported[spec] = solver.supports(problem) and refusal_of(solver, problem, place.instance, 5.0) is None
    return instance_view(place, notes, supported), pickle.dumps(place)


def load_place(blob: bytes) -> tuple[Place, Problem]:
    """The place that `make_instance` pickled, and its problem."""
    place: Place = pickle.loads(blob)  # noqa: S301 - made by `make_instance`, and kept in the server's memory
    return place, validated_problem(place.instance)


def solve(emit: Emit, blob: bytes, *, spec: str, seconds: float, seed: int) -> dict[str, Any]:
    """Solve an instance; each better solution is sent as it is found."""
    place, problem = load_place(blob)
    emit({"state": "preparing"})
    with _collected_notes() as notes:
        solver = _warmed(spec, problem)
        refusal = refusal_of(solver, problem, place.instance, seconds)
        if refusal is not None:
            raise ValueError(refusal)
        _rehearse(solver, spec, problem, place.instance)
        emit({"state": "running"})
        start = time.perf_counter()
        sent = -PAUSE

        def report(i: int, found: Solution) -> None:
            nonlocal sent
            elapsed = time.perf_counter() - start
            if elapsed - sent >= PAUSE:
                sent = elapsed
                emit(solution_view(place, problem, replace(found, seconds=elapsed)))

        request = Request(problem, [place.instance], [seconds], seed=seed, report=report)
        (found,) = solve_request(solver, request)
        found = explain(problem, place.instance, found)
    return {**solution_view(place, problem, found), "notes": notes}


def steps(emit: Emit, blob: bytes, *, spec: str) -> dict[str, Any]:
    """Build a policy's tour greedily, node by node, with its probabilities."""
    place, problem = load_place(blob)
    instance = place.instance
    emit({"state": "preparing"})
    solver = _warmed(spec, problem)
    emit({"state": "running"})
    visited: list[int] = []
    if not problem.shape.has_depot and not instance.free_start and instance.size > 1:
        visited = [instance.depot]
    with _collected_notes() as notes:
        for _ in range(2 * instance.size + 2):
            begun = replace(instance, underway=Underway(tuple(visited))) if visited else instance
            predicted = next_probabilities(solver, problem, begun)
            if predicted is None:
                raise ValueError(f"solver {solver.name!r}: gives no probabilities, expected a policy")
            if not predicted.any():
                break
            chosen = int(predicted.argmax())
            ranked = np.argsort(-predicted, kind="stable")[:MOST_INK].tolist()
            ink = [[node, round(float(predicted[node]), 4)] for node in ranked if predicted[node] >= 5e-4]
            emit({"visited": list(visited), "chosen": chosen, "ink": ink})
            visited.append(instance.depot if chosen == instance.finish and problem.shape.has_depot else chosen)
            if problem.shape.has_one_depot_tour and chosen == instance.finish:
                break
    tours = _as_tours(problem, place, visited)
    return {**solution_view(place, problem, check(problem, instance, tours, solver=spec)), "notes": notes}


def _as_tours(problem: Problem, place: Place, visited: list[int]) -> list[list[int]]:
    """The nodes in the order of a policy's steps as tours."""
    depot, finish = place.instance.depot, place.instance.finish
    if not problem.shape.has_depot:
        return [visited]
    tours: list[list[int]] = [[depot]]
    for node in visited:
        if node in (depot, finish):
            tours.append([depot])
        else:
            tours[-1].append(node)
    kept = [tour for tour in tours if len(tour) > 1] or [[depot]]
    return [[*tour, finish] if finish != depot else tour for tour in kept]


def day(
    emit: Emit,
    blob: bytes,
    *,
    spec: str,
    seconds: float,
    visited: list[int],
    ends: bool,
    seed: int,
) -> dict[str, Any]:
    """The day after these visits, what they revealed, and the plan for the rest; without one where it `ends`."""
    place, problem = load_place(blob)
    instance, realization = place.instance, place.realization
    if realization is None or not problem.shape.has_one_depot_tour:
        raise ValueError(
            f"{instance.name}: problem {problem.name!r} hides nothing here, expected a day with a realization"
        )
    tour = OnlineTour(problem, instance, realization)
    expected = f"a place to visit, from 0 to {instance.size - 1}"
    for node in visited:
        whole_number(node, "visited", least=0, most=instance.size - 1, expected=expected)
        if tour.over:
            raise ValueError("visited: the day is over before the last of these visits")
        tour.visit(node)
    so_far = check(problem, instance, [tour.tour()], realization=realization)
    walk = [instance.depot, *tour.visited]
    is_bound = problem.rule(Session) is not None  # else the quota need not be met yet
    if is_bound and not so_far.feasible:
        raise ValueError(f"visited: {'; '.join(so_far.violations)}")
    plan, seconds_used = list[int](), 0.0
    if not tour.over and not ends:
        solver = _warmed(spec, problem)
        known = tour.known_instance()
        (answer,) = solve_request(solver, Request(problem, [known], [seconds], seed=seed))
        tour.plan = None
        tour.follow(answer)
        plan, seconds_used = [*(tour.plan or ())], answer.seconds
    over = tour.over or not plan
    known_values = {name: getattr(realization, name) for name in problem.reveals}
    revealed = {
        str(node): {name: _finite(values[node]) for name, values in known_values.items()} for node in set(tour.visited)
    }
    stays = _stays(problem, walk)
    return {
        "visited": list(tour.visited),
        "elapsed": tour.elapsed,
        "limit": instance.max_length if is_bound else None,
        "collected": so_far.objective,
        "text": None if so_far.objective is None else f"{so_far.objective:.5g}",
        "feasible": so_far.feasible,
        "reasons": list(so_far.violations)[:3],
        "revealed": revealed,
        "stays": stays,
        "plan": plan,
        "deciding": is_undecided(problem, tour.visited, instance.finish),
        "over": over,
        "way": way_of(place, [*walk, instance.finish] if over else walk),
        "plan_way": way_of(place, [walk[-1], *plan, instance.finish]),
        "seconds": round(seconds_used, 3),
    }


def _stays(problem: Problem, walk: list[int]) -> list[int]:
    """The nodes at which she has stayed."""
    if not problem.may_stay:
        return sorted(set(walk[1:]))
    return [a for a, b in pairwise(walk) if a == b]


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def export(emit: Emit, blob: bytes, *, kind: str, tours: list[Any] | None) -> dict[str, Any]:
    """A file: the instance, or a solution that is checked again."""
    import json

    place, problem = load_place(blob)
    instance = place.instance
    stem = Path(place.file).stem or "instance"
    with tempfile.TemporaryDirectory() as folder:
        if kind == "instance":
            path = _write_instance(Path(folder), stem, place)
            return {"name": path.name, "content": base64.b64encode(path.read_bytes()).decode()}
        found = check(problem, instance, tours or [], solver="page")
        if not found.feasible:
            raise ValueError(f"tours: {'; '.join(found.violations)}")
        path = Path(folder, f"{stem}-tour.{kind}")
        if kind == "json":
            content = {"solutions": [solution_entry(instance, found)]}
            path.write_text(json.dumps(content, allow_nan=False, indent=1) + "\n", encoding="utf-8")
        else:
            write_solution(path, instance, found)
        return {"name": path.name, "content": base64.b64encode(path.read_bytes()).decode()}


def _write_instance(folder: Path, stem: str, place: Place) -> Path:
    """The instance as CSV without its limits, which are options of the command line, else as an NPZ set."""
    csv = folder / f"{stem}.csv"
    plain = replace(place.instance, **dict.fromkeys((*LIMITS, "num_tours")), best_known=None)
    try:
        write_instances(csv, [plain])
    except ValueError:
        path = folder / f"{stem}.npz"
        write_instances(path, [place.instance], None if place.realization is None else [place.realization])
        return path
    return csv


JOBS: dict[str, Callable[..., Any]] = {
    "warm_up": warm_up,
    "instance": make_instance,
    "solve": solve,
    "steps": steps,
    "day": day,
    "export": export,
}
"""The jobs by name."""
