from comparisons import INFEASIBLE, FixedAnswers, run
from fake_solvers import AROUND, LONG, SHORT


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
