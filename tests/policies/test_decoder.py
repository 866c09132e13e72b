"""The decoder: Kool et al.'s equations, computed once where they do not depend on the step."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from envs.routing_env import Observation
from policies.decoder import Decoder

WIDTH, HEADS = 16, 4


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return make_decoder()


def make_decoder(context_features=0, node_context_features=0, *, edges=False):
    return Decoder(WIDTH, HEADS, context_features, node_context_features, clip=10.0, edges=edges)


@pytest.fixture
def nodes():
    return torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1))


def observation(first, last, forbidden):
    return Observation(torch.tensor(first), torch.tensor(last), torch.tensor(forbidden, dtype=torch.bool), None, None)


SEEN = observation(
    first=[[5, 0, 0], [5, 2, 2]],
    last=[[5, 0, 3], [5, 2, 4]],
    forbidden=[
        [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 1, 1, 0]],
        [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 0, 1]],
    ],
)


def kool_logits(decoder, nodes, first, last, forbidden, context=None, node_context=None, legs=None):
    """One query of one instance, by the equations of Kool et al. (2019), section 3.2, in float64.

    Features that change with the step are added to keys and values, as in their model of split deliveries.
    Distances from the last node bias each head's scores, and the logits.
    """
    weights = {name: value.detach().double().numpy() for name, value in decoder.named_parameters()}
    h = nodes.double().numpy()
    d, k = WIDTH, WIDTH // HEADS
    projected = h @ weights["project_nodes.weight"].T
    if node_context is not None:
        projected = projected + node_context.double().numpy() @ weights["project_node_context.weight"].T
    key, value, logit_key = np.split(projected, 3, axis=1)
    bias = np.zeros((HEADS + 1, len(h)))
    if legs is not None:
        bias = weights["project_costs.weight"] * legs.double().numpy()
    placeholder = weights["placeholder"]
    ends = placeholder if first == len(h) else np.concatenate([h[first], h[last]])
    query = weights["project_graph.weight"] @ h.mean(0) + weights["project_step.weight"] @ ends
    if context is not None:
        query = query + weights["project_context.weight"] @ context.double().numpy()
    glimpse = np.empty(d)
    for head in range(HEADS):
        part = slice(head * k, (head + 1) * k)
        scores = np.where(forbidden, -np.inf, key[:, part] @ query[part] / np.sqrt(k) + bias[head])
        attention = np.exp(scores - scores.max())
        glimpse[part] = (attention / attention.sum()) @ value[:, part]
    glimpse = weights["project_glimpse.weight"] @ glimpse
    return np.where(forbidden, -np.inf, 10 * np.tanh(logit_key @ glimpse / np.sqrt(d) + bias[-1]))


def test_logits_are_those_of_the_paper(decoder, nodes):
    logits = decoder.logits(decoder.prepare(nodes, None), SEEN)
    assert logits.dtype == torch.float32
    for b in range(2):
        for q in range(3):
            expected = kool_logits(decoder, nodes[b], SEEN.first[b, q], SEEN.last[b, q], SEEN.forbidden[b, q].numpy())
            np.testing.assert_allclose(logits[b, q].detach().numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("context", [0, 2])
@pytest.mark.parametrize("node_context", [0, 1, 3])
@pytest.mark.parametrize("edges", [False, True])
def test_logits_with_contexts_and_distances_are_those_of_the_paper(nodes, context, node_context, edges):
    torch.manual_seed(0)
    decoder = make_decoder(context, node_context, edges=edges)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if "context" in name or "costs" in name:
                parameter.mul_(3)  # so that it counts
    costs = torch.rand(2, 5, 5) if edges else None
    seen = SEEN._replace(
        context=torch.randn(2, 3, context) if context else None,
        node_context=torch.randn(2, 3, 5, node_context) if node_context else None,
    )
    logits = decoder.logits(decoder.prepare(nodes, None, costs), seen)
    for b in range(2):
        for q in range(3):
            legs = F.pad(costs, (0, 0, 0, 1))[b, seen.last[b, q]] if edges else None  # none before there is a last node
            expected = kool_logits(
                decoder,
                nodes[b],
                seen.first[b, q],
                seen.last[b, q],
                seen.forbidden[b, q].numpy(),
                seen.context[b, q] if context else None,
                seen.node_context[b, q] if node_context else None,
                legs,
            )
            np.testing.assert_allclose(logits[b, q].detach().numpy(), expected, atol=5e-5)


def test_forbidden_nodes_and_no_others_have_no_chance(decoder, nodes):
    logits = decoder.logits(decoder.prepare(nodes, None), SEEN)
    assert torch.equal(logits == float("-inf"), SEEN.forbidden)
    assert (logits[~SEEN.forbidden].abs() <= 10).all()


def test_many_queries_at_once_are_the_same_as_one_by_one(decoder, nodes):
    cache = decoder.prepare(nodes, None)
    together = decoder.logits(cache, SEEN)
    for q in range(3):
        one = Observation(*(x[:, q : q + 1] if x is not None else None for x in SEEN))
        torch.testing.assert_close(together[:, q : q + 1], decoder.logits(cache, one), atol=1e-5, rtol=0)


def test_padded_nodes_change_nothing(decoder, nodes):
    padded = torch.cat([nodes, torch.full((2, 3, WIDTH), 7.0)], 1)
    padding = torch.zeros(2, 8, dtype=torch.bool)
    padding[:, 5:] = True
    seen = SEEN._replace(
        first=torch.where(SEEN.first == 5, 8, SEEN.first),
        last=torch.where(SEEN.last == 5, 8, SEEN.last),
        forbidden=torch.cat([SEEN.forbidden, torch.ones(2, 3, 3, dtype=torch.bool)], -1),
    )
    found = decoder.logits(decoder.prepare(padded, padding), seen)
    expected = decoder.logits(decoder.prepare(nodes, None), SEEN)
    torch.testing.assert_close(found[..., :5], expected, atol=1e-5, rtol=0)
    assert (found[..., 5:] == float("-inf")).all()


@pytest.mark.parametrize(
    ("size", "width"), [(20, 32), (32, 32), (33, 33), (38, 38), (39, 64), (96, 96), (100, 100), (104, 128)]
)
def test_nodes_are_padded_to_a_multiple_of_32_unless_few_are_over(size, width):
    cache = make_decoder().prepare(torch.randn(2, size, WIDTH), None, torch.rand(2, size, size))
    padded = make_decoder().aligned(cache)
    assert padded.keys.shape[-1] == padded.values.shape[-2] == padded.logit_keys.shape[-1] == width
    assert padded.costs.shape == (2, size + 1, width)


def test_the_context_of_the_rules_enters_the_query(nodes):
    torch.manual_seed(0)
    decoder = make_decoder(2)
    cache = decoder.prepare(nodes, None)
    shown = [decoder.logits(cache, SEEN._replace(context=torch.full((2, 3, 2), value))) for value in (0.0, 3.0)]
    without = make_decoder()
    without.load_state_dict({k: v for k, v in decoder.state_dict().items() if k != "project_context.weight"})
    torch.testing.assert_close(shown[0], without.logits(cache, SEEN))
    assert not torch.allclose(shown[0], shown[1])


def test_a_detached_cache_collects_its_own_gradient(decoder, nodes):
    cache = decoder.prepare(nodes, None)
    leaf = cache.detach(requires_grad=True)
    allowed = decoder.logits(leaf, SEEN)[~SEEN.forbidden]
    (allowed**2).sum().backward()
    assert all(part.grad is not None and part.grad.abs().sum() > 0 for part in leaf if part is not None)
    assert decoder.project_nodes.weight.grad is None
    assert all(part.dtype == torch.bfloat16 for part in leaf.to(torch.bfloat16) if part is not None)


def test_distances_need_no_gradient(nodes):
    decoder = make_decoder(edges=True)
    leaf = decoder.prepare(nodes, None, torch.rand(2, 5, 5)).detach(requires_grad=True)
    assert leaf.costs is not None
    assert not leaf.costs.requires_grad
    decoder.logits(leaf, SEEN)[~SEEN.forbidden].sum().backward()
    assert decoder.project_costs.weight.grad.abs().sum() > 0
