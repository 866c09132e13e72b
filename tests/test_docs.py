"""What the documentation shows can be typed: its commands parse, its solver solves."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from tsp.budget import Budget
from tsp.cli.program import make_parser
from tsp.instance import Instance
from tsp.problems import PROBLEMS, get_problem
from tsp.solvers import Solver
from tsp.solvers.registry import EXTRAS, SOLVERS, make

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("policies/zoo/*/README.md")])


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands():
    for page in PAGES:
        for block in fenced(page, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.split("&&"):
                    words = shlex.split(command, comments=True)
                    if words[:1] == ["tsp"]:
                        yield pytest.param(words[1:], id=f"{page.relative_to(ROOT)}: {shlex.join(words)}")


@pytest.mark.parametrize("words", list(commands()))
def test_every_command_of_the_documentation_parses(words, capsys):
    try:
        make_parser(words[0]).parse_args(words)
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


def test_the_documented_solver_is_one(tmp_path, monkeypatch):
    (example,) = fenced(ROOT / "CONTRIBUTING.md", "python")
    (tmp_path / "documented_solver.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    solver = importlib.import_module("documented_solver").InFileOrder()
    assert isinstance(solver, Solver)
    square = Instance(coordinates=[[0, 0], [0, 1], [1, 1], [1, 0]])
    (solution,) = solver.solve(get_problem("tsp"), [square], Budget())
    assert solution.objective == 4
    assert solution.solver == "in-file-order"


def support_by_the_table():
    """Each solver of the table in docs/problems.md, with the problems that it is said to support."""
    page = (ROOT / "docs" / "problems.md").read_text()
    _, rows = page.split("| solver | problems | |\n|---|---|---|\n")
    for row in rows.partition("\n\n")[0].splitlines():
        _, solvers, problems, *_ = row.split("|")
        named = set(re.findall("`(.+?)`", problems))
        for solver in re.findall("`(.+?)`", solvers):
            yield solver, PROBLEMS.keys() - named if problems.strip().startswith("all") else named


@pytest.mark.parametrize("name", sorted({*SOLVERS, *dict(support_by_the_table())}))
def test_the_table_of_solvers_says_what_each_supports(name):
    for package, extra in EXTRAS.items():
        if name == extra:
            pytest.importorskip(package, reason=f"needs the extra {extra}")
    solver, said = make(name), dict(support_by_the_table())
    assert {problem.name for problem in PROBLEMS.values() if solver.supports(problem)} == said[name]
