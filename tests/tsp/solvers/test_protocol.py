import copy
import os
from pathlib import Path

import numpy as np
import pytest
from fake_solvers import AROUND, RECTANGLE, TSP, Batch, OneByOne

from tsp.budget import Budget
from tsp.instance import Instance
from tsp.solution import check
from tsp.solvers import Chain, Solver, require_support


def test_both_kinds_of_solver_and_chains_keep_the_protocol():
    assert isinstance(Batch("a", AROUND), Solver)
    assert isinstance(OneByOne(), Solver)
    assert isinstance(Chain([OneByOne()]), Solver)


def test_an_unsupported_problem_is_refused_by_name():
    with pytest.raises(ValueError, match="solver 'a' does not support problem 'tsp'"):
        require_support(Batch("a", AROUND, problems=("op",)), TSP)


def test_each_instance_has_its_own_clock_seed_initial_and_candidates():
    solver = OneByOne()
    good, bad = check(TSP, RECTANGLE, [AROUND]), check(TSP, RECTANGLE, [[0]])
    near = [np.array([[1]] * 4), np.array([[2]] * 4)]
    solver.solve(TSP, [RECTANGLE] * 2, Budget(3.0, seed=10), initial=[good, bad], candidates=near)
    assert solver.seen == [(3.0, 10, good, near[0]), (3.0, 11, None, near[1])]


def test_answers_and_reports_carry_name_and_time():
    reports = []
    (answer,) = OneByOne().solve(TSP, [RECTANGLE], Budget(), report=lambda i, s: reports.append((i, s)))
    ((index, reported),) = reports
    assert (index, reported.solver, answer.solver) == (0, "one-by-one", "one-by-one")
    assert 0 < reported.seconds <= answer.seconds


def test_processes_give_the_same_answers_in_order_and_a_dead_one_is_an_error(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    solver = OneByOne()
    instances = [Instance(np.random.default_rng(n).random((n, 2))) for n in (5, 3, 4)]
    reported = []
    answers = solver.solve(TSP, instances, Budget(threads=2), report=lambda i, s: reported.append(i))
    expected = solver.solve(TSP, instances, Budget())
    assert [a.objective for a in answers] == [e.objective for e in expected]
    assert all(a.bound != os.getpid() and a.solver == "one-by-one" for a in answers)
    assert sorted(reported) == [0, 1, 2]
    assert copy.deepcopy(solver).name == "one-by-one"  # the processes do not hinder it
    with pytest.raises(ValueError, match="too small"):
        solver.solve(TSP, [RECTANGLE, Instance([[0, 0]])], Budget(threads=2))
    with pytest.raises(OSError, match="solver 'one-by-one': a worker process ended unexpectedly"):
        solver.solve(TSP, [Instance([[0, 0], [1, 1]])] * 2, Budget(threads=2))
