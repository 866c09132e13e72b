import re

import pytest
from comparisons import FixedAnswers, numbered, run
from fake_solvers import AROUND, LONG, TSP

from tsp.comparison import compare
from tsp.instance import Underway
from tsp.problems import Objective, Problem, Shape
from tsp.solvers import Chain


def test_the_settings_that_a_solver_describes_are_notes_of_the_comparison_also_within_a_chain():
    class Tuned(FixedAnswers):
        def describe(self, problem, size, time_limit):
            return f"{self.name}: {problem.name}, {size} nodes, {time_limit:g} s: GUIDED_LOCAL_SEARCH"

    tuned = Tuned("tuned", [AROUND])
    comparison = run(FixedAnswers("a", [AROUND]), Chain([tuned]), instances=numbered(1), limits=(1.0, 2.0))
    lines = [f"tuned: tsp, 4 nodes, {limit} s: GUIDED_LOCAL_SEARCH" for limit in (1, 2)]
    assert list(comparison.notes)[:2] == lines
    assert "\n".join(lines) in comparison.table()
    assert re.fullmatch(r"Imports, .* not charged: a \d+\.\d s, tuned \d+\.\d s\.", comparison.notes[2])


def test_compare_refuses_bad_input_before_any_solver_runs():
    a = FixedAnswers("a", [AROUND])
    for arguments, sentence in [
        (([], [a], [1.0]), "at least one instance"),
        ((numbered(1), [], [1.0]), "one solver"),
        ((numbered(1), [a], []), "one time limit"),
        ((numbered(1), [a, FixedAnswers("a", [LONG])], [1.0]), "solver 'a' is given twice"),
        ((numbered(1), [a], [1.0, -1.0]), "time limit: -1"),
        ((numbered(1, fixed_edges=[[0, 1]], underway=Underway((1,))), [a], [1.0]), "fixes 1 edge"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            compare(TSP, *arguments)
    with pytest.raises(ValueError, match="solver 'a' does not support problem 'none'"):
        compare(Problem("none", "", "", Shape.CYCLE, (), Objective(("length",))), numbered(1), [a], [1.0])
    assert a.log == []
