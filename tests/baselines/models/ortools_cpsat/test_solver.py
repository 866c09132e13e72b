import math
from dataclasses import replace
from functools import cache
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from brute_force import best_by_enumeration, feasible_solutions
from instances import CERTAIN, tiny_instance
from unknown_rule import UnknownRule

from baselines.models.ortools_cpsat.solver import MOST_NODES, CPSATSolver
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import (
    Capacity,
    LengthBudget,
    Objective,
    PrizeQuota,
    Problem,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import check
from tsp.solvers import Task

TSP = get_problem("tsp")
SOLVER = CPSATSolver()
SPLIT = [problem for problem in CERTAIN.values() if problem.rule(SplitDelivery)]
WHOLE = [problem for problem in CERTAIN.values() if problem not in SPLIT]
PRIZE = Objective(("prize",), "max")
POINTS = np.random.default_rng(1).random((25, 2))
ROWS = [
    Problem("op-cap", "", "", Shape.TOUR, (VisitAtMostOnce(), LengthBudget(), TimeWindows(), Capacity()), PRIZE),
    Problem("top-cap", "", "", Shape.TOURS, (VisitAtMostOnce(), TimeWindows(), Capacity()), PRIZE),
    Problem(
        "quota-team", "", "", Shape.TOURS, (VisitAtMostOnce(), PrizeQuota(), LengthBudget()), Objective(("length",))
    ),
    Problem("profits", "", "", Shape.TOURS, (VisitAtMostOnce(), Capacity()), Objective(("length", "penalties"))),
    Problem("fleet-tw", "", "", Shape.TOURS, (VisitOnce(), TimeWindows()), Objective(("makespan",)), ("num_tours",)),
    Problem("path-tw", "", "", Shape.PATH, (VisitOnce(), TimeWindows()), Objective(("makespan",))),
    Problem("cycle-tw", "", "", Shape.CYCLE, (VisitOnce(), TimeWindows(), LengthBudget()), Objective(("length",))),
]
"""Unnamed problems of known rules and terms."""


def solve(instance, problem=TSP, limit=30.0, **kwargs):
    return SOLVER.solve(problem, [instance], Budget(limit), **kwargs)[0]


def assert_best(problem, instance):
    best, _ = best_by_enumeration(problem, instance)
    answer = solve(instance, problem)
    assert (answer.objective is None) == (best is None)
    if best is not None:
        assert answer.objective == pytest.approx(best, rel=1e-6, abs=1e-12)
        assert answer.proved_optimal
        assert not problem.is_better(answer.objective, answer.bound)
    return answer


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("problem", WHOLE, ids=lambda problem: problem.name)
def test_proved_optimum_is_the_best_of_all_solutions(problem, seed):
    assert_best(problem, tiny_instance(problem, seed))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("problem", ROWS, ids=lambda problem: problem.name)
def test_new_problems_of_known_rules_are_proved_without_new_code(problem, seed):
    assert SOLVER.supports(problem)
    assert_best(problem, tiny_instance(problem, seed))


def shortest_split(instance):
    """The shortest way to deliver whole demands, by dynamic programming over the remaining demands."""
    n, depot, finish = instance.size, instance.depot, instance.finish
    customers = [node for node in range(n) if node not in (depot, finish)]
    distances = instance.distances

    @cache
    def trip(served):
        """Length of the shortest walk from the depot to the end that passes these nodes, and perhaps others."""
        least = dict.fromkeys(product(range(n), range(2 ** len(served))), math.inf)
        least[depot, 0] = 0.0
        for _ in range(len(least)):
            for (a, seen), length in list(least.items()):
                for b in range(n):
                    now = seen | (1 << served.index(b) if b in served else 0)
                    least[b, now] = min(least[b, now], length + distances[a, b])
        return least[finish, 2 ** len(served) - 1]

    @cache
    def rest(wanted, tours):
        if not any(wanted):
            return 0.0
        if tours == 0:
            return math.inf
        loads = [load for load in product(*(range(w + 1) for w in wanted)) if 0 < sum(load) <= instance.capacity]
        return min(
            trip(tuple(node for node, amount in zip(customers, load, strict=True) if amount))
            + rest(tuple(w - amount for w, amount in zip(wanted, load, strict=True)), tours - 1)
            for load in loads
        )

    wanted = tuple(int(instance.demands[node]) for node in customers)
    return rest(wanted, sum(wanted) if instance.num_tours is None else instance.num_tours)


@pytest.mark.parametrize("seed", range(16))
def test_split_deliveries_are_proved_as_short_as_possible(seed):
    instance = tiny_instance("sdvrp", seed, n=4)
    rng = np.random.default_rng(seed)
    capacity = float(rng.integers(2, 5))
    instance = replace(
        instance, demands=rng.integers(0, 5, 4), capacity=capacity, num_tours=[None, 2, 3][seed % 3], best_known=None
    )
    best, answer = shortest_split(instance), solve(instance, get_problem("sdvrp"))
    assert (answer.objective is None) == (best == math.inf)
    if answer.objective is not None:
        assert answer.objective == pytest.approx(best, rel=1e-6)
        assert answer.proved_optimal


@pytest.mark.parametrize("seed", range(1, 12, 2))
def test_split_deliveries_of_fractions_are_no_longer_than_greedy_deliveries(seed):
    problem, instance = get_problem("sdvrp"), tiny_instance("sdvrp", seed, n=4)
    best, _ = best_by_enumeration(problem, instance)
    answer = solve(instance, problem)
    assert answer.feasible == (best is not None)
    if best is not None:
        assert answer.proved_optimal
        assert answer.objective <= best * (1 + 1e-6)


def limits(problem, solution, instance):
    """For each limit of the instance: the value that this solution reaches exactly, and the tighter direction."""
    claim = check(problem, instance, solution.tours)
    lengths = [
        instance.path_length([*tour, tour[0]] if instance.finish == instance.depot else tour) for tour in claim.tours
    ]
    customers = [node for tour in claim.tours for node in tour if node not in (instance.depot, instance.finish)]
    if problem.rule(LengthBudget):
        yield "max_length", max(lengths), -1
    if problem.rule(PrizeQuota):
        yield "min_prize", instance.prizes[customers].sum(), +1
    if problem.rule(Capacity):
        loads = [
            sum(instance.demands[node] for node in tour if node not in (instance.depot, instance.finish))
            for tour in claim.tours
        ]
        yield "capacity", max(loads), -1


@pytest.mark.parametrize("off", [0.0, 5e-10, -5e-10, 3e-9, -3e-9, 1e-7])
@pytest.mark.parametrize("name", ["op", "top", "pctsp", "cvrp"])
def test_limits_agree_with_the_checker_to_the_last_digit(name, off):
    problem = get_problem(name)
    for seed in (1, 5):
        instance = tiny_instance(problem, seed)
        found = list(feasible_solutions(problem, instance).values())
        for solution in found[:: max(1, len(found) // 3)]:
            for limit, value, way in limits(problem, solution, instance) if solution.tours else ():
                at = replace(instance, **{limit: value * (1 + way * off)})
                if limit != "capacity" or at.capacity >= at.demands.max():
                    assert_best(problem, at)


@pytest.mark.parametrize("off", [0.0, -5e-10, -3e-9, -1e-7])
@pytest.mark.parametrize("name", ["tsptw", "tsptw-makespan", "optw"])
def test_time_windows_agree_with_the_checker_to_the_last_digit(name, off):
    problem = get_problem(name)
    for seed in (1, 9, 21):
        instance = tiny_instance(problem, 3 * seed)  # which close when a tour just comes
        windows = instance.time_windows.copy()
        windows[1:, 0] *= 0.5
        windows[:, 1] *= 1 + off
        windows[0, 1] = max(windows[0])
        assert_best(problem, replace(instance, time_windows=windows))


def test_a_solution_feasible_only_by_rounding_is_rejected_and_the_proof_still_holds(monkeypatch):
    # The node with the highest prize is 2e-9 too far, which is far less than a step.
    points = np.array([[0.0, 0.0], [math.pi, 0.0], [0.0, math.e], [-1.0, 0.5]])
    prizes, too_far = np.array([0.0, 5.0, 3.0, 1.0]), 2 * math.pi * (1 - 2.5e-9)
    accepted = []

    def watched(*args, **kwargs):
        solution = check(*args, **kwargs)
        accepted.append(solution.feasible)
        return solution

    monkeypatch.setattr("baselines.models.ortools_cpsat.search.check", watched)
    assert_best(get_problem("op"), Instance(points, prizes=prizes, max_length=too_far))
    assert not all(accepted)


def test_numbers_are_rounded_more_finely_where_the_optimum_is_not_recognized():
    # No tour visits the outlier, whose distance determines the size of a step.
    points = np.vstack([np.random.default_rng(0).random((6, 2)), [[1e6, 1e6]]])
    penalties = np.append(np.full(6, 10.0), 0.0)
    instance = Instance(points, prizes=np.ones(7), penalties=penalties, min_prize=0.0)
    nearby = Instance(points[:6])
    answer = solve(instance, get_problem("pctsp"))
    assert answer.proved_optimal
    assert answer.objective == pytest.approx(solve(nearby).objective)


def test_an_objective_of_zero_is_proved():
    instance = Instance(np.random.default_rng(0).random((6, 2)), prizes=np.ones(6), penalties=np.zeros(6), min_prize=0)
    answer = solve(instance, get_problem("pctsp"))
    assert answer.objective == answer.bound == 0
    assert answer.proved_optimal


@pytest.mark.parametrize(
    ("problem", "changes", "reason"),
    [
        ("tsptw", {"time_windows": np.array([[0, 9], [5, 6], [0, 0.5], [0, 9], [0, 9]])}, "3 closes at 0.5, "),
        ("tsptw", {"time_windows": np.array([[-9, -5], *[[0, 99]] * 4])}, "1 closes at -5, "),
        ("op", {"end": 1, "max_length": 0.0, "prizes": np.ones(5)}, "the shortest way from 1 to 2 is "),
        ("cvrp", {"num_tours": 1, "demands": np.ones(5), "capacity": 3.0}, "the demands sum to 4, but 1 tour"),
        ("shpp", {"end": 0}, "no solution keeps every rule, which is proved"),
    ],
)
def test_infeasibility_is_proved_and_its_reason_reported(problem, changes, reason):
    instance = Instance(np.arange(10.0).reshape(5, 2), **changes)
    assert best_by_enumeration(get_problem(problem), instance)[0] is None
    answer = solve(instance, get_problem(problem))
    assert answer.reasons[0].startswith(reason)
    assert answer.violations == answer.reasons


@pytest.mark.parametrize("problem", CERTAIN)
def test_reported_solutions_are_feasible_and_each_is_better_than_all_before(problem):
    problem, instance = get_problem(problem), tiny_instance(problem, 1 if problem != "sdvrp" else 3)
    found = sorted(feasible_solutions(problem, instance).values(), key=lambda solution: solution.objective)
    worst = found[-1] if problem.objective.sense == "min" else found[0]
    seen = [worst]
    answer = solve(instance, problem, initial=[worst], report=lambda i, solution: seen.append(solution))
    assert all(solution.feasible for solution in seen)
    assert all(problem.is_better(b.objective, a.objective) for a, b in pairwise(seen))
    assert seen[-1].objective == answer.objective


def test_without_time_the_initial_solution_is_the_answer():
    instance = Instance(np.random.default_rng(0).random((20, 2)))
    start = check(TSP, instance, [np.arange(20)])
    ended = Clock(1e-9)
    answer = SOLVER.solve_one(Task(TSP, instance, ended, initial=start))
    assert answer.objective == start.objective
    nothing = SOLVER.solve_one(Task(TSP, instance, ended))
    assert nothing.violations == ("no answer within the time limit",)


def test_too_many_nodes_are_refused_in_a_sentence():
    n = MOST_NODES + 1
    instance = Instance(np.random.default_rng(0).random((n, 2)))
    assert solve(instance).violations == (f"{n} nodes: cpsat solves at most {MOST_NODES}",)
    start = check(TSP, instance, [np.arange(n)])
    assert solve(instance, initial=[start]).objective == start.objective
    split = Instance(instance.coordinates[:200], demands=np.ones(200), capacity=2.0)
    assert "tours cpsat solves at most" in solve(split, get_problem("sdvrp")).violations[0]


@pytest.mark.parametrize(
    ("problem", "instance"),
    [
        ("op", Instance(POINTS, prizes=POINTS[:, 0], max_length=2.0)),
        ("mtsp", Instance(POINTS[:14], num_tours=3)),
        ("tsptw-makespan", Instance(POINTS[:12], time_windows=np.array([(opens / 4, 9.0) for opens in range(12)]))),
    ],
)
def test_without_a_proof_the_bound_is_no_worse_than_the_answer(problem, instance):
    problem = get_problem(problem)
    answer = solve(instance, problem, limit=3.0)  # a tenth of it is enough for a solution and a bound
    assert answer.objective is not None
    assert answer.bound is not None
    assert not problem.is_better(answer.objective, answer.bound)


def test_whole_numbers_are_proved_to_the_last_unit():
    instance = Instance(matrix=np.random.default_rng(3).integers(0, 50, (8, 8)))
    answer = solve(instance)
    tours = np.array([(0, *order) for order in permutations(range(1, 8))])
    assert answer.bound == answer.objective == instance.legs(tours, np.roll(tours, -1, axis=1)).sum(axis=1).min()


@pytest.mark.parametrize("factor", [1e-9, 1e9, 1e30])
@pytest.mark.parametrize("name", ["tsp", "pctsp", "cvrp", "tsptw-makespan"])
def test_numbers_of_any_size_are_proved(name, factor):
    problem, instance = get_problem(name), tiny_instance(name, 1)
    grown = {
        name: getattr(instance, name) * factor
        for name in ("time_windows", "service_times", "penalties")
        if getattr(instance, name) is not None
    }
    points = instance.coordinates * factor
    assert_best(problem, replace(instance, coordinates=points, **grown))


@pytest.mark.parametrize(
    ("shape", "rules", "objective"),
    [
        (Shape.CYCLE, (VisitOnce(), UnknownRule()), Objective(("length",))),
        (Shape.CYCLE, (VisitOnce(),), Objective(("beauty",))),
        (Shape.TOUR, (VisitAtMostOnce(),), Objective(("prize",), "min")),
        (Shape.TOUR, (VisitOnce(),), Objective(("length",), "max")),
        (Shape.CYCLE, (VisitAtMostOnce(),), Objective(("length",))),
        (Shape.TOURS, (SplitDelivery(),), Objective(("length",))),
        (Shape.TOURS, (SplitDelivery(), Capacity(), TimeWindows()), Objective(("length",))),
        (Shape.TOUR, (SplitDelivery(), Capacity()), Objective(("length",))),
        (Shape.TOUR, (LengthBudget(),), Objective(("length",))),
    ],
)
def test_a_problem_that_is_not_modelled_is_refused(shape, rules, objective):
    problem = Problem("odd", "", "", shape, rules, objective)
    assert not SOLVER.supports(problem)
    with pytest.raises(ValueError, match="solver 'cpsat' does not support problem 'odd'"):
        solve(tiny_instance("tsp", 0), problem)


def test_every_problem_of_the_table_is_supported():
    assert all(SOLVER.supports(problem) for problem in CERTAIN.values())


def test_the_description_states_the_number_of_workers():
    assert CPSATSolver(workers=2).describe(TSP, 20, 1.0) == "cpsat: 2 workers for each instance."
    for workers in (0, 10**8):
        with pytest.raises(ValueError, match=f"workers: {workers}, expected 1 to 256"):
            CPSATSolver(workers=workers)
