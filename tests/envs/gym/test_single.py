"""`RoutingGymEnv`: it passes Gymnasium's own checks, and rewards agree with the checker."""

from dataclasses import replace
from itertools import permutations

import gymnasium
import numpy as np
import pytest
import torch
from brute_force import best_by_enumeration, feasible_solutions
from episodes import env_id, play, random_legal, rounded_instance, sign
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from instances import tiny_instance

from envs.gym import RoutingGymEnv, RoutingVectorEnv
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS
from tsp.solution import check

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


@EVERY_PROBLEM
@pytest.mark.parametrize("size", [1, 7])
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


@EVERY_PROBLEM
@pytest.mark.parametrize("seed", range(4))
def test_rewards_of_drawn_instances_sum_to_the_checkers_objective_with_its_sign(problem, seed):
    env = RoutingGymEnv(problem, size=6)
    rewards, _, info = play(env, random_legal(seed), seed=seed)
    solution = check(PROBLEMS[problem], env.instance, env.tours(), realization=env.realization)
    assert solution.feasible != info.get("infeasible", False)
    if solution.feasible:
        assert -sign(problem) * sum(rewards) == pytest.approx(solution.objective, rel=1e-12)
        assert info["objective"] == pytest.approx(solution.objective, rel=1e-12)


@EVERY_PROBLEM
@pytest.mark.parametrize("seed", range(8))  # another end, a matrix, rounded distances: see `tiny_instance`
def test_rewards_of_a_given_instance_sum_to_the_checkers_objective_with_its_sign(problem, seed):
    instance = tiny_instance(problem, seed, 5)
    env = RoutingGymEnv(problem, instance=instance)
    for start in range(3):
        rewards, _, info = play(env, random_legal(10 * seed + start))
        solution = check(PROBLEMS[problem], instance, env.tours())
        assert solution.feasible != info.get("infeasible", False)
        if solution.feasible:
            expected = solution.objective if seed % 2 == 0 else pytest.approx(solution.objective, rel=1e-12, abs=1e-12)
            assert -sign(problem) * sum(rewards) == expected  # of whole numbers exactly


def test_each_step_pays_its_leg_and_the_last_one_the_way_home_too():
    env = RoutingGymEnv(instance=Instance([[0, 0], [0, 3], [4, 3], [4, 0]], metric="EUC_2D"))
    env.reset()
    assert [env.step(node)[1] for node in (1, 0, 2, 3)] == [0, -3, -5, -3 - 5]


def test_each_prize_is_paid_when_it_is_collected_and_the_rest_at_the_end():
    instance = tiny_instance("pctsp", 0, 4)
    instance = replace(instance, min_prize=1.0)
    env = RoutingGymEnv("pctsp", instance=instance)
    env.reset()
    assert env.step(2)[1] == -instance.distances[0, 2]
    assert env.step(0)[1] == -instance.distances[2, 0] - instance.penalties[[1, 3]].sum()
    env = RoutingGymEnv("op", instance=replace(tiny_instance("op", 0, 4), max_length=1e9))
    env.reset()
    assert [env.step(node)[1] for node in (3, 1, 0)] == [*env.instance.prizes[[3, 1]], 0]


@EVERY_PROBLEM
@pytest.mark.parametrize("seed", [0, 3])
def test_an_illegal_action_ends_the_episode_and_is_worse_than_any_legal_one(problem, seed):
    instance = tiny_instance(problem, seed, 4)
    env = RoutingGymEnv(problem, instance=instance)
    before, info = env.reset()
    rewards = []
    while info["action_mask"].all():
        before, reward, *_, info = env.step(3)
        rewards.append(reward)
    observation, reward, terminated, truncated, info = env.step(np.flatnonzero(info["action_mask"] == 0)[0])
    assert (terminated, truncated) == (True, False)
    assert info["illegal"] is True
    assert not {"objective", "tour", "infeasible"} & info.keys()
    assert observation["visited"].tolist() == before["visited"].tolist()
    assert not info["action_mask"].any()
    best, names = best_by_enumeration(PROBLEMS[problem], instance)
    values = [check(PROBLEMS[problem], instance, tours).objective for tours in names]
    assert best is not None
    assert sum(rewards) + reward < min(-sign(problem) * value for value in values)
    with pytest.raises(ResetNeeded):
        env.step(1)


