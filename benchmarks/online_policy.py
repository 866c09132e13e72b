"""A policy that plans sessions, trained on a simulator: against the planners at equal time.

    python benchmarks/online_policy.py train --out runs/opq --seeds 1 --minutes 18
    python benchmarks/online.py tune --problem opq
    python benchmarks/online_policy.py compare --seconds 0.003 --policies runs/opq-1/checkpoint-last.safetensors

Stated before the runs: (1) at 1, 3 and 10 ms a decision, a policy alone collects less than `session-recourse`, and
needs more than 3 ms; (2) as the start of `session-recourse`, it is worth less than 1 % at each limit. This is the
second look: the policy of the first one knew neither walking distances nor what each node is worth for its time, and
collected 10 to 21 % less on 60 halls at 3 ms. The control, a start from an untrained network, was added afterwards.
What a policy does for many visitors at once is in `online_batches.py`.

Policies are trained on halls and lengths of sessions that are drawn anew. The sessions, their halls and seeds are
those of `online.py`; the time of a decision is processor time on one thread. A policy alone takes the same time at any
limit, and is played once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from amortization import save_untrained
from benchmark_figures import keep_raw, mean_of, read_raw
from online import BLOCK, QUEUES, REFERENCE, SEED, key_of, play, sessions
from processor_clock import count_processor_time
from write_results import measured, save

from policies.solver import PolicySolver
from tsp.budget import Clock
from tsp.composition import problem_of
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.protocol import BaseSolver, Request, solve_request
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.problems import Problem
    from tsp.solution import Solution

SETTINGS = (
    "--problem opq --distribution hall-varied --size 20,50 --edges --baseline shared --starts 16 --batch-size 32 "
    "--scale --average 0.999 --optimizer muon --lr 1e-3 --entropy 0.01 --threads 1 --epoch-size 12800"
)
"""Of the training."""
HALLS = 500
"""The halls that are drawn for each case; `--halls` says how many of them are played."""
LIMITS = (0.001, 0.003, 0.01)
OPPONENTS = ("means(buffer=TUNED)",)
"""Planners that keep to the limits, beside `session-recourse`."""


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


class UntrainedStart(PolicyStart):
    """The control: the same with the network's initial weights."""

    name = "untrained, then session-recourse"

    def __init__(self, path: str) -> None:
        untrained = Path(path).with_name("untrained.safetensors")
        if not untrained.exists():
            save_untrained(get_problem("opq"), path, untrained)
        super().__init__(str(untrained))


ARMS: dict[str, Callable[[str], Any]] = {arm.name: arm for arm in (NextStep, PolicyStart, UntrainedStart)}


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
        for case in QUEUES:
            days = sessions(case, HALLS, SEED)[first : first + BLOCK]
            for name, spec in (*planners, *learned):
                tuned = spec.replace("TUNED", str(raw[f"buffer {case}"]))
                limit = 0.0 if spec == NextStep.name else arguments.seconds
                done = raw.setdefault(key_of(case, limit, name if spec in ARMS else tuned), [])
                if len(done) > first:
                    continue
                policy = arguments.policies[int(name.rpartition("#")[2])] if spec in ARMS else None
                solver = make(tuned) if policy is None else ARMS[spec](str(policy))
                problem = problem_of(days[0][0])
                solver.warm_up(problem)
                solve_request(solver, Request(problem, [days[0][0]], [0.01]))
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
            for limit in [seconds] if seconds else LIMITS:
                found[limit, *case][spec.partition("#")[0]].append(days)
    rows: list[list[str]] = []
    for (seconds, problem, size, visits, _), arms in sorted(found.items(), key=lambda item: item[0]):
        for spec, runs in arms.items() if REFERENCE in arms else ():
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
        "Processor time on one thread. A policy takes the time that it needs (`ms used`), even beyond the limit, alone "
        "or as a start. The untrained network, the control of a start, was played at 3 ms only. A policy's "
        "prizes are means over the seeds of its training; intervals are over halls.",
        COMMANDS["online-policy"],
    )
    save(table)


COMMANDS = {
    "online-policy": "python benchmarks/online_policy.py train --out runs/opq\n"
    "python benchmarks/online.py tune --problem opq --raw runs/opq.json\n"
    "for limit in 0.001 0.003 0.01; do\n"
    "    python benchmarks/online_policy.py compare --seconds $limit --raw runs/opq.json \\\n"
    "        --policies runs/opq-{1,2,3}/checkpoint-last.safetensors\n"
    "done",
}


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "compare", "tables"))
    parser.add_argument("--out", type=Path, default=Path("runs/opq"), help="of `train`: folders OUT-1, OUT-2, …")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=18.0)
    parser.add_argument("--policies", type=Path, nargs="*", default=[])
    parser.add_argument("--arms", default=";".join(ARMS), help="of the policies, separated by semicolons")
    parser.add_argument("--halls", type=int, default=HALLS)
    parser.add_argument("--seconds", type=float, default=0.003)
    parser.add_argument("--raw", type=Path, default=Path("runs/opq.json"), help="every day so far")
    arguments = parser.parse_args()
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    count_processor_time()
    {"train": train, "compare": compare, "tables": tables}[arguments.what](arguments)


if __name__ == "__main__":
    main()
