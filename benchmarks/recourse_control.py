"""Hidden prizes: is it the policy that pays, or planning for the average cost?

The same search for the order that costs least on average starts from orders that a trained policy
draws (`policy`) or from randomized greedy ones (`recourse`, no network). `ls` and OR-Tools plan for
the expected prizes. Every solver plans again after every visit; the time limit is for a whole tour,
in processor time on one thread (OR-Tools uses the wall clock). All solvers play the same instances:
the first 1,000 of the test set of Kool et al. and 300 of the toolkit's generator.

    nice python benchmarks/recourse_control.py

Beyond the sizes of the shipped policies there is none to compare with. `--without-policy` plays 30 instances of 100
customers by `recourse` and by `ls`, about 2 minutes of one core:

    nice python benchmarks/recourse_control.py --without-policy

The whole run takes about 25 minutes of one core. Finished tours are kept in `--raw`: a run that was stopped continues.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from benchmark_figures import keep_raw, mean_of, read_raw
from processor_clock import count_processor_time
from tqdm import tqdm
from write_results import measured, save

from envs.generators import generate_set
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers.online import play_all
from tsp.solvers.registry import make

PROBLEM = get_problem("spctsp")
SEED = 1234
BLOCK = 50
"""Instances that every solver plays before the next ones, so that other load on the machine affects all equally."""


class Set(NamedTuple):
    """Instances, as `generate_set` draws them."""

    distribution: str
    instances: int
    seed: int


class Arm(NamedTuple):
    """A solver's spec, seconds for a tour, and the instances of each set that it plays at most."""

    spec: str
    limit: float
    most: int = 1_000


class Control(NamedTuple):
    """What is compared.

    Attributes:
        name: of the table's file.
        title: of the table.
        note: below it.
        size: number of customers.
        sets: the instances by their label.
        arms: the solvers by their label.
        references: the arms with which every arm is compared: the word in the table's head → the arm.
    """

    name: str
    title: str
    note: str
    size: int
    sets: dict[str, Set]
    arms: dict[str, Arm]
    references: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The table's head."""
        against = (f"against {word} % (95 %)" for word in self.references)
        return [*COLUMNS, *against, "s a tour"]


SETS = {"Kool et al.": Set("kool", 1_000, 1234), "own generator": Set("uniform", 300, 777)}
ARMS = {
    "policy": Arm("policy", 1.0),
    "policy, thorough search, same time": Arm("policy(search=thorough, samples=4, augmentations=4)", 1.0),
    "policy, thorough search": Arm("policy(search=thorough)", 1.0),
    "recourse, 0.1 s": Arm("recourse", 0.1),
    "recourse, until no move saves": Arm("recourse", 1.0),
    "ls, 0.1 s": Arm("ls", 0.1),
    "OR-Tools, 1 s": Arm("ortools", 1.0, 300),
}
"""A policy ends by itself, far below its limit. How many orders it draws in the same time as by default was chosen
on other instances (own generator, seed 4242)."""
REFERENCES = {
    "policy": "policy",
    "recourse, 0.1 s,": "recourse, 0.1 s",
    "recourse to the end": "recourse, until no move saves",
}
COLUMNS = [
    "instances of",
    "solver",
    "instances",
    "infeasible",
    "mean objective",
    "gap to best %",
]


NOTE = (
    "Every solver plans again after every visit. All of them play the same instances, the first 1,000 of the set of "
    "Kool et al. and 300 of the toolkit's generator (seed 777); OR-Tools plays the first 300 of each. Differences are "
    "paired, and negative where the row's solver costs less; gaps are to the best of all answers, hindsight included. "
    "Seconds are processor time on one thread for a whole tour. OR-Tools measures its limit by the wall clock, and the "
    "machine was busy. `recourse` has no network. The thorough search is that of `recourse`, from the orders that the "
    "policy draws: 16 in each of 8 symmetries, or 4 in each of 4, which take as long as the policy does by default."
)
WITH_POLICY = Control(
    "recourse-control",
    "Hidden prizes, with and without a network, 20 customers",
    NOTE,
    20,
    SETS,
    ARMS,
    REFERENCES,
)
WITHOUT_POLICY = Control(
    "recourse-without-policy",
    "Hidden prizes beyond the sizes of the shipped policies, 100 customers",
    "Every solver plans again after every visit, in 1 s of processor time a tour on one thread. Differences are paired "
    "and negative where the row's solver costs less; gaps are to the better of the two answers.",
    100,
    {"own generator": Set("uniform", 30, 777)},
    {"recourse": Arm("recourse", 1.0), "ls": Arm("ls", 1.0)},
    {"recourse": "recourse"},
)


