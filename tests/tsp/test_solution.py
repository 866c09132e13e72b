import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsp.instance import Instance, Realization
from tsp.problems import PROBLEMS, LengthBudget, get_problem, with_objective
from tsp.solution import NO_ANSWER, Solution, check, is_preferable, no_answer

TSP = get_problem("tsp")
TRIANGLE = Instance([[0, 0], [3, 0], [3, 4]], names=("start", "poster", "coffee"))


def test_exactly_the_permutations_are_feasible_and_their_objective_is_the_sum_of_their_legs():
    matrix = np.array([[0, 2, 9, 5], [1, 0, 6, 4], [7, 3, 0, 8], [6, 2, 1, 0]])
    instance = Instance(matrix=matrix)
    for length in range(6):
        for tour in itertools.product(range(4), repeat=length):
            solution = check(TSP, instance, [tour])
            assert solution.feasible is (sorted(tour) == [0, 1, 2, 3])
            assert solution.feasible is (not solution.violations)
            if solution.feasible:
                legs = zip(tour, tour[1:] + tour[:1], strict=True)
                assert solution.objective == sum(matrix[a, b] for a, b in legs)
            else:
                assert solution.objective is None


@given(st.permutations(range(6)), st.integers(0, 5), st.integers(0, 5))
def test_a_closed_tour_is_returned_from_the_depot_on_regardless_of_its_first_node(tour, turn, depot):
    instance = Instance(np.random.default_rng(0).random((6, 2)), depot=depot)
    one, other = (check(TSP, instance, [t]) for t in (tour, tour[turn:] + tour[:turn]))
    assert one.tours[0][0] == depot
    assert one.tours[0].tolist() == other.tours[0].tolist()
    assert one.objective == other.objective


@pytest.mark.parametrize(
    ("tours", "sentence"),
    [
        ([], "0 tours, expected one"),
        ([[0], [1, 2]], "2 tours, expected one"),
        ([[]], "not visited: start, poster, coffee"),
        ([[0, 1]], "not visited: coffee"),
        ([[0, 1, 2, 1]], "visited more than once: poster"),
        ([[0, 1, 3]], "tour 0: node 4, counted from 1, is not one of 1 to 3"),
        ([[0, 1, -1]], "tour 0: node 0, counted from 1, is not one of 1 to 3"),
        ([[0.0, 1.0, 2.0]], "tour 0: expected a list of node numbers"),
        ([[0, 1, math.nan]], "tour 0: expected a list of node numbers"),
        ([["0", "1", "2"]], "tour 0: expected a list of node numbers"),
        ([[0, [1, 2]]], "tour 0: expected a list of node numbers"),
        ([[[0, 1, 2]]], "tour 0: expected a list of node numbers"),
        ([[0, 1, 2**70]], "tour 0: expected a list of node numbers"),
        ([3], "tours: 3 in place of tour 0, expected a list of tours, such as [[0, 2, 1]]"),
        (np.arange(3), "tours: 0 in place of tour 0, expected a list of tours, such as [[0, 2, 1]]"),
        (3, "tours: 3, expected a list of tours, such as [[0, 2, 1]]"),
        (None, "tours: None, expected a list of tours, such as [[0, 2, 1]]"),
        ("012", "tours: '012', expected a list of tours, such as [[0, 2, 1]]"),
        ([np.array([0, 2**63], dtype=np.uint64)], f"tour 0: node {2**63 + 1}, counted from 1, is not one of 1 to 3"),
        ([[True, False, True]], "tour 0: expected a list of node numbers"),
    ],
)
def test_each_violation_is_reported_in_a_sentence(tours, sentence):
    solution = check(TSP, TRIANGLE, tours)
    assert (solution.feasible, solution.objective, solution.violations) == (False, None, (sentence,))


def test_a_bound_without_an_objective_proves_nothing():
    assert not Solution((), None, False, bound=5.0).proved_optimal
    assert not Solution((), 5.0, True).proved_optimal
    assert Solution((), 5.0, True, bound=5.0).proved_optimal


LINE = Instance(
    [[0, 0], [3, 4], [6, 8], [0, -5]],
    free_end=True,
    demands=[0, 1, 1, 1],
    capacity=2,
    max_length=11,
    time_windows=[[1, 2], [0, 6], [0, 13], [0, 7]],
    service_times=[0, 0.5, 0.5, 0],
)
"""Three customers 5, 10 and 5 from the depot, which closes before anybody can be back."""


@pytest.mark.parametrize(("problem", "value"), [("cvrp", 15), ("cvrptw", 15), ("vrptw", 15), ("mtsp", 10)])
def test_a_tour_with_a_free_end_ends_at_its_last_customer(problem, value):
    solution = check(PROBLEMS[problem], LINE, [[0, 1, 2], [0, 3]])
    assert solution.violations == ()
    assert solution.objective == pytest.approx(value)
    assert check(PROBLEMS[problem], replace(LINE, free_end=False), [[0, 1, 2], [0, 3]]).objective != value


