"""Solomon's layout of vehicle routing with time windows."""

import pytest
from broken_files import refuse

from tsp.formats import read
from tsp.problems import PROBLEMS
from tsp.solution import check

SOLOMON = """C101

VEHICLE
NUMBER     CAPACITY
  25         200

CUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME

    0      40         50          0          0       1236          0
    1      45         68         10        912        967         90
    2      45.5       70         30.5      825        870         80.5
"""


def test_a_file_of_solomon_has_a_fleet_windows_service_times_and_numbers_as_names(write):
    (instance,) = read(write(SOLOMON))
    assert (instance.problem, instance.num_tours, instance.capacity, instance.depot) == ("cvrptw", 25, 200, 0)
    assert instance.coordinates.tolist() == [[40, 50], [45, 68], [45.5, 70]]
    assert instance.demands.tolist() == [0, 10, 30.5]
    assert instance.time_windows.tolist() == [[0, 1236], [912, 967], [825, 870]]
    assert instance.service_times.tolist() == [0, 90, 80.5]
    assert (instance.names, instance.metric) == (("0", "1", "2"), "euclidean")


def test_visits_begin_within_their_windows_and_last_for_their_service_times(write):
    (instance,) = read(write(SOLOMON))
    # 825 at the second customer, 905.5 leaving, 2.06 on the way: in time for the first, which opens at 912
    assert check(PROBLEMS["cvrptw"], instance, [[0, 2, 1]]).feasible
    assert not check(PROBLEMS["cvrptw"], instance, [[0, 1, 2]]).feasible


@pytest.mark.parametrize(
    "text",
    [
        SOLOMON.replace("\n", "\r\n"),
        SOLOMON.lower(),
        SOLOMON.replace("C101\n\n", ""),
        SOLOMON.replace("\n\n", "\n"),
        SOLOMON.replace("CUST NO.  XCOORD.   YCOORD.", "CUST NO\tX\tY").replace("SERVICE   TIME", "SERVICE TIME"),
        SOLOMON.replace("VEHICLE\n", "VEHICLES:\n").replace("CUSTOMER\n", "CUSTOMERS\n"),
    ],
)
@pytest.mark.parametrize("name", ["c101.txt", "C101.TXT", "c101", "c101.dat"])
def test_the_layout_is_recognized_by_its_fleet_however_it_is_spelt(write, text, name):
    assert read(write(text, name))[0].fingerprint == read(write(SOLOMON, "b.txt"))[0].fingerprint


def test_customers_are_in_the_order_of_the_file_and_keep_their_numbers(write):
    (instance,) = read(write(SOLOMON.replace("    2   ", "    7   ")))
    assert (instance.names, instance.demands.tolist()) == (("0", "1", "7"), [0, 10, 30.5])


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (SOLOMON.replace("912        967", "967        912"), 11, "a window from 967 to 912, expected to open before"),
        (SOLOMON.replace("  10   ", " -10   "), 11, "demand -10, expected 0 or more"),
        (SOLOMON.replace("  90\n", " -90\n"), 11, "service time -90, expected 0 or more"),
        (SOLOMON.replace("  90\n", "\n"), 11, "6 number(s), expected 7: customer number, x, y, demand, ready time"),
        (SOLOMON.replace("45.5", "four"), 12, "'four', expected a number"),
        (SOLOMON.replace("    2   ", "    1   "), 12, "customer number 1 is given twice, first in line 11"),
        (SOLOMON.replace("    2   ", "   -2   "), 12, "customer number -2, expected a whole number of 0 or more"),
        (SOLOMON.replace("  25  ", " 2.5  "), 5, "NUMBER 2.5, expected a whole number of 1 or more"),
        (SOLOMON.replace(" 200\n", " -200\n"), 5, "CAPACITY -200, expected 0 or more"),
        (SOLOMON.replace(" 200\n", "\n"), 5, "1 number(s), expected 2: NUMBER, CAPACITY"),
        (SOLOMON.replace("  25         200\n", ""), 3, "expected two lines after it: NUMBER CAPACITY, and both"),
        (
            SOLOMON.replace("DEMAND   READY TIME", "READY TIME  DEMAND"),
            7,
            "expected a line of headings after it: customer",
        ),
        (SOLOMON.partition("CUSTOMER")[0], 5, "the file ends without a line CUSTOMER"),
        (SOLOMON.partition("CUST NO")[0], 7, "expected a line of headings after it"),
        (SOLOMON.partition("\n    0")[0], 8, "the file ends here, expected the nodes"),
    ],
)
def test_a_broken_file_of_solomon_is_refused_with_its_line(write, content, line, piece):
    refuse(write(content), line, piece)


def test_another_text_is_refused_even_if_the_problem_is_given(write):
    path = write("Dear colleague\nthank you\n")
    with pytest.raises(ValueError, match=r"a\.txt:2: the file ends without a line VEHICLE"):
        read(path, problem="cvrptw")
