"""Gymnasium adapters: any problem as a `gymnasium.Env`, and B instances of it as a native vector environment.

Importing this module registers one id for each row of `tsp.problems.PROBLEMS`, `tsp/TSP-v0` and so
on; `gymnasium.make("envs.gym:tsp/TSP-v0")` imports it on the way. Both adapters only translate:
what is legal and what it is worth is `RoutingEnv`'s.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from tsp.instance import Instance
from tsp.problems import PROBLEMS, Problem, unknown

from .batch import Batch, from_coordinates, from_instances
from .generators import GENERATORS, generate
from .objectives import INCREMENTS
from .routing_env import RoutingEnv, State

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .rules import Move

Observations = dict[str, NDArray[Any]]
Info = dict[str, Any]

RENDER_MODES = ("rgb_array",)
FRAME_INCHES, FRAME_DOTS = 6.0, 100


class RoutingVectorEnv(VectorEnv[Observations, NDArray[np.int64], NDArray[Any]]):
    """B instances of one routing problem, stepped as one batch of tensors.

    Spaces, rewards and ends are those of `RoutingGymEnv`, with B in front of every shape. Episodes
    need not end together. With `AutoresetMode.NEXT_STEP` (the default) the step after an episode's
    end begins a new one: that row's action is ignored and its reward is 0. With
    `AutoresetMode.DISABLED` a row that has ended is begun anew by
    `reset(options={"reset_mask": ended})` with a boolean array `[B]`, and must not be stepped before.

    `info["action_mask"]` is `[B, n]` int8. `info["objective"]`, `info["tour"]` and `info["illegal"]`
    of rows that end come with `info["_objective"]` and so on, boolean `[B]`, that tell which rows.

    Args:
        num_envs: B.
        problem: a problem, or the name of one.
        size: n, nodes of the instances drawn.
        distribution: what their nodes are drawn from (a name in `envs.generators.GENERATORS`).
        instance: play this one in every row instead of drawing.
        autoreset_mode: `NEXT_STEP` or `DISABLED`.
        render_mode: `rgb_array`, for a frame of every row, or None.

    Raises:
        ValueError: for what there is not, with what there is.
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
        if distribution not in GENERATORS:
            raise ValueError(unknown("distribution", distribution, GENERATORS))
        if num_envs < 1:
            raise ValueError(f"num_envs: {num_envs}, expected 1 or more")
        if instance is not None:
            self.env.problem.validate(instance)
            size = instance.size
            batch = from_instances([instance]).rows(torch.zeros(num_envs, dtype=torch.long))
        elif size < 1:
            raise ValueError(f"size: {size}, expected at least one node")
        else:
            batch = from_coordinates(torch.zeros(num_envs, size, 2, dtype=torch.float64))
        self.num_envs, self.distribution, self.render_mode = num_envs, distribution, render_mode
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self._given = instance
        self._state = self.env.reset(batch)
        self._seen = self.env.observe(self._state)
        self._begun = False
        self._ended = np.zeros(num_envs, dtype=bool)
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self._actions = np.zeros((num_envs, self.env.horizon(batch)), dtype=np.int64)
        self._returns = np.zeros(num_envs)
        self._set_spaces(size)

    def _set_spaces(self, size: int) -> None:
        shown: dict[str, spaces.Space[Any]] = {
            "coordinates": spaces.Box(0.0, 1.0, (size, 2), np.float32),
            "first": spaces.Discrete(size + 1),
            "current": spaces.Discrete(size + 1),
            "visited": spaces.MultiBinary(size),
            "action_mask": spaces.MultiBinary(size),
        }
        if self.env.context_features:
            any_number = float(np.finfo(np.float32).max)  # Gymnasium's check warns of infinite bounds
            shown["context"] = spaces.Box(-any_number, any_number, (self.env.context_features,), np.float32)
        self.single_observation_space = spaces.Dict(shown)
        self.single_action_space = spaces.Discrete(size)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Begin new episodes.

        Args:
            seed: of the instances drawn from now on.
            options: `reset_mask`, boolean `[B]`: begin these rows only.

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
        batch = self._state.batch
        if self._given is None:
            # Its own generator: the same numpy seed gives the same instances whatever torch did before.
            generator = torch.Generator().manual_seed(int(self.np_random.integers(2**63)))
            coordinates = batch.coordinates.clone()
            drawn = generate(self.distribution, int(rows.sum()), batch.size, generator)
            # Lengths are decided in float64, on the very points that a float32 observation shows.
            coordinates[torch.from_numpy(rows)] = drawn.double()
            batch = from_coordinates(coordinates)
        self._state = _merge(rows, self.env.reset(batch), self._state)
        self._steps[rows] = 0
        self._returns[rows] = 0.0

    def step(self, actions: NDArray[np.int64]) -> tuple[Observations, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Visit the node `actions[i]` in row i; see the class for rows whose episode has ended.

        Raises:
            ValueError: for an action that is no node at all.
            ResetNeeded: before the first reset, and without autoreset for a row that has ended.
        """
        if not self._begun:
            raise ResetNeeded("call reset before step")
        renewed = self._ended
        if renewed.any() and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(f"row {renewed.argmax()} has ended: reset it before the next step")
        chosen = self._nodes(actions, ignored=renewed)
        forbidden = self._seen.mask[:, 0].numpy()  # [B, n]; all of a row that has ended
        legal = ~renewed & ~forbidden[np.arange(self.num_envs), chosen]
        illegal = ~renewed & ~legal
        stepped = self.env.step(self._state, torch.from_numpy(chosen)[:, None])
        self._state = _merge(legal, stepped, self._state)  # rows that must not move do not
        ahead = np.arange(self._actions.shape[1]) >= self._steps[:, None]
        # The node fills all that is ahead: staying costs nothing.
        self._actions = np.where(legal[:, None] & ahead, chosen[:, None], self._actions)
        self._steps += legal
        finished = legal & self._state.finished[:, 0].numpy()
        rewards, objectives = self._rewards(stepped.move, legal, illegal, finished)
        self._returns += rewards
        if renewed.any():
            self._begin(renewed)
        self._ended = finished | illegal
        self._seen = self.env.observe(self._state)
        ends: Info = {}
        if finished.any():
            ends |= {"objective": objectives, "_objective": finished.copy()}
            ends |= {"tour": np.where(finished[:, None], self._actions, 0), "_tour": finished.copy()}
        if illegal.any():
            ends |= {"illegal": illegal.copy(), "_illegal": illegal.copy()}
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
        self, move: Move, legal: NDArray[np.bool_], illegal: NDArray[np.bool_], finished: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rewards `[B]` of the step just made, and objectives `[B]` of the rows that finished."""
        batch = self._state.batch
        added = sum(INCREMENTS[term](batch, move)[:, 0].numpy() for term in self.env.problem.objective.terms)
        rewards = np.where(legal, -self.env.sign * added, 0.0)
        if illegal.any():
            rewards[illegal] = (-(batch.size + 1) * _longest_leg(batch).numpy() - self._returns)[illegal]
        objectives = np.zeros(self.num_envs)
        if finished.any():
            rows = torch.from_numpy(finished)
            actions = torch.from_numpy(self._actions)[rows][:, None]
            objectives[finished] = self.env.objective(batch.rows(rows), actions)[:, 0].numpy()
            rewards[finished] = (-self.env.sign * objectives - self._returns)[finished]
        return rewards, objectives

    def _observations(self) -> Observations:
        state = self._state
        seen: dict[str, Tensor] = {
            "coordinates": state.batch.coordinates.float(),
            "first": state.first[:, 0],
            "current": state.move.node[:, 0],
            "visited": state.move.visited[:, 0].to(torch.int8),
            "action_mask": (~self._seen.mask[:, 0]).to(torch.int8),
        }
        if self._seen.context is not None:
            seen["context"] = self._seen.context[:, 0]
        return {name: value.numpy().copy() for name, value in seen.items()}

    def _infos(self) -> Info:
        return {"action_mask": self.action_masks().astype(np.int8), "_action_mask": np.ones(self.num_envs, dtype=bool)}

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal now, `[B, n]`; none in a row that has ended by visiting everything."""
        return ~self._seen.mask[:, 0].numpy()

    def instance(self, row: int) -> Instance:
        """The instance that a row plays."""
        if self._given is not None:
            return self._given
        return Instance(self._state.batch.coordinates[row].numpy(), problem=self.env.problem.name)

    def visits(self, row: int) -> NDArray[np.int64]:
        """The nodes that a row has visited, in their order."""
        return self._actions[row, : self._steps[row]].copy()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A frame `[600, 600, 3]` of every row, in render mode `rgb_array`."""
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render mode was given; make the environment with render_mode='rgb_array'")
            return None
        return tuple(self.frame(row) for row in range(self.num_envs))

    def frame(self, row: int) -> NDArray[np.uint8]:
        """A picture of one row: its nodes and the way so far."""
        finished = bool(self._state.finished[row, 0])
        return _pixels(_draw(self.env.problem, self.instance(row), self.visits(row), finished=finished))


class RoutingGymEnv(gymnasium.Env[Observations, np.int64]):
    """One instance of a routing problem, a node a step.

    ## Action space
    `Discrete(n)`: the node to visit next, by its position in the instance, from 0. Not every node is
    legal at every step: `info["action_mask"]` (int8) and `action_masks()` (bool), both `[n]`, tell
    which are. An action that is no node at all raises `ValueError`.

    ## Observation space
    A `Dict` of fixed shapes:

    | field | space | dtype | shape | meaning |
    |---|---|---|---|---|
    | `coordinates` | `Box(0, 1)` | float32 | (n, 2) | the nodes, scaled into the unit square |
    | `first` | `Discrete(n + 1)` | int64 | () | where the tour started; n before the first step |
    | `current` | `Discrete(n + 1)` | int64 | () | where the scientist is; n before the first step |
    | `visited` | `MultiBinary(n)` | int8 | (n,) | 1 for every node visited so far |
    | `action_mask` | `MultiBinary(n)` | int8 | (n,) | 1 for every node that may be next |
    | `context` | `Box`, any number | float32 | (c,) | what the problem's rules show; absent where c = 0 |

    ## Rewards
    They sum to the objective, negative where less is better, so for `tsp` to minus the length of the
    closed tour: each step is rewarded with minus its leg, the last one with minus the way back home
    too. All of it is decided in float64, on the instance's own distances with their rounding: with a
    TSPLIB file the return is minus the length that TSPLIB's optimum is compared with.

    ## Starting state
    A new instance from `distribution`, by the seed given to `reset` (or always `instance`), and
    nothing visited. For a TSP every node is then legal.

    ## Episode end
    `terminated` when everything is visited: `info` then holds `objective`, in the instance's own
    units, and `tour`, the nodes in their order. An illegal action ends the episode too: the tour is
    not completed, `info["illegal"]` is True, and the rewards sum to -(n + 1) times the longest
    distance, which is worse than any tour, so an agent without a mask can learn what is legal.
    Episodes are never truncated.

    ## Arguments
    `gymnasium.make("tsp/TSP-v0", size=20, distribution="uniform", instance=None, render_mode=None)`

    Args:
        problem: a problem, or the name of one.
        size: n, nodes of the instances drawn.
        distribution: what their nodes are drawn from (a name in `envs.generators.GENERATORS`).
        instance: play this one in every episode instead of drawing; with coordinates in the plane.
        render_mode: `rgb_array`, or None.

    Raises:
        ValueError: for what there is not, with what there is.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
    }

    def __init__(
        self,
        problem: Problem | str = "tsp",
        size: int = 20,
        distribution: str = "uniform",
        instance: Instance | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._batch = RoutingVectorEnv(1, problem, size, distribution, instance, AutoresetMode.DISABLED, render_mode)
        self.render_mode = render_mode
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space

    @property
    def instance(self) -> Instance:
        """The instance of this episode."""
        return self._batch.instance(0)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Begin a new episode; `options` are not used."""
        super().reset(seed=seed)
        self._batch.np_random = self.np_random
        observations, infos = self._batch.reset()
        return _row(observations), _plain(_row(infos))

    def step(self, action: np.int64 | int) -> tuple[Observations, float, bool, bool, Info]:
        """Visit the node `action`.

        Raises:
            ValueError: for an action that is no node at all.
            ResetNeeded: before the first reset and after an episode's end.
        """
        observations, rewards, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = _plain(_row(infos))
        return _row(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal now, `[n]`, as sb3-contrib's MaskablePPO asks for it."""
        return self._batch.action_masks()[0]

    def render(self) -> NDArray[np.uint8] | None:
        """A picture `[600, 600, 3]` of the nodes and the way so far, in render mode `rgb_array`."""
        frames = self._batch.render()
        return frames[0] if frames is not None else None


def _row(values: dict[str, Any]) -> dict[str, Any]:
    """The only row of a batch of one, without what tells which rows a value is for."""
    return {name: value[0] for name, value in values.items() if not name.startswith("_")}


def _plain(values: Info) -> Info:
    return {name: value.item() if np.ndim(value) == 0 else value for name, value in values.items()}


def _merge(rows: NDArray[np.bool_], new: State, old: State) -> State:
    """`new` in these rows, `old` in the others."""
    if rows.all():
        return new
    chosen = torch.from_numpy(rows)

    def merge(a: Any, b: Any) -> Any:  # noqa: ANN401 - a state is a tree of tensors, each rule's own part included
        if isinstance(a, Tensor):
            return torch.where(chosen.view(-1, *(1,) * (a.ndim - 1)), a, b)
        if isinstance(a, tuple):
            parts = [merge(x, y) for x, y in zip(a, b, strict=True)]
            return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
        return a

    return merge(new, old)


def _longest_leg(batch: Batch) -> Tensor:
    """An upper bound on every distance of an instance, `[B]`."""
    if batch.distances is not None:
        return batch.distances.flatten(1).amax(1)
    return batch.scale * sqrt(2.0)


def _draw(problem: Problem, instance: Instance, visits: NDArray[np.int64], *, finished: bool) -> Figure:
    from tsp.plotting import PALETTE, plot_tour
    from tsp.solution import check

    if len(visits):
        instance = replace(instance, depot=int(visits[0]))  # the picture marks where she started
    solution = check(problem, instance, [visits]) if finished else None
    figure = plot_tour(instance, solution, title=problem.title)
    if not finished:
        axes = figure.axes[0]
        way = np.asarray(axes.collections[0].get_offsets())[visits]  # the nodes' places in the picture
        axes.plot(*way.T, color=PALETTE[0], linewidth=2.0, zorder=2)
        axes.scatter(*way[-1:].T, s=90, color=PALETTE[0], zorder=2.5)
    return figure


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_size_inches(FRAME_INCHES, FRAME_INCHES)
    figure.set_dpi(FRAME_DOTS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _register() -> None:
    for name in PROBLEMS:
        env_id = f"tsp/{name.upper()}-v0"
        if env_id not in gymnasium.registry:
            gymnasium.register(
                id=env_id,
                entry_point="envs.gym:RoutingGymEnv",
                vector_entry_point="envs.gym:RoutingVectorEnv",
                kwargs={"problem": name},
            )


_register()
