"""Does the learned guide pay? It is compared with simple guides, by recall and by tour length at equal time.

    python benchmarks/guide_controls.py recall --labels runs/guide/labels.npz
    python benchmarks/guide_controls.py gap --labels runs/guide/labels.npz --runs runs/guide runs/seed2 runs/seed3 \
        --size 1000 --instances 20 --time-limit 2

`recall` prints the share of the edges of near-optimal tours, counted from both ends, that are missing from
a node's list of its best 5 to 8 neighbours, and the time for making the lists. `gap` runs the same local
search with every guide and every length of list, in the same time on one core, the guide's preparation
included; the length is chosen on one half of the instances and measured on the other. Time is processor
time of one thread, so that other load on the machine matters little. Reference tours are LKH's where
`elkai` is installed, else those of the local search in ten times the time limit.

The simple guides are nearest neighbours, quadrant neighbours, alpha-nearness, the union of quick tours,
and the edges of the learned guide's sparse graph, ordered either by a logistic model of ten features
fitted to the same labels or by the same network with random weights.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from processor_clock import count_processor_time
from scipy.optimize import minimize

import tsp
from baselines.bounds.guides import AlphaNearness, Distance, Quadrant, TourUnion
from envs.generators import generate_instances
from policies.guide.features import edge_graph
from policies.guide.network import EdgeNetwork, EdgeNetworkConfig, LearnedGuide
from policies.guide.training import read_labels, tour_edges
from tsp.budget import Budget
from tsp.formats import read_solution
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solvers.registry import make
from tsp.statistics import estimate_crossed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TSP = get_problem("tsp")
LENGTHS = (5, 6, 7, 8)
WIDTH = EdgeNetworkConfig().degree
TEN = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12)
"""Columns of the features that the logistic model uses.

Costs from both ends, ranks from both ends, mutual, Delaunay, in trees, reduced cost, gap and detour by a third node.
"""


class Logistic:
    """A guide: the edges of the sparse graph, ordered by a logistic model of ten features."""

    name = "logistic"

    def __init__(self, weights: NDArray[np.float64], neighbours: int) -> None:
        self.weights, self.neighbours = weights, neighbours

    def warm_up(self) -> None:
        """Nothing to do."""

    def candidates(self, problem: object, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        """The neighbour lists `[n, neighbours]` of each instance, best first."""
        found = []
        for instance in instances:
            graph = edge_graph(instance, WIDTH)
            scores = graph.features[:, :, TEN] @ self.weights[:-1].astype(np.float32)
            best = np.argsort(-scores, axis=1, kind="stable")[:, : self.neighbours]
            found.append(np.take_along_axis(graph.neighbours, best, 1))
        return found


def fit_logistic(labels: str, count: int = 1000) -> NDArray[np.float64]:
    """Weights of the ten features and a constant, by maximum likelihood on labelled instances."""
    rows, wanted = [], []
    for label in read_labels(labels)[:count]:
        graph = edge_graph(Instance(coordinates=label.points), WIDTH)
        rows.append(graph.features[:, :, TEN].reshape(-1, len(TEN)))
        wanted.append(tour_edges(graph.neighbours, label.tour).ravel())
    x = np.column_stack([np.concatenate(rows).astype(np.float64), np.ones(sum(map(len, rows)))])
    y = np.concatenate(wanted).astype(np.float64)

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ w
        return float((np.logaddexp(0.0, z) - y * z).mean()), x.T @ (1.0 / (1.0 + np.exp(-z)) - y) / len(y)

    return minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x


class Untrained(LearnedGuide):
    """The learned guide's network with random weights."""

    name = "random weights"

    def _load(self) -> EdgeNetwork:
        if self._network is None:
            torch.manual_seed(1)
            self._network = EdgeNetwork(EdgeNetworkConfig()).eval()
        return self._network


def all_guides(labels: str, runs: Sequence[str]) -> dict[str, Callable[[int], Any]]:
    """Functions by the guide's name that make the guide for a number of neighbours."""
    weights = fit_logistic(labels)
    guides: dict[str, Callable[[int], Any]] = {
        "distance": lambda k: Distance(neighbours=k),
        "quadrant": lambda k: Quadrant(neighbours=k),
        "alpha": lambda k: AlphaNearness(neighbours=k),
        "tour union": lambda k: TourUnion(neighbours=k),
        "random weights": lambda k: Untrained(neighbours=k),
        "logistic": lambda k: Logistic(weights, k),
    }
    for number, run in enumerate(runs or [""], 1):
        path = str(Path(run) / "checkpoint-last.safetensors") if run else None
        guides[f"learned {number}"] = lambda k, path=path: LearnedGuide(path, neighbours=k)
    return guides


def reference_tour(instance: Instance, seconds: float) -> NDArray[np.int64]:
    """A near-optimal tour."""
    try:
        import elkai
    except ModuleNotFoundError:
        solution = make("ls").solve(TSP, [instance], Budget(time_limit=seconds))[0]
        return np.asarray(solution.tours[0])
    scale = 1e6 / instance.distances.max() if not instance.integral else 1.0
    matrix = np.round(instance.distances * scale).astype(int).tolist()
    return np.asarray(elkai.DistanceMatrix(matrix).solve_tsp(runs=1)[:-1])


def tsplib(largest: int) -> list[tuple[Instance, NDArray[np.int64]]]:
    """The TSPLIB instances of 50 to `largest` nodes that have an optimal tour, with that tour."""
    folder = Path(os.environ.get("TSP_DATA") or Path(__file__).parents[2] / "shared" / "data") / "tsplib"
    found = []
    for path in sorted(folder.glob("*.opt.tour")):
        instance = tsp.read(folder / path.name.replace(".opt.tour", ".tsp"))
        if 50 <= instance.size <= largest and instance.fixed_edges is None:
            found.append((instance, read_solution(path, instance)[0]))
    return found


