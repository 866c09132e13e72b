"""Solvers by name: one table of strings, and the specs by which users name them.

A spec is `NAME`, `NAME(key=value, …)`, or several joined by `+`, a chain; `ALIAS=SPEC` gives it a name of one's own.
Nothing is imported until a solver is made. Other packages add solvers by the entry-point group `tsp.solvers`, in the
form of the table here.
"""

from __future__ import annotations

import inspect
import math
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from tsp import validation
from tsp.problems import unknown
from tsp.solvers.chain import Chain
from tsp.solvers.protocol import error_sentence, foreign_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.solvers.protocol import Solver

SOLVERS: dict[str, str] = {
    "policy": "policies.solver:PolicySolver",
    "recourse": "policies.recourse_solver:RecourseSolver",
    "ortools": "baselines.models.ortools_routing.solver:ORToolsSolver",
    "cpsat": "baselines.models.ortools_cpsat.solver:CPSATSolver",
    "nearest": "baselines.heuristics.constructive:NearestNeighbour",
    "insertion": "baselines.heuristics.constructive:Insertion",
    "spacefilling": "baselines.heuristics.constructive:SpaceFillingCurve",
    "ls": "tsp.solvers.guided:LocalSearch",
    "session-recourse": "baselines.online.recourse:SessionRecourse",
    "session-rollout": "baselines.online.rollout:SessionRollout",
    "hindsight": "baselines.online.hindsight:Hindsight",
    "means": "tsp.solvers.means:MeansSolver",
    "myopic": "tsp.solvers.means:MyopicSolver",
    "rollout": "tsp.solvers.rollout:RolloutSolver",
    "scenarios": "tsp.solvers.scenarios:ScenariosSolver",
    "guided-ls": "tsp.solvers.guided:GuidedLocalSearch",
    "bound": "baselines.bounds.solver:BoundSolver",
    "2opt": "baselines.tours.iterated_search:TwoOptSolver",
    "lkh": "baselines.models.lkh:LKHSolver",
    "pyvrp": "baselines.models.pyvrp_solver:PyVRPSolver",
    "ga": "baselines.heuristics.genetic:GeneticAlgorithm",
    "tsiligirides": "baselines.heuristics.tsiligirides:Tsiligirides",
    "nearest-feasible": "baselines.heuristics.nearest_feasible:NearestFeasible",
}
"""The toolkit's solvers: name → `module:class`. The class's keyword parameters are the spec's options."""

ENTRY_POINTS = "tsp.solvers"

EXTRAS = {"pyvrp": "pyvrp", "elkai": "lkh"}
"""Packages that are installed by an extra of the toolkit: package → extra."""

PACKAGES = ("tsp", "policies", "envs", "baselines")
MARKER = '__toolkit__ = "travelling-scientist"'

NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}

WIDTHS: dict[Any, int] = {int: 1, float: 1, str: 2, Path: 2}
"""Kinds of a union that are tried after the others, because more texts fit them."""

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class SolverCall(NamedTuple):
    """One solver of a spec, as typed: its name, and its options as text."""

    name: str
    options: dict[str, str]
    text: str


def known_solvers() -> dict[str, str]:
    """The name and place of every solver: the toolkit's, and those of installed packages."""
    from importlib import metadata

    return {point.name: point.value for point in metadata.entry_points(group=ENTRY_POINTS)} | SOLVERS


def split(specs: str) -> list[str]:
    """The specs in a list separated by commas; commas inside parentheses separate options.

    Raises:
        ValueError: for an unbalanced parenthesis or quote, or nothing between two commas.
    """
    return [spec.strip() for spec in _cut(specs, ",", specs)]