def test_with_a_free_end_the_last_visit_counts_and_the_way_back_does_not():
    limited = replace(PROBLEMS["cvrp"], rules=(*PROBLEMS["cvrp"].rules, LengthBudget()))
    assert check(limited, LINE, [[0, 1, 2], [0, 3]]).feasible
    shorter = replace(LINE, max_length=10.9)
    assert check(limited, shorter, [[0, 1, 2], [0, 3]]).violations == (
        "tour 0: is 10 long and visits take 1, expected at most 10.9",
    )
    last = with_objective(PROBLEMS["vrptw"], "makespan")
    assert check(last, LINE, [[0, 1, 2], [0, 3]]).objective == pytest.approx(1 + 5 + 0.5 + 5 + 0.5)


@pytest.mark.parametrize(("problem", "sentence"), [("tsp", "has closed tours"), ("shpp", "has a path, which ends")])
def test_a_free_end_is_refused_where_tours_do_not_leave_a_depot(problem, sentence):
    for judge in (lambda: check(PROBLEMS[problem], LINE, [[0, 1, 2, 3]]), lambda: PROBLEMS[problem].validate(LINE)):
        with pytest.raises(ValueError, match=f"problem '{problem}' {sentence}.*, expected no free end"):
            judge()


def test_a_violation_lists_at_most_five_nodes():
    (sentence,) = check(TSP, Instance(np.zeros((9, 2))), [[8]]).violations
    assert sentence == "not visited: 1, 2, 3, 4, 5 and 3 more"


def test_the_checker_neither_keeps_nor_changes_the_callers_array():
    mine = np.array([1, 2, 0])
    solution = check(TSP, TRIANGLE, [mine])
    mine[:] = 7
    assert solution.tours[0].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        solution.tours[0][0] = 1


def test_a_fixed_edge_must_be_walked_in_either_direction():
    square = Instance([[0, 0], [1, 0], [1, 1], [0, 1]], fixed_edges=[[0, 2]])
    assert check(TSP, square, [[0, 1, 2, 3]]).violations == ("fixed edge 1-3 is not used",)
    assert check(TSP, square, [[0, 2, 1, 3]]).feasible
    assert check(TSP, square, [[3, 1, 2, 0]]).feasible


@pytest.mark.parametrize(
    ("objective", "bound", "proved"),
    [
        (7542.0, 7542.0, True),
        (7542.0, 7541.0, False),
        (7542.0, None, False),
        (0.0, 0.0, True),
        (4e-9, 0.0, False),  # a whole instance of tiny units
        (4e9, 4e9 - 100, True),
        (4e9, 4e9 - 10_000, False),
    ],
)
def test_proved_optimal_means_that_bound_and_objective_meet_in_any_units(objective, bound, proved):
    assert Solution((), objective, True, bound=bound).proved_optimal is proved


@pytest.mark.parametrize("bound", [math.inf, -math.inf, math.nan])
def test_a_bound_that_is_not_finite_proves_nothing(bound):
    assert Solution((), 1.0, True, bound=bound).bound is None


def test_no_answer_is_an_infeasible_solution_that_says_so():
    solution = no_answer(seconds=2.0, solver="cpsat", bound=3.0)
    assert (solution.feasible, solution.objective, solution.violations) == (False, None, (NO_ANSWER,))
    assert (solution.seconds, solution.solver, solution.bound) == (2.0, "cpsat", 3.0)


def test_of_two_infeasible_answers_the_one_nearer_to_feasible_is_preferable():
    square = Instance([[0, 0], [9, 0], [9, 9], [0, 9]], prizes=np.ones(4), max_length=1.0)
    few, many = ([0, 1], [0, 1, 2])
    assert is_preferable(TSP, check(TSP, square, [many]), check(TSP, square, [few]))
    op = get_problem("op")
    assert is_preferable(op, check(op, square, [few]), check(op, square, [many]))
    nothing = no_answer(seconds=0.0, solver="")
    assert is_preferable(TSP, check(TSP, square, [few]), nothing)
    assert not is_preferable(TSP, nothing, check(TSP, square, [few]))
    assert is_preferable(TSP, check(TSP, square, [[0, 1, 2, 3]]), check(TSP, square, [many]))


def test_a_tour_over_a_missing_road_is_infeasible_and_both_nodes_are_named():
    instance = Instance(matrix=[[0, 1, np.nan], [2, 0, 3], [4, np.inf, 0]], names=("Acre", "Byre", "Croft"))
    assert check(TSP, instance, [[0, 1, 2]]).objective == 1 + 3 + 4
    solution = check(TSP, instance, [[0, 2, 1]])
    assert (solution.feasible, solution.objective) == (False, None)
    assert solution.violations == ("tour 0: goes from Acre to Croft, where there is no road (and 1 more of them)",)


