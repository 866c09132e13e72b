"""The command line: parse, make a dataclass, call once. Nothing imports it.

Only the command that is called has its options and its imports loaded, so `tsp --help` is quick.
Results go to standard output, everything else to standard error. What users do wrong ends in one
sentence and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import threading
import warnings
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast, get_args, get_origin, get_type_hints

from tsp import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from policies.guide.training import GuideTrainConfig
    from policies.training.trainer import TrainConfig
    from tsp.instance import Instance, Realization
    from tsp.plotting import Floor
    from tsp.solution import Solution
    from tsp.solvers import Solver

DONE, INFEASIBLE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
PICTURES = (".png", ".svg", ".pdf")
MOST_NODES_LISTED = 200
PATIENCE = 1.5
"""Seconds of preparation after which the user is told what is waited for."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with 2."""
        say(f"{message} (see {self.prog} --help)")
        raise SystemExit(BAD_INPUT)


def say(text: str) -> None:
    """A line for the user beside the result."""
    print(f"tsp: {text}", file=sys.stderr)  # noqa: T201 - this is what the program says


def show(text: str) -> None:
    """The result."""
    print(text)  # noqa: T201


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = _say_warning
    warnings.simplefilter("always", UserWarning)
    try:
        arguments = _parser(words[0] if words else "").parse_args(words)
        from tsp.solvers.registry import verify_packages

        verify_packages()
        return arguments.run(arguments)
    except SystemExit as stop:  # argparse's own, for --help and mistakes
        return int(stop.code or 0)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `tsp … | head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (ValueError, OSError) as error:
        say(_sentence(error))
        return BAD_INPUT


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"note: {message}")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {(error.strerror or str(error)).lower()}"
    return str(error)


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The parser; of the commands, only the chosen one has its options."""
    parser = Parser(prog="tsp", description="Learned and classical solvers for routing problems.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tsp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (add_options, run, summary, example) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example: {example}",
            allow_abbrev=False,
        )
        command.set_defaults(run=run)
        if name == chosen:
            add_options(command)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}, expected a positive number")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}, expected a number of 0 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}, expected 1 or more")
    return value


def _limits(text: str) -> list[float]:
    return [_positive(part) for part in text.split(",")]


_positive.__name__ = _number.__name__ = "number"
_count.__name__, _limits.__name__ = "whole number", "list of numbers"


def _output(arguments: argparse.Namespace, option: str, endings: Sequence[str]) -> Path | None:
    """The path an option gives, refused at once where it could not be written in the end."""
    from tsp.files import require_writable

    text = getattr(arguments, option)
    if text is None:
        return None
    path = Path(text)
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path}: ending {path.suffix!r}, expected {' or '.join(endings)} for --{option}")
    require_writable(path, force=arguments.force)
    return path


def _add_common(command: argparse.ArgumentParser, *, computes: bool = True) -> None:
    command.add_argument("--seed", type=int, default=1234, help="of everything random (default 1234)")
    if computes:
        command.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
        command.add_argument("--threads", type=_count, default=1, help="how many may work at once (default 1)")
    command.add_argument("--force", action="store_true", help="overwrite existing outputs")


def _add_solve(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help="instances: TSPLIB, CSV, NPZ, …")
    command.add_argument("--problem", help="what to solve, where the file does not say")
    command.add_argument("--solver", metavar="SPEC", help="default: the best the toolkit has")
    command.add_argument("--time-limit", type=_positive, default=2.0, help="seconds for each instance (default 2)")
    _add_limits(command)
    command.add_argument(
        "--objective", metavar="NAME", help="another one under the same rules: travel-time or makespan"
    )
    command.add_argument("--visited", metavar="A,B,C", help="under way: what was visited so far, the rest is planned")
    command.add_argument("--elapsed", type=_number, metavar="T", help="under way: the time now")
    command.add_argument("--travelled", type=_number, metavar="L", help="under way: length of the tour so far")
    command.add_argument("--load", type=_number, metavar="Q", help="under way: what the tour has delivered so far")
    command.add_argument("--probabilities", action="store_true", help="show the policy's P(next node | nodes so far)")
    command.add_argument("--plot", metavar="PATH", help="draw the tour: .png, .svg or .pdf")
    command.add_argument("--walls", metavar="FILE", help="walls to draw (default: NAME.walls.csv beside NAME.csv)")
    command.add_argument("--out", metavar="PATH", help="write the solution: .tour, .sol, .csv or .json")
    command.add_argument("--json", action="store_true", help="print JSON")
    _add_common(command)


def _add_limits(command: argparse.ArgumentParser) -> None:
    """What a file may leave open."""
    command.add_argument("--start", metavar="NAME", help="the node to start from, by name or position; of a path: any")
    command.add_argument("--end", metavar="NAME", help="the node to end at, where it is not the start")
    command.add_argument("--max-length", type=_number, metavar="L", help="longest tour")
    command.add_argument("--capacity", type=_number, metavar="Q", help="most that one tour delivers")
    command.add_argument("--min-prize", type=_number, metavar="P", help="least sum of prizes to collect")
    command.add_argument("--num-tours", type=_count, metavar="M", help="most tours there may be")
    command.add_argument("--matrix", metavar="FILE", help="distances between the nodes, which a CSV cannot say")


def run_solve(arguments: argparse.Namespace) -> int:
    """`tsp solve`."""
    from tsp.budget import Budget
    from tsp.formats import SOLUTION_ENDINGS
    from tsp.shortcuts import solve_all

    instances: list[Instance] = []
    realizations: list[Realization | None] = []
    for file in arguments.files:
        found, hidden = _read_with_hidden(file, arguments)
        instances += found
        realizations += hidden or [None] * len(found)
    if arguments.probabilities:
        if arguments.plot or arguments.out:
            raise ValueError("--probabilities: printed alone, expected neither --plot nor --out beside it")
        return _show_probabilities(arguments, instances)
    for path in (_output(arguments, "plot", PICTURES), _output(arguments, "out", SOLUTION_ENDINGS)):
        if path is not None and path.suffix.lower() != ".json" and len(instances) > 1:
            raise ValueError(f"{path}: holds one solution, but there are {len(instances)} instances")
    floor = _floor(arguments, arguments.files[0]) if arguments.plot or arguments.walls else None
    budget = Budget(arguments.time_limit, arguments.threads, arguments.seed)
    best: dict[int, Solution] = {}
    interrupted = False
    with _progress(len(instances), "instance") as advance:

        def report(i: int, solution: Solution) -> None:
            best[i] = solution
            advance(len(best))

        try:
            solutions = solve_all(
                instances,
                arguments.solver,
                budget,
                device=arguments.device,
                prepare=_prepare,
                report=report,
                realizations=realizations,
            )
        except KeyboardInterrupt:
            interrupted = True
            say("interrupted: this is the best so far")
            solutions = [best.get(i) or _none_yet() for i in range(len(instances))]
    _write_solutions(arguments, instances, solutions, floor)
    if interrupted:
        return INTERRUPTED
    return DONE if all(solution.feasible for solution in solutions) else INFEASIBLE


def _none_yet() -> Solution:
    from tsp.solution import no_answer

    return no_answer(seconds=0.0, solver="")


def _completed(instance: Instance, arguments: argparse.Namespace) -> Instance:
    """The instance with what the command line adds to its file."""
    from tsp.best_known import recognized
    from tsp.instance import Underway
    from tsp.problems import get_problem, with_objective

    changes: dict[str, Any] = {
        name: value
        for name in ("max_length", "capacity", "min_prize", "num_tours")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.start == "any":
        changes["free_start"] = True
    elif arguments.start is not None:
        changes["depot"] = instance.find_node(arguments.start)
    if arguments.end is not None:
        changes["end"] = instance.find_node(arguments.end)
    if (goal := getattr(arguments, "objective", None)) is not None:
        changes["problem"] = with_objective(get_problem(instance.problem), goal).name
    used = {name: getattr(arguments, name, None) for name in ("elapsed", "travelled", "load")}
    visited = getattr(arguments, "visited", None)
    if visited is not None or any(value is not None for value in used.values()):
        nodes = tuple(instance.find_node(name.strip()) for name in (visited or "").split(",") if name.strip())
        start = changes.get("depot", instance.depot)
        if nodes[:1] == (start,) and get_problem(changes.get("problem", instance.problem)).from_depot:
            nodes = nodes[1:]  # where all tours start goes without saying
        changes["underway"] = Underway(nodes, **used)
    return recognized(replace(instance, **changes)) if changes else instance


def _read_with_hidden(file: str, arguments: argparse.Namespace) -> tuple[list[Instance], list[Realization] | None]:
    """A file's instances with what the command line adds and, where prizes are hidden, what they really are."""
    from tsp.formats import read, read_realizations
    from tsp.problems import get_problem

    instances = read(file, problem=arguments.problem, matrix=arguments.matrix)
    hides = any(get_problem(instance.problem).hides_prizes for instance in instances)
    return [_completed(instance, arguments) for instance in instances], read_realizations(file) if hides else None


def _show_probabilities(arguments: argparse.Namespace, instances: Sequence[Instance]) -> int:
    """The policy's distribution over the next node, for each instance."""
    from tsp.problems import get_problem
    from tsp.solvers import next_probabilities
    from tsp.solvers.registry import make
    from tsp.underway import validate_underway

    solver = make(arguments.solver or "policy", device=arguments.device)
    entries: list[dict[str, Any]] = []
    for instance in instances:
        problem = get_problem(instance.problem)
        problem.validate(instance)
        validate_underway(problem, instance)
        predicted = next_probabilities(solver, problem, instance)
        if predicted is None:
            raise ValueError(f"solver {solver.name!r} has no probabilities; a policy has")
        chances: list[float] = predicted.tolist()
        entries.append({"instance": instance.name, "problem": problem.name, "probabilities": chances})
        if not arguments.json:
            ranked = sorted(range(instance.size), key=lambda node: -chances[node])
            rows = [f"  {chances[node]:7.4f}  {instance.node_name(node)}" for node in ranked if chances[node] >= 5e-5]
            rows = rows or ["  none: the tour is at its end, or no node is legal"]
            show("\n".join([f"{instance.name}: P(next node | nodes so far)", *rows[:MOST_NODES_LISTED]]))
    if arguments.json:
        show(json.dumps({"version": __version__, "solutions": entries}, allow_nan=False))
    return DONE if all(any(entry["probabilities"]) for entry in entries) else INFEASIBLE


def _prepare(solver: Solver, problem: str) -> None:
    """Warm up, and say what is waited for when it takes long."""
    from tsp.problems import get_problem

    notice = threading.Timer(PATIENCE, say, [f"preparing {solver.name} (only the first run ever compiles) …"])
    notice.daemon = True
    notice.start()
    try:
        solver.warm_up(get_problem(problem))
    finally:
        notice.cancel()


def _write_solutions(
    arguments: argparse.Namespace, instances: Sequence[Instance], solutions: Sequence[Solution], floor: Floor | None
) -> None:
    from tsp.files import write_text
    from tsp.formats import write_solution
    from tsp.formats.json_file import solution_entry

    pairs = list(zip(instances, solutions, strict=True))
    content = {"version": __version__, "solutions": [solution_entry(*pair) for pair in pairs]}
    if arguments.json:
        show(json.dumps(content, allow_nan=False))
    else:
        for pair in pairs:
            show(_describe(*pair))
    if arguments.out and Path(arguments.out).suffix.lower() == ".json":
        write_text(arguments.out, json.dumps(content, allow_nan=False, indent=1) + "\n", force=arguments.force)
    elif arguments.out:
        write_solution(arguments.out, instances[0], solutions[0], force=arguments.force)
    if arguments.plot:
        from tsp.plotting import plot_tour, save_figure

        save_figure(plot_tour(instances[0], solutions[0], floor=floor), arguments.plot, force=arguments.force)


WALLS = ".walls.csv"


def _floor(arguments: argparse.Namespace, file: str) -> Floor | None:
    """The walls that are drawn with an instance: those given, else those in a file beside it."""
    import numpy as np

    from tsp.formats import read_walls
    from tsp.plotting import Floor

    path = Path(arguments.walls) if arguments.walls else Path(file).with_suffix(WALLS)
    if not arguments.walls and not path.exists():
        return None
    return Floor(read_walls(path), lambda origin, destination: np.stack([origin, destination]))


def _proof(value: float, bound: float) -> str:
    """What a proved bound says: how much better the optimum can be at most."""
    from tsp.statistics import format_number

    if bound == 0:
        return f"proved bound {format_number(bound, 8)}"
    return f"within {100 * abs(value - bound) / abs(bound):.2f} % of optimal (proved)"


def _describe(instance: Instance, solution: Solution) -> str:
    """A solution in words: what it is worth, how it was found, and the tour or, with sights to see, its itinerary."""
    from tsp.itinerary import format_itinerary_text, rows
    from tsp.problems import get_problem
    from tsp.statistics import format_number

    name = instance.name or "instance"
    if solution.objective is None:
        return f"{name}: no feasible solution ({'; '.join(solution.violations)})"
    objective = get_problem(instance.problem).objective
    facts = [f"{'+'.join(objective.terms)} {format_number(solution.objective, 8)}"]
    if instance.best_known is not None:
        gap = objective.gap(solution.objective, instance.best_known)
        known = f"best known {format_number(instance.best_known, 8)}"
        facts.append(known if gap is None else f"gap {100 * gap:.2f} % to the {known}")
    if solution.proved_optimal:
        facts.append("proved optimal")
    elif solution.bound is not None:
        facts.append(_proof(solution.objective, solution.bound))
    facts += [f"{instance.size} nodes", f"{solution.seconds:.2f} s", f"solver {solution.solver}"]
    lines = [f"{name}: {', '.join(facts)}"]
    if not solution.tours:
        lines.append("no tours: nobody sets out")
    elif sum(map(len, solution.tours)) > MOST_NODES_LISTED:
        lines.append("tour: too long to print; --out writes it")
    elif instance.names and any(getattr(instance, name) is not None for name in ("prizes", "time_windows")):
        lines.append(format_itinerary_text(rows(get_problem(instance.problem), instance, solution)))
    else:
        separator = " - " if instance.names else " "
        lines += [f"tour: {separator.join(instance.node_name(int(node)) for node in t)}" for t in solution.tours]
    return "\n".join(lines)


def _add_instances(command: argparse.ArgumentParser, *, count: int) -> None:
    command.add_argument("--problem", default=None, help="default: what the files say, else tsp")
    command.add_argument("--size", type=_count, help="number of customers (default 50)")
    command.add_argument("--instances", type=_count, help=f"how many (default {count})")
    command.add_argument(
        "--distribution",
        help="uniform (default), clusters, mixed, hall or kool; then perhaps -const, -unif, -dist (prizes) or "
        "-easy, -medium, -hard (time windows)",
    )


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="*", metavar="FILE", help="instances; default: generated ones")
    _add_instances(command, count=100)
    _add_limits(command)
    command.add_argument("--solvers", metavar="SPEC,SPEC…", default="policy,ortools", help="default policy,ortools")
    command.add_argument(
        "--time-limit", type=_limits, default=[2.0], metavar="S[,S…]", help="seconds for each instance (default 2)"
    )
    command.add_argument("--plot", metavar="PATH", help="draw the gaps: .png, .svg or .pdf")
    command.add_argument("--out", metavar="PATH", help="write the rows as .csv")
    command.add_argument("--json", action="store_true", help="print JSON")
    _add_common(command)


def run_compare(arguments: argparse.Namespace) -> int:
    """`tsp compare`."""
    from tsp.shortcuts import compare
    from tsp.solvers.registry import split

    _output(arguments, "plot", PICTURES)
    _output(arguments, "out", (".csv",))
    realizations: list[Realization] | None = None
    if arguments.files:
        for name in GENERATED:
            if getattr(arguments, name) is not None:
                raise ValueError(f"--{name}: of instances that are generated, expected no files beside it")
        instances: list[Instance] = []
        for file in arguments.files:
            found, hidden = _read_with_hidden(file, arguments)
            instances += found
            realizations = [*(realizations or []), *hidden] if hidden else realizations
    else:
        instances, realizations = _generated(arguments, 100)
        instances = [_completed(instance, arguments) for instance in instances]
    with _progress(0, "answer") as advance:
        comparison = compare(
            instances,
            split(arguments.solvers),
            time_limit=arguments.time_limit,
            threads=arguments.threads,
            seed=arguments.seed,
            device=arguments.device,
            progress=advance,
            realizations=realizations,
        )
    if arguments.json:
        show(json.dumps({"version": __version__, **comparison.to_json()}, allow_nan=False))
    else:
        show(comparison.table())
    if arguments.out:
        comparison.write_csv(arguments.out, force=arguments.force)
    if arguments.plot:
        from tsp.plotting import gap_figure, save_figure

        save_figure(gap_figure(comparison), arguments.plot, force=arguments.force)
    return DONE if all(row.feasible == row.instances for row in comparison.rows) else INFEASIBLE


GENERATED = ("size", "instances", "distribution")


def _generated(arguments: argparse.Namespace, count: int) -> tuple[list[Instance], list[Realization] | None]:
    from envs.generators import generate_set

    size, instances, distribution = (getattr(arguments, name) for name in GENERATED)
    return generate_set(
        arguments.problem or "tsp", distribution or "uniform", size or 50, instances or count, arguments.seed
    )


HIDDEN = {"policy", "network", "data", "start_from", "seed"}


def _add_train(command: argparse.ArgumentParser) -> None:
    from policies.guide.network import EdgeNetworkConfig
    from policies.guide.training import GuideTrainConfig
    from policies.policy import PolicyConfig
    from policies.training.trainer import TrainConfig

    command.add_argument("--out", required=True, metavar="DIR", help="the run's directory")
    command.add_argument(
        "--from",
        dest="start_from",
        default=argparse.SUPPRESS,
        metavar="POLICY",
        help="fine-tune this one: a file, or a shipped policy's name",
    )
    command.add_argument("--data", default=argparse.SUPPRESS, metavar="FILE.npz", help="train on these instances")
    command.add_argument("--config", metavar="FILE.toml", help="settings; flags override them")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    of_policies = _add_fields(command.add_argument, (TrainConfig, PolicyConfig), without=HIDDEN)
    command.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of everything random (default 1234)")
    command.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    command.add_argument("--threads", type=_count, default=os.cpu_count() or 1, help="default: all cores")
    command.add_argument("--force", action="store_true", help="start anew over the run in --out")
    shared = [
        f"--{item.name.replace('_', '-')}" + ("" if item.default is None else f" ({item.default})")
        for cls in (GuideTrainConfig, EdgeNetworkConfig)
        for item in fields(cls)
        if item.name in of_policies
    ]
    guide = command.add_argument_group(
        "the learned guide of a local search", f"It also takes, with defaults of its own: {', '.join(shared)}."
    )
    guide.add_argument("--guide", action="store_true", help="train this instead of a policy")
    _add_fields(guide.add_argument, (GuideTrainConfig, EdgeNetworkConfig), without=HIDDEN | of_policies)


def _add_fields(
    add: Callable[..., Any],
    classes: Sequence[type[Any]],
    *,
    without: set[str],
) -> set[str]:
    """A flag for each field of some configurations, made by `add`, an `add_argument`; returns their names."""
    added = set[str]()
    for cls in classes:
        hints, texts = get_type_hints(cls), _attribute_texts(cls.__doc__ or "")
        for item in fields(cls):
            if item.name not in without:
                _add_field(add, item, hints[item.name], texts.get(item.name, ""))
                added.add(item.name)
    return added


def _add_field(add: Callable[..., Any], item: Field[Any], hint: object, text: str) -> None:
    """A flag for a field of a configuration; absent flags leave the field alone."""
    kinds: list[Any] = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    choices = kinds if get_origin(hint) is Literal else None
    default = "" if item.default in (None, MISSING) else f" (default {item.default})"
    if kinds == [bool]:
        add("--" + item.name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text + default)
        return
    add(
        "--" + item.name.replace("_", "-"),
        dest=item.name,
        default=argparse.SUPPRESS,
        type=str if choices else kinds[0],
        choices=choices,
        help=(text + default).replace("%", "%%"),
        metavar=None if choices else getattr(kinds[0], "__name__", "VALUE").upper(),
    )


def _attribute_texts(docstring: str) -> dict[str, str]:
    """The `name: text` entries of a Google docstring's Attributes section."""
    texts: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:")[2].splitlines():
        head, colon, rest = line.strip().partition(":")
        if colon and head.isidentifier() and not line.startswith(" " * 9):
            name = head
            texts[name] = rest.strip()
        elif name and line.strip():
            texts[name] += " " + line.strip()
    return texts


def run_train(arguments: argparse.Namespace) -> int:
    """`tsp train`."""
    import torch

    from policies.device import resolve_device

    device = resolve_device(arguments.device)
    torch.set_num_threads(arguments.threads)
    about: dict[str, Any] = {
        "device": device,
        "command": shlex.join(["tsp", *sys.argv[1:]]),
        "version": __version__,
        "resume": arguments.resume,
        "say": say,
    }
    if arguments.guide:
        _train_guide(arguments, about)
    else:
        _train_policy(arguments, about)
    show(str(Path(arguments.out) / "checkpoint-last.safetensors"))
    return DONE


def _train_policy(arguments: argparse.Namespace, about: dict[str, Any]) -> None:
    from policies.training.trainer import Trainer, start_run
    from tsp.plotting import learning_curve, save_figure

    config = _train_config(arguments)
    trainer = Trainer(config, arguments.out, **about)
    start_run(config, arguments.out, resume=arguments.resume, force=arguments.force)
    with _progress(1000, "‰") as advance:
        trainer.run(lambda share, text: advance(int(1000 * share), text=text))
    folder = Path(arguments.out)
    save_figure(learning_curve(folder / "metrics.csv"), folder / "learning-curve.png", force=True)


def _train_guide(arguments: argparse.Namespace, about: dict[str, Any]) -> None:
    from policies.guide.training import GuideTrainer, start_guide_run

    config = _guide_config(arguments)
    trainer = GuideTrainer(config, arguments.out, **about)
    start_guide_run(config, arguments.out, resume=arguments.resume, force=arguments.force)
    for work in (trainer.prepare, trainer.run):
        with _progress(1000, "‰") as advance:
            work(lambda share, text, advance=advance: advance(int(1000 * share), text=text))


def _train_config(arguments: argparse.Namespace) -> TrainConfig:
    """Default < file < flag; a resumed run keeps its own configuration but for its length."""
    from dataclasses import asdict

    from policies.guide.network import EdgeNetworkConfig
    from policies.guide.training import GuideTrainConfig
    from policies.policy import PolicyConfig
    from policies.training.trainer import LENGTHS, TrainConfig, config_from_dict, read_config

    given, shape = _given(arguments, TrainConfig), _given(arguments, PolicyConfig)
    others = {**_given(arguments, GuideTrainConfig), **_given(arguments, EdgeNetworkConfig)}
    _refuse(set(others) - set(given) - set(shape), "a setting of the learned guide; it needs --guide")
    stored = asdict(read_config(arguments.out)) if arguments.resume else None
    if stored is None:
        _fill_in(given, shape)
    return config_from_dict(*_merged(arguments, given, ("policy", shape), LENGTHS, stored))


def _guide_config(arguments: argparse.Namespace) -> GuideTrainConfig:
    """As `_train_config`, of the learned guide."""
    from dataclasses import asdict

    from policies.guide.network import EdgeNetworkConfig
    from policies.guide.training import LENGTHS, GuideTrainConfig, guide_config_from_dict, read_guide_config
    from policies.policy import PolicyConfig
    from policies.training.trainer import TrainConfig

    given, shape = _given(arguments, GuideTrainConfig), _given(arguments, EdgeNetworkConfig)
    others = {**_given(arguments, TrainConfig), **_given(arguments, PolicyConfig)}
    _refuse(set(others) - set(given) - set(shape), "a setting of policies, not of the learned guide")
    stored = asdict(read_guide_config(arguments.out)) if arguments.resume else None
    return guide_config_from_dict(*_merged(arguments, given, ("network", shape), LENGTHS, stored))


def _given(arguments: argparse.Namespace, cls: type[Any]) -> dict[str, Any]:
    """The fields of a configuration that flags set."""
    return {f.name: getattr(arguments, f.name) for f in fields(cls) if hasattr(arguments, f.name)}


def _flag(name: str) -> str:
    return "--from" if name == "start_from" else "--" + name.replace("_", "-")


def _refuse(names: set[str], why: str) -> None:
    if names:
        raise ValueError(f"{_flag(min(names))}: {why}")


def _merged(
    arguments: argparse.Namespace,
    given: dict[str, Any],
    part: tuple[str, dict[str, Any]],
    lengths: set[str],
    stored: dict[str, Any] | None,
) -> tuple[dict[str, Any], str]:
    """The settings of a run and where they are from: of a file or of the run that is resumed, then of flags.

    Args:
        arguments: all that was given.
        given: settings given by flags.
        part: the name of the settings' nested part, and what flags say of that.
        lengths: names of the settings that say how long; one replaces another.
        stored: settings of the run that is resumed.
    """
    import tomllib

    name, shape = part
    raw: dict[str, Any] = {}
    if stored is not None:
        raw = stored
        changed = sorted(k for k, v in {**given, **shape}.items() if k not in lengths and v != {**raw, **raw[name]}[k])
        if arguments.config or changed:
            what = "--config" if arguments.config else _flag(changed[0])
            raise ValueError(f"{what}: a resumed run keeps its own settings; only its length can be changed")
    elif arguments.config:
        try:
            raw = tomllib.loads(Path(arguments.config).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{arguments.config}: not TOML ({error})") from None
    if lengths & set(given):
        raw = {k: v for k, v in raw.items() if k not in lengths}
    return {**raw, **given, name: {**raw.get(name, {}), **shape}}, arguments.config or "settings"


def _fill_in(given: dict[str, Any], shape: dict[str, Any]) -> None:
    """What `--from` and `--data` say of themselves, where no flag says otherwise."""
    from dataclasses import asdict

    from envs.generators import node_count
    from policies.checkpoint import load_policy
    from policies.zoo import shipped_policies
    from tsp.formats import read
    from tsp.problems import get_problem

    if "start_from" in given:
        shipped = {policy.name: str(policy.path) for policy in shipped_policies()}
        given["start_from"] = shipped.get(given["start_from"], given["start_from"])
        policy, info = load_policy(str(given["start_from"]))
        given.setdefault("problem", info.problem)
        for name, value in asdict(policy.config).items():
            shape.setdefault(name, value)
    if "data" in given and "size" not in given:
        problem = given.get("problem", "tsp")
        nodes = max(instance.size for instance in read(given["data"], problem=problem))
        given["size"] = str(nodes - node_count(get_problem(problem), 0))


def _add_generate(command: argparse.ArgumentParser) -> None:
    _add_instances(command, count=1000)
    command.add_argument("--out", required=True, metavar="PATH", help="an .npz set; .tsp or .csv for one instance")
    _add_common(command, computes=False)


def run_generate(arguments: argparse.Namespace) -> int:
    """`tsp generate`."""
    from tsp.formats import INSTANCE_ENDINGS, write_instances

    _output(arguments, "out", INSTANCE_ENDINGS)
    instances, realizations = _generated(arguments, 1000)
    write_instances(arguments.out, instances, realizations, force=arguments.force)
    show(arguments.out)
    return DONE


def _add_plot(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="an instance")
    command.add_argument("--problem", help="what it is of, where the file does not say")
    _add_limits(command)
    command.add_argument("--solution", metavar="FILE", help=".tour, .sol or .json")
    command.add_argument("--walls", metavar="FILE", help="walls to draw (default: NAME.walls.csv beside NAME.csv)")
    command.add_argument("--out", required=True, metavar="PATH", help=".png, .svg or .pdf")
    _add_common(command, computes=False)


def run_plot(arguments: argparse.Namespace) -> int:
    """`tsp plot`."""
    from tsp.formats import read_solution
    from tsp.plotting import plot_tour, save_figure
    from tsp.problems import get_problem
    from tsp.shortcuts import read
    from tsp.solution import check

    _output(arguments, "out", PICTURES)
    instance = _completed(read(arguments.file, problem=arguments.problem, matrix=arguments.matrix), arguments)
    solution = None
    if arguments.solution:
        solution = check(get_problem(instance.problem), instance, read_solution(arguments.solution, instance))
    floor = _floor(arguments, arguments.file)
    save_figure(plot_tour(instance, solution, floor=floor), arguments.out, force=arguments.force)
    show(arguments.out)
    return DONE


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="an instance")
    command.add_argument("solution", metavar="SOLUTION", help=".tour, .sol or .json")
    command.add_argument("--problem", help="by whose rules, where the file does not say")
    _add_limits(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--seed", type=int, default=1234, help=argparse.SUPPRESS)


def run_check(arguments: argparse.Namespace) -> int:
    """`tsp check`."""
    from tsp.formats import read_amounts, read_solution
    from tsp.formats.json_file import solution_entry
    from tsp.problems import get_problem
    from tsp.shortcuts import read
    from tsp.solution import check

    instance = _completed(read(arguments.file, problem=arguments.problem, matrix=arguments.matrix), arguments)
    tours = read_solution(arguments.solution, instance)
    solution = check(
        get_problem(instance.problem),
        instance,
        tours,
        amounts=read_amounts(arguments.solution, instance),
        solver=Path(arguments.solution).name,
    )
    if arguments.json:
        content = {"version": __version__, "solutions": [solution_entry(instance, solution)]}
        show(json.dumps(content, allow_nan=False))
    else:
        show(_describe(instance, solution))
    return DONE if solution.feasible else INFEASIBLE


def _add_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="CHECKPOINT", help="Kool et al.'s epoch-99.pt")
    command.add_argument("--problem", default="tsp", help="what it was trained on (default tsp)")
    command.add_argument("--size", type=_count, default=None, help="number of customers it was trained on")
    command.add_argument("--out", required=True, metavar="PATH", help="the policy file, .safetensors")
    _add_common(command, computes=False)


def run_convert(arguments: argparse.Namespace) -> int:
    """`tsp convert`."""
    from envs.generators import node_count
    from policies.checkpoint import PolicyInfo, save_policy
    from policies.kool import read_kool_checkpoint, trained_size
    from tsp.problems import get_problem

    _output(arguments, "out", (".safetensors",))
    get_problem(arguments.problem)
    policy = read_kool_checkpoint(arguments.file, arguments.problem)
    customers = arguments.size or trained_size(arguments.file)
    size = node_count(get_problem(arguments.problem), customers)
    command = shlex.join(["tsp", "convert", Path(arguments.file).name, "--problem", arguments.problem])
    info = PolicyInfo(arguments.problem, (size, size), "uniform", command, __version__)
    save_policy(arguments.out, policy, info, force=arguments.force)
    show(arguments.out)
    return DONE


def _add_info(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--seed", type=int, default=1234, help=argparse.SUPPRESS)


def run_info(arguments: argparse.Namespace) -> int:
    """`tsp info`."""
    import platform
    from importlib import import_module, metadata

    import torch

    from policies.zoo import shipped_policies
    from tsp.problems import PROBLEMS
    from tsp.solvers.registry import PACKAGES, known_solvers

    def installed(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    names = ("torch", "numpy", "ortools", "gymnasium", "numba", "scipy", "pyvrp", "elkai")
    devices = [f"cpu ({os.cpu_count()} cores)"]
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    content: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed(name) for name in names},
        "folders": {name: str(Path(import_module(name).__file__ or "").parent) for name in PACKAGES},
        "devices": devices,
        "problems": {problem.name: problem.title for problem in PROBLEMS.values()},
        "solvers": sorted(known_solvers()),
        "policies": {p.name: f"{p.problem}, {p.sizes[0]} to {p.sizes[1]} nodes" for p in shipped_policies()},
    }
    if arguments.json:
        show(json.dumps(content, allow_nan=False))
        return DONE
    for key, value in content.items():
        lines = [f"  {name:<12} {text or 'not installed'}" for name, text in _pairs(value)]
        show("\n".join([f"{key}:", *lines]) if lines else f"{key}: {_listed(value)}")
    return DONE


def _pairs(value: object) -> list[tuple[str, str | None]]:
    return list(cast("dict[str, str | None]", value).items()) if isinstance(value, dict) else []


def _listed(value: object) -> str:
    return ", ".join(cast("list[str]", value)) if isinstance(value, list) else str(value or "none")


@contextmanager
def _progress(total: int, unit: str) -> Generator[Callable[..., None]]:
    """A progress bar on a terminal, and none in a pipe: yields what moves it to a position."""
    from tqdm import tqdm

    with tqdm(total=total or None, unit=unit, disable=None, leave=False, file=sys.stderr) as bar:

        def advance(done: int, total: int | None = None, *, text: str = "") -> None:
            if total is not None:
                bar.total = total
            if text:
                bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)

        yield advance


COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int], str, str]] = {
    "solve": (_add_solve, run_solve, "solve instances from files", "tsp solve examples/berlin52.tsp --plot tour.png"),
    "compare": (
        _add_compare,
        run_compare,
        "compare solvers on the same instances",
        "tsp compare --problem tsp --size 50 --instances 100 --solvers policy,ortools --time-limit 1 --plot gap.png",
    ),
    "train": (
        _add_train,
        run_train,
        "train a policy",
        "tsp train --problem tsp --size 20 --minutes 10 --out runs/tsp20",
    ),
    "generate": (
        _add_generate,
        run_generate,
        "generate a set of instances",
        "tsp generate --problem tsp --size 50 --instances 10000 --distribution kool --out tsp50.npz",
    ),
    "plot": (_add_plot, run_plot, "draw an instance or a tour", "tsp plot examples/berlin52.tsp --out points.png"),
    "check": (
        _add_check,
        run_check,
        "check anybody's solution",
        "tsp check examples/berlin52.tsp berlin52.tour",
    ),
    "convert": (
        _add_convert,
        run_convert,
        "convert a checkpoint of Kool et al.",
        "tsp convert tsp_20/epoch-99.pt --problem tsp --out kool-tsp20.safetensors",
    ),
    "info": (_add_info, run_info, "show versions, devices, problems, solvers, policies", "tsp info --json"),
}
"""Each command's options, what it runs, its summary and an example."""
