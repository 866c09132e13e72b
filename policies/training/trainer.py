"""Training: from a configuration to a run's directory, resumable to the same bits.

A run is a directory: `config.json`, `metrics.csv`, `checkpoint-last.safetensors` (the policy) with
`training-state.safetensors` beside it, `learning-curve.png` and `report.html`. All randomness of a step is made
from the seed and the step's number, so there is no generator state to save.
"""

from __future__ import annotations

import copy
import time
from math import cos, isnan, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from envs.batch import Batch, from_instances
from envs.generators import generate, node_count
from envs.routing_env import RoutingEnv
from envs.symmetries import symmetries
from policies.checkpoint import PolicyInfo, load_policy, save_policy
from policies.device import fast_in_bfloat16
from policies.policy import Policy
from tsp.composition import validated_problem
from tsp.problems import get_problem

from .config import TrainConfig
from .expert import Rounds
from .labelling import Labelling
from .muon import Muon, split_parameters
from .passes import GraphPasses
from .reinforce import StepResult, accumulate_gradients, accumulate_imitation
from .reinforce_baselines import (
    Challenge,
    CriticBaseline,
    ExponentialBaseline,
    NoBaseline,
    ReinforceBaseline,
    RolloutBaseline,
    SharedBaseline,
    greedy_costs,
)
from .run import Run, cooldown, under, warmup
from .teacher import Teacher
from .validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .labelling import Shard

EVALUATION_BATCH = 500
FIRST_SHARDS = 16
"""Number of batches of labels in use at first; `label_every` decides when one more is added."""
EXPERT_SHARE = 0.5
"""Share of the steps of expert iteration whose labels complete the policy's own trajectories."""
LEADER_SHARE = 0.15
"""Share of the training, at its end, in which the best trajectories count more."""
STREAMS = {"weights": 0, "instances": 1, "actions": 2, "validation": 3, "baseline": 4, "labels": 5}


def _stream(seed: int, stream: str, step: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, STREAMS[stream], step]))


def _generator(seed: int, stream: str, step: int, device: torch.device | str) -> Generator:
    return Generator(device).manual_seed(int(_stream(seed, stream, step).integers(2**63)))


