"""The documentation is right: its commands parse, its Python runs, and its tables are those measured."""

import importlib
import inspect
import re
import runpy
import shlex
from pathlib import Path

import pytest
from write_results import BLOCK, outdated, read_tables

from envs.gym import RoutingGymEnv
from envs.routing_env import RoutingEnv
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


def test_the_readmes_commands_leave_no_file_that_git_would_list():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    written = re.findall(r"--(?:out|plot) ([^\s`]+)", (ROOT / "README.md").read_text())
    assert len(written) > 2
    for path in written:
        folder = f"/{path.partition('/')[0]}/" if "/" in path else f"/*{Path(path).suffix}"
        assert folder in ignored, path


SNIPPETS = [
    pytest.param(block, id=f"{name}-{i}")
    for name in ("README.md", "docs/environments.md", "docs/api.md")
    for i, block in enumerate(fenced(ROOT / name, "python"))
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_of_python_runs(snippet, monkeypatch, tmp_path, capsys):
    for package, extra in {"sb3_contrib": "rl", **EXTRAS}.items():
        if f"import {package}" in snippet or f"from {package}" in snippet:
            pytest.importorskip(package, reason=f"needs the extra {extra}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "snippet.py").write_text(snippet)
    runpy.run_path("snippet.py")
    assert capsys.readouterr().out


RULE_COLUMNS = {
    "Capacity": (["load left"], ["still wanted"]),
    "LengthBudget": (["length left"], []),
    "MaxVisits": (["visits left"], []),
    "PrizeQuota": (["prize to collect"], []),
    "Session": (["session left"], ["chance to finish", "prize to expect", "prize for its time"]),
    "QueueSession": (
        ["session left", "just arrived", "time of a visit here", "prize here"],
        ["chance to finish", "prize to expect", "prize for its time"],
    ),
    "AppearingSession": (["session left"], ["there", "chance to appear"]),
    "TimeWindows": (
        ["time"],
        ["wait", "spare time", "way", "near opening", "near closing", "near node", "near limit"],
    ),
}
"""Rule → the columns of `context` and of `node_context` that it may fill."""


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_page_of_environments_names_every_column_that_a_problem_shows(name):
    page = (ROOT / "docs" / "environments.md").read_text()
    (row,) = re.findall(rf"^\| `tsp/{name.upper()}-v0` \|(.*)\|(.*)\|(.*)\|$", page, flags=re.MULTILINE)
    features, context, node_context = ([c.strip(" `") for c in cells.split(",") if c.strip()] for cells in row)
    env = RoutingEnv(name)
    columns = [(rule, *RULE_COLUMNS.get(type(rule.rule).__name__, ([], []))) for rule in env.rules]
    expected = [column for rule, of_rule, _ in columns for column in of_rule[: rule.context_features]]
    assert features == list(env.shows)
    assert context == expected + ["tours left"] * env.counts_tours
    assert node_context == [c for rule, _, of_nodes in columns for c in of_nodes[: rule.node_context_features]]
    assert (len(context), len(node_context)) == (env.context_features, env.node_context_features)


def test_every_column_is_explained_in_the_docstring_of_the_environment():
    page, docstring = (ROOT / "docs" / "environments.md").read_text(), inspect.getdoc(RoutingGymEnv)
    rows = re.findall(r"^\| `tsp/.*?-v0` \|(.*)$", page, flags=re.MULTILINE)
    for column in {c.strip() for row in rows for cells in row.split("|") for c in cells.split(",")} - {""}:
        assert re.search(rf"^\| {re.escape(column)} \|", docstring, flags=re.MULTILINE), column


def test_the_pages_show_the_figures_that_were_measured():
    assert outdated() == []


OF_FIGURES = (
    "amortization",
    "amortization-tables",
    "augmentation",
    "kool",
    "online",
    "own-instances",
    "results",
    "results-large",
    "results-online",
    "results-static",
    "results-training",
    "training",
    "variants",
    "which-solver",
)
MEASURED = [ROOT / "README.md", *(ROOT / f"docs/{name}.md" for name in OF_FIGURES)]
DECIMAL = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.]*\w)")


@pytest.mark.parametrize("page", MEASURED, ids=lambda page: page.name)
def test_every_figure_in_the_prose_is_one_of_a_table(page):
    measured = "".join((ROOT / f"benchmarks/results/{name}.json").read_text() for name in read_tables())
    prose = re.sub(r"^```.*?^```|`[^`]+`|\(\S+\)", "", BLOCK.sub("", page.read_text()), flags=re.MULTILINE | re.DOTALL)
    assert set(DECIMAL.findall(prose)) <= set(DECIMAL.findall(measured))


def test_the_documented_solver_implements_the_protocol(tmp_path, monkeypatch):
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
