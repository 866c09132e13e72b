import copy
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_solvers import AROUND, RECTANGLE, TSP, FixedTour, OneByOne

from tsp.budget import Budget, Clock
from tsp.comparison import compare
from tsp.instance import LARGEST_MATRIX, Instance
from tsp.problems import MaxVisits, Shape, get_problem
from tsp.solution import check
from tsp.solvers import (
    Chain,
    InstanceSolver,
    Request,
    Solver,
    Task,
    description_of,
    is_one_shot,
    next_probabilities,
    refusal_of,
    require_support,
    share_of,
    uses_initial,
)
from tsp.solvers.guided import Guided
from tsp.underway import as_cycle


def test_batch_solvers_instance_solvers_and_chains_implement_the_protocol():
    assert isinstance(FixedTour("a", AROUND), Solver)
    assert isinstance(OneByOne(), Solver)
    assert isinstance(Chain([OneByOne()]), Solver)


def test_an_unsupported_problem_is_refused_by_name():
    with pytest.raises(ValueError, match="solver 'a' does not support problem 'tsp'"):
        require_support(FixedTour("a", AROUND, problems=("op",)), TSP)


def test_each_instance_has_its_own_clock_seed_initial_and_candidates():
    solver = OneByOne()
    good, bad = check(TSP, RECTANGLE, [AROUND]), check(TSP, RECTANGLE, [[0]])
    near = [np.array([[1]] * 4), np.array([[2]] * 4)]
    instances = [RECTANGLE, replace(RECTANGLE, metric="EUC_2D")]
    solver.solve(TSP, instances, Budget(3.0, seed=10), initial=[good, bad], candidates=near)
    first, second = Request(TSP, instances, [3.0] * 2, seed=10).seed_at(0), solver.seen[1][1]
    assert solver.seen == [(3.0, first, good, near[0]), (3.0, second, None, near[1])]
    assert first != second


def test_answers_and_reports_carry_name_and_time():
    reports = []
    (answer,) = OneByOne().solve(TSP, [RECTANGLE], Budget(), report=lambda i, s: reports.append((i, s)))
    ((index, reported),) = reports
    assert (index, reported.solver, answer.solver) == (0, "one-by-one", "one-by-one")
    assert 0 < reported.seconds <= answer.seconds


def test_processes_give_the_same_answers_in_order_and_one_that_dies_is_an_error(monkeypatch):
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


class Minimal:
    """A solver from another package, with the required members alone."""

    name = "minimal"

    def supports(self, problem):
        return True

    def warm_up(self, problem):
        pass

    def solve(self, problem, instances, budget, *, initial=None, candidates=None, report=None):
        return [check(problem, instance, [range(instance.size)], solver=self.name) for instance in instances]


class Predictor(OneByOne):
    """A solver with every optional member."""

    one_shot = True
    uses_initial = False
    share = 0.25

    def describe(self, problem, size, time_limit):
        return f"{size} nodes in {time_limit:g} s"

    def next_probabilities(self, problem, instance):
        return np.full(instance.size, 1 / instance.size)


def optional_members(solver):
    probabilities = next_probabilities(solver, TSP, RECTANGLE)
    return (
        is_one_shot(solver),
        uses_initial(solver),
        share_of(solver),
        description_of(solver, TSP, 4, 1.5),
        None if probabilities is None else probabilities.tolist(),
    )


@pytest.mark.parametrize("solver", [Minimal(), OneByOne(), Chain([Minimal()])])
def test_optional_members_have_defaults_in_a_base_class_and_in_a_solver_without_them(solver):
    assert optional_members(solver) == (False, True, None, None, None)


def test_optional_members_of_a_solver_replace_the_defaults():
    assert optional_members(Predictor()) == (True, False, 0.25, "4 nodes in 1.5 s", [0.25] * 4)


def test_a_chain_uses_an_initial_solution_if_a_stage_that_is_no_mere_complement_does():
    bound = Predictor()
    bound.uses_initial = True
    assert uses_initial(Chain([Predictor(), Minimal()]))
    assert not uses_initial(Chain([Predictor()]))
    assert not uses_initial(Chain([Predictor(), bound]))


def test_a_solver_with_the_required_members_alone_can_be_used_wherever_a_solver_can():
    minimal = Minimal()
    assert isinstance(minimal, Solver)
    assert Chain([minimal, OneByOne()]).solve(TSP, [RECTANGLE], Budget())[0].objective == 14
    assert Guided(AllPairs(), minimal).solve(TSP, [RECTANGLE], Budget())[0].objective == 14
    compared = compare(TSP, [RECTANGLE], [minimal, OneByOne()], [0.1])
    assert [row.solver for row in compared.rows] == ["minimal", "one-by-one"]
    assert all(row.mean_objective == 14 for row in compared.rows)


class AllPairs:
    """A guide that lists every node."""

    name = "all-pairs"

    def warm_up(self):
        pass

    def candidates(self, problem, instances):
        return [np.tile(np.arange(instance.size), (instance.size, 1)) for instance in instances]


