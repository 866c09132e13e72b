"""Episodes of the Gymnasium adapters, for tests."""

import numpy as np

from tsp.instance import Instance
from tsp.problems import PROBLEMS


def env_id(problem):
    return f"tsp/{problem.upper()}-v0"


def rounded_instance(size=6, seed=0):
    return Instance(np.random.default_rng(seed).random((size, 2)) * 100, metric="EUC_2D", name="rounded")


def play(env, choose, seed=None):
    """One episode: its rewards, and the last observation and info."""
    observation, info = env.reset(seed=seed)
    rewards, ended = [], False
    while not ended:
        observation, reward, ended, truncated, info = env.step(choose(info["action_mask"]))
        assert not truncated
        rewards.append(reward)
    return rewards, observation, info


def random_legal(seed):
    rng = np.random.default_rng(seed)
    return lambda mask: rng.choice(np.flatnonzero(mask))


def sign(problem):
    return 1 if PROBLEMS[problem].objective.sense == "min" else -1
