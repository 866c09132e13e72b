import numpy as np
import pytest
from figures import checked, full_instance, random_instance, texts

from tsp.plotting import TourMap, plot_tour, tour_color
from tsp.plotting.canvas import MOST_NAMES
from tsp.plotting.footnote import LINE, MOST_LISTED, Mark, footnote_height


def test_several_tours_have_a_legend_with_their_totals():
    figure = plot_tour(full_instance("cvrp"), checked(full_instance("cvrp"), [[0, 1, 2, 3], [0, 4], [0, 5, 6]]))
    listed = [text for text in texts(figure) if text.startswith("tour ")]
    assert len(set(listed)) == 3
    assert "2 stops" in next(text for text in listed if text.startswith("tour 2 "))
    assert "load 5.5 of 50" in next(text for text in listed if text.startswith("tour 2 "))
    one = plot_tour(full_instance("cvrp"), checked(full_instance("cvrp"), [range(7)]))
    assert not any(text.startswith("tour ") for text in texts(one))


def test_tours_beyond_the_colors_are_counted_below_the_legend():
    n = MOST_LISTED + 4
    instance = full_instance("cvrp", n=n, capacity=100.0, demands=np.ones(n))
    figure = plot_tour(instance, checked(instance, [[0, k] for k in range(1, n)]))
    assert any("and 3 more tours, in the same colors again" in text for text in texts(figure))
    colors = [line.get_color() for line in figure.axes[0].lines]
    assert len(set(colors[:MOST_LISTED])) == MOST_LISTED
    assert colors[MOST_LISTED] == colors[0] == tour_color(0)


@pytest.mark.parametrize(
    ("n", "said"), [(MOST_NAMES + 1, f"names are written for up to {MOST_NAMES} nodes"), (60, "names find no room")]
)
def test_names_that_are_not_written_are_counted_in_the_footnote(n, said):
    instance = random_instance(n, names=tuple(f"a rather long name {k}" for k in range(n)))
    assert any(said in text for text in texts(plot_tour(instance)))


def test_names_that_are_all_written_need_no_remark():
    instance = random_instance(3, names=("a", "b", "c"))
    assert not any("names" in text for text in texts(plot_tour(instance)))


def test_a_long_footnote_has_several_lines_and_none_runs_over_the_edge():
    marks = [Mark("●", "black", "start")]
    assert footnote_height(marks, ["short"], 8.0) == LINE
    assert footnote_height(marks, ["a long remark " * 5] * 3, 8.0) == 3 * LINE
    assert footnote_height([], [], 8.0) == 0


def test_a_remark_that_begins_a_line_has_no_dot_before_it():
    plan = checked(full_instance("cvrp"), [[0, 1, 2, 3], [0, 4, 5, 6]])
    for width, expected in ((8.0, "· the largest dot"), (3.0, "the largest dot")):
        figure = TourMap(full_instance("cvrp"), plan, with_details=False, width=width).figure
        assert any(text.startswith(expected) for text in texts(figure))
