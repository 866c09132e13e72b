from dataclasses import replace

import numpy as np
import pytest

from tsp.comparison import Comparison, Row
from tsp.instance import Instance
from tsp.plotting import MOST_NAMES, MOST_ROWS, Floor, gap_figure, learning_curve, plot_tour, save_figure
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import Solution, check
from tsp.statistics import Estimate

TSP = get_problem("tsp")


def words(figure):
    """All that is written in a figure: heading, facts, and whatever else there is."""
    from matplotlib.text import Text

    return [text.get_text() for text in [*figure.texts, *figure.findobj(Text)] if text.get_text()]


def drawn(axes):
    """Where the nodes are drawn."""
    return np.asarray(axes.collections[0].get_offsets())


def named(figure):
    """The node names that were written, with where each text ended up in pixels."""
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}


def random_instance(n, **options):
    return Instance(np.random.default_rng(n).random((n, 2)), name=f"random{n}", **options)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 60, 1000])
def test_the_line_goes_through_the_nodes_in_the_order_of_the_tour_and_back(n):
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


def test_the_start_is_the_depot_and_without_a_solution_there_is_no_line():
    instance = random_instance(5, depot=3)
    axes = plot_tour(instance).axes[0]
    assert np.array_equal(axes.collections[1].get_offsets(), instance.coordinates[[3]])
    assert not axes.lines


@pytest.mark.parametrize("coordinates", [np.zeros((4, 2)), [[0, 0], [1, 0], [2, 0], [3, 0]], np.full((4, 2), 1e9)])
def test_flat_and_coincident_points_are_drawn(coordinates, tmp_path):
    instance = Instance(coordinates)
    save_figure(plot_tour(instance, check(TSP, instance, [range(4)])), tmp_path / "flat.png")


def test_the_heading_tells_name_length_gap_solver_and_time():
    instance = random_instance(4, best_known=2.0)
    solution = Solution((np.arange(4),), 2.1, True, seconds=0.25, solver="policy+2opt")
    heading, facts, *_ = words(plot_tour(instance, solution))
    assert heading == "random4"
    assert facts == "4 nodes · length 2.1000 · +5.00 % to the best known 2 · policy+2opt · 0.25 s"
    assert words(plot_tour(instance, title="mine"))[0] == "mine"


@pytest.mark.parametrize(
    ("objective", "bound", "said"),
    [(7542.0, None, "the best known length"), (7542.0, 7542.0, "proved optimal"), (None, None, "not feasible: x")],
)
def test_the_heading_tells_what_is_known_of_the_answer(objective, bound, said):
    solution = Solution((np.arange(4),), objective, objective is not None, ("x",), bound=bound)
    assert said in words(plot_tour(random_instance(4, best_known=7542.0), solution))[1]


def test_an_infeasible_tour_of_nodes_that_do_not_exist_is_still_drawn():
    instance = random_instance(4)
    solution = check(TSP, instance, [[0, 9, 2], []])
    lines = plot_tour(instance, solution).axes[0].lines
    assert [len(line.get_xydata()) for line in lines] == [3, 0]


def test_names_stand_beside_their_nodes_and_cover_no_node_and_no_other_name():
    names = tuple(f"Poster {i}" for i in range(40))
    instance = random_instance(40, names=names)
    figure = plot_tour(instance, check(TSP, instance, [range(40)]))
    boxes = named(figure)
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
    assert set(named(plot_tour(instance, check(TSP, instance, [range(4)])))) == {"a", "b", "c", "d"}
    many = random_instance(MOST_NAMES + 1, names=tuple(map(str, range(MOST_NAMES + 1))))
    assert named(plot_tour(many)) == {}


def test_names_are_text_never_formulas_and_long_ones_are_cut(tmp_path):
    names = ("$\\nonsense{$", "詩", "a" * 50, " ")
    instance = Instance([[0, 0], [5, 0], [5, 5], [0, 5]], name="$\\bad{$", names=names)
    figure = plot_tour(instance, check(TSP, instance, [range(4)]))
    save_figure(figure, tmp_path / "names.png")
    assert "$\\nonsense{$" in words(figure)
    assert "a" * 23 + "…" in words(figure)


