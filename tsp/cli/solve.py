"""`tsp solve`: solve instances from files."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING, Any

from tsp import __version__
from tsp.cli.command import DONE, INFEASIBLE, Command
from tsp.cli.console import complain, progress_bar, say, show, show_json
from tsp.cli.options import (
    add_common_options,
    add_decision_time,
    add_instance_options,
    add_underway_options,
    make_budget,
    positive,
    workers,
)
from tsp.interrupts import exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Solver

PATIENCE = 1.5
"""Seconds of warm-up after which the program says what it is doing."""

LEAST_PROBABILITY = 5e-5
"""The smallest probability that is printed: smaller ones round to 0."""


class _HelpColumns(argparse.Action):
    """Print the columns that a CSV file may have, and end the program."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """See `argparse.Action`."""
        from tsp.formats.columns import describe_columns

        show(describe_columns())
        parser.exit()


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp solve`."""
    command.add_argument("--help-columns", action=_HelpColumns, help="list the columns of CSV files, and exit")
    command.add_argument("files", nargs="+", metavar="FILE", help="instances: TSPLIB, CSV, NPZ, …")
    command.add_argument("--problem", help="problem to solve, where the file does not name one")
    command.add_argument("--solver", metavar="SPEC", help="default: the best solver for each instance")
    command.add_argument("--time-limit", type=positive, help="seconds for each instance (default 2)")
    add_decision_time(command)
    add_instance_options(command)
    command.add_argument(
        "--objective", metavar="NAME", help="another objective under the same rules: travel-time, makespan or longest"
    )
    command.add_argument("--initial", metavar="FILE", help="a solution to start from: .tour, .sol, .csv or .json")
    command.add_argument(
        "--law", action="append", metavar="FILE", help="a law of `tsp fit`: what it says of each node by its features"
    )
    add_underway_options(command)
    command.add_argument("--probabilities", action="store_true", help="show the policy's P(next node | nodes so far)")
    command.add_argument(
        "--plot", metavar="PATH", help="draw the tour: .png, .svg or .pdf; on the Earth also .geojson or .html"
    )
    command.add_argument(
        "--out",
        metavar="PATH",
        help="write the solution: .tour, .sol, .csv or .json; or of a large set parts in a FOLDER/",
    )
    command.add_argument(
        "--workers",
        type=workers,
        metavar="N|ray",
        help="of a large set: number of processes (default 1), or a Ray cluster: ray, ray://HOST:PORT",
    )
    command.add_argument("--resume", action="store_true", help="of a large set: go on with the run in --out FOLDER/")
    command.add_argument("--strict", action="store_true", help="of a large set: stop at an instance that is broken")
    command.add_argument("--json", action="store_true", help="print JSON")
    add_common_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Solve the instances, and print, draw and write their solutions."""
    from tsp.cli.inputs import read_initial, read_instances
    from tsp.cli.parts import is_folder, refuse_options_of_parts, solve_to_parts
    from tsp.machine import keep_freed_memory

    keep_freed_memory()
    if is_folder(arguments.out):
        return solve_to_parts(arguments)
    refuse_options_of_parts(arguments)
    instances, realizations = read_instances(arguments.files, arguments)
    if arguments.probabilities:
        for name in ("plot", "out", "initial", "time_limit", "decision_time"):
            if getattr(arguments, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"--probabilities: prints only probabilities, expected no {option} beside it")
        return _show_probabilities(arguments, instances)
    _require_outputs(arguments, instances)
    solutions, interrupt = _solve(arguments, instances, realizations, read_initial(arguments, instances))
    _write_solutions(arguments, instances, solutions)
    if interrupt is not None:
        return exit_code(interrupt)
    return DONE if all(solution.feasible for solution in solutions) else INFEASIBLE


def _require_outputs(arguments: argparse.Namespace, instances: Sequence[Instance]) -> None:
    """Refuse outputs that cannot be written, or that cannot hold the solutions of all instances."""
    from tsp.cli.outputs import require_drawing, require_output
    from tsp.drawing import require_drawable
    from tsp.formats import SOLUTION_ENDINGS

    drawing = require_drawing(arguments, "plot")
    for path in (drawing, require_output(arguments, "out", SOLUTION_ENDINGS)):
        if path is not None and path.suffix.lower() != ".json" and len(instances) > 1:
            raise ValueError(f"{path}: can hold one solution, but there are {len(instances)} instances")
    if drawing is not None:
        require_drawable(drawing, instances[0])


def _solve(
    arguments: argparse.Namespace,
    instances: Sequence[Instance],
    realizations: Sequence[Realization | None],
    initial: Sequence[Solution] | None,
) -> tuple[list[Solution], KeyboardInterrupt | None]:
    """The solutions, and the interruption that cut the search for them short, if one did."""
    from tsp.shortcuts import solve_all
    from tsp.solution import no_answer

    best: dict[int, Solution] = {}
    with progress_bar(len(instances), "instance") as advance:

        def report(i: int, solution: Solution) -> None:
            best[i] = solution
            advance(len(best))

        try:
            solutions = solve_all(
                instances,
                arguments.solver,
                make_budget(arguments),
                initial=initial,
                device=arguments.device,
                prepare=_warm_up,
                report=report,
                realizations=realizations,
            )
        except KeyboardInterrupt as interrupt:
            complain("interrupted: this is the best so far")
            known = initial or [no_answer(seconds=0.0, solver="")] * len(instances)
            return [best.get(i, known[i]) for i in range(len(instances))], interrupt
    return solutions, None


def _warm_up(solver: Solver, problem: Problem) -> None:
    """Warm a solver up, and print a note if that takes long."""
    notice = threading.Timer(PATIENCE, say, [f"preparing {solver.name} (only the first run ever compiles) …"])
    notice.daemon = True
    notice.start()
    try:
        solver.warm_up(problem)
    finally:
        notice.cancel()


def _write_solutions(
    arguments: argparse.Namespace, instances: Sequence[Instance], solutions: Sequence[Solution]
) -> None:
    """Write and draw the solutions where options ask for it, and print them, whatever becomes of the files."""
    from tsp.cli.outputs import describe_plan, describe_solution, solutions_content

    pairs = list(zip(instances, solutions, strict=True))
    content = solutions_content(pairs)
    try:  # before they are printed: in `tsp … | head` printing ends the program
        _write_files(arguments, content, instances[0], solutions[0])
    finally:
        if arguments.json:
            show_json(content)
        else:
            for pair in pairs:
                show("\n".join(text for text in (describe_solution(*pair), describe_plan(*pair)) if text is not None))


def _write_files(
    arguments: argparse.Namespace, content: dict[str, Any], instance: Instance, solution: Solution
) -> None:
    """Write all solutions as JSON, or the first one in another format, and draw the first."""
    import json
    from pathlib import Path

    from tsp.drawing import draw
    from tsp.files import write_text
    from tsp.formats import write_solution

    if arguments.out and Path(arguments.out).suffix.lower() == ".json":
        write_text(arguments.out, json.dumps(content, allow_nan=False, indent=1) + "\n", force=arguments.force)
    elif arguments.out and not solution.feasible:
        complain(f"{arguments.out}: not written, since no feasible solution was found")
    elif arguments.out:
        write_solution(arguments.out, instance, solution, force=arguments.force)
    if arguments.plot:
        draw(arguments.plot, instance, solution, force=arguments.force)


def _show_probabilities(arguments: argparse.Namespace, instances: Sequence[Instance]) -> int:
    """Print the policy's distribution over the next node, for each instance."""
    from tsp.composition import validated_problem
    from tsp.solvers import next_probabilities
    from tsp.solvers.registry import make
    from tsp.underway import validate_underway

    solver = make(arguments.solver or "policy", device=arguments.device)
    entries: list[dict[str, Any]] = []
    for instance in instances:
        problem = validated_problem(instance)
        validate_underway(problem, instance)
        predicted = next_probabilities(solver, problem, instance)
        if predicted is None:
            raise ValueError(f"solver {solver.name!r}: gives no probabilities, expected a policy")
        probabilities: list[float] = predicted.tolist()
        entries.append({"instance": instance.name, "problem": problem.name, "probabilities": probabilities})
        if not arguments.json:
            show(_describe_probabilities(instance, probabilities))
    if arguments.json:
        show_json({"version": __version__, "solutions": entries})
    return DONE if all(any(entry["probabilities"]) for entry in entries) else INFEASIBLE


def _describe_probabilities(instance: Instance, probabilities: Sequence[float]) -> str:
    """The most probable next nodes, a line for each."""
    from tsp.cli.outputs import MOST_NODES_PRINTED

    ranked = sorted(range(instance.size), key=lambda node: -probabilities[node])
    rows = [
        f"  {probabilities[node]:7.4f}  {instance.node_name(node)}"
        for node in ranked
        if probabilities[node] >= LEAST_PROBABILITY
    ]
    rows = rows or ["  none: the tour is complete, or no node is legal"]
    return "\n".join([f"{instance.name}: P(next node | nodes so far)", *rows[:MOST_NODES_PRINTED]])


COMMAND = Command(
    "solve instances from files", "tsp solve examples/berlin52.tsp --plot tour.png", add_options=add_options, run=run
)
