r"""Gap against time of learned, classical and hybrid solvers of the TSP: tables and one picture.

Uniform instances: the first of Kool et al.'s sets (seed 1234) of each size. Gaps are to LKH's lengths
(`optimal_lengths.npz`) up to 1,000 nodes. Above, the optimum is estimated from the Held-Karp bound of a
long ascent: it lies 0.7 % above it on average (measured on the instances of 1,000 nodes, and printed).

    python benchmarks/augmentation.py --size 100 --instances 60 --time-limits 0.02 0.04 0.1 0.2 --out n100.json
    python benchmarks/augmentation.py --size 1000 --instances 8 --time-limits 0.2 0.5 1.4 2 --out n1000.json \
        --solvers ls "ls(candidates=quadrant)" "ls(candidates=alpha)" guided-ls 2opt ortools lkh
    python benchmarks/augmentation.py --size 10000 --instances 1 --time-limits 45 \
        --solvers ls "ls(candidates=alpha)" guided-ls
    python benchmarks/augmentation.py --draw docs/images/augmentation.png   # from benchmarks/results/
"""

from __future__ import annotations

import argparse
import json
import re
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

RESULTS = Path(__file__).with_name("results")
LENGTHS = Path(__file__).with_name("optimal_lengths.npz")
QUICK = "policy(starts=1, augmentations=1)+ls"
SOLVERS = ("ls", "ls(candidates=quadrant)", "ls(candidates=alpha)", "guided-ls", QUICK, "2opt", "ortools", "lkh")
LINES = ("ls", "ls(candidates=alpha)", "guided-ls", QUICK, "ortools", "lkh")
"""The solvers of the picture; all are in the tables."""
DRAWN = (100, 1000)
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


def stored_gaps(path: Path) -> dict[str, list[tuple[float, float, float, float]]]:
    """Seconds, mean gap and its interval, in %, of each solver of a table in `benchmarks/results/`."""
    content = json.loads(path.read_text())
    limits = [float(column.removesuffix(" s")) for column in content["columns"][1:]]
    number = r"(-?[\d.]+)"
    cell = re.compile(rf"{number} \({number} to {number}\)(?:, in {number} s)?")
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for solver, *cells in content["rows"]:
        for limit, text in zip(limits, cells, strict=True):
            if match := cell.fullmatch(text):
                mean, low, high, used = match.groups()
                point = (float(used or limit), float(mean), float(low), float(high))
                found.setdefault(solver.strip("`"), []).append(point)
    return found


def draw(picture: Path) -> None:
    """Draw the solvers of `LINES`, one panel a size."""
    from matplotlib.ticker import LogLocator, NullLocator

    from tsp.plotting import line_style, save_figure
    from tsp.plotting.canvas import FADED, INK, make_canvas

    figure, whole = make_canvas(
        8.0, 4.6, "plain TSP: gap to the optimum", "mean and 95 % interval · 60 and 8 instances · one core"
    )
    place = whole.get_position()
    whole.remove()
    for k, size in enumerate(DRAWN):
        left = place.x0 + 0.07 + 0.49 * k
        axes = figure.add_axes((left, place.y0 + 0.23 * place.height, 0.4, 0.72 * place.height))
        found = stored_gaps(RESULTS / f"tsp-uniform-{size}.json")
        for j, name in enumerate(LINES):
            look, points = line_style(j), np.array(found.get(name, np.empty((0, 4))))
            seconds, means, lows, highs = points.T
            axes.fill_between(seconds, lows, highs, color=look.color, alpha=0.15, linewidth=0)
            axes.plot(seconds, means, **look._asdict(), markersize=5, label=name, clip_on=False)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yscale("symlog", linthresh=0.01)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(0, 10)
        axes.margins(x=0.08)
        axes.set_title(f"{size:,} nodes", fontsize=10, color=INK, loc="left")
        axes.set_xlabel("seconds for each instance", color=FADED, fontsize=9)
        axes.tick_params(labelsize=9, colors=FADED, labelcolor=INK, length=0, pad=6, which="both")
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.axes[0].set_ylabel("gap, %", color=FADED, fontsize=9)
    figure.legend(lines, names, loc="lower center", ncols=3, labelcolor=INK, frameon=False, fontsize=9)
    save_figure(figure, picture, force=True)


def main() -> None:
    """Run one size, or draw what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--time-limits", type=float, nargs="+", default=[0.04, 0.2])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS))
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--draw", type=Path, help="picture to draw from the results, instead of measuring")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.draw)
    else:
        run(arguments)


if __name__ == "__main__":
    main()
