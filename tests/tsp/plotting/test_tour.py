import numpy as np
import pytest
from figures import checked, full_instance, node_positions, random_instance, texts

from tsp.instance import Instance
from tsp.plotting import Floor, plot_tour, save_figure
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

TSP = get_problem("tsp")
TOURS = {"cycle": [range(7)], "path": [range(7)], "tour": [range(7)], "tours": [[0, 1, 2, 3], [0, 4, 5, 6]]}


@pytest.mark.parametrize("n", [1, 2, 3, 5, 60, 1000])
def test_the_line_of_a_tour_goes_through_its_nodes_in_order_and_back(n):
    instance = random_instance(n)
    tour = np.random.default_rng(0).permutation(n)
    solution = check(TSP, instance, [tour])
    figure = plot_tour(instance, solution)
    (line,) = figure.axes[0].lines
    walked = solution.tours[0]
    assert np.array_equal(line.get_xydata(), instance.coordinates[[*walked, walked[0]]])
    nodes, start = figure.axes[0].collections
    assert np.array_equal(nodes.get_offsets(), instance.coordinates)
    assert np.array_equal(start.get_offsets(), instance.coordinates[[0]])
    assert 0.25 < line.get_linewidth() < 2.5
    assert figure.axes[0].get_aspect() == 1
    figure.draw_without_rendering()


def test_without_a_solution_the_depot_is_marked_and_no_line_is_drawn():
    instance = random_instance(5, depot=3)
    axes = plot_tour(instance).axes[0]
    assert np.array_equal(axes.collections[1].get_offsets(), instance.coordinates[[3]])
    assert not axes.lines


@pytest.mark.parametrize("coordinates", [np.zeros((4, 2)), [[0, 0], [1, 0], [2, 0], [3, 0]], np.full((4, 2), 1e9)])
def test_flat_and_coincident_points_are_drawn(coordinates, tmp_path):
    instance = Instance(coordinates)
    save_figure(plot_tour(instance, check(TSP, instance, [range(4)])), tmp_path / "flat.png")


def test_an_infeasible_tour_is_drawn_without_nodes_that_do_not_exist():
    instance = random_instance(4)
    solution = check(TSP, instance, [[0, 9, 2], []])
    lines = plot_tour(instance, solution).axes[0].lines
    assert [len(line.get_xydata()) for line in lines] == [3, 0]


def test_the_footnote_says_what_a_picture_does_not_show():
    space = Instance(np.random.default_rng(0).random((4, 3)))
    assert node_positions(plot_tour(space).axes[0]) == pytest.approx(space.coordinates[:, :2])
    assert any("third coordinate" in text for text in texts(plot_tour(space)))
    display = Instance(np.random.default_rng(0).random((4, 2)), matrix=np.ones((4, 4)))
    assert any("given by a matrix" in text for text in texts(plot_tour(display)))


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_every_problem_is_drawn_with_and_without_a_solution(problem, tmp_path):
    matrix = {"matrix": np.ones((7, 7)), "max_length": 9.0} if "matrix" in problem.needs else {}
    instance = full_instance(problem.name, **matrix)
    solution = checked(instance, TOURS[problem.shape])
    assert solution.feasible
    figure = plot_tour(instance, solution)
    assert sum(
        len(line.get_xydata()) == len(tour) + (not problem.shape.is_path)
        for line, tour in zip(figure.axes[0].lines, TOURS[problem.shape], strict=True)
    ) == len(solution.tours)
    save_figure(figure, tmp_path / "tours.png")
    assert not plot_tour(instance).axes[0].lines
    assert ("time_windows" in problem.needs) == (len(figure.axes) == 2)


def test_unvisited_nodes_are_hollow_and_the_footnote_says_so():
    instance = full_instance("op")
    figure = plot_tour(instance, checked(instance, [[0, 2, 4]]))
    filled = {tuple(color) for color in figure.axes[0].collections[0].get_facecolors()[[0, 2, 4]]}
    hollow = {tuple(color) for color in figure.axes[0].collections[0].get_facecolors()[[1, 3, 5, 6]]}
    assert len(filled) == len(hollow) == 1
    assert filled != hollow == {(1.0, 1.0, 1.0, 1.0)}
    assert "not visited" in texts(figure)
    assert "not visited" not in texts(plot_tour(instance))


@pytest.mark.parametrize(
    ("problem", "values", "word"),
    [("op", "prizes", "interest"), ("pctsp", "prizes", "interest"), ("cvrp", "demands", "demand"), ("tsp", None, "")],
)
def test_dots_are_larger_for_larger_prizes_or_demands(problem, values, word):
    figure = plot_tour(full_instance(problem))
    sizes = figure.axes[0].collections[0].get_sizes()
    remarks = [text.get_text() for text in figure.texts if "largest dot" in text.get_text()]
    if values is None:
        assert len(set(sizes)) == 1
        assert not remarks
    else:
        assert (np.diff(sizes) > 0).all()
        assert remarks == [f"· the largest dot is {word} {getattr(full_instance(problem), values).max():g}"]


