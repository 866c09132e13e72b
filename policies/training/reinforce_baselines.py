"""REINFORCE baselines: the reference values that are subtracted from costs to give advantages.

Not to be confused with the classical baselines, the solvers in `baselines/`. All of them work on
costs (less is better); the advantage is cost minus baseline.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from policies.decoder import mean_embedding
from policies.decoding import Greedy
from policies.rollout import decode

from .processes import ALONE
from .run import load_optimizer, optimizer_tensors, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from policies.policy import Policy

    from .processes import Processes

EXPONENTIAL_DECAY = 0.8
SIGNIFICANCE = 0.05
CRITIC_CLIP = 1.0
"""Largest norm of the critic's gradient."""
CHALLENGE_INSTANCES = 10_000
"""The most instances on which the current policy is compared with the best one (Kool et al. 2019)."""
LEAST_CHALLENGE = 500
"""The fewest: with fewer, small differences are not significant."""
TRAINED_FOR_EACH = 12
"""Training instances for each one of a challenge, on which two policies are decoded greedily. A step with one
trajectory and a greedy rollout takes as long as five such decodings or more, so a challenge takes 3 % or less."""


def greedy_costs(env: RoutingEnv, policy: Policy, batch: Batch, *, bfloat16: bool) -> Tensor:
    """Costs `[B]` of one greedy trajectory an instance, in evaluation mode."""
    training = policy.training
    policy.eval()
    with torch.no_grad():
        cache = policy.prepare(batch, bfloat16=bfloat16)
        costs = env.cost(batch, decode(env, batch, policy.decoder, cache, Greedy()))[:, 0]
    policy.train(training)
    return costs


class ReinforceBaseline(Protocol):
    """The reference value of costs, which may be learned."""

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Advantages `[B, P]` of costs `[B, P]`."""
        ...

    def end_epoch(self, policy: Policy) -> str | None:
        """Update after an epoch; a note for the log, or None."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything that `load_state` needs to continue to the same bits."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from a saved state."""
        ...


class NoBaseline:
    """The plain REINFORCE estimator (Williams 1992)."""

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """The costs themselves."""
        return costs

    def end_epoch(self, policy: Policy) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Tensor]:
        """There is none."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """There is none."""


class SharedBaseline(NoBaseline):
    """The mean over an instance's own trajectories (Kwon et al. 2020, POMO); needs several starts."""

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the mean of its instance's."""
        return costs - costs.mean(1, keepdim=True)


