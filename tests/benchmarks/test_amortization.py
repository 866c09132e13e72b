import json
import math

import numpy as np
import pytest
from amortization import SETS, break_even, curves, days, draw, gaps, paired, report, seconds_at, set_hash, stored_curves

FEW = 6


def row(objectives, seconds):
    return {"objectives": objectives, "seconds": [seconds] * len(objectives), "batch": None, "proved": 0}


@pytest.fixture
def rows():
    """Prizes of one policy trained twice, of a search alone and after it, and of OR-Tools."""
    return {
        "hall, greedy": row([8.0] * FEW, 0.01),
        "hall#2, greedy": row([9.0] * FEW, 0.03),
        "hall+ls @ 0.1": row([10.0] * FEW, 0.1),
        "hall#2+ls @ 0.1": row([9.5] * FEW, 0.1),
        "ls @ 0.1": row([9.0] * FEW, 0.1),
        "ls @ 1": row([10.0, 9.5], 1.0),
        "ortools @ 0.1": row([5.0, None] * (FEW // 2), 0.1),
    }


def test_gaps_are_to_the_best_of_all_and_no_answer_is_a_gap_of_100(rows):
    found = gaps(rows, -1.0)
    assert found["ortools @ 0.1"][0] == pytest.approx([50.0, 100.0] * (FEW // 2))
    assert found["ls @ 1"] == pytest.approx(np.array([[0.0, 5.0]]))


def test_seeds_of_one_policy_are_one_arm(rows):
    found = gaps(rows, -1.0)
    assert found["hall, greedy"].mean(1) == pytest.approx([20.0, 10.0])
    assert curves(rows, -1.0, FEW)["hall"] == [(pytest.approx(0.02), pytest.approx(15.0))]


def test_a_policy_before_a_search_is_compared_with_the_search_at_the_same_limit(rows):
    (arm, other, count, mean, low, high), against_ortools = paired(rows, -1.0)
    assert (arm, other, count) == ("hall+ls @ 0.1", "ls @ 0.1", FEW)
    assert mean == pytest.approx(7.5)  # 10 points by one seed, 5 by the other: with two seeds the interval is wide
    assert low < 0.0 < high
    assert against_ortools[:2] == ("ls @ 0.1", "ortools @ 0.1")


def test_seconds_to_a_gap_are_interpolated_between_what_was_measured():
    points = [(0.01, 8.0), (0.1, 4.0), (1.0, 5.0)]
    assert seconds_at(points, 9.0) == pytest.approx(0.01)
    assert seconds_at(points, 6.0) == pytest.approx(math.sqrt(0.01 * 0.1))
    assert seconds_at(points, 4.0) == pytest.approx(0.1)
    assert seconds_at(points, 3.9) == math.inf


def test_learning_pays_after_its_cost_over_what_a_day_saves():
    found = {"hall": [(0.01, 10.0)], "hall+ls": [(0.1, 1.0)]}
    assert break_even(found, "hall", 90.0, {"ls": [(0.1, 10.0)]}, 10.0) == pytest.approx(1000.0)
    assert break_even(found, "hall", 90.0, {"slow": [(10.1, 1.0)], "ls": [(1.0, 1.0)]}, 1.0) == pytest.approx(100.0)
    assert break_even(found, "hall", 90.0, {"ls": [(0.005, 10.0)]}, 10.0) == math.inf
    assert break_even(found, "hall", 90.0, {"ls": [(0.1, 10.0)]}, 1.0) is None
    assert break_even(found, "hall", 90.0, {"ls": [(0.1, 0.5)]}, 0.5) == math.inf
    assert break_even(found, "hall", 90.0, {}, 10.0) is None
    assert [days(x) for x in (math.inf, None, 1234.5)] == ["never", "not reached", "1,234"]


def test_the_report_says_never_where_learning_does_not_pay(rows):
    rows["ls @ 0.001"] = row([9.5] * FEW, 0.001)
    text = report("orienteering", {"halls": {"hash": "0", "rows": rows}}, -1.0, {"hall": 720.0})
    assert "Break-even of `hall` (720 s of training), in days" in text
    assert "| 2.50 | not reached | not reached |" in text
    assert "| 15.00 | not reached | never |" in text


@pytest.mark.parametrize("name", SETS)
def test_sets_are_the_same_every_time_and_unlike_each_other(name):
    hashes = {other: set_hash(SETS[other]("optw", 2)) for other in SETS}
    assert set_hash(SETS[name]("optw", 2)) == hashes[name]
    assert len(set(hashes.values())) == len(SETS)


def test_a_stored_table_gives_the_curves_of_each_solver(tmp_path):
    path = tmp_path / "table.json"
    rows = [["ls @ 1", "0.02", "1.0"], ["hall, greedy", "14.4", "0.01"], ["ls @ 0.1", "0.2", "0.1"]]
    path.write_text(json.dumps({"columns": ["arm", "gap %", "s an instance"], "rows": rows}))
    assert stored_curves(path) == {"ls": [(0.1, 0.2), (1.0, 0.02)], "hall": [(0.01, 14.4)]}


def test_at_most_six_arms_are_drawn(tmp_path):
    found = {name: [(0.1, 1.0), (1.0, 0.1)] for name in (*"abcdefgh", "ls", "ortools", "hall")}
    draw(found, {"hall": 720.0}, tmp_path / "a.png", "title")
    assert (tmp_path / "a.png").stat().st_size > 1000
