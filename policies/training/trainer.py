"""Training: from a configuration to a run's directory, resumable to the same bits.

A run is a directory: `config.json`, `metrics.csv`, `checkpoint-last.safetensors` (the policy) with
`training-state.safetensors` beside it, and `learning-curve.png`. All randomness of a step is made
from the seed and the step's number, so there is no generator state to lose.
"""

from __future__ import annotations

import copy
import json
import time
from dataclasses import asdict, dataclass, field
from math import cos, pi
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from envs.batch import Batch, from_instances
from envs.generators import generate, node_count, split_distribution
from envs.routing_env import RoutingEnv
from envs.symmetries import symmetries
from policies.checkpoint import PolicyInfo, load_policy, save_policy
from policies.decoding import Sampling
from policies.graphs import GraphRollout
from policies.policy import Policy, PolicyConfig
from tsp.problems import get_problem

from .muon import Muon, split_parameters
from .reinforce import StepResult, accumulate_gradients, accumulate_imitation
from .reinforce_baselines import (
    ExponentialBaseline,
    NoBaseline,
    ReinforceBaseline,
    RolloutBaseline,
    SharedBaseline,
    greedy_costs,
)
from .run import Run, append_row, make_run_directory, nested_config, read_settings, size_range, under
from .teacher import Labelling, Teacher

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envs.routing_env import Trace
    from policies.decoder import Cache

