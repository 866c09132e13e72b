"""Training of the learned guide: supervised, on tours that the toolkit's own local search found.

A run is a directory as in `policies.training.trainer`, with the instances and their tours in `labels.npz`, which
another run may use again. All randomness of an epoch is made from the seed and the epoch's number, so there is no
generator state to save.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from envs.generators import generate_instances, require_distribution
from policies.checkpoint import first_line
from policies.training.run import Run, RunConfig, cooldown, size_range, under, warmup
from tsp.budget import Budget
from tsp.files import atomic_write
from tsp.formats.npz import load_arrays
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solvers.registry import make

from .features import EdgeGraph, edge_graph
from .network import EdgeNetwork, EdgeNetworkConfig, edge_scores, join, save_network

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

WARM_STEPS = 100
"""Steps in which the learning rate rises."""
SAVE_EVERY = 200
"""Labelled instances between two writings of `labels.npz`."""
LABELS = "labels.npz"
"""The file in a run's directory that holds the labelled instances it made."""
SHORT_LIST = 5
"""The log shows the share of tour edges that are not among this number of best edges of a node."""


@dataclass(frozen=True)
class GuideTrainConfig(RunConfig):
    """One training of the learned guide.

    Attributes:
        size: number of nodes, or a range of them such as 50-200.
        distribution: the distribution of the instances; several, separated by commas, take turns.
        instances: number of instances that are labelled with a tour.
        solver: spec of the solver that labels them.
        label_seconds: its time for each 100 nodes.
        labels: `labels.npz` of an earlier run, to use its instances and tours again.
        minutes: length of training in minutes of training time; give one of the two lengths.
        epochs: length of training in passes over the instances.
        batch_size: instances a step.
        lr: learning rate of Adam; rises at first, and falls to zero in the last 70 %.
        clip_norm: largest norm of the gradient.
        validation_instances: number of instances that are used for validation alone.
        seed: of everything random.
        network: the network's shape.
    """

    lengths = "minutes", "epochs"
    part, part_class = "network", EdgeNetworkConfig

    size: str = "50-200"
    distribution: str = "uniform,clusters,mixed"
    instances: int = 2400
    solver: str = "ls"
    label_seconds: float = 0.1
    labels: str | None = None
    minutes: float | None = None
    epochs: int | None = None
    batch_size: int = 8
    lr: float = 2e-3
    clip_norm: float = 1.0
    validation_instances: int = 100
    seed: int = 1234
    network: EdgeNetworkConfig = field(default_factory=EdgeNetworkConfig)

    def __post_init__(self) -> None:
        """Refuse settings that cannot be trained."""
        for distribution in self.distributions:
            require_distribution(get_problem("tsp"), distribution)
        _, largest = self.sizes
        self.require_positive("label_seconds", "batch_size", "lr", "clip_norm", "validation_instances")
        self.require_memory(largest, {"instances": self.instances, "batch_size": self.batch_size * self.network.degree})
        if self.instances <= self.validation_instances:
            raise ValueError(
                f"instances: {self.instances}, expected more than the {self.validation_instances} for validation"
            )

    @property
    def distributions(self) -> list[str]:
        """The distributions that take turns."""
        return self.distribution.split(",")

    @property
    def sizes(self) -> tuple[int, int]:
        """Smallest and largest number of nodes."""
        sizes = size_range(self.size, "50-200")
        if not self.network.degree < sizes[0] <= sizes[1]:
            raise ValueError(
                f"size: {self.size!r}, expected more than the {self.network.degree} edges of a node, "
                "and the smaller number first"
            )
        return sizes

    def files_of_a_run(self) -> tuple[str, ...]:
        """See `RunConfig.files_of_a_run`; labels go with the run that made them."""
        files = super().files_of_a_run()
        return (*files, LABELS) if self.labels is None else files


class Labelled(NamedTuple):
    """An instance's points `[n, 2]` and a good tour of it `[n]`."""

    points: NDArray[np.float64]
    tour: NDArray[np.int32]


def write_labels(path: str | os.PathLike[str], labels: Sequence[Labelled]) -> None:
    """Write labelled instances, one after another in flat arrays."""
    sizes = np.array([len(label.tour) for label in labels], dtype=np.int32)
    with atomic_write(path, force=True) as temporary:
        np.savez_compressed(
            temporary,
            sizes=sizes,
            points=np.concatenate([label.points for label in labels]),
            tours=np.concatenate([label.tour for label in labels]).astype(np.int32),
        )


