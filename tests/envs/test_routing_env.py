"""`RoutingEnv`: the checker accepts trajectories that the masks allow, in batches as alone; see `test_referee`."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import tiny_instance
from torch.utils._pytree import tree_leaves

from envs import limits
from envs.batch import from_coordinates, from_instances
from envs.generators import generate, to_instances
from envs.routing_env import RoutingEnv, spread_starts
from tsp.instance import Instance
from tsp.problems import PROBLEMS
from tsp.solution import check

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
SEED = st.integers(0, 2**32 - 1)
MANY = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 39)), min_size=1, max_size=4)
"""Sizes and seeds of tiny instances, which come in all kinds: other depots and ends, matrices, whole numbers."""


def tiny_batch(problem, drawn):
    return [tiny_instance(problem, seed, size) for size, seed in drawn]


def walk_at_random(env, batch, trajectories, seed):
    """Actions `[B, P, T]` drawn among those that the masks allow, and the state at their end."""
    generator = torch.Generator().manual_seed(seed)
    state, actions = env.reset(batch, trajectories), []
    for _ in range(env.horizon(batch)):
        allowed = (~env.observe(state).forbidden).float()
        assert allowed.any(-1).all(), "some trajectory has no allowed node"
        action = torch.multinomial(allowed.flatten(0, 1), 1, generator=generator).view(batch.count, trajectories)
        actions.append(action)
        state = env.step(state, action)
    assert state.finished.all()
    return torch.stack(actions, -1), state


def agree(env, instances, batch, actions, state, realizations=None):
    """Every trajectory has the checker's objective, and is infeasible where the checker says so."""
    values, missed = env.objective(batch, actions), env.missed(batch, actions)
    for i, instance in enumerate(instances):
        hidden = None if realizations is None else realizations[i]
        for p, trajectory in enumerate(actions[i]):
            solution = check(env.problem, instance, env.tours(trajectory, instance), realization=hidden)
            assert solution.feasible == (not state.dead[i, p] and missed[i, p] == 0), solution.violations
            if solution.feasible:
                assert values[i, p].item() == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)


@EVERY_PROBLEM
@settings(max_examples=12)
@given(drawn=MANY, seed=SEED)
def test_trajectories_in_a_padded_batch_agree_with_the_checker(problem, drawn, seed):
    env, instances = RoutingEnv(problem), tiny_batch(problem, drawn)
    batch = from_instances(instances)
    actions, state = walk_at_random(env, batch, 3, seed)
    agree(env, instances, batch, actions, state)


PLACES = ["uniform", "clusters", "hall", "uniform-const", "uniform-unif", "uniform-easy", "uniform-hard"]


@EVERY_PROBLEM
@settings(max_examples=6)
@given(size=st.integers(1, 25), distribution=st.sampled_from(PLACES), seed=SEED)
def test_trajectories_in_generated_instances_agree_with_the_checker(problem, size, distribution, seed):
    env = RoutingEnv(problem)
    drawn = generate(problem, distribution, 3, size, torch.Generator().manual_seed(seed))
    instances, realizations = to_instances(problem.name, drawn, "drawn")
    for instance in instances:
        problem.validate(instance)
    batch = from_instances(instances, realizations=realizations)
    actions, state = walk_at_random(env, batch, 2, seed)
    agree(env, instances, batch, actions, state, realizations)


@EVERY_PROBLEM
@settings(max_examples=12)
@given(drawn=MANY, seed=SEED)
def test_padded_instances_behave_as_they_do_alone(problem, drawn, seed):
    env, instances = RoutingEnv(problem), tiny_batch(problem, drawn)
    batch = from_instances(instances)
    actions, _ = walk_at_random(env, batch, 3, seed)
    together, cost, missed = env.replay(batch, actions), env.cost(batch, actions), env.missed(batch, actions)
    for i, instance in enumerate(instances):
        own, n = from_instances([instance]), instance.size
        steps = env.horizon(own) if problem.shape.has_depot else n
        alone = env.replay(own, actions[i : i + 1, :, :steps])
        assert together.forbidden[i, ..., n:].all(), "a padded node is allowed"
        assert torch.equal(together.forbidden[i, :, :steps, :n], alone.forbidden[0])
        for name in ("first", "last"):
            seen, expected = getattr(together, name)[i, :, :steps], getattr(alone, name)[0]
            assert torch.equal(torch.where(seen == batch.size, n, seen), expected)
        if together.context is not None:
            torch.testing.assert_close(together.context[i, :, :steps], alone.context[0])
        if together.node_context is not None:
            torch.testing.assert_close(together.node_context[i, :, :steps, :n], alone.node_context[0])
        stays = actions[i, :, steps - 1 :]
        assert (stays == stays[..., :1]).all(), "a finished trajectory moves"
        torch.testing.assert_close(cost[i : i + 1], env.cost(own, actions[i : i + 1, :, :steps]))
        assert torch.equal(missed[i], env.missed(own, actions[i : i + 1, :, :steps])[0])


