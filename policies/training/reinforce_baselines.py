"""REINFORCE baselines: the reference values that are subtracted from costs to give advantages.

Not to be confused with the classical baselines, the solvers in `baselines/`. All of them work on
costs (less is better); the advantage is cost minus baseline.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from policies.decoding import Greedy
from policies.rollout import decode

from .run import under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from policies.policy import Policy

EXPONENTIAL_DECAY = 0.8
SIGNIFICANCE = 0.05


def greedy_costs(env: RoutingEnv, policy: Policy, batch: Batch, *, bfloat16: bool) -> Tensor:
    """Costs `[B]` of one greedy trajectory an instance, in evaluation mode."""
    training = policy.training
    policy.eval()
    with torch.no_grad():
        cache = policy.prepare(batch, bfloat16=bfloat16)
        actions = decode(env, batch, policy.decoder, cache, Greedy())
    policy.train(training)
    return env.cost(batch, actions)[:, 0]


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
    """An exponential moving average of the mean cost (Kool et al. 2019, β = 0.8)."""

    def __init__(self) -> None:
        self.mean: Tensor | None = None

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the moving average, which is updated with this batch first."""
        now = costs.mean()
        self.mean = now if self.mean is None else EXPONENTIAL_DECAY * self.mean + (1 - EXPONENTIAL_DECAY) * now
        return costs - self.mean

    def state(self) -> dict[str, Tensor]:
        """The moving average."""
        return {} if self.mean is None else {"mean": self.mean.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """The moving average."""
        self.mean = state.get("mean")


class RolloutBaseline:
    """The greedy rollout of the best policy so far (Kool et al. 2019, section 4).

    During the first `warmup_epochs` epochs the exponential baseline is used. After an epoch the
    current policy replaces the best one when a one-sided paired t-test on fixed instances says that
    it is better (α = 0.05); new instances are then drawn.

    Args:
        env: the environment.
        policy: the policy to start from; copied.
        draw: draws test instances, from their number and the index of the draw.
        instances: number of test instances.
        warmup_epochs: epochs before rollouts begin.
        bfloat16: whether rollouts compute in bfloat16.
    """

    def __init__(
        self,
        env: RoutingEnv,
        policy: Policy,
        *,
        draw: Callable[[int, int], Iterable[Batch]],
        instances: int,
        warmup_epochs: int,
        bfloat16: bool,
    ) -> None:
        self.env, self.best = env, copy.deepcopy(policy).eval().requires_grad_(requires_grad=False)
        self.draw, self.instances, self.warmup_epochs, self.bfloat16 = draw, instances, warmup_epochs, bfloat16
        self.exponential = ExponentialBaseline()
        self.epochs = 0
        self.draws = 0
        self._costs: Tensor | None = None

    def advantage(self, batch: Batch, costs: Tensor) -> Tensor:
        """Each cost less the best policy's greedy cost of the same instance."""
        if self.epochs < self.warmup_epochs:
            return self.exponential.advantage(batch, costs)
        return costs - greedy_costs(self.env, self.best, batch, bfloat16=self.bfloat16)[:, None]

    def end_epoch(self, policy: Policy) -> str | None:
        """Replace the best policy when the current one is significantly better."""
        from scipy.stats import ttest_rel

        self.epochs += 1
        if self._costs is None:
            self._costs = self._evaluate(self.best)
        costs = self._evaluate(policy)
        if costs.mean() >= self._costs.mean():
            return None
        p = float(ttest_rel(self._costs.double().cpu(), costs.double().cpu(), alternative="greater").pvalue)
        if not p < SIGNIFICANCE:
            return None
        self.best.load_state_dict(policy.state_dict())
        self.draws += 1  # the policy was selected on these instances, so others are drawn
        self._costs = None
        return f"rollout baseline replaced (p = {p:.2g})"

    def _evaluate(self, policy: Policy) -> Tensor:
        batches = self.draw(self.instances, self.draws)
        costs = [greedy_costs(self.env, policy, batch, bfloat16=self.bfloat16) for batch in batches]
        return torch.cat(costs)

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
        self._costs = None
