"""`tsp info`: what a report of a bug needs: versions, folders, devices, settings, problems, solvers and policies."""

from __future__ import annotations

import argparse
import os
import re

from tsp import __toolkit__, __version__
from tsp.cli.command import DONE, Command
from tsp.cli.console import show, show_json
from tsp.cli.options import seed

Entry = str | list[str] | dict[str, str] | dict[str, str | None]

VARIABLES = re.compile(
    r"(OMP|MKL|OPENBLAS|NUMEXPR)_NUM_THREADS|NUMBA_\w+|CUDA_VISIBLE_DEVICES|PYTHON\w+|NO_COLOR|TSP_\w+|MPLBACKEND"
)
"""Names of variables that change what the toolkit computes or shows."""

ALWAYS = ("torch", "numpy", "ortools", "numba", "scipy")
"""Packages that are listed where the toolkit is not installed."""

DEVELOPMENT = ("dev", "docs", "fuzz")
"""Extras of which nothing runs for users."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp info`."""
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--seed", type=seed, default=1234, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Print versions, devices, problems, solvers and policies."""
    import platform

    from policies.zoo import shipped_policies
    from tsp.machine import installed_version
    from tsp.problems import PROBLEMS
    from tsp.solvers.registry import PACKAGES, known_solvers

    content: dict[str, Entry] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed_version(name) for name in _libraries()},
        "folders": {name: _folder(name) for name in PACKAGES},
        "devices": _devices(),
        "variables": {name: value for name, value in sorted(os.environ.items()) if VARIABLES.fullmatch(name)},
        "problems": {problem.name: problem.title for problem in PROBLEMS.values()},
        "solvers": sorted(known_solvers()),
        "policies": {p.name: f"{p.problem}, {p.sizes[0]} to {p.sizes[1]} nodes" for p in shipped_policies()},
    }
    if arguments.json:
        show_json(content)
    else:
        for key, value in content.items():
            show(_describe_entry(key, value))
    return DONE


def _libraries() -> list[str]:
    """The packages that the toolkit needs, then those of its extras, as its own metadata list them."""
    from importlib import metadata

    try:
        stated = metadata.requires(__toolkit__) or []
    except metadata.PackageNotFoundError:  # from a checkout alone
        stated = list(ALWAYS)
    unused = tuple(f'extra == "{name}"' for name in DEVELOPMENT)
    wanted = [text for text in stated if not text.replace("'", '"').endswith(unused)]
    wanted.sort(key=lambda text: ("extra ==" in text, text.lower()))
    return list(dict.fromkeys(re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in wanted))


def _folder(package: str) -> str:
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(package)
    return "" if spec is None or spec.origin is None else str(Path(spec.origin).parent)


def _devices() -> list[str]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cuda = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return [f"cpu ({cores} of {os.cpu_count()} cores)", *cuda]


def _describe_entry(key: str, entry: Entry) -> str:
    """An entry as text: a line for each item of a table, else one line."""
    if isinstance(entry, dict) and entry:
        return "\n".join([f"{key}:", *(f"  {name:<20} {text or 'not installed'}" for name, text in entry.items())])
    return f"{key}: {', '.join(entry) if isinstance(entry, list) else entry or 'none'}"


COMMAND = Command(
    "show versions, devices, problems, solvers, policies, for reports of bugs",
    "tsp info --json",
    add_options=add_options,
    run=run,
)
