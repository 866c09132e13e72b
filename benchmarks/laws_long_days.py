"""Learned laws on days of 20 posters, planned by search: what `laws.py` measures exactly on days of 8.

Written down before any run: the world, the logs, the arms and the replicates are those of `laws.py`, at R² = 0.5 with
30 and 100 days of logs under the logging policy. A replicate has 15 new days of 20 posters and 90 minutes, each with
twelve draws of the real durations from the true law, the same for all arms. Each day is played by `session-recourse`
with a fixed number of steps under the arm's law, planned again after each visit. Hypothesis: at 100 days `network`
closes at least 60 % of the difference of the prize between the pooled law and the oracle, as on days of 8. One look.

    nice python benchmarks/laws_long_days.py

Finished replicates are kept in `--raw`: a run that was stopped continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from laws import Cell, all_quantiles, cell_name, percent, replicate_all, share
from laws_world import POSTERS, SESSION, WALK, draw_log, draw_posters, draw_world, true_quantiles
from write_results import measured, save

from baselines.online.recourse import SessionRecourse
from baselines.online.sessions import position_of, sessions_of
from policies.laws.law import slice_means
from tsp.budget import Budget, Clock
from tsp.instance import Instance, Realization
from tsp.problems import get_problem
from tsp.solvers.online import play
from tsp.statistics import estimate_mean

CELLS = [Cell(0.5, days, selected=True) for days in (30, 100)]
REPLICATES, DAYS, DRAWS = 20, 15, 12
STEPS = 1000
"""Steps of the search for a decision."""


def measure(cell: Cell, replicate: int, seed: int) -> dict[str, dict[str, float]]:
    """Each arm's realized and expected prize in one replicate, as means of its days."""
    key = [seed, replicate, round(100 * cell.strength)]
    world, fresh = draw_world(cell.strength, np.random.default_rng(key)), np.random.default_rng([*key, 4])
    log = draw_log(world, cell.days, np.random.default_rng([*key, 2 + cell.selected]), selected=cell.selected)
    posters = draw_posters(DAYS * POSTERS, fresh)
    found = all_quantiles(log, posters, world, replicate)
    true = true_quantiles(world, posters)
    problem, solver = get_problem("opst"), SessionRecourse(steps=STEPS)
    budget = Budget(time_limit=1e6, threads=1, seed=0, decision_time=1e3)
    out = {name: {"prize": 0.0, "expected": 0.0} for name in found}
    for d in range(DAYS):
        rows = slice(d * POSTERS, (d + 1) * POSTERS)
        points = WALK * np.vstack([[[0.5, 0.5]], fresh.uniform(size=(POSTERS, 2))])
        prizes = np.append(0.0, fresh.integers(1, 11, size=POSTERS))
        drawn = [true[rows][np.arange(POSTERS), fresh.integers(true.shape[1], size=POSTERS)] for _ in range(DRAWS)]
        for name, quantiles in found.items():
            law = slice_means(quantiles[rows])
            law = np.vstack([np.zeros((1, law.shape[1])), law])
            day = Instance(
                coordinates=points, problem="opst", prizes=prizes, law_service_times=law, max_length=float(SESSION)
            )
            position = position_of(problem, day)
            first = solver.decide(sessions_of(problem, day), position, [], Clock(1e3), 0)
            out[name]["expected"] += first.value / DAYS
            for real in drawn:
                made = play(solver, problem, day, Realization(service_times=np.append(0.0, real)), budget)
                assert made.objective is not None
                out[name]["prize"] += made.objective / (DAYS * DRAWS)
    return out


def summarize(raw: dict[str, Any]) -> list[list[str]]:
    """The rows of the table."""
    rows: list[list[str]] = []
    for cell in CELLS:
        replicates = raw[cell_name(cell)]
        of = {n: {m: np.array([r[n][m] for r in replicates]) for m in ("prize", "expected")} for n in replicates[0]}
        for name, arm in of.items():
            closed = "–"
            if name not in ("pooled", "oracle"):
                closed = percent(share(arm["prize"], of["pooled"]["prize"], of["oracle"]["prize"]))
            curse = percent(estimate_mean(arm["expected"] / arm["prize"] - 1))
            rows.append([str(cell.days), name, f"{arm['prize'].mean():.2f}", closed, curse])
    return rows


def main() -> None:
    """Measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--raw", type=Path, default=Path("runs/laws-long-days.json"))
    arguments = parser.parse_args()
    rows = summarize(replicate_all(CELLS, measure, arguments))
    table = measured(
        "laws-long-days",
        "Learned laws on days of 20 posters, planned by search",
        ["days", "law", "prize", "of the prize closed %", "expected prize %"],
        rows,
        f"R² = 0.5. {arguments.replicates} replicates of the world and the logs, each with {DAYS} new days of "
        f"{POSTERS} posters and {SESSION:g} minutes and {DRAWS} draws of each day's real durations. Closed: share of "
        "the difference between the pooled law and the oracle (the true law). Expected prize: what the first plan "
        "expects, relative to the prize. 95 % intervals over replicates.",
        "python benchmarks/laws_long_days.py",
    )
    save(table)
    print("\n".join(" | ".join(row) for row in rows))


if __name__ == "__main__":
    main()
