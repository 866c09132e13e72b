"""`RoutingGymEnv`: one instance of a routing problem as a `gymnasium.Env`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from .vector import RENDER_MODES, Info, Observations, RoutingVectorEnv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance, Realization
    from tsp.problems import Problem


class RoutingGymEnv(gymnasium.Env[Observations, np.int64]):
    """One instance of a routing problem, one node a step.

    `gymnasium.make("tsp/TSP-v0", size=20)`

    ## Action space
    `Discrete(n)`: the node to go to next, by its position in the instance, from 0. Where tours start
    at a depot, going to where they end (the depot again, unless the instance names another node) ends
    the tour. Not every node is legal at every step: `info["action_mask"]` (int8) and `action_masks()`
    (bool), both `[n]`, are 1 for the legal ones. An action outside 0 to n - 1 raises `ValueError`.

    ## Observation space
    A `Dict` of fixed shapes:

    | field | space | dtype | shape | meaning |
    |---|---|---|---|---|
    | `coordinates` | `Box(0, 1)` | float32 | (n, 2) | the nodes in the unit square; zeros where there are none |
    | `features` | `Box` | float32 | (n, f) | attributes of each node that the problem needs; absent where f = 0 |
    | `distances` | `Box` | float32 | (n, n) | row = from; absent where they follow from the coordinates |
    | `kinds` | `MultiDiscrete` | int64 | (n,) | 1 where tours start, 2 where they end elsewhere; absent in cycles |
    | `first` | `Discrete(n + 1)` | int64 | () | where the tour started; n before; absent where there is a depot |
    | `current` | `Discrete(n + 1)` | int64 | () | the node of the last step; n before a start is chosen |
    | `visited` | `MultiBinary(n)` | int8 | (n,) | 1 for nodes that need no further visit, and for a tour's two ends |
    | `action_mask` | `MultiBinary(n)` | int8 | (n,) | 1 for every node that may be next |
    | `context` | `Box` | float32 | (c,) | the state of the problem's rules; absent where c = 0 |
    | `node_context` | `Box` | float32 | (n, k) | their state at each node; absent where k = 0 |

    The unit of length is the side of the unit square. The points of a given `instance` are moved and
    scaled so that the longer side of their bounding box is 1; instances that are drawn lie in the unit
    square already. With a matrix beside the coordinates the unit is the median ratio of the two distances
    over distant pairs of nodes; with a matrix alone it is the longest distance. A unit of length takes a
    unit of time.

    The columns of `features` come in the order of the problem's rules, then of its objective's terms:

    | column | of | unit |
    |---|---|---|
    | `demands` | capacity | the capacity |
    | `opens` | time windows | the day, which is when the last window closes |
    | `closes` | time windows | the day; 1 for a window that never closes |
    | `service` | time windows, nodes that appear | sides of the square |
    | `prizes` | quota of prizes, objective | the quota, else the largest prize; hidden prizes: their expectation |
    | `penalties` | objective | sides of the square |
    | `duration` | session | mean time of a visit with its wait, where somebody is there; sides of the square |
    | `deviation` | session | its standard deviation; sides of the square |
    | `presence` | session with queues | the probability that somebody is there, 0 to 1 |

    The columns of `context` come in the order of the problem's rules:

    | column | of | unit and range |
    |---|---|---|
    | load left | capacity | the capacity, 0 to 1 |
    | length left | length budget | sides of the square, left to this tour, at most 5; 5 without a budget |
    | visits left | number of visits | the number allowed, 0 to 1 |
    | prize to collect | quota of prizes | as `prizes`; 0 once the quota is met |
    | time | time windows | the day, 0 when it begins |
    | session left | session | sides of the square, at most 5 |
    | just arrived | session with queues | 1 where the current node may be chosen once more, to stay |
    | time of a visit here | the same | with its wait; sides of the square, 0 to 5; else 0 |
    | prize here | the same | as `prizes`; 0 where the visit would not be finished |
    | tours left | number of tours | the number allowed, 0 to 1; always the last column |

    The columns of `node_context` come in the same order:

    | column | of | unit and range |
    |---|---|---|
    | still wanted | capacity with split deliveries | the capacity |
    | wait | time windows | until the window opens, on arrival from here; sides of the square, 0 to 5 |
    | spare time | time windows | until it closes, on arrival from here; sides of the square, -5 to 5 |
    | way | time windows, one tour that visits all | from here; sides of the square |
    | near opening | the same | exp(-wait), 0 to 1 |
    | near closing | the same | exp(-spare time), 0 to 1 |
    | near node | the same | exp(-4 way), 0 to 1 |
    | near limit | the same | exp(-t), t the spare time for the node that is hardest to reach after this one, 0 to 1 |
    | chance to finish | session | the probability that a visit is finished, if the node is next |
    | prize to expect | the same | as `prizes`: of a visit that is finished, if the node is next |
    | prize for its time | the same | that prize by the time of way and visit, 1 for the largest; 0 where visited |
    | there | session in which nodes appear | 1 where the node has appeared |
    | chance to appear | the same | the probability that it is there, or appears early enough to be left in time |

    ## Rewards
    They sum to the objective, negative where less is better: for `tsp` to minus the length of the closed
    tour, for `op` to the prizes. Each step's reward is the amount that it adds; the last one also has the
    rest (the way to the end, penalties, a makespan, and the prizes of a session, where visits may be
    broken off). Rewards are computed in float64 and in the instance's own units, on its own distances with
    their rounding: with a TSPLIB file the return is minus the length as TSPLIB defines it.

    ## Starting state
    A new instance from `distribution`, by the seed given to `reset` (or always `instance`), and
    nothing visited. In a cycle every node is then legal; elsewhere the tour is at its depot.

    ## Episode end
    `terminated` when the tours are complete. `info` then holds `objective`, in the instance's own
    units, and `tour`, the actions in their order, the last one repeated up to a fixed length;
    `tours()` gives them as `tsp.solution.check` reads them.

    Problems with hard constraints have dead ends, where staying is the only legal action. A dead end
    terminates the episode with `info["infeasible"]` True and without an objective. An illegal action
    terminates it with `info["illegal"]` True. In both cases the rewards sum to less than those of any
    solution, so that an agent without a mask can learn which actions are legal. Episodes are never truncated.

    ## Arguments
    | parameter | type | default | meaning |
    |---|---|---|---|
    | `problem` | `Problem` or str | `"tsp"` | a problem, or the name of one; set by the id |
    | `size` | int | 20 | customers of the instances drawn: n, or n - 1 where tours start at a depot |
    | `distribution` | str | `"uniform"` | the distribution of instances, as `envs.generators.generate` names it |
    | `instance` | `Instance` | None | the instance of every episode; with a matrix, or coordinates in the plane |
    | `render_mode` | str | None | `rgb_array` for pictures |

    An unknown name raises `ValueError`, with the names that exist.
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

    @property
    def realization(self) -> Realization | None:
        """The hidden values of that instance; None where it hides nothing."""
        return self._batch.realization(0)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Begin a new episode; `options` are not used."""
        super().reset(seed=seed)
        self._batch.np_random = self.np_random
        observations, infos = self._batch.reset()
        return _row(observations), _plain(_row(infos))

    def step(self, action: np.int64 | int) -> tuple[Observations, float, bool, bool, Info]:
        """Go to the node `action`.

        Raises:
            ValueError: for an action outside 0 to n - 1.
            ResetNeeded: before the first reset and after an episode's end.
        """
        observations, rewards, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = _plain(_row(infos))
        return _row(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info

    def tours(self) -> list[list[int]]:
        """The tours so far, as `tsp.solution.check` reads them; the last may be incomplete."""
        return self._batch.tours(0)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal now, `[n]` bool; sb3-contrib's MaskablePPO calls this method."""
        return self._batch.action_masks()[0]

    def render(self) -> NDArray[np.uint8] | None:
        """A picture `[600, 600, 3]` of the nodes and the tours so far, in render mode `rgb_array`."""
        frames = self._batch.render()
        return frames[0] if frames is not None else None


def _row(values: dict[str, Any]) -> dict[str, Any]:
    """The only row of a batch of one, without the fields that say for which rows a value is set."""
    return {name: value[0] for name, value in values.items() if not name.startswith("_")}


def _plain(values: Info) -> Info:
    return {name: value.item() if np.ndim(value) == 0 else value for name, value in values.items()}
