import csv
import json
import math
import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsp.comparison import compare
from tsp.instance import Instance
from tsp.problems import Objective, Problem, VisitOnce, get_problem
from tsp.solution import check, no_answer
from tsp.solvers import Chain

TSP = get_problem("tsp")
LONGEST = Problem("longest", "", "", "cycle", (VisitOnce(),), Objective(("length",), "max"))
# A rectangle of 3 by 4: around it 14; crossing along the long sides 18, along the short sides 16.
RECTANGLE = Instance([[0, 0], [0, 3], [4, 3], [4, 0]])
AROUND, LONG, SHORT, INFEASIBLE = [0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [0, 0, 1, 2]


@dataclass
class Fake:
    """Answers instance k with tour k (None: not at all), however the instances are dealt out."""

    name: str
    tours: list
    seconds: float = 0.5
    bound: float | None = None
    one_shot: bool = False
    log: list = field(default_factory=list)
    warm: bool = False

    def supports(self, problem):
        return "VisitOnce" in {type(rule).__name__ for rule in problem.rules}

    def warm_up(self, problem):
        self.warm = True

    def solve(self, problem, instances, budget, *, initial=None, candidates=None, report=None):
        assert self.warm
        assert not any("distances" in vars(instance) for instance in instances)
        self.log.append((self.name, budget, [int(instance.name or 0) for instance in instances]))
        answers = []
        for instance in instances:
            _ = instance.distances  # what is kept here must not help the next solver
            tour = self.tours[int(instance.name or 0)]
            answer = no_answer(seconds=self.seconds, solver=self.name, bound=self.bound)
            if tour is not None:
                answer = check(problem, instance, [tour], seconds=self.seconds, bound=self.bound, solver=self.name)
            answers.append(answer)
        return answers


def numbered(count, **changes):
    return [replace(RECTANGLE, name=str(i), **changes) for i in range(count)]


def run(*solvers, limits=(1.0,), problem=TSP, instances=None, **options):
    return compare(problem, instances or numbered(len(solvers[0].tours)), solvers, limits, **options)


def test_means_gaps_wins_and_differences_are_those_computed_by_hand():
    a, b = Fake("a", [AROUND, LONG, AROUND]), Fake("b", [SHORT, SHORT, AROUND], seconds=0.25)
    comparison = run(a, b)
    first, second = comparison.rows
    assert comparison.reference == "best found"  # 14, 16, 14
    assert first.mean_objective == pytest.approx((14 + 18 + 14) / 3)
    assert first.gaps == pytest.approx((0, 2 / 16, 0))
    assert first.mean_gap.mean == pytest.approx(2 / 16 / 3)
    spread = 4.302652729911275 * np.std([0, 0.125, 0], ddof=1) / 3**0.5  # Student's t, 2 degrees of freedom
    assert first.mean_gap.interval == pytest.approx((0.125 / 3 - spread, 0.125 / 3 + spread))
    assert second.mean_gap.mean == pytest.approx(2 / 14 / 3)
    assert (first.wins, second.wins) == (2, 2)
    assert first.difference["b"].mean == pytest.approx((-2 / 16 + 2 / 16 + 0) / 3)
    assert second.difference["a"].mean == pytest.approx((2 / 14 - 2 / 18 + 0) / 3)
    assert (first.seconds_per_instance, second.seconds_per_instance) == (0.5, 0.25)
    assert first.instances_per_second > 0
    assert (first.instances, first.feasible, first.compared, first.no_answer) == (3, 3, 3, 0)


def test_rounding_of_a_sum_is_neither_a_win_nor_a_gap():
    tour = list(range(40))
    back = [0, *tour[:0:-1]]
    for seed in range(50):
        instance = Instance(np.random.default_rng(seed).random((40, 2)))
        rows = run(Fake("a", [tour]), Fake("b", [back]), instances=[instance]).rows
        assert [row.wins for row in rows] == [1, 1]
        assert rows[0].difference["b"].mean == rows[0].mean_gap.mean == 0
        if rows[0].mean_objective != rows[1].mean_objective:
            return
    pytest.fail("no sum depended on its order: the test shows nothing")


def test_for_a_maximum_longer_is_better():
    a, b = run(Fake("a", [LONG, LONG]), Fake("b", [AROUND, SHORT]), problem=LONGEST).rows
    assert (a.wins, b.wins) == (2, 0)
    assert a.mean_gap.mean == 0
    assert b.gaps == pytest.approx((4 / 18, 2 / 18))
    assert a.difference["b"].mean < 0 < b.difference["a"].mean


def test_no_answer_and_infeasible_ones_are_counted_and_means_are_over_what_all_answered():
    a = Fake("a", [AROUND, LONG, AROUND, SHORT])
    b = Fake("b", [None, AROUND, INFEASIBLE, AROUND])
    first, second = run(a, b).rows
    assert (first.feasible, second.feasible) == (4, 2)
    assert (first.no_answer, second.no_answer) == (0, 1)
    assert (first.compared, second.compared) == (2, 2)
    assert (first.mean_objective, second.mean_objective) == ((18 + 16) / 2, 14)
    assert (first.wins, second.wins) == (2, 2)  # an instance that nobody else answered is won
    assert first.difference["b"].mean == pytest.approx((4 + 2) / 14 / 2)
    assert "b answered only 2 of 4" in run(a, b).verdicts()[0]


def test_to_stay_at_home_is_an_answer_where_that_is_allowed():
    class AtHome(Fake):
        def supports(self, problem):
            return True

        def solve(self, problem, instances, budget, **_):
            return [check(problem, instance, [], solver=self.name) for instance in instances]

    around = Instance(np.eye(3), prizes=np.ones(3), max_length=0.1, num_tours=2)
    (row,) = compare(get_problem("top"), [around], [AtHome("a", [])], [1.0]).rows
    assert (row.feasible, row.no_answer) == (1, 0)


def test_a_solver_that_never_answers_takes_nothing_from_the_others():
    a, b, c = run(Fake("a", [AROUND]), Fake("b", [None]), Fake("c", [LONG])).rows
    assert (b.feasible, b.compared, b.mean_objective, b.mean_gap, b.wins) == (0, 0, None, None, 0)
    assert (a.compared, a.mean_gap.mean, c.mean_gap.mean) == (1, 0, 4 / 14)
    assert b.difference == {"a": None, "c": None}
    assert a.difference["b"] is None


def test_a_difference_is_over_what_both_answered_whatever_a_third_did_not():
    a, b = Fake("a", [LONG, SHORT, AROUND]), Fake("b", [AROUND] * 3)
    comparison = run(a, b, Fake("c", [AROUND, None, None]))
    first, second, third = comparison.rows
    assert first.difference["b"].mean == pytest.approx((4 + 2) / 14 / 3)
    assert third.difference["a"].mean == pytest.approx(-4 / 18)
    assert (first.compared, first.mean_gap.mean) == (1, 4 / 14)
    assert "b and c are level" in comparison.verdicts()[0]
    assert "c answered only 1 of 3" in comparison.verdicts()[0]
    assert second.wins == 3


def test_nothing_to_compare_is_said():
    comparison = run(Fake("a", [None]), Fake("b", [INFEASIBLE]))
    assert comparison.verdicts() == ["At 1 s nothing was answered."]
    assert "0/1" in comparison.table()


def test_answers_are_checked_again_whatever_a_solver_says():
    class Liar(Fake):
        def solve(self, *arguments, **options):
            return [replace(answer, objective=1.0, feasible=True) for answer in super().solve(*arguments, **options)]

    (row,) = run(Liar("liar", [LONG, INFEASIBLE])).rows
    assert (row.mean_objective, row.feasible) == (18, 1)


def test_what_gaps_are_relative_to():
    known = numbered(2, best_known=10.0)
    tours = [AROUND, SHORT]
    assert run(Fake("a", tours)).reference == "best found"
    assert run(Fake("a", tours), instances=[known[0], *numbered(2)[1:]]).reference == "best found"
    comparison = run(Fake("a", tours), instances=known)
    assert comparison.reference == "best known"
    assert comparison.rows[0].gaps == pytest.approx((0.4, 0.6))
    proved = run(Fake("a", [AROUND, AROUND], bound=14.0), Fake("b", tours), instances=known)
    assert proved.reference == "proved optimal"
    assert (proved.rows[0].proved, proved.rows[1].proved) == (2, 0)
    assert run(Fake("a", tours, bound=14.0), instances=known).reference == "best known"  # only one is proved


def test_the_bound_of_one_proves_the_answer_of_another():
    solvers = Fake("a", [SHORT], bound=14.0), Fake("b", [AROUND]), Fake("c", [LONG], bound=10.0)
    assert run(*solvers).reference == "proved optimal"


def test_the_best_found_is_over_all_limits():
    class Patient(Fake):
        def solve(self, problem, instances, budget, **options):
            self.tours = [AROUND if budget.time_limit > 1 else LONG] * 2
            return super().solve(problem, instances, budget, **options)

    short, long = run(Patient("a", [LONG, LONG]), limits=(2.0, 1.0)).rows
    assert (short.time_limit, long.time_limit) == (1.0, 2.0)
    assert (short.mean_gap.mean, long.mean_gap.mean) == (4 / 14, 0)


@pytest.mark.parametrize(("seconds", "late"), [(1.0, 0), (1.14, 0), (1.16, 3)])
def test_an_answer_notably_after_the_limit_is_an_overrun(seconds, late):
    comparison = run(Fake("a", [AROUND] * 3, seconds=seconds))
    assert comparison.rows[0].overruns == late
    assert ("a was late on 3 of 3" in comparison.verdicts()[0]) is bool(late)


def test_solvers_take_turns_in_a_rotating_order_over_all_instances():
    log = []
    a, b = Fake("a", [AROUND] * 20, log=log), Fake("b", [AROUND] * 20, log=log)
    run(a, b, limits=(1.0, 2.0), threads=2, seed=100)
    warm, turns = log[:2], log[2:]
    assert [(name, budget.time_limit) for name, budget, _ in warm] == [("a", 0.05), ("b", 0.05)]
    arms = [(name, budget.time_limit) for name, budget, _ in turns]
    cycle = [("a", 1.0), ("b", 1.0), ("a", 2.0), ("b", 2.0)]
    assert arms[:12] == cycle + cycle[1:] + cycle[:1] + cycle[2:] + cycle[:2]
    for arm in cycle:
        mine = [(budget, nodes) for (name, budget, nodes) in turns if (name, budget.time_limit) == arm]
        assert [i for _, nodes in mine for i in nodes] == list(range(20))
        assert all(budget.threads == 2 and budget.seed == 100 + nodes[0] for budget, nodes in mine)


def test_a_one_shot_solver_runs_once_on_all_and_stands_under_every_limit():
    once, timed = Fake("once", [AROUND] * 9, one_shot=True), Fake("timed", [LONG] * 9)
    comparison = run(once, timed, limits=(1.0, 2.0))
    assert [nodes for _, _, nodes in once.log[1:]] == [list(range(9))]
    assert [(row.time_limit, row.solver) for row in comparison.rows] == [
        (1.0, "once"), (1.0, "timed"), (2.0, "once"), (2.0, "timed")
    ]  # fmt: skip
    assert comparison.rows[0].instances_per_second == comparison.rows[2].instances_per_second


def test_progress_counts_every_answer_of_every_arm():
    seen = []
    once, timed = Fake("once", [AROUND] * 9, one_shot=True), Fake("timed", [LONG] * 9)
    run(once, timed, limits=(1.0, 2.0), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (9, 27)
    assert seen[-1] == (27, 27)
    assert seen == sorted(seen)


def test_the_verdict_says_plainly_who_wins():
    policy, classic = Fake("policy", [SHORT, LONG, SHORT, LONG]), Fake("ortools", [AROUND] * 4)
    (sentence,) = run(policy, classic).verdicts()
    assert sentence.startswith("At 1 s ortools wins (0.50 s an instance); policy is 21.429 % [")
    assert sentence in run(policy, classic).table()


def test_the_verdict_claims_no_win_from_chance_one_instance_or_a_tie():
    (sentence,) = run(Fake("a", [AROUND, AROUND, SHORT]), Fake("b", [AROUND, SHORT, AROUND])).verdicts()
    assert "leads, but not significantly before" in sentence
    (sentence,) = run(Fake("a", [AROUND]), Fake("b", [SHORT])).verdicts()
    assert "a is ahead, but one instance says nothing of the next" in sentence
    (sentence,) = run(Fake("a", [AROUND, SHORT]), Fake("b", [AROUND, SHORT])).verdicts()
    assert "a and b are level" in sentence
    (sentence,) = run(Fake("a", [AROUND, SHORT])).verdicts()
    assert "a has no opponent" in sentence


def test_json_has_the_fields_of_the_command_line():
    row = run(Fake("a", [AROUND, LONG]), Fake("b", [SHORT, SHORT])).to_json()["rows"][0]
    assert {
        "solver", "time_limit", "instances", "feasible", "mean_objective", "mean_gap", "gap_interval", "wins",
        "difference", "seconds_per_instance", "instances_per_second",
    } <= set(row)  # fmt: skip
    low, mean, high = row["difference"]["b"]
    assert low < mean < high
    assert row["gap_interval"][0] < row["mean_gap"] < row["gap_interval"][1]
    single = run(Fake("a", [AROUND]), Fake("b", [SHORT])).to_json()["rows"][0]
    assert single["gap_interval"] is None
    assert single["difference"]["b"] == [None, pytest.approx(-2 / 16), None]


CHOICES = st.sampled_from([AROUND, LONG, SHORT, INFEASIBLE, None])


@settings(max_examples=40)
@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CHOICES, min_size=n, max_size=n), min_size=1, max_size=3)),
    st.booleans(),
    st.sampled_from([None, 0.0, 14.0]),
)
def test_json_and_table_never_hold_nan_or_infinity(answers, all_in_one_place, best_known):
    solvers = [Fake(f"s{k}", tours, bound=-math.inf) for k, tours in enumerate(answers)]
    changes = {"coordinates": np.zeros((4, 2))} if all_in_one_place else {}
    comparison = run(*solvers, instances=numbered(len(answers[0]), best_known=best_known, **changes))
    text = json.dumps(comparison.to_json(), allow_nan=False) + comparison.table()
    assert "nan" not in text.lower()
    assert all(0 <= row.compared <= row.feasible <= row.instances for row in comparison.rows)


