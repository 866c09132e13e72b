"""One greedy trajectory for each instance of Kool et al.'s test sets, beside their attention model.

The attention model is its published checkpoint, decoded here, where there is one. It was trained on instances as they
are drawn, so both are decoded on those; the solver `policy` stretches instances to fill the unit square, and so does a
training. Prints a Markdown table.

    python benchmarks/attention_model.py ../shared/data/kool_pretrained --problems tsp op
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from policy_gaps import first_instances

from envs.batch import from_instances
from policies.checkpoint import load_policy
from policies.decoding import Greedy
from policies.kool import read_kool_checkpoint
from policies.rollout import decode
from policies.zoo import ZOO
from tsp.statistics import estimate_mean

if TYPE_CHECKING:
    from envs.batch import Batch
    from policies.policy import Policy

FOLDERS = {"tsp": "tsp", "cvrp": "cvrp", "op": "op_dist", "pctsp": "pctsp_det"}
PUBLISHED = {
    "tsp": ("0.34 %", "1.76 %", "4.53 %"),
    "cvrp": ("6.40", "10.98", "16.80"),
    "op": ("5.19", "15.64", "31.62"),
    "pctsp": ("3.18", "4.60", "6.25"),
}
"""Problem → the attention model's published greedy figures for 20, 50 and 100 customers (of the TSP, gaps)."""
AT_ONCE = 500


@torch.no_grad()
def greedy(policy: Policy, batch: Batch) -> torch.Tensor:
    """Objective `[B]` of one greedy trajectory an instance, in float64."""
    found: list[torch.Tensor] = []
    for first in range(0, batch.count, AT_ONCE):
        part = batch.rows(slice(first, first + AT_ONCE))
        seen = part.in_float32()
        actions = decode(policy.env, seen, policy.decoder, policy.prepare(seen), Greedy())
        found.append(policy.env.objective(part, actions)[:, 0].double())
    return torch.cat(found)


def as_drawn(batch: Batch, coordinates: torch.Tensor) -> Batch:
    """The batch without its stretching: in the unit square in which its instances were drawn."""
    return batch._replace(coordinates=coordinates, scale=torch.ones_like(batch.scale))


def row(problem: str, customers: int, count: int, checkpoints: Path, shipped: Path) -> list[str]:
    """A row of the table."""
    instances = first_instances(problem, customers, count)
    stretched = from_instances(instances, distances=False)
    drawn = as_drawn(stretched, torch.stack([torch.tensor(one.coordinates, dtype=torch.float32) for one in instances]))
    policy = load_policy(shipped)[0].eval()
    ours, solved = greedy(policy, drawn), greedy(policy, stretched)
    published = PUBLISHED[problem][(20, 50, 100).index(customers)]
    cells = [problem, str(customers), f"{solved.mean():.4f}", f"{ours.mean():.4f}"]
    path = checkpoints / f"{FOLDERS[problem]}_{customers}" / "epoch-99.pt"
    if not path.exists():
        return [*cells, "–", published, "–"]
    theirs = greedy(read_kool_checkpoint(path, problem).eval(), drawn)
    better = policy.env.sign * (theirs - ours) / theirs.mean()
    estimate = estimate_mean(100 * better.numpy())
    assert estimate is not None
    assert estimate.interval is not None
    low, high = estimate.interval
    return [*cells, f"{theirs.mean():.4f}", published, f"{estimate.mean:.2f} ({low:.2f} to {high:.2f})"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, help="folder of the published checkpoints")
    parser.add_argument("--problems", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--size", type=int, nargs="+", choices=(20, 50, 100), default=[20, 50, 100])
    parser.add_argument("--instances", type=int, default=10_000, help="the first of each set")
    parser.add_argument("--policy", type=Path, help="a policy file instead of the shipped one")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| problem | customers | as solved | as drawn | attention model | published | better than it, % |")
    print("|---|---|---|---|---|---|---|")
    for problem in arguments.problems:
        shipped = arguments.policy or ZOO / problem / "model.safetensors"
        for customers in arguments.size:
            cells = row(problem, customers, arguments.instances, arguments.checkpoints, shipped)
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
