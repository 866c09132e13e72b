"""One REINFORCE step has the gradient of the textbook's loop, for chunks of any size."""

import threading

import pytest
import torch

from envs.batch import from_coordinates
from envs.generators import generate
from envs.routing_env import RoutingEnv
from policies import rollout
from policies.decoding import Greedy, Sampling
from policies.device import threads
from policies.policy import Policy, PolicyConfig
from policies.training import passes
from policies.training.reinforce import accumulate_gradients
from policies.training.reinforce_baselines import ExponentialBaseline, NoBaseline, SharedBaseline

B, N = 6, 7


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_batch(count=B, size=N):
    return from_coordinates(torch.rand(count, size, 2, generator=generator(1)))


def make_policy(encoder="attention", norm="batch", problem="tsp", *, edges=False):
    torch.manual_seed(0)
    shape = PolicyConfig(encoder, layers=2, width=16, heads=4, feedforward=16, norm=norm, edges=edges)
    return Policy(shape, RoutingEnv(problem)).train()


def gradients(policy):
    return {name: parameter.grad for name, parameter in policy.named_parameters()}


def naive_step(policy, batch, advantage, starts, entropy=0.0):
    """REINFORCE as the textbook has it: act step by step with the graph kept, then one backward pass.

    Where first nodes are given, the expected advantage of a choice among them is added. Returns the loss and the mean
    cost. It knows nothing of traces, chunks or cuts.
    """
    env, draw = policy.env, generator()
    cache = policy.prepare(batch)
    state, total, spread, choice = env.reset(batch, starts), 0.0, 0.0, None
    prefix = env.starts(batch, starts)
    walked = []
    while not state.finished.all():
        log_probabilities = policy.decoder.logits(cache, env.observe(state)).log_softmax(-1)
        if not walked and prefix is not None:
            action = prefix[..., 0]
            probabilities = log_probabilities.exp().gather(-1, action[..., None])[..., 0]
            choice = probabilities / probabilities.sum(1, keepdim=True)
        else:
            action = Sampling().select(log_probabilities.detach(), draw)
            total = total + log_probabilities.gather(-1, action[..., None])[..., 0]
            spread = spread + torch.distributions.Categorical(logits=log_probabilities).entropy()
        walked.append(action)
        state = env.step(state, action)
    costs = env.cost(batch, torch.stack(walked, -1)).float()
    weight = advantage(costs)
    if entropy:
        weight = weight / weight.std()
    loss = (weight * total).mean() - entropy * spread.mean()
    if choice is not None:
        loss = loss + (choice * weight).sum(1).mean()
    loss.backward()
    return loss.detach(), costs.mean()


ADVANTAGES = {
    NoBaseline: lambda lengths: lengths,
    SharedBaseline: lambda lengths: lengths - lengths.mean(1, keepdim=True),
    ExponentialBaseline: lambda lengths: lengths - lengths.mean(),
}


