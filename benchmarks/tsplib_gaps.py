"""Gaps of a solver on real instances with known optima: TSPLIB files of some sizes.

    python benchmarks/tsplib_gaps.py --largest 1000 --time-limit 2
    python benchmarks/tsplib_gaps.py --smallest 1001 --largest 12000 --time-limit 20
    python benchmarks/tsplib_gaps.py --set atsp --time-limit 2

Reads `tsplib/*.tsp` (or `atsp/*.atsp`) from the folder named by TSP_DATA (default: ../shared/data beside
the checkout). Instances with fixed edges (linhp318) are named and left out.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tsp
from tsp.problems import get_problem
from tsp.solvers.defaults import default_spec
from tsp.solvers.registry import make


def main() -> None:
    """Solve every file and print a line each, then the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solver", help="spec (default: the toolkit's default for each instance)")
    parser.add_argument("--set", choices=("tsplib", "atsp"), default="tsplib")
    parser.add_argument("--smallest", type=int, default=1, help="number of nodes")
    parser.add_argument("--largest", type=int, default=1000, help="number of nodes")
    parser.add_argument("--time-limit", type=float, default=5.0)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("TSP_DATA") or Path(__file__).parents[2] / "shared" / "data") / arguments.set
    pattern = {"tsplib": "*.tsp", "atsp": "*.atsp"}[arguments.set]
    instances = [tsp.read(path) for path in sorted(folder.glob(pattern))]
    instances = [one for one in instances if arguments.smallest <= one.size <= arguments.largest]
    chosen = [one for one in instances if one.fixed_edges is None]
    skipped = [one.name for one in instances if one.fixed_edges is not None]
    warnings.simplefilter("ignore", UserWarning)  # notes on sizes, one for each instance
    for spec in {arguments.solver or default_spec(instance, arguments.time_limit)[0] for instance in chosen}:
        make(spec).warm_up(get_problem(chosen[0].problem))
    gaps, seconds = [], []
    for instance in tqdm(sorted(chosen, key=lambda one: one.size), disable=None):
        solution = tsp.solve(instance, arguments.solver, time_limit=arguments.time_limit)
        assert instance.best_known is not None
        gaps.append(100 * (solution.objective / instance.best_known - 1) if solution.objective else np.inf)
        seconds.append(solution.seconds)
        facts = f"{solution.objective:>12g} {gaps[-1]:7.3f} % {seconds[-1]:6.2f} s  {solution.solver}"
        print(f"{instance.name:12} {instance.size:5} {facts}")
    print(
        f"{len(gaps)} instances, {arguments.time_limit:g} s each: mean gap {np.mean(gaps):.3f} %, "
        f"largest {np.max(gaps):.3f} %, optimal {np.sum(np.array(gaps) < 1e-9)}, longest {np.max(seconds):.2f} s"
    )
    if skipped:
        print(f"left out (fixed edges): {', '.join(skipped)}")


if __name__ == "__main__":
    main()