def recall(arguments: argparse.Namespace) -> None:
    """Print the share of good tours' edges that is missing from each guide's lists, and the time for making them."""
    sets: dict[str, list[tuple[Instance, NDArray[np.int64]]]] = {}
    for kind, size, count in (("uniform", 100, 50), ("uniform", 200, 25), ("clusters", 200, 25), ("uniform", 1000, 6)):
        instances = generate_instances("tsp", kind, size, count, arguments.seed)
        sets[f"{kind} {size}"] = [(i, reference_tour(i, 10 * size / 1000)) for i in instances]
    sets["TSPLIB 50-2000"] = tsplib(2000)
    guides = all_guides(arguments.labels, arguments.runs)
    for name, pairs in sets.items():
        print(f"\n{name}, {len(pairs)} instances: % of tour edges missed at k = {LENGTHS}; ms an instance")
        for guide_name, make_guide in guides.items():
            missed, spent = [], []
            make_guide(max(LENGTHS)).candidates(TSP, [pairs[0][0]])
            for k in LENGTHS:  # short lists need not be the beginnings of long ones
                guide, shares = make_guide(k), []
                guide.warm_up()
                for instance, tour in pairs:
                    start = time.process_time()
                    (lists,) = guide.candidates(TSP, [instance])
                    spent.append(time.process_time() - start)
                    shares.append(1.0 - tour_edges(lists.astype(np.int64), tour).sum() / (2 * instance.size))
                missed.append(100 * np.mean(shares))
            print(
                f"  {guide_name:16}" + "".join(f"{m:8.3f}" for m in missed) + f"{1e3 * np.mean(spent):10.1f}",
                flush=True,
            )


def run_guided(guide: Any, solver: Any, instance: Instance, limit: float, seed: int) -> float:  # noqa: ANN401
    """Length of the tour found in `limit` seconds, the guide's own time included."""
    start = time.process_time()
    lists = guide.candidates(TSP, [instance])
    left = max(limit - (time.process_time() - start), 1e-3)
    return float(solver.solve(TSP, [instance], Budget(time_limit=left, seed=seed), candidates=lists)[0].objective)


def gap(arguments: argparse.Namespace) -> None:
    """Print each guide's mean gap at equal time, and the learned guide's difference to each other one."""
    count_processor_time()
    solver = make("ls")
    solver.warm_up(TSP)
    guides = all_guides(arguments.labels, arguments.runs)
    drawn = generate_instances("tsp", arguments.distribution, arguments.size, 2 * arguments.instances, arguments.seed)
    lengths = [i.tour_length(reference_tour(i, 10 * arguments.time_limit)) for i in drawn]
    gaps: dict[tuple[str, int], list[float]] = {}
    made = {(name, k): make_guide(k) for name, make_guide in guides.items() for k in LENGTHS}
    for guide in made.values():
        guide.warm_up()
        guide.candidates(TSP, drawn[:1])
    half = arguments.instances
    for i, (instance, length) in enumerate(zip(drawn, lengths, strict=True)):
        # All guides take turns on each instance, so that the machine's changing load affects all of them equally.
        for (name, k), guide in made.items():
            if i < half or k == chosen_length(gaps, name, half):
                found = run_guided(guide, solver, instance, arguments.time_limit, seed=i)
                gaps.setdefault((name, k), []).append(100 * (found / length - 1))
    print(f"{arguments.distribution} {arguments.size}, {half} instances, {arguments.time_limit:g} s, guide included")
    measured: dict[str, NDArray[np.float64]] = {}
    for name in guides:
        k = chosen_length(gaps, name, half)
        measured[name] = np.array(gaps[name, k][half:])
        tuned = "".join(f"{np.mean(gaps[name, other][:half]):8.3f}" for other in LENGTHS)
        print(f"  {name:16} k = {k}: {measured[name].mean():.4f} %   (tuning, k = 5 to 8:{tuned})")
    learned = np.array([gap for name, gap in measured.items() if name.startswith("learned")])
    others = {name: gap for name, gap in measured.items() if not name.startswith("learned")}
    for name, gap in others.items():
        estimate = estimate_crossed(learned - gap)
        low, high = estimate.interval or (estimate.mean, estimate.mean)
        share = 100 * (1 - learned.mean() / gap.mean())
        print(
            f"  learned - {name:16} {estimate.mean:+.4f} points, 95 % interval {low:+.4f} to {high:+.4f} "
            f"({share:.0f} % less)"
        )


def chosen_length(gaps: dict[tuple[str, int], list[float]], name: str, half: int) -> int:
    """The length of a guide's lists that is best on the tuning half."""
    return min(LENGTHS, key=lambda k: np.mean(gaps[name, k][:half]))


def main() -> None:
    """Run one of the two measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["recall", "gap"])
    parser.add_argument("--labels", required=True, help="labels.npz of `tsp train --guide`, for the logistic model")
    parser.add_argument("--runs", nargs="*", default=[], help="runs of other seeds (default: the shipped guide)")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--distribution", default="uniform")
    parser.add_argument("--instances", type=int, default=16, help="for measuring, and as many for choosing lengths")
    parser.add_argument("--time-limit", type=float, default=2.0, help="seconds an instance")
    parser.add_argument("--seed", type=int, default=4321)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    {"recall": recall, "gap": gap}[arguments.what](arguments)


if __name__ == "__main__":
    main()
