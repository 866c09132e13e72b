from dataclasses import replace

import numpy as np
import pytest
from fake_solvers import AROUND, LONG, RECTANGLE, SHORT, TSP, FixedTour, OneByOne

from tsp.budget import SHORTEST, Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers import Chain, InstanceSolver, is_one_shot


def test_a_chain_is_never_worse_than_any_of_its_stages():
    for tours in ([AROUND, LONG], [LONG, AROUND], [LONG, SHORT, AROUND], [None, LONG], [AROUND, None], [[0], SHORT]):
        stages = [FixedTour(str(k), tour) for k, tour in enumerate(tours)]
        (answer,) = Chain(stages).solve(TSP, [RECTANGLE], Budget())
        alone = [stage.solve(TSP, [RECTANGLE], Budget())[0].objective for stage in stages]
        assert answer.objective == min(value for value in alone if value is not None)


def test_a_chain_without_any_answer_has_none():
    (answer,) = Chain([FixedTour("a", None, seconds=1.0), FixedTour("b", None, seconds=0.5)]).solve(
        TSP, [RECTANGLE], Budget()
    )
    assert (answer.feasible, answer.seconds, answer.solver) == (False, 1.5, "a+b")


def test_a_chain_charges_the_seconds_of_all_stages():
    chain = Chain(
        [FixedTour("a", LONG, seconds=0.25), FixedTour("b", AROUND, seconds=0.5), FixedTour("c", SHORT, seconds=0.125)]
    )
    (answer,) = chain.solve(TSP, [RECTANGLE], Budget(9.0))
    assert answer.seconds == 0.875
    assert answer.solver == "a+b+c"


def test_a_stage_gets_an_equal_share_of_the_time_that_is_left():
    stages = [FixedTour("a", LONG, seconds=0.3), FixedTour("b", LONG, seconds=1.5), FixedTour("c", LONG)]
    Chain(stages).solve(TSP, [RECTANGLE], Budget(3.0, threads=2, seed=5))
    limits = [stage.calls[0][1].time_limit for stage in stages]
    assert limits == pytest.approx([3.0 / 3, 2.7 / 2, 1.2])
    assert all(replace(stage.calls[0][1], time_limit=1.0) == Budget(1.0, 2, 5) for stage in stages)


def test_an_instance_keeps_the_time_that_it_did_not_use():
    class SlowerEachTime(FixedTour):
        def solve(self, *arguments, **options):
            answers = super().solve(*arguments, **options)
            return [replace(answer, seconds=0.5 * i) for i, answer in enumerate(answers)]

    second = OneByOne()
    Chain([SlowerEachTime("a", LONG), second]).solve(TSP, [RECTANGLE] * 2, Budget(2.0))
    assert [limit for limit, *_ in second.seen] == [2.0, 1.5]
    batch = FixedTour("c", LONG)
    Chain([SlowerEachTime("a", LONG), batch]).solve(TSP, [RECTANGLE] * 2, Budget(2.0))
    assert batch.calls[0][1].time_limit == 1.75


def test_a_stage_starts_from_the_best_so_far():
    last = FixedTour("c", LONG)
    Chain([FixedTour("a", AROUND), FixedTour("b", SHORT), last]).solve(TSP, [RECTANGLE], Budget())
    ((_, _, initial),) = last.calls
    assert initial[0].objective == 14


def test_infeasible_solutions_alone_are_not_passed_to_the_next_stage():
    last = FixedTour("b", AROUND)
    Chain([FixedTour("a", None), last]).solve(TSP, [RECTANGLE], Budget())
    assert last.calls[0][2] is None


def test_without_time_left_an_answered_instance_skips_the_rest_but_an_unanswered_one_is_still_tried():
    late = FixedTour("b", AROUND)
    (answer,) = Chain([FixedTour("a", LONG, seconds=9.0), late]).solve(TSP, [RECTANGLE], Budget(1.0))
    assert (late.calls, answer.objective) == ([], 18)
    (answer,) = Chain([FixedTour("a", None, seconds=9.0), late]).solve(TSP, [RECTANGLE], Budget(1.0))
    assert (late.calls[0][1].time_limit, answer.objective) == (SHORTEST, 14)


def test_an_instance_proved_optimal_skips_the_remaining_stages():
    rest = FixedTour("b", LONG)
    (answer,) = Chain([FixedTour("a", AROUND, bound=14.0), rest]).solve(TSP, [RECTANGLE], Budget())
    assert answer.proved_optimal
    assert rest.calls == []


def test_a_chain_keeps_the_tightest_bound_of_all_stages():
    for bounds in ((13.0, 10.0), (10.0, 13.0), (None, 13.0), (13.0, None)):
        stages = [FixedTour("a", SHORT, bound=bounds[0]), FixedTour("b", AROUND, bound=bounds[1])]
        assert Chain(stages).solve(TSP, [RECTANGLE], Budget())[0].bound == 13.0


def test_a_chain_reports_better_solutions_alone_with_its_own_name_and_time():
    stages = [
        FixedTour("a", SHORT, seconds=0.5),
        FixedTour("b", LONG, seconds=0.25),
        FixedTour("c", AROUND, seconds=0.125),
    ]
    seen = []
    Chain(stages).solve(
        TSP, [RECTANGLE], Budget(), report=lambda i, s: seen.append((i, s.objective, s.seconds, s.solver))
    )
    assert seen == [(0, 16.0, 0.5, "a+b+c"), (0, 14.0, 0.875, "a+b+c")]


