"""Planners of sessions under uncertainty: against the optimal policy, and against each other at equal time.

    python benchmarks/online.py optimal
    python benchmarks/online.py tune
    python benchmarks/online.py compare --seconds 0.1 --halls 200
    python benchmarks/online.py tables

Every solver decides step by step, with a time limit for each decision in processor time on one thread, and all meet the
same days. `tune` chooses the buffer of certainty equivalence on other halls. Finished days are kept in `--raw`: a run
that was stopped continues. `tables` writes `benchmarks/results/online-*.json` from them.
"""

from __future__ import annotations

import argparse
import functools
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

from baselines.online.program import Program
from baselines.online.sessions import sessions_of
from envs.generators import generate_set
from tsp.composition import problem_of
from tsp.instance import Underway
from tsp.laws import draw_day, with_known
from tsp.solution import check, session_end
from tsp.solvers.protocol import Request, solve_request
from tsp.solvers.registry import make

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from online_instances import whole_session

if TYPE_CHECKING:
    from tsp.instance import Instance, Realization
    from tsp.solvers import Solver

BLOCK = 5
"""Days that every solver plays before the next ones, so that other load on the machine affects all equally."""
BUFFERS = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.8)
TUNING_SEED, SEED = 4242, 15
TUNING_HALLS, TUNING_SECONDS = 40, 0.003


class Case(NamedTuple):
    """Sessions: the problem, posters, visits that are made in one, and its length.

    `length` is a multiple of the mean time of a visit and the way to the nearest poster; chosen on other halls.
    """

    problem: str
    size: int
    visits: int
    length: float


CASES = (
    Case("opst", 20, 8, 13.8),
    Case("opst", 20, 15, 24.1),
    Case("opst", 50, 8, 16.5),
    Case("opst", 50, 15, 26.7),
    Case("opst", 50, 30, 46.6),
    Case("opq", 20, 8, 16.5),
    Case("opq", 20, 15, 27.5),
    Case("opq", 50, 8, 18.5),
    Case("opq", 50, 15, 30.0),
)
QUEUES = tuple(case for case in CASES if case.problem == "opq")


@functools.cache
def sessions(case: Case, halls: int, seed: int) -> list[tuple[Instance, Realization]]:
    """The sessions of a case, each in a hall of its own."""
    instances, days = generate_set(case.problem, "hall", case.size, halls, seed)
    assert days is not None
    out: list[tuple[Instance, Realization]] = []
    for instance, day in zip(instances, days, strict=True):
        s = sessions_of(problem_of(instance), instance)
        stay = (np.where(np.isfinite(s.waits), s.waits, 0.0).mean(1) + s.service.mean(1))[1:].mean()
        way = (s.distances + np.diag(np.full(len(s.latest), np.inf)))[1:, 1:].min(1).mean()
        out.append((replace(instance, max_length=case.length * float(stay + way)), day))
    return out


def play(
    solver: Solver, instance: Instance, day: Realization, seconds: float, program: Program | None = None
) -> tuple[float, float, int, float]:
    """One day: the prize, the sum of what decisions lose against the program, visits, and seconds a decision."""
    problem = problem_of(instance)
    visited, plan, now, lost, used, decisions = list[int](), list[int](), 0.0, 0.0, 0.0, 0
    while True:
        begun = replace(instance, underway=Underway(tuple(visited), elapsed=now)) if visited else instance
        known = with_known(begun, day, visited)
        initial = [check(problem, known, [[0, *visited, *plan]])]
        started = time.process_time()
        found = solve_request(solver, Request(problem, [known], [seconds], initial=initial))[0]
        used, decisions = used + time.process_time() - started, decisions + 1
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


def against_optimal(arguments: argparse.Namespace) -> None:
    """The mean share of the optimal policy's prize that each solver loses."""
    rows: list[list[str]] = []
    for name in ("opst", "opq"):
        for windows in (False, True):
            losses: dict[str, list[float]] = {spec: [] for spec in arguments.solvers}
            for seed in range(arguments.instances):
                instance = whole_session(name, seed, arguments.size, 20, windows=windows)
                problem = problem_of(instance)
                program = Program(sessions_of(problem, instance), 0, range(1, arguments.size + 1))
                best = program.departure([], 0, 0)
                for spec in arguments.solvers:
                    solver = make(spec)
                    solver.warm_up(problem)
                    days = [draw_day(instance, 1000 * seed + day) for day in range(arguments.days)]
                    lost = [play(solver, instance, day, arguments.seconds, program)[1] for day in days]
                    losses[spec].append(100 * float(np.mean(lost)) / best)
            for spec, lost in losses.items():
                row = [name + (" with windows" if windows else ""), spec, f"{np.mean(lost):.2f}", f"{max(lost):.1f}"]
                print(row, flush=True)
                rows.append(row)
    table = measured(
        "online-optimal",
        f"Planners of sessions against the optimal policy, {arguments.size} nodes",
        ["problem", "solver", "below optimal %", "worst instance %"],
        rows,
        f"{arguments.instances} instances of whole-number times, {arguments.days} days of each, "
        f"{1000 * arguments.seconds:g} ms of processor time a decision. What each decision loses is taken from the "
        "optimal values, so that the luck of the days does not count.",
        COMMANDS["online-optimal"],
    )
    save(table)