def read_labels(path: str | os.PathLike[str]) -> list[Labelled]:
    """Read labelled instances.

    Raises:
        ValueError: when the file is missing, or not such a file.
    """
    if not Path(path).exists():
        raise ValueError(f"{path}: no such file")
    arrays, _ = load_arrays(Path(path), ("sizes", "points", "tours"))
    try:
        sizes, points, tours = arrays["sizes"], arrays["points"], arrays["tours"]
        ends = np.cumsum(sizes)[:-1]
        labels = [Labelled(*pair) for pair in zip(np.split(points, ends), np.split(tours, ends), strict=True)]
        for points, tour in labels:
            if points.shape != (len(tour), 2) or (np.sort(tour) != np.arange(len(tour))).any():
                raise ValueError("its tours do not fit its points")
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not labelled instances of `tsp train --guide` ({first_line(error)})") from None
    return labels


def make_labels(
    config: GuideTrainConfig, path: Path, progress: Callable[[float, str], None] = lambda *_: None
) -> list[Labelled]:
    """Draw instances, find their tours, and write them to `path`; labels that are there already stay.

    Raises:
        ValueError: for an unknown solver, or one that finds no tour.
    """
    labels = read_labels(path) if path.exists() else []
    solver, problem = make(config.solver), get_problem("tsp")
    solver.warm_up(problem)
    low, high = config.sizes
    while len(labels) < config.instances:
        number = len(labels)
        rng = np.random.default_rng(np.random.SeedSequence([config.seed, number]))
        size, seed = int(rng.integers(low, high + 1)), int(rng.integers(2**31))
        distribution = config.distributions[number % len(config.distributions)]
        instance = generate_instances("tsp", distribution, size, 1, seed)[0]
        budget = Budget(time_limit=config.label_seconds * size / 100, seed=seed)
        solution = solver.solve(problem, [instance], budget)[0]
        if not solution.feasible:
            raise ValueError(f"solver {config.solver!r} found no tour in {budget.time_limit:g} s; expected labels")
        assert instance.coordinates is not None
        labels.append(Labelled(instance.coordinates, np.asarray(solution.tours[0], dtype=np.int32)))
        if len(labels) % SAVE_EVERY == 0 or len(labels) == config.instances:
            write_labels(path, labels)
        progress(len(labels) / config.instances, f"{len(labels)} tours")
    return labels


