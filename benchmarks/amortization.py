"""Does learning pay in a poster hall? Policies against classical solvers at equal core-seconds, with the break-even.

Orienteering (with and without time windows) past 50 posters. The sets: `halls`, new halls whose
layouts nobody trained on; `fixed`, days in the one hall that a policy was fine-tuned on; `uniform`
points; `tight` and `loose`, new halls with a budget 30 % smaller and larger; `closed`, new halls with
an aisle closed. Every arm solves the same instances on one core; what is charged is the time used,
inference and search included, imports and compilation not. The reference is the best answer of any
arm to each instance.

    python benchmarks/amortization.py op --policy hall=op-hall --cost hall=720 --out docs/images/amortization-op

Arms are kept in `OUT.json` one by one, so a run that was stopped goes on. `OUT.md` and `OUT.png` are the
table and the picture.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from envs.generators import as_batch, generate_set, to_instances
from envs.halls import TEST_LAYOUTS, HallConfig, close_aisle, draw_each, draw_instances, layout
from envs.routing_env import RoutingEnv
from policies.checkpoint import PolicyInfo, load_policy, save_policy
from policies.policy import Policy
from policies.solver import PolicySolver
from policies.zoo import shipped_policies
from tsp.budget import Budget
from tsp.files import write_text
from tsp.problems import Problem, get_problem
from tsp.registry import make
from tsp.solution import Solution, check
from tsp.solvers import Chain, Solver
from tsp.statistics import estimate_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Instance

SIZE = 50
SEED = 20_261_121
FIXED_HALL = 7
LIBRARY = 1000
"""Days of the fixed hall, or of halls that may be trained on, that retrieval remembers."""


def hall_set(problem: str, count: int, *, budget: float | None = None, closed: bool = False) -> list[Instance]:
    """Days in as many new halls, of layouts that are kept for tests."""
    config = HallConfig.for_size(SIZE)
    halls = [layout(seed, config) for seed in TEST_LAYOUTS[:count]]
    if closed:
        halls = [close_aisle(hall, 1) for hall in halls]
    return _instances(problem, draw_each(np.random.default_rng(SEED), halls, SIZE, budget=budget))


def fixed_set(problem: str, count: int, seed: int = SEED) -> list[Instance]:
    """Days in the one hall."""
    hall = layout(FIXED_HALL, HallConfig.for_size(SIZE))
    return _instances(problem, draw_instances(np.random.default_rng(seed), hall, count, SIZE))


def _instances(problem: str, drawn: dict[str, np.ndarray]) -> list[Instance]:
    values = {name: torch.from_numpy(np.asarray(x, dtype=np.float32)) for name, x in drawn.items()}
    return to_instances(problem, as_batch(get_problem(problem), values), "day")[0]


SETS: dict[str, Callable[[str, int], list[Instance]]] = {
    "halls": hall_set,
    "fixed": fixed_set,
    "uniform": lambda problem, count: generate_set(problem, "uniform", SIZE, count, SEED)[0],
    "tight": lambda problem, count: hall_set(problem, count, budget=0.7 * HallConfig().budget),
    "loose": lambda problem, count: hall_set(problem, count, budget=1.3 * HallConfig().budget),
    "closed": lambda problem, count: hall_set(problem, count, closed=True),
}


def set_hash(instances: list[Instance]) -> str:
    """The first digits of a hash of all numbers in a set."""
    return hashlib.sha256("".join(i.fingerprint for i in instances).encode()).hexdigest()[:16]


class Retrieval:
    """Amortization without learning: the nearest remembered day's tour, carried over, repaired and improved.

    A remembered tour orders the posters of the new day by where along it they lie; the dullest per
    length saved are then left out until the rules are kept, and insertion improves what is left.
    """

    name = "retrieval"
    one_shot = True

    def __init__(self, problem: Problem, library: list[Instance], solver: Solver) -> None:
        self.days = library
        self.tours = [s.tours[0] if s.tours else np.zeros(1, int) for s in solver.solve(problem, library, Budget(0.02))]
        self.prints = np.stack([_print(day) for day in library])

    def supports(self, problem: Problem) -> bool:
        """Whatever the library was solved for."""
        return True

    def warm_up(self, problem: Problem) -> None:
        """The library is there."""

    def solve(self, problem: Problem, instances: list[Instance], budget: Budget, **_: Any) -> list[Solution]:  # noqa: ANN401
        """One answer for each instance."""
        out: list[Solution] = []
        for instance in instances:
            start = time.perf_counter()
            nearest = int(((self.prints - _print(instance)) ** 2).sum(1).argmin())
            remembered = self.days[nearest].coordinates[self.tours[nearest]]
            here = instance.coordinates
            along = ((here[:, None] - remembered) ** 2).sum(-1).argmin(1)
            order = [0, *(node for node in np.argsort(along, kind="stable").tolist() if node != 0)]
            solution = _repaired(problem, instance, order)
            out.append(replace(solution, seconds=time.perf_counter() - start, solver=self.name))
        return out


def _print(day: Instance) -> np.ndarray:
    """What makes days alike: interest on a coarse map of the hall, `[64]`."""
    assert day.coordinates is not None
    assert day.prizes is not None
    cells = np.minimum((day.coordinates * 8).astype(int), 7)
    out = np.zeros(64)
    np.add.at(out, 8 * cells[:, 1] + cells[:, 0], day.prizes)
    return out


def _repaired(problem: Problem, instance: Instance, order: list[int]) -> Solution:
    """The tour without the nodes that cost most for what they are worth, until it keeps the rules."""
    tour = list(order)
    assert instance.prizes is not None
    d = instance.distances
    while True:
        solution = check(problem, instance, [np.array(tour)])
        if solution.feasible or len(tour) == 1:
            return solution
        ring = np.array([*tour, tour[0]])
        saved = d[ring[:-2], ring[1:-1]] + d[ring[1:-1], ring[2:]] - d[ring[:-2], ring[2:]]
        if instance.service_times is not None:
            saved = saved + instance.service_times[ring[1:-1]]
        worth = instance.prizes[ring[1:-1]] / np.maximum(saved, 1e-9)
        tour.pop(1 + int(worth.argmin()))


def arms(problem: Problem, policies: dict[str, str], limits: list[float]) -> dict[str, Callable[[str], Solver | None]]:
    """How each arm is made; given the set's name, since retrieval remembers the fixed hall or many."""

    def policy(path: str, **options: Any) -> Callable[[str], Solver]:  # noqa: ANN401
        return lambda _: PolicySolver(path=path, device="cpu", **options)

    def retrieval(name: str) -> Solver:
        days = fixed_set(problem.name, LIBRARY, SEED + 1) if name == "fixed" else None
        library = days or generate_set(problem.name, "hall", SIZE, LIBRARY, SEED + 1)[0]
        return Chain([Retrieval(problem, library, make("insertion")), make("insertion")], "retrieval+insertion")

    out: dict[str, Callable[[str], Solver | None]] = {}
    for name, path in policies.items():
        out[f"{name}, greedy"] = policy(path, decoding="greedy", augmentations=1)
        for samples in (1, 4, 16):
            out[f"{name}, {8 * samples} samples"] = policy(path, decoding="sampling", samples=samples)
        # insertion ends by itself and leaves time for samples; the local search needs what there is
        starts = {"insertion": {"decoding": "sampling", "samples": 1}, "ls": {"decoding": "greedy", "augmentations": 1}}
        for search, start in starts.items():
            for limit in (x for x in limits if x <= 1):
                out[f"{name}+{search} @ {limit:g}"] = lambda _, path=path, limit=limit, search=search, start=start: (
                    Chain([PolicySolver(path=path, device="cpu", **start), make(search)], str(limit))
                )
    for spec in ("insertion", "ls", "ortools", "pyvrp", "cpsat"):
        for limit in limits:
            out[f"{spec} @ {limit:g}"] = lambda _, spec=spec: _made(spec)
    for limit in (x for x in limits if x <= 0.1):
        out[f"retrieval+insertion @ {limit:g}"] = retrieval
    return out


