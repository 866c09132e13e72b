"""A solver of another package is believed nothing, and what it raises becomes a sentence."""

import sys
from dataclasses import replace

import pytest
from command_line import BERLIN, refusal

from tsp.instance import Instance
from tsp.shortcuts import compare, solve
from tsp.solution import Solution

SOLVERS = """
from tsp.solution import Solution, check, no_answer


class Honest:
    name = "honest"

    def supports(self, problem):
        return True

    def warm_up(self, problem):
        pass

    def answer(self, problem, instance):
        return check(problem, instance, [range(instance.size)])

    def solve(self, problem, instances, budget, *, initial=None, candidates=None, report=None):
        found = [self.answer(problem, one) for one in instances]
        if report is not None:
            report(0, found[0])
        return found


class MadeUp(Honest):
    def answer(self, problem, instance):
        return Solution(([0],), 1.0, True, bound=1.0)


class Boasting(Honest):
    passes_on = True

    def answer(self, problem, instance):
        return Solution((range(instance.size),), 1.0, True)


class Proving(Honest):
    def answer(self, problem, instance):
        return check(problem, instance, [range(instance.size)], bound=1e9)


class Nothing(Honest):
    def solve(self, *arguments, **options):
        return None


class TooFew(Honest):
    def solve(self, *arguments, **options):
        return []


class Texts(Honest):
    def answer(self, problem, instance):
        return "a tour"


class RaisingInInit(Honest):
    def __init__(self):
        raise KeyError("weights")


class RaisingInWarmUp(Honest):
    def warm_up(self, problem):
        raise RuntimeError("no licence\\nsee the manual")


class RaisingInSupports(Honest):
    def supports(self, problem):
        return 1 / 0


class RaisingInSolve(Honest):
    def answer(self, problem, instance):
        raise AttributeError("thing has no size")
"""
WRONG = {
    "Nothing": ": answers: None, expected a list of solutions",
    "TooFew": "returned 0 answers, expected 1",
    "Texts": "returned 'a tour', expected a solution",
    "RaisingInInit": "failed with KeyError: 'weights'",
    "RaisingInWarmUp": "failed with RuntimeError: no licence see the manual",
    "RaisingInSupports": "failed with ZeroDivisionError: division by zero",
    "RaisingInSolve": "failed with AttributeError: thing has no size",
}


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A package with solvers, installed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "foreign_solvers.py").write_text(SOLVERS)
    (tmp_path / "outside" / "foreign_broken.py").write_text("import nothing_of_this_kind.x\n")
    (tmp_path / "outside" / "foreign_raising.py").write_text("raise RuntimeError('no GPU')\n")
    info = tmp_path / "outside" / "foreign-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    names = [line.split()[1].partition("(")[0].strip(":") for line in SOLVERS.splitlines() if line.startswith("class")]
    lines = [f"{name} = foreign_solvers:{name}" for name in names]
    (info / "entry_points.txt").write_text(
        "\n".join(["[tsp.solvers]", *lines, "Broken = foreign_broken:It", "Raising = foreign_raising:It"])
    )
    monkeypatch.syspath_prepend(str(tmp_path / "outside"))
    yield
    sys.modules.pop("foreign_solvers", None)


SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]])


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("matrix", [False, True])
def test_a_made_up_answer_is_checked_before_anybody_sees_it(matrix):
    instance = replace(SQUARE, coordinates=None, matrix=SQUARE.distances, metric="explicit") if matrix else SQUARE
    assert solve(instance, "Honest").objective == 4.0
    found = solve(instance, "MadeUp")
    assert (found.feasible, found.objective) == (False, None)
    assert found.violations[0].startswith("not visited")
    assert solve(instance, "Boasting").objective == 4.0
    assert solve(instance, "Boasting+MadeUp").objective == 4.0
    assert solve(instance, "Proving").bound is None
    row = compare([SQUARE], ["MadeUp"], time_limit=0.1).rows[0]
    assert row.feasible == 0


@pytest.mark.usefixtures("plugins")
def test_a_made_up_report_is_never_shown(tsp, monkeypatch):
    monkeypatch.setattr("tsp.shortcuts.explain", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    code, out, _ = tsp("solve", BERLIN, "--solver", "MadeUp")
    assert code == 130
    assert "length" not in out


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("name", WRONG)
def test_what_a_foreign_solver_raises_is_a_sentence_with_its_name(tsp, name):
    sentence = refusal(tsp("solve", BERLIN, "--solver", name))
    assert sentence == f"tsp: solver {name!r} {WRONG[name]}".replace("' failed", "': failed").replace("' :", "':")
    assert refusal(tsp("compare", BERLIN, "--solvers", name)) == sentence


@pytest.mark.usefixtures("plugins")
def test_a_module_that_cannot_be_imported_is_named(tsp):
    assert "solver 'Broken' needs 'nothing_of_this_kind'" in refusal(tsp("solve", BERLIN, "--solver", "Broken"))
    assert refusal(tsp("solve", BERLIN, "--solver", "Raising")) == (
        "tsp: solver 'Raising': its module failed with RuntimeError: no GPU"
    )


def test_the_answers_of_the_toolkits_own_solvers_stay_as_they_are():
    found = solve(SQUARE, "2opt", time_limit=0.1)
    assert isinstance(found, Solution)
    assert (found.objective, found.solver) == (4.0, "2opt")
