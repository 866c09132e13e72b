"""What the documentation shows can be typed: its commands parse, its solver solves."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from tsp.budget import Budget
from tsp.cli import _parser
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solvers import Solver

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
        _parser(words[0]).parse_args(words)
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
