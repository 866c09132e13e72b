"""Quality for each minute of a core: REINFORCE, imitation of the search, both together, and expert iteration.

Every run trains the same network on the same distribution for the same processor time, which includes that of the
worker that makes labels and the wait for the first of them. Then it is measured on Kool et al.'s test set against
the search at one second: one greedy trajectory, and the best of many, samples at the temperature that is best on
other instances. Runs take turns seed by seed; finished ones
are kept in `--runs`, so that an interrupted series goes on.

    python benchmarks/teaching.py --minutes 2 --seeds 3
    python benchmarks/teaching.py --minutes 20 --seeds 1 --only tsp --arms "REINFORCE, shared baseline"
    python benchmarks/teaching.py --minutes 0.1 --seeds 1 --instances 4 --only tsp
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from burst import SAMPLES, SYMMETRIES, best_temperature
from policy_gaps import DECODINGS, measure
from processor_clock import count_processor_time, processor_seconds

import policies.training.run
import policies.training.trainer
from policies.checkpoint import load_policy
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.trainer import Trainer
from tsp.problems import get_problem

SIZE = 50
COMMON = TrainConfig(
    size=str(SIZE),
    minutes=1.0,
    optimizer="muon",
    lr=1e-3,
    average=0.999,
    warmup_steps=50,
    epoch_size=3_200,
    validation_instances=100,
)
LABELS = {"label_count": 100_000, "label_every": 4}
TEACHERS = {
    "tsp": {**LABELS, "teacher": "ls(kicks=100)", "label_ways": 8},
    "cvrp": {**LABELS, "teacher": "ls(kicks=2000)", "label_ways": 4, "label_batch": 32},
}
ROLLOUT = {"baseline": "rollout", "batch_size": 256, "starts": 1, "epoch_size": 6_400}
SHARED = {"baseline": "shared", "scale": True, "entropy": 0.01}
ALONE = {"reinforce_from": 1.0}
"""The teacher alone, without REINFORCE."""
ARMS: dict[str, tuple[tuple[str, ...], dict[str, Any], bool]] = {
    "REINFORCE, rollout baseline": (("tsp",), ROLLOUT, False),
    "REINFORCE, shared baseline": (("tsp", "cvrp"), SHARED, False),
    "imitation, tours in random order": (("tsp", "cvrp"), ALONE, True),
    "imitation, fullest tours first": (("cvrp",), {**ALONE, "label_order": "fullest"}, True),
    "imitation, sets of right actions": (("cvrp",), {**ALONE, "label_order": "any"}, True),
    "imitation, then with REINFORCE": (("tsp", "cvrp"), {**SHARED, "label_order": "any", "reinforce_from": 0.3}, True),
    "expert iteration": (("tsp", "cvrp"), {**ALONE, "label_order": "any", "expert_every": 100}, True),
    "REINFORCE, shared baseline, leader reward": (("tsp", "cvrp"), {**SHARED, "leader": 10.0}, False),
    "the best of its own 32 samples imitated": (
        ("tsp", "cvrp"),
        {**ALONE, "label_order": "any", "expert_every": 100, "expert_samples": 32},
        True,
    ),
}
"""Name of an arm → its problems, its settings, and whether it has a teacher."""


class CountingTrainer(Trainer):
    """A trainer whose training time includes the wait for the first labels."""

    def train_step(self) -> None:
        """See `Trainer.train_step`."""
        if self.step == 0 and self.teacher is not None:
            self.count_seconds(processor_seconds() - time.process_time())
        super().train_step()


def run(problem: str, arm: str, seed: int, minutes: float, count: int, folder: Path) -> dict[str, Any]:
    """Train and measure one run, or read what is kept of it."""
    kept = folder / f"{problem}-{list(ARMS).index(arm)}-{seed}"
    path = kept / "measured.json"
    if path.exists():
        return json.loads(path.read_text())
    _, settings, taught = ARMS[arm]
    config = replace(COMMON, problem=problem, minutes=minutes, seed=seed, **(TEACHERS[problem] if taught else {}))
    start_run(config := replace(config, **settings), kept, force=True)
    trainer = CountingTrainer(config, kept)
    trainer.run()
    trained = kept / "checkpoint-last.safetensors"
    decodings = DECODINGS
    if get_problem(problem).shape.has_depot:  # sampled, since a tour has one start
        temperature = best_temperature(load_policy(trained)[0], config, SIZE, torch.device("cpu"))
        many = {"samples": SAMPLES, "augmentations": SYMMETRIES, "temperature": temperature}
        decodings = {**DECODINGS, "best of many": many}
    rows = measure(trained, SIZE, count, decodings, 1.0)
    result = {
        "problem": problem,
        "arm": arm,
        "seed": seed,
        "steps": trainer.step,
        "seconds": trainer.seconds,
        "gaps": {row.decoding: round(row.gap, 2) for row in rows},
    }
    path.write_text(json.dumps(result))
    return result


def table(results: list[dict[str, Any]]) -> list[list[str]]:
    """Rows: problem, arm, steps, and for each decoding the mean of the gaps and their range over seeds."""
    rows: list[list[str]] = []
    for problem in dict.fromkeys(one["problem"] for one in results):
        for arm in ARMS:
            runs = [one for one in results if (one["problem"], one["arm"]) == (problem, arm)]
            if not runs:
                continue
            row = [problem, arm, f"{np.mean([one['steps'] for one in runs]):,.0f}"]
            for decoding in DECODINGS:
                gaps = [one["gaps"][decoding] for one in runs]
                row.append(f"{np.mean(gaps):.2f} ({min(gaps):.2f} to {max(gaps):.2f})")
            rows.append(row)
    return rows


def main() -> None:
    """Train every arm with every seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="of a core, for each run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--only", nargs="+", default=list(TEACHERS), choices=list(TEACHERS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS), metavar="NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs/teaching"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    count_processor_time()
    for module in (policies.training.run, policies.training.trainer):
        module.__dict__["time"] = SimpleNamespace(perf_counter=processor_seconds)
    results: list[dict[str, Any]] = []
    for seed in range(1, arguments.seeds + 1):
        for arm, (problems, _, _) in ARMS.items():
            for problem in (name for name in problems if name in arguments.only and arm in arguments.arms):
                one = run(problem, arm, seed, arguments.minutes, arguments.instances, arguments.runs)
                print(json.dumps(one), flush=True)
                results.append(one)
    columns = ["problem", "training", "steps", *(f"{name}, gap %" for name in DECODINGS)]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in table(results):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
