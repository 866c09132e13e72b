import pytest
from brute_force import feasible_solutions
from instances import CERTAIN, tiny_instance
from ortools.sat.python import cp_model

from baselines.models.ortools_cpsat.builder import build_model
from baselines.models.ortools_cpsat.graph import make_graph
from tsp.budget import Clock
from tsp.problems import get_problem


@pytest.mark.parametrize("problem", CERTAIN)
@pytest.mark.parametrize("seed", range(4))
def test_an_initial_solution_is_a_solution_of_the_model_with_its_objective(problem, seed):
    problem, instance = get_problem(problem), tiny_instance(problem, seed, n=4 if problem == "sdvrp" else 5)
    graph = make_graph(problem, instance)
    for start in list(feasible_solutions(problem, instance).values())[::9]:
        if not start.tours or len(start.tours) > max(graph.circuits, 1) > 1:
            continue  # a solution with more deliveries than any best solution needs
        model = build_model(problem, instance, graph, Clock(30.0))
        model.hint(start)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.fix_variables_to_their_hinted_value = True
        assert solver.solve(model.cp) == cp_model.OPTIMAL
        value = solver.objective_value / model.objective.per
        if graph.detours:  # which are shorter than the start's legs
            assert value <= start.objective
        else:
            assert value == pytest.approx(start.objective, rel=1e-5)