def test_an_instance_without_coordinates_is_laid_out_by_its_distances_and_says_so():
    points = np.random.default_rng(0).random((7, 2))
    flat = Instance(matrix=Instance(points).distances)
    figure = plot_tour(flat)
    assert Instance(drawn(figure.axes[0])).distances == pytest.approx(flat.distances)
    assert any("no coordinates given" in text for text in words(figure))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_small_and_asymmetric_matrices_are_laid_out(n):
    plot_tour(Instance(matrix=np.arange(n * n).reshape(n, n))).draw_without_rendering()


def test_a_matrix_too_large_to_lay_out_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="big: 2001 nodes without coordinates; up to 2000 can be laid out"):
        plot_tour(Instance(matrix=np.zeros((2001, 2001)), name="big"))


def test_geographical_points_have_north_above_and_east_to_the_right():
    instance = Instance([[52.30, 13.24], [48.08, 11.34]], metric="GEO")  # DDD.MM: Berlin, Munich
    axes = plot_tour(instance).axes[0]
    assert drawn(axes) == pytest.approx(np.array([[13.4, 52.5], [11 + 34 / 60, 48 + 8 / 60]]))
    assert axes.get_aspect() == pytest.approx(1 / np.cos(np.radians((52.5 + 48 + 8 / 60) / 2)))


def test_what_a_picture_does_not_show_is_said():
    space = Instance(np.random.default_rng(0).random((4, 3)))
    assert drawn(plot_tour(space).axes[0]) == pytest.approx(space.coordinates[:, :2])
    assert any("third coordinate" in text for text in words(plot_tour(space)))
    display = Instance(np.random.default_rng(0).random((4, 2)), matrix=np.ones((4, 4)))
    assert any("given by a matrix" in text for text in words(plot_tour(display)))


def family(problem, n=7, **options):
    """An instance that has what any problem needs."""
    return random_instance(
        n,
        problem=problem,
        **{
            "prizes": np.arange(n),
            "penalties": np.ones(n),
            "demands": np.arange(n) / 2,
            "capacity": 50.0,
            "num_tours": 3,
            "max_length": 9.0,
            "min_prize": 3.0,
            "time_windows": np.tile([0.0, 20.0], (n, 1)),
            "service_times": np.full(n, 0.1),
            **options,
        },
    )


def answer(instance, tours):
    return check(get_problem(instance.problem), instance, tours, solver="hand")


TOURS = {"cycle": [range(7)], "path": [range(7)], "tour": [range(7)], "tours": [[0, 1, 2, 3], [0, 4, 5, 6]]}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_every_problem_is_drawn_with_and_without_a_solution(problem, tmp_path):
    matrix = {"matrix": np.ones((7, 7)), "max_length": 9.0} if "matrix" in problem.needs else {}
    instance = family(problem.name, **matrix)
    solution = answer(instance, TOURS[problem.shape])
    assert solution.feasible
    figure = plot_tour(instance, solution)
    assert sum(
        len(line.get_xydata()) == len(tour) + (problem.shape != "path")
        for line, tour in zip(figure.axes[0].lines, TOURS[problem.shape], strict=True)
    ) == len(solution.tours)
    save_figure(figure, tmp_path / "tours.png")
    assert not plot_tour(instance).axes[0].lines
    assert ("time_windows" in problem.needs) == (len(figure.axes) == 2)


def test_nodes_left_out_are_hollow_and_the_footnote_says_so():
    instance = family("op")
    figure = plot_tour(instance, answer(instance, [[0, 2, 4]]))
    filled = {tuple(color) for color in figure.axes[0].collections[0].get_facecolors()[[0, 2, 4]]}
    hollow = {tuple(color) for color in figure.axes[0].collections[0].get_facecolors()[[1, 3, 5, 6]]}
    assert len(filled) == len(hollow) == 1
    assert filled != hollow == {(1.0, 1.0, 1.0, 1.0)}
    assert "not visited" in words(figure)
    assert "not visited" not in words(plot_tour(instance))