@pytest.mark.parametrize("name", ["opst", "opq"])
@pytest.mark.parametrize("seed", range(4))
def test_a_late_end_is_paid_and_an_illegal_action_is_worse(name, seed):
    instance = replace(tiny_instance(name, seed, 5), problem=name, late_price=50.0)
    env, problem = RoutingGymEnv(problem_of(instance), instance=instance), problem_of(instance)
    for start in range(3):
        rewards, *_ = play(env, random_legal(10 * seed + start))
        assert sum(rewards) == pytest.approx(check(problem, instance, env.tours()).objective, rel=1e-12, abs=1e-12)
    _, info = env.reset()
    while info["action_mask"].all():
        *_, info = env.step(int(np.flatnonzero(np.arange(5) != instance.finish)[0]))
    _, reward, *_ = env.step(np.flatnonzero(info["action_mask"] == 0)[0])
    assert reward < min(solution.objective for solution in feasible_solutions(problem, instance).values())


def late(closes):
    """Nodes in a line, 10 apart; node 1 may close too early."""
    windows = np.array([[0, 100], [0, closes], [0, 100], [0, 100]])
    points = np.array([[0, 0], [10, 0], [20, 0], [30, 0]])
    return Instance(points, time_windows=windows, service_times=[0, 0, 0, 0], metric="EUC_2D")


def test_a_dead_end_is_reported_and_is_worse_than_any_solution():
    env = RoutingGymEnv("tsptw", instance=late(5))
    observation, info = env.reset()
    assert info["action_mask"].tolist() == [1, 0, 0, 0]  # to stay
    observation, reward, terminated, _, info = env.step(0)
    assert terminated
    assert info["infeasible"] is True
    assert "objective" not in info
    assert info["tour"].tolist() == [0, 0, 0, 0]
    assert reward < -60
    assert observation["visited"].tolist() == [1, 0, 0, 0]
    assert play(RoutingGymEnv("tsptw", instance=late(10)), random_legal(0))[2]["objective"] == 60


def test_a_dead_end_before_the_last_visit_is_reported_too():
    windows = np.array([[0, 100], [0, 100], [20, 30], [20, 30]])  # no way visits 2 and 3 in time
    instance = replace(late(100), time_windows=windows, coordinates=np.array([[0, 0], [1, 0], [10, 0], [-10, 0]]))
    env = RoutingGymEnv("tsptw", instance=instance)
    rewards, _, info = play(env, random_legal(0))
    assert info["infeasible"] is True
    assert len(rewards) > 1
    assert sum(rewards) < -100


@pytest.mark.parametrize("action", [-1, 5, 1.0, [1, 2], "1", None], ids=repr)
def test_an_action_that_is_no_node_is_refused(action):
    env = RoutingGymEnv(size=5)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"expected a node from 0 to 4|expected integers"):
        env.step(action)
    assert env.step(np.int64(3))[0]["current"] == 3  # the episode continues


def test_steps_before_a_reset_and_after_the_end_are_refused():
    env = RoutingGymEnv(size=2)
    with pytest.raises(ResetNeeded, match="call reset before step"):
        env.step(0)
    play(env, random_legal(0))
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_the_seed_alone_fixes_the_instances():
    one, other = RoutingGymEnv(size=6), RoutingGymEnv(size=6)
    first = [one.reset(seed=seed)[0]["coordinates"] for seed in (7, None, None)]
    torch.rand(3)
    again = [other.reset(seed=seed)[0]["coordinates"] for seed in (7, None, None)]
    assert np.array_equal(first, again)
    assert len(np.unique(first, axis=0)) == 3
    assert not np.array_equal(first[0], one.reset(seed=8)[0]["coordinates"])


