"""Optimal lengths of the first instances of Kool et al.'s TSP sets (seed 1234), the reference of every gap here.

Found by LKH (the `lkh` extra, on coordinates scaled to integers of 1e6), whose tour is then evaluated in
float64; CP-SAT proves a sample of the small ones optimal. Writes `optimal_lengths.npz` beside this file;
sizes that are not named keep their lengths.

    python benchmarks/optimal_lengths.py --sizes 20 50 --instances 1000 --proved 50
    python benchmarks/optimal_lengths.py --sizes 100 --instances 100 --proved 0
    python benchmarks/optimal_lengths.py --sizes 1000 --instances 10 --proved 0 --runs 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import elkai
import numpy as np
from tqdm import tqdm

from envs.kool_sets import generate_tsp
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solvers.registry import make

TABLE = Path(__file__).with_suffix(".npz")
SCALE = 1_000_000


def lkh_length(instance: Instance, runs: int) -> float:
    """Length of LKH's tour."""
    matrix = np.rint(instance.distances * SCALE).astype(int)
    tour = elkai.DistanceMatrix(matrix.tolist()).solve_tsp(runs=runs)
    return instance.tour_length(tour[:-1])


def main() -> None:
    """Write the lengths, and prove a sample of them optimal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--proved", type=int, default=50, help="how many of each size CP-SAT is asked to prove")
    parser.add_argument("--runs", type=int, default=10, help="of LKH")
    arguments = parser.parse_args()
    with np.load(TABLE) as before:
        table = dict(before)
    problem = get_problem("tsp")
    for size in arguments.sizes:
        instances = [Instance(points) for points in generate_tsp(arguments.instances, size)]
        bar = tqdm(instances, desc=f"LKH, n = {size}", disable=None)
        lengths = np.array([lkh_length(instance, arguments.runs) for instance in bar])
        table[f"tsp{size}"] = lengths
        if arguments.proved == 0:
            continue
        proofs = make("cpsat").solve(problem, instances[: arguments.proved], Budget(60.0))
        proved = [i for i, solution in enumerate(proofs) if solution.proved_optimal]
        worst = max((lengths[i] - (proofs[i].objective or np.inf) for i in proved), default=0.0)
        print(f"n = {size}: mean {lengths.mean():.5f}; CP-SAT proved {len(proved)} of {arguments.proved}, "
              f"LKH above them by at most {worst:.2e}")  # fmt: skip
    np.savez_compressed(TABLE, **table)


if __name__ == "__main__":
    main()
