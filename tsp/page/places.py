"""The instance that a request describes: points drawn by hand, drawn from a distribution, or read from a file."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.best_known import recognize
from tsp.composition import implied_problem, problem_of, validated_problem
from tsp.formats import WALLS, read, read_realizations
from tsp.instance import LIMITS, Instance, Realization
from tsp.page.limits import MOST_BYTES, MOST_MATRIX_NODES, MOST_NODES
from tsp.plotting import Floor
from tsp.problems import get_problem
from tsp.validation import items, real_number, text
from tsp.walls import Walls

if TYPE_CHECKING:
    from tsp.page.fields import Fields

MOST_NUMBER = 1e100


@dataclass(frozen=True, eq=False)
class Place:
    """An instance with what the page knows beside it.

    Attributes:
        instance: what solvers get.
        realization: the hidden values of the day, where there are some.
        floor: walls between the nodes, and the ways around them.
        command: the words of the command line that make or name its file.
        file: the name of that file.
    """

    instance: Instance
    realization: Realization | None
    floor: Floor | None
    command: tuple[str, ...]
    file: str


def make_place(fields: Fields) -> Place:
    """The place that a request describes.

    Raises:
        ValueError: in one sentence, naming the field, or the line of a file, and what was expected.
    """
    problem = fields.take("problem")
    problem = None if problem is None else get_problem(text(problem, "problem")).name
    source = fields.fields("source")
    kind = source.text("kind")
    makers = {"points": _drawn, "generated": _generated, "file": _read_file}
    if kind not in makers:
        raise ValueError(f"source.kind: {kind!r}, expected one of {', '.join(makers)}")
    place = makers[kind](source, problem)
    source.finish()
    limits = fields.fields("limits", {})
    instance = _with_limits(place.instance, limits, problem)
    limits.finish()
    _require_size(instance)
    validated_problem(instance)
    return replace(place, instance=instance)


def _require_size(instance: Instance) -> None:
    most = MOST_NODES if instance.matrix is None else MOST_MATRIX_NODES
    if instance.size > most:
        what = "" if instance.matrix is None else " with a matrix of distances"
        raise ValueError(f"{instance.size} nodes{what}, expected at most {most} on this page; `tsp solve` takes more")


def _with_limits(instance: Instance, limits: Fields, problem: str | None) -> Instance:
    changes: dict[str, Any] = {}
    for name in LIMITS:
        value = limits.take(name)
        if value is not None:
            expected = "a number of 0 or more"
            changes[name] = real_number(value, f"limits.{name}", least=0.0, most=MOST_NUMBER, expected=expected)
    tours = limits.take("num_tours")
    if tours is not None:
        changes["num_tours"] = tours
    if not changes:
        return instance
    changed = replace(instance, **changes)
    named = problem is not None or instance.problem != implied_problem(instance)
    return recognize(changed if named else replace(changed, problem=implied_problem(changed)))


def _drawn(source: Fields, problem: str | None) -> Place:
    """Points of the unit square; what the problem needs besides is drawn by a seed, as generated instances have it."""
    import torch

    from envs.generators import as_batch, draw_attributes, to_instances

    points = source.list("points", most=MOST_NODES)
    seed = source.whole("seed", 1, least=0, most=2**32 - 1)
    chosen = get_problem(problem or "tsp")
    least = 3 if chosen.shape.has_depot else 2
    if len(points) < least:
        raise ValueError(f"source.points: {len(points)} points, expected at least {least} for {chosen.name}")
    for i, point in enumerate(points):
        pair = items(point, f"source.points[{i}]", "a pair of numbers, x and y")
        if len(pair) != 2:
            raise ValueError(f"source.points[{i}]: {len(pair)} numbers, expected a pair, x and y")
        for value in pair:
            real_number(value, f"source.points[{i}]", least=0.0, most=1.0, expected="numbers from 0 to 1")
    generator = torch.Generator().manual_seed(seed)
    values = {"coordinates": torch.tensor([points], dtype=torch.float32)}
    if "matrix" in chosen.needs and len(points) > MOST_MATRIX_NODES:
        raise ValueError(f"{len(points)} nodes: {chosen.name} has a matrix, expected at most {MOST_MATRIX_NODES} nodes")
    values = draw_attributes(chosen, values, "", generator)
    (instance,), realizations = to_instances(chosen.name, as_batch(chosen, values), "drawn")
    exact = np.array(points, dtype=np.float64)
    instance = replace(instance, name="drawn", coordinates=exact)
    return Place(instance, None if realizations is None else realizations[0], None, (), "drawn.csv")


def _generated(source: Fields, problem: str | None) -> Place:
    from envs.generators import generate_set, node_count, split_distribution
    from envs.halls import HallConfig, layout

    chosen = get_problem(problem or "tsp")
    distribution = source.text("distribution", "uniform", most=40)
    size = source.whole("size", 50, least=2, most=MOST_NODES)
    seed = source.whole("seed", 1, least=0, most=2**32 - 1)
    place, variant = split_distribution(distribution)
    has_matrix = place == "hall" or "matrix" in chosen.needs
    if has_matrix and size >= MOST_MATRIX_NODES:
        raise ValueError(f"source.size: {size}, expected fewer than {MOST_MATRIX_NODES}, since it needs a matrix")
    floor = None
    if place == "hall":
        number = int(variant) if variant.isdecimal() and len(variant) < 10 else seed % 10**9
        distribution = f"hall-{number}"
        floor = layout(number, HallConfig.for_size(node_count(chosen, size) - 1)).floor()
    instances, realizations = generate_set(chosen.name, distribution, size, 1, seed)
    file = f"{distribution}.npz"
    command = ("tsp", "generate", "--problem", chosen.name, "--distribution", distribution, "--size", str(size))
    command += ("--instances", "1", "--seed", str(seed), "--out", file)
    instance = replace(instances[0], name=f"{distribution}, {size}")
    return Place(instance, None if realizations is None else realizations[0], floor, command, file)


def _read_file(source: Fields, problem: str | None) -> Place:
    name = Path(source.text("name", most=200).replace("\\", "/")).name
    content, walls = _decoded(source, "content"), _decoded(source, "walls", "")
    position = source.whole("position", 0, least=0, most=10**9)
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[-100:] or "file"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, safe)
        path.write_bytes(content)
        if walls:
            path.with_suffix(WALLS).write_bytes(walls)
        try:
            instances = read(path, problem=problem)
            hidden = read_realizations(path) if any(problem_of(one).reveals for one in instances) else None
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name).replace(f"{folder}/", "")) from None
    if not position < len(instances):
        raise ValueError(f"source.position: {position}, expected a position in the file of {len(instances)}")
    instance, real = instances[position], None if hidden is None else hidden[position]
    if walls and instance.walls is None:
        raise ValueError(f"{name}: walls beside it, expected CSV")
    floor = None if instance.walls is None else Floor(instance.walls, Walls(instance.walls).route)
    return Place(instance, real, floor, (), name)


def _decoded(source: Fields, field: str, default: str | None = None) -> bytes:
    """The content of a file in base64."""
    try:
        return base64.b64decode(source.text(field, default, most=MOST_BYTES), validate=True)
    except binascii.Error:
        raise ValueError(f"source.{field}: expected the file in base64") from None
