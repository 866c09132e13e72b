"""`RoutingVectorEnv`: B instances of a routing problem as a native Gymnasium vector environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from envs.batch import Batch, from_instances
from envs.generators import generate, split_distribution, to_instances
from envs.routing_env import RoutingEnv, State
from envs.walks import INCREMENTS
from tsp.problems import Problem, unknown

from .frames import draw_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.walks import Move
    from tsp.instance import Instance, Realization

Observations = dict[str, NDArray[Any]]
Info = dict[str, Any]

RENDER_MODES = ("rgb_array",)


class RoutingVectorEnv(VectorEnv[Observations, NDArray[np.int64], NDArray[Any]]):
    """B instances of one routing problem, stepped as one batch of tensors.

    `gymnasium.make_vec("tsp/TSP-v0", num_envs=64, vectorization_mode="vector_entry_point", size=20)`

    ## Action space
    `MultiDiscrete([n] * B)`: for each row the node to go to next, as in `RoutingGymEnv`.

    ## Observation space
    The fields of `RoutingGymEnv`, with B in front of every shape. `info["action_mask"]` is `[B, n]` int8,
    `action_masks()` gives the same as bool.

    ## Rewards
    `[B]` float64, each as in `RoutingGymEnv`; 0 in the step that only begins a new episode.

    ## Starting state
    A new instance in every row, by the seed given to `reset` (or `instance` in all of them).
    `reset(options={"reset_mask": rows})` with a boolean array `[B]` begins new episodes in these rows only.

    ## Episode end
    Episodes end as in `RoutingGymEnv`, and need not end together. What happens to a row that has ended
    depends on `autoreset_mode`:

    | mode | what happens |
    |---|---|
    | `NEXT_STEP` (default) | the next step begins a new episode; the action of that row is ignored, its reward is 0 |
    | `DISABLED` | the row must be reset with `reset_mask` before the next step |

    `info["objective"]`, `info["tour"]`, `info["infeasible"]` and `info["illegal"]` are `[B, ...]` and come
    with `info["_objective"]` and so on, boolean `[B]`: the rows for which the value is set. A field is
    absent where no row has it.

    ## Arguments
    | parameter | type | default | meaning |
    |---|---|---|---|
    | `num_envs` | int | 1 | B, the number of rows |
    | `problem` | `Problem` or str | `"tsp"` | a problem, or the name of one |
    | `size` | int | 20 | customers of the instances drawn: n, or n - 1 where tours start at a depot |
    | `distribution` | str | `"uniform"` | the distribution of instances, as `envs.generators.generate` names it |
    | `instance` | `Instance` | None | plays this instance in every row instead of drawing |
    | `autoreset_mode` | `AutoresetMode` or str | `NEXT_STEP` | `NEXT_STEP` or `DISABLED` |
    | `render_mode` | str | None | `rgb_array` for a frame of every row |

    An unknown name raises `ValueError`, with the names that exist.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium's own declaration
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        problem: Problem | str = "tsp",
        size: int = 20,
        distribution: str = "uniform",
        instance: Instance | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        self.env = RoutingEnv(problem)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            raise ValueError("autoreset_mode: SameStep is not offered, expected NextStep or Disabled")
        if render_mode not in (None, *RENDER_MODES):
            raise ValueError(unknown("render mode", render_mode, RENDER_MODES))
        split_distribution(distribution)
        if num_envs < 1:
            raise ValueError(f"num_envs: {num_envs}, expected 1 or more")
        if instance is not None:
            self.env.problem.validate(instance)
            if instance.underway is not None:
                raise ValueError(f"{instance.name or 'instance'}: a tour is under way, expected one that has not begun")
            batch = from_instances([instance]).rows(torch.zeros(num_envs, dtype=torch.long))
        else:  # a placeholder: the first reset draws the instances
            batch = _drawn(self.env.problem, distribution, num_envs, size, torch.Generator())
        self.num_envs, self.size, self.distribution, self.render_mode = num_envs, size, distribution, render_mode
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self._given = instance
        self._state = self.env.reset(batch)
        self._seen = self.env.observe(self._state)
        self._begun = False
        self._ended = np.zeros(num_envs, dtype=bool)
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self._actions = np.zeros((num_envs, _longest_episode(self.env, batch)), dtype=np.int64)
        self._returns = np.zeros(num_envs)
        # A matrix is shown where distances do not follow from the coordinates.
        self._explicit = batch.distances is not None and (instance is None or instance.matrix is not None)
        self._set_spaces(batch.size)

    def _set_spaces(self, n: int) -> None:
        env, any_number = self.env, float(np.finfo(np.float32).max)  # Gymnasium's check warns of infinite bounds

        def numbers(*shape: int) -> spaces.Box:
            return spaces.Box(-any_number, any_number, shape, np.float32)

        shown: dict[str, tuple[bool, spaces.Space[Any]]] = {
            "coordinates": (True, spaces.Box(0.0, 1.0, (n, 2), np.float32)),
            "features": (env.node_features > 2, numbers(n, env.node_features - 2)),
            "distances": (self._explicit, numbers(n, n)),
            "kinds": (not env.problem.shape.is_closed, spaces.MultiDiscrete([3] * n)),
            "first": (not env.problem.shape.has_depot, spaces.Discrete(n + 1)),
            "current": (True, spaces.Discrete(n + 1)),
            "visited": (True, spaces.MultiBinary(n)),
            "action_mask": (True, spaces.MultiBinary(n)),
            "context": (env.context_features > 0, numbers(env.context_features)),
            "node_context": (env.node_context_features > 0, numbers(n, env.node_context_features)),
        }
        self.single_observation_space = spaces.Dict({name: space for name, (there, space) in shown.items() if there})
        self.single_action_space = spaces.Discrete(n)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Begin new episodes.

        Args:
            seed: of the instances drawn from now on.
            options: `reset_mask`, boolean `[B]`: the rows in which to begin; default all.

        Raises:
            ValueError: when the mask is not a boolean array `[B]`.
        """
        super().reset(seed=seed)
        rows = np.ones(self.num_envs, dtype=bool)
        if options and "reset_mask" in options:
            rows = np.asarray(options["reset_mask"])
            if rows.shape != (self.num_envs,) or rows.dtype != np.bool_:
                raise ValueError(f"reset_mask: {rows.dtype} {rows.shape}, expected bool ({self.num_envs},)")
            if not (self._begun or rows.all()):
                raise ResetNeeded("reset every row before you reset some")
        self._begin(rows)
        self._ended = self._ended & ~rows
        self._begun = True
        self._seen = self.env.observe(self._state)
        return self._observations(), self._infos()

    def _begin(self, rows: NDArray[np.bool_]) -> None:
        batch, chosen = self._state.batch, torch.from_numpy(rows)
        if self._given is None:
            # A generator of its own, so that the numpy seed alone fixes the instances.
            generator = torch.Generator().manual_seed(int(self.np_random.integers(2**63)))
            drawn = _drawn(self.env.problem, self.distribution, int(rows.sum()), self.size, generator)
            batch = _zip(lambda new, old: old.index_put((chosen,), new), drawn, batch)
        self._state = _merge(rows, self.env.reset(batch), self._state)
        self._steps[rows] = 0
        self._returns[rows] = 0.0

    def step(self, actions: NDArray[np.int64]) -> tuple[Observations, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Go to the node `actions[i]` in row i; see the class for rows whose episode has ended.

        Raises:
            ValueError: for an action outside 0 to n - 1.
            ResetNeeded: before the first reset, and without autoreset for a row that has ended.
        """
        if not self._begun:
            raise ResetNeeded("call reset before step")
        renewed = self._ended
        if renewed.any() and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(f"row {renewed.argmax()} has ended: reset it before the next step")
        chosen = self._nodes(actions, ignored=renewed)
        legal = ~renewed & self.action_masks()[np.arange(self.num_envs), chosen]
        illegal = ~renewed & ~legal
        stepped = self.env.step(self._state, torch.from_numpy(chosen)[:, None])
        self._state = _merge(legal, stepped, self._state)  # other rows stay
        ahead = np.arange(self._actions.shape[1]) >= self._steps[:, None]
        # The rest of the row is filled with the node: staying costs nothing.
        self._actions = np.where(legal[:, None] & ahead, chosen[:, None], self._actions)
        self._steps += legal
        ended = legal & self._state.finished[:, 0].numpy()
        infeasible = np.zeros_like(ended)
        if ended.any():
            missed = self.env.missed(self._state.batch, torch.from_numpy(self._actions)[:, None])[:, 0].numpy() > 0
            infeasible = ended & (missed | self._state.dead[:, 0].numpy())
        finished = ended & ~infeasible
        rewards, objectives = self._rewards(stepped.move, legal, illegal | infeasible, finished)
        self._returns += rewards
        if renewed.any():
            self._begin(renewed)
        self._ended = ended | illegal
        self._seen = self.env.observe(self._state)
        outcomes = {
            "objective": (objectives, finished),
            "tour": (np.where(ended[:, None], self._actions, 0), ended),
            "infeasible": (infeasible, infeasible),
            "illegal": (illegal, illegal),
        }
        ends: Info = {}
        for name, (values, rows) in outcomes.items():
            if rows.any():
                ends |= {name: values.copy(), f"_{name}": rows.copy()}
        return self._observations(), rewards, self._ended.copy(), np.zeros_like(illegal), self._infos() | ends

    def _nodes(self, actions: NDArray[np.int64], *, ignored: NDArray[np.bool_]) -> NDArray[np.int64]:
        nodes = np.asarray(actions)
        if nodes.shape != (self.num_envs,) or not np.issubdtype(nodes.dtype, np.integer):
            raise ValueError(f"actions: {nodes.dtype} {nodes.shape}, expected integers ({self.num_envs},)")
        size = self._state.batch.size
        outside = ((nodes < 0) | (nodes >= size)) & ~ignored
        if outside.any():
            raise ValueError(f"action {nodes[outside][0]}: expected a node from 0 to {size - 1}")
        return np.where(ignored, 0, nodes)

    def _rewards(
        self, move: Move, legal: NDArray[np.bool_], failed: NDArray[np.bool_], finished: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rewards `[B]` of the step just made, and objectives `[B]` of the rows that finished."""
        batch, terms = self._state.batch, self.env.problem.objective.terms
        rewards, objectives = np.zeros(self.num_envs), np.zeros(self.num_envs)
        for term in terms:
            if term in INCREMENTS and not batch.in_session:  # a visit of a session may be broken off
                rewards -= np.where(legal, self.env.sign * INCREMENTS[term](batch, move)[:, 0].numpy(), 0.0)
        if failed.any():
            rewards[failed] = (-_more_than_any(batch, self._actions.shape[1]) - self._returns)[failed]
        if finished.any():
            rows = torch.from_numpy(finished)
            actions = torch.from_numpy(self._actions)[rows][:, None]
            objectives[finished] = self.env.objective(batch.rows(rows), actions)[:, 0].numpy()
            rewards[finished] = (-self.env.sign * objectives - self._returns)[finished]
        return rewards, objectives

    def _observations(self) -> Observations:
        state, batch = self._state, self._state.batch
        kinds, features = self.env.kinds(batch), self.env.features(batch)[..., 2:]
        seen: dict[str, Tensor | None] = {
            "coordinates": batch.coordinates,
            "features": features,
            "distances": batch.costs() if self._explicit else None,
            "kinds": kinds,
            "first": state.first[:, 0],
            "current": state.move.here[:, 0],
            "visited": state.move.visited[:, 0],
            "context": self._seen.context[:, 0] if self._seen.context is not None else None,
            "node_context": self._seen.node_context[:, 0] if self._seen.node_context is not None else None,
        }
        shown = {name: value.numpy() for name, value in seen.items() if value is not None}
        shown["action_mask"] = self.action_masks()
        rows = self.observation_space
        assert isinstance(rows, spaces.Dict)
        return {name: shown[name].astype(space.dtype) for name, space in rows.items()}

    def _infos(self) -> Info:
        return {"action_mask": self.action_masks().astype(np.int8), "_action_mask": np.ones(self.num_envs, dtype=bool)}

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal now, `[B, n]`; none in a row that has ended."""
        return ~self._seen.forbidden[:, 0].numpy() & ~self._ended[:, None]

    def instance(self, row: int) -> Instance:
        """The instance that a row plays."""
        return self._given or self._as_drawn(row)[0]

    def realization(self, row: int) -> Realization | None:
        """The hidden values of that instance; None where it hides nothing."""
        return None if self._given is not None else self._as_drawn(row)[1]

    def _as_drawn(self, row: int) -> tuple[Instance, Realization | None]:
        name, batch = self.env.problem.name, self._state.batch.rows(slice(row, row + 1))
        if not self._explicit:  # its distances follow from the coordinates
            batch = batch._replace(distances=None)
        instances, hidden = to_instances(name, batch, name)
        return instances[0], None if hidden is None else hidden[0]

    def tours(self, row: int) -> list[list[int]]:
        """The tours of a row so far, as `tsp.solution.check` reads them; the last may be incomplete."""
        return self.env.tours(torch.from_numpy(self.visits(row)), self.instance(row))

    def visits(self, row: int) -> NDArray[np.int64]:
        """The actions of a row, in their order."""
        return self._actions[row, : self._steps[row]].copy()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A frame `[600, 600, 3]` of every row, in render mode `rgb_array`."""
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render mode was given; make the environment with render_mode='rgb_array'")
            return None
        return tuple(self.frame(row) for row in range(self.num_envs))

    def frame(self, row: int) -> NDArray[np.uint8]:
        """A picture of one row: its nodes and its tours so far."""
        from tsp.solution import check

        problem, instance = self.env.problem, self.instance(row)
        solution = check(problem, instance, self.tours(row)) if self._state.finished[row, 0] else None
        return draw_frame(problem, instance, self.visits(row), solution)


def _zip(change: Callable[[Tensor, Tensor], Tensor], a: Any, b: Any) -> Any:  # noqa: ANN401 - trees of tensors
    """Combine two trees of tensors leaf by leaf: two batches, or two states."""
    if isinstance(a, Tensor):
        return change(a, b)
    if isinstance(a, dict):
        return {name: _zip(change, value, b[name]) for name, value in a.items()}
    if isinstance(a, tuple):
        parts = [_zip(change, x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    return a


def _merge(rows: NDArray[np.bool_], new: State, old: State) -> State:
    """`new` in these rows, `old` in the others."""
    if rows.all():
        return new
    chosen = torch.from_numpy(rows)
    return _zip(lambda a, b: torch.where(chosen.view(-1, *(1,) * (a.ndim - 1)), a, b), new, old)


def _drawn(problem: Problem, distribution: str, count: int, size: int, generator: torch.Generator) -> Batch:
    """Generated instances in float64, so that lengths are those of the points that a float32 observation shows."""
    batch = generate(problem, distribution, count, size, generator)
    batch = batch.map(lambda x: x.double() if x.is_floating_point() else x)
    # the rest as `to_instances` hands it out
    return batch._replace(values={name: x.round(decimals=7) for name, x in batch.values.items()})


def _longest_episode(env: RoutingEnv, batch: Batch) -> int:
    """An upper bound of an episode's steps for all instances of the distribution, whose demands fit the capacity."""
    values = dict(batch.values)
    if "demands" in values and "capacity" in values:
        values["demands"] = torch.maximum(values["demands"], values["capacity"][:, None])
    return env.horizon(batch._replace(values=values))


def _more_than_any(batch: Batch, steps: int) -> NDArray[np.float64]:
    """An upper bound of any solution's cost, `[B]`: the longest leg in each step, all times, penalties, price."""
    legs = batch.with_distances().distances
    assert legs is not None
    values, cost = batch.values, 1.0 + (steps + 1) * legs.flatten(1).amax(1)
    if "service_times" in values:
        cost = cost + (steps + 1) * values["service_times"].amax(1)
    if "time_windows" in values:
        cost = cost + values["time_windows"][..., 0].amax(1).clamp(min=0.0)
    if "penalties" in values:
        cost = cost + values["penalties"].sum(1)
    if "late_price" in values:  # the last visit begins in time
        visits = batch.real_service_times
        late = cost if visits is None else cost + visits.amax(1)
        cost = cost + values["late_price"] * late
    return cost.numpy()