BaselineName = Literal["rollout", "shared", "exponential", "none"]
EVALUATION_BATCH = 500
BASELINE_INSTANCES = 10_000
"""Instances on which a rollout baseline is challenged (Kool et al. 2019)."""
FIRST_SHARDS = 16
"""Batches of labels that are learned from at first; `label_every` says when one more joins."""
LENGTHS = {"minutes", "epochs", "instances"}
STREAMS = {"weights": 0, "instances": 1, "actions": 2, "validation": 3, "baseline": 4, "labels": 5}


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        problem: what to learn.
        size: number of customers, a range of them such as 10-50, or a list such as 20,50,100 (every batch
            draws one size).
        distribution: what instances are drawn from.
        data: an NPZ set to draw instances from instead.
        start_from: a policy file to start from (fine-tuning).
        baseline: REINFORCE baseline.
        minutes: length of training in minutes of training time; give one of the three lengths.
        epochs: length of training in epochs of `epoch_size` instances.
        instances: length of training in instances.
        epoch_size: instances between validations, log lines and checkpoints.
        batch_size: instances a step.
        starts: trajectories an instance, from spread first nodes (the shared baseline needs 2 or more).
        optimizer: Adam, AdamW with `weight_decay`, or Muon.
        lr: learning rate.
        weight_decay: of AdamW.
        schedule: of the learning rate: constant, cosine to zero, or constant with a linear
            cooldown to zero over the last 30 %.
        clip_norm: largest norm of the gradient.
        entropy: what a nat of the choices' entropy is worth, in standard deviations of the advantage.
        scale: divide each instance's advantages by their own standard deviation, so that instances of
            all sizes count alike.
        average: decay of the moving average of the weights that is validated and kept; 0 keeps the last ones.
        warmup_steps: steps in which the learning rate rises from zero.
        teacher: solver whose tours are imitated, such as ls(kicks=50); none by default.
        label_count: how many instances the teacher solves.
        label_batch: labelled instances in a step.
        label_ways: in how many ways each of the teacher's tours is written down.
        label_time: time limit of the teacher, in seconds for each instance.
        label_every: steps after which one more batch of labels joins those that are learned from.
        label_workers: processes that make labels.
        label_folder: where labels are kept, for several runs to share; the run's directory by default.
        imitation: weight of the imitation at first.
        imitation_last: its weight at the end; it changes linearly.
        reinforce_from: share of the training after which REINFORCE joins the imitation.
        warmup_epochs: epochs in which the exponential baseline stands in for the rollout baseline.
        validation_instances: size of the fixed validation set.
        precision: of products: bfloat16 where the hardware is fast in it (auto), or always one.
        seed: of everything random.
        policy: the policy's shape.
    """

    problem: str = "tsp"
    size: str = "20"
    distribution: str = "uniform"
    data: str | None = None
    start_from: str | None = None
    baseline: BaselineName = "shared"
    minutes: float | None = None
    epochs: int | None = None
    instances: int | None = None
    epoch_size: int = 25_600
    batch_size: int = 64
    starts: int = 16
    optimizer: Literal["adam", "adamw", "muon"] = "adam"
    lr: float = 7e-4
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine", "cooldown"] = "cooldown"
    clip_norm: float = 1.0
    entropy: float = 0.0
    scale: bool = False
    average: float = 0.0
    warmup_steps: int = 0
    teacher: str | None = None
    label_count: int = 40_000
    label_batch: int = 64
    label_ways: int = 8
    label_time: float = 1.0
    label_every: int = 16
    label_workers: int = 1
    label_folder: str | None = None
    imitation: float = 1.0
    imitation_last: float = 0.1
    reinforce_from: float = 0.0
    warmup_epochs: int = 1
    validation_instances: int = 1000
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    seed: int = 1234
    policy: PolicyConfig = field(default_factory=PolicyConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, in one sentence."""
        get_problem(self.problem)
        split_distribution(self.distribution)
        self.sizes  # noqa: B018 - parses, and raises for what is not a size
        lengths = sorted(k for k in LENGTHS if getattr(self, k) is not None)
        if len(lengths) != 1:
            raise ValueError(
                f"length of training: {lengths or 'none'} given, expected one of minutes, epochs, instances"
            )
        for name in ("epoch_size", "batch_size", "starts", "lr", "clip_norm", "validation_instances", lengths[0]):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)}, expected a positive number")
        for name in ("label_count", "label_batch", "label_ways", "label_time", "label_every", "label_workers"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)}, expected a positive number")
        if not 0 <= self.average < 1:
            raise ValueError(f"average: {self.average}, expected at least 0 and less than 1")
        if not 0 <= self.reinforce_from <= 1:
            raise ValueError(f"reinforce_from: {self.reinforce_from}, expected a share from 0 to 1")
        if self.teacher is not None and (self.data is not None or get_problem(self.problem).hides_prizes):
            what = "--data" if self.data is not None else f"problem {self.problem!r}, which hides prizes"
            raise ValueError(f"teacher: {self.teacher!r} cannot label for {what}; expected a problem that it can solve")
        if self.scale and self.starts < 2:
            raise ValueError(f"starts: {self.starts}, expected 2 or more to scale advantages by their deviation")
        if self.baseline == "shared" and self.starts < 2:
            raise ValueError(f"starts: {self.starts}, expected 2 or more for the shared baseline")

    @property
    def sizes(self) -> tuple[int, int]:
        """Smallest and largest number of customers."""
        if "," in self.size:
            return min(self.listed_sizes), max(self.listed_sizes)
        sizes = size_range(self.size, "10-50")
        if not 1 <= sizes[0] <= sizes[1]:
            raise ValueError(f"size: {self.size!r}, expected 1 or more, and the smaller number first")
        return sizes

    @property
    def listed_sizes(self) -> tuple[int, ...]:
        """The sizes that batches are drawn from; one may be listed twice, and is then drawn twice as often."""
        if "," not in self.size:
            low, high = self.sizes
            return tuple(range(low, high + 1))
        try:
            listed = tuple(int(text) for text in self.size.split(","))
        except ValueError:
            raise ValueError(f"size: {self.size!r}, expected numbers such as 20,50,100") from None
        if min(listed) < 1:
            raise ValueError(f"size: {self.size!r}, expected numbers of 1 or more")
        return listed

    def to_json(self) -> str:
        """As a run's `config.json` has it."""
        return json.dumps(asdict(self), indent=2) + "\n"


def config_from_dict(raw: dict[str, Any], source: str) -> TrainConfig:
    """A configuration from plain values.

    Raises:
        ValueError: for an unknown key, naming `source`.
    """
    return nested_config(raw, source, TrainConfig, "policy", PolicyConfig)


def _stream(seed: int, stream: str, step: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, STREAMS[stream], step]))


def _generator(seed: int, stream: str, step: int, device: torch.device | str) -> Generator:
    return Generator(device).manual_seed(int(_stream(seed, stream, step).integers(2**63)))


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies faster in bfloat16 than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    oneDNN = torch.backends.mkldnn.is_available()  # noqa: N806 - its name
    return device.type == "cpu" and oneDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001


