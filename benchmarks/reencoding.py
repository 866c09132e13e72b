"""Does encoding what is left of an instance again, every few steps, make a policy's tours better?

LEHD and BQ-NCO owe their greedy results to it, but they are trained so. Here the shipped policies, trained on one
encoding an instance, are decoded greedily; every `--every` steps the instance is encoded anew without the nodes that
a trajectory has visited. The control spends time otherwise: the best of greedy trajectories under eight symmetries
that are encoded once. Prints a Markdown table.

    python benchmarks/reencoding.py cvrp op pctsp tsp --size 50 --every 0 25 10 5
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import torch
from policy_gaps import first_instances, reference
from torch import Tensor

from envs.batch import from_instances
from envs.routing_env import RoutingEnv
from envs.symmetries import augment
from policies.checkpoint import load_policy
from policies.zoo import ZOO
from tsp.problems import get_problem

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import State
    from policies.policy import Policy

SYMMETRIES = 8


def left_out(state: State) -> Tensor:
    """`[B, n]` nodes that a single trajectory has visited, without those where it is, starts and ends."""
    batch, hidden = state.batch, state.move.visited[:, 0].clone()
    for kept in (state.first[:, 0], state.move.here[:, 0], batch.depot, batch.finish):
        hidden.scatter_(1, kept.clamp(max=batch.size - 1)[:, None], value=False)
    return hidden


@torch.inference_mode()
def decode(env: RoutingEnv, batch: Batch, policy: Policy, every: int) -> Tensor:
    """Objectives `[B]` of one greedy trajectory, encoded again every few steps (0 for never)."""
    state = env.resume(env.reset(batch, 1))
    cache, actions = policy.prepare(batch), []
    for t in range(env.horizon(batch)):
        if bool(state.finished.all()):
            break
        if every and t and t % every == 0:
            cache = policy.prepare(batch._replace(padding=left_out(state)))
        actions.append(policy.decoder.logits(cache, env.observe(state)).argmax(-1))
        state = env.step(state, actions[-1])
    return env.objective(batch, torch.stack(actions, -1))[:, 0].double()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="+", help="names in the zoo")
    parser.add_argument("--size", type=int, default=50, help="customers of the test set")
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--every", type=int, nargs="+", default=[0, 25, 10, 5], help="steps between two encodings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = ["problem", "customers", "encoded", "mean objective", "gap %", "ms an instance"]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for name in arguments.policies:
        policy, info = load_policy(ZOO / name / "model.safetensors")
        problem = get_problem(info.problem)
        env, sign = RoutingEnv(problem), 1 if problem.objective.sense == "min" else -1
        instances = first_instances(problem.name, arguments.size, arguments.instances)
        best = reference(problem.name, arguments.size, arguments.instances).mean()
        batch = from_instances(instances)
        ways = [(f"every {every} steps" if every else "once", batch, every) for every in arguments.every]
        for label, shown, every in [*ways, (f"once, best of {SYMMETRIES} symmetries", augment(batch, SYMMETRIES), 0)]:
            begun = time.process_time()
            found = decode(env, shown, policy, every).unflatten(0, (-1, len(instances)))
            mean = float((sign * (sign * found).amin(0)).mean())
            milliseconds = 1000 * (time.process_time() - begun) / len(instances)
            gap = 100 * sign * (mean / best - 1)
            row = [problem.name, str(arguments.size), label, f"{mean:.3f}", f"{gap:.2f}", f"{milliseconds:.1f}"]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
