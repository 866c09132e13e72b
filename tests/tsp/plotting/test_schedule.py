import numpy as np
import pytest
from figures import checked, full_instance, texts, written_names

from tsp.instance import Instance
from tsp.plotting import plot_tour
from tsp.plotting.schedule import MOST_ROWS


def test_a_schedule_shows_for_each_stop_its_window_the_visit_and_the_arrival():
    instance = Instance(
        [[0, 0], [3, 0], [3, 4]],
        problem="tsptw",
        names=("coffee", "A", "B"),
        time_windows=[[0, np.inf], [5, 9], [0, 20]],
        service_times=[0, 2, 1],
    )
    figure = plot_tour(instance, checked(instance, [[0, 1, 2]]))
    strip = figure.axes[1]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["coffee", "A", "B", "coffee"]
    bars = [(bar.get_height(), (bar.get_x(), bar.get_x() + bar.get_width())) for bar in strip.patches]
    windows, visits = ([ends for height, ends in bars if (height > 0.6) == is_window] for is_window in (True, False))
    assert windows[1:3] == [(5, 9), (0, 20)]
    assert windows[0][1] == windows[3][1] == strip.get_xlim()[1]
    assert visits == [(0, 0), (5, 7), (11, 12), (17, 17)]
    arrivals = [line.get_xdata()[0] for line in strip.lines if line.get_marker() == "|"]
    assert arrivals == [0, 3, 11, 17]
    assert [line.get_xdata().tolist() for line in strip.lines if line.get_marker() != "|"] == [[3, 5]]  # waiting
    assert [label.get_text() for label in plot_tour(instance).axes[1].get_yticklabels()] == ["coffee", "B", "A"]


def test_an_arrival_after_closing_has_a_color_of_its_own():
    instance = full_instance("tsptw", time_windows=np.vstack([np.tile([0.0, 20.0], (6, 1)), [[0.0, 0.01]]]))
    solution = checked(instance, [range(7)])
    assert not solution.feasible
    ticks = [line for line in plot_tour(instance, solution).axes[1].lines if line.get_marker() == "|"]
    colors = [tick.get_color() for tick in ticks]
    assert len(set(colors)) == 2
    assert colors.count(colors[6]) == 1


def test_a_schedule_without_names_shows_node_numbers():
    figure = plot_tour(full_instance("tsptw"))
    assert {label.get_text() for label in figure.axes[1].get_yticklabels()} == {str(node) for node in range(1, 8)}
    assert set(written_names(figure)) <= {str(node) for node in range(1, 8)} != set()


def test_a_long_schedule_names_some_stops_and_a_very_long_one_is_omitted_and_the_footnote_says_so():
    figure = plot_tour(full_instance("tsptw", n=150))
    assert len(figure.axes[1].get_yticklabels()) == 75
    assert any("the schedule names every 2. stop" in text for text in texts(figure))
    figure = plot_tour(full_instance("tsptw", n=MOST_ROWS + 1))
    assert len(figure.axes) == 1
    assert any(f"up to {MOST_ROWS} stops" in text for text in texts(figure))


def test_above_the_most_rows_each_tour_has_a_row():
    n = MOST_ROWS + 2
    instance = full_instance("cvrptw", n=n, capacity=1e5, time_windows=np.tile([0.0, 1e3], (n, 1)))
    figure = plot_tour(instance, checked(instance, [range(n // 2), [0, *range(n // 2, n)]]))
    strip = figure.axes[1]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["tour 0", "tour 1"]
    assert len(strip.patches) == n + 3  # both tours start and end at the depot
    assert any("a row for each tour" in text for text in texts(figure))


@pytest.mark.parametrize(
    ("first", "step", "day", "text"),
    [(480, 60, None, "10:00"), (480, 5, None, "08:10"), (2280, 60, "2026-11-23", "2026-11-24T16:00")],
)
def test_times_from_a_clock_are_in_minutes_with_ticks_at_round_times_of_day(first, step, day, text):
    length = 2.0  # of a minute, at 120 km/h
    windows = length * np.array([[first, first + 8 * step], [first, first + 7 * step]])
    instance = Instance(
        matrix=[[0, 2 * step], [2 * step, 0]],
        unit="km",
        speed=120,
        is_clock=True,
        day=day,
        time_windows=windows,
        problem="tsptw",
    )
    strip = plot_tour(instance, checked(instance, [[0, 1]])).axes[1]
    arrivals = [line.get_xdata()[0] for line in strip.lines if line.get_marker() == "|"]
    assert arrivals == pytest.approx([first, first + step, first + 2 * step])
    strip.figure.draw_without_rendering()
    labels = {label.get_text(): label.get_position()[0] for label in strip.get_xticklabels()}
    assert labels[text] % min(step, 60) == 0
    assert len(labels) <= 13  # one on each side is outside
