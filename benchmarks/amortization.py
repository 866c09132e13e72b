"""Does learning pay in a poster hall? Policies against classical solvers at equal core-seconds, with the break-even.

The problem is orienteering, with and without time windows, among 50 posters. The sets of instances:

- `halls`: new halls, whose layouts no policy was trained on;
- `fixed`: days in the one hall that a policy was fine-tuned on;
- `uniform`: uniform points;
- `tight` and `loose`: new halls with a budget 30 % smaller and 30 % larger;
- `closed`: new halls with one aisle closed;
- `small`: new halls with 25 posters, where CP-SAT proves the optimum.

Every arm solves the same instances on one core. It is charged the processor time that it uses, inference and search
included, imports and compilation excluded. The reference of each instance is the best answer of any arm. A policy
trained from several seeds is one arm: its intervals are over seeds and instances.

    python benchmarks/amortization.py op --policy hall=op-hall,runs/2/policy.safetensors --cost hall=720 --out runs/op

`OUT.json` keeps each finished arm: a run that was stopped continues, and a run with other limits adds its arms.
`OUT.md` is the table and `OUT-SET.png` the picture of each set. A stored table is drawn again without running anything:

    python benchmarks/amortization.py op --cost hall=720 --table benchmarks/results/halls-op.json --out docs/images/a
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from processor_clock import count_processor_time
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
from tsp.solution import Solution, check
from tsp.solvers import Chain, Solver, is_one_shot
from tsp.solvers.registry import make
from tsp.statistics import estimate_crossed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Instance

SIZE = 50
SEED = 20_261_121
FIXED_HALL = 7
CLASSICAL = ("insertion", "ls", "ortools", "pyvrp", "cpsat")
PAYS, NEVER = 1e5, 1e9
"""Days within which learning has to pay; days at which the picture says "never"."""

LINES = {"ls": "ls", "ortools": "OR-Tools", "pyvrp": "PyVRP"}
POLICY_LINES = {"": "policy", "+insertion": "policy, then insertion", "+ls": "policy, then ls"}
"""Arms that are drawn, by their names; those of a policy follow its name."""
MOST_LINES = 6

LIBRARY = 1000
"""Number of solved days that retrieval remembers, from the fixed hall or from halls for training."""


def hall_set(
    problem: str,
    count: int,
    *,
    size: int = SIZE,
    budget: float | None = None,
    closed: bool = False,
    first: int = 0,
    seed: int = SEED,
) -> list[Instance]:
    """One day in each of `count` new halls, from the first one on, whose layouts are reserved for tests."""
    config = HallConfig.for_size(size)
    halls = [layout(one, config) for one in TEST_LAYOUTS[first : first + count]]
    if closed:
        halls = [close_aisle(hall, 1) for hall in halls]
    return _instances(problem, draw_each(np.random.default_rng(seed), halls, size, budget=budget))


def fixed_set(problem: str, count: int, seed: int = SEED) -> list[Instance]:
    """Days in the fixed hall."""
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
    "small": lambda problem, count: hall_set(problem, count, size=25),
}


def set_hash(instances: list[Instance]) -> str:
    """The first digits of a hash of all numbers in a set."""
    return hashlib.sha256("".join(i.fingerprint for i in instances).encode()).hexdigest()[:16]


class Retrieval:
    """Amortization without learning: the tour of the most similar remembered day, transferred, repaired and improved.

    The posters of the new day are ordered by the nearest place on the remembered tour. Those with the
    lowest prize per length saved are then removed until the rules are kept, and insertion improves the rest.
    """

    name = "retrieval"
    one_shot = True

    def __init__(self, problem: Problem, library: list[Instance], solver: Solver) -> None:
        self.days = library
        self.tours = [s.tours[0] if s.tours else np.zeros(1, int) for s in solver.solve(problem, library, Budget(0.02))]
        self.prints = np.stack([_print(day) for day in library])

    def supports(self, problem: Problem) -> bool:
        """Every problem: the library is solved for the same one."""
        return True

    def warm_up(self, problem: Problem) -> None:
        """Nothing to do: the library is solved when the object is made."""

    def solve(self, problem: Problem, instances: list[Instance], budget: Budget, **_: Any) -> list[Solution]:  # noqa: ANN401
        """One answer for each instance."""
        out: list[Solution] = []
        for instance in instances:
            start = time.process_time()
            nearest = int(((self.prints - _print(instance)) ** 2).sum(1).argmin())
            remembered = self.days[nearest].coordinates[self.tours[nearest]]
            here = instance.coordinates
            along = ((here[:, None] - remembered) ** 2).sum(-1).argmin(1)
            order = [0, *(node for node in np.argsort(along, kind="stable").tolist() if node != 0)]
            solution = _repaired(problem, instance, order)
            out.append(replace(solution, seconds=time.process_time() - start, solver=self.name))
        return out


def _print(day: Instance) -> np.ndarray:
    """The day's prizes on a coarse map of the hall, `[64]`; similar days have similar maps."""
    assert day.coordinates is not None
    assert day.prizes is not None
    cells = np.minimum((day.coordinates * 8).astype(int), 7)
    out = np.zeros(64)
    np.add.at(out, 8 * cells[:, 1] + cells[:, 0], day.prizes)
    return out


