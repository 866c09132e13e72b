"""Each check and each term on cases that can be computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tsp.checks import session_times, timeline_of
from tsp.composition import problem_of
from tsp.instance import Instance, Realization, Underway
from tsp.problems import (
    AppearingSession,
    CompulsoryVisits,
    LengthBudget,
    MaxVisits,
    Objective,
    Problem,
    Session,
    Shape,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import NO_ANSWER, Solution, check, claim_of, left_out, no_answer, session_end

LINE = [[0, 0], [3, 0], [5, 0]]
SQUARE = [[0, 0], [0, 1], [1, 1], [1, 0]]
OPST = get_problem("opst")
DAY = Instance(
    LINE, law_service_times=[[0, 0], [1, 3], [2, 2]], prizes=[0, 4, 5], max_length=14.0, problem="opst"
)  # fmt: skip


def violations(problem, instance, tours, **options):
    return check(problem, instance, tours, **options).violations


def prize(instance, tour, durations, problem=None):
    """The objective of a tour in a session with those durations."""
    problem = problem_of(instance) if problem is None else problem
    solution = check(problem, instance, [tour], realization=Realization(service_times=durations))
    assert solution.feasible, solution.violations
    return solution.objective


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ((0, 4, 0), 9),  # at 1 from 3 to 7, at 2 from 9 to 9
        ((0, 4, 0.001), 4),  # 2 has to be left at 9
        ((0, 4.001, 0), 4),  # 2 is reached after that, and she turns back at once
        ((0, 8, 0), 4),  # 1 has to be left at 11
        ((0, 8.001, 0), 0),
        ((0, 0, 4), 9),
        ((0, 0, 4.001), 4),
    ],
)
def test_a_visit_counts_if_it_is_over_when_it_is_time_to_go(durations, expected):
    tour = [0, 1] if durations[1] >= 4.001 else [0, 1, 2]
    assert prize(DAY, tour, durations) == expected


def test_a_tour_of_a_session_that_is_not_back_in_time_says_where_it_should_not_have_gone():
    near = replace(DAY, max_length=9.0)
    (sentence,) = violations(OPST, near, [[0, 1, 2]], realization=Realization(service_times=[0, 0, 0]))
    assert sentence == "tour 0: is at 3 at 5, expected 4 at the latest, to be back in time"
    assert not violations(
        OPST, replace(DAY, max_length=10.0), [[0, 1, 2]], realization=Realization(service_times=[0, 0, 0])
    )


def test_without_a_realization_a_session_has_the_means_of_its_laws():
    assert check(OPST, DAY, [[0, 1, 2]]).objective == 9  # at 1 until 5, at 2 from 7 to 9
    longer = replace(DAY, law_service_times=[[0, 0], [1, 4], [2, 2]])
    assert check(OPST, longer, [[0, 1, 2]]).objective == 4


@pytest.mark.parametrize(("opens", "closes", "expected"), [(0, 14, 9), (0, 13.5, 4), (0.5, 14, 4), (0.5, 14.5, 4)])
def test_a_session_begins_when_the_depot_opens_and_ends_when_the_end_closes(opens, closes, expected):
    instance = replace(DAY, time_windows=[[opens, closes], [0, 99], [0, 99]])
    assert prize(instance, [0, 1, 2], [0, 2, 2]) == expected


def test_a_session_with_a_free_end_needs_no_time_to_return():
    anywhere = replace(DAY, free_end=True, max_length=9.0)
    assert prize(anywhere, [0, 1, 2], [0, 2, 2]) == 9
    assert prize(replace(anywhere, max_length=8.9), [0, 1, 2], [0, 2, 2]) == 4
    assert prize(replace(anywhere, time_windows=[[0, 1], [0, 99], [0, 99]]), [0, 1, 2], [0, 2, 2]) == 9


def test_a_session_may_end_elsewhere():
    to_end = replace(DAY, end=2, prizes=[0, 4, 0], max_length=9.0)
    assert prize(to_end, [0, 1, 2], [0, 4, 0]) == 4
    assert prize(to_end, [0, 1, 2], [0, 4.1, 0]) == 0
    closing = replace(to_end, time_windows=[[0, 99], [0, 99], [0, 8]])
    assert prize(closing, [0, 1, 2], [0, 4, 0]) == 0


def test_a_session_under_way_goes_on_at_the_elapsed_time():
    later = replace(DAY, underway=Underway((1,), elapsed=7.0))
    assert prize(later, [0, 1, 2], [0, 99, 0]) == 9  # what was visited is over
    assert prize(replace(DAY, underway=Underway((1,), elapsed=7.1)), [0, 1], [0, 99, 0]) == 4
    unstated = replace(DAY, underway=Underway((1,)))
    assert prize(unstated, [0, 1, 2], [0, 4, 0]) == 9
    early = replace(later, time_windows=[[50, 99], [0, 99], [0, 99]])
    assert prize(early, [0, 1, 2], [0, 99, 0]) == 9


@pytest.mark.parametrize(
    ("changes", "tour", "end"),
    [
        ({}, [0, 1], 5),
        ({}, [0, 1, 2], 9),
        ({}, [0], 0),
        ({"free_end": True}, [0, 1], 5),
        ({"end": 2, "prizes": [0, 4, 0]}, [0, 1, 2], 5),
        ({"end": 2, "prizes": [0, 4, 0]}, [0, 1], 5),
        ({"underway": Underway((1,), elapsed=7.5)}, [0, 1], 7.5),
        ({"underway": Underway((), elapsed=1.5)}, [0], 1.5),
        ({"underway": Underway((1,), elapsed=6.5)}, [0, 1, 2], 9),
    ],
)
def test_the_end_of_a_session_is_when_its_last_customer_is_left(changes, tour, end):
    instance = replace(DAY, **changes)
    assert session_end(OPST, instance, tour, Realization(service_times=[0, 2, 2])) == end


def test_nodes_that_are_left_out_are_customers_that_need_no_visit():
    op = Instance(SQUARE, prizes=[0, 1, 1, 1], max_length=9, problem="op")
    problem = problem_of(op)
    assert left_out(problem, op, check(problem, op, [[0, 2]])).tolist() == [1, 3]
    assert left_out(problem, op, check(problem, op, [[0, 1, 2, 3]])).tolist() == []
    ending = replace(op, end=3)
    assert left_out(problem_of(ending), ending, check(problem_of(ending), ending, [[0, 2, 3]])).tolist() == [1]
    tsp = Instance(SQUARE)
    assert left_out(problem_of(tsp), tsp, check(problem_of(tsp), tsp, [[0, 2]])).tolist() == []


CHOICE = Problem("choice", "", "", Shape.TOUR, (VisitAtMostOnce(), MaxVisits(2)), Objective(("prize",), "max"))


def test_a_limited_number_of_visits_may_be_met_and_not_be_exceeded():
    instance = Instance(SQUARE, prizes=[0, 1, 1, 1])
    assert not violations(CHOICE, instance, [[0, 1, 2]])
    assert violations(CHOICE, instance, [[0, 1, 2, 3]]) == ("3 visits, expected at most 2",)


def test_required_nodes_that_are_not_visited_are_named():
    must = replace(CHOICE, rules=(VisitAtMostOnce(), CompulsoryVisits()))
    instance = Instance(SQUARE, prizes=[0, 1, 1, 1], required=[0, 1, 0, 1], names=["a", "b", "c", "d"])
    assert not violations(must, instance, [[0, 1, 3]])
    assert violations(must, instance, [[0, 2]]) == ("required, but not visited: b, d",)
    assert violations(must, instance, [[0, 1, 2]]) == ("required, but not visited: d",)


def test_more_than_five_nodes_are_counted():
    instance = Instance([[k, 0] for k in range(8)], names=list("abcdefgh"))
    assert violations(get_problem("tsp"), instance, [[0]]) == ("not visited: b, c, d, e, f and 2 more",)
    assert violations(get_problem("tsp"), instance, [[0, 1, 2]]) == ("not visited: d, e, f, g, h",)


ROUTES = Instance(SQUARE, demands=[0, 1, 2, 3], capacity=3, problem="cvrp")
CVRP, SDVRP = get_problem("cvrp"), get_problem("sdvrp")


def test_a_tour_does_not_pass_the_depot_on_its_way():
    roomy = replace(ROUTES, capacity=6)
    found = violations(CVRP, roomy, [[0, 1, 0, 2, 3]])
    assert found == ("tour 0: passes the depot on its way, expected another tour there",)
    assert not violations(CVRP, roomy, [[0, 1], [0, 2, 3]])
    ending = replace(roomy, end=3, demands=[0, 1, 2, 0])
    assert violations(problem_of(ending), ending, [[0, 1, 3, 2, 3]])


@pytest.mark.parametrize(
    ("amounts", "piece"),
    [
        ([[0, 1, 2], [0, 3]], None),
        ([[0, 1, 2], [0, -3]], "amounts: expected numbers of 0 or more"),
        ([[0, 1, 2], [0, np.nan]], "amounts"),
        ([[0, 1, 2], [0, np.inf]], "amounts"),
        ([[0, 1, 1], [0, 3]], "node 3 is delivered 1, expected 2"),
        ([[0, 1, 2], [3]], "amounts: expected a number for each node of each tour"),
        ([[0, 1, 2]], "amounts: expected a number for each node of each tour"),
        ("many", "amounts: expected a number for each node of each tour"),
        ([[0, 1, 2], [1, 3]], "tour 1: delivers 4, expected at most 3"),
    ],
)
def test_amounts_are_what_each_node_demands(amounts, piece):
    found = violations(SDVRP, replace(ROUTES, problem="sdvrp"), [[0, 1, 2], [0, 3]], amounts=amounts)
    assert (not found) if piece is None else any(sentence.startswith(piece) for sentence in found)


def test_a_negative_amount_is_refused_even_where_another_tour_makes_up_for_it():
    split = replace(ROUTES, problem="sdvrp")
    found = violations(SDVRP, split, [[0, 1, 2, 3], [0, 3]], amounts=[[0, 1, 2, -1], [0, 4]])
    assert "amounts: expected numbers of 0 or more" in found
    assert not violations(SDVRP, split, [[0, 1, 2, 3], [0, 3]], amounts=[[0, 1, 2, 0], [0, 3]])


def test_amounts_without_a_need_for_them_are_ignored_and_turn_with_their_tour():
    unused = check(CVRP, ROUTES, [[0, 1, 2], [0, 3]], amounts="none")
    assert (unused.feasible, unused.amounts) == (True, None)
    turned = check(SDVRP, replace(ROUTES, problem="sdvrp"), [[1, 2, 0], [3, 0]], amounts=[[1, 2, 0], [3, 0]])
    assert [each.tolist() for each in turned.amounts] == [[0, 1, 2], [0, 3]]
    assert not any(array.flags.writeable for array in (*turned.tours, *turned.amounts))
    (sentence,) = violations(SDVRP, replace(ROUTES, problem="sdvrp"), [[0, 1], [0, 9]], amounts=[[0, 1]])
    assert sentence == "tour 1: node 10, counted from 1, is not one of 1 to 4"
    begun = replace(ROUTES, problem="sdvrp", underway=Underway((2,)))
    assert check(SDVRP, begun, [[0, 1, 2], [0, 3]]).amounts is None


def test_a_load_that_is_stated_counts_for_the_rest_of_its_tour():
    split = replace(ROUTES, problem="sdvrp", underway=Underway((1,), load=2.5))
    found = check(SDVRP, split, [[0, 1, 2], [0, 2, 3]])
    assert found.amounts[0].tolist() == [0, 1, 0.5]
    whole = replace(ROUTES, underway=Underway((1,), load=2.0))
    assert not violations(CVRP, replace(whole, capacity=4), [[0, 1, 2], [0, 3]])
    assert violations(CVRP, whole, [[0, 1, 2], [0, 3]]) == ("tour 0: delivers 4, expected at most 3",)


def test_tours_that_are_over_need_no_other_tour():
    back = replace(ROUTES, capacity=9, demands=[0, 1, 2, 0], underway=Underway((1, 2, 3, 0)))
    assert not violations(CVRP, back, [[0, 1, 2, 3]])
    assert violations(CVRP, back, [[0, 1], [0, 2, 3]]) == ("tour 0: does not begin with what was visited: 1, 2, 3, 4",)
    several = replace(ROUTES, capacity=9, underway=Underway((1,), others=(Underway((3,)),)))
    assert not violations(CVRP, several, [[0, 1, 2], [0, 3]])
    assert violations(CVRP, several, [[0, 3], [0, 1, 2]])
    assert violations(CVRP, several, [[0, 1, 2, 3]])


def test_a_path_starts_and_ends_where_it_should():
    path, shpp = Instance(SQUARE, problem="shpp", end=3), get_problem("shpp")
    assert not violations(shpp, path, [[0, 1, 2, 3]])
    assert violations(shpp, path, [[1, 0, 2, 3]]) == ("the path starts at 2, expected 1",)
    assert violations(shpp, path, [[0, 1, 3, 2]]) == ("the path ends at 3, expected 4",)
    assert check(shpp, path, [[0, 1, 2, 3]]).objective == 3
    assert violations(shpp, path, [[]]) == ("not visited: 1, 2, 3, 4",)
    assert not violations(shpp, replace(path, free_start=True), [[1, 0, 2, 3]])
    assert not violations(shpp, replace(path, end=None), [[0, 1, 3, 2]])


def test_a_budget_counts_walks_and_visits_and_what_was_travelled():
    op = Instance(LINE, prizes=[0, 1, 1], service_times=[9, 1, 1], max_length=12, problem="op")
    problem = problem_of(op)
    assert not violations(problem, op, [[0, 1, 2]])
    (sentence,) = violations(problem, replace(op, max_length=11.9), [[0, 1, 2]])
    assert sentence == "tour 0: is 10 long and visits take 2, expected at most 11.9"
    (sentence,) = violations(problem, replace(op, service_times=None, max_length=9), [[0, 1, 2]])
    assert sentence == "tour 0: is 10 long, expected at most 9"
    walked = replace(op, underway=Underway((1,), travelled=4.0))
    assert violations(problem, walked, [[0, 1, 2]])
    assert not violations(problem, replace(walked, max_length=13), [[0, 1, 2]])


def test_a_missing_road_is_named_once_for_each_tour():
    matrix = [[0, 1, np.inf], [1, 0, np.inf], [1, np.inf, 0]]
    instance = Instance(matrix=matrix, names=["a", "b", "c"], problem="atsp")
    (sentence,) = violations(get_problem("atsp"), instance, [[0, 1, 2]])
    assert sentence == "tour 0: goes from b to c, where there is no road"
    matrix[1][0] = np.inf
    (sentence,) = violations(get_problem("atsp"), Instance(matrix=matrix, problem="atsp"), [[0, 2, 1]])
    assert sentence == "tour 0: goes from 1 to 3, where there is no road (and 2 more of them)"


def test_customers_are_all_nodes_but_the_ends_of_tours_from_a_depot():
    assert claim_of(CVRP, ROUTES, [[0, 1]]).customers.tolist() == [False, True, True, True]
    assert claim_of(get_problem("tsp"), Instance(SQUARE), [[0, 1]]).customers.all()


def test_there_are_at_most_so_many_tours():
    instance, problem = replace(ROUTES, num_tours=2, demands=[0, 1, 1, 1]), get_problem("cvrp")
    assert violations(problem, instance, [[0, 1], [0, 2], [0, 3]]) == ("3 tours, expected at most 2",)
    assert not violations(problem, instance, [[0, 1], [0], [0, 2, 3]])


def test_an_open_tour_has_a_direction():
    instance = replace(ROUTES, capacity=9, free_end=True)
    found = check(CVRP, instance, [[0, 1, 2, 3]])
    assert found.objective == 3
    assert violations(CVRP, instance, [[1, 2, 3, 0]]) == ("tour 0: starts at 2, expected 1",)
    assert violations(CVRP, instance, [[1, 2, 3]]) == ("tour 0: does not visit the depot 1",)


OVER = {
    "capacity": replace(ROUTES, underway=Underway((1, 3, 0))),
    "budget": Instance(SQUARE, max_length=3, problem="top", prizes=[0, 1, 1, 1], underway=Underway((1, 2, 0))),
    "windows": Instance(
        SQUARE,
        demands=[0, 1, 1, 1],
        capacity=9,
        time_windows=[[0, 9], [0, 9], [0, 1], [0, 9]],
        problem="cvrptw",
        underway=Underway((1, 2, 0)),
    ),
}


@pytest.mark.parametrize("limit", OVER)
def test_what_tours_that_are_over_did_is_no_violation_any_more(limit):
    instance = replace(OVER[limit], num_tours=2)
    problem = problem_of(instance)
    tours = [[0, 1, 3], [0, 2]] if limit == "capacity" else [[0, 1, 2], [0, 3]]
    assert not violations(problem, instance, tours)
    assert violations(problem, replace(instance, underway=None), tours)
    going = replace(instance, underway=replace(instance.underway, visited=instance.underway.visited[:1]))
    assert violations(problem, going, tours)


def test_a_path_under_way_goes_on_from_where_it_is():
    shpp = get_problem("shpp")
    for visited in ((2,), (0, 2)):
        path = Instance(SQUARE, problem="shpp", underway=Underway(visited))
        assert not violations(shpp, path, [[0, 2, 1, 3]])
        assert violations(shpp, path, [[0, 1, 2, 3]]) == ("tour 0: does not begin with what was visited: 1, 3",)
    anywhere = Instance(SQUARE, problem="shpp", free_start=True, underway=Underway((2,)))
    assert not violations(shpp, anywhere, [[2, 0, 1, 3]])
    assert violations(shpp, anywhere, [[0, 2, 1, 3]])


def test_tours_that_are_over_end_where_tours_end():
    to_end = replace(ROUTES, end=3, demands=[0, 1, 2, 0], underway=Underway((1, 0)))
    problem = problem_of(to_end)
    assert not violations(problem, to_end, [[0, 1, 3], [0, 2, 3]])
    assert not violations(problem, replace(to_end, underway=Underway((1, 3, 0))), [[0, 1, 3], [0, 2, 3]])
    assert violations(problem, to_end, [[0, 2, 3], [0, 1, 3]])


def test_a_window_is_checked_at_each_stop_of_each_tour():
    instance = replace(OVER["windows"], underway=None)
    (sentence,) = violations(problem_of(instance), instance, [[0, 3], [0, 1, 2]])
    assert sentence == "tour 1: is at 3 at 2, expected 1 at the latest"
    assert violations(problem_of(instance), instance, [[0, 1, 3, 2]])
    later = replace(instance, time_windows=[[0, 9], [0, 9], [0, 2], [0, 9]])
    assert not violations(problem_of(later), later, [[0, 3], [0, 1, 2]])


def test_prizes_that_are_expected_count_until_the_real_ones_are_known():
    problem = get_problem("spctsp")
    instance = Instance(SQUARE, prizes=[0, 1, 1, 1], penalties=[0, 1, 2, 3], min_prize=2, problem="spctsp")
    assert check(problem, instance, [[0, 1, 2]]).objective == pytest.approx(2 + 2**0.5 + 3)
    assert violations(problem, instance, [[0, 1]]) == ("collects 1, expected 2 or more",)
    poor = Realization([0, 0.5, 1, 1])
    assert violations(problem, instance, [[0, 1, 2]], realization=poor) == ("collects 1.5, expected 2 or more",)


def test_a_visit_in_a_queue_may_take_no_time():
    instance = Instance(
        LINE, law_waits=[[0], [1], [1]], law_prizes=[[0], [4], [5]], max_length=12.0, problem="opq"
    )  # fmt: skip
    assert check(get_problem("opq"), instance, [[0, 1, 1, 2, 2]]).objective == 9
    assert check(get_problem("opq"), replace(instance, max_length=11.9), [[0, 1, 1, 2, 2]]).objective == 4


@pytest.mark.parametrize("objective", ["longest", "makespan"])
def test_without_customers_nothing_takes_any_time(objective):
    alone = Instance([[0, 0]], demands=[0], capacity=1, time_windows=[[0, 9]], problem="cvrp")
    problem = replace(CVRP, objective=Objective((objective,)))
    assert check(problem, alone, []).objective == 0
    assert check(problem, alone, [[0]]).objective == 0


def test_a_solver_without_an_answer_may_say_why():
    assert no_answer(seconds=1, solver="a", reason="too many nodes").violations == ("too many nodes",)
    assert no_answer(seconds=1, solver="a").violations == (NO_ANSWER,)


DROPS = Instance(
    LINE, law_appears=[[0], [0], [0]], prizes=[0, 4, 5], service_times=[0, 1, 1], max_length=20.0, problem="dop"
)  # fmt: skip
DOP = get_problem("dop")


def violations_of_drops(tour, appears, **changes):
    """The violations of a tour of posters that go up at those times."""
    return violations(DOP, replace(DROPS, **changes), [tour], realization=Realization(appears=appears))


def leaves(instance, tour):
    """When the stops of a tour in a session are left."""
    return session_times(claim_of(problem_of(instance), instance, [tour]), 0).leave.tolist()


def test_a_tour_leaves_for_a_node_when_it_has_appeared():
    # at 1 from 3 to 4; a wait there ends at 6, or when a node appears
    assert violations_of_drops([0, 1, 2], [0, 0, 4]) == ()
    assert violations_of_drops([0, 1, 2], [0, 0, 6]) == ("tour 0: leaves for 3 at 4, which appears at 6",)
    assert violations_of_drops([0, 1, 2], [0, 0, np.inf]) == ("tour 0: leaves for 3 at 4, which never appears",)
    assert violations_of_drops([0, 1, 1, 2], [0, 0, 6]) == ()
    assert violations_of_drops([0, 1, 1, 2], [0, 0, 6.5]) == ("tour 0: leaves for 3 at 6, which appears at 6.5",)
    assert violations_of_drops([0, 1, 1, 1, 2], [0, 0, 6.5]) == ()
    assert violations_of_drops([0, 0, 1], [0, 1.5, 0]) == ()
    assert violations_of_drops([0, 1], [0, 1.5, 0]) == ("tour 0: leaves for 2 at 0, which appears at 1.5",)


def test_a_wait_takes_time_and_no_prize():
    waited = check(DOP, DROPS, [[0, 1, 1, 2]], realization=Realization(appears=[0, 0, 5]))
    assert waited.objective == 9
    late = replace(DROPS, max_length=12.0)  # a wait is then over after 1.2, at 5.2; 2 is left at 8.2, at home at 13.2
    (sentence,) = violations(DOP, late, [[0, 1, 1, 2]], realization=Realization(appears=[0, 0, 0]))
    assert sentence == "tour 0: is at 3 at 7.2, expected 7 at the latest, to be back in time"
    assert leaves(DROPS, [0, 1, 1]) == [4, 6, 9]
    assert leaves(DROPS, [0]) == [0]
    assert leaves(DROPS, [0, 0]) == [2, 2]
    assert leaves(replace(DROPS, free_end=True), [0, 1, 1]) == [4, 6]


def test_a_wait_begins_before_it_is_time_to_go():
    # the waits at 1 begin at 4, 6, … and 16; the last is over at 17, when it is time to go
    assert violations_of_drops([0, 1, *[1] * 7], [0, 0, 0]) == ()
    (sentence,) = violations_of_drops([0, 1, *[1] * 8], [0, 0, 0])
    assert sentence == "tour 0: waits at 2 at 17, when it is time to go to its end"
    assert violations_of_drops([0, 1, *[1] * 8], [0, 0, 0], underway=Underway((1, *[1] * 8))) == ()


def test_waits_are_no_visits_and_the_depot_is_not_passed():
    assert violations_of_drops([0, 1, 1, 2, 1], [0, 0, 0]) == ("visited more than once: 2",)
    assert "tour 0: passes the depot on its way, expected another tour there" in violations_of_drops(
        [0, 1, 0, 2], [0, 0, 0]
    )


def test_what_was_visited_may_have_appeared_later():
    begun = Underway((1,))
    assert violations_of_drops([0, 1, 2], [0, 1.5, 0], underway=begun) == ()
    assert violations_of_drops([0, 1, 2], [0, 1.5, 9], underway=begun)[0].startswith("tour 0: leaves for 3 at 4")
    later = Underway((1,), elapsed=7.0)
    assert violations_of_drops([0, 1, 2], [0, 0, 6.9], underway=later) == ()
    found = violations_of_drops([0, 1, 2], [0, 0, 7.5], underway=later)
    assert found == ("tour 0: leaves for 3 at 7, which appears at 7.5",)
    assert violations_of_drops([0, 1, 1, 2], [0, 0, 7.5], underway=later) == ()


QUEUES = Instance(LINE, law_waits=[[0], [1], [1]], law_prizes=[[0], [4], [5]], max_length=12.0, problem="opq")


def test_a_queue_that_is_only_looked_at_counts_nothing_and_takes_no_time():
    assert check(get_problem("opq"), QUEUES, [[0, 1, 2, 2]]).objective == 5
    assert leaves(QUEUES, [0, 1, 2, 2]) == [3, 5, 6, 11]
    assert leaves(QUEUES, [0, 1, 1, 2]) == [3, 4, 6, 11]


def test_a_queue_is_joined_once():
    problem = get_problem("opq")
    assert not violations(problem, QUEUES, [[0, 1, 1]])
    assert "visited more than once: 2" in violations(problem, QUEUES, [[0, 1, 1, 1]])
    assert "visited more than once: 2" in violations(problem, QUEUES, [[0, 1, 2, 1]])


def test_a_queue_is_left_when_the_window_closes():
    closing = replace(QUEUES, law_waits=[[0], [9], [1]], max_length=20.0, time_windows=[[0, 99], [0, 5], [0, 99]])
    assert leaves(closing, [0, 1, 1, 2, 2]) == [3, 5, 7, 8, 13]
    assert check(get_problem("opq"), closing, [[0, 1, 1, 2, 2]]).objective == 5
    shut = replace(closing, time_windows=[[0, 99], [0, 2], [0, 99]])
    assert leaves(shut, [0, 1, 1, 2, 2]) == [3, 3, 5, 6, 11]
    going = replace(closing, max_length=8.0, time_windows=[[0, 99], [0, 6], [0, 99]])
    assert leaves(going, [0, 1, 1]) == [3, 5, 8]  # it is time to go before the window closes


def test_a_window_in_a_session_is_no_rule_but_a_prize_less():
    early = replace(DAY, time_windows=[[0, 14], [0, 2], [0, 99]])
    assert prize(early, [0, 1, 2], [0, 2, 2]) == 5
    assert leaves(early, [0, 1, 2]) == [3, 7, 12]
    assert leaves(replace(DAY, time_windows=[[0, 14], [4, 9], [0, 99]]), [0, 1]) == [6, 9]


def test_a_visit_near_the_start_begins_on_arrival():
    near = Instance([[0, 0], [0.5, 0]], law_service_times=[[0], [0.25]], prizes=[0, 1], max_length=9.0, problem="opst")
    assert leaves(near, [0, 1]) == [0.75, 1.25]


def test_the_first_stop_of_a_session_is_checked_too():
    assert violations(OPST, replace(DAY, max_length=9.0), [[0, 2]])
    assert not violations(OPST, replace(DAY, max_length=10.0), [[0, 2]])


def begins(instance, tours, k):
    """When the visits at the stops of tour `k` begin."""
    return timeline_of(claim_of(problem_of(instance), instance, tours), k).begin.tolist()


def test_tours_that_have_not_begun_leave_at_the_earliest_time_that_is_stated():
    wide = replace(OVER["windows"], time_windows=[[0, 99]] * 4, underway=None)
    going = replace(wide, underway=Underway((1,), elapsed=5.0))
    assert begins(wide, [[0, 1, 2], [0, 3]], 1) == [0, 1, 2]
    assert begins(going, [[0, 1, 2], [0, 3]], 0)[2:] == [6, 6 + 2**0.5]
    assert begins(going, [[0, 1, 2], [0, 3]], 1)[1:] == [6, 7]
    assert begins(replace(going, time_windows=[[7, 99]] * 4), [[0, 1, 2], [0, 3]], 1)[1:] == [8, 9]
    two = replace(wide, underway=Underway((1,), elapsed=6.0, others=(Underway((2,), elapsed=5.0),)))
    assert begins(two, [[0, 1], [0, 2], [0, 3]], 2)[1:] == [6, 7]
    unstated = replace(wide, underway=Underway((1,), others=(Underway((2,), elapsed=5.0),)))
    assert begins(unstated, [[0, 1], [0, 2], [0, 3]], 0) == [0, 1, 2]


def test_a_path_that_may_start_anywhere_leaves_its_start_at_the_elapsed_time():
    rules = (VisitOnce(), TimeWindows())
    problem = Problem("path in windows", "", "", Shape.PATH, rules, Objective(("makespan",)))
    path = Instance(SQUARE, time_windows=[[0, 99]] * 4, free_start=True, underway=Underway((), elapsed=5.0))
    assert check(problem, path, [[1, 0, 3, 2]]).objective == 8
    assert check(problem, replace(path, underway=None), [[1, 0, 3, 2]]).objective == 3


def test_a_window_counts_from_the_first_stop_that_is_not_given():
    instance = replace(OVER["windows"], underway=None)
    (sentence,) = violations(problem_of(instance), instance, [[0, 2], [0, 1], [0, 3]])
    assert sentence == "tour 0: is at 3 at 1.41421356, expected 1 at the latest"
    given = replace(instance, underway=Underway((2,)))
    assert not violations(problem_of(given), given, [[0, 2], [0, 1], [0, 3]])


def test_a_tour_that_has_reached_its_end_is_over_and_one_without_an_end_is_not():
    op = Instance(LINE, prizes=[0, 1, 1], max_length=4, problem="op", underway=Underway((1, 2)))
    ended = replace(op, end=2, prizes=[0, 1, 0])
    assert not violations(problem_of(ended), ended, [[0, 1, 2]])
    on = replace(ended, underway=Underway((1,)))
    assert violations(problem_of(on), on, [[0, 1, 2]])
    free = replace(op, free_end=True)
    assert violations(problem_of(free), free, [[0, 1, 2]])


def test_the_end_of_a_session_counts_all_walks_that_are_not_stated():
    walked = replace(DAY, underway=Underway((1,)))
    assert session_end(OPST, walked, [0, 1, 2], Realization(service_times=[0, 2, 2])) == 9
    waiting = replace(DAY, underway=Underway((), elapsed=1.5))
    assert session_end(OPST, waiting, [0, 1], Realization(service_times=[0, 2, 2])) == 6.5


def test_six_nodes_are_five_and_one_more():
    instance = Instance([[k, 0] for k in range(7)], names=list("abcdefg"))
    assert violations(get_problem("tsp"), instance, [[0]]) == ("not visited: b, c, d, e, f and 1 more",)


def test_a_quota_that_all_nodes_together_miss_is_met_by_all_of_them():
    problem = get_problem("spctsp")
    instance = Instance(SQUARE, prizes=[0, 1, 1, 1], penalties=[0, 1, 2, 4], min_prize=2, problem="spctsp")
    poor = Realization([0, 0.5, 0.5, 0.5])
    assert not violations(problem, instance, [[0, 1, 2, 3]], realization=poor)
    assert violations(problem, instance, [[0, 1, 2]], realization=poor) == ("collects 1, expected 2 or more",)
    assert check(problem, instance, [[0, 1, 2]]).objective == pytest.approx(2 + 2**0.5 + 4)


def test_the_place_of_a_missing_road_is_found_in_the_middle_of_a_tour():
    matrix = 1.0 - np.eye(5)
    matrix[1, 2] = np.inf
    instance = Instance(matrix=matrix, names=list("abcde"), problem="atsp")
    (sentence,) = violations(get_problem("atsp"), instance, [[0, 1, 2, 3, 4]])
    assert sentence == "tour 0: goes from b to c, where there is no road"


def test_amounts_of_a_tour_that_is_over_are_claimed_and_not_given():
    begun = replace(ROUTES, problem="sdvrp", demands=[0, 2, 2, 3], underway=Underway((1, 2, 0)))
    found = violations(SDVRP, begun, [[0, 1, 2], [0, 3]], amounts=[[0, 2, 2], [0, 3]])
    assert found == ("tour 0: delivers 4, expected at most 3",)


def test_without_demands_no_delivery_is_short():
    assert not violations(SDVRP, replace(ROUTES, problem="sdvrp", demands=[0, 0, 0, 0]), [[0, 1, 2, 3]])


def test_a_budget_that_is_not_required_holds_where_there_is_one():
    optional = Problem("round", "", "", Shape.TOUR, (VisitOnce(), LengthBudget(required=False)), Objective(("length",)))
    assert check(optional, Instance(LINE), [[0, 1, 2]]).objective == 10
    assert violations(optional, Instance(LINE, max_length=9), [[0, 1, 2]])


def test_the_end_of_a_tour_is_no_visit():
    assert leaves(replace(DAY, law_service_times=[[5, 5], [1, 3], [2, 2]]), [0, 1]) == [5, 8]
    assert violations_of_drops([0, 1], [9, 0, 0]) == ()


def test_a_makespan_ends_with_the_arrival_or_with_the_last_visit():
    instance = replace(OVER["windows"], underway=None, time_windows=[[0, 99]] * 4, service_times=[2, 1, 1, 1])
    problem = replace(problem_of(instance), objective=Objective(("makespan",)))
    assert check(problem, instance, [[0, 1, 2], [0, 3]]).objective == pytest.approx(6 + 2**0.5)
    assert check(problem, replace(instance, free_end=True), [[0, 1, 2], [0, 3]]).objective == 6


TEAM = Problem("team", "", "", Shape.TOURS, (VisitAtMostOnce(), Session()), Objective(("prize",), "max"))
TEAM_OF_DROPS = replace(TEAM, rules=(VisitAtMostOnce(), AppearingSession()))


def test_tours_of_a_session_that_are_over_may_have_been_late():
    late = replace(DAY, max_length=9.0, problem="opst", underway=Underway((2, 0)))
    real = Realization(service_times=[0, 0, 0])
    assert check(TEAM, late, [[0, 2], [0, 1]], realization=real).violations == ()
    begun = replace(late, underway=None)
    (sentence,) = check(TEAM, begun, [[0, 2], [0, 1]], realization=real).violations
    assert sentence.startswith("tour 0: is at 3 at 5, expected 4")
    drops = replace(DROPS, underway=Underway((2, 0)))
    early = Realization(appears=[0, 0, 3])
    assert check(TEAM_OF_DROPS, drops, [[0, 2], [0, 1]], realization=early).violations == ()
    assert len(check(TEAM_OF_DROPS, replace(drops, underway=None), [[0, 2], [0, 1]], realization=early).violations) == 1


def test_loads_are_delivered_in_order_until_they_are_used_up():
    split = replace(ROUTES, problem="sdvrp")
    assert [each.tolist() for each in check(SDVRP, split, [[0, 1, 2, 3], [0, 3]]).amounts] == [[0, 1, 2, 0], [0, 3]]
    assert [each.tolist() for each in check(SDVRP, split, [[0, 3, 2], [0, 2, 1]]).amounts] == [[0, 3, 0], [0, 2, 1]]
    at_home = replace(split, demands=[1, 1, 2, 3])
    assert check(SDVRP, at_home, [[0, 1, 2], [0, 3]]).amounts[0].tolist() == [0, 1, 2]


def test_tours_that_have_begun_deliver_before_all_others():
    split = replace(ROUTES, problem="sdvrp", demands=[0, 2, 2, 2])
    over = replace(split, underway=Underway((1, 2, 0, 3)))
    found = check(SDVRP, over, [[0, 1, 2], [0, 3, 2]])
    assert [each.tolist() for each in found.amounts] == [[0, 2, 1], [0, 2, 1]]
    two = replace(split, underway=Underway((1,), others=(Underway((2,)),)))
    found = check(SDVRP, two, [[0, 1, 2, 3], [0, 2, 3]])  # the second has delivered all of node 2
    assert [each.tolist() for each in found.amounts] == [[0, 2, 0, 1], [0, 2, 1]]
    assert found.feasible


def test_a_tour_that_is_over_does_not_go_on():
    over = replace(ROUTES, capacity=9, underway=Underway((1, 0, 2, 0)))
    assert violations(CVRP, over, [[0, 1, 3], [0, 2]]) == ("tour 0: does not begin with what was visited: 1, 2",)
    assert violations(CVRP, over, [[0, 1]]) == ("tour 1: does not begin with what was visited: 1, 3",)
    assert not violations(CVRP, over, [[0, 1], [0, 2], [0, 3]])
    assert claim_of(CVRP, over, [[0, 1], [0, 2], [0, 3]]).begun == 2
    assert claim_of(CVRP, over, [[0, 1]]).begun == 0


def test_the_start_may_be_listed_as_visited_and_a_path_may_pass_it_later():
    assert not violations(CVRP, replace(ROUTES, capacity=9, underway=Underway((0, 1))), [[0, 1, 2], [0, 3]])
    anywhere = Instance(SQUARE, problem="shpp", free_start=True, underway=Underway((2, 0)))
    assert not violations(get_problem("shpp"), anywhere, [[2, 0, 1, 3]])
    assert violations(get_problem("shpp"), anywhere, [[2, 1, 0, 3]])


def test_a_tour_that_does_not_begin_as_given_has_no_other_violation():
    matrix = 1.0 - np.eye(4)
    matrix[0, 2] = np.inf
    instance = Instance(matrix=matrix, problem="atsp", underway=Underway((1,)))
    found = violations(get_problem("atsp"), instance, [[0, 2, 1, 3]])
    assert found == ("tour 0: does not begin with what was visited: 1, 2",)


def test_a_claim_is_walked_from_the_depot_and_a_path_stays_open():
    assert claim_of(CVRP, ROUTES, [[1, 2, 0]]).tours[0].tolist() == [0, 1, 2]
    assert check(get_problem("shpp"), Instance(SQUARE, problem="shpp"), [[0, 1, 2, 3]]).objective == 3


def test_a_closed_tour_is_walked_from_the_depot_whatever_end_is_named():
    tsp = get_problem("tsp")
    (tour,) = check(tsp, Instance(SQUARE, end=2), [[1, 2, 3, 0]]).tours
    assert tour.tolist() == [0, 1, 2, 3]
    assert not violations(tsp, Instance(SQUARE, end=2), [[1, 2, 3, 0]])


def test_a_walk_to_another_end_has_at_least_two_nodes():
    to_end = Instance(LINE, prizes=[0, 4, 0], max_length=9, end=2, problem="op")
    for tour in ([], [0], [2]):
        assert violations(problem_of(to_end), to_end, [tour]) == ("tour 0: expected a walk from 1 to 3",)


def test_laws_that_a_problem_does_not_read_change_nothing():
    both = replace(QUEUES, prizes=[0, 1, 1], problem="op")
    assert check(get_problem("op"), both, [[0, 1, 2]]).objective == 2


def test_a_problem_by_its_name_is_refused():
    with pytest.raises(
        ValueError, match=r"problem: 'tsp', expected a Problem \(tsp\.problems\.get_problem gives one\)"
    ):
        check("tsp", Instance(SQUARE), [[0, 1, 2, 3]])


def test_no_time_was_used_where_none_is_stated():
    assert check(get_problem("tsp"), Instance(SQUARE), [[0, 1, 2, 3]]).seconds == 0
    assert Solution((), None, feasible=False).seconds == 0


def test_an_end_that_cannot_be_reached_in_time_is_allowed_only_where_a_session_may_end_late():
    there = replace(DAY, end=2, max_length=4.0)  # the end is 5 away
    found = violations(problem_of(there), there, [[0, 2]])
    assert found == ("tour 0: is at 3 at 5, expected 4 at the latest, to be back in time",)
    late = replace(there, late_price=0.5)
    assert violations(problem_of(late), late, [[0, 2]]) == ()
