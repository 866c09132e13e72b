"""A policy that plans sessions, trained on a simulator: against the planners at equal time, and in large batches.

    python benchmarks/online_policy.py train --out runs/opq --seeds 1 --minutes 25
    python benchmarks/online.py tune --problem opq
    python benchmarks/online_policy.py compare --seconds 0.003 --policies runs/opq-1/checkpoint-last.safetensors
    python benchmarks/online_policy.py batches --policies runs/opq-1/checkpoint-last.safetensors

Stated before the runs, which are looked at once: (1) at 1 ms a decision, a policy is too slow; at 3 and 10 ms it
collects less than `session-recourse`; (2) as the start of `session-recourse`, at 10 ms, it is worth less than 1 %; (3)
in batches of 10,000 visitors it makes at least ten times as many decisions a second as `session-recourse` in 1 ms
each, and collects more than a rule without learning that is as fast: the largest expected prize for its time.

Policies are trained on halls and lengths of sessions that are drawn anew. The sessions, their halls and seeds are
those of `online.py`; the time of a decision is processor time on one thread. Planned were 500 halls, three seeds of
training and 1, 3 and 10 ms; so far one policy was trained, and 60 halls were played with 3 ms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmark_figures import keep_raw, mean_of, read_raw
from online import BLOCK, CASES, REFERENCE, SEED, Case, key_of, play, sessions
from processor_clock import count_processor_time
from write_results import measured, save

from envs.batch import from_instances
from envs.features import FEATURES
from envs.routing_env import RoutingEnv
from policies.checkpoint import load_policy
from policies.decoding import Greedy
from policies.rollout import decode
from policies.solver import PolicySolver
from tsp.budget import Clock
from tsp.composition import problem_of
from tsp.laws import draw_day
from tsp.solution import check
from tsp.solvers.protocol import BaseSolver, Request, solve_request
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from envs.batch import Batch
    from policies.policy import Policy
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution

SETTINGS = (
    "--problem opq --distribution hall-varied --size 20,50 --baseline shared --starts 16 --batch-size 32 --scale "
    "--average 0.999 --optimizer muon --lr 1e-3 --entropy 0.01 --threads 1 --epoch-size 12800"
)
"""Of the training."""
OPPONENTS = ("means(buffer=TUNED)",)
"""Planners that keep to 3 ms, beside `session-recourse`."""
VISITORS, HALLS = 10_000, 5
"""Visitors of a batch, all in one hall, and the number of halls."""
CHECKED = 100
"""Visitors of a batch whose days are compared with those of `session-recourse`, hall by hall."""


class NextStep(BaseSolver):
    """The step that a policy finds most probable: one encoding, one decision."""

    name = "policy"

    def __init__(self, path: str) -> None:
        self.policy = PolicySolver(path=path, augmentations=1)

    def supports(self, problem: Problem) -> bool:
        """Whether the policy does."""
        return self.policy.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Load the weights."""
        self.policy.warm_up(problem)

    def solve_request(self, request: Request) -> list[Solution]:
        """The tour so far and the next step; after it, the policy is asked again."""
        return [self._solve_one(request, i) for i in range(len(request.instances))]

    def _solve_one(self, request: Request, i: int) -> Solution:
        instance, clock = request.instances[i], Clock(request.limits[i])
        done = [] if instance.underway is None else list(instance.underway.visited)
        chosen = int(self.policy.next_probabilities(request.problem, instance).argmax())
        tour = [instance.depot, *done, *([] if chosen == instance.depot else [chosen])]
        return replace(check(request.problem, instance, [tour]), seconds=clock.elapsed, solver=self.name)


class PolicyStart(BaseSolver):
    """`session-recourse`, which begins the first decision from the policy's order."""

    name = "policy, then session-recourse"

    def __init__(self, path: str) -> None:
        self.policy = PolicySolver(path=path, augmentations=1, decoding="greedy")
        self.search = make(REFERENCE)

    def supports(self, problem: Problem) -> bool:
        """Whether both do."""
        return self.policy.supports(problem) and self.search.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Warm up both."""
        self.policy.warm_up(problem)
        self.search.warm_up(problem)

    def solve_request(self, request: Request) -> list[Solution]:
        """The policy's time counts."""
        if any(instance.underway is not None for instance in request.instances):
            return solve_request(self.search, request)
        clock = Clock(sum(request.limits))
        start = solve_request(self.policy, replace(request, limits=[1.0] * len(request.instances), initial=None))
        left = [max(clock.remaining, 1e-6) / len(request.instances)] * len(request.instances)
        found = solve_request(self.search, replace(request, limits=left, initial=start))
        return [replace(one, seconds=clock.elapsed / len(found), solver=self.name) for one in found]


