"""Planners of sessions under uncertainty: against the optimal policy, and against each other at equal time.

    python benchmarks/online.py optimal --instances 24 --days 4
    python benchmarks/online.py compare --problem opst --size 20 --halls 60 --lengths 2

Every solver decides step by step (`tsp.solvers`), with a time limit for each decision, and all meet the same days.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from baselines.online.program import Program
from baselines.online.sessions import sessions_of
from envs.generators import generate, to_instances
from tsp.composition import problem_of
from tsp.instance import Underway
from tsp.laws import with_known
from tsp.solution import check, session_end
from tsp.solvers.protocol import Request, solve_request
from tsp.solvers.registry import make

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from online_instances import drawn_day, whole_session

if TYPE_CHECKING:
    from tsp.instance import Instance, Realization
    from tsp.solvers import Solver

RESULTS = Path(__file__).parent / "results"


def play(
    solver: Solver, instance: Instance, day: Realization, seconds: float, program: Program | None = None
) -> tuple[float, float, int, float]:
    """One day: the prize, the sum of what decisions lose against the program, visits, and seconds a decision."""
    problem = problem_of(instance)
    visited, plan, now, lost, used, decisions = list[int](), list[int](), 0.0, 0.0, 0.0, 0
    while True:
        known = with_known(instance, day, visited)
        if visited:
            known = replace(known, underway=Underway(tuple(visited), elapsed=now))
        initial = [check(problem, known, [[0, *visited, *plan]])]
        started = time.perf_counter()
        found = solve_request(solver, Request(problem, [known], [seconds], initial=initial))[0]
        used, decisions = used + time.perf_counter() - started, decisions + 1
        if found.feasible:
            plan = found.tours[0].tolist()[1 + len(visited) :]
        if program is not None:
            lost += _loss(program, known, visited, now, plan[0] if plan else None)
        if not plan:
            break
        visited.append(plan.pop(0))
        now = session_end(problem, instance, [0, *visited], day)
    made = check(problem, instance, [[0, *visited]], realization=day)
    assert made.objective is not None
    visits = sum(a == b for a, b in zip(visited[1:], visited[:-1], strict=True)) if problem.may_stay else len(visited)
    return made.objective, lost, visits, used / decisions


def _loss(program: Program, known: Instance, visited: list[int], now: float, following: int | None) -> float:
    """What a decision loses against the optimal one."""
    here = visited[-1] if visited else 0
    gone, s = visited, program.sessions
    leaving = program.departure(gone, here, now)
    taken = 0.0 if following is None else -1.0
    undecided = s.sees and visited and (len(visited) < 2 or visited[-2] != here)
    best = leaving
    if undecided:
        assert known.law_waits is not None
        assert known.law_prizes is not None
        begin = max(now + known.law_waits[here, 0], s.opens[here])
        over = begin + s.service[here, 0]
        if begin <= s.closes[here] and over <= s.latest[here]:
            staying = known.law_prizes[here, 0] + program.departure(gone, here, over)
        else:
            staying = program.departure(gone, here, max(now, min(s.latest[here], s.closes[here])))
        best = max(best, staying)
        if following == here:
            return best - staying
    if following is not None:
        taken = program.going(gone, here, now, following)
    return best - taken


def against_optimal(solvers: list[str], instances: int, days: int, size: int, seconds: float) -> None:
    """The mean share of the optimal policy's prize that each solver loses."""
    rows = []
    for name in ("opst", "opq"):
        for windows in (False, True):
            losses = {spec: [] for spec in solvers}
            for seed in range(instances):
                instance = whole_session(name, seed, size, 20, windows=windows)
                program = Program(sessions_of(problem_of(instance), instance), 0, range(1, size + 1))
                best = program.departure([], 0, 0)
                for spec in solvers:
                    solver = make(spec)
                    solver.warm_up(problem_of(instance))
                    lost = [
                        play(solver, instance, drawn_day(instance, 1000 * seed + day), seconds, program)[1]
                        for day in range(days)
                    ]
                    losses[spec].append(100 * float(np.mean(lost)) / best)
            for spec, lost in losses.items():
                row = {"problem": name, "windows": windows, "solver": spec, "size": size, "seconds": seconds}
                row |= {"instances": instances, "days": days, "below": float(np.mean(lost)), "worst": max(lost)}
                print(row, flush=True)
                rows.append(row)
            (RESULTS / "online-optimal.json").write_text(json.dumps(rows, indent=1) + "\n")


def compare(problem: str, solvers: list[str], size: int, halls: int, lengths: list[float], seconds: float) -> None:
    """The mean prize of each solver on the same days, and the difference of the first from each other one."""
    rows = []
    for length in lengths:
        batch = generate(problem, "uniform", halls, size, torch.Generator().manual_seed(15))
        instances, days = to_instances(problem, batch, "day")
        assert days is not None
        prizes, visits, times = ({spec: [] for spec in solvers} for _ in range(3))
        for instance, day in zip(instances, days, strict=True):
            session = replace(instance, max_length=length)
            for spec in solvers:
                solver = make(spec)
                solver.warm_up(problem_of(session))
                prize, _, made, used = play(solver, session, day, seconds)
                for column, value in zip((prizes, visits, times), (prize, made, used), strict=True):
                    column[spec].append(value)
        reference = np.array(prizes[solvers[0]])
        for spec in solvers:
            gain = 100 * (reference - np.array(prizes[spec])) / reference.mean()
            row = {"problem": problem, "size": size, "length": length, "halls": halls, "seconds": seconds}
            row |= {"solver": spec, "prize": float(np.mean(prizes[spec])), "visits": float(np.mean(visits[spec]))}
            row |= {"below_first": float(gain.mean()), "error": float(1.96 * gain.std(ddof=1) / halls**0.5)}
            row["used"] = float(np.mean(times[spec]))
            print(row, flush=True)
            rows.append(row)
    path = RESULTS / f"online-{problem}-{size}-{1000 * seconds:g}ms.json"
    path.write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("optimal", "compare"))
    parser.add_argument("--problem", default="opst")
    parser.add_argument("--solvers", default="session-recourse;means")
    parser.add_argument("--instances", type=int, default=24)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--halls", type=int, default=20)
    parser.add_argument("--lengths", default="2")
    parser.add_argument("--seconds", type=float, default=0.1)
    args = parser.parse_args()
    solvers = args.solvers.split(";")
    if args.what == "optimal":
        against_optimal(solvers, args.instances, args.days, args.size, args.seconds)
    else:
        compare(args.problem, solvers, args.size, args.halls, [float(x) for x in args.lengths.split(",")], args.seconds)


if __name__ == "__main__":
    main()
