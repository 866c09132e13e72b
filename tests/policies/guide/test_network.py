"""The learned guide: complete candidates for any instance, and a file that loads or is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from point_sets import is_whole, point_sets
from safetensors.torch import save_file

from policies.guide.features import edge_graph
from policies.guide.network import (
    EdgeNetwork,
    EdgeNetworkConfig,
    LearnedGuide,
    edge_scores,
    join,
    load_network,
    save_network,
)
from policies.zoo import ZOO, shipped_policies
from tsp.instance import Instance
from tsp.problems import get_problem

TSP = get_problem("tsp")
SMALL = EdgeNetworkConfig(degree=8, width=8, layers=2)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("guide") / "guide.safetensors"
    save_network(file, EdgeNetwork(SMALL), {"command": "none"})
    return str(file)


@given(points=point_sets(), neighbours=st.integers(1, 8))
def test_every_candidate_list_is_complete(path, points, neighbours):
    instance = Instance(coordinates=points)
    for shape in (instance, Instance(matrix=instance.distances)):
        (found,) = LearnedGuide(path, neighbours).candidates(TSP, [shape])
        assert found.dtype == np.int64
        assert is_whole(found, instance.size, min(neighbours, instance.size - 1))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_smallest_instances_have_candidates_too(path, n):
    (found,) = LearnedGuide(path, 6).candidates(TSP, [Instance(coordinates=np.random.default_rng(n).random((n, 2)))])
    assert is_whole(found, n, n - 1)


def test_points_in_space_and_on_the_globe_have_candidates_too(path):
    rng = np.random.default_rng(0)
    for instance in (
        Instance(coordinates=rng.random((20, 3))),
        Instance(coordinates=rng.random((20, 2)), metric="GEO"),
    ):
        assert is_whole(LearnedGuide(path, 6).candidates(TSP, [instance])[0], 20, 6)


def test_candidates_do_not_change_when_points_are_moved_scaled_or_turned():
    points = np.random.default_rng(2).random((200, 2))
    guide = LearnedGuide(neighbours=6)
    turned = 50.0 * np.column_stack([-points[:, 1], points[:, 0]]) + [3.0, 4.0]
    a, b = guide.candidates(TSP, [Instance(coordinates=points), Instance(coordinates=turned)])
    assert (a == b).mean() > 0.999  # two scores may be equal but for rounding


def test_instances_of_any_sizes_together_get_what_each_gets_alone(path):
    rng = np.random.default_rng(1)
    instances = [Instance(coordinates=rng.random((n, 2))) for n in (30, 5, 60, 60, 1, 4_500, 30)]
    guide = LearnedGuide(path, 6)
    for instance, together in zip(instances, guide.candidates(TSP, instances), strict=True):
        assert (guide.candidates(TSP, [instance])[0] != together).sum() <= together.size // 1000


def test_the_best_edge_comes_first(path):
    instance = Instance(coordinates=np.random.default_rng(5).random((40, 2)))
    graph = edge_graph(instance, SMALL.degree)
    (scores,) = edge_scores(load_network(path), [graph])
    (found,) = LearnedGuide(path, 8).candidates(TSP, [instance])
    assert (found[:, 0] == graph.neighbours[np.arange(40), scores.argmax(1)]).all()


def test_an_edge_scores_the_same_from_both_ends():
    torch.manual_seed(1)
    graph = edge_graph(Instance(coordinates=np.random.default_rng(5).random((40, 2))), SMALL.degree)
    scores = EdgeNetwork(SMALL)(join([graph])).detach().flatten()
    reverse = graph.reverse.ravel()
    there = reverse != np.arange(len(reverse))
    assert torch.equal(scores[there], scores[reverse][there])


def test_scores_do_not_depend_on_the_size_of_blocks(monkeypatch):
    torch.manual_seed(1)
    network = EdgeNetwork(SMALL)
    graph = join([edge_graph(Instance(coordinates=np.random.default_rng(5).random((90, 2))), SMALL.degree)])
    whole = network(graph)
    monkeypatch.setattr("policies.guide.network.ROWS", 40)
    torch.testing.assert_close(network(graph), whole)


def test_a_saved_network_loads_to_the_same_bits(path, tmp_path):
    network = load_network(path)
    save_network(tmp_path / "again.safetensors", network, {})
    again = load_network(tmp_path / "again.safetensors")
    assert again.config == SMALL
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    with pytest.raises(ValueError, match="exists"):
        save_network(tmp_path / "again.safetensors", network, {})


def test_bad_files_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match="no such file"):
        load_network(tmp_path / "nothing.safetensors")
    (tmp_path / "text").write_text("not weights")
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_network(tmp_path / "text")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not an edge guide"):
        load_network(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not an edge guide"):
        load_network(shipped_policies()[0].path)
    whole = bytearray(Path(path).read_bytes())
    whole[-1] ^= 1
    (tmp_path / "flipped.safetensors").write_bytes(whole)
    with pytest.raises(ValueError, match="corrupted"):
        load_network(tmp_path / "flipped.safetensors")


def test_unsupported_instances_and_numbers_of_neighbours_are_refused(path):
    with pytest.raises(ValueError, match="neighbours: 0"):
        LearnedGuide(path, 0)
    with pytest.raises(ValueError, match="at most 8"):
        LearnedGuide(path, 9).warm_up()
    matrix = np.random.default_rng(0).random((9, 9))
    with pytest.raises(ValueError, match="symmetric"):
        LearnedGuide(path, 5).candidates(TSP, [Instance(matrix=matrix)])


def test_the_shipped_guide_is_small_and_no_policy():
    file = ZOO / "edge-guide" / "model.safetensors"
    assert file.stat().st_size < 2_000_000
    assert "edge-guide" not in {policy.name for policy in shipped_policies()}


def test_the_shipped_guide_knows_an_optimal_tour():
    # on a ring the tour is the ring
    angles = np.sort(np.random.default_rng(0).random(100)) * 2 * np.pi
    (found,) = LearnedGuide(neighbours=2).candidates(
        TSP, [Instance(coordinates=np.column_stack([np.cos(angles), np.sin(angles)]))]
    )
    step = (found - np.arange(100)[:, None]) % 100
    assert ((step == 1) | (step == 99)).mean() > 0.97