class Trainer(Run):
    """One run: everything that changes while training, and how it is kept.

    Args:
        config: the run's configuration.
        out: the run's directory.
        device: where to train.
        command: the command line, for the checkpoint's description.
        version: of the toolkit, for the same.
        resume: go on with the run that `out` holds.
        say: called with notes for the user.
    """

    def __init__(
        self,
        config: TrainConfig,
        out: str | os.PathLike[str],
        *,
        device: torch.device | str = "cpu",
        command: str = "",
        version: str = "",
        resume: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(out, device, say)
        self.config = config
        low, high = (node_count(get_problem(config.problem), size) for size in config.sizes)
        self.info = PolicyInfo(config.problem, (low, high), config.data or config.distribution, command, version)
        self.bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and fast_in_bfloat16(self.device))
        self.env = RoutingEnv(config.problem)
        with torch.random.fork_rng([]):
            torch.manual_seed(int(_stream(config.seed, "weights", 0).integers(2**63)))
            self.policy = Policy(config.policy, self.env)
        if config.start_from:
            self._start_from(config.start_from)
        self.policy.to(self.device).train()
        self.optimizer = self._make_optimizer()
        self.average = copy.deepcopy(self.policy).eval().requires_grad_(requires_grad=False) if config.average else None
        self.teacher = self._make_teacher() if config.teacher else None
        self._rollouts: dict[tuple[int, bool], GraphRollout] = {}
        self._generator = Generator(self.device)
        self.data = _read_data(config, self.device) if config.data else None
        self.baseline = self._make_baseline()
        # since the last log line: loss, objective, steps, seconds, steps with REINFORCE
        self.sums = torch.zeros(5, dtype=torch.float64)
        self._reinforced = 0
        self._recent: list[Tensor] = []  # loss and objective of the steps that are not in the sums yet
        if resume:
            self.load()

    def _start_from(self, path: str) -> None:
        policy, info = load_policy(path)
        if not get_problem(info.problem).resembles(self.env.problem):
            raise ValueError(f"{path}: a policy for {info.problem}, expected one for {self.config.problem}")
        if policy.config != self.config.policy:
            raise ValueError(f"{path}: its shape is {policy.config}, expected {self.config.policy}")
        self.policy.load_state_dict(policy.state_dict())

    def _make_optimizer(self) -> torch.optim.Optimizer:
        config, parameters, fused = self.config, list(self.policy.parameters()), self.device.type == "cuda"
        if config.optimizer == "muon":
            matrices, others = split_parameters(parameters, config.policy.width)
            return Muon(matrices, others, lr=config.lr)
        if config.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=fused)
        return torch.optim.Adam(parameters, lr=config.lr, fused=fused)

    def _make_baseline(self) -> ReinforceBaseline:
        config = self.config
        if config.baseline == "rollout":
            return RolloutBaseline(
                self.env,
                self.policy,
                draw=lambda count, number: self._batches(count, "baseline", number),
                instances=BASELINE_INSTANCES,
                warmup_epochs=config.warmup_epochs,
                bfloat16=self.bfloat16,
            )
        return {"shared": SharedBaseline, "exponential": ExponentialBaseline, "none": NoBaseline}[config.baseline]()

    def _make_teacher(self) -> Teacher:
        config = self.config
        assert config.teacher is not None
        labelling = Labelling(
            config.problem,
            config.distribution,
            config.listed_sizes,
            config.teacher,
            config.label_time,
            config.label_batch,
            config.label_ways,
            int(_stream(config.seed, "labels", 0).integers(2**63)),
        )
        shards = max(1, config.label_count // config.label_batch)
        return Teacher(labelling, config.label_folder or self.out, shards=shards, workers=config.label_workers)

    def run(self, progress: Callable[[float, str], None] = lambda *_: None) -> None:
        """See `Run.run`; the teacher works beside it."""
        if self.teacher is None:
            return super().run(progress)
        with self.teacher:
            self.say("waiting for the first labels")
            self.teacher.wait(FIRST_SHARDS)  # not counted as training
            return super().run(progress)

    @property
    def learned(self) -> Policy:
        """The policy that is validated and kept: the average of the weights, or the last ones."""
        return self.policy if self.average is None else self.average

    def draw(self, count: int, size: int, generator: Generator) -> Batch:
        """Instances of the run's distribution or data, on the run's device."""
        if self.data is None:
            return generate(self.env.problem, self.config.distribution, count, size, generator)
        rows = torch.randint(self.data.count, (count,), generator=generator, device=self.device)
        return self.data.rows(rows)

    def _batches(self, count: int, stream: str, number: int) -> Iterator[Batch]:
        """`count` instances of the largest size, in batches, from a stream of their own."""
        generator = _generator(self.config.seed, stream, number, self.device)
        for first in range(0, count, EVALUATION_BATCH):
            yield self.draw(min(EVALUATION_BATCH, count - first), self.config.sizes[1], generator)

    def validate(self) -> float:
        """Mean objective of one greedy trajectory an instance on the fixed validation set."""
        batches = self._batches(self.config.validation_instances, "validation", 0)
        costs = [greedy_costs(self.env, self.learned, batch, bfloat16=self.bfloat16) for batch in batches]
        return self.env.sign * float(torch.cat(costs).mean())

    @property
    def epoch_steps(self) -> int:
        """Steps in an epoch."""
        return max(1, self.config.epoch_size // self.config.batch_size)

    @property
    def instances(self) -> int:
        """Instances trained on so far."""
        return self.step * self.config.batch_size

    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""
        config = self.config
        if config.minutes is not None:
            return min(1.0, self.seconds / (60 * config.minutes))
        return min(1.0, self.instances / self._length())

    def _length(self) -> int:
        config = self.config
        return config.instances if config.instances is not None else (config.epochs or 0) * config.epoch_size

    def learning_rate(self) -> float:
        """The schedule's learning rate at this point."""
        done = self.progress()
        factor = {
            "constant": 1.0,
            "cosine": 0.5 * (1 + cos(pi * done)),
            "cooldown": min(1.0, (1 - done) / 0.3),
        }[self.config.schedule]
        if self.step < self.config.warmup_steps:
            factor *= (self.step + 1) / self.config.warmup_steps
        return self.config.lr * factor

    def train_step(self) -> None:
        """One step: draw a batch, add its gradient, clip, update.

        The device is not waited for: whether the loss was finite is asked before the next `save`.
        """
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss = objective = torch.zeros((), device=self.device)
        if self.teacher is not None:
            loss = loss + self._imitate(self.teacher)
        reinforced = self.teacher is None or self.progress() >= config.reinforce_from
        if reinforced:
            sizes = config.listed_sizes
            size = sizes[int(_stream(config.seed, "instances", self.step).integers(len(sizes)))]
            generator = _generator(config.seed, "instances", self.step, self.device)
            part, objective = self.reinforce(self.draw(config.batch_size, size, generator))
            loss = loss + part
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), config.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            share = 1 - min(config.average, (1 + self.step) / (10 + self.step))
            kept, now = list(self.average.parameters()), list(self.policy.parameters())
            torch._foreach_lerp_(kept, [x.detach() for x in now], share)
            for buffer, value in zip(self.average.buffers(), self.policy.buffers(), strict=True):
                buffer.copy_(value)
        self.step += 1
        self._reinforced += reinforced
        self._recent.append(torch.stack((loss, objective)).double())

    def reinforce(self, batch: Batch) -> StepResult:
        """Add the gradient of REINFORCE on a batch."""
        config = self.config
        return accumulate_gradients(
            self.env,
            self.policy,
            batch,
            self.baseline,
            starts=config.starts,
            bfloat16=self.bfloat16,
            generator=self._generator.manual_seed(int(_stream(config.seed, "actions", self.step).integers(2**63))),
            entropy=config.entropy,
            scale=config.scale,
            walk=self.walk if self.device.type == "cuda" else None,
        )

    def _imitate(self, teacher: Teacher) -> Tensor:
        """Add the gradient of the imitation of the teacher on a batch of labels that the step's number names."""
        config = self.config
        rng = _stream(config.seed, "labels", self.step + 1)
        made = min(teacher.shards, FIRST_SHARDS + self.step // config.label_every)
        batch, actions = teacher.shard(int(rng.integers(made)), self.device)
        turned = symmetries(batch.coordinates)[int(rng.integers(8))]
        weight = config.imitation + (config.imitation_last - config.imitation) * self.progress()
        return accumulate_imitation(
            self.env,
            self.policy,
            batch._replace(coordinates=turned),
            actions,
            bfloat16=self.bfloat16,
            weight=weight,
            replay=self._replay if self.device.type == "cuda" else None,
        )

    def walk(self, batch: Batch, cache: Cache) -> Trace:
        """Sampled trajectories of a batch, by a captured rollout."""
        return self._rollout(batch, cache, min(self.config.starts, batch.size), None)(batch, cache)

    def _replay(self, batch: Batch, cache: Cache, actions: Tensor) -> Trace:
        return self._rollout(batch, cache, actions.shape[1], self.env.horizon(batch))(batch, cache, actions)

    def _rollout(self, batch: Batch, cache: Cache, trajectories: int, replays: int | None) -> GraphRollout:
        """The captured rollout of batches of this shape."""
        key = (batch.size, replays is not None)
        if key not in self._rollouts:
            self._rollouts[key] = GraphRollout(
                self.env,
                self.policy.decoder,
                batch,
                cache,
                Sampling(),
                trajectories=trajectories,
                generator=self._generator,
                replays=replays,
            )
        return self._rollouts[key]

    def count_seconds(self, seconds: float) -> None:
        """Add to the training time, also of this epoch."""
        super().count_seconds(seconds)
        self.sums[3] += seconds

    def _collect(self) -> None:
        """Add the steps since the last call to the sums; the only look at results on a device."""
        if self._recent:
            total = torch.stack(self._recent).sum(0).cpu()
            self.sums[:2] += total
            self.sums[2] += len(self._recent)
            self.sums[4] += self._reinforced
            self._recent, self._reinforced = [], 0
            if not torch.isfinite(total).all():
                raise ValueError(
                    f"step {self.step}: the loss is not finite; the last checkpoint is kept. "
                    "A smaller --lr or --precision float32 may help"
                )

    def end_epoch(self) -> str:
        """Let the baseline learn, validate, log and save; a short text for the user.

        Raises:
            ValueError: when the loss was not finite, before anything is written.
        """
        self._collect()
        start = time.perf_counter()
        note = self.baseline.end_epoch(self.policy)
        self.count_seconds(time.perf_counter() - start)  # the baseline's evaluation is part of training
        loss, objective, steps, seconds, reinforced = self.sums.tolist()
        value = self.validate()
        row = {
            "step": self.step,
            "instances": self.instances,
            "seconds": round(self.seconds, 3),
            "train/loss": loss / steps,
            "train/objective": objective / reinforced if reinforced else float("nan"),
            "train/instances_per_second": round(steps * self.config.batch_size / seconds, 2),
            "train/lr": self.learning_rate(),
            "val/objective": value,
        }
        self.sums.zero_()
        append_row(self.out / "metrics.csv", row)
        self.save()
        if note:
            self.say(f"step {self.step}: {note}")
        return f"val {value:.4f}, {row['train/instances_per_second']:.0f} instances/s"

    def save(self) -> None:
        """Write the policy and, before it, all that resuming needs; each file atomically.

        Raises:
            ValueError: when the loss was not finite, before anything is written.
        """
        self._collect()
        super().save()

    def model_state(self) -> dict[str, Tensor]:
        """The policy and the REINFORCE baseline."""
        return {
            **{f"policy.{k}": v for k, v in self.policy.state_dict().items()},
            **{f"baseline.{k}": v for k, v in self.baseline.state().items()},
            **({} if self.average is None else {f"average.{k}": v for k, v in self.average.state_dict().items()}),
        }

    def load_model_state(self, tensors: dict[str, Tensor]) -> None:
        """The policy and the REINFORCE baseline."""
        if tensors["sums"].numel() == 4:  # written before there were steps without REINFORCE
            tensors["sums"] = torch.cat([tensors["sums"], tensors["sums"][2:3]])
        self.policy.load_state_dict(under("policy.", tensors))
        self.baseline.load_state(under("baseline.", tensors))
        if self.average is not None:
            self.average.load_state_dict(under("average.", tensors))

    def save_model(self, path: Path) -> None:
        """Write the policy."""
        save_policy(path, self.learned, self.info, force=True)


def _read_data(config: TrainConfig, device: torch.device) -> Batch:
    from tsp.formats import read, read_realizations

    assert config.data is not None
    problem = get_problem(config.problem)
    instances = read(config.data, problem=config.problem)
    for instance in instances:
        problem.validate(instance)
    hidden = read_realizations(config.data) if problem.hides_prizes else None
    batch = from_instances(instances, distances=False, realizations=hidden)
    # generated instances are counted in float32, and so are these
    batch = batch.map(lambda x: x.float() if x.dtype == torch.float64 else x).to(device)
    batch = batch._replace(scale=batch.scale.double())
    nodes = {node_count(problem, size) for size in config.sizes}
    if batch.padding is not None or nodes != {batch.size}:
        customers = batch.size - node_count(problem, 0)
        raise ValueError(f"{config.data}: instances of {customers} customers, expected --size {config.size}")
    return batch


def start_run(config: TrainConfig, out: str | os.PathLike[str], *, resume: bool = False, force: bool = False) -> None:
    """Make a run's directory with its `config.json`; a resumed one may have got another length.

    Raises:
        ValueError: when there is a run already, which is neither to be resumed nor overwritten.
    """
    make_run_directory(out, config.to_json(), resume=resume, force=force)


def read_config(out: str | os.PathLike[str]) -> TrainConfig:
    """The configuration of a run that is to be resumed.

    Raises:
        ValueError: when there is no run, or its configuration is not readable.
    """
    raw, source = read_settings(out)
    return config_from_dict(raw, source)
