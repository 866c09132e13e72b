"""`RoutingVectorEnv`: it behaves as Gymnasium's own vectors do, and every row is worth what the checker says."""

import gymnasium
import numpy as np
import pytest
from episodes import env_id, sign
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from instances import tiny_instance

from envs.gym import RoutingVectorEnv
from tsp.problems import PROBLEMS
from tsp.solution import check

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def test_a_row_that_begins_again_gets_a_new_rule_state_and_no_other_row_does(started):
    env = RoutingVectorEnv(2, started, size=3)
    env.reset(seed=0)
    env.step(np.array([1, 0]))  # row 1 ends: it must start at node 1
    observations, *_ = env.step(np.array([0, 0]))
    assert observations["context"].tolist() == [[2], [0]]


@EVERY_PROBLEM
def test_a_vector_behaves_as_gymnasiums_own_one_of_single_environments(problem):
    arguments = {"num_envs": 3, "instance": tiny_instance(problem, 0, 5)}
    native = gymnasium.make_vec(env_id(problem), **arguments)
    theirs = gymnasium.make_vec(env_id(problem), vectorization_mode="sync", **arguments)
    assert native.observation_space == theirs.observation_space
    assert native.action_space == theirs.action_space
    assert native.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    rng = np.random.default_rng(0)
    seen, _ = native.reset(seed=0)
    expected, info = theirs.reset(seed=0)
    assert data_equivalence(seen, expected, exact=True)
    ends = 0
    for _ in range(40):
        actions = np.array([rng.choice(np.flatnonzero(m)) if m.any() else 0 for m in info["action_mask"]])
        illegal = rng.random(3) < 0.15  # some illegal actions, so that episodes end apart
        actions[illegal] = rng.integers(5, size=illegal.sum())
        *results, info = theirs.step(actions)
        *found, own_info = native.step(actions)
        for one, other in zip(found, results, strict=True):
            assert data_equivalence(one, other, exact=True)
        ends += found[2].sum()
        assert own_info.keys() == info.keys()
        for key in info:
            assert np.array_equal(own_info[key], info[key].astype(own_info[key].dtype))
    assert ends >= 10


@EVERY_PROBLEM
def test_every_row_of_a_vector_of_drawn_instances_is_worth_what_the_checker_says(problem):
    env, rng = RoutingVectorEnv(4, problem, size=4), np.random.default_rng(0)
    _, info = env.reset(seed=0)
    returns, ended, checked = np.zeros(4), np.zeros(4, dtype=bool), 0
    while checked < 12:
        returns[ended] = 0.0
        actions = [rng.choice(np.flatnonzero(mask)) if mask.any() else 0 for mask in info["action_mask"]]
        _, rewards, ended, _, info = env.step(np.array(actions))
        returns += rewards
        for row in np.flatnonzero(ended):
            hidden = env.realization(row)
            solution = check(PROBLEMS[problem], env.instance(row), env.tours(row), realization=hidden)
            checked += 1
            assert solution.feasible == info.get("_objective", np.zeros(4, dtype=bool))[row]
            if solution.feasible:
                assert -sign(problem) * returns[row] == pytest.approx(solution.objective, rel=1e-12)


def test_the_step_after_an_end_begins_a_new_episode_whatever_its_action():
    env = RoutingVectorEnv(2, size=2)
    first, _ = env.reset(seed=0)
    env.step(np.array([0, 1]))
    last, rewards, terminated, truncated, info = env.step(np.array([1, 0]))
    assert terminated.tolist() == [True, True]
    assert not truncated.any()
    assert -rewards == pytest.approx(info["objective"])
    begun, rewards, terminated, _, info = env.step(np.array([1, -7]))
    assert rewards.tolist() == [0, 0]
    assert not terminated.any()
    assert begun["current"].tolist() == [2, 2]
    assert info["action_mask"].all()
    assert "objective" not in info
    assert np.array_equal(first["coordinates"], last["coordinates"])
    assert not (first["coordinates"] == begun["coordinates"]).any()


def test_without_autoreset_ended_rows_are_reset_by_a_mask():
    env = RoutingVectorEnv(2, size=3, autoreset_mode="Disabled")
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert RoutingVectorEnv.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    with pytest.raises(ResetNeeded, match="reset every row"):
        env.reset(options={"reset_mask": np.array([True, False])})
    first, _ = env.reset(seed=0)
    env.step(np.array([0, 0]))
    *_, terminated, _, info = env.step(np.array([0, 1]))  # row 0 takes an illegal action
    assert terminated.tolist() == [True, False]
    assert info["illegal"].tolist() == info["_illegal"].tolist() == [True, False]
    with pytest.raises(ResetNeeded, match="row 0 has ended"):
        env.step(np.array([1, 2]))
    begun, info = env.reset(options={"reset_mask": terminated})
    assert begun["current"].tolist() == [3, 1]
    assert info["action_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert not (begun["coordinates"][0] == first["coordinates"][0]).any()
    assert np.array_equal(begun["coordinates"][1], first["coordinates"][1])
    *_, terminated, _, info = env.step(np.array([2, 2]))
    assert terminated.tolist() == info["_objective"].tolist() == [False, True]
    assert info["tour"][1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("mask", [[True], [1, 0], np.ones((2, 1), dtype=bool)], ids=repr)
def test_a_reset_mask_of_another_kind_is_refused(mask):
    env = RoutingVectorEnv(2, size=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"reset_mask: .* expected bool \(2,\)"):
        env.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("actions", [[0], [0, 9], [0.0, 1.0]], ids=repr)
def test_a_vector_refuses_actions_that_are_no_nodes(actions):
    env = RoutingVectorEnv(2, size=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"expected a node from 0 to 2|expected integers"):
        env.step(np.array(actions))


def test_unsupported_modes_are_refused():
    with pytest.raises(ValueError, match="SameStep is not offered"):
        RoutingVectorEnv(2, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="num_envs: 0"):
        RoutingVectorEnv(0)