ARMS: dict[str, Callable[[str], Any]] = {"policy": NextStep, PolicyStart.name: PolicyStart}


def train(arguments: argparse.Namespace) -> None:
    """Train a policy for each seed, one after the other; a run that was stopped continues."""
    for seed in range(1, arguments.seeds + 1):
        out = arguments.out.with_name(f"{arguments.out.name}-{seed}")
        own = f"{SETTINGS} --minutes {arguments.minutes:g} --seed {seed}"
        settings = ["--resume"] if out.exists() else own.split()
        subprocess.run([sys.executable, "-m", "tsp", "train", *settings, "--out", str(out)], check=True)


def compare(arguments: argparse.Namespace) -> None:
    """Play every case with each planner and each policy, and keep the prizes and the seconds a decision."""
    raw = read_raw(arguments.raw)
    planners = [(spec, spec) for spec in (REFERENCE, *OPPONENTS)]
    learned = [(f"{arm}#{k}", arm) for arm in arguments.arms.split(";") for k in range(len(arguments.policies))]
    for first in range(0, arguments.halls, BLOCK):
        for case in _cases():
            days: list[tuple[Instance, Realization]] | None = None
            for name, spec in (*planners, *learned):
                tuned = spec.replace("TUNED", str(raw[f"buffer {case}"]))
                done = raw.setdefault(key_of(case, arguments.seconds, name if spec in ARMS else tuned), [])
                if len(done) > first:
                    continue
                days = days or sessions(case, arguments.halls, SEED)[first : first + BLOCK]
                policy = arguments.policies[int(name.rpartition("#")[2])] if spec in ARMS else None
                solver = make(tuned) if policy is None else ARMS[spec](str(policy))
                problem = problem_of(days[0][0])
                solver.warm_up(problem)
                solve_request(solver, Request(problem, [days[0][0]], [1.0]))
                for day in days:
                    prize, _, visits, used = play(solver, *day, arguments.seconds)
                    done.append([prize, visits, used])
            keep_raw(arguments.raw, raw)
    tables(arguments)


