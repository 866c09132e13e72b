"""Posters that appear: learned surrogate prizes, against a tuned constant and against the planners that there are.

Every surrogate plans as `means` does: the nodes that are there, and those that may still appear from the mean time at
which they do, are handed to one call of `ls`, and the first step of its tour is made. What differs is the prize of a
node that may still appear. `means` takes prize times probability, and the *constant* c of that. The *learned* prize,
also of nodes that are there, is a function of features of the node and the moment, linear in 19 weights that serve all
sizes (Baty et al. 2024). They are trained so that plans imitate anticipative ones, which know when nodes appear, by the
Fenchel-Young loss with Gaussian perturbations of the prizes (Blondel et al. 2020, Berthet et al. 2020). Its gradient is
the mean plan under perturbation less the mean anticipative plan. In training both are built by insertion.

    python benchmarks/surrogates.py train
    python benchmarks/surrogates.py tune
    python benchmarks/surrogates.py compare
    python benchmarks/surrogates.py exact
    python benchmarks/surrogates.py tables

**Hypothesis**, written before the test: in halls of 20 or of 50 posters, at a limit of 5 ms of processor time for each
decision, the learned surrogate collects at least 1 % more than the tuned constant, with an interval that excludes zero.
If it does not, it is not shipped. (A first version named 3 and 10 ms; there was not the processor time for both.)

**Seeds.** Training 3101, tuning of the constant 3102, test 3104. Nothing else was tuned: perturbation, samples and
steps were set beforehand. The test halls are looked at once, when weights and constants are fixed.

**Outcome.** Not confirmed: the learned surrogate collects less in both sizes, with intervals that include zero.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from benchmark_figures import keep_raw, mean_of, read_raw
from processor_clock import count_processor_time
from write_results import measured, save

from baselines.online.appearances import draw_scenarios, releases_of
from baselines.online.releases import build_order
from baselines.online.sessions import position_of
from envs.generators import generate_set
from tsp.laws import appearances_ahead, expected, time_now
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.means import MeansSolver
from tsp.solvers.online import OnlineTour
from tsp.solvers.protocol import Request, solve_request
from tsp.solvers.registry import make
from tsp.tolerance import allowance

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from online_instances import AppearingProgram, value_of_planning, whole_session

if TYPE_CHECKING:
    from baselines.online.releases import Releases
    from baselines.online.sessions import Position
    from tsp.instance import Array, Instance, Realization
    from tsp.problems import Problem
    from tsp.solvers import Solver

DOP = get_problem("dop")
SIZES = (20, 50)
CONSTANTS = (0.0, 0.25, 0.5, 0.75, 1.0)
TRAINING_SEED, TUNING_SEED, SEED = 3101, 3102, 3104
TRAINING_HALLS = {20: 60, 50: 20}
"""Halls of each size whose decisions are learned from."""
TUNING_HALLS, TEST_HALLS = {20: 60, 50: 25}, {20: 120, 50: 60}
BLOCK = 5
"""Days that every solver plays before the next ones, so that other load on the machine affects all equally."""

FUTURES = 8
"""Futures drawn for each decision; their anticipative plans are imitated on average."""
PERTURBATION = 0.2
"""Standard deviation of the perturbation of prizes, in mean prizes."""
SAMPLES, EPOCHS, BATCH, RATE = 8, 40, 20, 0.02


class Moment(NamedTuple):
    """What the weights are applied to.

    Attributes:
        features: `[n, 19]`; the surrogate prize of a node is its mean prize times weights times features.
        prizes: `[n]` prize times the probability that the node appears; 0 for nodes visited.
    """

    features: Array
    prizes: Array


def is_hidden(instance: Instance) -> Array:
    """Which nodes may still appear `[n]`."""
    now = time_now(instance)
    return (appearances_ahead(instance) > now + allowance(now)).any(axis=1)


def moment_of(instance: Instance) -> Moment:
    """The features of every node at a moment; times are shares of the session."""
    assert instance.max_length is not None
    assert instance.prizes is not None
    assert instance.service_times is not None
    n, now, limit = instance.size, time_now(instance), instance.max_length
    visited = () if instance.underway is None else instance.underway.visited
    here = visited[-1] if visited else instance.depot
    gone = np.isin(np.arange(n), [instance.depot, *visited])
    ahead, hidden, means = appearances_ahead(instance), is_hidden(instance), expected(instance)
    assert means.prizes is not None
    assert means.appears is not None
    appears = np.where(np.isfinite(means.appears), means.appears, now)
    happens, outcomes = np.isfinite(ahead), (~np.isnan(ahead)).sum(axis=1)
    distances = np.array(instance.distances) / limit
    home, service = distances[:, instance.finish], instance.service_times / limit
    left = 1 - now / limit - home[here]
    nearest = (distances + np.diag(np.full(n, np.inf))).min(axis=1)
    load = min(float((service + nearest)[~gone & ~hidden].sum()) / max(left, 1e-3), 5.0)
    soon = (happens & (ahead <= now + 0.1 * limit)).sum(axis=1) / outcomes
    deviations = np.where(happens, np.where(happens, ahead, 0.0) - appears[:, None], 0.0) / limit
    spread = np.sqrt((deviations**2).sum(axis=1) / np.maximum(happens.sum(axis=1), 1))
    price = instance.prizes / max(float(instance.prizes[1:].mean()), 1e-12)
    ones = np.ones(n)
    of_all = [ones, left * ones, distances[here], home, service, load * ones, price]
    of_hidden = [np.maximum(appears - now, 0) / limit, happens.sum(axis=1) / outcomes, soon, spread, left * load * ones]
    columns = [*(column * ~hidden for column in of_all), *(column * hidden for column in (*of_all, *of_hidden))]
    return Moment(np.stack(columns, axis=1), np.where(gone, 0.0, means.prizes))


class Surrogate(MeansSolver):
    """Plans with surrogate prizes: for nodes that may still appear, a constant share of prize times probability.

    Args:
        share: that constant.
        weights: of the features, in place of the constant.
        solver: spec of the solver that plans.
    """

    name = "surrogate"

    def __init__(self, share: float = 1.0, weights: Array | None = None, solver: str = "ls") -> None:
        super().__init__(solver=solver)
        self.share, self.weights = share, weights

    def supports(self, problem: Problem) -> bool:
        """Whether nodes appear."""
        return problem.may_wait and super().supports(problem)

    def _means(self, instance: Instance) -> Realization:
        means = super()._means(instance)
        assert means.prizes is not None
        assert means.appears is not None
        if self.weights is None:
            prizes = np.where(is_hidden(instance), self.share, 1.0) * means.prizes
        else:
            features, prizes = moment_of(instance)
            prizes = np.maximum(prizes * (features @ self.weights), 0.0)
        return replace(means, prizes=prizes, appears=np.where(prizes > 0, means.appears, np.inf))


def first_weights() -> Array:
    """Weights with which surrogate prizes are those of `means`."""
    weights = np.zeros(19)
    weights[[0, 7]] = 1.0
    return weights


def play(
    solver: Solver, instance: Instance, day: Realization, seconds: float, met: list[Instance] | None = None
) -> tuple[float, float, int]:
    """One day: the prize, milliseconds a decision, and their number; `met` takes what was known at each."""
    tour, used, decisions = OnlineTour(DOP, instance, day), 0.0, 0
    while not tour.over:
        known = tour.known_instance()
        if met is not None:
            met.append(known)
        begin = time.process_time()
        answer = solve_request(solver, Request(DOP, [known], [seconds]))[0]
        used, decisions = used + time.process_time() - begin, decisions + 1
        tour.follow(answer)
        tour.step()
    made = check(DOP, instance, [tour.tour()], realization=day)
    assert made.objective is not None
    return made.objective, 1000 * used / decisions, decisions


def days_of(size: int, halls: int, seed: int) -> list[tuple[Instance, Realization]]:
    """Sessions, each in a hall of its own, with what really happens."""
    instances, days = generate_set("dop", "hall", size, halls, seed)
    assert days is not None
    return list(zip(instances, days, strict=True))


class Example(NamedTuple):
    """A decision to learn from.

    Attributes:
        moment: the features of nodes, and their prizes.
        session: what insertion reads, but for the prizes.
        position: where the tour stands.
        appears: `[n]` the mean time at which each node appears.
        target: `[n]` the share of drawn futures whose anticipative plan visits each node.
    """

    moment: Moment
    session: Releases
    position: Position
    appears: Array
    target: Array

    def plan(self, prizes: Array, appears: Array) -> Array:
        """Which nodes an order visits, 0 or 1 `[n]`, if they appear at these times."""
        here, now, _, gone = self.position
        order, out = np.zeros(len(prizes), np.int64), np.zeros(len(prizes))
        count, _ = build_order(self.session._replace(prizes=prizes), appears, gone, here, now, order)
        out[order[:count]] = 1.0
        return out


def example_of(instance: Instance, seed: int) -> Example:
    """A decision, with the mean anticipative plan over drawn futures."""
    moment, means = moment_of(instance), expected(instance)
    assert means.appears is not None
    assert instance.prizes is not None
    example = Example(
        moment, releases_of(DOP, instance), position_of(DOP, instance), means.appears, np.zeros(instance.size)
    )
    futures = draw_scenarios(appearances_ahead(instance), FUTURES, seed)
    plans = [example.plan(np.array(instance.prizes), appears) for appears in futures]
    return example._replace(target=np.mean(plans, axis=0))


def gradient(example: Example, weights: Array, generator: np.random.Generator) -> Array:
    """The gradient of the Fenchel-Young loss by the weights, with prizes in mean prizes."""
    features, prizes = example.moment
    can = prizes > 0
    unit = float(prizes[can].mean())
    noise = unit * PERTURBATION * generator.standard_normal((SAMPLES, len(prizes)))
    perturbed = np.where(can, prizes * (features @ weights) + noise, 0.0)
    plans = [example.plan(np.maximum(one, 0.0), example.appears) for one in perturbed]
    return ((np.mean(plans, axis=0) - example.target) * prizes / unit) @ features


def train(arguments: argparse.Namespace) -> None:
    """Learn the weights, by Adam; the second half of the steps is averaged."""
    examples: list[Example] = []
    begin = time.process_time()
    for size, halls in TRAINING_HALLS.items():
        met: list[Instance] = []
        player = Surrogate(0.75)
        player.warm_up(DOP)
        for instance, day in days_of(size, halls, TRAINING_SEED):
            play(player, instance, day, 0.003, met)
        made = [example_of(instance, seed) for seed, instance in enumerate(met)]
        examples += [one for one in made if one.moment.prizes.any()]
        print(size, len(examples), "decisions", f"{time.process_time() - begin:.0f} s", flush=True)
    generator, weights = np.random.default_rng(0), first_weights()
    first, second, mean, steps = np.zeros_like(weights), np.zeros_like(weights), np.zeros_like(weights), 0
    total = EPOCHS * (len(examples) // BATCH)
    for epoch in range(EPOCHS):
        order, sizes = generator.permutation(len(examples)), []
        for batch in np.array_split(order, len(examples) // BATCH):
            slope = np.mean([gradient(examples[i], weights, generator) for i in batch], axis=0)
            steps += 1
            first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
            weights = weights - RATE * (first / (1 - 0.9**steps)) / (np.sqrt(second / (1 - 0.99**steps)) + 1e-8)
            if steps > total // 2:
                mean += weights / (total - total // 2)
            sizes.append(float(np.abs(slope).mean()))
        if epoch % 10 == 9:
            print(
                epoch + 1,
                f"{np.mean(sizes):.4f}",
                np.round(weights, 2),
                f"{time.process_time() - begin:.0f} s",
                flush=True,
            )
    raw = read_raw(arguments.raw) | {"weights": np.round(mean, 3).tolist(), "training": time.process_time() - begin}
    keep_raw(arguments.raw, raw)


def tune(arguments: argparse.Namespace) -> None:
    """Choose the constant for each size, on halls of their own."""
    for size in arguments.sizes:
        days, means = days_of(size, TUNING_HALLS[size], TUNING_SEED), {}
        for share in CONSTANTS:
            solver = Surrogate(share)
            solver.warm_up(DOP)
            means[share] = float(np.mean([play(solver, *day, arguments.milliseconds / 1000)[0] for day in days]))
            print(size, share, round(means[share], 3), flush=True)
        raw = read_raw(arguments.raw) | {
            f"constant {size}": max(means, key=lambda one: means[one]),
            f"tuning {size}": means,
        }
        keep_raw(arguments.raw, raw)


def arms_of(raw: dict[str, Any], size: int) -> dict[str, Solver]:
    """The solvers that are compared; `scenarios` does not support `dop`."""
    return {
        "learned": Surrogate(weights=np.array(raw["weights"])),
        CONSTANT: Surrogate(raw[f"constant {size}"]),
        **{spec: make(spec) for spec in ("means", "myopic", "hindsight")},
    }


def compare(arguments: argparse.Namespace) -> None:
    """Play the test halls with each solver, and keep the prize, the milliseconds and the number of decisions."""
    raw = read_raw(arguments.raw)
    for size in arguments.sizes:
        days = days_of(size, TEST_HALLS[size], SEED)
        for first in range(0, len(days), BLOCK):
            for name, solver in arms_of(raw, size).items():
                key = json.dumps([size, name])
                done = read_raw(arguments.raw).get(key, [])
                if len(done) > first:
                    continue
                solver.warm_up(DOP)
                done += [play(solver, *day, arguments.milliseconds / 1000) for day in days[first : first + BLOCK]]
                keep_raw(arguments.raw, read_raw(arguments.raw) | {key: done})


def exact(arguments: argparse.Namespace) -> None:
    """What each solver loses against the optimal policy of small sessions, over every joint outcome."""
    raw, lost = read_raw(arguments.raw), defaultdict[str, list[float]](list)
    for seed in range(SMALL):
        instance = whole_session("dop", 10_000 + seed, 4, 2)
        best = AppearingProgram(instance, 0.1).expected()
        for name, solver in (arms_of(raw, 20) | {spec: make(spec) for spec in ROLLOUTS}).items():
            solver.warm_up(DOP)
            value = value_of_planning(solver, DOP, instance, arguments.milliseconds / 1000)
            lost[name].append(100 * (best - value) / best)
    keep_raw(arguments.raw, read_raw(arguments.raw) | {"exact": lost})


def tables(arguments: argparse.Namespace) -> None:
    """Write the tables: each solver's prize with the paired difference from the constant, and the small sessions."""
    raw, rows = read_raw(arguments.raw), []
    for size in SIZES:
        arms = {name: np.array(raw.get(json.dumps([size, name]), [])) for name in arms_of(raw, size)}
        count = min(len(days) for days in arms.values())
        if count == 0:
            continue
        reference = arms[CONSTANT][:count, 0]
        for name, days in arms.items():
            prize, used, _ = days[:count].mean(axis=0)
            gain = 100 * (days[:count, 0] - reference) / reference.mean()
            difference = "–" if name == CONSTANT else mean_of(gain)
            label = f"{CONSTANT} {raw[f'constant {size}']:g}" if name == CONSTANT else name
            rows.append([str(size), label, str(count), f"{prize:.3f}", difference, f"{used:.1f}"])
    constants, tuning = ", ".join(f"{one:g}" for one in CONSTANTS), " and ".join(map(str, TUNING_HALLS.values()))
    note = (
        "Each session is in a hall of its own, with its own day; all solvers play the same days. Differences are "
        "paired, and positive where the row's solver collects more. Each solver has "
        f"{arguments.milliseconds:g} ms of processor time for a decision, on one thread; the last column also counts "
        "what the limit does not: preparation and checks. The "
        f"constant was chosen among {constants} on {tuning} other halls."
    )
    columns = ["nodes", "solver", "halls", "prize", "against the constant % (95 %)", "ms a decision"]
    save(measured("surrogates", "Surrogate prizes of posters that may still appear", columns, rows, note, COMMAND))
    lost = [[name, f"{np.mean(below):.2f}", f"{max(below):.1f}"] for name, below in raw.get("exact", {}).items()]
    note = (
        f"{SMALL} sessions of 4 posters with 2 outcomes each and whole-number times, over every joint outcome, so that "
        "luck does not count. Weights and constant are those of halls of 20 posters."
    )
    columns = ["solver", "below optimal %", "worst instance %"]
    save(measured("surrogates-optimal", "Surrogate prizes against the optimal policy", columns, lost, note, COMMAND))


CONSTANT = "constant"
ROLLOUTS = ("rollout", "rollout(base=hindsight)")
"""Compared in small sessions alone: a decision of theirs takes many of their base planner's."""
SMALL = 24
"""Small sessions whose optimal policy is known."""
COMMAND = "\n".join(f"python benchmarks/surrogates.py {what}" for what in ("train", "tune", "compare", "exact"))


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "tune", "compare", "exact", "tables"))
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=SIZES, help="of `tune` and `compare`")
    parser.add_argument("--milliseconds", type=float, default=5)
    parser.add_argument("--raw", type=Path, default=Path("runs/surrogates.json"), help="every day so far, and weights")
    arguments = parser.parse_args()
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    count_processor_time()
    commands = {"train": train, "tune": tune, "compare": compare, "exact": exact, "tables": tables}
    commands[arguments.what](arguments)


if __name__ == "__main__":
    main()
