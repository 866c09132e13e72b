"""Rollouts of one shape from static buffers, replayed as CUDA graphs.

A step of a rollout launches fifty to two hundred small kernels; on a GPU their launches take longer
than their work. Here a step is compiled into a few kernels, and a run of steps is captured once for each
shape of a batch and then replayed as a whole, so the host launches one graph for many steps. On the CPU
the same steps run as they are. `policies.training.passes` does the same for gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv, State, Trace

    from .decoder import Cache, Decoder
    from .decoding import Sampling

SEGMENT = 8
"""Steps in a graph, after which the host checks whether all trajectories have finished."""
COMPILED_SHAPES = 64
"""Shapes for which a step may be compiled in one process."""

Leaves = list[Tensor | None]
Tree = TypeVar("Tree", bound=tuple[object, ...])


class GraphRollout:
    """`rollout` for batches of one shape; the trace that a call returns is overwritten by the next call.

    Args:
        env: the environment.
        decoder: computes the logits; its weights may change between calls, in place.
        batch: a batch of that shape; its values are not used.
        cache: the decoder's cache for such a batch; its values are not used.
        strategy: chooses the next node.
        trajectories: P, the number of trajectories an instance.
        generator: random numbers of the strategy, on the batch's device.
        replays: length of the longest trajectories to replay. If it is given, a call takes their actions and
            uses neither the strategy nor the decoder.
        compiles: whether a step is compiled, on a GPU.
    """

    def __init__(
        self,
        env: RoutingEnv,
        decoder: Decoder,
        batch: Batch,
        cache: Cache,
        strategy: Sampling,
        *,
        trajectories: int,
        generator: Generator,
        replays: int | None = None,
        compiles: bool = True,
    ) -> None:
        self.env, self.decoder, self.strategy, self.generator = env, decoder, strategy, generator
        self.trajectories = trajectories
        self.batch, self.cache = copied(batch), copied(cache.detach())
        self.prefix = env.starts(self.batch, trajectories) if replays is None else None
        self.given = 0 if self.prefix is None else self.prefix.shape[-1]
        self.horizon = horizon = env.horizon(batch) if replays is None else replays
        # where every trajectory takes all steps, the host checks nothing between them
        self.segment = min(SEGMENT, horizon) if env.problem.shape.has_depot else horizon - self.given
        self.segments = -(-(horizon - self.given) // self.segment) if self.segment else 0
        steps = self.given + self.segments * self.segment
        self.actions = None  # [B, P, T]
        if replays is not None:
            self.actions = torch.zeros((batch.count, trajectories, steps), dtype=torch.long, device=batch.device)
        self.trace = env.empty_trace(self.batch, trajectories, steps, given=self.given)
        self.step = torch.zeros(1, dtype=torch.long, device=batch.device)
        self.finished = torch.zeros((), dtype=torch.bool, device=batch.device)
        self._advance = self._one_step
        if compiles and batch.device.type == "cuda":
            from torch import _dynamo as dynamo  # takes a second to import

            dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, COMPILED_SHAPES)
            self._advance = torch.compile(self._one_step, fullgraph=True, dynamic=False)
        with torch.no_grad():
            self._state = self._static_state()
            self._start, self._go_on = captured([self._begin, self._take_segment], batch.device, generator=generator)

    @torch.no_grad()
    def __call__(self, batch: Batch, cache: Cache, actions: Tensor | None = None) -> Trace:
        """Walk P trajectories an instance to their ends; see `rollout`.

        Args:
            batch: the instances.
            cache: the decoder's cache for them.
            actions: `[B, P, T]` the actions to replay.
        """
        overwrite((self.batch, self.cache), (batch, cache.detach()))
        segments, most = self.segments, self.horizon
        if self.actions is not None:
            assert actions is not None
            most = actions.shape[-1]
            segments = -(-most // self.segment)
            self.actions[..., :most] = actions
            self.actions[..., most:] = actions[..., -1:]
        self._start()
        done = 0
        for _ in range(segments):
            self._go_on()
            done += 1
            if self.actions is None and self.env.problem.shape.has_depot and bool(self.finished):
                break
        # in the rest of the last segment every trajectory stays
        return self.trace.until(min(self.given + done * self.segment, most))

    def _static_state(self) -> Leaves:
        """Buffers for all that changes from step to step, in the order of the flattened state."""
        leaves, self._layout = tree_flatten(self.env.reset(self.batch, self.trajectories))
        # tensors that depend on the instances alone are computed once for each batch, by `_begin`
        return [x.contiguous().clone() if isinstance(x, Tensor) else x for x in leaves]

    def _begin(self) -> None:
        """Reset, and take the steps that are given."""
        self.step.zero_()
        state = self.env.reset(self.batch, self.trajectories)
        for t in range(self.given):
            assert self.prefix is not None
            action = self.prefix[..., t]
            self._record(self.env.observe(state), action)
            state = self.env.step(state, action)
        self._keep(self.env.resume(state))

    def _take_segment(self) -> None:
        """Take the steps of one segment, starting from the stored state."""
        leaves = self._state
        for _ in range(self.segment):
            if self.actions is not None:
                choice = self.actions.index_select(2, self.step)[..., 0]
            else:
                shape = (self.batch.count, self.trajectories, 1)
                choice = torch.rand(shape, generator=self.generator, device=self.batch.device)
            leaves, seen, action = self._advance(leaves, choice)
            self._record(seen, action)
        state: State = tree_unflatten(leaves, self._layout)
        self._keep(state)
        self.finished.copy_(state.finished.all())

    def _one_step(self, leaves: Leaves, choice: Tensor) -> tuple[Leaves, tuple[Tensor | None, ...], Tensor]:
        """The next state, the observation before it, and the action: drawn with uniform numbers, or given."""
        state: State = tree_unflatten(leaves, self._layout)
        seen = self.env.observe(state)
        action = choice
        if self.actions is None:
            action = self.strategy.pick(self.decoder.logits(self.cache, seen), choice)
        return tree_flatten(self.env.step(state, action))[0], tuple(seen), action

    def _record(self, seen: tuple[Tensor | None, ...], action: Tensor) -> None:
        for buffer, value in zip(self.trace[:-1], (action, *seen), strict=True):
            if isinstance(buffer, Tensor) and value is not None:
                buffer.index_copy_(2, self.step, value.unsqueeze(2).to(buffer.dtype))
        self.step += 1

    def _keep(self, state: State) -> None:
        """Copy a state into the buffers. Values that lie in other buffers are copied out before any is overwritten."""
        leaves, layout = tree_flatten(state)
        assert layout == self._layout, "the state's structure changed between steps"
        own = {x.untyped_storage().data_ptr() for x in self._state if x is not None}
        pairs: list[tuple[Tensor, Tensor]] = []
        for buffer, value in zip(self._state, leaves, strict=True):
            if buffer is None or value is buffer:
                continue
            pairs.append((buffer, value.clone() if value.untyped_storage().data_ptr() in own else value))
        for buffer, value in pairs:
            buffer.copy_(value)


def captured(
    works: Sequence[Callable[[], None]],
    device: torch.device,
    *,
    generator: Generator | None = None,
) -> list[Callable[[], None]]:
    """Pieces of work that run in this order, each as a CUDA graph where there is CUDA.

    They share memory: what one leaves for a later one lies where no piece between them writes.

    Args:
        works: the pieces, which read and write static buffers.
        device: where they run.
        generator: random numbers that they draw.
    """
    if device.type != "cuda":
        return list(works)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # capturing requires that everything has run before
        for _ in range(2):
            for work in works:
                work()
    torch.cuda.current_stream().wait_stream(side)
    pool, graphs = torch.cuda.graph_pool_handle(), []
    for work in works:
        graph = torch.cuda.CUDAGraph()
        if generator is not None:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, pool=pool):
            work()
        graphs.append(graph)
    return [graph.replay for graph in graphs]


def copied(tree: Tree) -> Tree:
    """A tree of tensors with copies of all tensors."""
    leaves, layout = tree_flatten(tree)
    return tree_unflatten([x.clone() if isinstance(x, Tensor) else x for x in leaves], layout)


def overwrite(buffers: Tree, values: Tree) -> None:
    """Copy the tensors of a tree into those of another one of the same structure."""
    for buffer, value in zip(tree_flatten(buffers)[0], tree_flatten(values)[0], strict=True):
        if isinstance(buffer, Tensor):
            buffer.copy_(value)
