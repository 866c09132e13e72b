import numpy as np

from tsp.instance import Instance
from tsp.plotting import plot_tour
from tsp.solution import Outlook, Solution

DAY = Instance([[0, 0], [1, 0], [2, 0]], names=["in", "A", "B"], max_length=9.0, problem="op", prizes=[0, 1, 1])


def solution(order):
    arrivals = np.sort(np.random.default_rng(0).uniform(1, 5, (len(order), 5)), 1)
    outlook = Outlook(1, order, 1.5, np.linspace(1.0, 0.4, len(order)), arrivals, 2)
    return Solution((np.array([0, *order]),), 2.0, True, outlook=outlook)


def test_each_node_of_a_plan_has_a_row_with_its_times_and_its_share():
    plan = solution((1, 2))
    figure = plot_tour(DAY, plan)
    strip = figure.axes[-1]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["A · 100 %", "B · 40 %"]
    medians = next(line for line in strip.lines if line.get_marker() == "|").get_xdata()
    assert medians.tolist() == plan.outlook.arrivals[:, 2].tolist()
    assert any(line.get_xdata()[0] == 9.0 for line in strip.lines)
    assert "expected interest 1.5" in " ".join(text.get_text() for text in figure.texts)


def test_plan_to_go_home_has_no_fan():
    assert len(plot_tour(DAY, solution(())).axes) == 1
