"""Split deliveries under way, compared with a plain enumeration, and bounds where nodes demand nothing."""

from dataclasses import replace
from itertools import chain, combinations, combinations_with_replacement, pairwise, permutations, product

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.instance import Instance, Underway
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.registry import make

SDVRP = get_problem("sdvrp")
CAPACITY = 4.0


def sets_of(nodes):
    return list(chain.from_iterable(combinations(nodes, k) for k in range(len(nodes) + 1)))


def can_deliver(left, tours):
    """Whether the tours, each a set of nodes and a room, can deliver all that is left (by Gale's theorem)."""
    for chosen in sets_of([node for node, amount in left.items() if amount > 0]):
        if sum(left[node] for node in chosen) > sum(room for nodes, room in tours if set(nodes) & set(chosen)) + 1e-9:
            return False
    return True


def best_by_plain_enumeration(instance, begun):
    """The optimum over all sets of nodes that the tours on their way and new ones visit next."""
    left = dict(enumerate(instance.demands.tolist()))
    state = []  # where each tour is, what room it has, and how long it is
    for tour in begun:
        room = CAPACITY
        for node in tour.visited:
            amount = min(room, left[node])
            room, left[node] = room - amount, left[node] - amount
        walked = sum(instance.distances[a, b] for a, b in pairwise([0, *tour.visited]))
        state.append((tour.visited[-1], room if tour.load is None else CAPACITY - tour.load, walked))
    places = [node for node, amount in left.items() if amount > 0]
    choices = sets_of(places)

    def onward(start, nodes):
        return min(sum(instance.distances[a, b] for a, b in pairwise([start, *way, 0])) for way in permutations(nodes))

    cost = {(start, nodes): onward(start, nodes) for start in range(instance.size) for nodes in choices}
    most = sum(int(np.ceil(left[node] / CAPACITY)) for node in places)
    if instance.num_tours is not None:
        most = min(most, instance.num_tours - len(begun))
    best = None
    for count in range(most + 1):
        for new in combinations_with_replacement(choices[1:], count):
            fixed = sum(cost[0, nodes] for nodes in new)
            for kept in product(choices, repeat=len(state)):
                ways = [walked + cost[at, nodes] for (at, _, walked), nodes in zip(state, kept, strict=True)]
                value = fixed + sum(ways)
                if best is not None and value >= best:
                    continue
                rooms = [(nodes, room) for nodes, (_, room, _) in zip(kept, state, strict=True)]
                if can_deliver(left, [*rooms, *((nodes, CAPACITY) for nodes in new)]):
                    best = value
    return best


def drawn(seed):
    """Four nodes with one tour or two on their way, some without a load, some from a node that wants more."""
    rng = np.random.default_rng([seed, 3])
    demands = rng.integers(0, 7, 4).astype(float)
    demands[0] = 0.0
    demands[1] = demands[1] if seed % 3 else 0.0
    loads = [None, 0.0, 1.0, 0.0]
    begun = [Underway((1,), load=loads[seed % 4])]
    if seed % 2:
        begun.append(Underway((2, 1) if demands[1] > 4 else (2,), load=loads[(seed // 2) % 4]))
    given = {"num_tours": 4} if seed % 5 == 0 else {}
    instance = Instance(rng.integers(0, 20, (4, 2)).astype(float), demands=demands, capacity=CAPACITY, **given)
    return instance, begun


@pytest.mark.parametrize("seed", range(16))
def test_split_deliveries_continue_as_a_plain_enumeration_does(seed):
    instance, begun = drawn(seed)
    best = best_by_plain_enumeration(instance, begun)
    require_best(instance, begun, best)


def require_best(instance, begun, best):

    instance = replace(instance, underway=replace(begun[0], others=tuple(begun[1:])))
    for spec, seconds in {"cpsat": 10.0, "ortools": 0.2, "bound": 0.2, "ortools+cpsat": 0.3}.items():
        solver = make(spec)
        solver.warm_up(SDVRP)
        (found,) = solver.solve(SDVRP, [instance], Budget(seconds))
        assert found.bound is None or best is None or found.bound <= best * (1 + 1e-6), spec
        if spec != "bound":
            assert found.feasible == (best is not None), (spec, found.violations)
            assert best is None or found.objective == pytest.approx(best, rel=1e-6), spec
        if spec == "cpsat" and best is not None:  # which has the time to prove it, on any machine
            assert found.bound == pytest.approx(best, rel=1e-5), spec


LINE = {"coordinates": np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [3.0, 0.0]])}


@pytest.mark.parametrize(
    ("demands", "begun", "best"),
    [
        ([0, 0, 5, 2, 1], Underway((1,)), 8 + np.sqrt(10)),
        ([0, 0, 5, 2, 1], Underway((1,), load=0.5), 10 + np.sqrt(10)),
        ([0, 3, 5, 2, 0], Underway((1, 2), load=0.0), 4 + 2 * np.sqrt(10)),
    ],
)
def test_a_tour_without_a_load_goes_on(demands, begun, best):
    require_best(Instance(**LINE, demands=np.array(demands, dtype=float), capacity=CAPACITY), [begun], best)


def test_more_load_is_never_better():
    instance = Instance(**LINE, demands=np.array([0.0, 3.0, 5.0, 2.0, 0.0]), capacity=CAPACITY)
    found = [best_by_plain_enumeration(instance, [Underway((1, 2), load=load)]) for load in (0.0, 1.0, 2.0, 4.0)]
    assert found == sorted(found)
    for load, best in zip((0.0, 1.0, 2.0, 4.0), found, strict=True):
        require_best(instance, [Underway((1, 2), load=load)], best)


def test_a_far_node_without_a_demand_does_not_raise_the_bound():
    instance = Instance(
        np.array([[0.0, 0.0], [100.0, 0.0], [2.0, 0.0], [3.0, 1.0]]),
        demands=np.array([0.0, 0.0, 5.0, 2.0]),
        capacity=4.0,
    )
    (found,) = make("bound").solve(SDVRP, [instance], Budget(0.5))
    best = check(SDVRP, instance, [[0, 2], [0, 2, 3]]).objective
    assert best == pytest.approx(6 + np.sqrt(2) + np.sqrt(10))
    assert 0 < found.bound <= best


def test_an_initial_plan_of_a_tour_with_a_stated_load_is_kept():
    begun = Underway((1, 2), load=1.0)
    instance = Instance(**LINE, demands=np.array([0.0, 3.0, 5.0, 2.0, 0.0]), capacity=CAPACITY, underway=begun)
    plan = check(SDVRP, instance, [[0, 1, 2, 3], [0, 2]])
    assert plan.feasible
    (found,) = make("ortools").solve(SDVRP, [instance], Budget(0.01), initial=[plan])
    assert found.feasible
    assert found.objective <= plan.objective