def _made(spec: str) -> Solver | None:
    try:
        return make(spec, device="cpu")
    except ValueError:  # an extra that is not installed
        return None


def run(problem: Problem, instances: list[Instance], solver: Solver, limit: float) -> dict[str, Any]:
    """Objectives (None without a feasible answer) and seconds used, of every instance; and of all at once."""
    solver.warm_up(problem)
    budget = Budget(limit, 1, SEED)
    solver.solve(problem, instances[:1], budget)
    found: list[Solution] = []
    seconds: list[float] = []
    for instance in instances:
        start = time.perf_counter()
        found += solver.solve(problem, [instance], budget)
        seconds.append(time.perf_counter() - start)
    together = None
    if getattr(solver, "one_shot", False):
        start = time.perf_counter()
        solver.solve(problem, instances, budget)
        together = (time.perf_counter() - start) / len(instances)
    judged = [check(problem, i, s.tours) if s.tours else s for i, s in zip(instances, found, strict=True)]
    return {
        "objectives": [s.objective for s in judged],
        "proved": sum(s.proved_optimal for s in found),
        "seconds": seconds,
        "batch": together,
    }


def gaps(rows: dict[str, Any], sign: float) -> dict[str, np.ndarray]:
    """For each arm the gaps to the best answer of any arm, in percent of that; without an answer 100."""
    values = {arm: sign * np.array(row["objectives"], dtype=float) for arm, row in rows.items()}
    best = np.full(max(map(len, values.values())), np.nan)
    for v in values.values():
        best[: len(v)] = np.fmin(best[: len(v)], v)
    return {arm: 100 * np.where(np.isnan(v), 1.0, (v - (b := best[: len(v)])) / np.abs(b)) for arm, v in values.items()}


