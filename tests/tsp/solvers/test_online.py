from dataclasses import replace

import numpy as np
import pytest
from brute_force import best_by_enumeration, feasible_solutions
from instances import tiny_instance

from tsp.budget import SHORTEST, Budget
from tsp.instance import Instance, Realization, Underway
from tsp.problems import get_problem
from tsp.solution import check, no_answer
from tsp.solvers.online import play, play_all

SPCTSP = get_problem("spctsp")


class Planner:
    """The best plan by enumeration, in batches; records the instances."""

    name = "planner"
    one_shot = True

    def __init__(self, seconds=0.0, silent_after=None):
        self.seconds, self.silent_after = seconds, silent_after
        self.requests = []
        self.limits = []

    def supports(self, problem):
        return problem.name != "tsp"

    def solve(self, problem, instances, budget, *, initial=None, candidates=None, report=None):
        self.requests.append(list(instances))
        self.limits.append(budget.time_limit)
        self.initial = initial
        if self.silent_after is not None and len(self.requests) > self.silent_after:
            return [no_answer(seconds=self.seconds, solver=self.name) for _ in instances]
        return [
            replace(
                min(feasible_solutions(problem, instance).values(), key=lambda s: s.objective), seconds=self.seconds
            )
            for instance in instances
        ]


class Searcher(Planner):
    """A `Planner` that uses all of its time."""

    one_shot = False

    def solve(self, problem, instances, budget, **kwargs):
        answers = super().solve(problem, instances, budget, **kwargs)
        return [replace(answer, seconds=budget.time_limit) for answer in answers]


def game(seed, n=5):
    instance = tiny_instance(SPCTSP, seed, n)
    real = instance.prizes * 2 * np.random.default_rng(seed).random(n)
    return instance, Realization(real)


GAMES = [game(seed) for seed in range(8)]


def test_a_tour_goes_on_after_its_first_visits_as_one_that_made_them_does():
    instance, real = GAMES[0]
    whole, part = Planner(), Searcher()
    (alone,) = play_all(whole, SPCTSP, [instance], [real], Budget(1.0))
    first = alone.tours[0].tolist()[1:2]
    (answer,) = play_all(part, SPCTSP, [instance], [real], Budget(1.0), begun=[first])
    assert answer.tours[0].tolist() == alone.tours[0].tolist()
    assert [r[0].underway.visited for r in part.requests] == [r[0].underway.visited for r in whole.requests[1:]]
    assert part.limits[0] == pytest.approx(1.0 / (instance.size - len(first)))  # the time is for all plans


def test_real_prizes_count_and_are_known_only_after_the_visit():
    planner = Planner()
    instances, realizations = zip(*GAMES, strict=True)
    answers = play_all(planner, SPCTSP, instances, realizations, Budget(1.0))
    for instance, real, answer in zip(instances, realizations, answers, strict=True):
        assert answer.feasible, answer.violations
        again = check(SPCTSP, instance, answer.tours, realization=real)
        assert answer.objective == again.objective
        assert answer.solver == "planner"
    for request in (request for step in planner.requests for request in step):
        i = [instance.name for instance in instances].index(request.name)
        visited = [] if request.underway is None else list(request.underway.visited)
        others = np.setdiff1d(np.arange(request.size), visited)
        assert (request.prizes[visited] == realizations[i].prizes[visited]).all()
        assert (request.prizes[others] == instances[i].prizes[others]).all()
        # the answer's tour begins with the visits of each request
        assert answers[i].tours[0].tolist()[1 : 1 + len(visited)] == visited


@pytest.mark.parametrize("seed", range(8))
def test_a_tour_whose_real_prizes_are_the_expected_ones_is_optimal(seed):
    instance, _ = game(seed)
    answer = play(Planner(), SPCTSP, instance, Realization(instance.prizes), Budget(1.0))
    assert answer.objective == pytest.approx(best_by_enumeration(SPCTSP, instance)[0])


def test_low_real_prizes_lengthen_the_tour_and_high_ones_shorten_it():
    points = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    given = {"penalties": np.zeros(4), "prizes": np.array([0.0, 0.5, 0.5, 0.5]), "min_prize": 1.0}
    instance = Instance(points, **given)
    poor = play(Planner(), SPCTSP, instance, Realization(np.array([0.0, 0.1, 0.1, 0.1])), Budget(1.0))
    assert poor.feasible
    assert sorted(poor.tours[0].tolist()) == [0, 1, 2, 3]
    rich = play(Planner(), SPCTSP, instance, Realization(np.array([0.0, 1.0, 1.0, 1.0])), Budget(1.0))
    assert len(rich.tours[0]) == 2


def test_all_tours_that_are_not_over_are_planned_together():
    planner = Planner()
    instances, realizations = zip(*GAMES, strict=True)
    answers = play_all(planner, SPCTSP, instances, realizations, Budget(1.0))
    sizes = [len(step) for step in planner.requests]
    assert sizes[0] == len(GAMES)
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= max(len(answer.tours[0]) for answer in answers)


