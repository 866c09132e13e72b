"""Laws of hidden attributes: what is expected of them, and what becomes of them when values are known."""

import numpy as np
import pytest

from tsp.instance import Instance, Realization
from tsp.laws import expected, with_known

POINTS = [[0, 0], [0, 3], [0, 5]]
WAITS = [[0, 0], [1, np.inf], [np.inf, np.inf]]
PRIZES = [[0, 0], [4, 9], [5, 5]]


def queues(**changes):
    given = {"law_waits": WAITS, "law_prizes": PRIZES, "max_length": 20.0, "problem": "opq"}
    return Instance(POINTS, **{**given, **changes})


def test_a_prize_counts_nothing_in_outcomes_in_which_nobody_is_there():
    means = expected(queues())
    assert means.waits.tolist() == [0, 1, np.inf]
    assert means.prizes.tolist() == [0, 2, 0]
    assert means.service_times is None


def test_every_outcome_of_a_known_node_is_the_real_one():
    known = with_known(queues(), Realization(waits=[0, 7, 8], prizes=[0, 3, 2]), [1])
    assert known.law_waits.tolist() == [[0, 0], [7, 7], [np.inf, np.inf]]
    assert known.law_prizes.tolist() == [[0, 0], [3, 3], [5, 5]]


def test_laws_count_in_the_fingerprint():
    other = np.array(PRIZES, dtype=float)
    other[1, 1] = 8
    assert queues().fingerprint != queues(law_prizes=other).fingerprint


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"law_prizes": np.ones((3, 4))}, r"different numbers of outcomes \(law_waits 2, law_prizes 4\), expected one"),
        ({"law_prizes": np.ones(3)}, r"law_prizes: shape \(3,\), expected \(3, K\)"),
        ({"law_prizes": np.full((3, 2), np.inf)}, "law_prizes"),
        ({"law_waits": -np.ones((3, 2))}, "law_waits.*expected 0 or more"),
    ],
)
def test_laws_that_make_no_sense_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        queues(**changes)