def _repaired(problem: Problem, instance: Instance, order: list[int]) -> Solution:
    """The tour, from which the node with the lowest prize per length saved is removed until it keeps the rules."""
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
    """A function for each arm that makes its solver from the set's name; only retrieval depends on the set."""

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
        # Insertion ends by itself and leaves time for samples; the local search uses all the time there is.
        starts = {"insertion": {"decoding": "sampling", "samples": 1}, "ls": {"decoding": "greedy", "augmentations": 1}}
        for search, start in starts.items():
            for limit in (x for x in limits if x <= 1):
                out[f"{name}+{search} @ {limit:g}"] = lambda _, path=path, limit=limit, search=search, start=start: (
                    Chain([PolicySolver(path=path, device="cpu", **start), make(search)], str(limit))
                )
    for spec in CLASSICAL:
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
    """Objective (None without a feasible answer) and seconds of every instance; seconds each in one batch."""
    solver.warm_up(problem)
    budget = Budget(limit, 1, SEED)
    solver.solve(problem, instances[:1], budget)
    found: list[Solution] = []
    seconds: list[float] = []
    for instance in instances:
        start = time.process_time()
        found += solver.solve(problem, [instance], budget)
        seconds.append(time.process_time() - start)
    together = None
    if is_one_shot(solver):
        start = time.process_time()
        solver.solve(problem, instances, budget)
        together = (time.process_time() - start) / len(instances)
    judged = [check(problem, i, s.tours) if s.tours else s for i, s in zip(instances, found, strict=True)]
    return {
        "objectives": [s.objective for s in judged],
        "proved": sum(s.proved_optimal for s in found),
        "seconds": seconds,
        "batch": together,
    }


def gaps(rows: dict[str, Any], sign: float) -> dict[str, np.ndarray]:
    """Each arm's gaps `[seeds, N]` in % to the best answer of any arm; 100 where an arm has no answer."""
    values = {arm: sign * np.array(row["objectives"], dtype=float) for arm, row in rows.items()}
    best = np.full(max(map(len, values.values())), np.nan)
    for v in values.values():
        best[: len(v)] = np.fmin(best[: len(v)], v)
    seeds: dict[str, list[np.ndarray]] = {}
    for arm, v in values.items():
        b = best[: len(v)]
        seeds.setdefault(family(arm), []).append(100 * np.where(np.isnan(v), 1.0, (v - b) / np.abs(b)))
    return {arm: np.stack(each) for arm, each in seeds.items()}


def family(arm: str) -> str:
    """The arm without the number of its training seed."""
    return re.sub(r"#\d+", "", arm)


