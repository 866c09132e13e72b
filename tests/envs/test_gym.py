"""The Gymnasium adapters: they pass Gymnasium's own checks, and what they pay is what the checker says."""

from dataclasses import dataclass
from itertools import permutations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode

from envs import rules
from envs.gym import RoutingGymEnv, RoutingVectorEnv
from tsp.instance import Instance
from tsp.problems import PROBLEMS, Objective, Problem, Rule, VisitOnce
from tsp.solution import check

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def env_id(problem):
    return f"tsp/{problem.upper()}-v0"


def rounded_instance(size=6, seed=0):
    return Instance(np.random.default_rng(seed).random((size, 2)) * 100, metric="EUC_2D", name="rounded")


def play(env, choose, seed=None):
    """One episode: its rewards, and the last observation and info."""
    observation, info = env.reset(seed=seed)
    rewards, ended = [], False
    while not ended:
        observation, reward, ended, truncated, info = env.step(choose(info["action_mask"]))
        assert not truncated
        rewards.append(reward)
    return rewards, observation, info


def random_legal(seed):
    rng = np.random.default_rng(seed)
    return lambda mask: rng.choice(np.flatnonzero(mask))


# --- the contract ---------------------------------------------------------------------------------


@EVERY_PROBLEM
@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_gymnasiums_own_check_passes_without_warnings(problem, size):
    check_env(gymnasium.make(env_id(problem), size=size).unwrapped)  # a warning is an error here


@EVERY_PROBLEM
def test_every_problem_has_an_id_and_no_limit_of_steps(problem):
    spec = gymnasium.spec(env_id(problem))
    assert spec.max_episode_steps is None
    assert isinstance(gymnasium.make(spec).unwrapped, RoutingGymEnv)
    assert isinstance(gymnasium.make_vec(spec, num_envs=2), RoutingVectorEnv)


def test_an_id_imports_the_module_that_registers_it():
    env = gymnasium.make("envs.gym:tsp/TSP-v0", size=5)
    assert env.action_space.n == 5


# --- rewards --------------------------------------------------------------------------------------


@EVERY_PROBLEM
@pytest.mark.parametrize("given", [None, rounded_instance()], ids=["drawn", "given"])
@pytest.mark.parametrize("seed", range(5))
def test_rewards_sum_to_the_checkers_objective_with_its_sign(problem, given, seed):
    env = RoutingGymEnv(problem, size=7, instance=given)
    rewards, _, info = play(env, random_legal(seed), seed=seed)
    solution = check(PROBLEMS[problem], env.instance, [info["tour"]])
    sign = 1 if PROBLEMS[problem].objective.sense == "min" else -1
    assert solution.feasible
    assert -sign * sum(rewards) == pytest.approx(solution.objective, rel=1e-14)
    assert info["objective"] == pytest.approx(solution.objective, rel=1e-14)
    assert given is None or -sign * sum(rewards) == solution.objective  # whole numbers: exactly


def test_each_step_pays_its_leg_and_the_last_one_the_way_home_too():
    env = RoutingGymEnv(instance=Instance([[0, 0], [0, 3], [4, 3], [4, 0]], metric="EUC_2D"))
    env.reset()
    assert [env.step(node)[1] for node in (1, 0, 2, 3)] == [0, -3, -5, -3 - 5]


@EVERY_PROBLEM
def test_an_illegal_action_ends_the_episode_and_is_worse_than_any_legal_one(problem):
    instance = rounded_instance(4)
    env = RoutingGymEnv(problem, instance=instance)
    legal = [sum(play(env, random_legal(seed))[0]) for seed in range(40)]
    env.reset()
    first = env.step(2)[1]
    observation, reward, terminated, truncated, info = env.step(2)
    assert (terminated, truncated) == (True, False)
    assert info["illegal"] is True
    assert "objective" not in info
    assert observation["visited"].tolist() == [0, 0, 1, 0]
    assert first + reward == -5 * instance.distances.max() < min(legal)
    with pytest.raises(ResetNeeded):
        env.step(1)


@pytest.mark.parametrize("action", [-1, 5, 1.0, [1, 2], "1", None], ids=repr)
def test_what_is_no_node_is_refused(action):
    env = RoutingGymEnv(size=5)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"expected a node from 0 to 4|expected integers"):
        env.step(action)
    assert env.step(np.int64(3))[0]["current"] == 3  # the episode goes on


def test_steps_before_a_reset_and_after_the_end_are_refused():
    env = RoutingGymEnv(size=2)
    with pytest.raises(ResetNeeded, match="call reset before step"):
        env.step(0)
    play(env, random_legal(0))
    with pytest.raises(ResetNeeded):
        env.step(0)