class ExponentialBaseline(NoBaseline):
    """An exponential moving average of the mean cost (Kool et al. 2019, β = 0.8).

    Args:
        processes: those that share each batch.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.processes = processes
        self.mean: Tensor | None = None

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the moving average, which is updated with this batch first."""
        now = self.processes.mean(costs.mean())
        self.mean = now if self.mean is None else EXPONENTIAL_DECAY * self.mean + (1 - EXPONENTIAL_DECAY) * now
        return costs - self.mean

    def state(self) -> dict[str, Tensor]:
        """The moving average."""
        return {} if self.mean is None else {"mean": self.mean.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The moving average."""
        self.mean = state.get("mean")


class Challenge(NamedTuple):
    """How the current policy is compared with the best one.

    Attributes:
        instances: the most instances of a comparison.
        every: epochs between two comparisons.
    """

    instances: int
    every: int = 1

    @classmethod
    def affordable(cls, epoch_size: int) -> Challenge:
        """As many instances as a small share of the training allows, in fewer epochs where an epoch is short."""
        each = epoch_size / TRAINED_FOR_EACH
        if each >= LEAST_CHALLENGE:
            return cls(min(CHALLENGE_INSTANCES, int(each)))
        return cls(LEAST_CHALLENGE, math.ceil(LEAST_CHALLENGE / each))


class RolloutBaseline:
    """The greedy rollout of the best policy so far (Kool et al. 2019, section 4).

    During the first `warmup_epochs` epochs the exponential baseline is used. After an epoch the
    current policy replaces the best one when a one-sided paired t-test on fixed instances says that
    it is better (α = 0.05); new instances are then drawn. The test is sequential: it looks after each batch of
    instances. Before the last look it ends where the current policy is worse so far, or where half of α, in equal
    parts for these looks, suffices for the replacement.

    Args:
        env: the environment.
        policy: the policy to start from; copied.
        draw: draws test instances, from their number and the index of the draw.
        challenge: the number of test instances, and how often they are used.
        warmup_epochs: epochs before rollouts begin.
        bfloat16: whether rollouts compute in bfloat16.
        processes: those that share each batch; all of them make the same test.
    """

    def __init__(
        self,
        env: RoutingEnv,
        policy: Policy,
        *,
        draw: Callable[[int, int], Iterable[Batch]],
        challenge: Challenge,
        warmup_epochs: int,
        bfloat16: bool,
        processes: Processes = ALONE,
    ) -> None:
        self.env, self.best = env, copy.deepcopy(policy).eval().requires_grad_(requires_grad=False)
        self.draw, self.challenge, self.warmup_epochs, self.bfloat16 = draw, challenge, warmup_epochs, bfloat16
        self.exponential = ExponentialBaseline(processes)
        self.epochs = 0
        self.draws = 0
        self._costs: list[Tensor] = []  # of the best policy on the test instances, as far as a test needed them

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the best policy's greedy cost of the same instance."""
        if self.epochs < self.warmup_epochs:
            return self.exponential.advantage(batch, costs)
        return costs - greedy_costs(self.env, self.best, batch, bfloat16=self.bfloat16)[:, None]

    def end_epoch(self, policy: Policy) -> str | None:
        """Replace the best policy when the current one is significantly better."""
        self.epochs += 1
        if self.epochs % self.challenge.every:
            return None
        p = self._p_value(policy)
        if p is None:
            return None
        self.best.load_state_dict(policy.state_dict())
        self.draws += 1  # the policy was selected on these instances, so others are drawn
        self._costs = []
        return f"rollout baseline replaced (p = {p:.2g})"

    def _p_value(self, policy: Policy) -> float | None:
        """The significance with which a policy is better than the best one; None if it is not."""
        from scipy.stats import ttest_rel

        gains, looks = torch.empty(0, dtype=torch.double), 1
        for i, batch in enumerate(self.draw(self.challenge.instances, self.draws)):
            if i == len(self._costs):
                self._costs.append(self._evaluate(self.best, batch))
            gain = self._costs[i].double() - self._evaluate(policy, batch).double()
            gains = torch.cat([gains, gain.cpu()])
            if gains.mean() <= 0:
                return None
            looks = math.ceil(self.challenge.instances / batch.count) if i == 0 else looks
            level = SIGNIFICANCE / (2 if looks > 1 else 1) / (1 if i == looks - 1 else looks - 1)
            p = float(ttest_rel(gains.numpy(), np.zeros(len(gains)), alternative="greater").pvalue)
            if p < level:
                return p
        return None

    def _evaluate(self, policy: Policy, batch: Batch) -> Tensor:
        return greedy_costs(self.env, policy, batch, bfloat16=self.bfloat16)

    def state(self) -> dict[str, Tensor]:
        """The best policy's weights, the moving average and the counters."""
        counters = torch.tensor([self.epochs, self.draws])
        return {
            "counters": counters,
            **{f"exponential.{k}": v for k, v in self.exponential.state().items()},
            **{f"best.{k}": v for k, v in self.best.state_dict().items()},
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from a saved state; the test costs are computed again from it."""
        self.epochs, self.draws = (int(x) for x in state["counters"])
        self.exponential.load_state(under("exponential.", state))
        self.best.load_state_dict(under("best.", state))
        self._costs = []


class Critic(nn.Module):
    """A network that estimates the cost of the policy's trajectories (Kool et al. 2019, appendix C).

    The encoder has the policy's shape and its first weights; the mean of the embeddings passes a hidden layer.

    Args:
        policy: copied.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.body = copy.deepcopy(policy)
        del self.body.decoder
        width = policy.config.width
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, batch: Batch) -> Tensor:
        """The estimates `[B]`."""
        costs = batch.costs() if self.body.config.edges else None
        return self.head(mean_embedding(self.body.encode(batch, costs), batch.padding))[:, 0]


class CriticBaseline:
    """The estimate of a critic, which learns the mean cost of each instance by least squares.

    Args:
        policy: the policy, whose shape and first weights the critic's encoder takes.
        lr: learning rate of the critic (Adam).
        bfloat16: whether it computes products in bfloat16.
        processes: those that share each batch.
    """

    def __init__(self, policy: Policy, *, lr: float, bfloat16: bool, processes: Processes = ALONE) -> None:
        self.critic = Critic(policy).to(next(policy.parameters()).device).train()
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr)
        self.bfloat16, self.processes = bfloat16, processes

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the estimate before this batch, from which the critic then learns."""
        with torch.autocast(batch.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            estimate = self.critic(batch)
        estimate = estimate.float()
        self.optimizer.zero_grad(set_to_none=True)
        (estimate - costs.mean(1)).square().mean().backward()
        self.processes.average_gradients(self.critic.parameters())
        torch.nn.utils.clip_grad_norm_(self.critic.parameters(), CRITIC_CLIP)
        self.optimizer.step()
        return costs - estimate.detach()[:, None]

    def end_epoch(self, policy: Policy) -> None:
        """Nothing to do: the critic learns with each batch."""

    def state(self) -> dict[str, Tensor]:
        """The critic's weights and its optimizer's state."""
        state = {f"critic.{k}": v for k, v in self.critic.state_dict().items()} | optimizer_tensors(self.optimizer)
        return {name: value.clone() for name, value in state.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from a saved state."""
        self.critic.load_state_dict(under("critic.", state))
        load_optimizer(self.optimizer, state)
