"""Gaps of a solver to the listed values on the real instances of every variant.

For each set: how many instances, the mean gap to the listed value (positive: worse), and how many
answers reach it, are better, or are infeasible. Listed values of `top`, `oplib` and parts of `optw` are
the best of heuristics, so answers may be better; the data folder's README says which are proved.

    python benchmarks/variant_files.py --time-limit 1 --most 20
    python benchmarks/variant_files.py --sets cvrplib-A cvrplib-B --time-limit 5 --against pyvrp

Reads the folder named by TSP_DATA (default: ../shared/data beside the checkout). `--most` limits the
instances of each set; those taken are spread evenly over it.
"""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

import tsp
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tsp.instance import Instance
    from tsp.solvers import Solver

NOTHING = 1e-6
"""Relative differences up to this count as none."""

CENTS = 0.0051
"""Differences up to this count as none where values are listed with two decimals."""


class Question(NamedTuple):
    """An instance, the problem that it is solved as, and its listed value."""

    problem: str
    instance: Instance
    listed: float


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _orienteering(kind: str) -> Callable[[Path], Iterator[Question]]:
    def questions(folder: Path) -> Iterator[Question]:
        for row in _rows(folder / "op" / kind / "best_known.csv"):
            name = row["name"] if kind != "oplib" else f"{row['set']}/{row['name']}.oplib"
            instance = tsp.read(folder / "op" / kind / name, problem="op")
            yield Question("op", instance, float(row["best_known_score"]))

    return questions


def _teams(folder: Path) -> Iterator[Question]:
    for row in _rows(folder / "top" / "best_found.csv"):
        yield Question("top", tsp.read(folder / "top" / row["name"]), float(row["best_found_score"]))


def _windows(folder: Path) -> Iterator[Question]:
    for row in _rows(folder / "optw" / "best_known.csv"):
        yield Question("optw", tsp.read(folder / "optw" / row["name"]), float(row["best_known_score"]))


def _quotas(folder: Path) -> Iterator[Question]:
    for row in _rows(folder / "pctsp" / "best_known.csv"):
        instance = replace(tsp.read(folder / "pctsp" / row["name"]), min_prize=float(row["min_prize"]))
        yield Question("pctsp", instance, float(row["best_known_cost"]))


def _timed(problem: str, column: str) -> Callable[[Path], Iterator[Question]]:
    def questions(folder: Path) -> Iterator[Question]:
        for row in _rows(folder / "tsptw" / "best_known.csv"):
            if row[column]:
                instance = tsp.read(folder / "tsptw" / row["set"] / row["name"], problem=problem)
                yield Question(problem, instance, float(row[column]))

    return questions


def _vehicles(letter: str) -> Callable[[Path], Iterator[Question]]:
    def questions(folder: Path) -> Iterator[Question]:
        for row in _rows(folder / "cvrplib" / "bks.csv"):
            if row["name"].startswith(f"{letter}-"):
                instance = tsp.read(folder / "cvrplib" / f"{row['name']}.vrp", problem="cvrp")
                yield Question("cvrp", instance, float(row["best_known"]))

    return questions


SETS: dict[str, Callable[[Path], Iterator[Question]]] = {
    "tsiligirides": _orienteering("tsiligirides"),
    "chao": _orienteering("chao"),
    "oplib": _orienteering("oplib"),
    "top": _teams,
    "optw": _windows,
    "pctsp": _quotas,
    "tsptw": _timed("tsptw", "best_travel_time"),
    "tsptw-makespan": _timed("tsptw-makespan", "best_makespan"),
    **{f"cvrplib-{letter}": _vehicles(letter) for letter in "ABPX"},
}


def gaps(solver: Solver, questions: list[Question], limit: float) -> list[float]:
    """Percent by which each answer is worse than listed; infinite where infeasible."""
    out: list[float] = []
    for name, instance, listed in tqdm(questions, desc=solver.name, disable=None):
        problem = get_problem(name)
        problem.validate(instance)
        (answer,) = solver.solve(problem, [instance], Budget(limit))
        if answer.objective is None:
            out.append(np.inf)
            continue
        gap = problem.objective.gap(answer.objective, listed) or 0.0
        slack = max(NOTHING * abs(listed), CENTS if listed != round(listed) else 0.0)
        out.append(0.0 if abs(answer.objective - listed) <= slack else 100.0 * gap)
    return out


def main() -> None:
    """Solve and print a row for each set and solver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=[*SETS], default=[*SETS])
    parser.add_argument("--solver", default="ls")
    parser.add_argument("--against", nargs="*", default=[], metavar="SPEC")
    parser.add_argument("--time-limit", type=float, default=1.0)
    parser.add_argument("--most", type=int, help="instances of each set (default: all)")
    parser.add_argument("--show", action="store_true", help="also print each instance's gap")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("TSP_DATA") or Path(__file__).parents[2] / "shared" / "data")
    solvers = [make(spec) for spec in (arguments.solver, *arguments.against)]
    print(f"{arguments.time_limit:g} s each\n")
    print("| set | solver | instances | mean gap, % | as listed | better | infeasible |\n|---|---|--:|--:|--:|--:|--:|")
    for name in arguments.sets:
        every = list(SETS[name](folder))
        most = min(arguments.most or len(every), len(every))
        questions = [every[i] for i in np.linspace(0, len(every) - 1, most).astype(int)]
        for solver in solvers:
            solver.warm_up(get_problem(questions[0].problem))
            found = np.array(gaps(solver, questions, arguments.time_limit))
            done = found[np.isfinite(found)]
            facts = f"{np.sum(done == 0)} | {np.sum(done < 0)} | {len(found) - len(done)}"
            print(f"| {name} | {solver.name} | {most} of {len(every)} | {done.mean():.3f} | {facts} |", flush=True)
            if arguments.show:
                for question, gap in zip(questions, found, strict=True):
                    print(f"    {question.instance.name:24} {question.instance.size:5} {gap:8.3f}")


if __name__ == "__main__":
    main()