def summary(rows: dict[str, Any], sign: float, count: int) -> dict[str, tuple[float, ...]]:
    """For each arm that solved the first `count` instances: mean gap, its interval, and seconds an instance."""
    return {
        arm: (*_mean(gap[:count]), float(np.mean(rows[arm]["seconds"][:count])))
        for arm, gap in gaps(rows, sign).items()
        if len(gap) >= count
    }


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    """The mean and its interval."""
    estimate = estimate_mean(values)
    assert estimate is not None
    return estimate.mean, *(estimate.interval or (estimate.mean, estimate.mean))


def break_even(found: dict[str, tuple[float, ...]], name: str, cost: float) -> list[tuple[float, str, float | None]]:
    """For each quality that the policy reaches: the cheapest classical arm, and after how many days learning has paid.

    `--cost` is charged against the seconds saved a day; infinity where none are saved, None where no
    classical arm reached that quality.
    """
    own = sorted((gap, seconds) for arm, (gap, _, _, seconds) in found.items() if arm.startswith(name))
    others = [(arm, gap, s) for arm, (gap, _, _, s) in found.items() if "@" in arm and "+" not in arm]
    out: list[tuple[float, str, float | None]] = []
    for quality, _ in own:
        mine = min(seconds for gap, seconds in own if gap <= quality)
        there = [(seconds, arm) for arm, gap, seconds in others if gap <= quality]
        if not there:
            out.append((quality, "none reached it", None))
            continue
        seconds, arm = min(there)
        out.append((quality, arm, cost / (seconds - mine) if seconds > mine else float("inf")))
    return out


def paired(rows: dict[str, Any], sign: float) -> list[tuple[str, str, int, float, float, float]]:
    """How much smaller one arm's gap is than another's on the same instances, at the same limit.

    Every policy before a search is set against that search alone and an untrained one before it, and
    the local search against the other classical arms.

    Returns:
        for each pair the two arms, on how many instances, and the mean difference with its interval.
    """
    out: list[tuple[str, str, int, float, float, float]] = []
    found = gaps(rows, sign)
    for arm, gap in found.items():
        name, _, limit = arm.partition(" @ ")
        start, _, search = name.rpartition("+")
        others = ["ortools", "pyvrp", "insertion"] if name == "ls" else []
        if start:
            others = [search] if start == "retrieval" else [search, f"untrained+{search}"]
        for other in (f"{other} @ {limit}" for other in others):
            if other != arm and other in found:
                count = min(len(gap), len(found[other]))
                out.append((arm, other, count, *_mean(found[other][:count] - gap[:count])))
    return out


def report(title: str, results: dict[str, Any], sign: float, costs: dict[str, float]) -> str:
    """The measurements as Markdown."""
    lines = [f"# {title}", ""]
    for name, entry in results.items():
        rows = entry["rows"]
        counts = sorted({len(row["objectives"]) for row in rows.values()}, reverse=True)
        lines += [f"## {name} (set {entry['hash']})", ""]
        for count in counts:
            lines += [
                f"{count} instances",
                "",
                "| arm | gap % | 95 % | s an instance | s in a batch |",
                "|---|---|---|---|---|",
            ]
            for arm, (gap, low, high, seconds) in sorted(summary(rows, sign, count).items(), key=lambda item: item[1]):
                together = rows[arm]["batch"]
                batch = "" if together is None or len(rows[arm]["objectives"]) > count else f"{together:.4f}"
                lines.append(f"| {arm} | {gap:.2f} | {low:.2f} to {high:.2f} | {seconds:.4f} | {batch} |")
            lines.append("")
        lines += ["| arm | against | instances | gap smaller by | 95 % |", "|---|---|--:|--:|---|"]
        for arm, other, pairs, mean, low, high in paired(rows, sign):
            lines.append(f"| {arm} | {other} | {pairs} | {mean:+.2f} | {low:+.2f} to {high:+.2f} |")
        lines.append("")
        for policy, cost in costs.items():
            lines += [f"Break-even of `{policy}` ({cost:.0f} s of training):", ""]
            lines += ["| quality: gap % | cheapest classical arm | N* |", "|---|---|---|"]
            for quality, arm, count_needed in break_even(summary(rows, sign, counts[0]), policy, cost):
                needed = (
                    "–" if count_needed is None else "never" if count_needed == float("inf") else f"{count_needed:,.0f}"
                )
                lines.append(f"| {quality:.2f} | {arm} | {needed} |")
            lines.append("")
    return "\n".join(lines)


