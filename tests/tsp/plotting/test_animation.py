import numpy as np
import pytest
from figures import checked, full_instance, random_instance
from PIL import Image

from tsp.plotting import TourMap
from tsp.plotting.animation import LAST, MOST_FRAMES, building_frames, save_animation, search_frames
from tsp.problems import get_problem
from tsp.solution import Solution, check

TSP = get_problem("tsp")


def test_a_tour_is_built_one_stop_a_frame_and_then_closed():
    instance = random_instance(5)
    frames = building_frames(check(TSP, instance, [range(5)]))
    assert [frame.stops for frame in frames] == [1, 2, 3, 4, 5, None]
    picture = TourMap(instance, frames[-1].solution)
    drawn = []
    for frame in frames:
        picture.show(frame.solution, frame.stops)
        (line,) = picture.figure.axes[0].lines
        drawn.append(len(line.get_xydata()))
    assert drawn == [1, 2, 3, 4, 5, 6]


def test_tours_are_built_one_after_the_other():
    instance = full_instance("cvrp")
    solution = checked(instance, [[0, 1, 2], [0, 3, 4, 5, 6]])
    picture = TourMap(instance, solution)
    lengths = []
    for stops in (2, 3, 4, 8):
        picture.show(solution, stops)
        lengths.append([len(line.get_xydata()) for line in picture.figure.axes[0].lines])
    assert lengths == [[2, 0], [3, 0], [4, 1], [4, 5]]


def test_a_search_has_a_frame_for_each_better_solution_and_at_most_so_many():
    instance = random_instance(8)
    found = [check(TSP, instance, [np.roll(range(8), k)]) for k in range(4)]
    assert [frame.stops for frame in search_frames(found, is_played=False)] == [None] * 4
    assert len(search_frames(found * 100, is_played=False)) == MOST_FRAMES + 1
    assert len(search_frames(found[:1], is_played=False)) == 9


def test_a_day_shows_the_visits_made_and_the_plan_for_the_rest():
    plans = [Solution((np.array(tour),), 1.0, True) for tour in ([0, 1, 2], [0, 1, 3, 2], [0, 1, 3, 2])]
    frames = search_frames(plans, is_played=True)
    assert [(frame.stops, frame.shows_plan) for frame in frames] == [(1, True), (2, True), (None, False)]


@pytest.mark.parametrize("problem", ["tsp", "cvrp", "shpp"])
def test_an_animation_is_a_gif_whose_last_frame_stays(problem, tmp_path):
    instance = full_instance(problem, n=4)
    path = tmp_path / "a.gif"
    save_animation(path, instance, building_frames(checked(instance, [range(4)])))
    with Image.open(path) as gif:
        assert gif.format == "GIF"
        assert 1 < gif.n_frames <= 4 + LAST
    with pytest.raises(ValueError, match="exists"):
        save_animation(path, instance, building_frames(checked(instance, [range(4)])))
