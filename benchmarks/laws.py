"""Laws of durations learned from logs: what they are worth, by days of logs and strength of the features.

Written down before any run:

World: `laws_world.py`. Its law is of no model's family. R² is the share of the variance of log durations that the
features decide: 0, 0.25, 0.5, 0.75. Logs: 3, 10, 30, 100 days under the logging policy (10 % random visits, the visit
under way at the end broken off), and at R² = 0.5 also 300 days, and 10 and 100 days of unselected logs.
Replicates: 20 worlds, `--seed` 1234; the days of a shorter log are the first ones of a longer one. Intervals are over
replicates.

Arms: `pooled`, `group`, `ridge`, `network` of `policies.laws`; gradient boosting of the mean with pooled residuals, and
the weights of a regression forest (Meinshausen 2006), both by scikit-learn with settings chosen on days left out or out
of bag; the oracle, the true law. All arms but `pooled` see the same completed visits in place of broken-off ones.

Measures: (1) the pinball loss in minutes over all levels, exactly against the true law, on 200 new posters; (2) the
prize of 15 new days of 8 posters and 60 minutes, planned optimally under the arm's law and played under the true one,
both exactly (`laws_plan.py`; times in whole minutes); (3) the prize that the arm expects, relative to the realized one.
The share closed is (pooled - arm) / (pooled - oracle), of means over replicates.

Hypotheses: at R² = 0.5 and 100 days `network` closes at least 60 % of the difference of the loss, and of the prize; at
R² = 0 it loses nothing against `pooled` (interval contains zero, or the difference is below 0.5 %). No hypothesis about
`network` against ridge, boosting and forest. One look, after the last replicate.

    nice python benchmarks/laws.py

Finished replicates are kept in `--raw`: a run that was stopped continues. About 20 minutes of one core.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from benchmark_figures import keep_raw, read_raw, with_interval
from laws_plan import plan, value
from laws_world import TRUE_LEVELS, WALK, Posters, World, draw_log, draw_posters, draw_world, true_quantiles
from write_results import RESULTS, measured, save

from policies.laws.law import complete_sample, fit_law, slice_means
from policies.laws.models import folds
from policies.laws.quantiles import LEVELS, Sample, weighted_quantiles
from tsp.statistics import Estimate, estimate_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from laws_world import Array

    from tsp.formats.visit_log import VisitLog

REPLICATES = 20
TESTED = 200
DAYS, SIZE, SESSION = 15, 8, 60
"""New days of a replicate, their posters and minutes."""
TOOLKIT = ("pooled", "group", "ridge", "network")
TREES = 100
RATE = 0.05


class Cell(NamedTuple):
    """Logs of one kind."""

    strength: float
    days: int
    selected: bool


CELLS = [
    *(Cell(strength, days, selected=True) for strength in (0.0, 0.25, 0.5, 0.75) for days in (3, 10, 30, 100)),
    Cell(0.5, 300, selected=True),
    *(Cell(0.5, days, selected=False) for days in (10, 100)),
]


def boosting(sample: Sample, inputs: Array, seed: int) -> Array:
    """The quantiles of gradient boosting of the mean with pooled residuals, on the model's scale."""
    from sklearn.ensemble import GradientBoostingRegressor

    fold = folds(sample.day, seed) % 3
    left = np.zeros((TREES + 1, len(sample.values)))
    for k in np.unique(fold) if fold.any() else ():
        kept, rest = fold != k, fold == k
        left[0, rest] = np.average(sample.values[kept], weights=sample.weights[kept])
        model = _boost(GradientBoostingRegressor, sample, kept, seed)
        left[1:, rest] = np.array(list(model.staged_predict(sample.inputs[rest])))
    errors = (sample.weights * (sample.values - left) ** 2).sum(1)
    steps = int(errors.argmin()) if fold.any() else 0
    mean = float(np.average(sample.values, weights=sample.weights))
    predicted, residuals = np.full(len(inputs), mean), sample.values - (left[steps] if fold.any() else mean)
    if steps:
        model = _boost(GradientBoostingRegressor, sample, np.ones(len(fold), dtype=bool), seed)
        predicted = list(model.staged_predict(inputs))[steps - 1]
    return predicted[:, None] + weighted_quantiles(residuals, sample.weights)


def _boost(kind: Any, sample: Sample, kept: Any, seed: int) -> Any:  # noqa: ANN401 - scikit-learn has no types
    model = kind(n_estimators=TREES, learning_rate=RATE, max_depth=3, min_samples_leaf=5, random_state=seed)
    return model.fit(sample.inputs[kept], sample.values[kept], sample_weight=sample.weights[kept])


