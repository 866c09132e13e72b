"""Train several policies at once within a given number of seconds, on one GPU.

Each training is a process of its own, so that a crash in one does not end the others, and each uses the
device while the others do not. The seconds are wall clock and include starting, capturing graphs and
measuring. Every 30 s the averaged weights and a JSON file with the measurements so far are rewritten.

    python benchmarks/burst.py --seconds 540 --only tsp,cvrp,op --out burst
    python benchmarks/burst.py --seconds 540 --only tsp,cvrp,op --further --out burst
    python benchmarks/burst.py --seconds 20 --only tsp --out burst --device cpu --small
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from policy_gaps import first_instances

from envs.batch import Batch, from_instances
from envs.generators import generate
from envs.routing_env import RoutingEnv
from envs.symmetries import augment
from policies.checkpoint import PolicyInfo, save_policy
from policies.decoding import Greedy, Sampling
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.trainer import Trainer
from tsp.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SIZES = (20, 50, 100)
WRITE_EVERY = 30.0
"""Seconds between two writings of the files."""
SHARE = 0.95
"""Share of the time for training; the rest is for measurements during the training."""
TEMPERATURES = (0.1, 0.3, 0.6, 1.0)
SAMPLES = 16
SYMMETRIES = 8

COMMON = TrainConfig(
    size="20,50,100",
    minutes=1.0,
    batch_size=384,
    starts=24,
    optimizer="muon",
    lr=1.5e-3,
    scale=True,
    average=0.999,
    warmup_steps=100,
    epoch_size=384 * 1000,
    validation_instances=500,
    policy=PolicyConfig(layers=6),
)
TEACHER = {"label_batch": 256, "label_time": 10.0, "reinforce_from": 0.3}
FROM_DEPOT = {**TEACHER, "label_ways": 2, "entropy": 0.01}
RECIPES: dict[str, dict[str, Any]] = {
    "tsp": {
        **TEACHER,
        "teacher": "ls(kicks=400)",
        "label_count": 1_000_000,
        "label_every": 8,
        "label_workers": 6,
    },
    "op": {**FROM_DEPOT, "teacher": "ls(kicks=3000)", "label_count": 60_000, "label_every": 30, "label_workers": 5},
    "cvrp": {"entropy": 0.01},
    "pctsp": {**FROM_DEPOT, "teacher": "ls(kicks=1000)", "label_count": 60_000, "label_every": 30, "label_workers": 5},
    "tsptw": {
        **FROM_DEPOT,
        "distribution": "uniform-medium",
        "teacher": "ls(kicks=1000)",
        "label_count": 100_000,
        "label_every": 16,
        "label_workers": 3,
        "label_ways": 1,
        "batch_size": 128,
        "size": "20,50",
    },
}
"""Problem → the settings of its training that differ from the common ones."""

FURTHER = {"lr": 1e-3, "schedule": "cosine", "reinforce_from": 0.0, "imitation": 0.1, "imitation_last": 0.1}
"""Changes for a training that goes on from shipped weights."""
FURTHER_SIZES = {"tsp": "20,50,50,100", "cvrp": "20,20,20,50,50,100", "op": "20,20,20,50,100"}
"""Problem → the sizes of such a training: more often those where the policy is furthest from the attention model."""

TINY = {
    "size": "6,8",
    "batch_size": 8,
    "starts": 4,
    "label_batch": 8,
    "label_workers": 1,
    "label_count": 64,
    "epoch_size": 32,
    "validation_instances": 16,
    "policy": PolicyConfig(layers=1, width=16, heads=2, feedforward=16),
}
"""Changes that let the same script run on a CPU, as a test."""


def recipe(name: str, arguments: argparse.Namespace) -> TrainConfig:
    """The configuration of one training; its length is set later."""
    changes: dict[str, Any] = {"start_from": arguments.start_from, "label_folder": arguments.labels}
    if arguments.further:
        changes |= {**FURTHER, "start_from": f"policies/zoo/{name}/model.safetensors"}
        changes |= {"size": FURTHER_SIZES.get(name, COMMON.size)}
    changes |= TINY if arguments.small else {}
    return replace(COMMON, **{"problem": name, **RECIPES[name], **changes, **json.loads(arguments.changes)})


def test_set(config: TrainConfig, size: int, count: int, device: torch.device) -> Batch:
    """The first instances of Kool et al.'s test set where there is one, else instances of the run's distribution."""
    if config.problem in ("tsp", "op", "cvrp", "pctsp"):
        return from_instances(first_instances(config.problem, size, count), distances=False).in_float32().to(device)
    generator = torch.Generator().manual_seed(1234)
    drawn = generate(config.problem, config.distribution, count, size, generator).to(device)
    return RoutingEnv(config.problem).as_solved(drawn)


@torch.no_grad()
def best_costs(policy: Policy, batch: Batch, *, samples: int, symmetries: int, temperature: float) -> Tensor:
    """Cost `[B]` of the best of many trajectories, starts or samples times symmetries; inf where none is feasible."""
    env, best = policy.env, []
    generator = torch.Generator(batch.device).manual_seed(0)
    block = max(1, 2_000_000 // (samples * symmetries * batch.size))
    for first in range(0, batch.count, block):
        part = batch.rows(slice(first, first + block))
        seen = augment(part, symmetries)
        prefix = env.starts(seen, min(samples, batch.size))
        greedy = samples == 1 or prefix is not None
        actions = decode(
            env,
            seen,
            policy.decoder,
            policy.prepare(seen),
            Greedy() if greedy else Sampling(temperature),
            trajectories=samples if prefix is None else prefix.shape[1],
            prefix=prefix,
            generator=generator,
        )
        cost, missed = env.judge(seen, actions)
        cost = cost.masked_fill(missed > 0, float("inf"))
        best.append(cost.unflatten(0, (symmetries, part.count)).transpose(0, 1).flatten(1).amin(1))
    return torch.cat(best).double()


def summary(policy: Policy, costs: Tensor) -> dict[str, float]:
    """Mean objective of the feasible solutions, and their share."""
    solved = costs.isfinite()
    return {"mean": policy.env.sign * float(costs[solved].mean()), "feasible": float(solved.double().mean())}


def best_temperature(policy: Policy, config: TrainConfig, size: int, device: torch.device) -> float:
    """The temperature at which the best of many samples is best, on instances drawn for this choice."""
    drawn = generate(config.problem, config.distribution, 200, size, torch.Generator().manual_seed(99)).to(device)
    batch = policy.env.as_solved(drawn)

    def quality(temperature: float) -> tuple[float, float]:
        costs = best_costs(policy, batch, samples=SAMPLES, symmetries=SYMMETRIES, temperature=temperature)
        found = summary(policy, costs)
        return -found["feasible"], policy.env.sign * found["mean"]

    return min(TEMPERATURES, key=quality)


def measure_many(policy: Policy, config: TrainConfig, count: int, device: torch.device) -> dict[str, Any]:
    """Greedy and best of many on the test sets, at temperatures chosen on other instances."""
    out: dict[str, Any] = {}
    for size in sorted(set(config.listed_sizes)):
        batch = test_set(config, size, count, device)
        free_start = policy.env.starts(batch.rows(slice(0, 1)), 2) is not None
        temperature = 1.0 if free_start else best_temperature(policy, config, size, device)
        samples = size if free_start else SAMPLES
        out[str(size)] = {
            "instances": batch.count,
            "greedy": _greedy(policy, batch),
            "best of many": summary(
                policy, best_costs(policy, batch, samples=samples, symmetries=SYMMETRIES, temperature=temperature)
            ),
            "many": f"{samples} {'starts' if free_start else 'samples'} x {SYMMETRIES} symmetries",
            "temperature": temperature,
        }
    return out


def phases(trainer: Trainer) -> dict[str, dict[str, float]]:
    """Milliseconds of the parts of a step for each size, after the graphs are captured."""
    config, device = trainer.config, trainer.device

    def timed(work: Callable[[], object]) -> float:
        work()
        seconds = []
        for _ in range(3):
            _synchronize(device)
            start = time.perf_counter()
            work()
            _synchronize(device)
            seconds.append(time.perf_counter() - start)
        return round(1000 * sorted(seconds)[1], 2)

    out: dict[str, dict[str, float]] = {}
    for size in sorted(set(config.listed_sizes)):
        batch = trainer.draw(config.batch_size, size, torch.Generator(device).manual_seed(0))
        row = {"draw": timed(lambda n=size: trainer.draw(config.batch_size, n, torch.Generator(device).manual_seed(0)))}
        if device.type == "cuda":
            graphs = trainer.graphs(batch, config.starts)
            row["encode"] = timed(lambda g=graphs, b=batch: g.encode(b))
            row["walk"] = timed(lambda g=graphs, b=batch: g.sample(b))
            row["gradient"] = timed(lambda g=graphs: g.backward(g.weights))
        row["reinforce"] = timed(lambda b=batch: trainer.reinforce(b))
        row["instances/s"] = round(1000 * config.batch_size / (row["draw"] + row["reinforce"]), 1)
        out[str(size)] = row
    trainer.optimizer.zero_grad(set_to_none=True)
    return out


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def train_one(name: str, arguments: argparse.Namespace) -> None:
    """One training, in its own process: train until little time is left, then measure."""
    device = torch.device(arguments.device)
    torch.set_num_threads(1)
    record: dict[str, Any] = {"policy": name, "phases": {}, "curve": [], "final": {}}
    target = arguments.out / f"{name}.safetensors"

    def write(trainer: Trainer) -> None:
        policy = trainer.learned
        info = PolicyInfo(
            name, trainer.info.sizes, config.distribution, f"burst.py --only {name}", trainer.info.version
        )
        save_policy(target, policy, info, force=True)
        with atomic_write(arguments.out / f"{name}.json", force=True) as temporary:
            temporary.write_text(json.dumps(record, indent=1))

    config = recipe(name, arguments)
    sizes = tuple(sorted(set(config.listed_sizes)))
    count = 16 if arguments.small else 1000
    with tempfile.TemporaryDirectory() as run:
        began = time.time()
        trainer = Trainer(config, run, device=device, say=lambda text: print(f"{name}: {text}", flush=True))
        trainer.captures_gradients = arguments.capture_gradients
        if not arguments.small:
            record["phases"] = phases(trainer)
        left = arguments.deadline - time.time() - arguments.reserve
        trainer.config = config = replace(config, minutes=SHARE * left / 60)
        print(f"{name}: captured after {time.time() - began:.0f} s", flush=True)
        record |= {"config": asdict(config), "device": _device_name(device), "torch": torch.__version__}
        start_run(config, run)
        sets = {} if arguments.small else {size: test_set(config, size, count, device) for size in sizes}
        latest = time.time()
        print(f"{name}: {left:.0f} s of training after {time.time() - began:.0f} s; {record['phases']}", flush=True)

        def look(share: float, text: str) -> None:
            nonlocal latest
            if time.time() < latest + WRITE_EVERY:
                return
            latest = time.time()
            row = {"share": share, "seconds": trainer.seconds, "step": trainer.step, "text": text}
            row |= {f"greedy {size}": _greedy(trainer.learned, batch) for size, batch in sets.items()}
            record["curve"].append(row)
            print(f"{name}: {row}", flush=True)
            write(trainer)

        trainer.run(look)
        record["steps"] = trainer.step
        write(trainer)
        record["final"] = measure_many(trainer.learned, config, count, device)
        write(trainer)
        record["metrics"] = (Path(run) / "metrics.csv").read_text().splitlines()
        write(trainer)
    print(f"{name}: {record['final']}", flush=True)


def _greedy(policy: Policy, batch: Batch) -> dict[str, float]:
    return summary(policy, best_costs(policy, batch, samples=1, symmetries=1, temperature=1.0))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def main() -> None:
    """Start the trainings, wait for them, and end those that do not keep the time."""
    began = time.time()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, required=True, help="wall clock for all of it")
    parser.add_argument("--only", default="tsp,cvrp,op", help="which policies, of " + ", ".join(RECIPES))
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and JSON")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--reserve", type=float, default=35.0, help="seconds kept for the last measurement")
    parser.add_argument("--labels", help="folder in which labels are kept from call to call")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--from", dest="start_from", metavar="FILE", help="start one policy from this one")
    start.add_argument("--further", action="store_true", help="go on from the shipped weights of each policy")
    parser.add_argument("--capture-gradients", action="store_true", help="as CUDA graphs, not rollouts only")
    parser.add_argument("--changes", default="{}", help="settings to change, as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--deadline", type=float, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.one:
        train_one(arguments.one, arguments)
        return
    deadline = began + arguments.seconds - 3.0
    names = arguments.only.split(",")
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        parser.error(f"--only: no recipe for {unknown[0]!r}, expected some of {', '.join(RECIPES)}")
    same = [*sys.argv[1:], "--deadline", str(deadline)]
    trainings = {name: subprocess.Popen([sys.executable, __file__, *same, "--one", name]) for name in names}
    for name, process in trainings.items():
        try:
            code = process.wait(max(1.0, deadline - time.time()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = None
        print(f"{name}: {'ended by the clock' if code is None else f'exit {code}'}", flush=True)
    print(f"{time.time() - began:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
