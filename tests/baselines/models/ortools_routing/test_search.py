import pytest
from brute_force import feasible_solutions
from instances import CERTAIN, tiny_instance

from baselines.models.ortools_routing.builder import build_model
from baselines.models.ortools_routing.search import as_routes
from baselines.models.ortools_routing.settings import Settings
from baselines.models.ortools_routing.solver import ORToolsSolver
from tsp.budget import Budget, Clock
from tsp.problems import SplitDelivery


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("problem", CERTAIN.values(), ids=lambda problem: problem.name)
def test_the_best_solution_of_every_problem_can_be_stated_as_an_initial_solution(problem, seed):
    instance = tiny_instance(problem, seed)
    allowed = feasible_solutions(problem, instance).values()
    pick = max if problem.objective.sense == "max" else min
    best = pick(allowed, key=lambda solution: solution.objective)
    seen = []
    (answer,) = ORToolsSolver().solve(
        problem, [instance], Budget(0.02), initial=[best], report=lambda _, solution: seen.append(solution)
    )
    assert not problem.is_better(best.objective, answer.objective)
    # Only better solutions are reported, and only a finer split is better.
    assert not seen or problem.rule(SplitDelivery) is not None
    model = build_model(problem, instance, Settings(), Clock(60), best)
    model.routing.CloseModel()
    assert model.routing.ReadAssignmentFromRoutes(as_routes(model, best), True) is not None
