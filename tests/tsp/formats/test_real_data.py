"""Every file of the sets of the literature is read, and every listed tour is feasible with the listed objective.

The fast suite tests some files of each set, `pytest -m slow` all of them.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tsp.formats import read, read_solution
from tsp.problems import PROBLEMS
from tsp.solution import check

pytestmark = pytest.mark.data


class Listed(NamedTuple):
    """A listed tour and its listed objective."""

    path: Path
    problem: str
    tours: list[list[int]] | Path
    value: float
    decimals: int = 9
    min_prize: float | None = None
    with_depot: bool = False  # OPLib adds the depot's score, which every tour has


def table(path, key="name"):
    with path.open(newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def tours_of(row, name="tour"):
    return [[int(node) for node in tour.split()] for tour in row[name].split("|") if tour.strip()]


def orienteering(folder):
    for part in ("tsiligirides", "chao"):
        tours = table(folder / "op" / part / "best_tours.csv")
        for name, row in table(folder / "op" / part / "best_known.csv").items():
            yield Listed(folder / "op" / part / name, "op", tours_of(tours[name]), float(row["best_known_score"]))


def oplib(folder):
    for name, row in table(folder / "op" / "oplib" / "best_known.csv").items():
        path = folder / "op" / "oplib" / row["set"] / f"{name}.oplib"
        yield Listed(path, "op", path.with_suffix(".sol"), float(row["best_known_score"]), with_depot=True)


def team_orienteering(folder):
    tours = table(folder / "top" / "best_tours.csv")
    for name, row in table(folder / "top" / "best_found.csv").items():
        yield Listed(folder / "top" / name, "top", tours_of(tours[name], "tours"), float(row["best_found_score"]))


def orienteering_with_windows(folder):
    tours = table(folder / "optw" / "best_tours.csv")
    for name, row in table(folder / "optw" / "best_known.csv").items():
        tour = [nodes[:-1] for nodes in tours_of(tours[name])]  # the listed tours return to the depot
        yield Listed(folder / "optw" / name, "optw", tour, float(row["score_of_tour"]))


def windows(folder):
    known = table(folder / "tsptw" / "best_known.csv")
    columns = {"travel_time": ("tsptw", "best_travel_time"), "makespan": ("tsptw-makespan", "best_makespan")}
    with (folder / "tsptw" / "best_tours.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            problem, column = columns[row["objective"]]
            listed = known[row["name"]]
            tour = [[0, *nodes] for nodes in tours_of(row)]
            path = folder / "tsptw" / listed["set"] / row["name"]
            yield Listed(path, problem, tour, float(listed[column]), 4)


def prize_collecting(folder):
    with (folder / "pctsp" / "best_tours.csv").open(newline="") as file:
        tours = {(row["name"], row["min_prize_percent"]): tours_of(row) for row in csv.DictReader(file)}
    with (folder / "pctsp" / "best_known.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            tour = tours[row["name"], row["min_prize_percent"]]
            cost, quota = float(row["best_known_cost"]), float(row["min_prize"])
            yield Listed(folder / "pctsp" / row["name"], "pctsp", tour, cost, min_prize=quota)


def capacitated(folder):
    for part in (folder / "cvrplib", folder / "cvrplib" / "xml100"):
        for name, row in table(part / "bks.csv").items():
            yield Listed(part / f"{name}.vrp", "cvrp", part / f"{name}.sol", float(row["best_known"]))


SETS = {
    function.__name__: (function, count, step)
    for function, count, step in (
        (orienteering, 89, 9),
        (oplib, 127, 20),
        (team_orienteering, 387, 25),
        (orienteering_with_windows, 76, 12),
        (windows, 800, 80),
        (prize_collecting, 57, 10),
        (capacitated, 178, 15),
    )
}


def require_as_listed(listed):
    # the file implies the problem, except which of two objectives time windows have
    (instance,) = read(listed.path, problem=listed.problem if listed.problem.endswith("makespan") else None)
    assert instance.problem == listed.problem
    assert instance.name == listed.path.stem
    if listed.min_prize is not None:
        instance = replace(instance, min_prize=listed.min_prize)
    problem = PROBLEMS[listed.problem]
    problem.validate(instance)
    tours = read_solution(listed.tours, instance) if isinstance(listed.tours, Path) else listed.tours
    solution = check(problem, instance, tours)
    assert (solution.violations, listed.path.name) == ((), listed.path.name)
    offset = instance.prizes[instance.depot] if listed.with_depot else 0
    assert (round(solution.objective + offset, listed.decimals), listed.path.name) == (listed.value, listed.path.name)


@pytest.mark.parametrize("name", SETS)
def test_some_tours_of_each_set_have_the_listed_objective(data_folder, name):
    function, count, step = SETS[name]
    everything = list(function(data_folder))
    assert len(everything) == count
    for listed in everything[::step]:
        require_as_listed(listed)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_tour_of_each_set_has_the_listed_objective(data_folder, name):
    for listed in SETS[name][0](data_folder):
        require_as_listed(listed)
