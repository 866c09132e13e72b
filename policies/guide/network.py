"""The learned guide: a sparse graph network that scores edges by the probability that a good tour uses them.

This is the talk's network over nearest neighbours, with gated, anisotropic aggregation as in Joshi, Laurent and
Bresson (2019) and Bresson and Laurent (2018). The best edges of each node become the candidates of a local search.
All tensors are regular, `[nodes, edges of a node, width]`, so that the network needs only products and row look-ups,
and its time and memory grow linearly with the number of nodes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from policies.checkpoint import first_line, read_tensors, require_finite, require_shapes, write_tensors
from policies.device import resolve_device
from policies.policy import MOST_WEIGHTS
from policies.zoo import ZOO
from tsp.instance import Instance
from tsp.settings import require_settings

from .features import PLAIN_FEATURES, EdgeGraph, edge_graph

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tsp.problems import Problem

FORMAT = "travelling-scientist-edge-guide/1"
SHIPPED = ZOO / "edge-guide" / "model.safetensors"
BATCH_NODES = 4_000
"""Nodes of small instances that go through the network together."""
ROWS = 200
"""Nodes whose edges are computed together: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class EdgeNetworkConfig:
    """The network's shape.

    Attributes:
        degree: edges at each node of the sparse graph.
        width: width of the vectors of nodes and edges.
        layers: number of graph convolutions.
    """

    degree: int = 12
    width: int = 48
    layers: int = 4

    def __post_init__(self) -> None:
        """Refuse an impossible shape."""
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name}: {value}, expected 1 or more")
        weights = 10 * self.layers * self.width**2
        if weights > MOST_WEIGHTS:
            shape = f"layers {self.layers}, width {self.width}"
            raise ValueError(f"{shape}: about {weights:.0e} weights, expected at most {MOST_WEIGHTS:.0e}")


class GraphBatch(NamedTuple):
    """The graphs of several instances side by side, N nodes in all, k edges at each.

    Attributes:
        neighbours: `[N k]`, the nodes to which the edges lead.
        reverse: `[N k]`, the position of each edge at its other end.
        features: `[N, k, f]`.
    """

    neighbours: Tensor
    reverse: Tensor
    features: Tensor


def join(graphs: Sequence[EdgeGraph], device: torch.device | str = "cpu") -> GraphBatch:
    """Join graphs with the same number of edges a node into one graph."""
    starts = np.cumsum([0, *(len(graph.neighbours) for graph in graphs)])
    k = graphs[0].neighbours.shape[1]
    neighbours = [(graph.neighbours + start).ravel() for graph, start in zip(graphs, starts, strict=False)]
    reverse = [(graph.reverse + start * k).ravel() for graph, start in zip(graphs, starts, strict=False)]
    features = [graph.features for graph in graphs]
    parts = (neighbours, reverse, features)
    return GraphBatch(*(torch.from_numpy(np.concatenate(part)).to(device) for part in parts))


class GatedConvolution(nn.Module):
    """A residual layer on nodes h `[N, d]` and edges e `[N k, d]`.

    e_ij ← e_ij + relu(A e_ij + B h_i + C h_j), h_i ← h_i + relu(U h_i + Σ_j σ(e_ij) ⊙ V h_j / k),
    with e and h normalized on the right.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.edge_norm, self.node_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.from_edge = nn.Linear(width, width, bias=False)
        self.from_node = nn.Linear(width, 4 * width)

    def forward(self, nodes: Tensor, edges: list[Tensor], ends: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The next nodes and edges.

        Args:
            nodes: `[N, d]`.
            edges: edges of r nodes, one node after another, `[r k, d]`.
            ends: the nodes to which they lead, `[r k]`.
        """
        width = nodes.shape[1]
        own, other, keep, message = (x.contiguous() for x in self.from_node(self.node_norm(nodes)).split(width, 1))
        rows = [len(part) * len(nodes) // sum(map(len, ends)) for part in ends]
        messages: list[Tensor] = []
        for i, (part, end, mine) in enumerate(zip(edges, ends, own.split(rows), strict=True)):
            update = self.from_edge(self.edge_norm(part)).add_(other.index_select(0, end))
            part = part + update.view(len(mine), -1, width).add_(mine[:, None]).relu_().view(-1, width)
            gated = torch.sigmoid(part) * message.index_select(0, end)
            messages.append(gated.view(len(mine), -1, width).mean(1))
            edges[i] = part
        return nodes + torch.relu(keep + torch.cat(messages)), edges


class EdgeNetwork(nn.Module):
    """Scores the edges of a sparse graph."""

    def __init__(self, config: EdgeNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Sequential(nn.Linear(PLAIN_FEATURES + config.degree, width), nn.ReLU(), nn.Linear(width, width))
        self.embed_nodes = nn.Linear(width, width)
        self.layers = nn.ModuleList(GatedConvolution(width) for _ in range(config.layers))
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, graph: GraphBatch) -> Tensor:
        """Logits `[N, k]` of whether an edge is in a good tour; the same at both ends of the edge."""
        n, k, _ = graph.features.shape
        ends = graph.neighbours.split(ROWS * k)
        edges = [self.embed(part.flatten(0, 1)) for part in graph.features.split(ROWS)]
        nodes = self.embed_nodes(torch.cat([part.view(-1, k, part.shape[1]).mean(1) for part in edges]))
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, ends)
        logits = torch.cat([self.score(part) for part in edges]).squeeze(1)
        return (0.5 * (logits + logits.index_select(0, graph.reverse))).view(n, k)


