"""Training with two threads beside busy programs, for each way in which OpenMP's threads may wait.

A process for each core keeps the machine busy, then one training step after another is counted by the wall clock.
Since no way of waiting is best both alone and beside others, `tsp train` takes the cores that are free by default.

    python benchmarks/thread_waits.py --seconds 12
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUSY = "while True: pass"
POLICIES = ("active", "passive")


def count_steps(threads: int, seconds: float) -> float:
    """Instances a second of training on TSP with 20 nodes."""
    import torch

    from policies.training.config import TrainConfig
    from policies.training.run import start_run
    from policies.training.trainer import Trainer

    torch.set_num_threads(threads)
    config = TrainConfig(problem="tsp", size="20", minutes=60, batch_size=64, starts=20)
    with tempfile.TemporaryDirectory() as folder:
        start_run(config, Path(folder) / "run")
        trainer = Trainer(config, Path(folder) / "run")
        for _ in range(3):
            trainer.train_step()
        begin, steps = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            trainer.train_step()
            steps += 1
        return steps * config.batch_size / (time.perf_counter() - begin)


def measure(threads: int, policy: str, seconds: float) -> float:
    """The same in a process of its own, whose threads wait in a given way."""
    words = [sys.executable, __file__, "--child", str(threads), "--seconds", str(seconds)]
    done = subprocess.run(words, env={**os.environ, "OMP_WAIT_POLICY": policy}, capture_output=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure each number of threads and each way of waiting, beside busy programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each measurement")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(count_steps(arguments.child, arguments.seconds)))
        return
    cores = os.cpu_count() or 1
    print("| threads | waiting | beside | instances/s |\n|---|---|---|---|")
    for busy in (0, cores):
        others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
        try:
            for threads, policy in ((1, "passive"), *((cores, policy) for policy in POLICIES)):
                speed = measure(threads, policy, arguments.seconds)
                beside = f"{busy} busy programs" if busy else "nothing"
                print(f"| {threads} | {policy} | {beside} | {speed:.0f} |", flush=True)
        finally:
            for other in others:
                other.kill()


if __name__ == "__main__":
    main()