def mean_of(rows: dict[str, Any], arm: str, what: str, count: int) -> float | None:
    """The mean of a measurement over the first `count` instances and the training seeds; None where not measured."""
    values = [
        np.mean(row[what][:count] if what == "seconds" else row[what])
        for name, row in rows.items()
        if family(name) == arm and row[what] is not None
    ]
    return float(np.mean(values)) if values else None


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean over seeds and instances, and the two ends of its 95 % interval."""
    estimate = estimate_crossed(values)
    return estimate.mean, *(estimate.interval or (estimate.mean, estimate.mean))


Curves = dict[str, list[tuple[float, float]]]


def curves(rows: dict[str, Any], sign: float, count: int) -> Curves:
    """Seconds and mean gaps of each solver at its settings and limits, on the first `count` instances."""
    out: Curves = {}
    for arm, gap in gaps(rows, sign).items():
        if gap.shape[1] >= count:
            seconds = mean_of(rows, arm, "seconds", count)
            assert seconds is not None
            out.setdefault(re.split(" @ |, ", arm)[0], []).append((seconds, float(gap[:, :count].mean())))
    return {name: sorted(points) for name, points in out.items()}


def seconds_at(points: list[tuple[float, float]], quality: float) -> float:
    """Seconds in which a solver reaches a gap, interpolated between measurements; infinity where it does not."""
    seconds, found = np.array(points).T
    better = np.diff(np.minimum.accumulate(found), prepend=np.inf) < 0.0
    seconds, found = seconds[better], found[better]
    if quality < found[-1]:
        return float("inf")
    return float(np.exp(np.interp(-quality, -found, np.log(seconds))))


def of_policy(found: Curves, policy: str) -> list[list[tuple[float, float]]]:
    """The curves of a policy, with and without a search behind it."""
    return [points for name, points in found.items() if name.split("+")[0] == policy]


def break_even(found: Curves, policy: str, cost: float, against: Curves, quality: float) -> float | None:
    """The number of days after which the `cost` of learning is saved, at gaps of `quality`.

    Returns:
        infinity where the policy, with or without a search, is not faster at that gap; None where none of
        the solvers in `against` reaches it.
    """
    mine = min(seconds_at(points, quality) for points in of_policy(found, policy))
    theirs = min((seconds_at(points, quality) for points in against.values()), default=float("inf"))
    if theirs == float("inf"):
        return None
    return cost / (theirs - mine) if theirs > mine else float("inf")


def paired(rows: dict[str, Any], sign: float) -> list[tuple[str, str, int, float, float, float]]:
    """Paired differences between the gaps of two arms on the same instances at the same limit.

    A policy followed by a search is compared with the search alone and with an untrained policy followed
    by it; the local search is compared with the other classical arms.

    Returns:
        for each pair: the two arms, the number of instances, and the mean of the second gap minus the first, with
        its interval.
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
                count = min(gap.shape[1], found[other].shape[1])
                out.append((arm, other, count, *interval(found[other][:, :count] - gap[:, :count])))
    return out


