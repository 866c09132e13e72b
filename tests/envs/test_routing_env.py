"""`RoutingEnv`: the masks allow exactly what the checker accepts, and the objective is the checker's."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.ortools_cpsat import CPSATSolver
from envs.batch import from_coordinates, from_instances
from envs.routing_env import RoutingEnv
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.metrics import METRICS
from tsp.problems import PROBLEMS
from tsp.solution import check

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
PLANE = sorted(name for name, metric in METRICS.items() if 2 in metric.dimensions)


def random_instance(size, seed, metric="euclidean"):
    """Coordinates up to 100 (40 under GEO, whose degrees end at 90), or, for "EXPLICIT", a lopsided matrix too."""
    rng = np.random.default_rng(seed)
    points = rng.random((size, 2)) * (40 if metric == "GEO" else 100)
    if metric == "EXPLICIT":
        return Instance(points, matrix=rng.integers(1, 100, (size, size)).astype(float))
    return Instance(points, metric=metric)


def allowed_sequences(env, instance):
    """Every whole sequence of actions that the masks allow."""
    batch = from_instances([instance])
    open_ones, whole = [()], []
    while open_ones:
        prefix = torch.tensor(open_ones, dtype=torch.long).view(1, len(open_ones), -1)
        state = env.reset(batch, len(open_ones), prefix)
        masks = env.observe(state).mask[0]
        going_on = []
        for sequence, finished, mask in zip(open_ones, state.finished[0].tolist(), masks, strict=True):
            if finished:
                whole.append(sequence)
            else:
                assert not mask.all(), f"nothing may follow {sequence}"
                going_on += [(*sequence, int(node)) for node in (~mask).nonzero()]
        open_ones = going_on
    return whole


def canonical(instance, solution):
    """The tours as they are compared: from the depot, and in one direction where both cost the same."""
    tours = [tuple(tour.tolist()) for tour in solution.tours]
    if instance.symmetric:
        tours = [min(tour, (*tour[:1], *tour[:0:-1])) for tour in tours]
    return tuple(sorted(tours))


def accepted_solutions(problem, instance):
    """Every solution that the checker accepts, of all sequences of nodes, with its objective."""
    found = {}
    for length in range(instance.size + 1):
        for sequence in product(range(instance.size), repeat=length):
            solution = check(problem, instance, [sequence])
            if solution.feasible:
                found[canonical(instance, solution)] = solution.objective
    return found


CASES = [(1, "euclidean"), (2, "EUC_2D"), (3, "EXPLICIT"), (4, "ATT"), (5, "EXPLICIT"), (5, "euclidean"), (6, "EUC_2D")]


@EVERY_PROBLEM
@pytest.mark.parametrize(("size", "metric"), CASES)
def test_referee_masks_allow_exactly_the_solutions_that_the_checker_accepts(problem, size, metric):
    env, instance = RoutingEnv(problem), random_instance(size, seed=size, metric=metric)
    accepted = accepted_solutions(problem, instance)
    sequences = allowed_sequences(env, instance)
    assert len(set(sequences)) == len(sequences)
    solutions = [check(problem, instance, env.tours(torch.tensor(s), size)) for s in sequences]
    assert {canonical(instance, solution) for solution in solutions} == set(accepted)

    costs = env.cost(from_instances([instance]), torch.tensor(sequences)[None])[0]
    assert costs.min().item() == pytest.approx(min(env.sign * value for value in accepted.values()), rel=1e-12)


@EVERY_PROBLEM
@pytest.mark.parametrize(("size", "metric"), CASES)
def test_referee_best_allowed_sequence_is_what_cp_sat_proves(problem, size, metric):
    env, instance = RoutingEnv(problem), random_instance(size, seed=size, metric=metric)
    costs = env.cost(from_instances([instance]), torch.tensor(allowed_sequences(env, instance))[None])[0]
    (proved,) = CPSATSolver().solve(problem, [instance], Budget(time_limit=20))
    assert proved.proved_optimal
    assert env.sign * costs.min().item() == pytest.approx(proved.objective, rel=1e-6)


SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=4)
SEED = st.integers(0, 2**32 - 1)


def random_actions(sizes, trajectories, seed):
    """Random orders of each instance's nodes `[B, P, T]`; smaller instances stay at the end."""
    rng = np.random.default_rng(seed)
    longest = max(sizes)
    out = np.empty((len(sizes), trajectories, longest), dtype=np.int64)
    for row, size in zip(out, sizes, strict=True):
        for trajectory in row:
            trajectory[:size] = rng.permutation(size)
            trajectory[size:] = trajectory[size - 1]
    return torch.from_numpy(out)