@pytest.mark.parametrize(
    ("problem", "values"), [("op", "prizes"), ("pctsp", "prizes"), ("cvrp", "demands"), ("tsp", None)]
)
def test_dots_are_larger_where_there_is_more_of_what_counts(problem, values):
    figure = plot_tour(family(problem))
    sizes = figure.axes[0].collections[0].get_sizes()
    told = [text.get_text() for text in figure.texts if "largest dot" in text.get_text()]
    if values is None:
        assert len(set(sizes)) == 1
        assert not told
    else:
        assert (np.diff(sizes) > 0).all()
        assert told == [f"· the largest dot is {values[:-1]} {getattr(family(problem), values).max():g}"]


def test_tours_have_colors_of_their_own():
    instance = family("cvrp")
    lines = plot_tour(instance, answer(instance, [[0, 1, 2, 3], [0, 4], [0, 5, 6]])).axes[0].lines
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
    instance = family(problem, **options)
    figure = plot_tour(instance, answer(instance, tours))
    marks = figure.axes[0].collections[2:]
    assert [node for mark in marks for node in mark.get_offsets().tolist()] == instance.coordinates[ends].tolist()
    assert ("end" in words(figure)) == bool(ends)
    line = figure.axes[0].lines[0].get_xydata()
    assert np.array_equal(line[-1], instance.coordinates[ends[0] if ends else 0])


def test_a_path_that_starts_anywhere_is_marked_where_it_does():
    instance = family("shpp", free_start=True)
    collections = plot_tour(instance, answer(instance, [[4, 0, 1, 2, 3, 5, 6]])).axes[0].collections
    assert np.array_equal(collections[1].get_offsets(), instance.coordinates[[4]])
    assert "start" not in words(plot_tour(instance))


def test_arrows_show_the_way_where_it_matters():
    def arrows(problem, **options):
        instance = family(problem, **options)
        return len(plot_tour(instance, answer(instance, [range(7)])).axes[0].patches)

    assert arrows("tsp") == 0
    assert arrows("tsptw") == 7
    assert arrows("shpp") == 6
    assert arrows("atsp", matrix=np.arange(49.0).reshape(7, 7)) == 7


@pytest.mark.parametrize(
    ("problem", "tours", "facts"),
    [
        ("op", [[0, 1, 6]], "prize 7 of 21 · 2 of 6 visited · length {length} of 9"),
        ("pctsp", [[0, 1, 6]], "length + penalties {plus} · 2 of 6 visited · prize 7 (at least 3) · length {length}"),
        ("top", [[0, 1], [0, 6]], "prize 7 of 21 · 2 of 6 visited · 2 tours · longest tour {longest} of 9"),
        ("cvrp", [range(7)], "length {length} · 1 tour"),
    ],
)
def test_the_heading_tells_the_objective_in_its_terms(problem, tours, facts):
    instance = family(problem)
    lengths = [instance.tour_length(list(tour)) for tour in tours]
    facts = facts.format(length=f"{sum(lengths):.4f}", plus=f"{sum(lengths) + 4:.4f}", longest=f"{max(lengths):.4f}")
    assert words(plot_tour(instance, answer(instance, tours)))[1] == f"7 nodes · {facts} · hand · 0 s"


def test_a_schedule_shows_for_each_stop_its_window_the_visit_and_the_arrival():
    instance = Instance(
        [[0, 0], [3, 0], [3, 4]],
        problem="tsptw",
        names=("coffee", "A", "B"),
        time_windows=[[0, np.inf], [5, 9], [0, 20]],
        service_times=[0, 2, 1],
    )
    figure = plot_tour(instance, answer(instance, [[0, 1, 2]]))
    strip = figure.axes[1]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["coffee", "A", "B", "coffee"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in strip.patches]
    windows, visits = bars[::2], bars[1::2]
    assert windows[1:3] == [(5, 9), (0, 20)]
    assert windows[0][1] == windows[3][1] == strip.get_xlim()[1]
    assert visits == [(0, 0), (5, 7), (11, 12), (17, 17)]
    arrivals = [line.get_xdata()[0] for line in strip.lines if line.get_marker() == "|"]
    assert arrivals == [0, 3, 11, 17]
    assert [line.get_xdata().tolist() for line in strip.lines if line.get_marker() != "|"] == [[3, 5]]  # waiting
    assert [label.get_text() for label in plot_tour(instance).axes[1].get_yticklabels()] == ["coffee", "B", "A"]