class InOrder(InstanceSolver):
    """Visits the customers in the order of the file, and remembers the instances that it sees."""

    name = "in-order"

    def __init__(self, keeps):
        self.keeps_free_ends, self.seen = keeps, []

    def supports(self, problem):
        return True

    def solve_one(self, task):
        self.seen.append(task.instance)
        return check(task.problem, task.instance, [range(task.instance.size)])


@pytest.mark.parametrize("keeps", [False, True])
def test_a_solver_sees_a_free_end_if_it_keeps_one_and_its_answer_is_checked_with_it(keeps):
    instance, solver = replace(RECTANGLE, free_end=True, num_tours=1), InOrder(keeps)
    (answer,) = solver.solve(get_problem("mtsp"), [instance], Budget(5.0))
    assert answer.objective == pytest.approx(instance.path_length(range(4)))
    assert [seen.free_end for seen in solver.seen] == [keeps]


def test_more_nodes_with_a_free_end_than_fit_into_the_time_are_refused_by_a_solver_that_does_not_keep_one():
    line = np.column_stack([np.arange(LARGEST_MATRIX + 1), np.zeros(LARGEST_MATRIX + 1)])
    mtsp, seen = get_problem("mtsp"), []
    for points, sentence in ((line[:5000], "5000 nodes: in-order needs about 1 s"), (line, "solves at most 15000")):
        instance = Instance(points, free_end=True, num_tours=2)
        assert sentence in refusal_of(InOrder(False), mtsp, instance, 0.5)
        assert refusal_of(InOrder(True), mtsp, instance, 0.5) is None
        (answer,) = InOrder(False).solve(mtsp, [instance], Budget(0.5))
        seen.append(answer)
        start = check(mtsp, instance, [range(len(points))], seconds=7.0)
        (kept,) = InOrder(False).solve(mtsp, [instance], Budget(0.5), initial=[start])
        assert (kept.objective, kept.seconds) == (start.objective, 0.0)
    assert not any(answer.feasible for answer in seen)


def test_a_request_gives_each_task_its_own_instance_limit_seed_start_and_report():
    good, bad = check(TSP, RECTANGLE, [AROUND]), check(TSP, RECTANGLE, [[0]])
    other, near, seen = Instance([[0, 0], [1, 1], [0, 1]]), [np.array([[1]] * 3), np.array([[2]] * 4)], []
    request = Request(
        TSP,
        [other, RECTANGLE, RECTANGLE],
        [1.0, 2.0, 3.0],
        seed=7,
        initial=[bad, bad, good],
        candidates=[near[0], near[1], near[1]],
        report=lambda i, solution: seen.append((i, solution)),
    )
    task = request.select([2, 0]).task(0)
    assert (task.instance, task.clock.limit, task.seed) == (RECTANGLE, 3.0, request.seed_at(2))
    assert task.initial is good
    assert task.candidates is near[1]
    task.report(good)
    assert seen == [(2, good)]  # the position in the whole request
    assert request.task(1).initial is None


def test_the_seed_of_an_instance_follows_from_its_content_and_the_users_seed_and_not_from_its_place():
    moved = replace(RECTANGLE, coordinates=RECTANGLE.coordinates + 1.0)
    named = replace(RECTANGLE, name="again", names=tuple("abcd"))
    seeds = [Request(TSP, [RECTANGLE, moved, named], [1.0] * 3, seed=7).seed_at(i) for i in range(3)]
    assert seeds[0] == seeds[2] != seeds[1]
    assert Request(TSP, [moved], [1.0], seed=7).seed_at(0) == seeds[1]
    assert Request(TSP, [RECTANGLE], [1.0], seed=8).seed_at(0) not in seeds
    assert all(0 <= Request(TSP, [RECTANGLE], [1.0], seed=seed).seed_at(0) < 2**64 for seed in (-1, 0, 10**30))


def test_a_reduced_task_starts_from_the_reduced_solution_and_reports_the_expanded_one():
    problem, instance = get_problem("shpp"), Instance([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], end=3)
    start, seen = check(problem, instance, [[0, 4, 1, 2, 3]]), []
    task = Task(problem, instance, Clock(1.0), initial=start, candidates=np.zeros((5, 1), int), report=seen.append)
    reduced = as_cycle(problem, instance)[1]
    inner = task.reduced(reduced)
    assert (inner.problem.shape, inner.instance.size, inner.candidates) == (Shape.CYCLE, 4, None)
    assert inner.initial.objective == start.objective
    inner.report(inner.initial)
    assert seen[0].tours[0].tolist() == [0, 4, 1, 2, 3]
    assert task.reduced(replace_problem(reduced)).initial is None


def replace_problem(reduced):
    """The same reduced instance under a rule that no tour keeps."""
    return replace(reduced, problem=replace(reduced.problem, rules=(*reduced.problem.rules, MaxVisits(1))))
