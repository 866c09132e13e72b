"""Sessions in which nodes appear, on days small enough to check by hand."""

import numpy as np
import pytest

from tsp.formats import write_instances
from tsp.formats.npz import read_instances, read_realizations
from tsp.instance import Instance, Realization
from tsp.laws import expected, with_known
from tsp.problems import get_problem
from tsp.solution import check, session_end

DOP = get_problem("dop")
DAY = Instance(
    [[0, 0], [3, 0], [5, 0]],
    law_appears=[[0, 0], [0, 0], [4, np.inf]],
    prizes=[0, 4, 5],
    service_times=[0, 1, 1],
    max_length=20.0,
    problem="dop",
)


def checked(tour, appears):
    return check(DOP, DAY, [tour], realization=Realization(appears=[0, 0, appears]))


@pytest.mark.parametrize(
    ("tour", "appears", "violation"),
    [
        ([0, 1, 2], 4, None),  # done at 1 at 4
        ([0, 2], 4, "tour 0: leaves for 3 at 0, which appears at 4"),
        ([0, 0, 2], 4, "tour 0: leaves for 3 at 2, which appears at 4"),  # a wait lasts for 2 at most
        ([0, 0, 0, 2], 4, None),
        ([0, 0, 2], 1.5, None),  # and ends when a node appears
        ([0, 1, 2], np.inf, "tour 0: leaves for 3 at 4, which never appears"),
        ([0, 1, 1, 2, 2, 2], 4.5, None),
        ([0, 1, 2, 1], 4, "visited more than once: 2"),
        ([0] * 12, 25, "tour 0: waits at 1 at 20, when it is time to go to its end"),
    ],
)
def test_only_a_node_that_is_there_may_be_next(tour, appears, violation):
    found = checked(tour, appears)
    assert found.violations[:1] == (() if violation is None else (violation,))


def test_a_wait_ends_when_it_is_time_to_go():
    end = session_end(DOP, DAY, [0, 1, *[1] * 9], Realization(appears=[0, 0, np.inf]))
    assert end == 17  # 3 before the end


def test_prizes_are_collected_once_however_long_she_waits():
    assert checked([0, 1, 1, 1, 2], 4).objective == 9


def test_outcomes_that_are_over_did_not_happen():
    real = Realization(appears=[0, 0, 7])
    later = with_known(DAY, real, [])
    assert later.law_appears.tolist() == DAY.law_appears.tolist()
    assert expected(DAY).appears.tolist() == [0, 0, 4]
    assert expected(DAY).prizes.tolist() == [0, 4, 2.5]


def test_a_set_keeps_laws_and_real_days(tmp_path):
    write_instances(tmp_path / "day.npz", [DAY], realizations=[Realization(appears=[0, 0, np.inf])])
    assert read_instances(tmp_path / "day.npz")[0].fingerprint == DAY.fingerprint
    assert read_realizations(tmp_path / "day.npz")[0].appears.tolist() == [0, 0, np.inf]
