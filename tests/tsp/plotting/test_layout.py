import numpy as np
import pytest
from figures import node_positions, texts

from tsp.instance import Instance
from tsp.plotting import plot_tour


def test_an_instance_without_coordinates_is_laid_out_by_its_distances_and_the_footnote_says_so():
    points = np.random.default_rng(0).random((7, 2))
    flat = Instance(matrix=Instance(points).distances)
    figure = plot_tour(flat)
    assert Instance(node_positions(figure.axes[0])).distances == pytest.approx(flat.distances)
    assert any("no coordinates given" in text for text in texts(figure))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_small_and_asymmetric_matrices_are_laid_out(n):
    plot_tour(Instance(matrix=np.arange(n * n).reshape(n, n))).draw_without_rendering()


def test_a_matrix_too_large_to_lay_out_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="big: 2001 nodes without coordinates, expected at most 2000"):
        plot_tour(Instance(matrix=np.zeros((2001, 2001)), name="big"))


@pytest.mark.parametrize(
    ("metric", "points"),
    [("GEO", [[52.30, 13.24], [48.08, 11.34]]), ("GEOM", [[52.5, 13.4], [48 + 8 / 60, 11 + 34 / 60]])],
)
def test_geographical_coordinates_are_drawn_with_north_up_and_east_to_the_right(metric, points):
    instance = Instance(points, metric=metric)  # Berlin and Munich, in degrees and minutes or in degrees
    axes = plot_tour(instance).axes[0]
    assert node_positions(axes) == pytest.approx(np.array([[13.4, 52.5], [11 + 34 / 60, 48 + 8 / 60]]))
    assert axes.get_aspect() == pytest.approx(1 / np.cos(np.radians((52.5 + 48 + 8 / 60) / 2)))


def test_nodes_with_missing_roads_are_laid_out():
    instance = Instance(matrix=[[0, 3, np.inf], [3, 0, 4], [np.inf, 4, 0]])
    assert np.isfinite(node_positions(plot_tour(instance).axes[0])).all()


def test_geographical_coordinates_have_no_jump_at_the_antimeridian():
    axes = plot_tour(Instance([[-16, 179], [-17, -179], [-18, 178]], metric="GEOM")).axes[0]
    assert np.ptp(node_positions(axes)[:, 0]) == pytest.approx(3)