def test_instances_are_drawn_from_the_distribution():
    observation, _ = RoutingGymEnv(size=30, distribution="hall").reset(seed=0)
    walked, flown = observation["distances"], observation["coordinates"][:, None] - observation["coordinates"]
    assert (walked >= np.sqrt((flown**2).sum(-1)) - 1e-6).all()
    assert np.abs(walked - np.abs(flown).sum(-1)).max() > 0.1  # there are walls
    env = RoutingGymEnv("op", size=6, distribution="uniform-const")
    assert env.reset(seed=0)[0]["features"][:, 0].tolist() == [0, 1, 1, 1, 1, 1, 1]


SHOWN = {
    "tsp": {"first"},
    "atsp": {"first", "distances"},
    "shpp": {"first", "kinds"},
    "op": {"kinds", "features", "context"},
    "optw": {"kinds", "features", "context", "node_context"},
    "op10": {"kinds", "features", "context"},
    "top": {"kinds", "features", "context"},
    "pctsp": {"kinds", "features", "context"},
    "spctsp": {"kinds", "features", "context"},
    "opst": {"kinds", "features", "context", "node_context"},
    "opq": {"kinds", "features", "context", "node_context"},
    "dop": {"kinds", "features", "context", "node_context"},
    "tsptw": {"kinds", "features", "context", "node_context"},
    "tsptw-makespan": {"kinds", "features", "context", "node_context"},
    "cvrp": {"kinds", "features", "context"},
    "sdvrp": {"kinds", "features", "context", "node_context"},
    "cvrptw": {"kinds", "features", "context", "node_context"},
    "vrptw": {"kinds", "features", "context", "node_context"},
    "mtsp": {"kinds", "context"},
}
ALWAYS = {"coordinates", "current", "visited", "action_mask"}


@EVERY_PROBLEM
def test_the_observation_has_the_fields_of_the_problem_and_no_empty_ones(problem):
    observation, _ = RoutingGymEnv(problem, size=5).reset(seed=0)
    assert set(observation) == ALWAYS | SHOWN[problem]
    assert all(np.size(value) > 0 for value in observation.values())


@EVERY_PROBLEM
def test_a_drawn_instance_has_all_attributes_of_its_problem(problem):
    env = RoutingGymEnv(problem, size=5)
    env.reset(seed=0)
    PROBLEMS[problem].validate(env.instance)
    assert env.instance.problem == problem
    assert (env.instance.matrix is not None) == (problem == "atsp")


def test_a_matrix_is_shown_in_sides_of_the_square():
    matrix = np.array([[0, 5, 9], [1, 0, 2], [4, 7, 0]])
    env = RoutingGymEnv(instance=Instance(matrix=matrix))
    assert env.reset()[0]["distances"] == pytest.approx(matrix / 9)


def test_hidden_prizes_are_not_shown_but_count():
    env = RoutingGymEnv("spctsp", size=8)
    observation, _ = env.reset(seed=0)
    expected, real = env.instance.prizes, env.realization.prizes
    assert observation["features"][:, 0] == pytest.approx(expected)
    assert np.abs(expected - real).max() > 0.01
    observation, *_ = env.step(3)
    assert observation["context"][0] == pytest.approx(1 - real[3])


def test_kinds_show_where_tours_start_and_end():
    instance = replace(tiny_instance("op", 1, 5), depot=2, end=4, max_length=100.0)
    env = RoutingGymEnv("op", instance=instance)
    observation, info = env.reset()
    assert observation["kinds"].tolist() == [0, 0, 1, 0, 2]
    assert observation["visited"].tolist() == [0, 0, 1, 0, 1]
    assert info["action_mask"].tolist() == [1, 1, 0, 1, 1]
    assert observation["current"] == 2
    observation, *_, info = env.step(0)
    assert env.tours() == [[2, 0]]
    *_, terminated, _, info = env.step(4)
    assert terminated
    assert info["tour"].tolist() == [0, 4, 4, 4, 4]
    assert env.tours() == [[2, 0, 4]]


