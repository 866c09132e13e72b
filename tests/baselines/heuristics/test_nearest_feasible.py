import numpy as np

from baselines.heuristics.constructive import NearestNeighbour
from baselines.heuristics.nearest_feasible import NearestFeasible
from baselines.routes.model import model_of
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem


def solve(name, instance):
    return NearestFeasible().solve(get_problem(name), [instance], Budget(60.0))[0]


def test_nearest_feasible_without_windows_is_nearest_neighbour():
    instance = Instance(np.random.default_rng(0).random((40, 2)))
    expected = NearestNeighbour().solve(get_problem("tsp"), [instance], Budget(60.0))[0]
    assert solve("tsp", instance).tours[0].tolist() == expected.tours[0].tolist()


def test_nearest_feasible_leaves_every_other_customer_reachable():
    line = Instance([[0, 0], [1, 0], [-2, 0]], time_windows=[[0, 99], [0, 99], [0, 3]])
    # to 1 and back to 2 takes 4, so that 2 comes first
    wide = Instance([*line.coordinates, [5, 0]], time_windows=[*line.time_windows, [0, 99]])
    assert solve("tsptw", wide).tours[0].tolist() == [0, 2, 1, 3]


def test_the_visit_that_begins_soonest_is_next_not_the_nearest_customer():
    instance = Instance([[0, 0], [1, 0], [2, 0], [0, 3]], time_windows=[[0, 99], [9, 20], [0, 99], [0, 99]])
    assert solve("tsptw", instance).tours[0].tolist()[1] == 2


def test_another_tour_begins_when_no_customer_can_be_visited():
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], demands=np.ones(5), capacity=2.0)
    answer = solve("cvrp", instance)
    assert [tour.tolist() for tour in answer.tours] == [[0, 1, 2], [0, 3, 4]]


def test_the_end_stays_reachable():
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0]], prizes=np.ones(4), max_length=4.5)
    assert solve("op", instance).tours[0].tolist() == [0, 1, 2]


def test_without_time_there_is_no_answer_and_the_visits_are_made_in_pieces(monkeypatch):
    instance = Instance(np.random.default_rng(0).random((40, 2)))
    whole = solve("tsp", instance)
    monkeypatch.setattr(
        "baselines.heuristics.nearest_feasible.LOOKED_AT", 1
    )  # one visit between two readings of the clock
    assert solve("tsp", instance).tours[0].tolist() == whole.tours[0].tolist()
    model = model_of(get_problem("tsp"), instance)
    assert not list(NearestFeasible().search(model, Clock(0.0), seed=0, initial=None))


def test_so_many_nodes_that_their_distances_do_not_fit_into_the_time_are_refused():
    many = Instance(np.random.default_rng(0).random((5_000, 2)))
    answer = NearestFeasible().solve(get_problem("tsp"), [many], Budget(0.1))[0]
    assert answer.violations[0].startswith("5000 nodes: nearest-feasible needs about 0.4 s")
    assert answer.seconds < 0.1
