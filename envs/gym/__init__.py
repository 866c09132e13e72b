"""Gymnasium adapters: any problem as a `gymnasium.Env`, and B instances of it as a native vector environment.

Importing this package registers one id for each row of `tsp.problems.PROBLEMS`, `tsp/TSP-v0` and so
on; `gymnasium.make("envs.gym:tsp/TSP-v0")` imports it first. Both adapters only translate: `RoutingEnv`
decides which actions are legal, and the rewards.
"""

from __future__ import annotations

import gymnasium

from tsp.problems import PROBLEMS

from .single import RoutingGymEnv
from .vector import RoutingVectorEnv

__all__ = ["RoutingGymEnv", "RoutingVectorEnv"]


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