def test_several_tours_go_through_the_depot():
    instance = Instance(np.eye(2)[[0, 1, 1]] * 10, metric="EUC_2D", demands=[0, 2, 2], capacity=3)
    env = RoutingGymEnv("cvrp", instance=instance)
    _, info = env.reset()
    assert info["action_mask"].tolist() == [0, 1, 1]
    observation, *_, info = env.step(1)
    assert info["action_mask"].tolist() == [1, 0, 0]
    assert observation["context"] == pytest.approx([1 / 3])
    *_, info = env.step(0)
    assert info["action_mask"].tolist() == [0, 0, 1]
    env.step(2)
    _, reward, terminated, _, info = env.step(0)
    assert terminated
    assert (reward, info["objective"]) == (-14, 4 * 14)
    assert env.tours() == [[0, 1], [0, 2]]


def test_a_given_instance_is_played_every_time_and_seen_in_the_unit_square():
    instance = Instance([[10, 10], [14, 10], [10, 12]])
    env = RoutingGymEnv(instance=instance)
    for seed in (0, None):
        assert env.reset(seed=seed)[0]["coordinates"].tolist() == [[0, 0], [1, 0], [0, 0.5]]
    assert env.instance is instance


def test_observations_follow_the_actions():
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
def test_at_the_end_info_has_the_tour_and_no_action_is_legal(size):
    _, observation, info = play(RoutingGymEnv(size=size), lambda mask: np.flatnonzero(mask)[-1])
    assert info["tour"].tolist() == list(range(size))[::-1]
    assert not info["action_mask"].any()
    assert observation["visited"].all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"problem": "tps"}, "unknown problem 'tps'; did you mean 'tsp'"),
        ({"distribution": "uniforn"}, "unknown distribution 'uniforn'; did you mean 'uniform'"),
        ({"distribution": "uniform-dost"}, "unknown distribution 'uniform-dost'; did you mean 'uniform-dist'"),
        ({"size": 0}, "size: 0, expected at least one node"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"instance": Instance(np.zeros((2, 3)), name="space")}, "space: a policy needs coordinates in the plane"),
        ({"problem": "op", "instance": Instance(np.eye(2), name="bare")}, "bare: problem 'op' needs a length limit"),
        ({"instance": Instance(np.eye(2), underway=Underway((1,)), name="on")}, "on: a tour is under way"),
        ({"instance": Instance(np.eye(2), fixed_edges=[[0, 1]], name="fixed")}, "fixed: it fixes 1 edge"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("adapter", [RoutingGymEnv, RoutingVectorEnv])
def test_unknown_names_are_refused_when_the_environment_is_made(adapter, arguments, message):
    with pytest.raises(ValueError, match=message):
        adapter(**arguments)


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
    assert reward < -4 * env.instance.distances.max()


@pytest.mark.parametrize("problem", ["tsp", "cvrp"])
def test_stock_maskable_ppo_trains_and_then_walks_a_legal_tour(problem):
    sb3_contrib = pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")
    env = gymnasium.make(env_id(problem), size=5)
    model = sb3_contrib.MaskablePPO(
        "MultiInputPolicy", env, n_steps=64, batch_size=32, n_epochs=2, seed=0, device="cpu"
    )
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(256)
    assert any(not torch.equal(p, q) for p, q in zip(before, model.policy.parameters(), strict=True))
    assert 5 <= model.ep_info_buffer[0]["l"] <= 10

    observation, info = env.reset(seed=1)
    ended = False
    while not ended:
        action, _ = model.predict(observation, action_masks=info["action_mask"].astype(bool))
        observation, _, ended, _, info = env.step(action)
    assert check(PROBLEMS[problem], env.unwrapped.instance, env.unwrapped.tours()).feasible


def test_best_return_over_all_tours_is_the_optimum():
    instance = rounded_instance(5)
    env = RoutingGymEnv(instance=instance)
    returns = [sum(play(env, iter_mask(order))[0]) for order in permutations(range(5))]
    assert max(returns) == -min(instance.tour_length(order) for order in permutations(range(5)))


def iter_mask(order):
    nodes = iter(order)
    return lambda _: next(nodes)
