from figures import random_instance, texts, written_names

from tsp.instance import Instance
from tsp.plotting import plot_tour, save_figure
from tsp.plotting.canvas import MOST_NAMES
from tsp.problems import get_problem
from tsp.solution import check

TSP = get_problem("tsp")


def test_names_are_near_their_nodes_and_cover_no_node_and_no_other_name():
    names = tuple(f"Poster {i}" for i in range(40))
    instance = random_instance(40, names=names)
    figure = plot_tour(instance, check(TSP, instance, [range(40)]))
    boxes = written_names(figure)
    assert len(boxes) > 5
    assert set(boxes) <= set(names)
    nodes = figure.axes[0].transData.transform(instance.coordinates)
    placed = list(boxes.items())
    for k, (name, box) in enumerate(placed):
        assert not any(box.x0 < x < box.x1 and box.y0 < y < box.y1 for x, y in nodes)
        assert not any(box.overlaps(other) for _, other in placed[:k])
        x, y = nodes[names.index(name)]
        assert max(box.x0 - x, x - box.x1, box.y0 - y, y - box.y1) < 15


def test_few_nodes_have_all_their_names_and_many_have_none():
    instance = Instance([[0, 0], [5, 0], [5, 5], [0, 5]], names=("a", "b", "c", "d"))
    assert set(written_names(plot_tour(instance, check(TSP, instance, [range(4)])))) == {"a", "b", "c", "d"}
    many = random_instance(MOST_NAMES + 1, names=tuple(map(str, range(MOST_NAMES + 1))))
    assert written_names(plot_tour(many)) == {}


def test_names_are_never_read_as_formulas_and_long_names_are_cut(tmp_path):
    names = ("$\\nonsense{$", "詩", "a" * 50, " ")
    instance = Instance([[0, 0], [5, 0], [5, 5], [0, 5]], name="$\\bad{$", names=names)
    figure = plot_tour(instance, check(TSP, instance, [range(4)]))
    save_figure(figure, tmp_path / "names.png")
    assert "$\\nonsense{$" in texts(figure)
    assert "a" * 23 + "…" in texts(figure)