@pytest.mark.parametrize("chunk", [1, 3, 100], ids=lambda steps: f"{steps} steps at once")
@pytest.mark.parametrize(
    ("problem", "baseline", "starts", "shape", "entropy"),
    [
        ("tsp", SharedBaseline, 4, {"encoder": "attention", "norm": "batch"}, 0.0),
        ("tsp", SharedBaseline, 3, {"encoder": "gnn", "norm": "instance"}, 0.0),
        ("tsp", ExponentialBaseline, 1, {"encoder": "attention", "norm": "layer"}, 0.3),
        ("tsp", NoBaseline, 1, {"encoder": "gnn", "norm": "batch"}, 0.0),
        ("atsp", SharedBaseline, 4, {"encoder": "attention", "edges": True}, 0.0),
        ("op", SharedBaseline, 4, {"encoder": "attention"}, 0.0),
        ("sdvrp", SharedBaseline, 3, {"encoder": "attention", "edges": True}, 0.2),
        ("tsptw", SharedBaseline, 4, {"encoder": "gnn", "edges": True}, 0.0),
    ],
)
def test_gradient_is_that_of_the_textbooks_loop(monkeypatch, problem, baseline, starts, shape, entropy, chunk):
    heads, batch = 4, random_batch() if problem == "tsp" else generate(problem, "uniform", B, N, generator(1))
    monkeypatch.setattr(rollout, "QUERY_ELEMENTS", chunk * B * heads * starts * batch.size)
    policy, textbook = (make_policy(**shape, problem=problem) for _ in range(2))
    options = {"starts": starts, "bfloat16": False, "entropy": entropy, "generator": generator()}
    result = accumulate_gradients(policy.env, policy, batch, baseline(), **options)
    loss, cost = naive_step(textbook, batch, ADVANTAGES[baseline], starts, entropy)
    torch.testing.assert_close(result.loss, loss, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(result.objective, policy.env.sign * cost)
    expected = {name: gradient for name, gradient in gradients(textbook).items() if gradient is not None}
    assert expected["embed.weight"].abs().max() > 1e-4
    assert {name for name, gradient in gradients(policy).items() if gradient is not None} == set(expected)
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(
            gradients(policy)[name],
            gradient,
            atol=1e-5 * float(largest),
            rtol=1e-4,
            msg=lambda text, name=name: f"{name}: {text}",
        )
    for name, value in policy.state_dict().items():  # the norms saw the batch once
        torch.testing.assert_close(value, textbook.state_dict()[name])


@pytest.mark.parametrize("scale", [False, True])
def test_the_leader_counts_more(scale):
    """The gradient is linear in the advantages: that of the leader alone is added as often as the factor says."""
    options = {"starts": 4, "bfloat16": False, "scale": scale}
    found = []
    for leader in (1.0, 2.0, 5.0):
        policy, batch = make_policy(norm="layer"), random_batch()
        accumulate_gradients(
            policy.env, policy, batch, SharedBaseline(), **options, leader=leader, generator=generator()
        )
        found.append(torch.cat([gradient.flatten() for gradient in gradients(policy).values()]))
    of_leaders = found[1] - found[0]
    assert of_leaders.norm() > 0.1 * found[0].norm()
    torch.testing.assert_close(found[2], found[0] + 4 * of_leaders, atol=1e-5, rtol=1e-3)


def test_the_leader_is_the_shortest_tour_of_each_instance(monkeypatch):
    weights = []

    def watch(decoder, leaf, trace, weight, *_):
        weights.append((trace.actions, weight))
        return torch.zeros((), requires_grad=True)

    monkeypatch.setattr(passes, "backward_in_chunks", watch)
    monkeypatch.setattr(passes, "backward_through_encoder", lambda *_: None)
    policy, batch = make_policy(norm="layer"), random_batch()
    for leader in (1.0, 3.0):
        accumulate_gradients(
            policy.env,
            policy,
            batch,
            SharedBaseline(),
            starts=4,
            bfloat16=False,
            leader=leader,
            generator=generator(),
        )
    (actions, before), (_, after) = weights
    best = policy.env.cost(batch, actions).argmin(1, keepdim=True)
    factor = torch.ones(B, 4).scatter(1, best, 3.0)
    torch.testing.assert_close(after, factor * before)


def test_memory_bound_chunks_cover_every_step_once(monkeypatch):
    scored = []
    whole = rollout.score

    def watch(decoder, cache, trace, steps, allowed, *, entropy):
        scored.append((steps.start, steps.stop))
        return whole(decoder, cache, trace, steps, allowed, entropy=entropy)

    monkeypatch.setattr(rollout, "score", watch)
    monkeypatch.setattr(rollout, "QUERY_ELEMENTS", 2 * B * 4 * 3 * N)
    accumulate_gradients(
        RoutingEnv("tsp"),
        make_policy(),
        random_batch(),
        SharedBaseline(),
        starts=3,
        bfloat16=False,
        generator=generator(),
    )
    assert scored == [(1, 3), (3, 5), (5, 7)]


def step_on_threads(count, problem, starts, entropy, *, bfloat16=False):
    """Loss, mean objective and gradients of one step of REINFORCE on so many threads, which had gradients of one."""
    policy = make_policy(norm="instance", problem=problem, edges=problem == "op")
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    batch = generate(problem, "uniform", B, N, generator(1))
    with threads(count):
        result = accumulate_gradients(
            policy.env,
            policy,
            batch,
            SharedBaseline(),
            starts=starts,
            bfloat16=bfloat16,
            generator=generator(),
            entropy=entropy,
        )
        assert torch.get_num_threads() == count
    return [*result, *gradients(policy).values()]


@pytest.mark.parametrize(("problem", "starts", "entropy"), [("tsp", 4, 0.0), ("op", 3, 0.3), ("cvrp", 2, 0.0)])
@pytest.mark.parametrize("count", [2, 3, 4], ids=lambda count: f"{count} threads")
def test_threads_add_the_gradients_of_one_and_repeat_their_bits(problem, starts, entropy, count):
    one = step_on_threads(1, problem, starts, entropy)
    several = step_on_threads(count, problem, starts, entropy)
    for a, b in zip(several, one, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)
    again = step_on_threads(count, problem, starts, entropy)
    assert all(torch.equal(a, b) for a, b in zip(several, again, strict=True))


def test_each_thread_takes_a_share_of_the_instances(monkeypatch):
    seen, whole = [], passes.backward_in_chunks

    def watch(decoder, leaf, trace, *rest):
        seen.append((len(trace.actions), torch.get_num_threads(), threading.get_ident()))
        return whole(decoder, leaf, trace, *rest)

    monkeypatch.setattr(passes, "backward_in_chunks", watch)
    step_on_threads(3, "tsp", 4, 0.0)
    assert [one[:2] for one in seen] == [(B // 3, 1)] * 3
    assert len({one[2] for one in seen}) > 1
    seen.clear()
    step_on_threads(5, "tsp", 4, 0.0)  # which does not divide the batch
    assert [one[:2] for one in seen] == [(B, 5)]


def test_gradients_are_added_to_existing_ones():
    policy, batch = make_policy(norm="layer"), random_batch()
    options = {"starts": 2, "bfloat16": False}
    accumulate_gradients(RoutingEnv("tsp"), policy, batch, SharedBaseline(), **options, generator=generator())
    once = {name: gradient.clone() for name, gradient in gradients(policy).items()}
    accumulate_gradients(RoutingEnv("tsp"), policy, batch, SharedBaseline(), **options, generator=generator())
    for name, gradient in gradients(policy).items():
        torch.testing.assert_close(gradient, 2 * once[name])


def test_the_gradient_in_bfloat16_points_in_the_same_direction(monkeypatch):
    """Acting is fixed, so that both gradients are of the same tours."""
    policy, exact, batch = make_policy(), make_policy(), random_batch(32, 10)
    tours = torch.stack([torch.randperm(10, generator=generator(k)) for k in range(32 * 4)]).view(32, 4, 10)
    monkeypatch.setattr(passes, "rollout", lambda env, batch, *_, **__: env.replay(batch, tours))
    for one, bfloat16 in ((policy, True), (exact, False)):
        accumulate_gradients(
            RoutingEnv("tsp"), one, batch, SharedBaseline(), starts=4, bfloat16=bfloat16, generator=generator()
        )
    ours, theirs = (torch.cat([g.flatten() for g in gradients(p).values()]) for p in (policy, exact))
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.99
    assert all(g.dtype == torch.float32 for g in gradients(policy).values())


@pytest.mark.parametrize("size", [1, 2])
def test_the_smallest_instances_train_too(size):
    policy = make_policy(norm="layer")
    result = accumulate_gradients(
        RoutingEnv("tsp"),
        policy,
        random_batch(3, size),
        SharedBaseline(),
        starts=4,
        bfloat16=False,
        generator=generator(),
    )
    assert all(torch.isfinite(gradient).all() for gradient in gradients(policy).values())
    assert torch.isfinite(result.loss)


def test_steps_of_reinforce_shorten_tours():
    """A learning test to a threshold: from about 4.2 for random tours of 8 nodes."""
    env, policy = RoutingEnv("tsp"), make_policy(norm="instance")
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    lengths = []
    for step in range(60):
        batch = from_coordinates(torch.rand(32, 8, 2, generator=generator(step)))
        optimizer.zero_grad()
        result = accumulate_gradients(
            env, policy, batch, SharedBaseline(), starts=8, bfloat16=False, generator=generator(step)
        )
        optimizer.step()
        lengths.append(result.objective.item())
    assert sum(lengths[:3]) / 3 > 3.9
    assert sum(lengths[-5:]) / 5 < 3.3


class FromTheLeft:
    """A baseline that makes trajectories better the further left they begin."""

    def advantage(self, batch, costs):
        first = batch_starts(batch, costs.shape[1])
        return batch.coordinates[..., 0].gather(1, first)


def batch_starts(batch, count):
    return RoutingEnv("tsp").starts(batch, count)[..., 0]


@pytest.mark.parametrize("starts", [4, 8])
def test_the_policy_learns_where_to_begin(starts):
    policy, source = make_policy(norm="layer"), generator()
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        batch = from_coordinates(torch.rand(32, 8, 2, generator=source))
        accumulate_gradients(
            policy.env, policy, batch, FromTheLeft(), starts=starts, bfloat16=False, generator=generator()
        )
        optimizer.step()
    with torch.no_grad():
        batch = from_coordinates(torch.rand(200, 8, 2, generator=source))
        cache = policy.prepare(batch)
        first = rollout.decode(policy.env, batch, policy.decoder, cache, Greedy())[:, :, 0]
    chosen, mean = batch.coordinates[..., 0].gather(1, first).mean(), batch.coordinates[..., 0].mean()
    assert chosen < 0.5 * mean
