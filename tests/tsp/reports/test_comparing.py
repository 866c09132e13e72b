from comparisons import FixedAnswers, run

from tsp.reports import comparison_report
from tsp.reports.page import LARGEST

CROSSED, SHORT = [0, 2, 1, 3], [0, 1, 2, 3]


def test_a_report_has_the_tables_the_worst_instances_and_how_it_was_run():
    good = FixedAnswers("good", [SHORT] * 3)
    bad = FixedAnswers("bad", [SHORT, CROSSED, SHORT])
    comparison = run(good, bad, specs={"good": "ls(kicks=50)"})
    html = comparison_report(comparison, {"command": "tsp compare --seed 1"})
    assert len(html.encode()) < LARGEST
    for text in (*comparison.verdicts(), "Worst instance 1: 1", "ls(kicks=50)", "tsp compare --seed 1", "Python"):
        assert text in html
    assert "Paired differences" in html
    assert html.count("<svg") >= 3 + 2 * 3


def test_a_report_of_one_solver_or_without_answers_has_no_differences():
    for tours in ([SHORT], [None]):
        html = comparison_report(run(FixedAnswers("alone", tours)), {})
        assert "Paired differences" not in html
        assert "alone" in html


def test_the_first_instances_of_many_are_listed():
    html = comparison_report(run(FixedAnswers("a", [SHORT] * 201), FixedAnswers("b", [SHORT] * 201)), {})
    assert "The first 200 of 201 instances." in html
