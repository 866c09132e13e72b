import numpy as np
import pytest
from comparisons import INFEASIBLE, FixedAnswers, numbered, run
from fake_solvers import AROUND, LONG, SHORT

from tsp.comparison import compare
from tsp.instance import Instance
from tsp.problems import Objective, Problem, Shape, VisitOnce, get_problem
from tsp.solution import check

LONGEST = Problem("longest", "", "", Shape.CYCLE, (VisitOnce(),), Objective(("length",), "max"))


def test_compare_gives_the_means_gaps_wins_and_differences_computed_by_hand():
    a, b = FixedAnswers("a", [AROUND, LONG, AROUND]), FixedAnswers("b", [SHORT, SHORT, AROUND], seconds=0.25)
    comparison = run(a, b)
    first, second = comparison.rows
    assert comparison.reference == "best found"  # 14, 16, 14
    assert first.mean_objective == pytest.approx((14 + 18 + 14) / 3)
    assert first.gaps == pytest.approx((0, 2 / 16, 0))
    assert first.mean_gap.mean == pytest.approx(2 / 16 / 3)
    spread = 4.302652729911275 * np.std([0, 0.125, 0], ddof=1) / 3**0.5  # Student's t, 2 degrees of freedom
    assert first.mean_gap.interval == pytest.approx((0.125 / 3 - spread, 0.125 / 3 + spread))
    assert second.mean_gap.mean == pytest.approx(2 / 14 / 3)
    assert (first.wins, second.wins) == (2, 2)
    assert first.difference["b"].mean == pytest.approx((-2 / 16 + 2 / 16 + 0) / 3)
    assert second.difference["a"].mean == pytest.approx((2 / 14 - 2 / 18 + 0) / 3)
    assert (first.seconds_per_instance, second.seconds_per_instance) == (0.5, 0.25)
    assert first.instances_per_second > 0
    assert (first.instances, first.feasible, first.compared, first.no_answer) == (3, 3, 3, 0)


def test_compare_counts_objectives_that_differ_by_rounding_as_a_tie():
    tour = list(range(40))
    back = [0, *tour[:0:-1]]
    for seed in range(50):
        instance = Instance(np.random.default_rng(seed).random((40, 2)))
        rows = run(FixedAnswers("a", [tour]), FixedAnswers("b", [back]), instances=[instance]).rows
        assert [row.wins for row in rows] == [1, 1]
        assert rows[0].difference["b"].mean == rows[0].mean_gap.mean == 0
        if rows[0].mean_objective != rows[1].mean_objective:
            return
    pytest.fail("no sum depended on its order: the test shows nothing")


def test_compare_prefers_the_larger_value_of_an_objective_to_maximize():
    a, b = run(FixedAnswers("a", [LONG, LONG]), FixedAnswers("b", [AROUND, SHORT]), problem=LONGEST).rows
    assert (a.wins, b.wins) == (2, 0)
    assert a.mean_gap.mean == 0
    assert b.gaps == pytest.approx((4 / 18, 2 / 18))
    assert a.difference["b"].mean < 0 < b.difference["a"].mean


def test_compare_counts_missing_and_infeasible_answers_and_averages_over_the_instances_that_all_answered():
    a = FixedAnswers("a", [AROUND, LONG, AROUND, SHORT])
    b = FixedAnswers("b", [None, AROUND, INFEASIBLE, AROUND])
    first, second = run(a, b).rows
    assert (first.feasible, second.feasible) == (4, 2)
    assert (first.no_answer, second.no_answer) == (0, 1)
    assert (first.compared, second.compared) == (2, 2)
    assert (first.mean_objective, second.mean_objective) == ((18 + 16) / 2, 14)
    assert (first.wins, second.wins) == (2, 2)  # an instance that no other solver answered counts as a win
    assert first.difference["b"].mean == pytest.approx((4 + 2) / 14 / 2)
    assert "b answered only 2 of 4" in run(a, b).verdicts()[0]


