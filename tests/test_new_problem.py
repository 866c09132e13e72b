"""A new problem of known rules is one row of the table: everything else follows from it."""

import pytest
import torch
from brute_force import best_by_enumeration

from baselines.models.ortools_cpsat.solver import CPSATSolver
from baselines.models.ortools_routing.solver import ORToolsSolver
from envs.generators import generate_set
from envs.gym import RoutingGymEnv
from policies.policy import PolicyConfig
from policies.solver import PolicySolver
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.trainer import Trainer
from tsp.budget import Budget
from tsp.problems import PROBLEMS, Capacity, LengthBudget, Objective, Problem, Shape, TimeWindows, VisitAtMostOnce
from tsp.solution import check

SAMPLES = Problem(
    name="samples",
    title="team orienteering with time windows and capacity",
    story="a group collects samples of what interests it, in one break, as many as each can carry",
    shape=Shape.TOURS,
    rules=(VisitAtMostOnce(), LengthBudget(), TimeWindows(), Capacity()),
    objective=Objective(("prize",), "max"),
    demanded=("num_tours",),
)


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setitem(PROBLEMS, SAMPLES.name, SAMPLES)


def drawn(count, size):
    instances, hidden = generate_set(SAMPLES.name, "uniform", size, count, seed=0)
    assert hidden is None
    for instance in instances:
        SAMPLES.validate(instance)
    return instances


def test_a_new_problem_is_learned_and_solved_by_a_policy(row, tmp_path):
    config = TrainConfig(
        problem=SAMPLES.name,
        size="8",
        instances=16 * 60,
        epoch_size=16 * 60,
        batch_size=16,
        starts=8,
        lr=3e-3,
        validation_instances=100,
        policy=PolicyConfig(layers=1, width=32, heads=4, feedforward=32),
    )
    start_run(config, tmp_path)
    run = Trainer(config, tmp_path)
    untrained = run.validate()
    run.run()
    assert run.validate() > 1.5 * untrained  # prizes; three times as much was measured

    instances = drawn(5, 8)
    solver = PolicySolver(path=str(tmp_path / "checkpoint-last.safetensors"), device="cpu")
    for instance, solution in zip(instances, solver.solve(SAMPLES, instances, Budget(10)), strict=True):
        assert check(SAMPLES, instance, solution.tours).objective == solution.objective > 0


def test_a_new_problem_is_solved_by_the_classical_solvers(row):
    instances = drawn(3, 4)
    routed = ORToolsSolver().solve(SAMPLES, instances, Budget(0.3))
    proved = CPSATSolver().solve(SAMPLES, instances, Budget(20))
    for instance, found, exact in zip(instances, routed, proved, strict=True):
        best, _ = best_by_enumeration(SAMPLES, instance)
        assert exact.proved_optimal
        assert exact.objective == pytest.approx(best)
        assert check(SAMPLES, instance, found.tours).objective == found.objective
        assert 0 < found.objective <= best + 1e-9


def test_a_new_problem_has_a_gymnasium_environment(row):
    env = RoutingGymEnv(SAMPLES.name, size=6)
    _, info = env.reset(seed=0)
    rewards, ended = [], False
    while not ended:
        action = torch.from_numpy(info["action_mask"]).nonzero()[-1].item()
        _, reward, ended, _, info = env.step(action)
        rewards.append(reward)
    assert check(SAMPLES, env.instance, env.tours()).objective == pytest.approx(sum(rewards))
