"""Mutants of a module: copies with one small change each, and whether tests notice it.

The tests are collected once and run with a record of the lines that each of them reaches. For each mutant, a copy of
this process exchanges the code of the changed function and runs the tests that reach its line, until one fails: first
the fastest case of each test function, then the others. Mutants of what is computed on import are run against all
tests, in a process that imports anew.
"""

import ast
import copy
import functools
import gc
import inspect
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path

import coverage
import pytest
from children import in_child
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
OWN = ("tsp", "envs", "policies", "baselines")
SECONDS = 40
"""Processor time of one test after which a mutant counts as caught: it loops."""

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A changed module.

    Attributes:
        name: function, change and code, which stay the same when lines move.
        line: where the changed statement begins.
        function: name of the function or method whose body is changed; None for what is computed on import.
        tree: syntax tree of the whole module.
    """

    name: str
    line: int
    function: str | None
    tree: ast.Module


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
    """Replaces a node by another."""

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


def functions(tree):
    """Each function and method with its qualified name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            methods = (inner for inner in node.body if isinstance(inner, ast.FunctionDef))
            yield from ((f"{node.name}.{inner.name}", inner) for inner in methods)


def mutants(source):
    """All mutants of a module."""
    tree = ast.parse(source)
    hidden = skipped(tree)
    homes = {id(node): name for name, f in functions(tree) for part in f.body for node in ast.walk(part)}
    lines = {id(node): part.lineno for part in ast.walk(tree) if isinstance(part, ast.stmt) for node in ast.walk(part)}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in hidden:
            continue
        for word, by in variants(node):
            fresh = ast.parse(source)
            target = list(ast.walk(fresh))[index]
            changed = ast.fix_missing_locations(Replace(target, ast.copy_location(by, target)).visit(fresh))
            home = homes.get(id(node))
            code = ast.unparse(node).splitlines()[0]
            yield Mutant(f"{home or 'on import'}: {word}: {code}", lines[id(node)], home, changed)


def survivors(module, tests, out):
    """The mutants of a module that no test catches, and the number of all; one line each in the file `out`, too."""

    def work():
        silence()
        run_tests(tests, [Loop(module, tests, out)])

    code = in_child(work)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0, lines[-1:]
    return [f"{each['line']}: {each['name']}" for each in lines if each["survives"]], len(lines)


def silence():
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def run_tests(tests, plugins):
    """Run test files with the changed modules of this process; pytest's exit code."""
    settings.register_profile("mutants", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"  # the smallest failing example is nobody's interest here
    os.environ.pop("PYTEST_ADDOPTS", None)
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN or name.startswith("tests")]:
        del sys.modules[name]
    options = ["-x", "-q", "--assert=plain", "-W", "ignore::pytest.PytestAssertRewriteWarning", "--rootdir", str(ROOT)]
    options += ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "-o", "addopts=--import-mode=importlib"]
    return int(pytest.main([*options, *(str(ROOT / test) for test in tests)], plugins))


def passes_anew(module, tree, tests):
    """Whether all tests pass with a changed module that is imported anew."""

    def work():
        silence()
        read = SourceFileLoader.get_code

        def get_code(loader, name):
            changed = Path(loader.path) == ROOT / module
            return compile(tree, loader.path, "exec") if changed else read(loader, name)

        SourceFileLoader.get_code = get_code
        os._exit(run_tests(tests, [EndAtFailure()]))

    return in_child(work) == 0


class EndAtFailure:
    """Ends the process at the first failure, and a test that takes too long."""

    def pytest_runtest_logstart(self, nodeid, location):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            os._exit(1)


class Loop:
    """Runs the tests of a session once for each mutant, instead of once."""

    def __init__(self, module, tests, out):
        self.module, self.tests, self.out = module, tests, out
        self.path = str(ROOT / module)

    def pytest_runtestloop(self, session):
        reached = self.lines_reached(session.items)
        with self.out.open("w") as file:
            for mutant in mutants(Path(self.path).read_text()):
                start = time.monotonic()
                items = reached.get(mutant.line, [])
                if mutant.function:
                    survives = not items or in_child(lambda m=mutant, i=items: self.try_items(session, m, i)) == 0
                else:
                    survives = passes_anew(self.module, mutant.tree, self.tests)
                row = {"line": mutant.line, "name": mutant.name, "survives": survives}
                file.write(json.dumps({**row, "tests": len(items), "seconds": time.monotonic() - start}) + "\n")
                file.flush()
        return True

    def lines_reached(self, items):
        """The tests that reach each line of the module, the fastest first."""
        cover, seconds = coverage.Coverage(data_file=None, include=[self.path], config_file=False), {}
        failures = []
        recorder = type("", (), {"pytest_runtest_logreport": lambda _, report: failures.append(report.failed)})()
        items[0].config.pluginmanager.register(recorder)
        for _ in range(2):  # the second time, kernels are compiled and all modules are imported
            cover.erase()
            caches = own_caches()
            cover.start()
            for item, following in zip(items, [*items[1:], None], strict=True):
                for each in caches:
                    each.cache_clear()
                cover.switch_context(item.nodeid)
                start = time.perf_counter()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds[item.nodeid] = time.perf_counter() - start
            cover.stop()
        items[0].config.pluginmanager.unregister(recorder)
        assert not any(failures), "the tests fail without a change"
        order, of_function = [], Counter()
        for item in sorted(items, key=lambda item: seconds[item.nodeid]):
            function = item.nodeid.partition("[")[0]
            order.append((of_function[function] > 0, item))
            of_function[function] += 1
        order = [item for _, item in sorted(order, key=lambda pair: pair[0])]
        contexts = cover.get_data().contexts_by_lineno(self.path)
        return {line: [item for item in order if item.nodeid in names] for line, names in contexts.items()}

    def try_items(self, session, mutant, items):
        """Run tests with the mutant's code; an exception or an exit code other than 0 says that it is caught."""
        changed = dict(code_objects(compile(mutant.tree, self.path, "exec")))
        name = ".".join(Path(self.module).with_suffix("").parts)
        function = found_function(sys.modules[name], mutant.function)
        function.__code__ = changed[mutant.function]
        for each in own_caches():  # they hold what the unchanged code returned
            each.cache_clear()
        session.config.pluginmanager.register(EndAtFailure())
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        os._exit(0)


def code_objects(code):
    """The code of each function and method of a module's code, with its qualified name."""
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield inner.co_qualname, inner
            yield from code_objects(inner)


def found_function(module, name):
    """The function or method of that qualified name."""
    home, _, inner = name.rpartition(".")
    found = vars(getattr(module, home))[inner] if home else getattr(module, inner)
    for part in ("fget", "func", "__func__", "__wrapped__"):
        found = getattr(found, part, None) or found
    return found


def own_caches():
    """The functions of this repository that remember what they returned."""
    wrapper = type(functools.cache(silence))
    return [each for each in gc.get_objects() if type(each) is wrapper and is_own(each.__module__)]


def is_own(name):
    """Whether a module of that name is in this repository."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and Path(file).is_relative_to(ROOT)