def save_network(
    path: str | os.PathLike[str], network: EdgeNetwork, about: Mapping[str, str], *, force: bool = False
) -> None:
    """Write a network's weights with its shape and the description `about` it."""
    metadata = {**about, "toolkit_format": FORMAT, "config": json.dumps(asdict(network.config))}
    write_tensors(path, network.state_dict(), metadata, force=force)


def load_network(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> EdgeNetwork:
    """Read a network in evaluation mode.

    Raises:
        ValueError: when the file is not an edge guide of this toolkit, or corrupted.
    """
    tensors, metadata = read_tensors(path, device)
    if metadata.get("toolkit_format") != FORMAT:
        raise ValueError(f"{path}: not an edge guide of this toolkit (`tsp train --guide` makes one)")
    require_finite(path, tensors)
    try:
        raw = json.loads(metadata["config"])
        config = EdgeNetworkConfig(**require_settings(EdgeNetworkConfig, raw, "config"))
        require_shapes(config.layers, lambda: EdgeNetwork(config), tensors)
        network = EdgeNetwork(config)
        network.load_state_dict(tensors)
    except (KeyError, RecursionError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: its description does not fit its weights ({first_line(error)})") from None
    return network.to(device).eval()


class LearnedGuide:
    """The edges that a trained network scores best: a `Guide` (see `tsp.solvers.guided`).

    Args:
        path: a file of `tsp train --guide`; default is the shipped guide.
        neighbours: number of candidates of each node.
        device: the device to compute on.
    """

    name = "learned"
    seconds_a_node = 1e-4

    def __init__(self, path: str | None = None, neighbours: int = 5, device: str = "auto") -> None:
        self.path, self.neighbours, self.device = path, neighbours, resolve_device(device)
        self._network: EdgeNetwork | None = None
        if neighbours < 1:
            raise ValueError(f"neighbours: {neighbours}, expected 1 or more")

    def warm_up(self) -> None:
        """Load the weights, and run the network once."""
        points = np.random.default_rng(0).random((20, 2))
        self._candidates([Instance(coordinates=points)])

    def candidates(self, problem: Problem, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        """The candidate lists of each instance, `[n, min(neighbours, n - 1)]`, best first.

        Raises:
            ValueError: for an instance that is not symmetric, or more neighbours than the network's
                graph has.
        """
        for instance in instances:
            if not instance.symmetric:
                raise ValueError(f"{instance.name or 'instance'}: expected symmetric distances for the learned guide")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the search that follows uses one thread too
        try:
            batches = _batches(instances, self._load().config.degree)
            return [lists for batch in batches for lists in self._candidates(batch)]
        finally:
            torch.set_num_threads(threads)

    def _candidates(self, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        network = self._load()
        if instances[0].size == 1:
            return [np.empty((1, 0), dtype=np.int64) for _ in instances]
        graphs = [edge_graph(instance, network.config.degree) for instance in instances]
        scores = edge_scores(network, graphs)
        best = [np.argsort(-score, axis=1, kind="stable")[:, : self.neighbours] for score in scores]
        return [np.take_along_axis(graph.neighbours, order, 1) for graph, order in zip(graphs, best, strict=True)]

    def _load(self) -> EdgeNetwork:
        if self._network is None:
            network = load_network(self.path or SHIPPED, self.device)
            if self.neighbours > network.config.degree:
                raise ValueError(f"neighbours: {self.neighbours}, expected at most {network.config.degree}")
            self._network = network
        return self._network


def edge_scores(network: EdgeNetwork, graphs: Sequence[EdgeGraph]) -> list[NDArray[np.float32]]:
    """The network's logits of the edges of each graph, `[n, k]`; all graphs have the same number of edges a node."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        scores = network(join(graphs, device)).float().cpu().numpy()
    return np.split(scores, np.cumsum([len(graph.neighbours) for graph in graphs])[:-1])


def _batches(instances: Sequence[Instance], most_edges: int) -> Iterator[list[Instance]]:
    """Groups of consecutive instances with the same number of edges a node and at most `most_edges` edges in total."""
    batch: list[Instance] = []
    nodes, edges = 0, 0
    for instance in instances:
        here = min(most_edges, instance.size - 1)
        if batch and (here != edges or nodes + instance.size > BATCH_NODES):
            yield batch
            batch, nodes = [], 0
        batch.append(instance)
        nodes, edges = nodes + instance.size, here
    if batch:
        yield batch
