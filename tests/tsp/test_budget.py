import pytest

from tsp.budget import SHORTEST, Budget, Clock


@pytest.mark.parametrize("limit", [0, -1.0, float("inf"), float("nan"), "2", True, None])
def test_a_budget_refuses_a_time_limit_that_is_not_a_positive_number(limit):
    with pytest.raises(ValueError, match=r"time limit: .* expected a positive number of seconds"):
        Budget(limit)


@pytest.mark.parametrize("threads", [0, 1.5, "2", True, None])
def test_a_budget_refuses_what_is_no_number_of_threads(threads):
    with pytest.raises(ValueError, match=r"threads: .*, expected a whole number of 1 or more"):
        Budget(threads=threads)


@pytest.mark.parametrize("seed", [1.5, "1", True, None])
def test_a_budget_refuses_what_is_no_seed(seed):
    with pytest.raises(ValueError, match=r"seed: .*, expected a whole number"):
        Budget(seed=seed)


def test_a_budget_with_another_limit_keeps_threads_and_seed_and_is_never_zero():
    budget = Budget(2.0, threads=3, seed=7)
    assert budget.with_limit(0.5) == Budget(0.5, 3, 7)
    assert budget.with_limit(-1.0) == Budget(SHORTEST, 3, 7)


def test_a_clock_starts_when_it_is_made_and_never_has_negative_time_left(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock(2.0)
    now[0] = 11.5
    assert (clock.elapsed, clock.remaining) == (1.5, 0.5)
    now[0] = 20.0
    assert clock.remaining == 0.0