@EVERY_PROBLEM
@settings(max_examples=40)
@given(sizes=SIZES, seed=SEED)
def test_padded_instances_behave_as_they_do_alone(problem, sizes, seed):
    env = RoutingEnv(problem)
    instances = [random_instance(size, seed + i) for i, size in enumerate(sizes)]
    actions = random_actions(sizes, 3, seed)
    batch = from_instances(instances)
    together = env.reset(batch, 3)
    alone = [env.reset(from_instances([instance]), 3) for instance in instances]
    for t in range(batch.size):
        seen = env.observe(together)
        assert (~seen.mask).any(-1).all(), "somewhere nothing is allowed"
        assert not seen.mask.gather(-1, actions[:, :, t, None]).any()
        together = env.step(together, actions[:, :, t])
        for i, size in enumerate(sizes):
            assert seen.mask[i, :, size:].all(), "a padded node is allowed"
            if t < size:
                own = env.observe(alone[i])
                assert torch.equal(seen.mask[i, :, :size], own.mask[0])
                alone[i] = env.step(alone[i], actions[i : i + 1, :, t])
                if t + 1 < size:
                    assert torch.equal(env.observe(together).last[i], env.observe(alone[i]).last[0])
                assert torch.equal(together.finished[i], alone[i].finished[0])
            else:
                stays = torch.zeros(batch.size, dtype=torch.bool)
                stays[actions[i, 0, size - 1]] = True
                assert torch.equal(~seen.mask[i, 0], stays)
    assert together.finished.all()
    values = env.objective(batch, actions)
    for i, size in enumerate(sizes):
        own = env.objective(from_instances([instances[i]]), actions[i : i + 1, :, :size])[0]
        assert values[i].tolist() == pytest.approx(own.tolist(), rel=1e-12)
        assert env.tours(actions[i, 0], size) == [actions[i, 0, :size].tolist()]


@EVERY_PROBLEM
@pytest.mark.parametrize("metric", [*PLANE, "EXPLICIT"])
@settings(max_examples=20)
@given(size=st.integers(1, 9), seed=SEED)
def test_objective_in_float64_is_the_checkers_with_its_rounding(problem, metric, size, seed):
    env, instance = RoutingEnv(problem), random_instance(size, seed, metric)
    actions = random_actions([size], 4, seed)
    values = env.objective(from_instances([instance]), actions)
    assert values.dtype == torch.float64
    for value, trajectory in zip(values[0].tolist(), actions[0], strict=True):
        expected = check(problem, instance, env.tours(trajectory, size)).objective
        assert value == (expected if instance.integral else pytest.approx(expected, rel=1e-12))


def test_cost_is_the_objective_where_less_is_better():
    env, instance = RoutingEnv("tsp"), random_instance(5, seed=0)
    batch, actions = from_instances([instance]), random_actions([5], 2, seed=0)
    assert torch.equal(env.cost(batch, actions), env.objective(batch, actions))


@EVERY_PROBLEM
@settings(max_examples=30)
@given(sizes=SIZES, seed=SEED, data=st.data())
def test_a_given_prefix_is_the_same_as_stepping_by_hand(problem, sizes, seed, data):
    env = RoutingEnv(problem)
    batch = from_instances([random_instance(size, seed + i) for i, size in enumerate(sizes)])
    length = data.draw(st.integers(0, batch.size))
    prefix = random_actions(sizes, 2, seed)[..., :length]
    given_state, state = env.reset(batch, 2, prefix), env.reset(batch, 2)
    for t in range(length):
        state = env.step(state, prefix[..., t])
    for one, other in zip(env.observe(given_state), env.observe(state), strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
    assert torch.equal(given_state.finished, state.finished)


@pytest.mark.parametrize(
    ("prefix", "step"), [([0, 1, 0], 2), ([3], 0), ([0, 1, 2, 2, 1], 4)], ids=["visited", "padding", "after the end"]
)
def test_a_prefix_that_is_not_allowed_is_refused(prefix, step):
    batch = from_instances([random_instance(3, 0), random_instance(4, 1)]).rows(slice(0, 1))
    with pytest.raises(ValueError, match=f"prefix: step {step} goes to a node that is not allowed there"):
        RoutingEnv("tsp").reset(batch, 1, torch.tensor(prefix).view(1, 1, -1))


def test_the_first_observation_shows_no_place_and_the_next_ones_first_and_last():
    env = RoutingEnv("tsp")
    state = env.reset(from_coordinates(torch.rand(1, 4, 2)), 2)
    seen = env.observe(state)
    assert seen.first.tolist() == seen.last.tolist() == [[4, 4]]
    assert not seen.mask.any()
    for action in ([2, 0], [3, 1]):
        state = env.step(state, torch.tensor([action]))
    seen = env.observe(state)
    assert seen.first.tolist() == [[2, 0]]
    assert seen.last.tolist() == [[3, 1]]
    assert seen.mask[0].tolist() == [[False, False, True, True], [True, True, False, False]]
    assert state.move.origin.tolist() == [[2, 0]]


def test_states_are_immutable():
    env = RoutingEnv("tsp")
    state = env.reset(from_coordinates(torch.rand(2, 4, 2)), 3)
    before = env.observe(state).mask.clone()
    env.step(state, torch.zeros(2, 3, dtype=torch.long))
    assert torch.equal(env.observe(state).mask, before)
    assert (state.move.node == 4).all()


@EVERY_PROBLEM
def test_replay_shows_every_observation_on_the_way(problem):
    env, batch = RoutingEnv(problem), from_instances([random_instance(4, 0), random_instance(6, 1)])
    actions = random_actions([4, 6], 3, seed=2)
    trace = env.replay(batch, actions)
    assert torch.equal(trace.actions, actions.transpose(1, 2))
    assert trace.given == 0
    state = env.reset(batch, 3)
    for t in range(6):
        seen = env.observe(state)
        assert torch.equal(trace.first[:, t], seen.first)
        assert torch.equal(trace.last[:, t], seen.last)
        assert torch.equal(trace.mask[:, t], seen.mask)
        state = env.step(state, actions[..., t])


def test_an_unknown_problem_names_the_nearest():
    with pytest.raises(ValueError, match="unknown problem 'TPS'; did you mean 'tsp'"):
        RoutingEnv("TPS")