# --- instances and observations -------------------------------------------------------------------


def test_the_seed_alone_fixes_the_instances():
    one, other = RoutingGymEnv(size=6), RoutingGymEnv(size=6)
    first = [one.reset(seed=seed)[0]["coordinates"] for seed in (7, None, None)]
    torch.rand(3)
    again = [other.reset(seed=seed)[0]["coordinates"] for seed in (7, None, None)]
    assert np.array_equal(first, again)
    assert len(np.unique(first, axis=0)) == 3
    assert not np.array_equal(first[0], one.reset(seed=8)[0]["coordinates"])


def test_instances_come_from_the_distribution():
    coordinates = RoutingGymEnv(size=30, distribution="hall").reset(seed=0)[0]["coordinates"]
    assert coordinates[0] == pytest.approx([0.5, 0.02])


def test_a_given_instance_is_played_every_time_and_seen_in_the_unit_square():
    instance = Instance([[10, 10], [14, 10], [10, 12]])
    env = RoutingGymEnv(instance=instance)
    for seed in (0, None):
        assert env.reset(seed=seed)[0]["coordinates"].tolist() == [[0, 0], [1, 0], [0, 0.5]]
    assert env.instance is instance


def test_what_is_observed_follows_the_walk():
    env = RoutingGymEnv(size=4)
    observation, info = env.reset(seed=0)
    assert (observation["first"], observation["current"]) == (4, 4)
    assert observation["visited"].tolist() == [0, 0, 0, 0]
    assert info["action_mask"].tolist() == [1, 1, 1, 1]
    for node in (2, 0):
        observation, *_, info = env.step(node)
    assert (observation["first"], observation["current"]) == (2, 0)
    assert observation["visited"].tolist() == [1, 0, 1, 0]
    assert observation["action_mask"].tolist() == info["action_mask"].tolist() == [0, 1, 0, 1]
    assert env.action_masks().tolist() == [False, True, False, True]
    assert (info["action_mask"].dtype, env.action_masks().dtype) == (np.int8, np.bool_)


