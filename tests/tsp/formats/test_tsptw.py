"""The TSP with time windows: windows are exact in whole numbers, and allow for rounding in fractions."""

import numpy as np
import pytest
from broken_files import refuse

from tsp.formats import read
from tsp.problems import PROBLEMS
from tsp.solution import check

WHOLE = "# made by hand\n3\n0 5 9\n5 7 4 # seven on the diagonal\n\n9 4 0\n0 100\n5 5\n9 \t 20  \n# the end\n"


@pytest.mark.parametrize("name", ["a.txt", "a.tw", "a.dat", "a", "a.0"])
def test_a_matrix_and_a_window_for_each_node_are_read_under_any_ending(write, name):
    (instance,) = read(write(WHOLE, name))
    assert (instance.problem, instance.depot, instance.coordinates) == ("tsptw", 0, None)
    assert instance.matrix.tolist() == [[0, 5, 9], [5, 0, 4], [9, 4, 0]]
    assert instance.time_windows.tolist() == [[0, 100], [5, 5], [9, 20]]


def test_windows_close_later_only_in_files_with_fractions(write):
    (instance,) = read(write(WHOLE.replace("0 5 9", "0 5.00004 9")))
    np.testing.assert_allclose(instance.time_windows, [[0, 100.0001], [5, 5.0001], [9, 20.0001]], rtol=1e-12)


def test_a_fraction_on_the_diagonal_does_not_make_windows_close_later(write):
    assert read(write(WHOLE.replace("5 7 4", "5 7.5 4")))[0].time_windows[1].tolist() == [5, 5]


def test_the_makespan_objective_is_chosen_by_the_problem(write):
    assert read(write(WHOLE), problem="tsptw-makespan")[0].problem == "tsptw-makespan"


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (WHOLE.replace("0 5 9", "0 5"), 3, "2 number(s), expected 3: the distances to each node"),
        (WHOLE.replace("0 5 9", "0 -5 9"), 3, "-5, expected a distance of 0 or more"),
        (WHOLE.replace("0 5 9", "0 five 9"), 3, "'five', expected a number"),
        (WHOLE.replace("5 5\n", "5 4\n"), 8, "a window from 5 to 4, expected to open before it closes"),
        (WHOLE.replace("5 5\n", "5\n"), 8, "1 number(s), expected 2: opens, closes"),
        (WHOLE.replace("5 5\n", ""), 8, "the file ends after 5 of 6 lines (matrix and windows)"),
        (WHOLE.replace("5 5\n", "5 5\n6 6\n"), 10, "a line after the last of 6 lines"),
        (WHOLE.replace("\n3\n", "\n3.5\n"), 2, "n 3.5, expected a whole number of 1 or more"),
        (WHOLE.replace("\n3\n", "\n1000000000\n"), 9, "the file ends after 6 of 2000000000 lines"),
        ("7\n", 1, "the file ends here, expected the matrix"),
    ],
)
def test_a_broken_tsptw_file_is_refused_with_its_line(write, content, line, piece):
    refuse(write(content), line, piece)


def test_a_tsptw_file_with_only_comments_is_refused(write):
    refuse(write("# nothing\n# at all\n", "a.tw"), 2, "only comments, expected numbers")


def test_an_arrival_at_the_closing_time_is_feasible_despite_rounded_distances(write):
    third = "4\n0 .6667 9 9\n9 0 .6667 9\n9 9 0 .6667\n1 9 9 0\n0 9\n0 9\n0 9\n0 {}\n"
    for closes, feasible in (("2", True), ("1.9999", False)):
        (instance,) = read(write(third.format(closes)))
        assert check(PROBLEMS["tsptw"], instance, [[0, 1, 2, 3]]).feasible is feasible


@pytest.mark.data
def test_only_sets_with_fractions_have_windows_that_close_later(data_folder):
    (fractional,) = read(data_folder / "tsptw" / "SolomonPotvinBengio" / "rc_201.1.txt")
    assert (fractional.time_windows[:, 1] % 1 > 0).all()
    (whole,) = read(data_folder / "tsptw" / "AFG" / "rbg010a.tw")
    assert (whole.time_windows % 1 == 0).all()
