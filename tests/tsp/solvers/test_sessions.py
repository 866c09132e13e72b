"""Sessions played online, on days small enough to check by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.formats import write_instances
from tsp.formats.npz import read_instances, read_realizations
from tsp.instance import Instance, Realization, Underway
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.online import play
from tsp.solvers.protocol import BaseSolver
from tsp.solvers.registry import make

OPQ, OPST = get_problem("opq"), get_problem("opst")
LINE = [[0, 0], [3, 0], [5, 0]]
DAY = Instance(
    LINE,
    law_waits=[[0, 0], [1, 6], [2, np.inf]],
    law_prizes=[[0, 0], [4, 4], [5, 0]],
    service_times=[0, 1, 1],
    max_length=14.0,
    problem="opq",
)


def value(tour, waits, prizes=(0, 4, 5), instance=DAY):
    return check(problem_of(instance), instance, [tour], realization=Realization(waits=waits, prizes=prizes)).objective


def test_a_visit_that_has_begun_in_time_is_finished_where_the_session_may_end_late():
    """At 2 from 7 on, which has to be left at 9; then 5 home, where the session ends at 14."""
    free, paid = replace(DAY, late_price=0.0), replace(DAY, late_price=0.5)
    tour = [0, 1, 1, 2, 2]
    assert value(tour, [0, 1, 2], instance=free) == 9  # from 9 to 10
    assert value(tour, [0, 1, 2], instance=paid) == 9 - 0.5
    assert value(tour, [0, 1, 1], instance=paid) == 9  # from 8 to 9
    assert value(tour, [0, 1, 2.5], instance=free) == 4  # not begun by 9: she leaves then
    assert value(tour, [0, 1, np.inf], instance=paid) == 4
    assert value([0, 1, 1, 2], [0, 2, 0], instance=paid) == 4  # seen at 8
    assert value([0, 1, 1, 2], [0, 3.5, 0], instance=free) is None  # at 9.5 there is no time to go there
    ends = replace(paid, end=2, max_length=9.0)  # the end is reached late: at 10
    assert value([0, 1, 1, 2], [0, 4, 0], instance=ends) == 4 - 0.5
    assert value([0, 1, 1, 2], [0, 6, 0], instance=replace(ends, late_price=None)) == 0
    opened = replace(paid, free_end=True, max_length=9.0)
    assert value(tour, [0, 1, 2], instance=opened) == 9 - 0.5


def test_one_who_is_late_goes_home_with_every_planner():
    late = replace(DAY, late_price=0.5, underway=Underway((1, 1), elapsed=13.0))
    windows = replace(late, time_windows=[[0, 14], [0, 14], [0, 14]])
    for spec in ("session-recourse(steps=9)", "session-rollout(steps=9)", "means", "scenarios(k=2)", "rollout(days=2)"):
        for instance in (late, windows):
            found = make(spec).solve(problem_of(instance), [instance], Budget(0.2))[0]
            assert (found.feasible, found.tours[0].tolist(), found.objective) == (True, [0, 1, 1], 4 - 0.5 * 2), spec


@pytest.mark.parametrize("spec", ["policy", "ls", "ortools", "cpsat"])
def test_a_late_end_is_refused_by_solvers_that_do_not_plan_it(spec):
    with pytest.raises(ValueError, match="does not support problem 'opq with a late end'"):
        make(spec).solve(problem_of(replace(DAY, late_price=1.0)), [replace(DAY, late_price=1.0)], Budget(0.1))


def test_a_late_price_is_kept_by_npz_sets(tmp_path):
    write_instances(tmp_path / "days.npz", [replace(DAY, late_price=0.5)], None)
    assert read_instances(tmp_path / "days.npz")[0].late_price == 0.5
    with pytest.raises(ValueError, match="late_price"):
        write_instances(tmp_path / "day.csv", [replace(DAY, law_waits=None, law_prizes=None, late_price=0.5)], None)


def test_only_a_visit_that_is_over_in_time_counts():
    assert value([0, 1, 1, 2, 2], [0, 1, 2]) == 4  # back at 5, at 2 from 7, at most until 9: 2 + 1 is too long
    assert value([0, 1, 1, 2, 2], [0, 0, 1]) == 9  # 3 to 4, at 2 from 6 to 8
    assert value([0, 1, 2, 2], [0, 6, 2]) == 5  # left at once: at 2 from 5 to 8
    assert value([0, 1, 2], [0, 0, 0]) == 0  # only seen


def test_who_queues_too_long_is_still_back_in_time():
    found = check(OPQ, DAY, [[0, 2, 2]], realization=Realization(waits=[0, 0, np.inf], prizes=[0, 4, 5]))
    assert (found.feasible, found.objective) == (True, 0)
    assert not check(OPQ, DAY, [[0, 2, 2, 1]], realization=Realization(waits=[0, 0, 99], prizes=[0, 4, 5])).violations


@pytest.mark.parametrize("tour", [[0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 1, 2, 1]])
def test_a_node_that_was_left_is_left_for_good(tour):
    found = check(OPQ, DAY, [tour], realization=Realization(waits=[0, 0, 0], prizes=[0, 4, 5]))
    assert found.violations == ("visited more than once: 2",)


def test_a_visit_begins_after_the_queue_and_within_the_window():
    windows = [[0, np.inf], [0, 5], [0, np.inf]]
    instance = replace(DAY, time_windows=windows)
    assert value([0, 1, 1], [0, 2, 0], instance=instance) == 4
    assert value([0, 1, 1], [0, 2.5, 0], instance=instance) == 0
    # turned away at 5, and at 2 from 7 to 9
    assert value([0, 1, 1, 2, 2], [0, 2.5, 1], instance=instance) == 5


def test_means_stay_where_it_pays_and_leave_where_it_does_not():
    solver = make("means")
    for wait, expected in ((1.0, [0, 1, 1]), (20.0, [0, 1, 2, 2])):
        instance = replace(DAY, law_waits=[[0, 0], [wait, wait], [2, 2]], underway=Underway((1,), elapsed=3.0))
        found = solver.solve(OPQ, [instance], Budget(0.1))[0]
        assert found.tours[0].tolist()[:3] == expected[:3]


def test_a_day_is_played_without_looking_ahead():
    real = Realization(waits=[0, 1, np.inf], prizes=[0, 4, 0])
    found = play(make("means"), OPQ, DAY, real, Budget(0.2))
    assert found.feasible
    assert found.objective == 4 or 2 in found.tours[0]  # nobody is at 2, which only going there shows


@pytest.mark.parametrize("buffer", ["0", "-0.0", "1e308"])
def test_a_buffer_that_cannot_be_planned_with_is_refused(buffer):
    with pytest.raises(ValueError, match=r"means: buffer=.*, expected a number above 0, up to 1000"):
        make(f"means(buffer={buffer})")


class PlansOnce(BaseSolver):
    """Plans a given tour, and uses all of its time for that."""

    name = "plans-once"

    def __init__(self, tour):
        self.tour = tour

    def supports(self, problem):
        return True

    def solve_request(self, request):
        return [
            check(request.problem, instance, [self.tour], seconds=limit, solver=self.name)
            for instance, limit in zip(request.instances, request.limits, strict=True)
        ]


@pytest.mark.parametrize(
    ("wait", "made"),
    [(0, [0, 1, 1, 2, 2, 3, 3]), (6, [0, 1, 1, 3, 3]), (8, [0, 1, 1])],
    ids=["in-time", "late", "too-late"],
)
def test_nodes_of_an_older_plan_that_are_now_out_of_reach_are_skipped(wait, made):
    """After a wait of 6 she leaves 1 at 10: the way to 2 and home takes 7, that by 3 takes 3.7."""
    zeros = np.zeros((4, 1))
    day = Instance(
        [*LINE, [2, 1]],
        law_waits=zeros,
        law_prizes=zeros + 1,
        service_times=[0, 1, 1, 1],
        max_length=14.0,
        problem="opq",
    )
    real = Realization(waits=[0, wait, 0, 0], prizes=np.ones(4))
    found = play(PlansOnce([0, 1, 1, 2, 2, 3, 3]), OPQ, day, real, Budget(1.0))
    assert found.feasible
    assert found.tours[0].tolist() == made


def test_a_visit_of_uncertain_duration_is_broken_off_when_time_is_up():
    instance = Instance(LINE, prizes=[0, 4, 5], law_service_times=[[0, 0], [1, 9], [1, 2]], max_length=12.0)
    instance = replace(instance, problem="opst")
    for times, expected in (([0, 1, 1], 9), ([0, 1, 2], 4), ([0, 9, 1], 0)):
        found = check(
            OPST, instance, [[0, 1, 2] if times[1] < 9 else [0, 1]], realization=Realization(service_times=times)
        )
        assert (found.feasible, found.objective) == (True, expected)


def test_laws_and_real_values_are_kept_in_npz(tmp_path):
    real = Realization(waits=[0, 6, np.inf], prizes=[0, 4, 0])
    write_instances(tmp_path / "day.npz", [DAY], realizations=[real])
    assert read_instances(tmp_path / "day.npz")[0].fingerprint == DAY.fingerprint
    (again,) = read_realizations(tmp_path / "day.npz")
    assert (again.waits.tolist(), again.prizes.tolist()) == ([0, 6, np.inf], [0, 4, 0])