def test_the_time_limit_is_for_all_plans_of_a_tour_together():
    searcher = Searcher()
    instance, real = game(3, 6)
    answer = play(searcher, SPCTSP, instance, real, Budget(2.0))
    assert answer.seconds == pytest.approx(sum(searcher.limits))
    assert answer.seconds <= 2.0 + 1e-9
    assert searcher.limits[0] == pytest.approx(2.0 / 6)
    assert searcher.initial is not None


@pytest.mark.parametrize("planner", [Planner, Searcher])
def test_each_decision_has_its_time_until_that_of_the_tour_is_used_up(planner):
    instance, real = game(3, 6)
    solver = planner()
    play(solver, SPCTSP, instance, real, Budget(5.0, decision_time=0.5))
    assert len(solver.limits) > 2
    assert set(solver.limits) == {0.5}
    short = planner(seconds=0.5)
    play(short, SPCTSP, instance, real, Budget(0.7, decision_time=0.5))
    assert short.limits[:2] == [0.5, pytest.approx(0.2)]


def test_a_one_shot_solver_gets_no_initial_solution():
    planner = Planner()
    play(planner, SPCTSP, *GAMES[0], Budget(1.0))
    assert planner.initial is None


def test_a_search_without_time_left_continues_its_latest_plan():
    class Spendthrift(Planner):
        one_shot = False

    instance = Instance(
        np.random.default_rng(0).random((5, 2)), prizes=np.ones(5), penalties=np.zeros(5), min_prize=4.0
    )
    solver = Spendthrift(seconds=9.0)
    answer = play(solver, SPCTSP, instance, Realization(np.ones(5)), Budget(1.0))
    assert answer.feasible
    assert len(solver.requests) == 1


def test_the_latest_plan_is_continued_where_there_is_no_new_one():
    instance = Instance(
        np.random.default_rng(0).random((5, 2)), prizes=np.ones(5), penalties=np.zeros(5), min_prize=4.0
    )
    solver = Planner(silent_after=1)
    answer = play(solver, SPCTSP, instance, Realization(np.ones(5)), Budget(1.0))
    assert answer.feasible
    assert not play(Planner(silent_after=0), SPCTSP, instance, Realization(np.ones(5)), Budget(1.0)).feasible


def test_a_search_without_a_plan_is_called_again_with_more_time():
    class NoPlanAtFirst(Searcher):
        def solve(self, problem, instances, budget, **kwargs):
            self.silent_after = None if self.requests else 0
            return super().solve(problem, instances, budget, **kwargs)

    slow = NoPlanAtFirst()
    answer = play(slow, SPCTSP, *GAMES[3], Budget(2.0))
    assert answer.feasible
    assert slow.limits[1] > slow.limits[0]
    assert answer.seconds == pytest.approx(sum(slow.limits))
    assert answer.seconds <= 2.0 + len(slow.limits) * SHORTEST


def test_a_search_that_never_finds_a_plan_is_called_a_few_times_only():
    silent = Planner(silent_after=0)
    silent.one_shot = False
    assert not play(silent, SPCTSP, *GAMES[3], Budget(2.0)).feasible
    assert len(silent.requests) < 5


def test_problems_and_instances_that_cannot_be_played_online_are_refused():
    instance, real = GAMES[0]
    with pytest.raises(ValueError, match="does not support problem 'tsp'"):
        play(Planner(), get_problem("tsp"), instance, real, Budget(1.0))
    with pytest.raises(ValueError, match="'cvrp': expected one tour that collects prizes"):
        play(Planner(), get_problem("cvrp"), instance, real, Budget(1.0))
    with pytest.raises(ValueError, match="is under way"):
        play(Planner(), SPCTSP, replace(instance, underway=Underway((1,))), real, Budget(1.0))


@pytest.mark.parametrize("one_shot", [True, False])
def test_every_plan_and_at_last_the_tour_with_its_real_prizes_are_reported(one_shot):
    planner = Planner()
    planner.one_shot = one_shot
    instances, realizations = zip(*GAMES[:3], strict=True)
    seen = []
    answers = play_all(
        planner, SPCTSP, instances, realizations, Budget(1.0), lambda i, solution: seen.append((i, solution))
    )
    for i, answer in enumerate(answers):
        own = [solution for position, solution in seen if position == i]
        assert len(own) >= 2
        assert all(solution.feasible and solution.solver == "planner" for solution in own)
        assert own[-1].objective == answer.objective


def test_an_interruption_leaves_the_plan_that_was_reported_last():
    best = {}

    class Interrupted(Planner):
        def solve(self, *arguments, **options):
            if len(self.requests) == 2:
                raise KeyboardInterrupt
            return super().solve(*arguments, **options)

    with pytest.raises(KeyboardInterrupt):
        play_all(Interrupted(), SPCTSP, *zip(GAMES[3], strict=True), Budget(1.0), best.__setitem__)
    assert best[0].feasible


def test_a_one_shot_solver_gets_no_more_time_than_the_tour_has():
    slow = Planner(seconds=2.0)
    assert play(slow, SPCTSP, *GAMES[3], Budget(2.0)).feasible
    assert slow.limits[0] <= 2.0
    assert set(slow.limits[1:]) <= {SHORTEST}  # it may ask how to go on where the plan ends