def forest(sample: Sample, inputs: Array, seed: int) -> Array:
    """The quantiles of values weighted by a forest, on the model's scale."""
    from sklearn.ensemble import RandomForestRegressor

    best, chosen = -np.inf, None
    for least in (5, 20, 60):
        if 2 * least > len(sample.values) and chosen is not None:
            break
        model = RandomForestRegressor(
            TREES, min_samples_leaf=least, max_features=0.5, oob_score=True, random_state=seed
        )
        model.fit(sample.inputs, sample.values, sample_weight=sample.weights)
        if model.oob_score_ > best:
            best, chosen = model.oob_score_, model
    assert chosen is not None
    of_sample, of_new = chosen.apply(sample.inputs), chosen.apply(inputs)
    weights = np.zeros((len(inputs), len(sample.values)))
    for t in range(TREES):
        same = (of_new[:, t, None] == of_sample[None, :, t]) * sample.weights
        weights += same / same.sum(1, keepdims=True)
    return np.array([weighted_quantiles(sample.values[w > 0], w[w > 0]) for w in weights])


def arms() -> dict[str, Callable[[Sample, Array, int], Array]]:
    """The arms of scikit-learn; none where it is missing."""
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        print("boosting and forest are skipped: scikit-learn is not installed (extra dev)", file=sys.stderr)
        return {}
    return {"boosting": boosting, "forest": forest}


def all_quantiles(log: VisitLog, posters: Posters, world: World, seed: int) -> dict[str, Array]:
    """The quantiles of each arm for posters, in minutes `[R, L]`; the oracle's are at `TRUE_LEVELS`."""
    features, count = posters.features(), len(posters.crowd)
    out = {}
    for name in TOOLKIT:
        out[name] = fit_law(log, name, seed).quantiles(features, count)
    encoder, scale, _, sample = complete_sample(log, seed)
    for name, arm in arms().items():
        out[name] = scale.back(arm(sample, encoder.encode(features, count).inputs, seed))
    return out | {"oracle": true_quantiles(world, posters)}


def loss(quantiles: Array, true: Array) -> float:
    """The mean pinball loss in minutes, over all levels, exactly under the true law."""
    total = 0.0
    for k, level in enumerate(LEVELS):
        error = true - quantiles[:, k, None]
        total += float(np.maximum(level * error, (level - 1) * error).mean())
    return total / len(LEVELS)


def measure(cell: Cell, replicate: int, seed: int) -> dict[str, dict[str, float]]:
    """Each arm's loss, realized prize and expected prize in one replicate."""
    key = [seed, replicate, round(100 * cell.strength)]
    world, fresh = draw_world(cell.strength, np.random.default_rng(key)), np.random.default_rng([*key, 1])
    log = draw_log(world, cell.days, np.random.default_rng([*key, 2 + cell.selected]), selected=cell.selected)
    posters = draw_posters(TESTED + DAYS * SIZE, fresh)
    found = all_quantiles(log, posters, world, replicate)
    true = found["oracle"]
    tested = {name: q[:TESTED] for name, q in found.items()}
    tested["oracle"] = np.array([np.interp(LEVELS, TRUE_LEVELS, q) for q in tested["oracle"]])
    out = {name: {"loss": loss(q, true[:TESTED]), "prize": 0.0, "expected": 0.0} for name, q in tested.items()}
    for d in range(DAYS):
        points = np.vstack([fresh.uniform(size=(SIZE, 2)), [[0.5, 0.5]]])
        walks = np.ceil(WALK * np.linalg.norm(points[:, None] - points, axis=-1)).astype(np.int64)
        prizes = fresh.integers(1, 11, size=SIZE).astype(np.float64)
        rows = slice(TESTED + d * SIZE, TESTED + (d + 1) * SIZE)
        laws = {name: np.rint(slice_means(q[rows])).astype(np.int64) for name, q in found.items()}
        for name, law in laws.items():
            expected, choices = plan(walks, prizes, law, SESSION)
            out[name]["expected"] += expected / DAYS
            out[name]["prize"] += value(walks, prizes, laws["oracle"], SESSION, choices) / DAYS
    return out


def share(arm: Array, pooled: Array, oracle: Array) -> Estimate:
    """The share of the difference between pooled law and oracle that an arm closes, by the delta method."""
    gain, whole = pooled - arm, pooled - oracle
    ratio = float(gain.mean() / whole.mean())
    spread = estimate_mean((gain - ratio * whole) / whole.mean())
    assert spread is not None
    assert spread.interval is not None
    return Estimate(ratio, (ratio + spread.interval[0], ratio + spread.interval[1]))


def percent(estimate: Estimate | None) -> str:
    """A share in percent with its interval."""
    return with_interval(estimate, factor=100, places=1)