@EVERY_PROBLEM
@pytest.mark.parametrize("distribution", ["uniform", "hall", "uniform-hard"])
def test_masks_of_float32_batches_are_those_of_float64_away_from_the_border(problem, distribution, monkeypatch):
    env = RoutingEnv(problem)
    single = generate(problem, distribution, 20, 20, torch.Generator().manual_seed(3))
    double = single.map(lambda x: x.double() if x.is_floating_point() else x)
    actions, _ = walk_at_random(env, single, 4, 0)
    found = env.replay(single, actions).forbidden

    def shifted(by):
        """The masks of float64 where every limit is changed by a little."""
        with monkeypatch.context() as patch:
            patch.setattr(limits, "slack", lambda limit: by * limit.abs().clamp(min=1.0))
            return env.replay(double, actions).forbidden

    stricter, looser = shifted(-2e-5), shifted(2e-5)
    sure = stricter == looser
    assert torch.equal(found[sure], stricter[sure])
    assert sure.float().mean() > 0.99


@EVERY_PROBLEM
@settings(max_examples=8)
@given(drawn=MANY, seed=SEED, data=st.data())
def test_a_given_prefix_is_the_same_as_stepping_by_hand(problem, drawn, seed, data):
    env = RoutingEnv(problem)
    batch = from_instances(tiny_batch(problem, drawn))
    length = data.draw(st.integers(0, env.horizon(batch)))
    prefix = walk_at_random(env, batch, 2, seed)[0][..., :length]
    given_state, state = env.reset(batch, 2, prefix), env.reset(batch, 2)
    for action in prefix.unbind(-1):
        state = env.step(state, action)
    for one, other in zip(env.observe(given_state), env.observe(state), strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
    assert torch.equal(given_state.finished, state.finished)


@pytest.mark.parametrize(
    ("problem", "prefix", "step"),
    [("tsp", [0, 1, 0], 2), ("tsp", [3], 0), ("tsp", [0, 1, 2, 2, 1], 4), ("op", [1, 1], 1), ("cvrp", [1, 0, 0], 2)],
    ids=["visited", "padding", "after the end", "visited, from a depot", "an empty tour"],
)
def test_a_prefix_that_is_not_allowed_is_refused(problem, prefix, step):
    instances = [tiny_instance(problem, 0, 3), tiny_instance(problem, 8, 4)]
    batch = from_instances(instances).rows(slice(0, 1))
    with pytest.raises(ValueError, match=f"prefix: step {step} goes to a node that is not allowed there"):
        RoutingEnv(problem).reset(batch, 1, torch.tensor(prefix).view(1, 1, -1))


def test_the_first_observation_has_no_node_and_later_ones_have_the_first_and_the_last():
    env = RoutingEnv("tsp")
    state = env.reset(from_coordinates(torch.rand(1, 4, 2)), 2)
    seen = env.observe(state)
    assert seen.first.tolist() == seen.last.tolist() == [[4, 4]]
    assert not seen.forbidden.any()
    for action in ([2, 0], [3, 1]):
        state = env.step(state, torch.tensor([action]))
    seen = env.observe(state)
    assert seen.first.tolist() == [[2, 0]]
    assert seen.last.tolist() == [[3, 1]]
    assert seen.forbidden[0].tolist() == [[False, False, True, True], [True, True, False, False]]
    assert state.move.origin.tolist() == [[2, 0]]


def test_tours_start_at_the_depot_and_the_next_one_starts_there_again():
    instance = Instance(np.eye(4)[:, :2], demands=[0, 1, 1, 1], capacity=1, end=3)
    env = RoutingEnv("cvrp")
    state = env.reset(from_instances([instance]))
    assert env.observe(state).last.tolist() == [[0]]
    for action, here in ((1, 1), (3, 0), (2, 2)):
        state = env.step(state, torch.tensor([[action]]))
        assert env.observe(state).last.tolist() == [[here]]
    state = env.step(state, torch.tensor([[3]]))
    assert state.finished.all()
    assert env.tours(torch.tensor([1, 3, 2, 3, 3]), instance) == [[0, 1, 3], [0, 2, 3]]


@EVERY_PROBLEM
def test_states_are_immutable(problem):
    env = RoutingEnv(problem)
    state = env.reset(from_instances([tiny_instance(problem, 0, 5)]), 3)
    before = [x.clone() for x in env.observe(state) if x is not None]
    env.step(state, (~env.observe(state).forbidden).long().argmax(-1))
    after = [x for x in env.observe(state) if x is not None]
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))