def tune(arguments: argparse.Namespace) -> None:
    """Choose the buffer of certainty equivalence for each case, on halls of their own."""
    raw = read_raw(arguments.raw)
    for case in CASES:
        key = f"buffer {case}"
        if key in raw or case.problem not in arguments.problem.split(","):
            continue
        means = {}
        days = sessions(case, TUNING_HALLS, TUNING_SEED)
        for buffer in BUFFERS:
            solver = make(f"means(buffer={buffer})")
            solver.warm_up(problem_of(days[0][0]))
            means[buffer] = float(np.mean([play(solver, *day, TUNING_SECONDS)[0] for day in days]))
        raw = read_raw(arguments.raw) | {key: max(means, key=lambda one: means[one])}
        print(case, means, flush=True)
        keep_raw(arguments.raw, raw)


def compare(arguments: argparse.Namespace) -> None:
    """Play every case with each solver, and keep the prizes, the visits and the seconds a decision."""
    raw = read_raw(arguments.raw)
    for first in range(0, arguments.halls, BLOCK):
        for case in CASES:
            if case.problem not in arguments.problem.split(","):
                continue
            days = None
            for spec in arguments.solvers:
                spec = spec.replace("TUNED", str(raw[f"buffer {case}"]))
                done = raw.setdefault(key_of(case, arguments.seconds, spec), [])
                if len(done) > first:
                    continue
                days = days or sessions(case, arguments.halls, SEED)[first : first + BLOCK]
                solver = make(spec)
                solver.warm_up(problem_of(days[0][0]))
                for day in days:
                    prize, _, visits, used = play(solver, *day, arguments.seconds)
                    done.append([prize, visits, used])
                keep_raw(arguments.raw, raw)
    tables(arguments)


def key_of(case: Case, seconds: float, spec: str) -> str:
    """The key of a case, a time limit and a solver in the raw figures."""
    return json.dumps([*case, seconds, spec])


def tables(arguments: argparse.Namespace) -> None:
    """Write the tables: each solver's prize, and the difference from the first solver of its case and time."""
    found: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(dict)
    for key, days in read_raw(arguments.raw).items():
        if not key.startswith("buffer"):
            *case, seconds, spec = json.loads(key)
            found[seconds, *case][spec] = np.array(days)
    rows: list[list[str]] = []
    for (seconds, problem, size, *_), arms in sorted(found.items(), key=lambda item: item[0]):
        reference = arms.get(REFERENCE)
        if reference is None:
            continue
        for spec, days in arms.items():
            count = min(len(days), len(reference))
            if count < LEAST_HALLS:
                continue
            gain = 100 * (reference[:count, 0] - days[:count, 0]) / reference[:count, 0].mean()
            difference = "–" if spec == REFERENCE else mean_of(gain)
            visits = f"{days[:count, 1].mean():.1f}"
            cells = [problem, str(size), visits, f"{1000 * seconds:g}", spec, str(count)]
            rows.append([*cells, f"{days[:count, 0].mean():.3f}", difference])
            print(" | ".join(rows[-1]))
    table = measured(
        "online-times",
        "Planners of sessions at equal time a decision",
        ["problem", "nodes", "visits", "ms a decision", "solver", "halls", "prize", f"below `{REFERENCE}` % (95 %)"],
        rows,
        "Each session is in a hall of its own, with its own day; durations vary by a factor of 0.8 (standard deviation "
        "by mean). All solvers of a row's problem, nodes and time meet the same days; differences are paired, and "
        f"positive where the row's solver collects less. The buffer was chosen among {', '.join(map(str, BUFFERS))} on "
        f"{TUNING_HALLS} other halls for each length of session. The time is processor time on one thread.",
        COMMANDS["online-times"],
    )
    save(table)


REFERENCE = "session-recourse"
LEAST_HALLS = 20
"""Fewer halls than these are not shown."""


COMMANDS = {
    "online-optimal": "python benchmarks/online.py optimal --seconds 0.02 --days 2",
    "online-times": "python benchmarks/online.py tune --problem opst\n"
    "for seconds in 0.001 0.003 0.01 0.1; do\n"
    "    python benchmarks/online.py compare --problem opst --seconds $seconds --halls 200\n"
    "done",
}


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("optimal", "tune", "compare", "tables"))
    parser.add_argument("--solvers", help="separated by semicolons; TUNED stands for the tuned buffer")
    parser.add_argument("--problem", default="opst,opq", help="of `tune` and `compare`")
    parser.add_argument("--instances", type=int, default=24, help="of `optimal`")
    parser.add_argument("--days", type=int, default=4, help="of `optimal`, for each instance")
    parser.add_argument("--size", type=int, default=8, help="of `optimal`")
    parser.add_argument("--halls", type=int, default=200, help="of `compare`")
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--raw", type=Path, default=Path("runs/online.json"), help="every day so far")
    arguments = parser.parse_args()
    default = "session-recourse;means" if arguments.what == "optimal" else "session-recourse;means(buffer=TUNED)"
    arguments.solvers = (arguments.solvers or default).split(";")
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    count_processor_time()
    {"optimal": against_optimal, "tune": tune, "compare": compare, "tables": tables}[arguments.what](arguments)


if __name__ == "__main__":
    main()