@pytest.mark.parametrize("size", [1, 3])
def test_at_the_end_info_has_the_tour_and_nothing_is_legal(size):
    _, observation, info = play(RoutingGymEnv(size=size), lambda mask: np.flatnonzero(mask)[-1])
    assert info["tour"].tolist() == list(range(size))[::-1]
    assert not info["action_mask"].any()
    assert observation["visited"].all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"problem": "tps"}, "unknown problem 'tps'; did you mean 'tsp'"),
        ({"distribution": "uniforn"}, "unknown distribution 'uniforn'; did you mean 'uniform'"),
        ({"size": 0}, "size: 0, expected at least one node"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"instance": Instance(matrix=np.ones((2, 2)), name="bare")}, "bare: a policy needs coordinates"),
        ({"instance": Instance(np.eye(2), fixed_edges=[[0, 1]], name="fixed")}, "fixed: it fixes 1 edge"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("adapter", [RoutingGymEnv, RoutingVectorEnv])
def test_what_there_is_not_is_refused_when_the_environment_is_made(adapter, arguments, message):
    with pytest.raises(ValueError, match=message):
        adapter(**arguments)


# --- a rule with a context and a fixed start ------------------------------------------------------


@dataclass(frozen=True)
class StartAt(Rule):
    node: int


class StartAtEnv:
    """Tours begin at a node; the policy sees how many steps were made."""

    context_features = 1

    def __init__(self, rule):
        self.rule = rule

    def start(self, batch, trajectories):
        return torch.zeros(batch.count, trajectories)

    def update(self, state, move):
        return state + 1

    def context(self, state, move):
        return state[..., None]

    def forbids_visit(self, state, move):
        elsewhere = torch.arange(move.visited.shape[-1]) != self.rule.node
        return (state[..., None] == 0) & elsewhere


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setitem(rules.RULES, StartAt, StartAtEnv)
    return Problem("started", "tour from a given start", "", "cycle", (VisitOnce(), StartAt(1)), Objective(("length",)))


def test_any_problem_made_of_rules_is_played_and_shows_their_context(started):
    env = RoutingGymEnv(started, size=4)
    check_env(env, skip_render_check=True, skip_close_check=True)
    observation, info = env.reset(seed=0)
    assert observation["context"].tolist() == [0]
    assert info["action_mask"].tolist() == [0, 1, 0, 0]
    observation, *_, info = env.step(1)
    assert observation["context"].tolist() == [1]
    assert info["action_mask"].tolist() == [1, 0, 1, 1]


def test_the_very_first_action_may_be_illegal(started):
    env = RoutingGymEnv(started, instance=rounded_instance(4))
    env.reset()
    _, reward, terminated, _, info = env.step(0)
    assert terminated
    assert info["illegal"]
    assert reward == -5 * env.instance.distances.max()


def test_a_renewed_row_gets_its_rules_state_anew_and_no_other_does(started):
    env = RoutingVectorEnv(2, started, size=3)
    env.reset(seed=0)
    env.step(np.array([1, 0]))  # row 1 ends: it must start at node 1
    observations, *_ = env.step(np.array([0, 0]))
    assert observations["context"].tolist() == [[2], [0]]


# --- vectors --------------------------------------------------------------------------------------


@EVERY_PROBLEM
def test_a_vector_behaves_as_gymnasiums_own_one_of_single_environments(problem):
    arguments = {"num_envs": 3, "instance": rounded_instance(5)}
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
        astray = rng.random(3) < 0.15  # some illegal actions, so that episodes end apart
        actions[astray] = rng.integers(5, size=astray.sum())
        *results, info = theirs.step(actions)
        *found, own_info = native.step(actions)
        for one, other in zip(found, results, strict=True):
            assert data_equivalence(one, other, exact=True)
        ends += found[2].sum()
        for key in ("action_mask", "objective", "tour", "illegal"):
            assert (key in own_info) == (key in info)
            if key in info:
                assert np.array_equal(own_info[f"_{key}"], info[f"_{key}"])
                assert np.array_equal(own_info[key], info[key].astype(own_info[key].dtype))
    assert ends > 10


def test_the_step_after_an_end_begins_anew_whatever_its_action():
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
    *_, terminated, _, info = env.step(np.array([0, 1]))  # row 0 goes astray
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
def test_a_vector_refuses_what_is_no_node(actions):
    env = RoutingVectorEnv(2, size=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"expected a node from 0 to 2|expected integers"):
        env.step(np.array(actions))


def test_modes_that_are_not_offered_are_refused():
    with pytest.raises(ValueError, match="SameStep is not offered"):
        RoutingVectorEnv(2, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="num_envs: 0"):
        RoutingVectorEnv(0)


# --- pictures -------------------------------------------------------------------------------------


def test_frames_show_the_way_so_far():
    env = RoutingGymEnv(size=5, render_mode="rgb_array")
    env.reset(seed=0)
    frames = [env.render()]
    for node in range(5):
        env.step(node)
        frames.append(env.render())
    for frame in frames:
        assert (frame.shape, frame.dtype) == ((600, 600, 3), np.uint8)
    blue = np.array([43, 108, 176])  # the line's colour
    drawn = [int((frame == blue).all(-1).sum()) for frame in frames]
    assert 0 == drawn[0] < drawn[2] < drawn[3] < drawn[4]
    assert not np.array_equal(frames[4], frames[5])


def test_a_vector_gives_a_frame_of_every_row():
    env = RoutingVectorEnv(2, instance=rounded_instance(), render_mode="rgb_array")
    env.reset()
    env.step(np.array([0, 1]))
    frames = env.render()
    assert len(frames) == 2
    assert not np.array_equal(*frames)


def test_without_a_render_mode_there_is_no_picture_but_a_warning():
    env = RoutingGymEnv(size=3)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="no render mode was given"):
        assert env.render() is None


# --- a stock agent --------------------------------------------------------------------------------


def test_stock_maskable_ppo_trains_and_then_walks_a_legal_tour():
    sb3_contrib = pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")
    env = gymnasium.make("tsp/TSP-v0", size=5)
    model = sb3_contrib.MaskablePPO(
        "MultiInputPolicy", env, n_steps=64, batch_size=32, n_epochs=2, seed=0, device="cpu"
    )
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(256)
    assert any(not torch.equal(p, q) for p, q in zip(before, model.policy.parameters(), strict=True))
    assert model.ep_info_buffer[0]["l"] == 5

    observation, info = env.reset(seed=1)
    ended = False
    while not ended:
        action, _ = model.predict(observation, action_masks=info["action_mask"].astype(bool))
        observation, _, ended, _, info = env.step(action)
    assert sorted(info["tour"]) == list(range(5))


def test_best_return_over_all_tours_is_the_optimum():
    instance = rounded_instance(5)
    env = RoutingGymEnv(instance=instance)
    returns = [sum(play(env, iter_mask(order))[0]) for order in permutations(range(5))]
    assert max(returns) == -min(instance.tour_length(order) for order in permutations(range(5)))


def iter_mask(order):
    nodes = iter(order)
    return lambda _: next(nodes)
