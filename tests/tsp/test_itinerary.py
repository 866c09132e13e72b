"""Itineraries, worked out by hand and compared with the checker's own times."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsp.instance import Instance, Underway
from tsp.itinerary import format_itinerary_text, format_totals, make_itinerary, make_totals
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import Solution, check
from tsp.words import words_of

OPTW = get_problem("optw")

HALL = Instance(
    coordinates=[[0, 0], [3, 4], [3, 0], [9, 9]],
    problem="optw",
    name="hall",
    names=("coffee", "A", "B", "C"),
    prizes=[0, 5, 2.5, 9],
    time_windows=[[1, 100], [0, 50], [20, 50], [0, 50]],
    service_times=[0, 2, 3, 1],
    extras={"Title": ("", "Bees ", "Ants", "Wasps")},
)


def itinerary(problem, instance, tours):
    return make_itinerary(problem, instance, check(problem, instance, tours))


def test_an_itinerary_has_arrival_waiting_visit_and_length_up_to_the_return():
    start, a, b, end = itinerary(OPTW, HALL, [[0, 1, 2]])
    assert (start.order, start.name, start.arrive, start.begin, start.leave, start.walked) == (0, "coffee", 1, 1, 1, 0)
    assert (a.name, a.arrive, a.begin, a.leave, a.interest, a.walked, a.title) == ("A", 6, 6, 8, 5, 5, "Bees")
    assert (b.node, b.arrive, b.begin, b.leave, b.interest, b.walked, b.title) == (2, 12, 20, 23, 2.5, 9, "Ants")
    assert (end.order, end.node, end.arrive, end.leave, end.walked) == (3, 0, 26, 26, 12)
    assert start.interest is None
    assert end.interest is None
    assert {stop.tour for stop in (start, a, b, end)} == {0}


def test_an_itinerary_waits_for_windows_only_under_a_problem_with_time_windows():
    stops = itinerary(get_problem("tsp"), HALL, [[0, 1, 2, 3]])
    assert [stop.begin for stop in stops] == [stop.arrive for stop in stops]
    assert stops[0].arrive == 0


def test_the_itinerary_of_a_path_ends_with_its_last_visit():
    stops = itinerary(get_problem("shpp"), replace(HALL, time_windows=None), [[0, 1, 2, 3]])
    assert [stop.node for stop in stops] == [0, 1, 2, 3]
    assert stops[-1].leave == stops[-1].begin + 1


def test_the_itinerary_of_a_tour_with_a_free_end_ends_with_its_last_visit():
    stops = itinerary(OPTW, replace(HALL, free_end=True), [[0, 1, 2]])
    assert [(stop.node, stop.begin, stop.leave, stop.interest) for stop in stops[1:]] == [
        (1, 6, 8, 5),
        (2, 20, 23, 2.5),
    ]


def test_the_itinerary_of_a_tour_to_another_end_has_no_return():
    stops = itinerary(OPTW, replace(HALL, end=3), [[0, 1, 3]])
    assert [stop.node for stop in stops] == [0, 1, 3]
    assert stops[-1].interest is None
    assert stops[-1].leave == stops[-1].begin


def test_each_tour_has_an_itinerary_of_its_own():
    team = replace(HALL, time_windows=None, service_times=None, max_length=30.0, num_tours=2)
    stops = itinerary(get_problem("top"), team, [[0, 1], [0, 3, 2]])
    assert [(stop.tour, stop.order, stop.node) for stop in stops] == [
        (0, 0, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0), (1, 1, 3), (1, 2, 2), (1, 3, 0)
    ]  # fmt: skip
    assert stops[3].walked == stops[3].arrive == 0


def test_the_itinerary_of_a_tour_under_way_continues_from_elapsed_time_and_travelled_length():
    late = replace(HALL, underway=Underway((1,), elapsed=30.0, travelled=7.0))
    _, a, b, end = itinerary(OPTW, late, [[0, 1, 2]])
    assert (a.leave, a.walked) == (30, 7)
    assert (b.arrive, b.begin, b.walked) == (34, 34, 11)
    assert (end.arrive, end.walked) == (40, 14)


def test_an_infeasible_solution_has_an_itinerary_without_nodes_that_do_not_exist():
    solution = check(OPTW, HALL, [[0, 7, 1, 1]])
    assert not solution.feasible
    assert [stop.node for stop in make_itinerary(OPTW, HALL, solution)] == [0, 1, 1, 0]
    assert make_itinerary(OPTW, HALL, Solution((), None, False)) == []


@given(st.sampled_from(["optw", "tsptw", "tsptw-makespan", "cvrptw"]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_an_itinerary_ends_at_the_checkers_makespan_and_length(name, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    opens = rng.random((n, 1)) * 3
    instance = Instance(
        rng.random((n, 2)),
        time_windows=np.hstack([opens, opens + 1]),
        service_times=rng.random(n),
        prizes=rng.random(n),
        demands=np.ones(n),
        capacity=n,
    )
    instance = replace(instance, time_windows=np.where([[True, False]], instance.time_windows, np.inf))
    tour = [0, *(rng.permutation(n - 1) + 1).tolist()]
    problem = PROBLEMS[name]
    stops = itinerary(problem, instance, [tour])
    makespan = check(PROBLEMS["tsptw-makespan"], instance, [tour]).objective
    assert stops[-1].begin == pytest.approx(makespan)
    assert stops[-1].walked == pytest.approx(instance.tour_length(tour))
    assert all(stop.arrive <= stop.begin <= stop.leave for stop in stops)


def test_the_text_of_an_itinerary_is_a_table_without_uninformative_columns():
    words = words_of(OPTW, HALL)
    assert format_itinerary_text(itinerary(OPTW, HALL, [[0, 1, 2]]), words=words).splitlines() == [
        "order  poster  opens  closes  arrive  begin  leave  interest  walked  title",
        "    0  coffee      1     100       1      1      1                 0",
        "    1  A           0      50       6      6      8       5.0       5  Bees",
        "    2  B          20      50      12     20     23       2.5       9  Ants",
        "    3  coffee      1     100      26     26     26                12",
    ]


def test_the_text_of_an_itinerary_without_windows_and_prizes_leaves_out_times_and_interest():
    plain = Instance([[0, 0], [0, 1.5]])
    assert format_itinerary_text(itinerary(get_problem("tsp"), plain, [[0, 1]])).splitlines() == [
        "order  stop  length",
        "    0  1        0.0",
        "    1  2        1.5",
        "    2  1        3.0",
    ]


def test_numbers_with_many_decimals_are_printed_to_four_digits_of_the_largest():
    away = Instance([[0, 0], [1, 3]])
    lines = format_itinerary_text(itinerary(get_problem("tsp"), away, [[0, 1]])).splitlines()
    assert [line.split()[-1] for line in lines] == ["length", "0.000", "3.162", "6.325"]


def test_the_text_of_several_itineraries_names_each_tour():
    team = replace(HALL, time_windows=None, service_times=None, max_length=30.0, num_tours=2)
    text = format_itinerary_text(itinerary(get_problem("top"), team, [[0, 1], [0, 2]]))
    first, second = text.split("\n\n")
    assert first.startswith("tour 0\norder")
    assert second.startswith("tour 1\norder")
    assert len(second.splitlines()) == 5


def test_an_itinerary_without_stops_has_an_empty_text():
    assert format_itinerary_text([]) == ""


def test_an_itinerary_has_delivered_quantities_where_deliveries_may_be_split():
    problem = get_problem("sdvrp")
    instance = Instance([[0, 0], [1, 0], [2, 0]], demands=[0, 3, 4], capacity=5.0)
    solution = check(problem, instance, [[0, 1, 2], [0, 2]], amounts=[[0, 3, 2], [0, 2]])
    stops = make_itinerary(problem, instance, solution)
    assert [stop.delivered for stop in stops] == [None, 3, 2, None, None, 2, None]
    assert "delivered" in format_itinerary_text(stops)
    assert "delivered" not in format_itinerary_text(itinerary(OPTW, HALL, [[0, 1]]))


def test_the_totals_of_a_tour_have_its_stops_distance_load_and_times():
    instance = Instance(
        [[0, 0], [3, 4], [3, 0]],
        demands=[0, 3, 4],
        capacity=8.0,
        time_windows=[[1, 100], [0, 50], [20, 50]],
        service_times=[0, 2, 3],
        problem="cvrptw",
    )
    problem = get_problem("cvrptw")
    stops = itinerary(problem, instance, [[0, 1, 2]])
    assert [stop.load for stop in stops] == [0, 3, 7, 7]
    (totals,) = make_totals(stops, instance)
    said = format_totals(totals, words_of(problem, instance), instance)
    assert said == ["2 stops", "distance 12", "load 7 of 8", "1 to 26"]


def test_the_totals_of_a_tour_under_way_count_the_load_that_was_given():
    instance = Instance(
        [[0, 0], [1, 0], [2, 0]], demands=[0, 3, 4], capacity=9.0, problem="cvrp", underway=Underway((1,), load=5.0)
    )
    stops = itinerary(get_problem("cvrp"), instance, [[0, 1, 2]])
    assert [stop.load for stop in stops][1:] == [5, 9, 9]


def test_totals_of_posters_have_their_interest():
    (totals,) = make_totals(itinerary(OPTW, HALL, [[0, 1, 2]]), HALL)
    assert format_totals(totals, words_of(OPTW, HALL), HALL)[:3] == ["2 posters", "walked 12", "interest 7.5000"]


def test_waiting_and_queueing_at_a_node_collect_nothing():
    at = {"coordinates": [[0, 0], [3, 4], [3, 0], [9, 9]], "prizes": [0, 5, 2, 9], "max_length": 90}
    hours = np.zeros((4, 20))
    appearing = Instance(**at, problem="dop", service_times=[0, 2, 3, 1], law_appears=hours)
    stops = itinerary(get_problem("dop"), appearing, [[0, 1, 1, 2, 3]])
    assert [stop.interest for stop in stops] == [None, 5, None, 2, 9, None]
    queues = Instance(**at, problem="opq", law_waits=hours, law_prizes=np.tile([[0], [5], [2], [9]], 20))
    stops = itinerary(get_problem("opq"), queues, [[0, 1, 1, 2, 3, 3]])
    assert [stop.interest for stop in stops] == [None, None, 5, None, None, 9, None]