def test_the_table_holds_every_row_and_every_pair_once():
    solvers = [Fake("a", [AROUND, LONG]), Fake("b", [SHORT, SHORT]), Fake("c(x=1, y=2)", [LONG, SHORT])]
    head, rows, pairs, _ = run(*solvers).table().split("\n\n")
    assert head == "tsp, 2 instances, 1 thread, gap to the best found"
    assert len(rows.splitlines()) == 1 + 3
    assert [line.split()[2] for line in pairs.splitlines()[2:]] == ["a", "a", "b"]
    for line in rows.splitlines()[1:]:
        assert line.index("2/2") == rows.splitlines()[1].index("2/2")


def test_the_csv_reads_back(tmp_path):
    path = tmp_path / "rows.csv"
    comparison = run(Fake("a", [AROUND, LONG]), Fake("b(x=1, y=2)", [SHORT, None]))
    comparison.write_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["solver"] for row in rows] == ["a", "b(x=1, y=2)"]
    assert float(rows[0]["mean_gap"]) == comparison.rows[0].mean_gap.mean
    assert rows[0]["gap_low"] == ""
    assert float(rows[1]["difference to a mean"]) == pytest.approx(2 / 14)
    with pytest.raises(ValueError, match=r"rows.csv: exists"):
        comparison.write_csv(path)
    comparison.write_csv(path, force=True)


