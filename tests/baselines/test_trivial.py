import numpy as np
import pytest
from brute_force import best_by_enumeration
from instances import CERTAIN, tiny_instance

from baselines.trivial import solve_trivial
from tsp.instance import Instance
from tsp.problems import SplitDelivery, get_problem


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("problem", CERTAIN.values(), ids=CERTAIN)
def test_up_to_three_nodes_are_solved_to_the_optimum(problem, n):
    for seed in range(12):
        instance = tiny_instance(problem, seed, n)
        found, (best, _) = solve_trivial(problem, instance), best_by_enumeration(problem, instance)
        if problem.rule(SplitDelivery):
            assert found is None
        else:
            assert found is not None
            assert found.objective == best
            assert found.proved_optimal or found.objective in (None, 0.0)


def test_larger_instances_are_not_solved_by_enumeration():
    assert solve_trivial(get_problem("tsp"), Instance(np.zeros((4, 2)))) is None


def test_optional_nodes_are_left_out_where_that_is_best():
    instance = Instance([[0, 0], [0, 1], [0, 9]], prizes=[0, 1, 5], max_length=4.0)
    found = solve_trivial(get_problem("op"), instance)
    assert found.tours[0].tolist() == [0, 1]