def tables(arguments: argparse.Namespace) -> None:
    """Write the table: the difference of each arm from `session-recourse`, a policy's seeds together."""
    found: dict[tuple[Any, ...], dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for key, days in read_raw(arguments.raw).items():
        if not key.startswith("buffer"):
            *case, seconds, spec = json.loads(key)
            if case[0] == "opq":
                found[seconds, *case][spec.partition("#")[0]].append(days)
    rows: list[list[str]] = []
    for (seconds, problem, size, visits, _), arms in sorted(found.items(), key=lambda item: item[0]):
        for spec, runs in arms.items():
            count = min(len(runs[0]), len(arms[REFERENCE][0]))
            reference, own = np.array(arms[REFERENCE][0][:count]), np.array([run[:count] for run in runs])
            gain = 100 * (reference[:, 0] - own[..., 0].mean(0)) / reference[:, 0].mean()  # an instance is one sample
            difference = "–" if spec == REFERENCE else mean_of(gain)
            named = f"{spec}, {len(runs)} seeds" if len(runs) > 1 else spec
            used = f"{1000 * own[..., 2].mean():.1f}"
            cells = [problem, str(size), str(visits), f"{1000 * seconds:g}", named, used, str(count)]
            rows.append([*cells, f"{own[..., 0].mean():.3f}", difference])
            print(" | ".join(rows[-1]))
    columns = ["problem", "nodes", "visits, about", "ms a decision", "solver", "ms used", "halls", "prize"]
    table = measured(
        "online-policy",
        "A trained policy and planners of sessions with queues, at equal time a decision",
        [*columns, f"below `{REFERENCE}` % (95 %)"],
        rows,
        "Processor time on one thread. A policy takes the time that it needs (`ms used`), even beyond the limit. Its "
        "prizes are means over the seeds of its training; intervals are over halls.",
        COMMANDS["online-policy"],
    )
    save(table)


def batches(arguments: argparse.Namespace) -> None:
    """Play 10,000 visitors of one hall at once, by policies and by a rule, and some of them by `session-recourse`."""
    rows: list[list[str]] = []
    search = make(REFERENCE)
    for case in _cases():
        figures: dict[str, list[list[float]]] = defaultdict(list)
        for instance, _ in sessions(case, HALLS, SEED + 1):
            problem = problem_of(instance)
            days = [draw_day(instance, k) for k in range(VISITORS)]
            env = RoutingEnv(problem)
            alone = from_instances([instance], realizations=days[:1])
            batch = from_instances([instance] * VISITORS, realizations=days)
            search.warm_up(problem)
            some = np.array([play(search, instance, day, 0.001)[0::3] for day in days[:CHECKED]])
            figures[f"{REFERENCE}, 1 ms each"].append([1 / some[:, 1].mean(), some[:, 0].mean()])
            for path in arguments.policies:
                policy = load_policy(path, torch.device("cpu"))[0]
                figures["policy, one encoding"].append(_timed(env, batch, instance, days, policy, alone))
            figures["largest prize for its time"].append(_timed(env, batch, instance, days, None, alone))
        base = np.mean([prize for _, prize in figures[f"{REFERENCE}, 1 ms each"]])
        for name, each in figures.items():
            rate, prize = np.mean(each, 0)
            cells = [str(case.size), str(case.visits), name, f"{rate:,.0f}", f"{prize:.3f}"]
            rows.append([*cells, f"{100 * (1 - prize / base):+.1f}"])
            print(" | ".join(rows[-1]), flush=True)
    table = measured(
        "online-batches",
        "Decisions for 10,000 visitors of one hall at once, sessions with queues",
        ["nodes", "visits, about", "solver", "decisions a second", "prize", f"below `{REFERENCE}` %"],
        rows,
        f"{HALLS} halls, one thread. Prizes are means over the same {CHECKED} visitors of each hall, by the checker. "
        "The rule goes to the node with the largest expected prize "
        "for the time of way and visit, and stays where what it sees is better than that.",
        COMMANDS["online-batches"],
    )
    save(table)


def _cases() -> list[Case]:
    return [case for case in CASES if case.problem == "opq"]


def _timed(
    env: RoutingEnv,
    batch: Batch,
    instance: Instance,
    days: list[Realization],
    policy: Policy | None,
    alone: Batch,
) -> list[float]:
    """Decisions a second, and the mean prize of the first visitors, by the checker."""
    begun = time.process_time()
    with torch.inference_mode():
        if policy is None:
            actions = _by_rule(env, batch, instance)
        else:
            cache = policy.prepare(alone).map(lambda x: x.expand(batch.count, *x.shape[1:]))
            actions = decode(env, batch, policy.decoder, cache, Greedy())[:, 0]
    seconds = time.process_time() - begun
    decisions = (actions != instance.depot).sum().item() + batch.count  # to go home is one, too
    problem, prizes = problem_of(instance), []
    for row, day in zip(actions[:CHECKED], days, strict=False):
        made = check(problem, instance, env.tours(row, instance), realization=day)
        assert made.objective is not None
        prizes.append(made.objective)
    return [decisions / seconds, float(np.mean(prizes))]


def _by_rule(env: RoutingEnv, batch: Batch, instance: Instance) -> Tensor:
    """Actions `[B, T]` of the rule: the largest expected prize for the time that it takes."""
    duration, costs = FEATURES["duration"](batch), batch.costs()  # in sides of the square, as contexts are
    rows = torch.arange(batch.count)
    state, out = env.reset(batch, 1), []
    for _ in range(env.horizon(batch)):
        seen = env.observe(state)
        assert seen.context is not None
        assert seen.node_context is not None
        here = seen.last[:, 0]
        rate = seen.node_context[:, 0, :, 1] / (costs[rows, here] + duration).clamp(min=1e-6)
        _, undecided, takes, gain = seen.context[:, 0].unbind(-1)
        rate[rows, here] = torch.where(undecided > 0, gain / takes.clamp(min=1e-6), -1.0)
        rate[:, instance.depot] = 0.0  # home, when nothing is worth the time
        rate = rate.masked_fill(seen.forbidden[:, 0], -1.0)
        action = rate.argmax(-1)
        out.append(action)
        state = env.step(state, action[:, None])
        if bool(state.finished.all()):
            break
    return torch.stack(out, -1)


COMMANDS = {
    "online-policy": "python benchmarks/online_policy.py train --out runs/opq --seeds 1\n"
    "python benchmarks/online.py tune --problem opq --raw runs/opq.json\n"
    "python benchmarks/online_policy.py compare --seconds 0.003 --halls 60 --raw runs/opq.json \\\n"
    "    --policies runs/opq-1/checkpoint-last.safetensors",
    "online-batches": "python benchmarks/online_policy.py batches --policies runs/opq-1/checkpoint-last.safetensors",
}


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "compare", "tables", "batches"))
    parser.add_argument("--out", type=Path, default=Path("runs/opq"), help="of `train`: folders OUT-1, OUT-2, …")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--policies", type=Path, nargs="*", default=[])
    parser.add_argument("--arms", default=";".join(ARMS), help="of the policies, separated by semicolons")
    parser.add_argument("--halls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0.003)
    parser.add_argument("--raw", type=Path, default=Path("runs/opq.json"), help="every day so far")
    arguments = parser.parse_args()
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    count_processor_time()
    {"train": train, "compare": compare, "tables": tables, "batches": batches}[arguments.what](arguments)


if __name__ == "__main__":
    main()