def report(title: str, results: dict[str, Any], sign: float, costs: dict[str, float]) -> str:
    """The measurements as Markdown."""
    lines = [f"# {title}", ""]
    for name, entry in results.items():
        rows = entry["rows"]
        found = gaps(rows, sign)
        counts = sorted({gap.shape[1] for gap in found.values()}, reverse=True)
        lines += [f"## {name} (set {entry['hash']})", ""]
        for count in counts:
            lines += [
                f"{count} instances",
                "",
                "| arm | gap % | 95 % | s an instance | s in a batch | proved |",
                "|---|---|---|---|---|---|",
            ]
            here = {arm: gap[:, :count] for arm, gap in found.items() if gap.shape[1] >= count}
            for arm, gap in sorted(here.items(), key=lambda item: float(item[1].mean())):
                mean, low, high = interval(gap)
                seconds, batch, proved = (mean_of(rows, arm, what, count) for what in ("seconds", "batch", "proved"))
                if found[arm].shape[1] > count:  # these were measured on more instances
                    batch = proved = None
                cells = [f"{mean:.2f}", f"{low:.2f} to {high:.2f}", f"{seconds:.4f}"]
                cells += [f"{batch:.4f}" if batch else "", f"{proved:.0f}" if proved else ""]
                lines.append(f"| {' | '.join([arm, *cells])} |")
            lines.append("")
        lines += ["| arm | against | instances | gap smaller by | 95 % |", "|---|---|--:|--:|---|"]
        for arm, other, pairs, mean, low, high in paired(rows, sign):
            lines.append(f"| {arm} | {other} | {pairs} | {mean:+.2f} | {low:+.2f} to {high:+.2f} |")
        lines.append("")
        drawn = curves(rows, sign, counts[0])
        for policy in (policy for policy in costs if policy in drawn):
            lines += [f"Break-even of `{policy}` ({costs[policy]:.0f} s of training), in days:", ""]
            lines += ["| quality: gap % | against OR-Tools | against the best classical arm |", "|---|---|---|"]
            for quality in qualities(drawn, policy):
                cells = [
                    days(break_even(drawn, policy, costs[policy], against, quality)) for against in opponents(drawn)
                ]
                lines.append(f"| {' | '.join([f'{quality:.2f}', *cells])} |")
            lines.append("")
    return "\n".join(lines)


def qualities(found: Curves, policy: str) -> list[float]:
    """The mean gaps that a policy was measured at, with and without a search."""
    return sorted(gap for points in of_policy(found, policy) for _, gap in points)


def opponents(found: Curves) -> tuple[Curves, Curves]:
    """The curves of OR-Tools, and those of all classical solvers."""
    ortools = {name: points for name, points in found.items() if name == "ortools"}
    return ortools, {name: points for name, points in found.items() if name in CLASSICAL}


def days(count: float | None) -> str:
    """A break-even as a text."""
    if count is None:
        return "not reached"
    return "never" if count == float("inf") else f"{count:,.0f}"


def stored_curves(path: Path) -> Curves:
    """The curves of a table in `benchmarks/results/`."""
    content = json.loads(path.read_text())
    arm, gap, seconds = (content["columns"].index(name) for name in ("arm", "gap %", "s an instance"))
    out: Curves = {}
    for row in content["rows"]:
        out.setdefault(re.split(" @ |, ", row[arm])[0], []).append((float(row[seconds]), float(row[gap])))
    return {name: sorted(points) for name, points in out.items()}


def draw(found: Curves, costs: dict[str, float], path: Path, title: str) -> None:
    """Draw the gaps of `LINES` against seconds, and below them the break-even of policies against the gap."""
    from tsp.plotting import line_style, save_figure
    from tsp.plotting.canvas import FADED, add_legend, make_canvas

    figure, whole = make_canvas(8.0, 7.6, title, "every arm is in the table; gaps below 0.01 % are drawn as 0.01 %")
    place = whole.get_position()
    whole.remove()
    upper = figure.add_axes((0.13, place.y0 + 0.45 * place.height, 0.84, 0.55 * place.height))
    lower = figure.add_axes((0.13, place.y0 + 0.05 * place.height, 0.84, 0.29 * place.height))
    names = {**LINES, **{f"{policy}{search}": text for policy in costs for search, text in POLICY_LINES.items()}}
    shown = [name for name in names if name in found][:MOST_LINES]
    for k, name in enumerate(shown):
        xs, ys = zip(*found[name], strict=True)
        look = line_style(k)
        upper.plot(xs, [max(y, 0.01) for y in ys], **look._asdict(), markersize=5, label=names[name])
    upper.set(xscale="log", yscale="log", xlabel="core-seconds an instance", ylabel="gap to the best answer, %")
    wanted = np.geomspace(0.1, 20.0, 200)
    k = 0
    for policy, cost in costs.items():
        for opponent, against in zip(("OR-Tools", "the best classical solver"), opponents(found), strict=True):
            if policy in found:
                counts = [break_even(found, policy, cost, against, q) for q in wanted]
                ys = [np.nan if n is None else min(n, NEVER) for n in counts]
                look = line_style(k)
                lower.plot(
                    wanted, ys, color=look.color, linestyle=look.linestyle, label=f"{policy}, against {opponent}"
                )
                k += 1
    lower.axhline(PAYS, color=FADED, linewidth=0.8)
    lower.set(
        xscale="log", yscale="log", xlabel="gap wanted, %", ylabel="days until it has paid", ylim=(1e2, 2 * NEVER)
    )
    lower.set_yticks([1e3, PAYS, 1e7, NEVER], ["1,000", "100,000", "10,000,000", "never"])
    for axes in (upper, lower):
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelsize=9, colors=FADED, length=0, which="both")
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        add_legend(axes).set_loc("lower left")
    upper.yaxis.set_major_formatter("{x:g}")
    save_figure(figure, path, force=True)


