"""`Pace`: predicts how long a policy takes, from the amount of work and from the pieces timed so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .policy import PolicyConfig

STEP = 1e-3
"""Seconds for one step of any number of trajectories, on one slow core, as all numbers below."""
ELEMENT = 2e-8
"""Seconds for each element of the largest tensor of a step, or of an attention with distances."""
FUSED_ELEMENT = 3e-9
"""Seconds for each element of an attention that is never stored."""
PAIR = 6e-8
"""Seconds for the distance of a pair of nodes, from the instance to the batch."""
WAY = 2e-9
"""Seconds for each pair of nodes and each node between them, where shortest ways are computed."""


@dataclass(frozen=True)
class Work:
    """The work of decoding `instances` instances of `size` nodes.

    Attributes:
        config: the shape of the policy.
        size: number of nodes.
        steps: the most steps of a trajectory.
        reads_pairs: whether each step of each trajectory reads all pairs of nodes, and shortest ways are needed.
        instances: number of instances that are computed at once.
    """

    config: PolicyConfig
    size: int
    steps: int
    reads_pairs: bool
    instances: int = 1

    def preparation(self) -> float:
        """Seconds before the first step, under one symmetry."""
        pairs = self.size**2
        element = ELEMENT if self.config.edges else FUSED_ELEMENT
        attention = self.config.layers * self.config.heads * pairs * element
        ways = WAY * self.size * pairs if self.reads_pairs else 0.0
        return self.instances * (PAIR * pairs + attention + ways)

    def seconds(self, symmetries: int, trajectories: int) -> float:
        """Seconds to prepare the instances under some symmetries, and to decode trajectories of each."""
        largest = self.size * max(self.config.heads, self.size if self.reads_pairs else 0)
        step = STEP + self.instances * symmetries * trajectories * largest * ELEMENT
        return symmetries * self.preparation() + self.steps * step


class Pace:
    """Predicts seconds; each timed piece corrects later predictions."""

    def __init__(self) -> None:
        self.factor = 1.0

    def predict(self, nominal: float) -> float:
        """The predicted seconds of work that takes `nominal` seconds on the slow core."""
        return self.factor * nominal

    def learn(self, nominal: float, seconds: float) -> None:
        """Record the seconds that a piece took."""
        self.factor = seconds / max(nominal, 1e-9)

    def trajectories(self, work: Work, most: int, seconds: float) -> int:
        """The number of trajectories of one symmetry, up to `most`, predicted to take at most `seconds`; may be 0."""
        fixed = self.predict(work.seconds(1, 0))
        each = self.predict(work.seconds(1, 1)) - fixed
        return max(0, min(most, math.floor((seconds - fixed) / max(each, 1e-12))))
