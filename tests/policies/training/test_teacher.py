"""Labels: legal action sequences of the teacher's tours, the same from any process."""

import numpy as np
import pytest
import torch

from envs.generators import to_instances
from envs.routing_env import RoutingEnv
from policies.training.labelling import UNSOLVED, Labelling, draw_shard, label_shard
from policies.training.teacher import Teacher, shard_path
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import no_answer
from tsp.solvers.online import play_all
from tsp.solvers.registry import make

SOLVABLE = [name for name, row in PROBLEMS.items() if make("ls").supports(row) and not row.reveals]


def labelling(problem="tsp", **changes):
    default = {"distribution": "uniform", "sizes": (6, 8), "solver": "ls(kicks=20)", "time_limit": 60.0}
    return Labelling(problem, **(default | {"count": 4, "ways": 5, "seed": 3} | changes))


@pytest.mark.parametrize("problem", SOLVABLE)
def test_every_way_of_a_label_is_legal_and_costs_what_the_teacher_found(problem):
    own, env = labelling(problem), RoutingEnv(problem)
    batch = draw_shard(own, 0)
    actions = torch.from_numpy(label_shard(own, 0, make(own.solver))).long()
    assert actions.shape[:2] == (4, 5)
    trace = env.replay(batch, actions)
    assert not trace.forbidden.gather(-1, trace.actions[..., None]).any()
    cost, missed = env.judge(batch, actions)
    assert not missed.any()
    instances, _ = to_instances(problem, batch, "")
    found = make(own.solver).solve(get_problem(problem), instances, own_budget(own))
    expected = torch.tensor([env.sign * solution.objective for solution in found], dtype=cost.dtype)
    torch.testing.assert_close(cost, expected[:, None].expand(4, 5), rtol=2e-4, atol=2e-4)


PLAYED = {
    "spctsp": "ls(kicks=20)",
    "opst": "session-recourse(steps=50)",
    "opq": "session-recourse(steps=50)",
    "dop": "myopic(solver=ls(kicks=20))",
}
"""Problems in which values are revealed on the way, each with a teacher."""


@pytest.mark.parametrize("problem", PLAYED)
def test_a_label_of_a_real_day_is_what_the_teacher_does_without_knowing_it(problem):
    own, env = labelling(problem, solver=PLAYED[problem], sizes=(6,), ways=2), RoutingEnv(problem)
    batch = draw_shard(own, 0)
    actions = torch.from_numpy(label_shard(own, 0, make(own.solver))).long()
    trace = env.replay(batch, actions)
    assert not trace.forbidden.gather(-1, trace.actions[..., None]).any()
    assert torch.equal(actions[:, 0], actions[:, 1])  # another order would have seen other values
    instances, days = to_instances(problem, batch, "")
    found = play_all(make(own.solver), get_problem(problem), instances, days, own_budget(own))
    expected = torch.tensor([env.sign * solution.objective for solution in found], dtype=torch.double)
    torch.testing.assert_close(env.cost(batch, actions)[:, 0].double(), expected, rtol=2e-4, atol=2e-4)


def own_budget(own):
    from tsp.budget import Budget

    return Budget(own.time_limit, seed=own.seed)


def test_ways_of_a_closed_tour_begin_at_different_nodes_and_go_around_in_both_directions():
    own = labelling(ways=40)
    actions = label_shard(own, 0, make(own.solver))
    for ways in actions:
        assert len({row[0] for row in ways.tolist()}) > 3
        after = {row[(row.index(0) + 1) % len(row)] for row in ways.tolist()}
        assert len(after) == 2


def test_the_fullest_tours_come_first():
    own = labelling("cvrp", sizes=(12,), ways=3, order="fullest")
    batch, env = draw_shard(own, 0), RoutingEnv("cvrp")
    actions = torch.from_numpy(label_shard(own, 0, make(own.solver))).long()
    instances, _ = to_instances("cvrp", batch, "")
    for instance, ways in zip(instances, actions, strict=True):
        for way in ways:
            loads = [instance.demands[tour].sum() for tour in env.tours(way, instance)]
            assert len(loads) > 1
            assert loads == sorted(loads, reverse=True)


