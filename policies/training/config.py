"""`TrainConfig`: the settings of a run that trains a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from envs.generators import require_distribution
from policies.checkpoint import MOST_SAMPLES
from policies.policy import PolicyConfig
from tsp.machine import MOST_AT_ONCE
from tsp.problems import SplitDelivery, get_problem

from .run import RunConfig, size_range

BaselineName = Literal["rollout", "shared", "exponential", "critic", "none"]
LABELS = ("label_count", "label_batch", "label_ways", "label_time", "label_every", "label_workers")
"""The settings of a teacher that must be positive."""


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """One training run.

    Attributes:
        problem: the problem to learn.
        size: number of customers, a range of them such as 10-50, or a list such as 20,50,100 (every batch
            draws one size).
        distribution: the distribution of the instances.
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
        weight_decay: weight decay of AdamW.
        schedule: schedule of the learning rate: constant, cosine to zero, or constant with a linear
            cooldown to zero over the last 30 %.
        clip_norm: largest norm of the gradient.
        entropy: weight of the choices' entropy in nats, in standard deviations of the advantage.
        scale: divide each instance's advantages by their own standard deviation, so that instances of
            all sizes have the same weight.
        leader: factor of the advantage of each instance's best trajectory in the last 15 % of the training (leader
            reward); 1 for none.
        average: decay of the moving average of the weights that is validated and saved; 0 uses the last weights.
        warmup_steps: steps in which the learning rate rises from zero.
        teacher: solver whose tours are imitated, such as ls(kicks=50); none by default.
        label_count: number of instances that the teacher solves.
        label_batch: labelled instances in a step.
        label_ways: number of equivalent action sequences for each of the teacher's tours; 1 where values are revealed
            on the way, as another order would have seen others.
        label_time: time limit of the teacher, in seconds for each instance.
        label_every: steps after which one more batch of labels is added to those in use.
        label_order: order of a label's tours: random; fullest first; or any, with each order and direction right.
        expert_every: steps after which the teacher completes new trajectories of the policy, on which half of the
            imitation is then (expert iteration); 0: never.
        expert_samples: in expert iteration, imitate the best of so many different trajectories of the policy itself,
            without the teacher; 0: the teacher completes them.
        label_workers: processes that make labels.
        label_folder: folder of the labels, which several runs may share; the run's directory by default.
        imitation: weight of the imitation at the beginning.
        imitation_last: its weight at the end; it changes linearly.
        reinforce_from: share of the training after which REINFORCE is added to the imitation.
        warmup_epochs: epochs in which the exponential baseline replaces the rollout baseline.
        validation_instances: size of the fixed validation set.
        precision: precision of products: bfloat16 where the hardware is fast in it (auto), or always one.
        seed: seed of all random choices.
        policy: the policy's shape.
    """

    lengths = "minutes", "epochs", "instances"
    part, part_class = "policy", PolicyConfig

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
    leader: float = 1.0
    average: float = 0.0
    warmup_steps: int = 0
    teacher: str | None = None
    label_count: int = 40_000
    label_batch: int = 64
    label_ways: int = 8
    label_time: float = 1.0
    label_every: int = 16
    label_order: Literal["random", "fullest", "any"] = "random"
    expert_every: int = 0
    expert_samples: int = 0
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
        """Refuse settings that cannot be trained."""
        get_problem(self.problem)
        require_distribution(get_problem(self.problem), self.distribution)
        _, largest = self.sizes
        self.require_positive("epoch_size", "batch_size", "starts", "lr", "clip_norm", "validation_instances", *LABELS)
        if self.label_workers > MOST_AT_ONCE:
            raise ValueError(f"label_workers: {self.label_workers}, expected 1 to {MOST_AT_ONCE} processes")
        at_once = {"batch_size": self.batch_size * self.starts, "validation_instances": self.validation_instances}
        labels = {
            "label_batch": self.label_batch * self.label_ways,
            "expert_samples": self.label_batch * self.expert_samples,
        }
        self.require_memory(largest, at_once | labels)
        for name in ("weight_decay", "entropy", "warmup_steps", "warmup_epochs", "imitation", "imitation_last"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: {getattr(self, name)}, expected 0 or more")
        if not 1 <= self.leader < float("inf"):
            raise ValueError(f"leader: {self.leader}, expected a factor of 1 or more")
        if not 0 <= self.average < 1:
            raise ValueError(f"average: {self.average}, expected at least 0 and less than 1")
        if not 0 <= self.reinforce_from <= 1:
            raise ValueError(f"reinforce_from: {self.reinforce_from}, expected a share from 0 to 1")
        if self.teacher is not None and self.data is not None:
            raise ValueError(f"teacher: {self.teacher!r} cannot label for --data; expected instances of --distribution")
        if self.expert_every < 0 or (self.expert_every and self.teacher is None):
            raise ValueError(f"expert_every: {self.expert_every}, expected 0 or more, and a teacher where it is not 0")
        if not 0 <= self.expert_samples <= MOST_SAMPLES or (self.expert_samples and not self.expert_every):
            expected = f"0 to {MOST_SAMPLES}, and expert_every where it is not 0"
            raise ValueError(f"expert_samples: {self.expert_samples}, expected {expected}")
        problem = get_problem(self.problem)
        if self.label_order == "any" and (problem.rule(SplitDelivery) is not None or problem.reveals):
            why = "reveals values on the way" if problem.reveals else "splits visits"
            raise ValueError(f"label_order: 'any', expected 'random' for problem {self.problem!r}, which {why}")
        if self.scale and self.starts < 2:
            raise ValueError(f"starts: {self.starts}, expected 2 or more to scale advantages by their deviation")
        if self.leader > 1 and self.starts < 2:
            raise ValueError(f"starts: {self.starts}, expected 2 or more, of which one is the leader")
        if self.baseline == "shared" and self.starts < 2:
            raise ValueError(f"starts: {self.starts}, expected 2 or more for the shared baseline")

    def require_shares(self, processes: int) -> None:
        """Refuse settings that several processes cannot share.

        Raises:
            ValueError: naming the setting, its value, and what was expected.
        """
        if processes == 1:
            return
        if self.batch_size % processes:
            raise ValueError(f"batch_size: {self.batch_size}, expected a multiple of the {processes} processes")
        if self.minutes is not None:
            raise ValueError(
                f"minutes: {self.minutes:g}, expected epochs or instances, since {processes} processes "
                "have no common clock"
            )
        if self.teacher is not None:
            raise ValueError(f"teacher: {self.teacher!r}, expected none with {processes} processes")
        if self.policy.norm == "batch":
            raise ValueError(f"norm: 'batch', expected 'instance' or 'layer' with {processes} processes")

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
