"""Expert iteration: the teacher completes what the policy began."""

import numpy as np
import pytest
import torch

from envs.routing_env import RoutingEnv
from policies.checkpoint import PolicyInfo, save_policy
from policies.decoding import Sampling
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode
from policies.training.expert import Rounds, complete_shard, draw_round_shard, sample_shard
from policies.training.labelling import UNSOLVED, Labelling
from tsp.problems import PROBLEMS, TimeWindows
from tsp.solvers.registry import make

SOLVABLE = [name for name, row in PROBLEMS.items() if make("ls").supports(row) and not row.reveals]


PLAYED = {"spctsp": "ls(kicks=20)", "opq": "session-recourse(steps=50)", "dop": "myopic(solver=ls(kicks=20))"}
"""Problems in which values are revealed on the way, each with a teacher."""


def begun(problem, folder, sizes=(8,)):
    own = Labelling(problem, "uniform", sizes, PLAYED.get(problem, "ls(kicks=20)"), 60.0, 8, 1, 3)
    rounds = Rounds(str(folder), 2)
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=16), RoutingEnv(problem))
    save_policy(rounds.policy_path(1), policy, PolicyInfo(problem, (8, 9), "uniform", "", ""))
    return own, rounds, policy.env


@pytest.mark.parametrize("problem", [*SOLVABLE, *PLAYED])
def test_the_teacher_completes_what_the_policy_began(tmp_path, problem):
    own, rounds, env = begun(problem, tmp_path)
    actions, after = complete_shard(own, rounds, 1, 0, make(own.solver))
    solved = actions[:, 0, 0] != UNSOLVED
    assert solved.mean() >= (0.3 if PROBLEMS[problem].rule(TimeWindows) and PROBLEMS[problem].visits_all else 1.0)
    batch = draw_round_shard(own, 1, 0).rows(torch.from_numpy(np.flatnonzero(solved)))
    _, missed = env.judge(batch, torch.from_numpy(actions[solved]).long())
    assert not missed.any()
    assert (after[solved] < actions.shape[-1]).all()


def test_an_expert_shard_depends_on_its_number_and_the_policy_alone(tmp_path):
    own, rounds, _ = begun("cvrp", tmp_path)
    one, two, other = (complete_shard(own, rounds, 1, index, make(own.solver)) for index in (0, 0, 1))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])
    assert not np.array_equal(one[1], other[1])


def test_cuts_lie_anywhere_in_a_trajectory(tmp_path):
    own, rounds, _ = begun("tsp", tmp_path)
    cuts = np.concatenate([complete_shard(own, rounds, 1, i, make(own.solver))[1] for i in range(12)])
    assert set(cuts.tolist()) == set(range(1, 8))  # of eight nodes


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_policy_can_imitate_the_best_of_its_own_trajectories(tmp_path, problem):
    own, rounds, env = begun(problem, tmp_path)
    batch = draw_round_shard(own, 1, 0)
    costs = []
    for samples in (1, 64):
        actions, after = sample_shard(own, rounds._replace(samples=samples), 1, 0)
        assert not after.any()
        actions = torch.from_numpy(actions).long()
        trace = env.replay(batch, actions)
        assert not trace.forbidden.gather(-1, trace.actions[..., None]).any()
        costs.append(env.cost(batch, actions)[:, 0])
    assert costs[1].mean() < costs[0].mean()


def test_the_best_of_all_trajectories_is_the_optimum(tmp_path):
    own, rounds, env = begun("tsp", tmp_path, sizes=(5,))
    actions, _ = sample_shard(own, rounds._replace(samples=24), 1, 0)  # 4! orders of the others: drawn without repeats
    batch = draw_round_shard(own, 1, 0)
    generator = torch.Generator().manual_seed(0)
    policy = Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=16), env)
    many = decode(env, batch, policy.decoder, policy.prepare(batch), Sampling(), trajectories=500, generator=generator)
    found = env.cost(batch, torch.from_numpy(actions).long())[:, 0]
    torch.testing.assert_close(found, env.cost(batch, many).amin(1))
    assert len(set(actions[:, 0, 0].tolist())) > 1, "tours begin anywhere"
