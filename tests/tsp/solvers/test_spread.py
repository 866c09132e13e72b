"""A solver whose instances are spread over workers gives the answers that it gives alone."""

import numpy as np
import pytest
from inline_workers import InlineWorkers

from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.shortcuts import compare
from tsp.solvers.protocol import Request, solve_request
from tsp.solvers.registry import make
from tsp.solvers.spread import SpreadSolver, prepare_worker

TSP = get_problem("tsp")
INSTANCES = [Instance(points) for points in np.random.default_rng(3).random((11, 7, 2))]
MATRIX = Instance(matrix=np.random.default_rng(4).random((5, 5)))


def request(instances, **options):
    return Request(TSP, instances, [1.0] * len(instances), **options)


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_answers_do_not_depend_on_the_workers(count):
    spread = SpreadSolver("ls(kicks=2)", "cpu", InlineWorkers(count))
    given = request([*INSTANCES, MATRIX], seed=9)
    found, expected = solve_request(spread, given), solve_request(make("ls(kicks=2)"), given)
    assert [one.objective for one in found] == [one.objective for one in expected]
    assert {one.solver for one in found} == {"ls(kicks=2)"}


def test_each_answer_is_reported_at_its_place():
    reported = {}
    spread = SpreadSolver("nearest", "cpu", InlineWorkers(2))
    found = solve_request(spread, request(INSTANCES, report=reported.__setitem__))
    assert [reported[i].objective for i in range(len(INSTANCES))] == [one.objective for one in found]


def test_a_spread_solver_is_what_its_solver_is():
    spread, alone = SpreadSolver("insertion+2opt", "cpu", InlineWorkers()), make("insertion+2opt")
    assert spread.name == alone.name
    for name in ("tsp", "op"):
        assert spread.supports(get_problem(name)) == alone.supports(get_problem(name))
    assert SpreadSolver("nearest", "cpu", InlineWorkers()).one_shot
    assert not SpreadSolver("nearest", "cpu", InlineWorkers()).uses_initial
    assert SpreadSolver("bound", "cpu", InlineWorkers()).share == 0.1


def test_a_worker_refuses_a_solver_that_does_not_exist():
    with pytest.raises(ValueError, match="unknown solver 'neerest'"):
        prepare_worker(["neerest"], "cpu", TSP)


def test_a_comparison_by_two_processes_has_the_rows_of_one():
    solvers = ["nearest", "ls(kicks=2)"]
    spread, alone = (compare(INSTANCES, solvers, time_limit=1.0, workers=count) for count in (2, None))
    for ours, theirs in zip(spread.rows, alone.rows, strict=True):
        assert (ours.solver, ours.mean_objective, ours.gaps) == (theirs.solver, theirs.mean_objective, theirs.gaps)
    assert any("spread over 2 worker(s)" in note for note in spread.notes)
