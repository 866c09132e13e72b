"""Orienteering with time windows, whose distances are rounded down."""

import math

import numpy as np
import pytest
from broken_files import refuse

from tsp.formats import read

SOLOMON = """4 10 2 1
0 200
 0 0.00 0.00 0.00 0.00 0 0 0 240
 1 3.00 4.00 10.00 20.00 1 1 1 145 175
 2 1.00 1.00 5 7 4 2 1 8 10 12
"""


def test_a_node_of_an_optw_file_has_a_score_a_service_time_and_a_window(write):
    (instance,) = read(write(SOLOMON))
    assert (instance.problem, instance.depot, instance.end, instance.max_length) == ("optw", 0, None, None)
    assert instance.coordinates.tolist() == [[0, 0], [3, 4], [1, 1]]
    assert instance.service_times.tolist() == [0, 10, 5]
    assert instance.prizes.tolist() == [0, 20, 7]
    assert instance.time_windows.tolist() == [[0, 240], [145, 175], [10, 12]]


@pytest.mark.parametrize(("days", "distance"), [(1, 1.4), (4, 1.41), (6, 1.41)])
def test_optw_distances_are_rounded_down_to_one_decimal_or_two_for_several_days(write, days, distance):
    (instance,) = read(write(SOLOMON.replace("4 10 2 1", f"5 3 2 {days}")))
    assert instance.matrix[0].tolist() == [0, 5, distance]


def test_optw_distances_that_are_exact_in_decimals_stay_as_they_are(write):
    """Compared with exact integer arithmetic in thousandths: the integer square root."""
    points = np.random.default_rng(0).integers(-50_000, 50_000, (40, 2))
    points[20:] = points[:20] + [[30 * k, 40 * k] for k in range(20)]  # multiples of 0.05 apart
    rows = [f"{i} {x / 1000:.3f} {y / 1000:.3f} 0 0 0 0 0 9" for i, (x, y) in enumerate(points.tolist())]
    (instance,) = read(write("\n".join(["5 3 39 4", "0 0", *rows])))
    for i, a in enumerate(points.tolist()):
        for j, b in enumerate(points.tolist()):
            square = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
            assert instance.matrix[i, j] == math.isqrt(square // 100) / 100


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (SOLOMON.replace("145 175", "175 145"), 4, "a window from 175 to 145, expected to open before it closes"),
        (SOLOMON.replace("3.00 4.00", "3.00 1e300"), 4, "x, y 3, 1e+300, expected numbers up to 1e+100"),
        (SOLOMON.replace("20.00", "-20.00"), 4, "S -20, expected 0 or more"),
        (SOLOMON.replace("10.00", "-1"), 4, "d -1, expected 0 or more"),
        (SOLOMON.replace("1 1 1 145", "1 2 1 145"), 4, "10 number(s), expected 11: i, x, y, d, S, f, a"),
        (SOLOMON.replace(" 1 1 1 145 175", " 1 1"), 4, "7 number(s), expected i, x, y, d, S, f, a"),
        (SOLOMON.replace("1 1 1 145", "1 1.5 1 145"), 4, "a 1.5, expected a whole number of 0 or more"),
        (SOLOMON.replace("4.00", "four"), 4, "'four', expected a number"),
        (SOLOMON.replace("10 2 1", "10 3 1"), 5, "the file ends after 3 of 4 nodes"),
        (SOLOMON.replace("10 2 1", "10 1 1"), 5, "a line after the last of 2 nodes"),
        (SOLOMON.replace("10 2 1", "10 two 1"), 1, "unknown format"),
        ("4 10 0 1\n0 200\n", 2, "the file ends here, expected the nodes"),
    ],
)
def test_a_broken_optw_file_is_refused_with_its_line(write, content, line, piece):
    path = write(content)
    if "unknown format" in piece:
        with pytest.raises(ValueError, match=piece):
            read(path)
        with pytest.raises(ValueError, match=rf"a\.txt:{line}: 'two', expected a number"):
            read(path, problem="optw")
        return
    refuse(path, line, piece)
