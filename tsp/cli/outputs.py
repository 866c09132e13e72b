"""The outputs of a command: paths that can be written, and solutions as text or JSON."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsp import __version__
from tsp.composition import problem_of
from tsp.files import require_writable
from tsp.formats.json_file import solution_entry
from tsp.itinerary import format_itinerary_text, format_totals, make_itinerary, make_totals
from tsp.solution import left_out
from tsp.statistics import format_number
from tsp.words import words_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from tsp.instance import Instance
    from tsp.itinerary import Totals
    from tsp.solution import Outlook, Solution
    from tsp.words import Words

MOST_NODES_PRINTED, MOST_TOURS_PRINTED = 200, 100


def require_output(arguments: argparse.Namespace, option: str, endings: Sequence[str]) -> Path | None:
    """The path of an option, if given; refused at once where it cannot be written in the end."""
    text = getattr(arguments, option)
    if text is None:
        return None
    path = Path(text)
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path}: ending {path.suffix!r}, expected {' or '.join(endings)} for --{option}")
    require_writable(path, force=arguments.force)
    return path


def require_picture(arguments: argparse.Namespace, option: str) -> Path | None:
    """The same as `require_output` for a picture."""
    if getattr(arguments, option) is None:
        return None
    from tsp.plotting import PICTURE_ENDINGS

    return require_output(arguments, option, PICTURE_ENDINGS)


def require_drawing(arguments: argparse.Namespace, option: str) -> Path | None:
    """The same as `require_output` for a picture or a map of an instance."""
    if getattr(arguments, option) is None:
        return None
    from tsp.drawing import DRAWING_ENDINGS

    return require_output(arguments, option, DRAWING_ENDINGS)


def how_it_was_run() -> dict[str, str]:
    """The command and the time, as reports state them."""
    return {
        "command": shlex.join(["tsp", *sys.argv[1:]]),
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "toolkit": __version__,
    }


def solutions_content(pairs: Iterable[tuple[Instance, Solution]]) -> dict[str, Any]:
    """Instances with their solutions, as they are printed and written in JSON."""
    return {"version": __version__, "solutions": [solution_entry(*pair) for pair in pairs]}


def describe_solution(instance: Instance, solution: Solution) -> str:
    """A solution as text: its value, how good that is, and its tours."""
    name = instance.name or "instance"
    if solution.objective is None:
        return f"{name}: no feasible solution ({'; '.join(solution.reasons or solution.violations)})"
    problem = problem_of(instance)
    objective, words = problem.objective, words_of(problem, instance)
    write = partial(instance.units.format_objective, objective.terms, write=format_number)
    outlook = solution.outlook
    facts = [f"{'+'.join(map(words.term, objective.terms))} {write(solution.objective)}"]
    if outlook is not None:
        facts = [f"expected {words.prize} {format_number(outlook.expected, 4)}"]
    if instance.best_known is not None:
        gap = objective.gap(solution.objective, instance.best_known)
        known = f"best known {write(instance.best_known)}"
        facts.append(known if gap is None else f"gap {100 * gap:.2f} % to the {known}")
    if solution.proved_optimal:
        facts.append("proved optimal")
    elif solution.bound is not None:
        facts.append(_describe_bound(solution.objective, solution.bound, write))
    if instance.speed is not None:
        facts.append(f"at {instance.speed:g} km/h")
    facts += filter(None, [instance.describe_walls()])
    facts += ["open routes"] if instance.free_end else []
    facts += [f"{instance.size} nodes", f"{solution.seconds:.2f} s", f"solver {solution.solver}"]
    lines = [f"{name}: {', '.join(facts)}", _describe_tours(instance, solution)]
    lines += [] if outlook is None else _describe_outlook(instance, outlook)
    return "\n".join([*lines, *_describe_left_out(instance, solution)])


def _describe_outlook(instance: Instance, outlook: Outlook) -> list[str]:
    """The next step, and how probable those after it are."""
    home = outlook.next in {instance.depot, instance.finish} and not outlook.order
    visited = () if instance.underway is None else instance.underway.visited
    waits = problem_of(instance).may_wait and outlook.next == (visited[-1] if visited else instance.depot)
    step = f"{'wait at ' if waits else ''}{instance.node_name(outlook.next)}"
    lines = [f"next: {'go home' if home else step}"]
    if outlook.order:
        names = map(instance.node_name, outlook.order)
        steps = [f"{name} {100 * share:.0f} %" for name, share in zip(names, outlook.in_time, strict=True)]
        lines.append(f"in time: {', '.join(steps)}")
    if outlook.drops_first is not None:
        lines.append(f"dropped first: {instance.node_name(outlook.drops_first)}")
    if outlook.late is not None:
        lines.append(f"late: {100 * outlook.late:.0f} %")
    return lines


def describe_plan(instance: Instance, solution: Solution) -> str | None:
    """The plan of an infeasible solution, with the rules that it breaks; None where there is no plan."""
    if solution.feasible or not solution.tours:
        return None
    broken = f" ({'; '.join(solution.violations)})" if solution.reasons else ""
    return f"the plan that came nearest is infeasible{broken}:\n{_describe_tours(instance, solution)}"


def _describe_bound(value: float, bound: float, write: Callable[[float], str]) -> str:
    """The most by which the optimum can be better than the value."""
    if bound == 0:
        return f"proved bound {write(bound)}"
    return f"within {100 * abs(value - bound) / abs(bound):.2f} % of optimal (proved)"


def _describe_left_out(instance: Instance, solution: Solution) -> list[str]:
    """A line with the nodes that are not visited, where the problem leaves that open."""
    nodes = left_out(problem_of(instance), instance, solution).tolist()
    if not nodes:
        return []
    if len(nodes) > MOST_NODES_PRINTED:
        return [f"left out: {len(nodes)} nodes; --out with the ending .csv lists them"]
    return [f"left out: {', '.join(map(instance.node_name, nodes))}"]


def _describe_tours(instance: Instance, solution: Solution) -> str:
    """The nodes of each tour or, where named nodes have prizes or time windows, the itinerary."""
    if not solution.tours:
        return "no tours: no node is visited"
    problem = problem_of(instance)
    words, stops = words_of(problem, instance), make_itinerary(problem, instance, solution)
    headings = [f"tour{_describe_totals(totals, words, instance)}" for totals in make_totals(stops, instance)]
    several = problem.shape.has_several_tours
    if sum(map(len, solution.tours)) > MOST_NODES_PRINTED:
        lines = headings[:MOST_TOURS_PRINTED] if several else []
        return "\n".join([*lines, "tour: too long to print; --out writes it"])
    if instance.names and any(getattr(instance, name) is not None for name in ("prizes", "time_windows")):
        return format_itinerary_text(stops, instance.units, words, headings if several else None)
    separator = " - " if instance.names else " "
    listed = (separator.join(instance.node_name(int(node)) for node in tour) for tour in solution.tours)
    return "\n".join(
        f"{heading if several else 'tour'}: {nodes}" for heading, nodes in zip(headings, listed, strict=True)
    )


def _describe_totals(totals: Totals, words: Words, instance: Instance) -> str:
    """The number of a tour and its totals."""
    return f" {totals.tour} ({', '.join(format_totals(totals, words, instance))})"