def test_who_comes_too_late_stands_out():
    instance = family("tsptw", time_windows=np.vstack([np.tile([0.0, 20.0], (6, 1)), [[0.0, 0.01]]]))
    solution = answer(instance, [range(7)])
    assert not solution.feasible
    ticks = [line for line in plot_tour(instance, solution).axes[1].lines if line.get_marker() == "|"]
    colors = [tick.get_color() for tick in ticks]
    assert len(set(colors)) == 2
    assert colors.count(colors[6]) == 1


def test_a_schedule_without_names_has_the_numbers_of_the_map_and_a_very_long_one_is_left_out():
    figure = plot_tour(family("tsptw"))
    assert {label.get_text() for label in figure.axes[1].get_yticklabels()} == {str(node) for node in range(7)}
    assert set(named(figure)) <= {str(node) for node in range(7)} != set()
    assert len(plot_tour(family("tsptw", n=MOST_NAMES + 1)).axes[1].get_yticklabels()) == 0
    assert len(plot_tour(family("tsptw", n=MOST_ROWS + 1)).axes) == 1


def test_a_floor_shows_walls_and_the_walks_around_them():
    instance = Instance([[0, 0], [0, 2], [5, 1]], matrix=[[0, 6, 6], [6, 0, 6], [6, 6, 0]], problem="tsp")
    floor = Floor(np.array([[[-1.0, 1.0], [3.0, 1.0]]]), lambda a, b: np.array([a, [4.0, a[1]], [4.0, b[1]], b]))
    solution = answer(instance, [[0, 1, 2]])
    figure = plot_tour(instance, solution, floor=floor)
    wall, walk = figure.axes[0].lines
    assert np.array_equal(wall.get_xydata(), floor.walls[0])
    assert walk.get_xydata().tolist()[:5] == [[0, 0], [4, 0], [4, 2], [0, 2], [4, 2]]
    assert not any("given by a matrix" in text for text in words(figure))
    assert plot_tour(instance, solution).axes[0].lines[0].is_dashed()
    assert not walk.is_dashed()


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_the_ending_decides_the_format_and_the_same_picture_gives_the_same_bytes(ending, start, tmp_path):
    instance = random_instance(6)
    for name in ("a", "b"):
        save_figure(plot_tour(instance, check(TSP, instance, [range(6)])), tmp_path / f"{name}{ending}")
    first, second = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("a", "b"))
    assert first.startswith(start)
    assert first == second