def draw(results: dict[str, Any], sign: float, path: Path, title: str) -> None:
    """Gap against seconds, a panel for each set."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from tsp.plotting import PALETTE

    figure = Figure(figsize=(7.0 * len(results), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (name, entry) in zip(panels, results.items(), strict=True):
        curves: dict[str, list[tuple[float, float]]] = {}
        for arm, gap in gaps(entry["rows"], sign).items():
            family = arm.split(" @ ")[0].split(", ")[0]
            seconds = float(np.mean(entry["rows"][arm]["seconds"]))
            curves.setdefault(family, []).append((seconds, max(float(gap.mean()), 0.01)))
        looks = [(style, color) for style in ("o-", "s--") for color in PALETTE]
        for (style, color), (family, points) in zip(looks, sorted(curves.items()), strict=False):
            xs, ys = zip(*sorted(points), strict=True)
            axes.plot(xs, ys, style, color=color, label=family, markersize=4)
        axes.set(xscale="log", yscale="log", xlabel="core-seconds an instance", title=name)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("gap to the best answer, % (0.01 at the bottom: or less)")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside right", fontsize=7)
    figure.suptitle(title)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run what is not there yet; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=("op", "optw"))
    parser.add_argument("--policy", action="append", default=[], metavar="NAME=PATH", help="a policy, or a shipped one")
    parser.add_argument("--cost", action="append", default=[], metavar="NAME=SECONDS", help="of its training")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["halls"])
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--limits", type=float, nargs="+", default=[0.01, 0.1, 1.0, 10.0])
    parser.add_argument("--slow-instances", type=int, default=50, help="instances for limits of 1 s and more")
    parser.add_argument("--out", type=Path, required=True, help="without an ending")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shipped = {policy.name: str(policy.path) for policy in shipped_policies()}
    policies = {name: shipped.get(path, path) for name, _, path in (text.partition("=") for text in arguments.policy)}
    costs = {name: float(seconds) for name, _, seconds in (text.partition("=") for text in arguments.cost)}
    problem = get_problem(arguments.problem)
    sign = 1.0 if problem.objective.sense == "min" else -1.0
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    if policies:  # the same network, without what it learned
        first = next(iter(policies.values()))
        untrained = arguments.out.with_suffix(".untrained.safetensors")
        config = load_policy(first)[0].config
        torch.manual_seed(0)
        info = PolicyInfo(problem.name, (2, SIZE + 1))
        save_policy(untrained, Policy(config, RoutingEnv(problem)), info, force=True)
        policies["untrained"] = str(untrained)
    kept = arguments.out.with_suffix(".json")
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in arguments.sets:
        instances = SETS[name](problem.name, arguments.instances)
        entry = results.setdefault(name, {"hash": set_hash(instances), "rows": {}})
        for arm, made in tqdm(arms(problem, policies, arguments.limits).items(), desc=name):
            if arm in entry["rows"]:
                continue
            solver = made(name)
            if solver is None or not solver.supports(problem):
                continue
            limit = float(arm.partition("@ ")[2] or 10.0)
            count = arguments.slow_instances if "@" in arm and limit >= 1 else arguments.instances
            entry["rows"][arm] = run(problem, instances[:count], solver, limit)
            write_text(kept, json.dumps(results), force=True)
    if policies:
        Path(policies["untrained"]).unlink()
    title = f"{problem.title}, {SIZE} posters"
    write_text(arguments.out.with_suffix(".md"), report(title, results, sign, costs), force=True)
    draw(results, sign, arguments.out.with_suffix(".png"), title)
    print(arguments.out.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
