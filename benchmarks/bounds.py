"""How tight the proved bounds are: the 1-tree's, the assignment's and the prizes', against known optima.

    python benchmarks/bounds.py --largest 1100 --seconds 2

Reads `tsplib/*.tsp`, `atsp/*.atsp` and `op/tsiligirides` from the folder named by TSP_DATA (default:
../shared/data beside the checkout). `converged` is the bound after the long ascent of `--long` seconds.
Uniform random instances come last, with a tenth of two seconds. Seconds are processor time, so that other
load on the machine does not matter.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from processor_clock import ProcessorClock

import tsp
from baselines.bounds.ascent import ascend
from baselines.bounds.bounds import NEIGHBOURS, bound
from baselines.bounds.guides import sorted_edges
from tsp.budget import Clock
from tsp.instance import Instance
from tsp.problems import get_problem

LONGEST = 1_000_000
"""Steps of the long ascent: more than its time allows."""


def measure(instance: Instance, seconds: float, long: float) -> tuple[float, float, float]:
    """Bound, converged bound, and the processor seconds of the first."""
    begin = time.process_time()
    found = bound(get_problem("tsp"), instance, ProcessorClock(seconds))
    spent = time.process_time() - begin
    _, geometry, pairs = sorted_edges(instance, NEIGHBOURS)
    converged = ascend(
        geometry, pairs, ProcessorClock(long), steps=min(LONGEST, round(long * 2e7 / instance.size))
    ).bound
    found = -np.inf if found is None else found
    return found, max(converged, found), spent


def main() -> None:
    """Print a line for each instance, then the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1100, help="number of nodes")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each bound")
    parser.add_argument("--long", type=float, default=10.0, help="seconds of the long ascent")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("TSP_DATA") or Path(__file__).parents[2] / "shared" / "data")
    bound(get_problem("tsp"), Instance(np.random.default_rng(0).random((50, 2))), Clock(60.0))

    print("instance, nodes, bound / optimum, bound / converged, seconds")
    rows = []
    for path in sorted((folder / "tsplib").glob("*.tsp")):
        instance = tsp.read(path)
        if instance.size <= arguments.largest:
            found, converged, spent = measure(instance, arguments.seconds, arguments.long)
            rows.append((found / instance.best_known, found / converged))
            print(f"{path.stem:12} {instance.size:5} {rows[-1][0]:9.5f} {rows[-1][1]:9.5f} {spent:6.2f}", flush=True)
    shares, reached = np.array(rows).T
    print(
        f"{len(rows)} instances: bound / optimum {shares.mean():.5f}, at most {shares.max():.9f}; "
        f"bound / converged {reached.mean():.5f}, at least {reached.min():.5f}, "
        f"{np.mean(reached >= 0.998):.0%} at 0.998 or more"
    )
    shares = []
    for path in sorted((folder / "atsp").glob("*.atsp")):
        instance = tsp.read(path)
        shares.append((bound(get_problem("atsp"), instance, Clock(arguments.seconds)) or 0.0) / instance.best_known)
    print(f"{len(shares)} asymmetric: bound / optimum {np.mean(shares):.5f}, at least {np.min(shares):.5f}")
    for kind in ("tsiligirides", "oplib/gen2"):
        shares, spent = [], []
        for path in sorted(path for path in (folder / "op" / kind).iterdir() if path.suffix in (".txt", ".oplib")):
            instance = tsp.read(path)
            begin = time.process_time()
            found = bound(get_problem("op"), instance, Clock(arguments.seconds))
            spent.append(time.process_time() - begin)
            if instance.best_known:
                shares.append((found or np.inf) / instance.best_known)
        facts = f"mean {np.mean(shares):.3f}, at least {np.min(shares):.3f}, {np.mean(spent):.2f} s"
        print(f"{len(shares)} of op/{kind}: bound / best known {facts}")
    for n in (100, 1000, 10_000):
        instance = Instance(np.random.default_rng(n).random((n, 2)))
        found, converged, spent = measure(instance, 0.2, arguments.long)
        print(f"uniform, {n} nodes, 0.2 s: bound / converged {found / converged:.5f}, {spent:.2f} s")


if __name__ == "__main__":
    main()