def test_each_tour_has_its_own_color():
    instance = full_instance("cvrp")
    lines = plot_tour(instance, checked(instance, [[0, 1, 2, 3], [0, 4], [0, 5, 6]])).axes[0].lines
    assert len({line.get_color() for line in lines}) == 3
    assert np.array_equal(lines[1].get_xydata(), instance.coordinates[[0, 4, 0]])


@pytest.mark.parametrize(
    ("problem", "tours", "options", "ends"),
    [
        ("tsp", [range(7)], {}, []),
        ("shpp", [[0, 1, 2, 4, 5, 6, 3]], {"end": 3}, [3]),
        ("shpp", [[0, 1, 2, 4, 5, 6, 3]], {}, [3]),
        ("op", [[0, 1, 5]], {"end": 5}, [5]),
    ],
)
def test_the_end_is_marked_where_it_is_not_the_start(problem, tours, options, ends):
    instance = full_instance(problem, **options)
    figure = plot_tour(instance, checked(instance, tours))
    marks = figure.axes[0].collections[2:]
    assert [node for mark in marks for node in mark.get_offsets().tolist()] == instance.coordinates[ends].tolist()
    assert ("end" in texts(figure)) == bool(ends)
    line = figure.axes[0].lines[0].get_xydata()
    assert np.array_equal(line[-1], instance.coordinates[ends[0] if ends else 0])


def test_tours_with_a_free_end_have_no_line_home_and_their_ends_are_marked():
    instance = full_instance("cvrp", free_end=True)
    figure = plot_tour(instance, checked(instance, [[0, 1, 2, 3], [0, 4], [0, 5, 6]]))
    lines = [line.get_xydata().tolist() for line in figure.axes[0].lines]
    assert lines == [instance.coordinates[tour].tolist() for tour in ([0, 1, 2, 3], [0, 4], [0, 5, 6])]
    dots, _, ends = figure.axes[0].collections
    assert np.array_equal(ends.get_offsets(), instance.coordinates[[3, 4, 6]])
    assert len(ends.get_facecolors()) == 0  # the dots inside are seen
    assert (ends.get_sizes() > dots.get_sizes()[[3, 4, 6]]).all()
    assert "□" in texts(figure)


def test_the_start_of_a_path_that_may_start_anywhere_is_marked_with_a_solution_only():
    instance = full_instance("shpp", free_start=True)
    collections = plot_tour(instance, checked(instance, [[4, 0, 1, 2, 3, 5, 6]])).axes[0].collections
    assert np.array_equal(collections[1].get_offsets(), instance.coordinates[[4]])
    assert "start" not in texts(plot_tour(instance))


def test_tours_whose_direction_matters_have_arrows():
    def arrows(problem, **options):
        instance = full_instance(problem, **options)
        return len(plot_tour(instance, checked(instance, [range(7)])).axes[0].patches)

    assert arrows("tsp") == 0
    assert arrows("tsptw") == 7
    assert arrows("shpp") == 6
    assert arrows("atsp", matrix=np.arange(49.0).reshape(7, 7)) == 7


def test_a_floor_has_its_walls_drawn_and_tours_go_around_them():
    instance = Instance([[0, 0], [0, 2], [5, 1]], matrix=[[0, 6, 6], [6, 0, 6], [6, 6, 0]], problem="tsp")
    floor = Floor(np.array([[[-1.0, 1.0], [3.0, 1.0]]]), lambda a, b: np.array([a, [4.0, a[1]], [4.0, b[1]], b]))
    solution = checked(instance, [[0, 1, 2]])
    figure = plot_tour(instance, solution, floor=floor)
    wall, walk = figure.axes[0].lines
    assert np.array_equal(wall.get_xydata(), floor.walls[0])
    assert walk.get_xydata().tolist()[:5] == [[0, 0], [4, 0], [4, 2], [0, 2], [4, 2]]
    assert not any("given by a matrix" in text for text in texts(figure))
    assert plot_tour(instance, solution).axes[0].lines[0].is_dashed()
    assert not walk.is_dashed()


@pytest.mark.data
def test_the_largest_tour_of_tsplib_is_drawn(data_folder, tmp_path):
    lines = (data_folder / "tsplib" / "pla33810.tsp").read_text().split("NODE_COORD_SECTION")[1].splitlines()
    points = [line.split()[1:] for line in lines if len(line.split()) == 3]
    instance = Instance(np.array(points, dtype=float), metric="CEIL_2D", name="pla33810")
    save_figure(plot_tour(instance, check(TSP, instance, [range(33_810)])), tmp_path / "large.png")