@EVERY_PROBLEM
def test_replay_returns_the_observation_before_every_step(problem):
    env, batch = RoutingEnv(problem), from_instances([tiny_instance(problem, 0, 4), tiny_instance(problem, 1, 6)])
    actions, _ = walk_at_random(env, batch, 3, 2)
    trace = env.replay(batch, actions)
    assert torch.equal(trace.actions, actions)
    assert trace.given == 0
    state = env.reset(batch, 3)
    for t, action in enumerate(actions.unbind(-1)):
        for name, value in env.observe(state)._asdict().items():
            kept = getattr(trace, name)
            assert (value is None) == (kept is None)
            assert value is None or torch.equal(kept[:, :, t], value)
        state = env.step(state, action)


@EVERY_PROBLEM
def test_observations_have_the_declared_numbers_of_features(problem):
    env, batch = RoutingEnv(problem), generate(problem, "uniform", 4, 7, torch.Generator().manual_seed(0))
    seen = env.observe(env.reset(batch, 3))
    assert env.features(batch).shape == (4, batch.size, env.node_features)
    assert env.features(batch).dtype == torch.float32
    for value, shape in (
        (seen.context, (4, 3, env.context_features)),
        (seen.node_context, (4, 3, batch.size, env.node_context_features)),
    ):
        assert (value is None) == (shape[-1] == 0)
        assert value is None or (value.shape == shape and value.dtype == torch.float32)


@EVERY_PROBLEM
def test_observations_do_not_depend_on_the_unit_of_length(problem):
    """All lengths and times times 1000, and the coordinates moved: the same features, contexts and masks."""
    env = RoutingEnv(problem)
    batch = generate(problem, "uniform", 3, 6, torch.Generator().manual_seed(0))
    instances, realizations = to_instances(problem.name, batch, "small")
    large = []
    for instance in instances:
        in_lengths = (
            "penalties",
            "time_windows",
            "service_times",
            "max_length",
            "law_service_times",
            "law_waits",
            "law_appears",
        )
        scaled = {name: 1000 * getattr(instance, name) for name in in_lengths if getattr(instance, name) is not None}
        if instance.matrix is None:
            scaled["coordinates"] = 1000 * instance.coordinates + 50
        else:
            scaled["matrix"] = 1000 * instance.matrix
        large.append(replace(instance, **scaled))
    later = None
    if realizations is not None:
        times = [
            {name: 1000 * x for name in ("service_times", "waits", "appears") if (x := getattr(real, name)) is not None}
            for real in realizations
        ]
        later = [replace(real, **changes) for real, changes in zip(realizations, times, strict=True)]
    one, other = from_instances(instances, realizations=realizations), from_instances(large, realizations=later)
    torch.testing.assert_close(env.features(one), env.features(other), atol=1e-5, rtol=1e-5)
    actions, _ = walk_at_random(env, one, 2, 0)
    for name, value in env.replay(one, actions)._asdict().items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, getattr(env.replay(other, actions), name), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("problem", "fields", "kinds"),
    [
        ("tsp", {}, None),
        ("shpp", {}, [1, 0, 0]),
        ("shpp", {"end": 1}, [1, 2, 0]),
        ("shpp", {"free_start": True}, [0, 0, 0]),
        ("shpp", {"end": 2, "free_start": True}, [0, 0, 2]),
        ("mtsp", {"num_tours": 2, "depot": 2}, [0, 0, 1]),
        ("mtsp", {"num_tours": 2, "depot": 2, "end": 0}, [2, 0, 1]),
    ],
)
def test_kinds_show_where_tours_start_and_end(problem, fields, kinds):
    found = RoutingEnv(problem).kinds(from_instances([Instance(np.eye(3)[:, :2], **fields)]))
    assert (None if found is None else found[0].tolist()) == kinds


def test_a_dead_end_costs_more_than_it_saves():
    windows = np.array([[0, 9], [0, 9], [2, 3], [2, 3]], dtype=float)
    points = np.array([[0, 0], [0.1, 0], [1, 0], [-1, 0]])
    instance = Instance(points, time_windows=windows)
    env, batch = RoutingEnv("tsptw"), from_instances([instance])
    actions, state = walk_at_random(env, batch, 5, 0)
    assert state.dead.logical_or(env.missed(batch, actions) > 0).all()
    unlimited = from_instances([Instance(points, time_windows=np.array([[0, 99]] * 4))])
    longest = env.objective(unlimited, walk_at_random(env, unlimited, 50, 0)[0]).max()
    assert (env.cost(batch, actions) > longest).all()


