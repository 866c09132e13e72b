"""Mutants of the checker: each small change of its code that changes what it does is caught by a test.

Every comparison, operator, constant, condition and statement of the checker's modules is changed, one at a time, and
the tests below run against the changed module. The mutants that none of them catches are printed.
"""

import ast
import copy
import os
import signal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from children import in_child

ROOT = Path(__file__).parents[2]
MODULES = ("tsp/solution.py", "tsp/checks.py", "tsp/tolerance.py")
TESTS = [
    *("tests/tsp/test_solution.py", "tests/tsp/test_tolerance.py", "tests/trust/test_corrupted_solutions.py"),
    *("tests/tsp/test_itinerary.py", "tests/tsp/underway/test_underway.py", "tests/tsp/underway/test_fleets.py"),
]
"""Those that catch most mutants first."""
OWN = ("tsp", "envs", "policies", "baselines")
MOST_SURVIVORS = 0.1
"""Share of mutants, those that mean the same included."""
SECONDS = 120
"""After which a mutant counts as caught: it loops."""

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def variants(node):
    """Changed copies of a node, each with a word for the change."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[i] = COMPARISONS[type(operator)]()
            yield "comparison", changed
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield "operator", ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield "and/or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield f"without condition {i}", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield "without not", node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant", ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node, ast.If | ast.IfExp):
        for value in (True, False):
            changed = copy.copy(node)
            changed.test = ast.Constant(value)
            yield f"if {value}", changed
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "return None", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) and not is_text(node):
        yield "without statement", ast.Pass()


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Replace(ast.NodeTransformer):
    """Replaces the node at an index of `ast.walk`."""

    def __init__(self, target, by):
        self.target, self.by = target, by

    def visit(self, node):
        return self.by if node is self.target else self.generic_visit(node)


def skipped(tree):
    """Nodes whose change nobody can see: annotations, docstrings, messages and code for type checkers."""
    out = set()
    for node in ast.walk(tree):
        parts = []
        if isinstance(node, ast.FunctionDef):
            parts += [node.returns, *(a.annotation for a in [*node.args.args, *node.args.kwonlyargs])]
        if isinstance(node, ast.AnnAssign):
            parts.append(node.annotation)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            parts.append(node)
        if isinstance(node, ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom | ast.Raise):
            parts.append(node)
        for part in parts:
            if part is not None:
                out |= set(map(id, ast.walk(part)))
    return out


def mutants(source):
    """Each mutant's name (line, change, code) and its syntax tree."""
    tree = ast.parse(source)
    hidden = skipped(tree)
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in hidden:
            continue
        for word, by in variants(node):
            fresh = ast.parse(source)
            target = list(ast.walk(fresh))[index]
            changed = ast.fix_missing_locations(ast.copy_location(Replace(target, by).visit(fresh), fresh))
            yield f"{node.lineno}: {word}: {ast.unparse(node).splitlines()[0]}", changed


def survives(module, tree):
    """Whether the tests pass with a changed module."""

    def work():
        signal.alarm(SECONDS)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        for name in [name for name in sys.modules if name.partition(".")[0] in OWN or name.startswith("tests")]:
            del sys.modules[name]
        read = SourceFileLoader.get_code

        def get_code(loader, name):
            changed = Path(loader.path) == ROOT / module
            return compile(tree, loader.path, "exec") if changed else read(loader, name)

        SourceFileLoader.get_code = get_code
        options = [
            "-x",
            "-q",
            "--assert=plain",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--rootdir",
            str(ROOT),
        ]
        options += ["-o", "addopts=--import-mode=importlib"]
        os._exit(int(pytest.main([*options, *(str(ROOT / test) for test in TESTS if (ROOT / test).exists())])))

    return in_child(work) == 0


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_the_tests_pass_without_a_change_and_fail_with_a_gross_one(module):
    source = (ROOT / module).read_text()
    assert survives(module, ast.parse(source))
    broken = source.replace("TOLERANCE = 1e-9", "TOLERANCE = 1e-3").replace("def check(", "def check_not(")
    assert not survives(module, ast.parse(broken.replace("def _check_capacity(", "def _other(")))


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_that_does_something_else_is_caught(module):
    listed = list(mutants((ROOT / module).read_text()))
    alive = [name for name, tree in listed if survives(module, tree)]
    print(f"{module}: {len(listed)} mutants, {len(listed) - len(alive)} caught", *alive, sep="\n")  # noqa: T201
    assert len(alive) <= MOST_SURVIVORS * len(listed)
