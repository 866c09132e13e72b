import numpy as np
import pytest
from brute_force import best_by_enumeration
from clocks import TickingClock
from hypothesis import given
from hypothesis import strategies as st
from instances import tiny_instance

from baselines.heuristics.genetic import GeneticAlgorithm, cross, mutate
from baselines.routes.model import model_of
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem

LONG = Budget(60.0)
ORDERS = st.integers(1, 12).flatmap(lambda m: st.tuples(st.permutations(range(m)), st.permutations(range(m))))


def state(seed):
    return np.array([seed], dtype=np.uint64)


@given(ORDERS, st.integers(0, 2**63))
def test_a_child_has_a_section_of_its_mother_and_the_rest_in_the_fathers_order(parents, seed):
    mother, father = (np.array(order, dtype=np.int32) for order in parents)
    m = len(mother)
    child, taken = np.full(m, -1, dtype=np.int32), np.zeros(m, dtype=np.int32)
    cross(mother, father, child, taken, state(seed))
    assert sorted(child.tolist()) == list(range(m))
    stretch = np.flatnonzero(taken[mother])
    assert (child[stretch] == mother[stretch]).all()
    rest = [node for node in father.tolist() if not taken[node]]
    others = [node for node in child.tolist() if not taken[node]]
    assert any(others == rest[i:] + rest[:i] for i in range(len(rest) + 1))


@given(st.permutations(range(8)), st.integers(0, 2**63))
def test_mutation_keeps_every_customer(order, seed):
    child = np.array(order, dtype=np.int32)
    mutate(child, state(seed))
    assert sorted(child.tolist()) == list(range(8))


@pytest.mark.parametrize("name", ["tsp", "shpp", "pctsp", "tsptw", "cvrp", "mtsp"])
def test_tiny_instances_are_solved_to_the_optimum(name):
    problem = get_problem(name)
    for seed in (1, 3, 4):
        instance = tiny_instance(problem, seed, 6)
        answer = GeneticAlgorithm(generations=100).solve(problem, [instance], LONG)[0]
        best, _ = best_by_enumeration(problem, instance)
        assert answer.objective == (None if best is None else pytest.approx(best))


def test_more_generations_are_better_and_the_seed_determines_the_answer():
    problem = get_problem("op")
    rng = np.random.default_rng(0)
    instance = Instance(rng.random((30, 2)), prizes=rng.random(30), max_length=2.0)
    few, more, again, other = (
        GeneticAlgorithm(generations=k).solve(problem, [instance], Budget(60.0, seed=seed))[0]
        for k, seed in ((0, 0), (60, 0), (60, 0), (60, 1))
    )
    assert more.objective > few.objective
    assert more.tours[0].tolist() == again.tours[0].tolist()
    assert more.tours[0].tolist() != other.tours[0].tolist()


def test_the_initial_solution_is_a_member_of_the_first_population():
    problem = get_problem("cvrp")
    rng = np.random.default_rng(0)
    instance = Instance(rng.random((25, 2)), demands=rng.random(25), capacity=3.0)
    good = GeneticAlgorithm(generations=150).solve(problem, [instance], LONG)[0]
    again = GeneticAlgorithm(generations=0).solve(problem, [instance], LONG, initial=[good])[0]
    assert again.objective <= good.objective


def test_invalid_options_of_the_genetic_algorithm_are_refused():
    for population in (2, 10**8):
        with pytest.raises(ValueError, match=f"population: {population}, expected more than 2 and at most 10000"):
            GeneticAlgorithm(population=population)
    with pytest.raises(ValueError, match="generations: -1, expected 0 or more"):
        GeneticAlgorithm(generations=-1)


@pytest.mark.parametrize("limit", [0.5, 5.0, 30.0])
def test_a_generation_is_left_when_the_time_is_up(limit, monkeypatch):
    monkeypatch.setattr("baselines.heuristics.genetic.DECODED", 100)  # one member between two readings
    instance, clock = tiny_instance("cvrp", 0, 12), TickingClock(limit)
    model = model_of(get_problem("cvrp"), instance)
    found = list(GeneticAlgorithm(population=1_000).search(model, clock, seed=0, initial=None))
    assert clock.readings < limit + 10  # a generation alone would take 1,000 readings
    assert bool(found) == (limit > 1)


def test_pieces_of_generations_change_nothing(monkeypatch):
    instance = tiny_instance("cvrp", 0, 12)

    def solved():
        return GeneticAlgorithm(population=20, generations=30).solve(get_problem("cvrp"), [instance], LONG)[0]

    whole = solved()
    monkeypatch.setattr("baselines.heuristics.genetic.DECODED", 100)
    assert [tour.tolist() for tour in solved().tours] == [tour.tolist() for tour in whole.tours]
