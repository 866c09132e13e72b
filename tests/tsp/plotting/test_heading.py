import numpy as np
import pytest
from figures import checked, full_instance, random_instance, texts

from tsp.composition import problem_of
from tsp.instance import Instance
from tsp.plotting import TourMap, plot_tour
from tsp.solution import Solution, check


def test_the_heading_shows_name_length_gap_solver_and_time():
    instance = random_instance(4, best_known=2.0)
    solution = Solution((np.arange(4),), 2.1, True, seconds=0.25, solver="policy+2opt")
    heading, facts, *_ = texts(plot_tour(instance, solution))
    assert heading == "random4"
    assert facts == "4 nodes · length 2.1000 · +5.00 % to the best known 2 · policy+2opt · 0.25 s"
    assert texts(plot_tour(instance, title="mine"))[0] == "mine"


@pytest.mark.parametrize(
    ("objective", "bound", "said"),
    [(7542.0, None, "the best known length"), (7542.0, 7542.0, "proved optimal"), (None, None, "not feasible: x")],
)
def test_the_heading_says_whether_a_solution_is_the_best_known_optimal_or_infeasible(objective, bound, said):
    solution = Solution((np.arange(4),), objective, objective is not None, ("x",), bound=bound)
    assert said in texts(plot_tour(random_instance(4, best_known=7542.0), solution))[1]


@pytest.mark.parametrize(
    ("problem", "tours", "facts"),
    [
        ("op", [[0, 1, 6]], "2 of 6 posters visited · interest 7 of 21 · walked {length} of 9"),
        (
            "pctsp",
            [[0, 1, 6]],
            "2 of 6 posters visited · walked + penalties {plus} · interest 7 (at least 3) · walked {length}",
        ),
        ("top", [[0, 1], [0, 6]], "2 of 6 posters visited · interest 7 of 21 · 2 tours · longest tour {longest} of 9"),
        ("cvrp", [range(7)], "6 stops · distance {length} · 1 tour"),
    ],
)
def test_the_heading_names_the_terms_of_the_objective(problem, tours, facts):
    instance = full_instance(problem)
    lengths = [instance.tour_length(list(tour)) for tour in tours]
    facts = facts.format(length=f"{sum(lengths):.4f}", plus=f"{sum(lengths) + 4:.4f}", longest=f"{max(lengths):.4f}")
    assert texts(plot_tour(instance, checked(instance, tours)))[1] == f"{facts} · hand · 0 s"


def test_the_heading_says_open_routes():
    instance = full_instance("cvrp", free_end=True)
    length = f"{instance.path_length(range(7)):.4f}"
    assert texts(plot_tour(instance))[1] == "6 stops · open routes"
    facts = f"6 stops · open routes · distance {length} · 1 tour · hand · 0 s"
    assert texts(plot_tour(instance, checked(instance, [range(7)])))[1] == facts


@pytest.mark.parametrize(
    ("problem", "tours", "facts"),
    [
        ("op", [[0, 1]], "walked 2 + visits 1 of 9"),
        ("op", [[0]], "walked 0 of 9"),
        ("top", [[0, 1], [0, 2]], "longest tour 4 + visits 2 of 9"),
        ("top", [[0, 1, 3], [0, 2]], "longest tour 2 + visits 5 of 9"),
    ],
)
def test_the_heading_says_what_visits_use_of_a_length_budget(problem, tours, facts):
    points, visits = [[0, 0], [1, 0], [2, 0], [0, 0]], [9.0, 1, 2, 4]
    given = {"prizes": np.ones(4), "max_length": 9.0, "num_tours": 3 if problem == "top" else None}
    instance = Instance(points, service_times=visits, problem=problem, **given)
    solution = check(problem_of(instance), instance, tours)
    assert facts in texts(plot_tour(instance, solution))[1].split(" · ")


def test_a_frame_counts_nodes_of_closed_tours_and_stops_behind_a_depot():
    tsp, op = random_instance(7), full_instance("op")
    for instance, tour, said in ((tsp, range(7), "3 of 7 nodes visited"), (op, [0, 1, 6], "2 of 6 posters visited")):
        plan = checked(instance, [tour])
        picture = TourMap(instance, plan)
        picture.show(plan, stops=3)
        assert said in texts(picture.figure)