def test_cost_is_the_objective_with_the_sign_that_makes_less_better():
    batch = from_instances([tiny_instance("op", 0, 5)])
    actions, _ = walk_at_random(RoutingEnv("op"), batch, 3, 0)
    assert torch.equal(RoutingEnv("op").cost(batch, actions), -RoutingEnv("op").objective(batch, actions))
    assert not RoutingEnv("op").missed(batch, actions).any()


@given(size=st.integers(1, 30), starts=st.integers(1, 40))
def test_starts_are_spread_over_all_nodes_and_differ_while_there_are_enough(size, starts):
    prefix = spread_starts(from_coordinates(torch.zeros(2, size, 2)), starts)
    assert prefix.shape == (2, starts, 1)
    nodes = prefix[0, :, 0].tolist()
    assert prefix[1, :, 0].tolist() == nodes
    assert set(nodes) <= set(range(size))
    assert len(set(nodes)) == min(starts, size)
    if starts <= size:
        assert max(np.diff([*nodes, nodes[0] + size])) <= size // starts + 1


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4), starts=st.integers(1, 12))
def test_starts_are_never_padding(sizes, starts):
    batch = from_instances([Instance(np.zeros((size, 2))) for size in sizes], distances=False)
    for size, nodes in zip(sizes, spread_starts(batch, starts)[..., 0].tolist(), strict=True):
        assert set(nodes) <= set(range(size))
        assert len(set(nodes)) == min(starts, size)


@EVERY_PROBLEM
def test_starts_are_spread_only_where_a_tour_starts_anywhere(problem):
    batch = generate(problem, "uniform", 2, 6, torch.Generator().manual_seed(0))
    assert (RoutingEnv(problem).starts(batch, 3) is not None) == (problem.shape.is_closed)
    assert RoutingEnv(problem).starts(batch, 1) is None


@EVERY_PROBLEM
@pytest.mark.parametrize("distribution", ["uniform", "hall"])
def test_drawn_instances_are_seen_as_they_are_when_they_are_solved(problem, distribution):
    if distribution == "hall" and "matrix" in problem.needs:
        pytest.skip("a hall has a matrix of its own, not this problem's")
    env = RoutingEnv(problem)
    drawn = generate(problem, distribution, 3, 6, torch.Generator().manual_seed(4))
    ours = env.as_solved(drawn)
    instances, days = to_instances(problem.name, drawn, "drawn")
    theirs = from_instances(instances, distances=env.geometry, realizations=days).in_float32()
    for seen in (env.features, env.kinds, lambda batch: env.observe(env.reset(batch))):
        for own, other in zip(tree_leaves(seen(ours)), tree_leaves(seen(theirs)), strict=True):
            # a matrix's unit is a median, of which an even number of lengths has two
            torch.testing.assert_close(own, other, atol=2e-2 if distribution == "hall" else 1e-5, rtol=0.05)
    actions = walk_at_random(env, drawn, 2, 5)[0]
    torch.testing.assert_close(env.objective(ours, actions), env.objective(drawn, actions), rtol=1e-5, atol=1e-5)
    assert torch.equal(env.missed(ours, actions), env.missed(drawn, actions))


def test_an_unknown_problem_names_the_nearest():
    with pytest.raises(ValueError, match="unknown problem 'TPS'; did you mean 'tsp'"):
        RoutingEnv("TPS")


WRONG_SHAPES = {  # problem, shape of actions for 2 instances of 5 nodes, what is expected
    "steps-before-trajectories": ("tsp", (2, 5, 3), r"\[2, P, 5\]"),
    "a-path-short-of-a-step": ("shpp", (2, 3, 4), r"\[2, P, 5\]"),
    "one-instance-too-few": ("op", (1, 3, 5), r"\[2, P, T <= 5\]"),
    "trajectories-left-out": ("sdvrp", (2, 5), r"\[2, P, T\]"),
    "more-steps-than-tours-have": ("cvrp", (2, 3, 9), r"\[2, P, T <= 8\]"),
}


