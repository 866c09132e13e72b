"""Greedy tours from the first node that a policy chooses, and from every other one.

On the first instances of Kool et al.'s test sets of the TSP. The mean over all first nodes is the control: a policy
that has not learned where to begin is no better than that. Prints a Markdown table.

    git show cf3997e:policies/zoo/tsp/model.safetensors > before.safetensors
    python benchmarks/first_nodes.py before.safetensors policies/zoo/tsp/model.safetensors
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
from policies.rollout import decode
from tsp.statistics import estimate_mean

if TYPE_CHECKING:
    from policies.policy import Policy

AT_ONCE = 50


@torch.no_grad()
def lengths(policy: Policy, size: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lengths of greedy tours from the policy's own first nodes, `[count]`, and from all, `[count, size]`."""
    whole = from_instances(first_instances("tsp", size, count), distances=False).in_float32()
    own: list[torch.Tensor] = []
    every: list[torch.Tensor] = []
    for first in range(0, count, AT_ONCE):
        batch = whole.rows(slice(first, first + AT_ONCE))
        cache = policy.prepare(batch)
        for found, starts in ((own, 1), (every, size)):
            prefix = policy.env.starts(batch, starts)
            tours = decode(policy.env, batch, policy.decoder, cache, Greedy(), trajectories=starts, prefix=prefix)
            found.append(policy.env.objective(batch, tours).double())
    return torch.cat(own)[:, 0], torch.cat(every)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", type=Path, nargs="+", help="policy files")
    parser.add_argument("--size", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--instances", type=int, default=1000, help="the first of each set")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| policy | nodes | its own first node | mean of all | best of all | better than the mean, % |")
    print("|---|---|---|---|---|---|")
    for path in arguments.policies:
        policy = load_policy(path)[0].eval()
        for size in arguments.size:
            own, every = lengths(policy, size, arguments.instances)
            estimate = estimate_mean((100 * (every.mean(1) - own) / every.mean()).numpy())
            assert estimate is not None
            assert estimate.interval is not None
            low, high = estimate.interval
            cells = [path.stem, str(size), *(f"{x.mean():.4f}" for x in (own, every, every.amin(1)))]
            print("| " + " | ".join([*cells, f"{estimate.mean:+.2f} ({low:+.2f} to {high:+.2f})"]) + " |", flush=True)


if __name__ == "__main__":
    main()