def split_alias(spec: str) -> tuple[str | None, str]:
    """The name that a spec `ALIAS=SPEC` gives to the solver, or None, and the spec itself.

    Raises:
        ValueError: for an empty name or spec, and for the name of another solver.
    """
    head, equals, rest = spec.partition("=")
    if not equals or any(mark in head for mark in "(+\"'"):
        return None, spec
    alias, rest = head.strip(), rest.strip()
    if not alias or not rest:
        raise ValueError(f"solver spec {spec!r}: expected a name before =, and a spec after it")
    if alias in known_solvers() and alias != rest:
        raise ValueError(f"solver spec {spec!r}: {alias} is itself a solver, expected another name before =")
    return alias, rest


def parse(spec: str) -> list[SolverCall]:
    """The solvers of a spec, in the order of the chain, with their options as text.

    Raises:
        ValueError: in one sentence, for what is not a spec.
    """
    return [_parse_call(part.strip(), spec) for part in _cut(spec, "+", spec)]


def make(spec: str, **context: object) -> Solver:
    """The solver that a spec describes; its name is the spec as typed, or the alias before it.

    Args:
        spec: `NAME`, `NAME(key=value, …)`, or several joined by `+`; perhaps `ALIAS=` before it.
        context: options from the caller, such as `device`, for solvers that have such a parameter, unless
            the spec sets it.

    Raises:
        ValueError: in one sentence, for an unknown name or option, a bad value, a missing package.
    """
    alias, spec = split_alias(validation.text(spec, "solver"))
    calls = parse(spec)
    verify_packages()
    stages = [_make_one(call, context) for call in calls]
    if len(stages) > 1:
        return Chain(stages, name=alias or spec.strip())
    if alias is not None:
        stages[0].name = alias
    return stages[0]