class Trainer(Run[TrainConfig]):
    """A run that trains a policy.

    Attributes:
        captures_gradients: whether, on a GPU, gradients are captured as CUDA graphs as rollouts are. Captured ones have
            the gradients of plain ones on a CPU; on a GPU they have not been run yet.
    """

    captures_gradients = False

    def set_up(self) -> None:
        """Make the policy, the optimizer, the REINFORCE baseline, and the teacher where there is one."""
        config = self.config
        config.require_shares(self.processes.count)
        low, high = (node_count(get_problem(config.problem), size) for size in config.sizes)
        self.info = PolicyInfo(
            config.problem, (low, high), config.data or config.distribution, self.command, self.version
        )
        self.bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and fast_in_bfloat16(self.device))
        self.env = RoutingEnv(config.problem)
        self.policy = self.first_policy().train()
        self.parameters = list(self.policy.parameters())
        self.optimizer = self._make_optimizer()
        self.average = copy.deepcopy(self.policy).eval().requires_grad_(requires_grad=False) if config.average else None
        self.teacher = self._make_teacher() if config.teacher else None
        self._graphs: dict[tuple[int, int, bool], GraphPasses] = {}
        self._generator = Generator(self.device)
        self.data = _read_data(config, self.device) if config.data else None
        self.baseline = self._make_baseline()
        self.validation = Validation(config.validation_instances)
        self._first = float("nan")  # the validation before the first step
        # since the last log line: loss, objective, steps, seconds, steps with REINFORCE
        self.sums = torch.zeros(5, dtype=torch.float64)
        self._reinforced = 0
        self._recent: list[Tensor] = []  # loss and objective of the steps that are not in the sums yet

    def first_policy(self) -> Policy:
        """The policy before the first step, on the run's device: of the seed, or the one to fine-tune."""
        with torch.random.fork_rng([]):
            torch.manual_seed(int(_stream(self.config.seed, "weights", 0).integers(2**63)))
            policy = Policy(self.config.policy, self.env)
        if self.config.start_from:
            self._start_from(policy, self.config.start_from)
        return policy.to(self.device)

    def _start_from(self, begun: Policy, path: str) -> None:
        try:
            begun.take_over(load_policy(path)[0])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _make_optimizer(self) -> torch.optim.Optimizer:
        config, parameters, fused = self.config, self.parameters, self.device.type == "cuda"
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
                challenge=Challenge.affordable(config.epoch_size),
                warmup_epochs=config.warmup_epochs,
                bfloat16=self.bfloat16,
                processes=self.processes,
            )
        if config.baseline == "critic":
            with torch.random.fork_rng([]):
                torch.manual_seed(int(_stream(config.seed, "weights", 1).integers(2**63)))
                return CriticBaseline(self.policy, lr=config.lr, bfloat16=self.bfloat16, processes=self.processes)
        if config.baseline == "exponential":
            return ExponentialBaseline(self.processes)
        return {"shared": SharedBaseline, "none": NoBaseline}[config.baseline]()

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
            1 if get_problem(config.problem).reveals else config.label_ways,
            int(_stream(config.seed, "labels", 0).integers(2**63)),
            "fullest" if config.label_order == "fullest" else "random",
        )
        rounds = None
        if config.expert_every:
            shards = max(1, config.expert_every // (2 * config.label_every))
            rounds = Rounds(str(self.out / "rounds"), shards, config.expert_samples)
        return Teacher(
            labelling,
            config.label_folder or self.out,
            shards=max(1, config.label_count // config.label_batch),
            workers=config.label_workers,
            rounds=rounds,
        )

    def run(self, progress: Callable[[float, str], None] = lambda *_: None) -> None:
        """See `Run.run`; the policy is validated before the first step, and the teacher runs at the same time."""
        with self.hold():
            if self.step == 0 and isnan(self._first) and self.processes.is_first:
                self._validate_first(progress)
            if self.teacher is None:
                return super().run(progress)
            if self.step == 0:
                self.teacher.forget_rounds()
            with self.teacher:
                self.say("waiting for the first labels")
                self.teacher.wait(FIRST_SHARDS)  # the wait does not count as training
                return super().run(progress)

    def _validate_first(self, progress: Callable[[float, str], None]) -> None:
        """Choose the number of validation instances, and log what the training starts from."""
        config, first = self.config, None
        if config.minutes is None:
            self.validation.choose_by_length(self.length)
        else:
            first = self.validation.choose_by_time(config.minutes, self._validate_on)
        self._first = self.validate() if first is None else first
        self.save()  # before there is a log, so that a run with one can be resumed
        self.log(self._row(self._first))
        progress(0.0, f"validation {self._first:.4f} before the first step")

    @property
    def learned(self) -> Policy:
        """The policy that is validated and saved: the average of the weights, or the last weights."""
        return self.policy if self.average is None else self.average

    def draw(self, count: int, size: int, generator: Generator) -> Batch:
        """Instances of the run's distribution or data as they are solved, on the run's device."""
        if self.data is None:
            drawn = generate(self.env.problem, self.config.distribution, count, size, generator)
            return self.env.as_solved(drawn)
        rows = torch.randint(self.data.count, (count,), generator=generator, device=self.device)
        return self.data.rows(rows)

    def _batches(self, count: int, stream: str, number: int) -> Iterator[Batch]:
        """`count` instances of the largest size, in batches, from a stream of their own."""
        generator = _generator(self.config.seed, stream, number, self.device)
        for first in range(0, count, EVALUATION_BATCH):
            yield self.draw(min(EVALUATION_BATCH, count - first), self.config.sizes[1], generator)

    def validation_batch(self, count: int) -> Batch:
        """The first instances of the stream that validation draws from."""
        return next(self._batches(count, "validation", 0))

    def validate(self) -> float:
        """Mean objective of one greedy trajectory an instance on the fixed validation set."""
        self.validation.last = self.instances
        return self._validate_on(self.validation.count)

    def _validate_on(self, count: int) -> float:
        batches = self._batches(count, "validation", 0)
        costs = [greedy_costs(self.env, self.learned, batch, bfloat16=self.bfloat16) for batch in batches]
        return self.env.sign * float(torch.cat(costs).mean())

    @property
    def epoch_steps(self) -> int:
        """Steps in an epoch."""
        return max(1, self.config.epoch_size // self.config.batch_size)

    @property
    def length(self) -> int:
        """See `Run.length`."""
        config = self.config
        return config.instances if config.instances is not None else (config.epochs or 0) * config.epoch_size

    def learning_rate(self) -> float:
        """The schedule's learning rate at this point."""
        done = self.progress()
        factor = {
            "constant": 1.0,
            "cosine": 0.5 * (1 + cos(pi * done)),
            "cooldown": cooldown(done, 0.3),
        }[self.config.schedule]
        return self.config.lr * (factor * warmup(self.step, self.config.warmup_steps))

    def train_step(self) -> None:
        """See `Run.train_step`; the average of the weights is updated too.

        The step does not wait for the device: whether the loss was finite is checked before the next `save`.
        """
        super().train_step()
        if self.average is not None:
            share = 1 - min(self.config.average, self.step / (9 + self.step))
            follow = get_ema_multi_avg_fn(1 - share)
            follow(list(self.average.parameters()), [x.detach() for x in self.policy.parameters()], None)
            for buffer, value in zip(self.average.buffers(), self.policy.buffers(), strict=True):
                buffer.copy_(value)

    def add_gradient(self) -> None:
        """Add the gradients of imitation and of REINFORCE, where the step has them."""
        config = self.config
        loss = objective = torch.zeros((), device=self.device)
        if self.teacher is not None:
            loss = loss + self._imitate(self.teacher)
        reinforced = self.teacher is None or self.progress() >= config.reinforce_from
        if reinforced:
            sizes = config.listed_sizes
            size = sizes[int(_stream(config.seed, "instances", self.step).integers(len(sizes)))]
            generator = _generator(config.seed, "instances", self.step, self.device)
            batch = self.draw(config.batch_size, size, generator)
            part, objective = self.reinforce(self.processes.share(batch))
            loss = loss + part
        self._reinforced += reinforced
        self._recent.append(torch.stack((loss, objective)).double())

    def reinforce(self, batch: Batch) -> StepResult:
        """Add the gradient of REINFORCE on a batch."""
        config = self.config
        seed = int(_stream(config.seed, "actions", self.step).integers(2**63))
        if self.captures:  # a captured rollout draws the numbers of its own trajectories only
            seed = (seed + self.processes.rank) % 2**63
        return accumulate_gradients(
            self.env,
            self.policy,
            batch,
            self.baseline,
            starts=config.starts,
            bfloat16=self.bfloat16,
            generator=self._generator.manual_seed(seed),
            entropy=config.entropy,
            scale=config.scale,
            leader=config.leader if self.progress() >= 1 - LEADER_SHARE else 1.0,
            processes=self.processes,
            graphs=self.graphs(batch, config.starts) if self.captures else None,
        )

    def _imitate(self, teacher: Teacher) -> Tensor:
        """Add the gradient of imitating the teacher on a batch of labels, chosen by the step's number."""
        config = self.config
        rng = _stream(config.seed, "labels", self.step + 1)
        batch, label = self._labels(teacher, rng)
        image = symmetries(batch.coordinates)[int(rng.integers(8))]
        weight = config.imitation + (config.imitation_last - config.imitation) * self.progress()
        any_order = graphs = None
        if config.label_order == "any":
            any_order = self._generator.manual_seed(int(rng.integers(2**63)))
        elif self.captures:
            graphs = self.graphs(batch, label.actions.shape[1], replays=self.env.horizon(batch))
        return accumulate_imitation(
            self.env,
            self.policy,
            batch._replace(coordinates=image),
            label,
            bfloat16=self.bfloat16,
            weight=weight,
            any_order=any_order,
            graphs=graphs,
        )

    def _labels(self, teacher: Teacher, rng: np.random.Generator) -> Shard:
        """The labels of a step: of whole tours or, with expert iteration, half of the time of completed ones."""
        every = self.config.expert_every
        number, into = divmod(self.step, every) if every else (0, 0)
        if number and not into:
            teacher.begin_round(number, self.save_model)
        if number > 1 and rng.random() < EXPERT_SHARE:  # the labels of the newest round are still being made
            assert teacher.rounds is not None
            chosen = int(rng.integers(1, number)), int(rng.integers(teacher.rounds.shards))
            return teacher.round_shard(*chosen, self.device)
        each = self.config.label_every * (2 if every else 1)
        made = min(teacher.shards, FIRST_SHARDS + self.step // each)
        return teacher.shard(int(rng.integers(made)), self.device)

    @property
    def captures(self) -> bool:
        """Whether the passes of a step are replayed as graphs."""
        return self.device.type == "cuda"

    def graphs(self, batch: Batch, trajectories: int, replays: int | None = None) -> GraphPasses:
        """The captured passes of batches of this shape: of sampled trajectories, or of given ones of some length."""
        trajectories = min(trajectories, batch.size) if replays is None else trajectories
        key = (batch.size, trajectories, replays is not None)
        if key not in self._graphs:
            self._graphs[key] = GraphPasses(
                self.policy,
                batch,
                trajectories=trajectories,
                generator=self._generator,
                bfloat16=self.bfloat16,
                entropy=self.config.entropy if replays is None else 0.0,
                replays=replays,
                captures=self.captures_gradients,
            )
        return self._graphs[key]

    def count_seconds(self, seconds: float) -> None:
        """Add to the training time, also of this epoch."""
        super().count_seconds(seconds)
        self.sums[3] += seconds

    def _collect(self) -> None:
        """Add the steps since the last call to the sums; the only place that reads results from a GPU."""
        if self._recent:
            total = self.processes.mean(torch.stack(self._recent).sum(0)).cpu()
            self.sums[:2] += total
            self.sums[2] += len(self._recent)
            self.sums[4] += self._reinforced
            self._recent, self._reinforced = [], 0
            if not torch.isfinite(total).all():
                raise self.not_finite("A smaller --lr or --precision float32")

    def measure_epoch(self) -> tuple[dict[str, float], str]:
        """Update the baseline and validate; see `Run.measure_epoch`.

        Raises:
            ValueError: when the loss was not finite, before anything is written.
        """
        self._collect()
        start = time.perf_counter()
        note = self.baseline.end_epoch(self.policy) if self.progress() < 1.0 else None  # at the end it is of no use
        self.count_seconds(time.perf_counter() - start)  # the baseline's evaluation is part of training
        if note:
            self.say(f"step {self.step}: {note}")
        due = self.processes.is_first and (self.validation.is_due(self.instances) or self.progress() >= 1.0)
        row = self._row(self.validate() if due else float("nan"))
        if self.progress() >= 1.0:
            self._compare_with_first(row["val/objective"])
        return row, self._text(row)

    def _row(self, value: float) -> dict[str, float]:
        """A line of the log, but for the step, with the value of the validation or NaN."""
        loss, objective, steps, seconds, reinforced = self.sums.tolist()
        return {
            "instances": self.instances,
            "seconds": round(self.seconds, 3),
            "train/loss": loss / steps if steps else float("nan"),
            "train/objective": objective / reinforced if reinforced else float("nan"),
            "train/instances_per_second": round(steps * self.config.batch_size / seconds, 2)
            if seconds
            else float("nan"),
            "train/lr": self.learning_rate(),
            "val/objective": value,
        }

    def _text(self, row: dict[str, float]) -> str:
        """The values of a line of the log for the user, and the time that is left."""
        done, minutes = self.progress(), self.config.minutes
        left = self.seconds * (1 - done) / done if minutes is None else 60 * minutes - self.seconds
        values = (
            f"step {self.step}",
            f"loss {row['train/loss']:.4f}",
            f"objective {row['train/objective']:.4f}",
            f"validation {row['val/objective']:.4f}",
            f"{row['train/instances_per_second']:.0f} instances/s",
            f"{max(0.0, left) / 60:.1f} minutes left",
        )
        return ", ".join(value for value in values if "nan" not in value)

    def _compare_with_first(self, value: float) -> None:
        """Tell the user where fine-tuning ended worse than it began."""
        if self.config.start_from and self.env.sign * (value - self._first) > 0:
            self.say(f"validation {value:.4f} at the end is worse than {self._first:.4f} at the start")

    def save(self) -> None:
        """Write the policy and, before it, all that resuming needs; each file atomically.

        Raises:
            ValueError: when the loss was not finite, before anything is written.
        """
        self._collect()
        super().save()

    def model_state(self) -> dict[str, Tensor]:
        """The policy, the REINFORCE baseline, and what is known of the validation."""
        return {
            **{f"policy.{k}": v for k, v in self.policy.state_dict().items()},
            **{f"baseline.{k}": v for k, v in self.baseline.state().items()},
            "validation": torch.tensor([self.validation.count, self.validation.last, self._first], dtype=torch.double),
            **({} if self.average is None else {f"average.{k}": v for k, v in self.average.state_dict().items()}),
        }

    def load_model_state(self, tensors: dict[str, Tensor]) -> None:
        """The policy and the REINFORCE baseline."""
        if tensors["sums"].numel() == 4:  # written before steps without REINFORCE existed
            tensors["sums"] = torch.cat([tensors["sums"], tensors["sums"][2:3]])
        self.policy.load_state_dict(under("policy.", tensors))
        self.baseline.load_state(under("baseline.", tensors))
        if "validation" in tensors:  # missing in files written before it existed
            count, last, self._first = tensors["validation"].tolist()
            self.validation.count, self.validation.last = int(count), int(last)
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
        if (stated := validated_problem(instance)) != problem:
            raise ValueError(f"{config.data}: {instance.name} is {stated.title}, expected {problem.title}")
    hidden = read_realizations(config.data) if problem.reveals else None
    batch = from_instances(instances, distances=False, realizations=hidden)
    batch = batch.in_float32().to(device)
    nodes = {node_count(problem, size) for size in config.sizes}
    if batch.padding is not None or nodes != {batch.size}:
        customers = batch.size - node_count(problem, 0)
        raise ValueError(f"{config.data}: instances of {customers} customers, expected --size {config.size}")
    return batch