def save_untrained(problem: Problem, trained: str, path: Path) -> None:
    """Write the network of a trained policy with its initial weights."""
    torch.manual_seed(0)
    policy = Policy(load_policy(trained)[0].config, RoutingEnv(problem))
    save_policy(path, policy, PolicyInfo(problem.name, (2, SIZE + 1)), force=True)


def read_costs(texts: list[str]) -> dict[str, float]:
    """Seconds of training of each policy."""
    return {name: float(seconds) for name, _, seconds in (text.partition("=") for text in texts)}


def main() -> None:
    """Run the arms that are missing; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=("op", "optw"))
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="NAME=PATH[,PATH…]",
        help="a file or a shipped one; several, of other seeds, by commas",
    )
    parser.add_argument("--cost", action="append", default=[], metavar="NAME=SECONDS", help="of its training")
    parser.add_argument("--arms", type=re.compile, default="", metavar="REGEX", help="only arms that begin like this")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["halls"])
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--limits", type=float, nargs="+", default=[0.01, 0.1, 1.0, 10.0])
    parser.add_argument("--slow-instances", type=int, default=50, help="instances for limits of 1 s and more")
    parser.add_argument("--out", type=Path, required=True, help="without an ending")
    parser.add_argument("--table", type=Path, metavar="FILE.json", help="only draw the picture of a stored table")
    arguments = parser.parse_args()
    if arguments.table is not None:
        costs = read_costs(arguments.cost)
        title = json.loads(arguments.table.read_text())["title"]
        draw(stored_curves(arguments.table), costs, arguments.out.with_suffix(".png"), title)
        return
    torch.set_num_threads(1)
    count_processor_time()
    shipped = {policy.name: str(policy.path) for policy in shipped_policies()}
    policies = {
        f"{name}#{seed}" if seed > 1 else name: shipped.get(path, path)
        for name, _, paths in (text.partition("=") for text in arguments.policy)
        for seed, path in enumerate(paths.split(","), 1)
    }
    costs = read_costs(arguments.cost)
    problem = get_problem(arguments.problem)
    sign = 1.0 if problem.objective.sense == "min" else -1.0
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    if policies:
        untrained = arguments.out.with_suffix(".untrained.safetensors")
        save_untrained(problem, next(iter(policies.values())), untrained)
        policies["untrained"] = str(untrained)
    kept = arguments.out.with_suffix(".json")
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in arguments.sets:
        instances = SETS[name](problem.name, arguments.instances)
        entry = results.setdefault(name, {"hash": set_hash(instances), "rows": {}})
        for arm, made in tqdm(arms(problem, policies, arguments.limits).items(), desc=name):
            if arm in entry["rows"] or not arguments.arms.match(arm):
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
    for name in arguments.sets:
        rows = results[name]["rows"]
        most = max(gap.shape[1] for gap in gaps(rows, sign).values())
        path = arguments.out.with_name(f"{arguments.out.name}-{name}.png")
        draw(curves(rows, sign, most), costs, path, f"{title}: {name}, {most} instances")
    print(arguments.out.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