def test_compare_counts_a_feasible_solution_without_tours_as_an_answer():
    class AtHome(FixedAnswers):
        def supports(self, problem):
            return True

        def solve(self, problem, instances, budget, **_):
            return [check(problem, instance, [], solver=self.name) for instance in instances]

    around = Instance(np.eye(3), prizes=np.ones(3), max_length=0.1, num_tours=2)
    (row,) = compare(get_problem("top"), [around], [AtHome("a", [])], [1.0]).rows
    assert (row.feasible, row.no_answer) == (1, 0)


def test_a_solver_that_never_answers_does_not_change_the_rows_of_the_others():
    a, b, c = run(FixedAnswers("a", [AROUND]), FixedAnswers("b", [None]), FixedAnswers("c", [LONG])).rows
    assert (b.feasible, b.compared, b.mean_objective, b.mean_gap, b.wins) == (0, 0, None, None, 0)
    assert (a.compared, a.mean_gap.mean, c.mean_gap.mean) == (1, 0, 4 / 14)
    assert b.difference == {"a": None, "c": None}
    assert a.difference["b"] is None


def test_a_paired_difference_is_over_the_instances_that_both_solvers_answered():
    a, b = FixedAnswers("a", [LONG, SHORT, AROUND]), FixedAnswers("b", [AROUND] * 3)
    comparison = run(a, b, FixedAnswers("c", [AROUND, None, None]))
    first, second, third = comparison.rows
    assert first.difference["b"].mean == pytest.approx((4 + 2) / 14 / 3)
    assert third.difference["a"].mean == pytest.approx(-4 / 18)
    assert (first.compared, first.mean_gap.mean) == (1, 4 / 14)
    assert "b and c are level" in comparison.verdicts()[0]
    assert "c answered only 1 of 3" in comparison.verdicts()[0]
    assert second.wins == 3


def test_gaps_are_to_proved_optima_else_best_known_else_best_found_objectives():
    known = numbered(2, best_known=10.0)
    tours = [AROUND, SHORT]
    assert run(FixedAnswers("a", tours)).reference == "best found"
    assert run(FixedAnswers("a", tours), instances=[known[0], *numbered(2)[1:]]).reference == "best found"
    comparison = run(FixedAnswers("a", tours), instances=known)
    assert comparison.reference == "best known"
    assert comparison.rows[0].gaps == pytest.approx((0.4, 0.6))
    proved = run(FixedAnswers("a", [AROUND, AROUND], bound=14.0), FixedAnswers("b", tours), instances=known)
    assert proved.reference == "proved optimal"
    assert (proved.rows[0].proved, proved.rows[1].proved) == (2, 0)
    assert run(FixedAnswers("a", tours, bound=14.0), instances=known).reference == "best known"  # only one is proved


def test_the_bound_of_one_solver_proves_the_answer_of_another():
    solvers = FixedAnswers("a", [SHORT], bound=14.0), FixedAnswers("b", [AROUND]), FixedAnswers("c", [LONG], bound=10.0)
    assert run(*solvers).reference == "proved optimal"


def test_the_best_found_objective_is_over_all_time_limits():
    class Patient(FixedAnswers):
        def solve(self, problem, instances, budget, **options):
            self.tours = [AROUND if budget.time_limit > 1 else LONG] * 2
            return super().solve(problem, instances, budget, **options)

    short, long = run(Patient("a", [LONG, LONG]), limits=(2.0, 1.0)).rows
    assert (short.time_limit, long.time_limit) == (1.0, 2.0)
    assert (short.mean_gap.mean, long.mean_gap.mean) == (4 / 14, 0)


@pytest.mark.parametrize(("seconds", "late"), [(1.0, 0), (1.14, 0), (1.16, 3)])
def test_an_answer_notably_after_the_limit_is_an_overrun(seconds, late):
    comparison = run(FixedAnswers("a", [AROUND] * 3, seconds=seconds))
    assert comparison.rows[0].overruns == late
    assert ("a was late on 3 of 3" in comparison.verdicts()[0]) is bool(late)