@pytest.mark.parametrize(
    "amounts", [5, "x", [5], [[1]], [["a", "b", "c"]], [[0, 1, "1"]], [[0, [1], 1]], [[[0, 1, 1]]], [[0, 1, 1], [1]]]
)
def test_amounts_that_are_no_number_for_each_node_are_a_violation(amounts):
    instance = Instance([[0, 0], [1, 0], [0, 1]], demands=[0, 1, 1], capacity=2)
    found = check(get_problem("sdvrp"), instance, [[0, 1, 2]], amounts=amounts)
    assert found.violations == ("amounts: expected a number for each node of each tour",)
    assert check(get_problem("sdvrp"), instance, [[0, 1, 2]], amounts=[[0, 1, 1]]).feasible


@pytest.mark.parametrize("name", [name for name, row in PROBLEMS.items() if set(row.needs) - set(row.demanded)])
def test_an_instance_that_lacks_what_a_rule_reads_is_refused(name):
    with pytest.raises(ValueError, match=rf"corner: problem '{name}' needs .*, which it does not have"):
        check(get_problem(name), Instance([[0, 0], [1, 0], [0, 1]], name="corner"), [[0, 1, 2]])


def test_a_realization_of_another_size_or_type_is_refused():
    given = {"prizes": np.ones(3), "penalties": np.ones(3), "min_prize": 1.0}
    instance = Instance([[0, 0], [1, 0], [0, 1]], **given)
    with pytest.raises(ValueError, match=r"realization: prizes: shape \(2,\), expected \(3,\)"):
        check(get_problem("spctsp"), instance, [[0, 1]], realization=Realization(np.ones(2)))
    for prizes in (3, ["1", "2"], [1, -1], [1, np.nan], [[1, 2]]):
        with pytest.raises(ValueError, match=r"prizes.*expected"):
            Realization(prizes)


def test_amounts_follow_their_tours_where_these_are_rotated_or_dropped():
    instance = Instance([(0, 0), (1, 0), (2, 0)], demands=[0, 1, 2], capacity=3, problem="sdvrp")
    amounts = [[9], [2, 0, 1]]
    answer = check(PROBLEMS["sdvrp"], instance, [[0], [2, 0, 1]], amounts=amounts)
    assert answer.objective == 4
    assert [tour.tolist() for tour in answer.tours] == [[0, 1, 2]]
    assert [amount.tolist() for amount in answer.amounts] == [[0, 1, 2]]
    assert amounts == [[9], [2, 0, 1]]


@pytest.mark.parametrize(
    ("tour", "is_walk"),
    [([0, 1, 3], True), ([0, 3], True), ([0, 1, 2], False), ([0, 3, 1], False), ([1, 2, 3], False), ([0], False)],
)
def test_a_tour_that_ends_elsewhere_lists_its_start_first_and_its_end_last(tour, is_walk):
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0]], prizes=[0, 1, 1, 0], max_length=9.0, end=3)
    solution = check(get_problem("op"), instance, [tour])
    assert solution.feasible is is_walk
    assert is_walk or solution.violations[0].startswith("tour 0: expected a walk from ")


def test_a_feasible_answer_is_preferable_whatever_it_visits():
    top = get_problem("top")
    team = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], prizes=[0, 1, 1, 1], max_length=3, num_tours=2, problem="top")
    nothing, short, far = (check(top, team, tours) for tours in ([], [[0, 1]], [[0, 1, 2, 3]]))
    assert (nothing.feasible, short.feasible, far.feasible) == (True, True, False)
    for feasible in (nothing, short):
        assert is_preferable(top, feasible, far)
        assert not is_preferable(top, far, feasible)
    assert is_preferable(top, short, nothing)
    assert not is_preferable(top, short, short)
    worse, better = (check(TSP, Instance([[0, 0], [0, 1], [1, 1], [1, 0]]), [t]) for t in ([0, 2, 1, 3], [0, 1, 2, 3]))
    assert is_preferable(TSP, better, worse)
    assert not is_preferable(TSP, worse, better)


def test_an_infeasible_answer_is_not_preferable_to_one_like_it_and_a_reason_is_to_silence():
    square = Instance([[0, 0], [0, 1], [1, 1], [1, 0]])
    few = check(TSP, square, [[0, 1]])
    assert not is_preferable(TSP, few, few)
    silent, said = no_answer(seconds=1, solver="a"), no_answer(seconds=1, solver="a", reason="too many nodes")
    assert is_preferable(TSP, said, silent)
    assert not is_preferable(TSP, silent, said)


def test_more_visits_are_nearer_to_a_quota():
    quota = get_problem("pctsp")
    square = [[0, 0], [0, 1], [1, 1], [1, 0]]
    instance = Instance(square, prizes=[0, 1, 1, 1], penalties=[0, 1, 1, 1], min_prize=3, problem="pctsp")
    one, two = (check(quota, instance, [tour]) for tour in ([0, 1], [0, 1, 2]))
    assert (one.feasible, two.feasible) == (False, False)
    assert is_preferable(quota, two, one)
    assert not is_preferable(quota, one, two)