def test_a_chain_starts_from_a_given_solution_and_never_loses_it():
    given = check(TSP, RECTANGLE, [AROUND])
    stage = FixedTour("a", LONG)
    (answer,) = Chain([stage]).solve(TSP, [RECTANGLE], Budget(), initial=[given])
    assert answer.objective == 14
    assert stage.calls[0][2] == [given]


def test_a_chain_supports_problems_that_all_stages_support_and_warms_up_all_stages():
    stages = [FixedTour("a", AROUND), FixedTour("b", AROUND, problems=())]
    chain = Chain(stages)
    assert not chain.supports(TSP)
    with pytest.raises(ValueError, match="solver 'b' does not support"):
        chain.solve(TSP, [RECTANGLE], Budget())
    assert stages[0].calls == []
    chain.warm_up(TSP)
    assert [stage.calls for stage in stages] == [["warm up"]] * 2


def test_a_chain_without_stages_is_refused_and_no_instances_have_no_answers():
    with pytest.raises(ValueError, match="at least one solver"):
        Chain([])
    assert Chain([FixedTour("a", AROUND), OneByOne()]).solve(TSP, [], Budget()) == []


def test_a_chain_is_one_shot_when_all_stages_are():
    once, timed = FixedTour("a", AROUND, one_shot=True), OneByOne()
    assert is_one_shot(once)
    assert not is_one_shot(timed)
    assert is_one_shot(Chain([once, once]))
    assert not is_one_shot(Chain([once, timed]))


class Timed(InstanceSolver):
    """Records its time limits."""

    def __init__(self, name, share=None):
        self.name, self.share, self.limits = name, share, []

    def supports(self, problem):
        return True

    def solve_one(self, task):
        self.limits.append(task.clock.limit)
        return task.initial or check(task.problem, task.instance, [np.arange(task.instance.size)])


@pytest.mark.parametrize("shares", [(None, 0.1), (None, None, 0.1), (0.25, 0.1)])
def test_a_stage_with_a_share_gets_it_and_the_others_divide_the_rest(shares):
    stages = [Timed(f"s{i}", share) for i, share in enumerate(shares)]
    Chain(stages).solve(get_problem("tsp"), [Instance(np.random.default_rng(0).random((5, 2)))], Budget(10.0))
    rest = (1 - sum(share or 0 for share in shares)) / max(1, shares.count(None))
    first = next((stage for stage in stages if stage.share is None), None)
    assert first is None or first.limits == [pytest.approx(10 * rest, rel=0.05)]
    assert all(stage.limits == [pytest.approx(10 * stage.share)] for stage in stages if stage.share is not None)


class Infeasible(FixedTour):
    """Proves that nothing is feasible."""

    def solve(self, *arguments, **options):
        return [replace(one, reasons=("too tight",)) for one in super().solve(*arguments, **options)]


def test_a_chain_passes_a_proved_reason_on_beside_the_plan_that_came_nearest():
    unused = FixedTour("c", SHORT)
    nearly, proof = FixedTour("a", AROUND[:-1]), Infeasible("b", None)
    (answer,) = Chain([nearly, proof, unused]).solve(TSP, [RECTANGLE], Budget())
    assert (answer.feasible, answer.reasons) == (False, ("too tight",))
    assert answer.tours[0].tolist() == AROUND[:-1]
    assert answer.violations[0].startswith("not visited")
    assert unused.calls == []


def test_a_stage_without_an_answer_does_not_hide_why_the_one_before_had_none():
    class Refuses(FixedTour):
        def solve(self, *arguments, **options):
            return [replace(one, violations=("too many nodes",)) for one in super().solve(*arguments, **options)]

    (answer,) = Chain([Refuses("a", None), FixedTour("b", None)]).solve(TSP, [RECTANGLE], Budget())
    assert answer.violations == ("too many nodes",)
    (answer,) = Chain([FixedTour("a", AROUND[:1]), FixedTour("b", AROUND[:-1])]).solve(TSP, [RECTANGLE], Budget())
    assert answer.tours[0].tolist() == AROUND[:-1]  # more visits


class Small(OneByOne):
    """Refuses more than a given number of nodes."""

    def __init__(self, most, share=None):
        super().__init__()
        self.most, self.share = most, share

    def refusal(self, problem, instance, time_limit):
        return f"{instance.size} nodes: at most {self.most}" if instance.size > self.most else None


def test_a_chain_refuses_what_all_stages_refuse_that_look_for_tours():
    assert Chain([Small(3), Small(2)]).refusal(TSP, RECTANGLE, 1.0) == "4 nodes: at most 3; 4 nodes: at most 2"
    assert Chain([Small(3), Small(9)]).refusal(TSP, RECTANGLE, 1.0) is None
    assert Chain([Small(3), Small(9, share=0.1)]).refusal(TSP, RECTANGLE, 1.0) == "4 nodes: at most 3"
    assert Chain([Small(3), FixedTour("batch", AROUND)]).refusal(TSP, RECTANGLE, 1.0) is None


def test_a_refused_instance_has_the_reason_or_keeps_its_initial_solution():
    solver = Small(3)
    assert solver.solve(TSP, [RECTANGLE], Budget(1.0))[0].violations == ("4 nodes: at most 3",)
    start = check(TSP, RECTANGLE, [AROUND])
    assert solver.solve(TSP, [RECTANGLE], Budget(1.0), initial=[start])[0].objective == 14
    assert not solver.seen