def play(control: Control, raw: dict[str, dict[str, list[Any]]], path: Path) -> None:
    """Play what is not there yet, block by block, and keep each tour's cost (None if infeasible) and its seconds."""
    torch.set_num_threads(1)
    solvers = {name: make(arm.spec, device="cpu") for name, arm in control.arms.items()}
    warm, hidden = generate_set(PROBLEM.name, "uniform", control.size, 2, 0)
    assert hidden is not None
    for solver in solvers.values():
        solver.warm_up(PROBLEM)
        play_all(solver, PROBLEM, warm, hidden, Budget(0.1))
    count_processor_time()
    for label, chosen in control.sets.items():
        instances, hidden = generate_set(PROBLEM.name, chosen.distribution, control.size, chosen.instances, chosen.seed)
        assert hidden is not None
        for first in tqdm(range(0, chosen.instances, BLOCK), label):
            for name, arm in control.arms.items():
                done = raw.setdefault(f"{label}: {name}", {"costs": [], "seconds": []})
                if len(done["costs"]) > first or first >= arm.most:
                    continue
                rows = slice(first, first + BLOCK)
                start = time.process_time()
                found = play_all(solvers[name], PROBLEM, instances[rows], hidden[rows], Budget(arm.limit, 1, SEED))
                seconds = (time.process_time() - start) / len(found)
                done["costs"] += [one.objective for one in found]
                done["seconds"] += [seconds] * len(found)
                keep_raw(path, raw)


def summarize(control: Control, raw: dict[str, dict[str, list[Any]]]) -> list[list[str]]:
    """A row for each set and arm, in the order of `COLUMNS`."""
    rows: list[list[str]] = []
    for label, chosen in control.sets.items():
        costs = {name: np.array(raw[f"{label}: {name}"]["costs"], dtype=float) for name in control.arms}
        padded = [
            np.pad(values, (0, chosen.instances - len(values)), constant_values=np.nan) for values in costs.values()
        ]
        best = np.nanmin(padded, axis=0)
        for name, values in costs.items():
            there = np.isfinite(values)
            gaps = 100 * (values / best[: len(values)] - 1)
            rows.append(
                [
                    label,
                    name,
                    f"{len(values):,}",
                    f"{100 * (1 - there.mean()):.1f} %",
                    f"{values[there].mean():.3f}",
                    f"{gaps[there].mean():.2f}",
                    *(
                        "–" if name == other else _difference(values, costs[other])
                        for other in control.references.values()
                    ),
                    f"{np.mean(raw[f'{label}: {name}']['seconds']):.3f}",
                ]
            )
    return rows


def _difference(values: np.ndarray, reference: np.ndarray) -> str:
    """Mean paired difference in %, negative where `values` are better, and its 95 % interval."""
    count = min(len(values), len(reference))
    differences = 100 * (values[:count] / reference[:count] - 1)
    return mean_of(differences[np.isfinite(differences)])


def main() -> None:
    """Play, and write the table's figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, help="every tour so far; default runs/NAME.json")
    parser.add_argument("--without-policy", action="store_true", help="100 customers, `recourse` and `ls` alone")
    arguments = parser.parse_args()
    control = WITHOUT_POLICY if arguments.without_policy else WITH_POLICY
    kept: Path = arguments.raw or Path("runs") / f"{control.name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    raw: dict[str, Any] = read_raw(kept)
    play(control, raw, kept)
    command = "python " + shlex.join(sys.argv)
    table = measured(control.name, control.title, control.columns, summarize(control, raw), control.note, command)
    save(table)
    for row in table.rows:
        print(" | ".join(row))


if __name__ == "__main__":
    main()