@pytest.mark.parametrize("method", ["objective", "missed", "judge", "cost", "replay"])
@pytest.mark.parametrize(("problem", "shape", "expected"), WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_actions_of_another_shape_are_refused_with_the_shape_that_is_expected(problem, shape, expected, method):
    env = RoutingEnv(problem)
    batch = generate(problem, "uniform", 2, 5 - int(env.problem.shape.has_depot), torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=rf"actions: shape {re.escape(str(list(shape)))}, expected {expected}"):
        getattr(env, method)(batch, torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("problem", ["tsp", "shpp", "op"])
def test_walked_trajectories_stacked_in_the_other_order_are_refused(problem):
    env = RoutingEnv(problem)
    batch = generate(problem, "uniform", 3, 6, torch.Generator().manual_seed(0))
    actions, _ = walk_at_random(env, batch, 20, 0)
    env.cost(batch, actions)
    with pytest.raises(ValueError, match=r"actions: shape \[3, \d+, 20\], expected \[3, P, "):
        env.cost(batch, actions.transpose(1, 2))


def test_random_tours_cost_their_known_mean_length():
    batch = generate("tsp", "uniform", 50, 20, torch.Generator().manual_seed(0))
    orders = torch.rand(50, 8, 20, generator=torch.Generator().manual_seed(1)).argsort(-1)
    mean_distance = 0.5214  # of two uniform points in the unit square
    assert RoutingEnv("tsp").cost(batch, orders).mean().item() == pytest.approx(20 * mean_distance, rel=0.02)


@EVERY_PROBLEM
def test_the_queries_of_a_trace_are_views_of_its_memory(problem):
    env, batch = RoutingEnv(problem), generate(problem, "uniform", 2, 5, torch.Generator().manual_seed(0))
    trace = env.replay(batch, walk_at_random(env, batch, 3, 1)[0])
    seen, actions = trace.queries(slice(1, 3))
    assert torch.equal(actions.unflatten(1, (-1, 3)), trace.actions[..., 1:3].transpose(1, 2))
    for name, query in seen._asdict().items():
        whole = getattr(trace, name)
        assert (query is None) == (whole is None)
        assert query is None or query.data_ptr() == whole[:, :, 1].data_ptr()


def test_tours_without_a_visit_take_no_action():
    env, instance = RoutingEnv("mtsp"), Instance(np.eye(4)[:, :2], num_tours=3)
    assert env.actions([[0, 2], [0], [0, 1, 3]], instance) == [2, 0, 1, 3, 0]
    assert env.actions([[0], [0]], instance) == [0]


@pytest.mark.parametrize("shape", [(2, 1, 3), (3, 1), (1, 3, 1)])
def test_a_prefix_of_another_shape_is_refused_with_the_shape_that_is_expected(shape):
    batch = generate("tsp", "uniform", 2, 5, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"prefix: shape .*, expected \[2, 3, L\]"):
        RoutingEnv("tsp").reset(batch, 3, torch.zeros(shape, dtype=torch.long))


@EVERY_PROBLEM
@settings(max_examples=12)
@given(drawn=MANY, seed=SEED, trajectories=st.integers(1, 7))
def test_selected_trajectories_go_on_as_if_they_had_made_their_parents_moves(problem, drawn, seed, trajectories):
    env, batch = RoutingEnv(problem), from_instances(tiny_batch(problem, drawn))
    generator = torch.Generator().manual_seed(seed)
    state = env.reset(batch, trajectories)
    made = torch.zeros((batch.count, trajectories, 0), dtype=torch.long)
    for _ in range(env.horizon(batch)):
        parents = torch.randint(trajectories, (batch.count, trajectories), generator=generator)
        state = env.select(state, parents)
        allowed = (~env.observe(state).forbidden).float()
        action = torch.multinomial(allowed.flatten(0, 1), 1, generator=generator).view(parents.shape)
        made = torch.cat([made.gather(1, parents[..., None].expand_as(made)), action[..., None]], -1)
        state = env.step(state, action)
        replayed = env.reset(batch, trajectories)
        for each in made.unbind(-1):
            replayed = env.step(replayed, each)
        for kept, again in zip(tree_leaves(state), tree_leaves(replayed), strict=True):
            torch.testing.assert_close(kept, again, rtol=0, atol=0, equal_nan=True)


def test_a_state_of_a_rule_that_is_not_of_trajectories_cannot_be_selected():
    env, batch = RoutingEnv("cvrp"), generate("cvrp", "uniform", 2, 5, torch.Generator())
    state = env.reset(batch, 3)
    with pytest.raises(ValueError, match=re.escape("shape [2, 6], expected [B, 1, ...] or [B, P, ...] with P = 3")):
        env.select(state._replace(rules=(torch.zeros(2, 6),)), torch.zeros((2, 3), dtype=torch.long))
