"""Mean objective of a solver on the first instances of Kool et al.'s test sets of the variants.

    python benchmarks/kool_sets.py op --distribution uniform-dist --size 100 --instances 100 --time-limit 0.5
    python benchmarks/kool_sets.py pctsp --size 100 --instances 100 --time-limit 0.5
    python benchmarks/kool_sets.py spctsp --size 100 --instances 100 --time-limit 5

Where prizes are hidden, a tour is played online, and the limit is for the whole tour. Time is processor
time on one thread.
"""

from __future__ import annotations

import argparse

import numpy as np
from processor_clock import count_processor_time
from tqdm import tqdm

from envs.generators import generate_set
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers.online import play
from tsp.solvers.registry import make
from tsp.statistics import estimate_mean

SEED, WHOLE = 1234, 10_000
"""Number of instances in a set: sets are drawn as a whole."""


def main() -> None:
    """Print the mean, its 95 % interval, and how many answers were infeasible."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=("op", "pctsp", "spctsp", "cvrp"))
    parser.add_argument("--distribution", default="kool")
    parser.add_argument("--size", type=int, choices=(20, 50, 100), default=100)
    parser.add_argument("--instances", type=int, default=100, help="the first of the set")
    parser.add_argument("--solver", default="ls")
    parser.add_argument("--time-limit", type=float, default=0.5, help="seconds of processor time an instance")
    arguments = parser.parse_args()
    problem, budget = get_problem(arguments.problem), Budget(arguments.time_limit)
    instances, hidden = generate_set(problem.name, arguments.distribution, arguments.size, WHOLE, SEED)
    solver = make(arguments.solver, device="cpu")
    solver.warm_up(problem)
    count_processor_time()
    found = []
    for i in tqdm(range(arguments.instances)):
        if hidden is None:
            found += solver.solve(problem, instances[i : i + 1], budget)
        else:
            found.append(play(solver, problem, instances[i], hidden[i], budget))
    values = np.array([one.objective for one in found if one.feasible])
    estimate = estimate_mean(values)
    assert estimate is not None
    low, high = estimate.interval or (estimate.mean, estimate.mean)
    print(
        f"{problem.name} {arguments.size}, {arguments.solver}, {arguments.time_limit:g} s: mean {estimate.mean:.4f} "
        f"({low:.4f} to {high:.4f}), {len(found) - len(values)} of {len(found)} infeasible"
    )


if __name__ == "__main__":
    main()
