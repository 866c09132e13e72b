"""The prize-collecting TSP: prizes, penalties and a matrix."""

import numpy as np
import pytest
from broken_files import refuse

from tsp.formats import read

FILE = "7 2 3\n\n1000000 4 5\n\n0 1 2\n1 0 3\n2 3 0\n"


@pytest.mark.parametrize("name", ["a.pctsp", "a.txt", "a"])
def test_prizes_penalties_and_distances_are_read_and_the_depot_has_neither_prize_nor_penalty(write, name):
    (instance,) = read(write(FILE, name))
    assert (instance.problem, instance.min_prize, instance.depot) == ("pctsp", None, 0)
    assert instance.prizes.tolist() == [0, 2, 3]
    assert instance.penalties.tolist() == [0, 4, 5]
    np.testing.assert_array_equal(instance.matrix, [[0, 1, 2], [1, 0, 3], [2, 3, 0]])


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (FILE.replace("1000000 4 5", "1000000 4"), 3, "2 number(s), expected 3: a penalty for each node"),
        (FILE.replace(" 5\n", " -5\n"), 3, "penalty -5, expected 0 or more"),
        (FILE.replace("7 2 3", "7 -2 3"), 1, "prize -2, expected 0 or more"),
        (FILE.replace("1 0 3", "1 0"), 6, "2 number(s), expected 3: the distances to each node"),
        (FILE.replace("1 0 3", "1 0 x"), 6, "'x', expected a number"),
        (FILE.replace("2 3 0\n", ""), 6, "the file ends after 4 of 5 lines (prizes, penalties, matrix)"),
        (FILE + "9 9 9\n", 8, "a line after the last of 5 lines"),
    ],
)
def test_a_broken_pctsp_file_is_refused_with_its_line(write, content, line, piece):
    refuse(write(content, "a.pctsp"), line, piece)
