import numpy as np
import pytest
from comparisons import FixedAnswers, run
from figures import texts

from tsp.plotting.pairs import difference_figure, scatter_figure

CROSSED, SHORT = [0, 2, 1, 3], [0, 1, 2, 3]


def test_each_instance_is_a_dot_by_the_two_objectives():
    comparison = run(FixedAnswers("best", [SHORT] * 3), FixedAnswers("other", [SHORT, CROSSED, None]))
    (axes,) = scatter_figure(comparison, 1.0).axes
    dots = axes.collections[0].get_offsets()
    objectives = [row.solutions[1].objective for row in comparison.rows]
    assert len(dots) == 2
    assert dots[1].tolist() == objectives
    assert axes.get_title() == "other"


def test_differences_are_in_order_and_in_percentage_points():
    comparison = run(FixedAnswers("best", [SHORT] * 2), FixedAnswers("other", [CROSSED, SHORT]))
    figure = difference_figure(comparison, 1.0)
    line = next(line for line in figure.axes[0].lines if line.get_label() == "other")
    expected = comparison.gaps_by_instance(comparison.rows[1])
    assert line.get_ydata() == pytest.approx(100 * np.sort(expected))
    assert "best" in texts(figure)[0]


def test_solvers_without_an_instance_in_common_are_refused():
    with pytest.raises(ValueError, match="no two solvers answered the same instance"):
        scatter_figure(run(FixedAnswers("best", [SHORT])), 1.0)
    with pytest.raises(ValueError, match="no solver answered any instance"):
        difference_figure(run(FixedAnswers("best", [None])), 1.0)