def tour_edges(neighbours: NDArray[np.int64], tour: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which edges of a graph `[n, k]` a tour uses, in either direction."""
    after, before = np.empty(len(tour), dtype=np.int64), np.empty(len(tour), dtype=np.int64)
    after[tour], before[tour] = np.roll(tour, -1), np.roll(tour, 1)
    return (neighbours == after[:, None]) | (neighbours == before[:, None])


class Example(NamedTuple):
    """A graph and which of its edges are in the tour `[n, k]`."""

    graph: EdgeGraph
    wanted: NDArray[np.bool_]


def make_example(label: Labelled, edges: int) -> Example:
    """A labelled instance as a graph."""
    graph = edge_graph(Instance(coordinates=label.points), edges)
    return Example(graph, tour_edges(graph.neighbours, label.tour))


def edge_loss(network: EdgeNetwork, examples: Sequence[Example]) -> Tensor:
    """Mean binary cross-entropy of the edges."""
    device = next(network.parameters()).device
    logits = network(join([example.graph for example in examples], device))
    wanted = torch.from_numpy(np.concatenate([example.wanted for example in examples])).to(device)
    return binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype))


def missed_share(scores: NDArray[np.floating], wanted: NDArray[np.bool_], neighbours: int) -> float:
    """Share of the tour's edges, counted from both ends, that are not among a node's best `neighbours`."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :neighbours]
    return 1.0 - float(np.take_along_axis(wanted, best, 1).sum()) / (2 * len(wanted))


class GuideTrainer(Run[GuideTrainConfig]):
    """A run that trains the learned guide."""

    def set_up(self) -> None:
        """Make the network and the optimizer; labels are made by `prepare`."""
        config = self.config
        self.about = {
            "problem": "tsp",
            "sizes": json.dumps(config.sizes),
            "distribution": config.distribution,
            "command": self.command,
            "version": self.version,
        }
        with torch.random.fork_rng([]):
            torch.manual_seed(config.seed)
            self.network = EdgeNetwork(config.network)
        self.network.to(self.device)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.lr)
        self.sums = torch.zeros(2, dtype=torch.float64)  # loss and steps since the last log line
        self.examples: list[Example] = []
        self.validation: list[Example] = []
        self._check_source()

    def _check_source(self) -> None:
        """Refuse a source of labels that cannot be used, before the run's directory is made."""
        config = self.config
        if config.labels is None:
            make(config.solver)
            return
        sizes = [len(label.tour) for label in read_labels(config.labels)[: config.instances]]
        if min(sizes, default=0) <= config.network.degree:
            raise ValueError(f"{config.labels}: expected instances of more than {config.network.degree} nodes")
        if len(sizes) <= config.validation_instances:
            raise ValueError(f"{config.labels}: {len(sizes)} instances, expected more than are used for validation")

    def prepare(self, progress: Callable[[float, str], None] = lambda *_: None) -> None:
        """Make or read the labels, and from them the graphs; done once before `run`."""
        config = self.config
        if config.labels is None:
            with self.hold():
                labels = make_labels(config, self.out / LABELS, progress)
        else:
            labels = read_labels(config.labels)[: config.instances]
        examples = [make_example(label, config.network.degree) for label in labels]
        self.validation, self.examples = (
            examples[: config.validation_instances],
            examples[config.validation_instances :],
        )

    @property
    def epoch_steps(self) -> int:
        """Steps in which every instance is used once."""
        return ceil(len(self.examples) / self.config.batch_size)

    @property
    def length(self) -> int:
        """See `Run.length`."""
        return (self.config.epochs or 1) * self.epoch_steps * self.config.batch_size

    def learning_rate(self) -> float:
        """Rises at first, then stays, then falls linearly to zero."""
        return self.config.lr * min(warmup(self.step, WARM_STEPS), cooldown(self.progress(), 0.7))

    def _batch(self) -> list[Example]:
        epoch, place = divmod(self.step, self.epoch_steps)
        order = np.random.default_rng(np.random.SeedSequence([self.config.seed, epoch])).permutation(len(self.examples))
        first = place * self.config.batch_size
        return [self.examples[i] for i in order[first : first + self.config.batch_size]]

    def add_gradient(self) -> None:
        """See `Run.add_gradient`.

        Raises:
            ValueError: when the loss is not finite, before it can spoil the weights.
        """
        loss = edge_loss(self.network, self._batch())
        if not torch.isfinite(loss):
            raise self.not_finite("A smaller --lr")
        loss.backward()
        self.sums += torch.tensor([float(loss.detach()), 1.0], dtype=torch.float64)

    def validate(self) -> tuple[float, float]:
        """On the validation instances: mean loss, and share of tour edges outside a node's best five."""
        losses, missed = [], []
        for example in self.validation:
            scores = edge_scores(self.network, [example.graph])[0]
            losses.append(np.mean(np.logaddexp(0.0, np.where(example.wanted, -scores, scores))))
            missed.append(missed_share(scores, example.wanted, SHORT_LIST))
        return float(np.mean(losses)), float(np.mean(missed))

    def measure_epoch(self) -> tuple[dict[str, float], str]:
        """See `Run.measure_epoch`."""
        loss, steps = self.sums.tolist()
        value, missed = self.validate()
        row = {
            "seconds": round(self.seconds, 3),
            "train/loss": loss / steps,
            "train/lr": self.learning_rate(),
            "val/loss": value,
            "val/missed": missed,
        }
        return row, f"val {value:.4f}, {100 * missed:.2f} % of the edges not among the best {SHORT_LIST}"

    def model_state(self) -> dict[str, Tensor]:
        """The network."""
        return {f"network.{k}": v for k, v in self.network.state_dict().items()}

    def load_model_state(self, tensors: dict[str, Tensor]) -> None:
        """The network."""
        self.network.load_state_dict(under("network.", tensors))

    def save_model(self, path: Path) -> None:
        """Write the network."""
        save_network(path, self.network, self.about, force=True)
