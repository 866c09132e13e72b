from dataclasses import replace

import pytest
from comparisons import INFEASIBLE, FixedAnswers, run
from fake_solvers import AROUND, LONG


def test_compare_checks_every_answer_again():
    class WrongObjective(FixedAnswers):
        def solve(self, *arguments, **options):
            return [replace(answer, objective=1.0, feasible=True) for answer in super().solve(*arguments, **options)]

    (row,) = run(WrongObjective("wrong", [LONG, INFEASIBLE])).rows
    assert (row.mean_objective, row.feasible) == (18, 1)


def test_solvers_take_turns_in_a_rotating_order_over_all_instances():
    log = []
    a, b = FixedAnswers("a", [AROUND] * 20, log=log), FixedAnswers("b", [AROUND] * 20, log=log)
    run(a, b, limits=(1.0, 2.0), threads=2, seed=100)
    warm, turns = log[:2], log[2:]
    assert [(name, budget.time_limit) for name, budget, _ in warm] == [("a", 0.05), ("b", 0.05)]
    arms = [(name, budget.time_limit) for name, budget, _ in turns]
    cycle = [("a", 1.0), ("b", 1.0), ("a", 2.0), ("b", 2.0)]
    assert arms[:12] == cycle + cycle[1:] + cycle[:1] + cycle[2:] + cycle[:2]
    for arm in cycle:
        mine = [(budget, nodes) for (name, budget, nodes) in turns if (name, budget.time_limit) == arm]
        assert [i for _, nodes in mine for i in nodes] == list(range(20))
        assert all(budget.threads == 2 and budget.seed == 100 for budget, _ in mine)


def test_a_one_shot_solver_runs_once_on_all_instances_and_has_a_row_under_every_limit():
    once, timed = FixedAnswers("once", [AROUND] * 9, one_shot=True), FixedAnswers("timed", [LONG] * 9)
    comparison = run(once, timed, limits=(1.0, 2.0))
    assert [nodes for _, _, nodes in once.log[1:]] == [list(range(9))]
    assert [(row.time_limit, row.solver) for row in comparison.rows] == [
        (1.0, "once"), (1.0, "timed"), (2.0, "once"), (2.0, "timed")
    ]  # fmt: skip
    assert comparison.rows[0].instances_per_second == comparison.rows[2].instances_per_second


def test_progress_counts_the_answers_of_every_solver_under_every_limit():
    seen = []
    once, timed = FixedAnswers("once", [AROUND] * 9, one_shot=True), FixedAnswers("timed", [LONG] * 9)
    run(once, timed, limits=(1.0, 2.0), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (9, 27)
    assert seen[-1] == (27, 27)
    assert seen == sorted(seen)


def test_compare_refuses_a_solver_that_returns_too_few_answers():
    class TooFewAnswers(FixedAnswers):
        def solve(self, *arguments, **options):
            return super().solve(*arguments, **options)[1:]

    with pytest.raises(ValueError, match="solver 'few' returned 0 answers, expected 1"):
        run(TooFewAnswers("few", [AROUND]))
