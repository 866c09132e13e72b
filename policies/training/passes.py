"""The two passes of a training step over a batch: trajectories without gradient, then the gradient of their loss.

`Passes` runs them as they are, on a CPU by shares; `GraphPasses` runs the same from static buffers as CUDA graphs.
In both the decoder's cache is the cut: chunks of steps each run backward into it, then one backward pass goes through
the encoder, so memory does not grow with the number of steps.
"""

# pyright: reportPrivateImportUsage=false
# One kernel for many tensors: `torch._foreach_…` is what PyTorch's own optimizers call.

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from policies.decoding import Sampling
from policies.device import in_threads
from policies.graphs import SEGMENT, GraphRollout, captured, copied, overwrite
from policies.rollout import backward_in_chunks, expected_at_start, query_elements, rollout, score_queries

from .processes import ALONE
from .shares import backward_through_encoder, count_shares, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.batch import Batch
    from envs.routing_env import Trace
    from policies.decoder import Cache
    from policies.policy import Policy

    from .labelling import Label
    from .processes import Processes

CHUNK_ELEMENTS = 100_000_000
"""Elements of the glimpse's scores `[B, H, Q, n]` computed at once by a graph: kernels that last, in little memory."""


class Passes:
    """Trajectories of a batch and the gradient of their loss, on any device; on a CPU by shares in threads.

    Args:
        policy: in training mode.
        trajectories: P, the number of trajectories an instance.
        generator: random numbers of sampled trajectories.
        bfloat16: compute products in bfloat16.
        entropy: weight of the mean entropy of the choices, which is subtracted from the loss.
        processes: those that share the batch.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        trajectories: int,
        generator: Generator,
        bfloat16: bool,
        entropy: float = 0.0,
        processes: Processes = ALONE,
    ) -> None:
        self.policy, self.trajectories, self.generator = policy, trajectories, generator
        self.bfloat16, self.entropy, self.processes = bfloat16, entropy, processes

    def sample(self, batch: Batch) -> Tensor:
        """Sample trajectories, from spread first nodes where a tour may start anywhere; their costs `[B, P]`."""
        env, generator = self.policy.env, self.generator
        self.cache = self.policy.prepare(batch, bfloat16=self.bfloat16)
        count = count_shares(batch, self.trajectories)
        self.shares = shares = split(self.policy.decoder, batch, self.cache, count)
        generators = [generator, *(generator.clone_state() for _ in shares[1:])]

        def sample(i: int) -> Trace:
            (part, leaf, decoder), how = shares[i], self.processes.sampling(i, count)
            prefix, P = env.starts(part, self.trajectories), self.trajectories
            return rollout(env, part, decoder, leaf, how, trajectories=P, prefix=prefix, generator=generators[i])

        self.traces = in_threads(sample, count)
        parts = [env.cost(share.batch, trace.actions) for share, trace in zip(shares, self.traces, strict=True)]
        return torch.cat(parts).float()

    def backward(self, weights: Tensor) -> Tensor:
        """Add the gradient of the loss and return it: `weights` `[B, P]` times log-probabilities, less entropy.

        Where first nodes are given, the loss has their expected weight too, so that the policy learns where to begin.
        """
        shares, traces = self.shares, self.traces
        parts = weights.chunk(len(shares))
        entropy = self.entropy / len(shares)

        def score(i: int) -> Tensor:
            (_, leaf, decoder), trace = shares[i], traces[i]
            loss = backward_in_chunks(decoder, leaf, trace, parts[i], entropy)
            if trace.given:
                of_starts = expected_at_start(decoder, leaf, trace, weights.shape[1] * parts[i])
                of_starts.backward()
                loss = loss + of_starts.detach()
            return loss

        loss = torch.stack(in_threads(score, len(shares))).sum()
        backward_through_encoder(self.policy.decoder, self.cache, shares)
        return loss


class GraphPasses:
    """`Passes` for batches of one shape, as CUDA graphs. On the CPU the same work runs as it is.

    Args:
        policy: its weights may change between calls, in place.
        batch: a batch of the shape; its values are not used.
        trajectories: P, the number of trajectories an instance.
        generator: random numbers of sampled trajectories, on the batch's device.
        bfloat16: compute products in bfloat16.
        entropy: weight of the mean entropy of the choices, which is subtracted from the loss.
        replays: length of the longest trajectories to replay; if it is given, trajectories are not sampled.
        compiles: whether the rollout's step is compiled, on a GPU.
        captures: whether the gradient is captured as the rollout is; else it is computed kernel by kernel.
    """

    def __init__(
        self,
        policy: Policy,
        batch: Batch,
        *,
        trajectories: int,
        generator: Generator,
        bfloat16: bool,
        entropy: float = 0.0,
        replays: int | None = None,
        compiles: bool = True,
        captures: bool = True,
    ) -> None:
        device = batch.device
        self.policy, self.bfloat16, self.entropy = policy, bfloat16, entropy
        self.batch = copied(batch)
        running = {name: buffer.clone() for name, buffer in policy.named_buffers()}
        with torch.no_grad():
            cache = policy.prepare(self.batch, bfloat16=bfloat16)
        self.leaf: Cache = copied(cache).detach(requires_grad=True)
        self.rollout = GraphRollout(
            policy.env,
            policy.decoder,
            batch,
            cache,
            Sampling(),
            trajectories=trajectories,
            generator=generator,
            replays=replays,
            compiles=compiles,
        )
        self.trace, self.given = self.rollout.trace, self.rollout.given
        self.learns_starts = self.given > 0
        if replays is not None and policy.env.starts(batch, 2) is not None:
            self.given = 1  # the first node of a closed tour is not learned
        self.trace.map(Tensor.zero_)  # a chunk may reach beyond the last step, where nothing may be NaN
        B, P, T = self.trace.actions.shape
        per_step = B * P * policy.decoder.heads * cache.keys.shape[-1]
        elements = CHUNK_ELEMENTS if captures else query_elements(device)
        at_once = max(SEGMENT, elements // per_step // SEGMENT * SEGMENT)
        self.offsets = torch.arange(min(T - self.given, at_once), device=device)
        self.step, self.stop = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))
        self.after = torch.zeros((B, 1), dtype=torch.long, device=device)
        self.weights, self.loss = torch.zeros((B, P), device=device), torch.zeros((), device=device)
        cut = [x for x in self.leaf if x is not None and x.requires_grad]
        self.sources, self.cuts = [*cut, *policy.parameters()], len(cut)
        self.sums = [torch.zeros(x.shape, device=device) for x in self.sources]
        self.reached: set[int] = set()
        parts: list[Callable[[], None]] = [self._encode, self._score, self._go_back]
        self._begin, self._go_on, self._end = captured(parts, device) if captures else parts
        for name, buffer in policy.named_buffers():  # statistics of batch norm
            buffer.copy_(running[name])

    def sample(self, batch: Batch) -> Tensor:
        """As in `Passes`."""
        self.encode(batch)
        actions = self.rollout(batch, self.leaf).actions
        self.taken = actions.shape[-1]
        self.after.zero_()
        return self.policy.env.cost(batch, actions).float()

    def replay(self, batch: Batch, label: Label) -> None:
        """Take the steps of a label, of which those after the given ones are learned."""
        self.encode(batch)
        self.taken = self.rollout(batch, self.leaf, label.actions).actions.shape[-1]
        self.after.zero_()
        if label.after is not None:
            self.after.copy_(label.after[:, None])

    def encode(self, batch: Batch) -> None:
        """Fill the decoder's cache for a batch."""
        overwrite(self.batch, batch)
        self._begin()

    def backward(self, weights: Tensor) -> Tensor:
        """As in `Passes`."""
        self.weights.copy_(weights)
        self.stop.fill_(self.taken)
        for _ in range(-(-(self.taken - self.given) // len(self.offsets))):
            self._go_on()
        self._end()
        pairs = [(self.sources[i], self.sums[i]) for i in sorted(self.reached) if i >= self.cuts]
        copies = torch._foreach_mul([total for _, total in pairs], 1.0)  # noqa: SLF001
        for (x, _), own in zip(pairs, copies, strict=True):
            x.grad = own if x.grad is None else x.grad + own
        return self.loss.clone()

    def _encode(self) -> None:
        """Encode the batch, and begin sums of loss and gradients."""
        with torch.enable_grad():
            prepared = self.policy.prepare(self.batch, bfloat16=self.bfloat16)
        with torch.no_grad():
            overwrite(self.leaf, prepared)
            self.loss.zero_()
            torch._foreach_zero_(self.sums)
            self.step.fill_(self.given)
        self._outputs = [x for x in prepared if x is not None and x.requires_grad]

    def _score(self) -> None:
        """Add loss and gradients of the next steps."""
        with torch.enable_grad():
            loss = self._loss_of(self.step + self.offsets)
        self._add([loss], None, 0)
        self.loss += loss.detach()
        self.step += len(self.offsets)

    def _loss_of(self, steps: Tensor) -> Tensor:
        """The part of the loss of some steps."""
        inside = steps.clamp(max=self.trace.actions.shape[2] - 1)
        observation, actions = self.trace.map(lambda x: x.index_select(2, inside)).queries(slice(None))
        left_out = (steps < self.after) | (steps >= self.stop)  # [B, T]
        by_step = (len(steps), self.weights.shape[1])
        scored, spread = (
            x.unflatten(1, by_step).masked_fill(left_out[..., None], 0.0).sum(1)  # [B, P]
            for x in score_queries(self.policy.decoder, self.leaf, observation, actions, entropy=self.entropy > 0)
        )
        return (self.weights * scored).sum() - self.entropy * spread.sum() / self.weights.numel()

    def _go_back(self) -> None:
        """Add the gradients of the first nodes, and those that go back from the cache through the encoder."""
        if self.learns_starts:
            with torch.enable_grad():
                values = self.weights.shape[1] * self.weights
                loss = expected_at_start(self.policy.decoder, self.leaf, self.trace, values)
            self._add([loss], None, 0)
            self.loss += loss.detach()
        of_cuts = [total.to(x.dtype) for total, x in zip(self.sums, self._outputs, strict=False)]
        self._add(self._outputs, of_cuts, self.cuts)
        del self._outputs

    def _add(self, outputs: list[Tensor], gradients: list[Tensor] | None, first: int) -> None:
        """Add the gradients of outputs, given their own, with respect to the sources from the first one on."""
        found = torch.autograd.grad(outputs, self.sources[first:], gradients, allow_unused=True)
        for i, gradient in enumerate(found, first):
            if gradient is not None:
                self.sums[i] += gradient
                self.reached.add(i)