def test_what_a_solver_tells_of_its_settings_stands_under_the_table_also_from_within_a_chain():
    class Tuned(Fake):
        def describe(self, problem, size, time_limit):
            return f"{self.name}: {problem.name}, {size} nodes, {time_limit:g} s: GUIDED_LOCAL_SEARCH"

    tuned = Tuned("tuned", [AROUND])
    comparison = run(Fake("a", [AROUND]), Chain([tuned]), instances=numbered(1), limits=(1.0, 2.0))
    lines = [f"tuned: tsp, 4 nodes, {limit} s: GUIDED_LOCAL_SEARCH" for limit in (1, 2)]
    assert list(comparison.notes)[:2] == lines
    assert "\n".join(lines) in comparison.table()
    assert re.fullmatch(r"Imports, .* not charged: a \d+\.\d s, tuned \d+\.\d s\.", comparison.notes[2])


def test_what_cannot_be_compared_is_refused_before_anything_runs():
    a = Fake("a", [AROUND])
    for arguments, sentence in [
        (([], [a], [1.0]), "at least one instance"),
        ((numbered(1), [], [1.0]), "one solver"),
        ((numbered(1), [a], []), "one time limit"),
        ((numbered(1), [a, Fake("a", [LONG])], [1.0]), "solver 'a' is given twice"),
        ((numbered(1), [a], [1.0, -1.0]), "time limit: -1"),
        ((numbered(1, fixed_edges=[[0, 1]]), [a], [1.0]), "fixes 1 edge"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            compare(TSP, *arguments)
    with pytest.raises(ValueError, match="solver 'a' does not support problem 'none'"):
        compare(Problem("none", "", "", "cycle", (), Objective(("length",))), numbered(1), [a], [1.0])
    assert a.log == []


def test_a_solver_that_loses_an_instance_is_caught():
    class Lazy(Fake):
        def solve(self, *arguments, **options):
            return super().solve(*arguments, **options)[1:]

    with pytest.raises(ValueError, match="solver 'lazy' gave 0 answers for 1 instance"):
        run(Lazy("lazy", [AROUND]))
