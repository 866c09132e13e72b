"""Verdict sentences and tables."""

from comparisons import INFEASIBLE, FixedAnswers, run
from fake_solvers import AROUND, LONG, SHORT

from tsp.comparison.report import verdict
from tsp.comparison.rows import Row
from tsp.statistics import Estimate


def test_the_verdict_says_that_no_solver_answered():
    comparison = run(FixedAnswers("a", [None]), FixedAnswers("b", [INFEASIBLE]))
    assert comparison.verdicts() == ["At 1 s nothing was answered."]
    assert "0/1" in comparison.table()


def test_the_verdict_names_the_winner_and_how_much_worse_the_others_are():
    policy, classic = FixedAnswers("policy", [SHORT, LONG, SHORT, LONG]), FixedAnswers("ortools", [AROUND] * 4)
    (sentence,) = run(policy, classic).verdicts()
    assert sentence.startswith("At 1 s ortools wins (0.50 s an instance); policy is 21.429 % [")
    assert sentence in run(policy, classic).table()


def test_the_verdict_claims_no_win_from_chance_one_instance_or_a_tie():
    (sentence,) = run(FixedAnswers("a", [AROUND, AROUND, SHORT]), FixedAnswers("b", [AROUND, SHORT, AROUND])).verdicts()
    assert "leads, but not significantly ahead of" in sentence
    (sentence,) = run(FixedAnswers("a", [AROUND]), FixedAnswers("b", [SHORT])).verdicts()
    assert "a is ahead, but one instance allows no conclusion" in sentence
    (sentence,) = run(FixedAnswers("a", [AROUND, SHORT]), FixedAnswers("b", [AROUND, SHORT])).verdicts()
    assert "a and b are level" in sentence
    (sentence,) = run(FixedAnswers("a", [AROUND, SHORT])).verdicts()
    assert "a has no opponent" in sentence


def test_the_table_of_a_comparison_holds_every_row_and_every_pair_once():
    solvers = [
        FixedAnswers("a", [AROUND, LONG]),
        FixedAnswers("b", [SHORT, SHORT]),
        FixedAnswers("c(x=1, y=2)", [LONG, SHORT]),
    ]
    head, rows, pairs, _ = run(*solvers).table().split("\n\n")
    assert head == "tsp, 2 instances, 1 thread, gap to the best found"
    assert len(rows.splitlines()) == 1 + 3
    assert [line.split()[2] for line in pairs.splitlines()[2:]] == ["a", "a", "b"]
    for line in rows.splitlines()[1:]:
        assert line.index("2/2") == rows.splitlines()[1].index("2/2")


def row(solver, gap, differences):
    estimates = {name: Estimate(mean, (mean - 0.1, mean + 0.1)) for name, mean in differences.items()}
    return Row(solver, 1.0, 9, 9, 0, 9, 1.0, Estimate(gap, None), 0, estimates, 0, 0.5, 1.0, 0, 0.0, (gap,) * 9)


def test_of_two_solvers_each_of_which_is_better_than_the_other_in_the_mean_the_one_of_the_smaller_gap_leads():
    """Means of relative differences of prizes can say so."""
    sentence = verdict([row("a", 0.07, {"b": -0.01}), row("b", 0.03, {"a": -0.08})])
    assert sentence.startswith("At 1 s b leads, but not significantly ahead of a (")
    assert "a is 1.000 % [-9.000, 11.000] better in the paired mean (0.50 s)" in sentence
    assert "worse" not in sentence
