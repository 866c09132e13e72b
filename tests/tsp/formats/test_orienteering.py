"""Orienteering for one and for several paths: Tsiligirides' and Chao's files."""

import pytest
from broken_files import refuse

from tsp.formats import read

PATHS = "15\t1\n0.5\t0\t0\n1 0 0\n2 -7.25 30\n"
TEAM = "n 3\nm 2\ntmax 7.5\n0.5\t0\t0\n2 -7.25 30\n1 0 0\n"


def test_in_a_file_of_paths_the_first_point_is_the_start_and_the_second_the_end(write):
    (instance,) = read(write(PATHS))
    assert (instance.problem, instance.max_length, instance.depot, instance.end) == ("op", 15, 0, 1)
    assert instance.coordinates.tolist() == [[0.5, 0], [1, 0], [2, -7.25]]
    assert instance.prizes.tolist() == [0, 0, 30]
    assert (instance.num_tours, instance.metric, instance.name) == (None, "euclidean", "a")


def test_in_a_team_file_the_last_point_is_the_end(write):
    (instance,) = read(write(TEAM))
    assert (instance.problem, instance.max_length, instance.depot, instance.end) == ("top", 7.5, 0, 2)
    assert (instance.num_tours, instance.prizes.tolist()) == (2, [0, 30, 0])


def test_both_formats_of_several_paths_give_team_orienteering(write):
    (instance,) = read(write(PATHS.replace("\t1", " 3")))
    assert (instance.problem, instance.num_tours, instance.end) == ("top", 3, 1)
    assert read(write(TEAM), problem="op")[0].problem == "op"


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (PATHS.replace("1 0 0", "1 0"), 3, "2 number(s), expected 3: x, y, score"),
        (PATHS.replace("1 0 0", "1 zero 0"), 3, "'zero', expected a number"),
        (PATHS.replace("1 0 0", "1 nan 0"), 3, "'nan', expected a number"),
        (PATHS.replace("1 0 0", "1 1e999 0"), 3, "'1e999', expected a number"),
        (PATHS.replace("1 0 0", "1 1_0 0"), 3, "'1_0', expected a number"),
        (PATHS.replace("30", "-30"), 4, "score -30, expected 0 or more"),
        (PATHS.replace("15", "-15"), 1, "Tmax -15, expected 0 or more"),
        (PATHS.replace("\t1", " 1.5"), 1, "number of paths 1.5, expected a whole number of 1 or more"),
        (PATHS.replace("\t1", " 0"), 1, "number of paths 0, expected a whole number of 1 or more"),
        ("15 1\n0 0 0\n", 1, "1 point(s) after it, expected the start and the end"),
        (TEAM.replace("m 2", "p 2"), 2, "expected 'm' and a number"),
        (TEAM.replace("m 2", "m two"), 2, "'two', expected a number"),
        (TEAM.replace("m 2", "m 0.5"), 2, "m 0.5, expected a whole number of 1 or more"),
        (TEAM.replace("n 3", "n 1"), 1, "n 1, expected a whole number of 2 or more"),
        (TEAM.replace("n 3", "n 4"), 6, "the file ends after 3 of 4 points"),
        (TEAM.replace("n 3", "n 2"), 6, "a line after the last of 2 points"),
        (TEAM.replace("7.5", "-7.5"), 3, "Tmax -7.5, expected 0 or more"),
        (TEAM[:8], 2, "the file ends without 'tmax'"),
        (TEAM[:17], 3, "the file ends here, expected the points"),
    ],
)
def test_a_broken_orienteering_file_is_refused_with_its_line(write, content, line, piece):
    refuse(write(content), line, piece)
