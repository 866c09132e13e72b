"""The scale bar of a map has a round length, and the length of its text."""

import numpy as np
import pytest
from figures import node_positions, texts

from tsp.earth import earth_instance, great_circles
from tsp.plotting import plot_tour
from tsp.plotting.scale import LONGEST_BAR, round_length
from tsp.problems import get_problem
from tsp.solution import check


@pytest.mark.parametrize(
    ("most", "length"), [(1, 1), (1.9, 1), (2, 2), (4.99, 2), (5, 5), (99, 50), (0.03, 0.02), (12345, 10000)]
)
def test_a_round_length_is_1_2_or_5_times_a_power_of_ten(most, length):
    assert round_length(most) == pytest.approx(length)


@pytest.mark.parametrize("unit", ["m", "km", "mi"])
@pytest.mark.parametrize("longitudes", [[13, 13.5, 14], [179.5, -179.9, 180.4]])
def test_the_bar_is_as_long_as_it_says_beside_the_distances_drawn(unit, longitudes):
    latitudes = [52, 52.3, 52.1]
    figure = plot_tour(earth_instance(latitudes, longitudes, unit=unit))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (bar,) = figure.artists
    pixels = figure.transFigure.transform([[x, 0] for x in bar.get_xdata()])[:, 0]
    (said,) = {text for text in texts(figure) if text.endswith(f" {unit}")}
    drawn = axes.transData.transform(node_positions(axes))
    shown = np.hypot(*(drawn[1] - drawn[0])) / great_circles(latitudes, longitudes, unit)[0, 1]
    length = float(said.split()[0].replace(",", ""))
    assert np.ptp(pixels) == pytest.approx(length * shown, rel=1e-3)
    assert np.ptp(pixels) <= LONGEST_BAR * figure.bbox.width


def test_lengths_on_the_earth_are_solid_lines_with_their_unit_in_the_heading():
    instance = earth_instance([0, 0, 1], [179, -179, 180], unit="mi", name="isles")
    figure = plot_tour(instance, check(get_problem("tsp"), instance, [[0, 1, 2]], solver="own"))
    assert figure.axes[0].lines[0].get_linestyle() == "-"
    assert f"distance {instance.tour_length([0, 1, 2]):.5g} mi" in texts(figure)[1]
    assert not any("matrix" in text for text in texts(figure))


@pytest.mark.parametrize("longitudes", [[5], [5, 5]])
def test_one_place_alone_is_drawn_with_a_bar(longitudes):
    plot_tour(earth_instance([50] * len(longitudes), longitudes)).draw_without_rendering()