def test_a_shard_depends_on_its_number_and_the_seed_alone(tmp_path):
    own, cpu = labelling(), torch.device("cpu")
    solver = make(own.solver)
    with Teacher(own, tmp_path, shards=3, workers=2) as teacher:
        for index in (2, 0, 1):
            made = teacher.shard(index, cpu)
            assert torch.equal(made.label.actions, torch.from_numpy(label_shard(own, index, solver)).long())
            assert torch.equal(made.batch.coordinates, draw_shard(own, index).stretched().coordinates)
            assert made.batch.size == own.size(index)
    other = label_shard(labelling(seed=4), 0, solver)
    assert not np.array_equal(other, np.load(shard_path(teacher.folder, 0)))


def test_labels_of_other_settings_are_kept_apart(tmp_path):
    assert Teacher(labelling(), tmp_path, shards=1, workers=1).folder != (
        Teacher(labelling(sizes=(6,)), tmp_path, shards=1, workers=1).folder
    )


def test_a_shard_that_no_worker_makes_ends_in_a_message(tmp_path):
    with (
        Teacher(labelling(), tmp_path, shards=1, workers=1) as teacher,
        pytest.raises(ValueError, match="the workers that make labels ended without it"),
    ):
        teacher.shard(5, torch.device("cpu"))


@pytest.mark.parametrize(
    ("solver", "problem", "message"),
    [
        ("nope", "tsp", "teacher: unknown solver 'nope'"),
        ("ls(kicks=-1)", "tsp", "teacher: solver 'ls\\(kicks=-1\\)': kicks: -1, expected 0 or more"),
        ("nearest", "cvrp", "teacher: solver 'nearest' does not support problem 'cvrp'"),
    ],
)
def test_a_teacher_that_cannot_label_is_refused_where_it_is_made(tmp_path, solver, problem, message):
    with pytest.raises(ValueError, match=message):
        Teacher(labelling(problem, solver=solver), tmp_path, shards=1, workers=1)


def test_a_file_in_place_of_the_folder_of_labels_is_refused_by_name(tmp_path):
    (tmp_path / "labels").write_text("")
    with pytest.raises(ValueError, match="labels: a file, expected a folder of labels"):
        Teacher(labelling(), tmp_path / "labels", shards=1, workers=1)


def test_a_teacher_without_a_solution_is_named_in_the_message():
    own = labelling("cvrp", solver="ortools", time_limit=1e-3)
    with pytest.raises(ValueError, match="teacher 'ortools': no solution of shard 0"):
        label_shard(own, 0, NoAnswer())


class NoAnswer:
    name = "no-answer"

    def solve(self, problem, instances, budget):
        from tsp.solution import no_answer

        return [no_answer(seconds=0.0, solver=self.name) for _ in instances]


class SometimesLost:
    """A solver that finds no solution of every third instance."""

    name = "sometimes lost"

    def __init__(self, solver):
        self.solver = solver

    def solve(self, problem, instances, budget):
        found = self.solver.solve(problem, instances, budget)
        return [no_answer(seconds=0.0, solver="") if i % 3 == 0 else one for i, one in enumerate(found)]


def test_a_solved_instance_takes_the_place_of_one_without_a_solution(tmp_path):
    own = labelling()
    labels = label_shard(own, 0, SometimesLost(make(own.solver)))
    lost = (labels == UNSOLVED).all((1, 2))
    assert lost.tolist() == [i % 3 == 0 for i in range(own.count)]
    teacher = Teacher(own, tmp_path, shards=1, workers=1)
    teacher.folder.mkdir()
    np.save(shard_path(teacher.folder, 0), labels)
    batch, (actions, _) = teacher.shard(0, torch.device("cpu"))
    assert (batch.count, len(actions)) == (own.count, own.count)
    env = RoutingEnv(own.problem)
    whole = env.as_solved(draw_shard(own, 0))
    assert torch.equal(batch.coordinates[0], whole.coordinates[1])
    assert (env.judge(batch, actions)[1] == 0).all()
