"""Gaps of policies on Kool et al.'s TSP test sets, against the optimal lengths of `optimal_lengths.py`.

Prints a Markdown table; `--ship` also puts the policy into `policies/zoo` with its card.

    python benchmarks/policy_gaps.py tsp20 tsp50
    python benchmarks/policy_gaps.py runs/tsp20/checkpoint-last.safetensors --size 20 --ship tsp20
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from ship_policy import ship

from envs.kool_sets import generate_tsp
from policies.checkpoint import load_policy
from policies.solver import PolicySolver
from policies.zoo import ZOO
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem

DECODINGS = {
    "greedy, one trajectory": {"starts": 1, "augmentations": 1},
    "greedy, multi-start": {"augmentations": 1},
    "greedy, multi-start × 8 symmetries": {},
}


def measure(path: Path, size: int, count: int) -> dict[str, tuple[float, float, float]]:
    """For each way of decoding: mean length, mean of the gaps in per cent, seconds an instance."""
    optimal = np.load(Path(__file__).with_name("optimal_lengths.npz"))[f"tsp{size}"][:count]
    instances = [Instance(points) for points in generate_tsp(len(optimal), size)]
    found: dict[str, tuple[float, float, float]] = {}
    for name, options in DECODINGS.items():
        solver = PolicySolver(path=str(path), device="cpu", **options)
        start = time.perf_counter()
        solutions = solver.solve(get_problem("tsp"), instances, Budget(60.0, threads=torch.get_num_threads()))
        seconds = (time.perf_counter() - start) / len(instances)
        lengths = np.array([solution.objective for solution in solutions], dtype=float)
        found[name] = (lengths.mean(), 100 * (lengths / optimal - 1).mean(), seconds)
    return found


def table(measured: dict[str, dict[str, tuple[float, float, float]]]) -> str:
    """The measurements as a Markdown table."""
    lines = ["| set | decoding | mean length | gap % | ms an instance |", "|---|---|---|---|---|"]
    for label, rows in measured.items():
        lines += [f"| {label} | {n} | {m:.4f} | {gap:.3f} | {1000 * s:.1f} |" for n, (m, gap, s) in rows.items()]
    return "\n".join(lines)


MEASURED = """Measured by `python benchmarks/policy_gaps.py {name}` on the first {count} instances of Kool et al.'s test
sets (seed 1234), against lengths found by LKH (`benchmarks/optimal_lengths.py`):

{table}
"""


def main() -> None:
    """Measure, print, and ship on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="+", help="policy files, or names in the zoo")
    parser.add_argument("--size", type=int, nargs="+", help="of the test sets (default: the digits in the name)")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ship", metavar="NAME", help="put the one policy into the zoo under this name")
    parser.add_argument("--command", default="", help="the command that trained it, for its card")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measured = {}
    for name in arguments.policies:
        path = Path(name) if name.endswith(".safetensors") else ZOO / name / "model.safetensors"
        for size in arguments.size or [int("".join(filter(str.isdigit, name)))]:
            measured[f"{arguments.ship or name}, n = {size}"] = measure(path, size, arguments.instances)
    print(table(measured))
    if arguments.ship:
        source = Path(arguments.policies[0])
        command = arguments.command or load_policy(source)[1].command
        ship(
            source,
            arguments.ship,
            command,
            MEASURED.format(name=arguments.ship, count=arguments.instances, table=table(measured)),
        )


if __name__ == "__main__":
    main()
