"""NPZ sets: arrays over N instances of one size. No pickled objects are read or written."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.formats.text import quote, reason
from tsp.instance import EXPLICIT, Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_UNREADABLE = (EOFError, LookupError, MemoryError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)

AXES = {"coordinates": ("(N, n, 2)", "(N, n, 3)"), "matrix": ("(N, n, n)",)}


def read_instances(path: Path) -> list[Instance]:
    """Read a set: `coordinates [N, n, 2]` or `matrix [N, n, n]`, and `problem` and `metric` names.

    Arrays that the problem does not need are ignored.

    Raises:
        ValueError: with the file, the array and what was expected.
    """
    arrays, names = _load(path, (*AXES, "problem", "metric"))
    given = {name: arrays[name] for name in AXES if name in arrays}
    if not given:
        raise ValueError(f"{path}: arrays {quote(', '.join(names))}, expected coordinates or matrix")
    for name, array in given.items():
        square = name == "coordinates" or array.shape[1:2] == array.shape[2:]
        if array.ndim != 3 or not square or array.dtype.kind not in "iuf":
            found = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"{path}: array {name}: {found}, expected numbers {' or '.join(AXES[name])}")
    counts = {len(array) for array in given.values()}
    if counts == {0} or len(counts) > 1:
        found = " and ".join(map(str, sorted(counts)))
        raise ValueError(f"{path}: {found} instances, expected 1 or more in each array")
    problem = _text(path, arrays, "problem", "tsp")
    metric = _text(path, arrays, "metric", "euclidean")
    try:
        get_problem(problem)
        if metric != EXPLICIT and metric not in METRICS:
            raise ValueError(unknown("metric", metric, METRICS))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    instances: list[Instance] = []
    for k in range(counts.pop()):
        try:
            here = {name: array[k] for name, array in given.items()}
            instances.append(Instance(**here, metric=metric, problem=problem, name=f"{path.stem}[{k}]"))
        except ValueError as error:
            raise ValueError(f"{path}: instance {k}: {error}") from None
    return instances


def _load(path: Path, wanted: Sequence[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The wanted arrays, and the names of all that there are."""
    arrays: dict[str, NDArray[Any]] = {}
    where = "the archive"
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an NPZ file, or cut off")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                for name in wanted:
                    if name in archive.files:
                        where = f"array {name}"
                        array = archive[name]
                        if not isinstance(array, np.ndarray):
                            raise ValueError("not a numpy array")
                        arrays[name] = array
                return arrays, list(archive.files)
        except _UNREADABLE as error:
            raise ValueError(f"{path}: {where} is not readable ({reason(error)})") from None


def _text(path: Path, arrays: dict[str, NDArray[Any]], name: str, default: str) -> str:
    array = arrays.get(name, np.array(default))
    if array.ndim or array.dtype.kind != "U":
        raise ValueError(f"{path}: array {name}: {array.dtype} of shape {array.shape}, expected one name")
    return str(array)


def write_instances(path: Path, instances: Sequence[Instance]) -> None:
    """Write instances of one size, problem and metric as a set; node names have no place in it.

    Raises:
        ValueError: where the instances differ, or hold what a set cannot.
    """
    first = instances[0]
    for k, instance in enumerate(instances):
        if instance.fixed_edges is not None:
            raise ValueError(f"{instance.name or f'instance {k}'}: an NPZ set cannot hold its fixed edges")
        if _kind(instance) != _kind(first):
            raise ValueError(
                f"{instance.name or f'instance {k}'}: {_kind(instance)}, expected what the first has, {_kind(first)}: "
                "an NPZ set holds instances of one kind"
            )
    arrays: dict[str, NDArray[Any]] = {"problem": np.array(first.problem), "metric": np.array(first.metric)}
    for name in AXES:
        if getattr(first, name) is not None:
            arrays[name] = np.stack([getattr(instance, name) for instance in instances])
    with path.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _kind(instance: Instance) -> str:
    shapes = [f"{name} {array.shape}" for name in AXES if (array := getattr(instance, name)) is not None]
    return f"{instance.problem}, {instance.metric}, {', '.join(shapes)}"
