"""Frames: pictures of episodes."""

import numpy as np
import pytest
from episodes import play, random_legal, rounded_instance

from envs.gym import RoutingGymEnv, RoutingVectorEnv
from tsp.problems import PROBLEMS

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def test_frames_show_the_tour_so_far():
    env = RoutingGymEnv(size=5, render_mode="rgb_array")
    env.reset(seed=0)
    frames = [env.render()]
    for node in range(5):
        env.step(node)
        frames.append(env.render())
    for frame in frames:
        assert (frame.shape, frame.dtype) == ((600, 600, 3), np.uint8)
    blue = np.array([0, 114, 178])  # the line's colour
    drawn = [int((frame == blue).all(-1).sum()) for frame in frames]
    assert 0 == drawn[0] < drawn[2] < drawn[3] < drawn[4]
    assert not np.array_equal(frames[4], frames[5])


@EVERY_PROBLEM
def test_every_problem_is_drawn_under_way_and_at_its_end(problem):
    env = RoutingGymEnv(problem, size=4, render_mode="rgb_array")
    _, info = env.reset(seed=0)
    env.step(np.flatnonzero(info["action_mask"])[-1])
    begun = env.render()
    play(env, random_legal(0), seed=0)
    assert not np.array_equal(begun, env.render())


def test_a_vector_gives_a_frame_of_every_row():
    env = RoutingVectorEnv(2, instance=rounded_instance(), render_mode="rgb_array")
    env.reset()
    env.step(np.array([0, 1]))
    frames = env.render()
    assert len(frames) == 2
    assert not np.array_equal(*frames)


def test_without_a_render_mode_there_is_no_picture_but_a_warning():
    env = RoutingGymEnv(size=3)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="no render mode was given"):
        assert env.render() is None
