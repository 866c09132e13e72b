"""Encoders: padding changes nothing, nodes have no order, and norms are torch's own."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

from envs.batch import from_instances
from envs.generators import generate
from envs.routing_env import RoutingEnv
from policies import encoders
from policies.encoders import ENCODERS, AttentionLayer, GraphEncoder, GraphEncoderConfig, Norm
from policies.policy import Policy, PolicyConfig
from tsp.instance import Instance

NORMS = pytest.mark.parametrize("norm", ["batch", "instance", "layer"])
SHAPES = [
    {"encoder": "attention"},
    {"encoder": "gnn"},
    {"encoder": "gnn", "neighbours": 2},
    {"encoder": "gnn", "neighbours": 5},
    {"encoder": "attention", "edges": True},
    {"encoder": "gnn", "edges": True},
]
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))


def random_points(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def make_policy(norm, shape, problem="tsp"):
    """A small policy in evaluation mode whose norms have seen data and do something."""
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=2, width=16, heads=4, feedforward=32, norm=norm, **shape), RoutingEnv(problem))
    generator = torch.Generator().manual_seed(1)
    for name, tensor in policy.state_dict().items():
        if "norm" in name:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return policy.eval()


def encode(policy, batch):
    return policy.encode(batch, batch.costs() if policy.config.edges else None)


def instances(*sizes):
    return [Instance(random_points(size, 2, seed=size).double().numpy()) for size in sizes]


def matrices(*sizes):
    """Asymmetric, with and without coordinates."""
    out = []
    for size in sizes:
        matrix = 100 * random_points(size, size, seed=size).double().numpy()
        out += [Instance(matrix=matrix), Instance(random_points(size, 2, seed=size).double().numpy(), matrix=matrix)]
    return out


def test_every_encoder_is_tested():
    assert {shape["encoder"] for shape in SHAPES} == set(ENCODERS)


def test_every_setting_of_an_encoder_is_a_setting_of_policies():
    known = {item.name for item in fields(PolicyConfig)}
    assert all({item.name for item in fields(kind.config)} <= known for kind in ENCODERS.values())


def test_an_unknown_encoder_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"unknown encoder 'gcn'; did you mean 'gnn'\? .*attention"):
        PolicyConfig(encoder="gcn")


@NORMS
@EVERY_SHAPE
@pytest.mark.parametrize("kind", ["points", "matrices"])
def test_padded_instances_are_encoded_and_prepared_as_alone(norm, shape, kind):
    policy = make_policy(norm, shape)
    mixed = instances(3, 9, 5, 1) if kind == "points" else matrices(4, 8)
    batch = from_instances(mixed, distances=False)
    with torch.no_grad():
        nodes, cache = encode(policy, batch), policy.prepare(batch)
        for i, instance in enumerate(mixed):
            single, n = from_instances([instance], distances=False), instance.size
            torch.testing.assert_close(nodes[i : i + 1, :n], encode(policy, single), atol=3e-5, rtol=0)
            own = policy.prepare(single)
            for name in ("first", "last"):
                together, alone = getattr(cache, name), getattr(own, name)
                kept = [*range(n), -1]  # the last row stands for "none yet"
                torch.testing.assert_close(together[i : i + 1, kept], alone, atol=3e-5, rtol=0)
            torch.testing.assert_close(cache.keys[i : i + 1, ..., :n], own.keys, atol=3e-5, rtol=0)
            torch.testing.assert_close(cache.values[i : i + 1, :, :n], own.values, atol=3e-5, rtol=0)
            torch.testing.assert_close(cache.logit_keys[i : i + 1, :, :n], own.logit_keys, atol=3e-5, rtol=0)
            if own.costs is not None:
                torch.testing.assert_close(cache.costs[i : i + 1, [*range(n), -1], :n], own.costs, atol=3e-5, rtol=0)
        assert all(torch.isfinite(part).all() for part in cache if part is not None)


@NORMS
@EVERY_SHAPE
def test_embeddings_do_not_depend_on_the_order_of_nodes(norm, shape):
    policy = make_policy(norm, shape)
    points = random_points(2, 7, 2).double().numpy()
    order = torch.randperm(7, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        nodes = encode(policy, from_instances([Instance(p) for p in points]))
        shuffled = encode(policy, from_instances([Instance(p[order.numpy()]) for p in points]))
    torch.testing.assert_close(nodes[:, order], shuffled, atol=1e-5, rtol=0)


@NORMS
@pytest.mark.parametrize("encoder", ["attention", "gnn"])
def test_nodes_of_a_matrix_have_no_order_and_its_directions_differ(norm, encoder):
    policy = make_policy(norm, {"encoder": encoder, "edges": True}, "atsp")
    matrix = random_points(7, 7).double().numpy()
    order = torch.randperm(7, generator=torch.Generator().manual_seed(2))

    with torch.no_grad():
        nodes, shuffled, reverse = (
            encode(policy, from_instances([Instance(matrix=m)])) for m in (matrix, matrix[order][:, order], matrix.T)
        )
    torch.testing.assert_close(nodes[:, order], shuffled, atol=2e-5, rtol=0)
    assert (nodes - reverse).abs().max() > 1e-2


@pytest.mark.parametrize("encoder", ["attention", "gnn"])
def test_walking_distances_are_seen_only_with_edges(encoder):
    points = random_points(6, 2).double().numpy()
    walked = np.abs(points[:, None] - points).sum(-1)
    longer = walked.copy()
    longer[0, 1:] *= 1.5
    plain, far = (from_instances([Instance(points, matrix=matrix)]) for matrix in (walked, longer))
    for edges in (False, True):
        policy = make_policy("layer", {"encoder": encoder, "edges": edges})
        with torch.no_grad():
            first, second = (policy.prepare(batch) for batch in (plain, far))
        assert torch.equal(first.keys, second.keys) == (not edges)


@pytest.mark.parametrize("problem", ["op", "cvrp", "shpp"])
def test_where_tours_start_and_end_has_an_embedding_of_its_own(problem):
    policy = make_policy("layer", {"encoder": "attention"}, problem)
    batch = generate(problem, "uniform", 2, 5, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = policy.encode(batch)
        policy.embed_ends[0].bias += 1
        start = (policy.encode(batch) - before).abs().amax(-1)
        policy.embed_ends[1].bias += 1
        end = policy.encode(batch._replace(end=torch.tensor([3, 3]))) - policy.encode(batch)
    assert start[:, 0].min() > 1e-3
    assert (end.abs().amax(-1)[:, 3] > 1e-3).all()


def test_without_distances_a_policy_of_coordinates_does_not_make_them():
    policy = make_policy("layer", {"encoder": "attention"})
    batch = generate("tsp", "uniform", 2, 5, torch.Generator().manual_seed(0))
    assert policy.prepare(batch).costs is None


@pytest.mark.parametrize("training", [True, False])
@NORMS
def test_norms_are_torchs_own(norm, training):
    width = 6
    theirs = {
        "batch": nn.BatchNorm1d(width),
        "instance": nn.InstanceNorm1d(width, affine=True),
        "layer": nn.LayerNorm(width),
    }[norm].train(training)
    ours = Norm(norm, width).train(training)
    with torch.no_grad():
        for scale, shift in ((theirs.weight, theirs.bias), (ours.weight, ours.bias)):
            scale.copy_(torch.arange(1, 7))
            shift.copy_(torch.arange(6) / 3)
    for step in range(3):
        x = 3 + 2 * random_points(4, 5, width, seed=step)
        if norm == "batch":  # torch has no batch norm over [B, n, d]
            expected = theirs(x.flatten(0, 1)).view_as(x)
        elif norm == "instance":
            expected = theirs(x.transpose(1, 2)).transpose(1, 2)
        else:
            expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=1e-5)
    if norm == "batch":
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)


@NORMS
def test_statistics_leave_padding_out_while_training_too(norm):
    layer = Norm(norm, 6).train()
    x = random_points(1, 5, 6)
    padding = torch.tensor([[False, False, False, True, True]])
    torch.testing.assert_close(layer(x, padding)[:, :3], layer(x[:, :3]), atol=1e-5, rtol=0)


@NORMS
def test_norms_compute_in_float32(norm):
    x = (1000 + random_points(4, 50, 8)).bfloat16()
    out = Norm(norm, 8).train()(x)
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


def test_attention_layer_is_torchs_own_attention_with_skips_and_norms():
    torch.manual_seed(0)
    ours = AttentionLayer(width=16, heads=4, feedforward=32, norm="layer", edges=False)
    theirs = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)  # norm after, as here
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(ours.qkv.weight)
        theirs.self_attn.in_proj_bias.zero_()
        theirs.self_attn.out_proj.weight.copy_(ours.out.weight)
        theirs.self_attn.out_proj.bias.zero_()
    for name, source in (("linear1", ours.ff1), ("linear2", ours.ff2), ("norm1", ours.norm1), ("norm2", ours.norm2)):
        getattr(theirs, name).load_state_dict(source.state_dict())
    h = random_points(3, 6, 16)
    torch.testing.assert_close(ours(h, None), theirs(h), atol=1e-5, rtol=0)


def test_a_bias_of_the_distances_enters_each_heads_scores():
    torch.manual_seed(0)
    layer = AttentionLayer(width=16, heads=4, feedforward=32, norm="layer", edges=True)
    h, edges = random_points(2, 6, 16), random_points(2, 6, 6, 2, seed=1)
    last = layer.edge_bias[-1]
    plain = AttentionLayer(width=16, heads=4, feedforward=32, norm="layer", edges=False)
    plain.load_state_dict({k: v for k, v in layer.state_dict().items() if "edge_bias" not in k})
    with torch.no_grad():
        assert not torch.allclose(layer(h, None, edges), plain(h, None), atol=1e-3)
        last.weight.zero_()  # the same bias for all pairs has no effect
        torch.testing.assert_close(layer(h, None, edges), plain(h, None), atol=1e-5, rtol=0)


class Recorder(nn.Module):
    def forward(self, h, weights, padding):
        self.weights = weights
        return h


def weights_of(points, neighbours=0):
    """The weights that a graph encoder passes to its layers."""
    encoder = GraphEncoder(GraphEncoderConfig(layers=1, width=4, norm="layer", neighbours=neighbours))
    encoder.layers = nn.ModuleList([Recorder()])
    encoder(points, points, None)
    return encoder.layers[0].weights


def test_messages_are_weighted_by_inverse_distance_and_sum_to_1():
    weights = weights_of(torch.tensor([[[0.0, 0.0], [0.5, 0.0], [0.0, 0.25]]]))
    between = 1 / 0.3125**0.5
    torch.testing.assert_close(weights[0, 0], torch.tensor([0.0, 1 / 3, 2 / 3]))
    torch.testing.assert_close(weights[0, 1], torch.tensor([2.0, 0.0, between]) / (2 + between))


@pytest.mark.parametrize("neighbours", [1, 3, 6, 50])
def test_only_the_nearest_send_messages(neighbours):
    points = random_points(2, 7, 2)
    weights = weights_of(points, neighbours)
    count = min(neighbours, 6)
    nearest = torch.cdist(points, points).argsort(-1)[..., 1 : count + 1]
    expected = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, nearest, value=True)
    assert torch.equal(weights > 0, expected)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 7))


def test_the_unit_of_length_does_not_matter_to_the_graph_network():
    points = 0.1 + random_points(1, 6, 2)
    torch.testing.assert_close(weights_of(points), weights_of(10 * points))


@pytest.mark.parametrize("points", [torch.zeros(1, 1, 2), torch.full((1, 4, 2), 0.5)], ids=["one", "coinciding"])
def test_degenerate_graphs_stay_finite(points):
    assert torch.isfinite(weights_of(points)).all()


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("size", [20, 32, 51])
def test_padding_of_attention_in_bfloat16_changes_neither_embeddings_nor_gradients(size, edges, monkeypatch):
    policy, found = make_policy("instance", {"encoder": "attention", "edges": edges}), []
    batch = generate("tsp", "uniform", 3, size, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        for most in (encoders.MOST_ALIGNED, 0):
            monkeypatch.setattr(encoders, "MOST_ALIGNED", most)
            policy.zero_grad()
            h = encode(policy, batch)
            h.float().square().sum().backward()
            found.append((h.detach().float(), policy.encoder.layers[0].qkv.weight.grad))
    for padded, plain in zip(*found, strict=True):
        torch.testing.assert_close(padded, plain, rtol=0.05, atol=0.02 * float(plain.abs().max()))
