"""`tsp info`: show versions, devices, problems, solvers and policies."""

from __future__ import annotations

import argparse
import os

from tsp import __version__
from tsp.cli.command import DONE, Command
from tsp.cli.console import show, show_json
from tsp.cli.options import seed

Entry = str | list[str] | dict[str, str] | dict[str, str | None]

LIBRARIES = ("torch", "numpy", "ortools", "gymnasium", "numba", "scipy", "pyvrp", "elkai", "ray")


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp info`."""
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--seed", type=seed, default=1234, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Print versions, devices, problems, solvers and policies."""
    import platform

    from policies.zoo import shipped_policies
    from tsp.problems import PROBLEMS
    from tsp.solvers.registry import PACKAGES, known_solvers

    content: dict[str, Entry] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _installed_version(name) for name in LIBRARIES},
        "folders": {name: _folder(name) for name in PACKAGES},
        "devices": _devices(),
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


def _installed_version(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _folder(package: str) -> str:
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(package)
    return "" if spec is None or spec.origin is None else str(Path(spec.origin).parent)


def _devices() -> list[str]:
    import torch

    cuda = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return [f"cpu ({os.cpu_count()} cores)", *cuda]


def _describe_entry(key: str, entry: Entry) -> str:
    """An entry as text: a line for each item of a table, else one line."""
    if isinstance(entry, dict) and entry:
        return "\n".join([f"{key}:", *(f"  {name:<12} {text or 'not installed'}" for name, text in entry.items())])
    return f"{key}: {', '.join(entry) if isinstance(entry, list) else entry or 'none'}"


COMMAND = Command(
    "show versions, devices, problems, solvers, policies", "tsp info --json", add_options=add_options, run=run
)
