"""Make `tsp/best_known.json` from a folder of the literature's instances with lists of their best known values.

    python benchmarks/make_best_known.py ../shared/data

Values of team orienteering that are not proved are left out: those lists are lower bounds, found in
seconds. OPLib adds the depot's score to that of every tour; here it is subtracted.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tsp.best_known import DIGITS, TABLE
from tsp.files import write_text
from tsp.formats import read
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.instance import Instance

FILES = {"tsplib": "{name}.tsp", "national": "{name}.tsp", "atsp": "{name}.atsp"}
WINDOWS = {"tsptw": "best_travel_time", "tsptw-makespan": "best_makespan"}

Listed = tuple[str, "Instance", str]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _instance(path: Path) -> Instance:
    (instance,) = read(path)
    return instance


def _listed(folder: Path) -> Iterator[Listed]:
    """Problem, instance and best known value, of every list."""
    for part, pattern in FILES.items():
        for row in _rows(folder / part / "optima.csv"):
            instance = _instance(folder / part / pattern.format_map(row))
            yield instance.problem, instance, row["optimum"]
    for part in (folder / "cvrplib", folder / "cvrplib" / "xml100"):
        for row in _rows(part / "bks.csv"):
            yield "cvrp", _instance(part / f"{row['name']}.vrp"), row["best_known"]
    for part in ("op/tsiligirides", "op/chao", "optw"):
        for row in _rows(folder / part / "best_known.csv"):
            instance = _instance(folder / part / row["name"])
            yield instance.problem, instance, row["best_known_score"]
    for row in _rows(folder / "op" / "oplib" / "best_known.csv"):
        instance = _instance(folder / "op" / "oplib" / row["set"] / f"{row['name']}.oplib")
        assert instance.prizes is not None
        yield "op", instance, str(float(row["best_known_score"]) - instance.prizes[instance.depot])
    for row in _rows(folder / "top" / "best_found.csv"):
        if row["proved"] == "true":
            yield "top", _instance(folder / "top" / row["name"]), row["best_found_score"]
    for row in _rows(folder / "tsptw" / "best_known.csv"):
        instance = _instance(folder / "tsptw" / row["set"] / row["name"])
        yield from ((problem, instance, row[column]) for problem, column in WINDOWS.items() if row[column])
    for row in _rows(folder / "pctsp" / "best_known.csv"):
        instance = _instance(folder / "pctsp" / row["name"])
        yield "pctsp", replace(instance, min_prize=float(row["min_prize"])), row["best_known_cost"]


def make_tables(folder: Path) -> dict[str, dict[str, float]]:
    """Each problem's best known values by fingerprint; of the same content under two names, the better one's."""
    tables: dict[str, dict[str, float]] = {}
    for problem, instance, text in _listed(folder):
        table = tables.setdefault(problem, {})
        value = int(float(text)) if float(text).is_integer() else float(text)
        assert instance.depot == 0
        key = instance.fingerprint[:DIGITS]
        if key not in table or get_problem(problem).is_better(value, table[key]):
            table[key] = value
    return tables


def main() -> None:
    """Write the tables."""
    tables = make_tables(Path(sys.argv[1]))
    content = {problem: dict(sorted(table.items())) for problem, table in tables.items()}
    write_text(TABLE, json.dumps(content, indent=0) + "\n", force=True)
    print(f"{TABLE}: {', '.join(f'{len(table)} of {problem}' for problem, table in tables.items())}")


if __name__ == "__main__":
    main()