def load(target: str) -> Any:  # noqa: ANN401 (any object)
    """The object that `module:name` names, or None if there is none; only here are modules imported by name."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name, None)


def verify_packages() -> None:
    """Check that the packages that would be imported are the toolkit's own.

    Their names are common words: a folder with that name in the working directory, or another distribution's
    package, may come first.

    Raises:
        ValueError: naming the folder that shadows the toolkit's.
    """
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            raise ValueError(f"the toolkit's package {name!r} is missing; install the toolkit again")
        # Reading it does not run it, as importing it would.
        source = Path(spec.origin) if spec.origin else None
        if source is None or MARKER not in source.read_text(encoding="utf-8", errors="replace"):
            folder = next(iter(spec.submodule_search_locations or []), spec.origin)
            raise ValueError(
                f"{folder} is not the toolkit's package {name!r} but shadows it; "
                f"rename it, or use another working directory or a virtual environment of its own"
            )


def _cut(text: str, separator: str, spec: str) -> list[str]:
    """Cut `text` at every `separator` outside parentheses and quotes."""
    parts, depth, quote, start = list[str](), 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0:
                raise ValueError(f"solver spec {spec!r}: a parenthesis is closed but not opened")
        elif letter == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if quote or depth:
        raise ValueError(f"solver spec {spec!r}: a {'quote' if quote else 'parenthesis'} is opened but not closed")
    parts.append(text[start:])
    if any(not part.strip() for part in parts):
        raise ValueError(f"solver spec {spec!r}: expected a name before and after each {separator!r}")
    return parts


def _parse_call(text: str, spec: str) -> SolverCall:
    name, opened, rest = text.partition("(")
    name = name.strip()
    if not opened:
        return SolverCall(name, {}, text)
    if not name or not text.endswith(")"):
        raise ValueError(f"solver spec {spec!r}: expected NAME or NAME(key=value, ...), found {text!r}")
    inside = rest[:-1]
    options: dict[str, str] = {}
    for part in _cut(inside, ",", spec) if inside.strip() else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise ValueError(f"solver spec {spec!r}: expected key=value, found {part.strip()!r}")
        if key in options:
            raise ValueError(f"solver spec {spec!r}: {key} is given twice")
        options[key] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    return SolverCall(name, options, text)


def _make_one(call: SolverCall, context: dict[str, object]) -> Any:  # noqa: ANN401 (a solver, whose name can be set)
    solver_class = _find_class(call.name)
    accepted = dict(_options(solver_class))
    for key in call.options:
        if key not in accepted:
            raise ValueError(unknown(f"option of solver {call.name!r}", key, accepted))
    values: dict[str, Any] = {}
    for key, text in call.options.items():
        try:
            values[key] = _coerce(text, accepted[key])
        except ValueError:
            raise ValueError(f"solver {call.name!r}: {key}={text}, expected {_expectation(accepted[key])}") from None
    parameters = inspect.signature(solver_class).parameters
    given = {key: value for key, value in context.items() if key in parameters} | values
    for parameter in parameters.values():
        required = parameter.default is parameter.empty and parameter.kind in NAMED
        if required and parameter.name not in given:
            raise ValueError(f"solver {call.text!r} needs the option {parameter.name}")
    try:
        with foreign_errors(solver_class, call.text):
            solver = solver_class(**given)
    except ValueError as error:
        raise ValueError(f"solver {call.text!r}: {str(error).removeprefix(f'solver {call.text!r}: ')}") from None
    except ImportError as error:
        raise ValueError(_missing(call.name, error)) from error
    solver.name = call.text
    return solver


def _find_class(name: str) -> Any:  # noqa: ANN401 (a class with any parameters)
    target = SOLVERS.get(name)
    if target is None:
        solvers = known_solvers()
        if name not in solvers:
            raise ValueError(unknown("solver", name, solvers))
        target = solvers[name]
    try:
        found = load(target)
    except ImportError as error:
        raise ValueError(_missing(name, error)) from error
    except Exception as error:
        if name in SOLVERS:
            raise
        raise ValueError(f"solver {name!r}: its module {error_sentence(error)}") from error
    if found is None:
        module, _, attribute = target.partition(":")
        raise ValueError(f"solver {name!r}: {module} has no {attribute!r}")
    return found


def _missing(solver: str, error: ImportError) -> str:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return f"solver {solver!r} cannot be loaded: {error}"
    package = error.name.partition(".")[0]
    if package in EXTRAS:
        extra = f'pip install "travelling-scientist[{EXTRAS[package]}]"'
        return f"solver {solver!r} needs the package {package!r}, which is not installed: {extra}"
    return f"solver {solver!r} needs {error.name!r}, which is not installed"


def _options(solver_class: type) -> Iterator[tuple[str, Any]]:
    """The parameters that a spec can set: those annotated with plain types."""
    namespace = vars(sys.modules[solver_class.__module__])
    for parameter in inspect.signature(solver_class).parameters.values():
        if parameter.kind not in NAMED:
            continue
        holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
        # Names imported for type checkers alone cannot be resolved; Path is often such a name.
        with suppress(NameError, AttributeError, TypeError):
            annotation = get_type_hints(holder, {"Path": Path} | namespace)["it"]
            if all(
                kind in {bool, int, float, str, Path, NoneType} or _is_literal(kind) for kind in _members(annotation)
            ):
                yield parameter.name, annotation


def _is_literal(kind: object) -> bool:
    return get_origin(kind) is Literal


def _members(annotation: object) -> list[Any]:
    if get_origin(annotation) in {Union, UnionType}:
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _coerce(text: str, annotation: object) -> object:
    """The value of `text` under an annotation; of a union, by the first member that it fits.

    Raises:
        ValueError: when it fits none.
    """
    for kind in sorted(_members(annotation), key=lambda kind: WIDTHS.get(kind, 0)):
        with suppress(ValueError, KeyError):
            if _is_literal(kind):
                return {str(value): value for value in get_args(kind)}[text]
            if kind is NoneType:
                return {"none": None}[text.lower()]
            if kind is bool:
                return WORDS[text.lower()]
            value = kind(text)
            if not isinstance(value, float) or math.isfinite(value):
                return value
    raise ValueError(text)


def _expectation(annotation: object) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a finite number", NoneType: "none"}
    expected: list[str] = []
    for kind in _members(annotation):
        expected += [str(value) for value in get_args(kind)] if _is_literal(kind) else [words.get(kind, "a text")]
    return " or ".join(expected)
