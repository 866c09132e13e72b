"""Sample tours of a run's policy, before the first step and now, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from envs.generators import to_instances
from policies.decoding import Greedy
from policies.rollout import decode
from tsp.solution import check

if TYPE_CHECKING:
    from torch import Tensor

    from envs.batch import Batch
    from policies.policy import Policy
    from tsp.instance import Instance
    from tsp.solution import Solution

    from .trainer import Trainer

SAMPLES = 3
"""Number of instances."""


def draw_samples(trainer: Trainer) -> list[tuple[Instance, Solution, Solution]]:
    """Instances that are not trained on, each with a greedy tour before the training and one of the policy now."""
    batch = trainer.validation_batch(SAMPLES)
    instances, realizations = to_instances(trainer.config.problem, batch, "sample")
    before, after = (_greedy_tours(trainer, policy, batch) for policy in (trainer.first_policy(), trainer.learned))
    out: list[tuple[Instance, Solution, Solution]] = []
    for i, instance in enumerate(instances):
        realization = None if realizations is None else realizations[i]
        problem = trainer.env.problem
        tours = (trainer.env.tours(actions[i], instance) for actions in (before, after))
        first, last = (check(problem, instance, each, realization=realization) for each in tours)
        out.append((instance, first, last))
    return out


def _greedy_tours(trainer: Trainer, policy: Policy, batch: Batch) -> Tensor:
    """The actions `[B, T]` of one greedy trajectory an instance."""
    was_training = policy.training
    policy.eval()
    with torch.no_grad():
        cache = policy.prepare(batch, bfloat16=trainer.bfloat16)
        actions = decode(trainer.env, batch, policy.decoder, cache, Greedy())
    policy.train(was_training)
    return actions[:, 0]
