r"""Gap against time of learned, classical and hybrid solvers of the TSP: tables and one picture.

Uniform instances: the first of Kool et al.'s sets (seed 1234) of each size. Gaps are to LKH's lengths
(`optimal_lengths.npz`) up to 1,000 nodes. Above, the optimum is estimated from the Held-Karp bound of a
long ascent: it lies 0.7 % above it on average (measured on the instances of 1,000 nodes, and printed).

    python benchmarks/augmentation.py --size 100 --instances 60 --time-limits 0.02 0.04 0.1 0.2 --out n100.json
    python benchmarks/augmentation.py --size 1000 --instances 8 --time-limits 0.2 0.5 1.4 2 --out n1000.json \
        --solvers ls "ls(candidates=quadrant)" "ls(candidates=alpha)" guided-ls 2opt ortools lkh
    python benchmarks/augmentation.py --size 10000 --instances 1 --time-limits 45 \
        --solvers ls "ls(candidates=alpha)" guided-ls
    python benchmarks/augmentation.py --draw docs/images/augmentation.png n100.json n1000.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from baselines.bounds.bounds import length_bound
from envs.kool_sets import generate_tsp
from tsp.budget import Clock
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.shortcuts import compare

LENGTHS = Path(__file__).with_name("optimal_lengths.npz")
QUICK = "policy(starts=1, augmentations=1)+ls"
SOLVERS = ("ls", "ls(candidates=quadrant)", "ls(candidates=alpha)", "guided-ls", QUICK, "2opt", "ortools", "lkh")
ABOVE_BOUND = 0.0070
"""The share by which optimal tours of uniform points are longer than the Held-Karp bound."""
ASCENT = 60.0


def held_karp(instance: Instance) -> float:
    """The Held-Karp bound, nearly converged."""
    bound = length_bound(get_problem("tsp"), instance, Clock(ASCENT))
    assert bound is not None
    return bound


def instances_of(size: int, count: int) -> list[Instance]:
    """Instances with their best known lengths."""
    found = [Instance(points, name=f"uniform-{size}-{i}") for i, points in enumerate(generate_tsp(count, size))]
    with np.load(LENGTHS) as table:
        known = table.get(f"tsp{size}", np.empty(0))
    if len(known) >= count:
        return [replace(one, best_known=float(length)) for one, length in zip(found, known, strict=False)]
    return [replace(one, best_known=held_karp(one) * (1 + ABOVE_BOUND)) for one in tqdm(found, desc="Held-Karp")]


def run(arguments: argparse.Namespace) -> None:
    """Compare on one size and keep the rows."""
    warnings.simplefilter("ignore", UserWarning)
    instances = instances_of(arguments.size, arguments.instances)
    if arguments.size == 1000:
        ratio = np.mean([(one.best_known or 0.0) / held_karp(one) for one in instances[:2]])
        print(f"LKH's lengths are {100 * (ratio - 1):.2f} % above the Held-Karp bound")
    with tqdm(disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = compare(instances, arguments.solvers, time_limit=arguments.time_limits, progress=progress)
    print(found.table())
    for verdict in found.verdicts():
        print(verdict)
    rows = [row.to_json() for row in found.rows]
    medians = [float(np.median(row.gaps)) if row.gaps else None for row in found.rows]
    if arguments.out is not None:
        facts = {"size": arguments.size, "instances": arguments.instances, "rows": rows, "median_gaps": medians}
        arguments.out.write_text(json.dumps(facts, indent=1) + "\n")


def draw(picture: Path, files: list[Path]) -> None:
    """One panel a size."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    results = sorted((json.loads(path.read_text()) for path in files), key=lambda one: one["size"])
    figure = Figure(figsize=(5.0 * len(results), 4.8), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(results)))
    names = list(dict.fromkeys(row["solver"] for one in results for row in one["rows"]))
    for axes, one in zip(panels, results, strict=True):
        for k, name in enumerate(names):
            rows = [row for row in one["rows"] if row["solver"] == name and row["mean_gap"] is not None]
            if not rows:
                continue
            seconds = np.array([row["seconds_per_instance"] for row in rows])
            means = 100 * np.array([row["mean_gap"] for row in rows])
            color = f"C{k}"
            if np.ptp(seconds) == 0:
                axes.plot(seconds[:1], means[:1], "D", color=color, label=name)
                continue
            bands = 100 * np.array([row["gap_interval"] or [row["mean_gap"]] * 2 for row in rows])
            axes.fill_between(seconds, bands[:, 0], bands[:, 1], color=color, alpha=0.15, linewidth=0)
            axes.plot(seconds, means, "o-", color=color, markersize=4, label=name)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yscale("symlog", linthresh=0.01)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=-0.003)
        axes.grid(color="#e5e7eb")
        axes.set_title(f"n = {one['size']:,}, {one['instances']} instances, one core")
        axes.set_xlabel("seconds used for each instance")
    panels[0].set_ylabel("gap to the optimum, % (mean, 95 % interval)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(picture, dpi=150)


def main() -> None:
    """Run one size, or draw what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--time-limits", type=float, nargs="+", default=[0.04, 0.2])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS))
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--draw", type=Path, help="picture to draw from the files named")
    parser.add_argument("files", type=Path, nargs="*")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.draw, arguments.files)
    else:
        run(arguments)


if __name__ == "__main__":
    main()
