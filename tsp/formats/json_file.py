"""Solutions as `tsp solve --json` prints them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.composition import added_rules, problem_of
from tsp.formats.json_content import describe_json, read_json
from tsp.formats.plan import ANY, Plan
from tsp.itinerary import make_itinerary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Outlook, Solution


def read_plan(path: Path, instance: Instance) -> Plan:
    """Read the tours of the entry with the instance's name, or of the only entry, and the amounts it may have.

    Raises:
        ValueError: with the file, what is wrong and what was expected.
    """
    entries = _entries(path)
    found = entries.get(instance.name, next(iter(entries.values())) if len(entries) == 1 else None)
    if found is None:
        raise ValueError(f"{path}: {len(entries)} solutions, none of an instance named {instance.name!r}")
    return _as_plan(path, instance, found)


def read_plans(path: Path, instances: Sequence[Instance]) -> list[Plan]:
    """Read a plan of each instance, from the entries with their names.

    Raises:
        ValueError: as for `read_plan`, naming the first instance without an entry.
    """
    entries = _entries(path)
    for instance in instances:
        if instance.name not in entries:
            raise ValueError(f"{path}: {len(entries)} solution(s), none of an instance named {instance.name!r}")
    return [_as_plan(path, instance, entries[instance.name]) for instance in instances]


def _as_plan(path: Path, instance: Instance, entry: dict[str, object]) -> Plan:
    tours, amounts = entry["tours"], entry.get("amounts")
    if not isinstance(tours, list) or not all(map(_is_tour, cast("list[object]", tours))):
        raise ValueError(f"{path}: tours of {instance.name!r}: expected lists of node numbers from 0")
    if amounts is not None and not (isinstance(amounts, list) and all(map(_is_amounts, cast("list[object]", amounts)))):
        raise ValueError(f"{path}: amounts of {instance.name!r}: expected lists of numbers")
    nodes = [np.array(tour, dtype=np.int64) for tour in cast("list[list[int]]", tours)]
    plan = Plan(nodes, free_end=entry.get("end") == ANY)
    if amounts is None:
        return plan
    numbers = [np.array(numbers, dtype=np.float64) for numbers in cast("list[list[float]]", amounts)]
    return plan._replace(amounts=numbers)


def _entries(path: Path) -> dict[str, dict[str, object]]:
    """The entries by the names of their instances."""
    content: Any = read_json(path)
    try:
        return {str(entry["instance"]): {**entry, "tours": entry["tours"]} for entry in content["solutions"]}
    except (KeyError, TypeError):
        expected = "no solutions with instance and tours, as `tsp solve --json` prints them"
        raise ValueError(f"{path}: holds {describe_json(content)}, {expected}") from None


def _is_tour(tour: object) -> bool:
    return isinstance(tour, list) and all(
        type(node) is int and abs(node) < 2**53 for node in cast("list[object]", tour)
    )


def _is_amounts(amounts: object) -> bool:
    return isinstance(amounts, list) and all(
        type(number) is float or (type(number) is int and abs(number) < 2**53)
        for number in cast("list[object]", amounts)
    )


def solution_entry(instance: Instance, solution: Solution) -> dict[str, Any]:
    """One solution as `tsp solve --json` prints it; no value in it is NaN or infinite.

    `tours` hold positions from 0, and `names` what users call the node at each position. It has `amounts`, the
    amount delivered at each stop of each tour, if deliveries may be split; `end`, the word `any`, if tours have a free
    end; `plan`, what it promises, where what will happen is not known (`objective` is then null); `unit`, that of
    lengths, and `objective_unit`, if they have one; `schedule`, the times of each stop of each tour, if times come from
    a clock; `speed`, if these follow from lengths on the Earth; and `walls`, the number of those that ways go around.
    """
    best, gap, problem = instance.best_known, None, problem_of(instance)
    unit, factor = instance.units.objective(problem.objective.terms)
    if best is not None and solution.objective is not None and solution.outlook is None:
        gap = problem.objective.gap(solution.objective, best)
    rules = added_rules(problem)
    split = solution.amounts
    amounts = {} if split is None else {"amounts": [numbers.tolist() for numbers in split]}
    return {
        "instance": instance.name,
        "problem": problem.name,
        **({"rules": rules} if rules else {}),
        **({"end": ANY} if instance.free_end else {}),
        "size": instance.size,
        "names": [instance.node_name(node) for node in range(instance.size)],
        "solver": solution.solver,
        **({} if instance.walls is None else {"walls": len(instance.walls)}),
        **_given({"unit": instance.unit, "speed": instance.speed, "objective_unit": unit}),
        "objective": _scaled(solution.objective, factor) if solution.outlook is None else None,
        **({} if solution.outlook is None else {"plan": _plan(instance, solution.outlook)}),
        "feasible": solution.feasible,
        "violations": list(dict.fromkeys([*solution.reasons, *solution.violations])),
        "tours": [tour.tolist() for tour in solution.tours],
        **amounts,
        **({"schedule": _schedule(problem, instance, solution)} if instance.is_clock else {}),
        "seconds": solution.seconds,
        "bound": _scaled(solution.bound, factor),
        "best_known": _scaled(best, factor),
        "gap": gap,
        "proved_optimal": solution.proved_optimal,
    }


def _plan(instance: Instance, outlook: Outlook) -> dict[str, Any]:
    """What a plan promises, by the names of nodes."""
    drops = outlook.drops_first
    return {
        "next": instance.node_name(outlook.next),
        "order": [instance.node_name(node) for node in outlook.order],
        "expected": outlook.expected,
        "in_time": [round(share, 4) for share in outlook.in_time.tolist()],
        "drops_first": None if drops is None else instance.node_name(drops),
        **({} if outlook.late is None else {"late": round(outlook.late, 4)}),
    }


def _given(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries that are not None."""
    return {name: value for name, value in entries.items() if value is not None}


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _schedule(problem: Problem, instance: Instance, solution: Solution) -> list[list[dict[str, Any]]]:
    """The position and the times of each stop of each tour, the return to the depot included."""
    write = instance.units.format_time
    stops = make_itinerary(problem, instance, solution)
    return [
        [
            {"node": stop.node, **{name: write(getattr(stop, name)) for name in ("arrive", "begin", "leave")}}
            for stop in tour
        ]
        for _, tour in groupby(stops, key=lambda stop: stop.tour)
    ]