@pytest.mark.parametrize(("name", "ending"), [("a.jpeg", ".jpeg"), ("a", "nothing")])
def test_another_ending_is_refused_in_a_sentence(name, ending, tmp_path):
    with pytest.raises(ValueError, match=f"a picture ends in .png, .svg, .pdf, not in {ending}"):
        save_figure(plot_tour(random_instance(2)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_picture_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "tour.png"
    path.write_text("mine")
    with pytest.raises(ValueError, match="exists"):
        save_figure(plot_tour(random_instance(2)), path)
    assert path.read_text() == "mine"
    save_figure(plot_tour(random_instance(2)), path, force=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def row(solver, limit, gaps, seconds):
    mean = float(np.mean(gaps))
    estimate = Estimate(mean, (mean - 0.01, mean + 0.01)) if len(gaps) > 1 else Estimate(mean, None)
    return Row(
        solver, limit, len(gaps), len(gaps), 0, len(gaps), 5.0, estimate, 0, {}, 0, seconds, 1.0, 0, 0.0, tuple(gaps)
    )


def test_a_single_limit_shows_each_solvers_mean_interval_and_instances():
    rows = (row("policy(x=$1)", 1.0, [0.02, 0.04], 0.002), row("ortools", 1.0, [0.0, 0.02], 1.0))
    figure = gap_figure(Comparison("tsp", "best known", 1, rows))
    axes = figure.axes[0]
    assert words(figure)[:2] == [
        "tsp: gap to the best known", "1 s an instance · 2 instances · 1 thread · mean and 95 % interval"
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_yticklabels()] == ["policy(x=$1)\n0.0020 s", "ortools\n1 s"]
    points, mean = axes.collections[:2]
    assert sorted(points.get_offsets()[:, 0]) == pytest.approx([2, 4])
    assert mean.get_offsets()[0].tolist() == pytest.approx([3, 0])
    assert axes.lines[2].get_xdata().tolist() == pytest.approx([2, 4])


def test_several_limits_give_gap_against_the_time_used_with_one_mark_for_what_ran_once(tmp_path):
    limits = (0.1, 1.0)
    rows = [row("once", limit, [0.03, 0.03], 0.002) for limit in limits]
    rows += [row("timed", limit, [0.04 / limit / 10, 0.04 / limit / 10], 0.9 * limit) for limit in limits]
    figure = gap_figure(Comparison("tsp", "best found", 2, tuple(rows)))
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert lines["once"] == pytest.approx(np.array([[0.002, 3.0]]))
    assert lines["timed"] == pytest.approx(np.array([[0.09, 4.0], [0.9, 0.4]]))
    assert len(axes.collections) == 1
    save_figure(figure, tmp_path / "gap.png")


def test_the_heading_tells_over_how_many_instances_a_curve_is():
    rows = (row("a", 0.1, [0.02], 0.1), row("a", 1.0, [0.02, 0.03], 1.0))
    rows = tuple(replace(one, instances=3) for one in rows)
    assert words(gap_figure(Comparison("tsp", "best found", 1, rows)))[1].startswith("1 to 2 of 3 instances")


def test_one_instance_and_solvers_without_answer_are_drawn_or_left_out():
    silent = Row("silent", 1.0, 1, 0, 1, 0, None, None, 0, {}, 0, 1.0, 1.0, 0, 0.0, ())
    figure = gap_figure(Comparison("tsp", "best known", 1, (row("a", 1.0, [0.1], 1.0), silent)))
    figure.draw_without_rendering()
    assert not any("silent" in text for text in words(figure))
    with pytest.raises(ValueError, match="no gap can be drawn"):
        gap_figure(Comparison("tsp", "best known", 1, (silent,)))


def test_a_learning_curve_is_drawn_from_the_file_of_a_run(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "step,instances,seconds,train/objective,val/objective\n1,100,60,5.0,\n2,200,120,4.0,4.5\n3,300,180,3.9,3.85\n"
    )
    figure = learning_curve(path, title="tsp20")
    train, validation = figure.axes[0].lines
    assert train.get_xydata() == pytest.approx(np.array([[1, 5], [2, 4], [3, 3.9]]))
    assert validation.get_xydata() == pytest.approx(np.array([[2, 4.5], [3, 3.85]]))
    assert words(figure)[:2] == ["tsp20", "3.0 minutes · 300 instances · validation 3.8500 at the end"]


def test_the_first_steps_do_not_flatten_the_rest_of_a_learning_curve():
    rows = [{"seconds": 60.0 * i, "train/objective": 100.0 if i == 1 else 4.0 + 1 / i} for i in range(1, 101)]
    low, high = learning_curve(rows).axes[0].get_ylim()
    assert 3.9 < low < 4.01
    assert 4.2 < high < 5


@pytest.mark.parametrize("text", ["", "step,seconds,train/objective\n", "step,seconds,train/objective\n1,2,\n"])
def test_a_run_without_any_objective_has_no_curve(text, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"metrics.csv: no objective to draw yet"):
        learning_curve(path)


@pytest.mark.data
def test_the_largest_tour_of_tsplib_is_drawn(data_folder, tmp_path):
    lines = (data_folder / "tsplib" / "pla33810.tsp").read_text().split("NODE_COORD_SECTION")[1].splitlines()
    points = [line.split()[1:] for line in lines if len(line.split()) == 3]
    instance = Instance(np.array(points, dtype=float), metric="CEIL_2D", name="pla33810")
    save_figure(plot_tour(instance, check(TSP, instance, [range(33_810)])), tmp_path / "large.png")