def summarize(raw: dict[str, Any]) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The tables by name: columns and rows."""
    closed, nothing = list[list[str]](), list[list[str]]()
    names = list(next(iter(raw.values()))[0])
    for cell in CELLS:
        replicates = raw.get(cell_name(cell), [])
        if len(replicates) < 2:
            continue
        of = {n: {m: np.array([r[n][m] for r in replicates]) for m in ("loss", "prize", "expected")} for n in names}
        about = [f"{cell.strength:g}", "policy" if cell.selected else "unselected", str(cell.days)]
        for name in names:
            arm, pooled, oracle = of[name], of["pooled"], of["oracle"]
            curse = estimate_mean(arm["expected"] / arm["prize"] - 1)
            figures = [f"{arm['loss'].mean():.3f}", f"{arm['prize'].mean():.2f}"]
            if cell.strength == 0:
                relative = [estimate_mean(arm[m] / pooled[m] - 1) for m in ("loss", "prize")]
                shown = ["–", "–"] if name == "pooled" else list(map(percent, relative))
                nothing.append([*about[1:], name, *figures, *shown, percent(curse)])
            else:
                shown = [percent(share(arm[m], pooled[m], oracle[m])) for m in ("loss", "prize")]
                shown = ["–", "–"] if name in ("pooled", "oracle") else shown
                closed.append([*about, name, *figures, *shown, percent(curse)])
    figures = ["loss, min", "prize"]
    return {
        "laws": (
            [
                "R²",
                "logs",
                "days",
                "law",
                *figures,
                "of the loss closed %",
                "of the prize closed %",
                "expected prize %",
            ],
            closed,
        ),
        "laws-without-signal": (
            ["logs", "days", "law", *figures, "loss against pooled %", "prize against pooled %", "expected prize %"],
            nothing,
        ),
    }


def compare_shares(raw: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The short table: the share of the loss that each arm closes, by logs."""
    cells = [cell for cell in CELLS if cell.strength > 0 and len(raw.get(cell_name(cell), [])) > 1 and cell.days >= 10]
    columns, rows = ["R²", "logs", "days"], list[list[str]]()
    for cell in cells:
        replicates = raw[cell_name(cell)]
        of = {name: np.array([r[name]["loss"] for r in replicates]) for name in replicates[0]}
        names = [name for name in of if name not in ("pooled", "oracle")]
        columns[3:] = names
        shown = [percent(share(of[name], of["pooled"], of["oracle"])) for name in names]
        rows.append([f"{cell.strength:g}", "policy" if cell.selected else "unselected", str(cell.days), *shown])
    return columns, rows


TITLES = {
    "laws-closed": "Share of the loss closed, in %: 0 is the pooled law, 100 the true one",
    "laws": "Learned laws of durations, by the strength of the features and the days of logs",
    "laws-without-signal": "Learned laws where the features say nothing (R² = 0)",
}
NOTE = (
    "Loss: mean pinball loss in minutes against the true law, 200 new posters. Prize: of 15 new days of 8 posters and "
    "60 minutes, planned with the law and played under the true one, exactly. Closed: share of the difference between "
    "the pooled law and the oracle (the true law). Expected prize: what the plan expects, relative to the prize. "
    "{} replicates of the world and the logs, 95 % intervals over them."
)


def cell_name(cell: Cell) -> str:
    """The key of a cell in the raw file."""
    return f"{cell.strength:g}/{cell.days}/{'policy' if cell.selected else 'unselected'}"


def replicate_all(
    cells: list[Cell], measure: Callable[[Cell, int, int], Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    """The figures of each replicate of each cell, on one thread; those that `--raw` has are not measured again."""
    torch.set_num_threads(1)
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    raw = read_raw(arguments.raw)
    for replicate in range(arguments.replicates):
        for cell in cells:
            done = raw.setdefault(cell_name(cell), [])
            if len(done) == replicate:
                done.append(measure(cell, replicate, arguments.seed))
                keep_raw(arguments.raw, raw)
        print(f"replicate {replicate + 1} of {arguments.replicates}", file=sys.stderr, flush=True)
    return raw


def main() -> None:
    """Measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--raw", type=Path, default=Path("runs/laws.json"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    raw = replicate_all(CELLS, measure, arguments)
    tables = {"laws-closed": compare_shares(raw), **summarize(raw)}
    for name, (columns, rows) in tables.items():
        note, command = NOTE.format(arguments.replicates), "python " + shlex.join(sys.argv)
        save(measured(name, TITLES[name], columns, rows, note, command), arguments.out)
        print("\n".join(" | ".join(row) for row in [columns, *rows]))


if __name__ == "__main__":
    main()
