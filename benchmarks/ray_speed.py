"""How much faster two workers of a Ray cluster are than one: `tsp solve --workers ray`, the whole command.

Each run starts a cluster with one or two processors on this machine, solves the set into a folder and ends the cluster;
the wall clock counts all of it. The workers compete with whatever else runs (no niceness). The answers must be the
same. Runs take turns.

    python benchmarks/ray_speed.py --instances 2000 --size 50 --solver "ls(kicks=500)" --repeats 3
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORKERS = (1, 2)


def answers(folder: Path) -> list[tuple[str, list[list[int]]]]:
    """The name of each instance and its tours."""
    parts = [json.loads(path.read_text()) for path in sorted(folder.glob("part-*.json"))]
    return [(entry["instance"], entry["tours"]) for part in parts for entry in part["solutions"]]


def main() -> None:
    """Measure each number of workers in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--solver", default="ls(kicks=500)")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    seconds: dict[int, list[float]] = {count: [] for count in WORKERS}
    found: list[list[tuple[str, list[list[int]]]]] = []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "set.npz"
        np.savez(file, coordinates=np.random.default_rng(5).random((arguments.instances, arguments.size, 2)))
        for repeat in range(arguments.repeats):
            for count in WORKERS:
                folder = Path(scratch) / f"{count}-{repeat}"
                command = [sys.executable, "-m", "tsp", "solve", str(file), "--workers", "ray",
                           "--solver", arguments.solver, "--out", f"{folder}/"]  # fmt: skip
                cluster = {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": count}), "RAY_worker_niceness": "0"}
                started = time.perf_counter()
                subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | cluster)
                seconds[count].append(time.perf_counter() - started)
                found.append(answers(folder))
                print(f"{count} worker(s): {seconds[count][-1]:.1f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    assert all(one == found[0] for one in found)
    assert len(found[0]) == arguments.instances
    medians = {count: statistics.median(seconds[count]) for count in WORKERS}
    print("| workers | seconds, median | times as fast as one |\n|---|---|---|")
    for count in WORKERS:
        print(f"| {count} | {medians[count]:.1f} | {medians[1] / medians[count]:.2f} |")


if __name__ == "__main__":
    main()
