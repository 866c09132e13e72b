"""NPZ sets: arrays over N instances of one size. No pickled objects are read or written."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.composition import implied_problem, problem_of
from tsp.files import DAMAGED_ARRAYS, MOST_INSTANCES, require_readable, require_size
from tsp.formats.attributes import require_held
from tsp.formats.text import quote, reason
from tsp.instance import EXPLICIT, HIDDEN, LAWS, LIMITS, NODE_VALUES, Instance, Realization
from tsp.metrics import METRICS
from tsp.problems import GOALS, get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

AXES = {"coordinates": ("(N, n, 2)", "(N, n, 3)"), "matrix": ("(N, n, n)",)}
WHOLE = ("num_tours", "end")
ATTRIBUTE_AXES = {
    **dict.fromkeys(NODE_VALUES, ("(N, n)",)),
    **dict.fromkeys(LAWS, ("(N, n, K)",)),
    "time_windows": ("(N, n, 2)",),
    **dict.fromkeys((*LIMITS, *WHOLE), ("(N,)",)),
}
WORDS = ("problem", "metric", "objective")
"""Names that hold for all instances of a set."""
UNITS = ("unit", "is_clock", "speed", "day")
"""The units of all instances of a set: names, a flag and a number."""
FREE_END = "free_end"
"""Whether tours of all instances of a set have a free end."""
EXPECTED = "expected_prizes"
"""The array of an instance's prizes where they are expectations; then `prizes` are the real ones."""
REALIZED = {name: f"realization_{name}" for name in HIDDEN}
"""Hidden attribute → the array of its real values, unless `prizes` holds them."""


def read_instances(path: Path) -> list[Instance]:
    """Read a set: `coordinates [N, n, 2]` or `matrix [N, n, n]`, and `problem` and `metric` names.

    One instance may be without the axis N: `matrix [n, n]`, perhaps with `names [n]`.

    Attributes are arrays of their names: `prizes, penalties, demands, service_times [N, n]`,
    `time_windows [N, n, 2]`, `max_length, min_prize, capacity, num_tours, end [N]`; the names
    `objective`, `unit` and `day`, `is_clock` and `free_end`, True or False, and the number `speed` hold for all
    instances. A warning names the arrays that nothing reads. Of `expected_prizes [N, n]` and `prizes` the instances
    get the first; see `read_realizations`. Without `problem`, it is the one that the attributes imply.

    Raises:
        ValueError: with the file, the array and what was expected.
    """
    arrays, names = load_arrays(path, (*AXES, *ATTRIBUTE_AXES, EXPECTED, *WORDS, *UNITS, FREE_END, "names"))
    nodes = arrays.pop("names", None)
    problem = _text(path, arrays, "problem", "")
    metric = _text(path, arrays, "metric", "euclidean")
    objective = _text(path, arrays, "objective", "") or None
    of_all: dict[str, Any] = {**_units(path, arrays), FREE_END: _flag(path, arrays, FREE_END)}
    given = {name: array for name, array in arrays.items() if name not in (*WORDS, *UNITS, FREE_END)}
    if not given.keys() & AXES:
        raise ValueError(f"{path}: arrays {quote(', '.join(names))}, expected coordinates or matrix")
    _warn_of_others(path, names)
    single = "matrix" in given and given["matrix"].ndim == 2
    if nodes is not None and (not single or nodes.ndim != 1 or nodes.dtype.kind not in "Uiu"):
        found = f"{nodes.dtype} of shape {nodes.shape}"
        raise ValueError(f"{path}: array names: {found}, expected names (n,) beside a matrix (n, n)")
    if single:
        given = {name: array[None] for name, array in given.items()}
    count = _require_axes(path, given)
    if EXPECTED in given:
        given["prizes"] = given.pop(EXPECTED)
    try:
        get_problem(problem or "tsp")
        if metric != EXPLICIT and metric not in METRICS:
            raise ValueError(unknown("metric", metric, METRICS))
        if objective is not None and objective not in GOALS:
            raise ValueError(unknown("objective", objective, GOALS))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    instances: list[Instance] = []
    for k in range(count):
        try:
            here: dict[str, Any] = {**of_all, **{name: array[k] for name, array in given.items()}}
            here |= {name: int(here[name]) for name in WHOLE if name in here}
            if nodes is not None:
                here["names"] = _names(nodes)
            name = path.stem if single else f"{path.stem}[{k}]"
            instance = Instance(**here, metric=metric, name=name, objective=objective)
            instances.append(replace(instance, problem=problem or implied_problem(instance)))
        except ValueError as error:
            raise ValueError(f"{path}: instance {k}: {error}") from None
    return instances


def read_realizations(path: Path) -> list[Realization] | None:
    """Read the real values that a set hides from solvers; None for a set without them.

    They are its `prizes` beside `expected_prizes`, or arrays such as `realization_service_times [N, n]`.

    Raises:
        ValueError: with the file, the array and what was expected.
    """
    arrays, _ = load_arrays(path, (EXPECTED, "prizes", *AXES, *REALIZED.values()))
    real = {name: array for name, array in REALIZED.items() if array in arrays}
    if EXPECTED in arrays and "prizes" in arrays:
        real["prizes"] = "prizes"
    if not real:
        return None
    _require_axes(path, arrays)
    like = next(name for name in (EXPECTED, *AXES, *arrays) if name in arrays)
    nodes = arrays[like].shape[:2]
    found: dict[str, NDArray[np.float64]] = {}
    for name, array in real.items():
        values = arrays[array].astype(np.float64)
        if values.shape != nodes:
            raise ValueError(f"{path}: array {array}: shape {values.shape}, expected {nodes} ({like})")
        wrong = np.argwhere(~((values >= 0) & ((values < np.inf) | (name == "waits"))))
        if wrong.size:
            k, node = wrong[0].tolist()
            raise ValueError(f"{path}: array {array}: {values[k, node]:g} at [{k}, {node}], expected 0 or more")
        found[name] = values
    count = nodes[0]
    return [Realization(**{name: values[k] for name, values in found.items()}) for k in range(count)]


def _require_axes(path: Path, given: dict[str, NDArray[Any]]) -> int:
    """The number of instances in the arrays; each array must have the axes of its name."""
    for name, array in given.items():
        axes = AXES.get(name) or ATTRIBUTE_AXES.get(name, ("(N, n)",))
        square = name != "matrix" or array.shape[1:2] == array.shape[2:]
        if array.ndim != len(axes[0].strip("(,)").split(",")) or not square or array.dtype.kind not in "iuf":
            found = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"{path}: array {name}: {found}, expected numbers {' or '.join(axes)}")
        if name in WHOLE and (array != np.floor(array)).any():
            raise ValueError(f"{path}: array {name}: {array[array != np.floor(array)][0]:g}, expected whole numbers")
    counts = {len(array) for array in given.values()}
    if counts == {0} or len(counts) > 1:
        found = " and ".join(map(str, sorted(counts)))
        raise ValueError(f"{path}: {found} instances, expected 1 or more in each array")
    count = counts.pop()
    if count > MOST_INSTANCES:
        raise ValueError(f"{path}: {count} instances, expected at most {MOST_INSTANCES} in a file")
    return count


def load_arrays(path: Path, wanted: Sequence[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays named in `wanted`, and the names of all arrays of the file."""
    arrays: dict[str, NDArray[Any]] = {}
    where = "the archive"
    with require_readable(path).open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an NPZ file, or cut off")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                require_size(path, sum(member.file_size for member in archive.zip.infolist()))
                for name in wanted:
                    if name in archive.files:
                        where = f"array {name}"
                        array = archive[name]
                        if not isinstance(array, np.ndarray):
                            raise ValueError("not a numpy array")
                        arrays[name] = cast("NDArray[Any]", array)
                        _require_unicode(arrays[name])
                return arrays, list(archive.files)
        except DAMAGED_ARRAYS as error:
            if str(error).startswith(f"{path}: "):
                raise
            raise ValueError(f"{path}: {where} is not readable ({reason(error)})") from None


def _require_unicode(array: NDArray[Any]) -> None:
    """Refuse texts with numbers of characters that do not exist, of which numpy makes broken strings."""
    if array.dtype.kind == "U":
        numbers = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if ((numbers >= 0x110000) | ((numbers >= 0xD800) & (numbers < 0xE000))).any():
            raise ValueError("a text that is not Unicode")


def _text(path: Path, arrays: dict[str, NDArray[Any]], name: str, default: str) -> str:
    array = arrays.get(name, np.array(default))
    if array.ndim or array.dtype.kind != "U":
        raise ValueError(f"{path}: array {name}: {array.dtype} of shape {array.shape}, expected one name")
    return str(array)


def _names(nodes: NDArray[Any]) -> tuple[str, ...]:
    names = tuple(map(str, nodes.tolist()))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"array names: {quote(twice)} is given twice, expected a different name for each node")
    return names


def _units(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The units of the instances, as attributes of `Instance`."""
    speed = arrays.get("speed")
    if speed is not None and (speed.ndim or speed.dtype.kind not in "iuf"):
        raise ValueError(f"{path}: array speed: {speed.dtype} of shape {speed.shape}, expected one number")
    return {
        "unit": _text(path, arrays, "unit", "") or None,
        "is_clock": _flag(path, arrays, "is_clock"),
        "speed": None if speed is None else float(speed),
        "day": _text(path, arrays, "day", "") or None,
    }


def _flag(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> bool:
    array = arrays.get(name, np.array(False))
    if array.ndim or array.dtype.kind != "b":
        raise ValueError(f"{path}: array {name}: {array.dtype} of shape {array.shape}, expected True or False")
    return bool(array)


def _warn_of_others(path: Path, names: Sequence[str]) -> None:
    """Name the arrays that nothing reads."""
    known = (*AXES, *ATTRIBUTE_AXES, EXPECTED, *REALIZED.values(), *WORDS, *UNITS, FREE_END, "names")
    others = [name for name in names if name not in known]
    if others:
        warnings.warn(f"{path}: nothing reads array {', '.join(map(quote, others))}", stacklevel=3)


def write_instances(path: Path, instances: Sequence[Instance], realizations: Sequence[Realization] | None) -> None:
    """Write instances of one size, problem, metric and objective as a set; it cannot hold node names.

    Args:
        path: the file.
        instances: the instances to write.
        realizations: the hidden values of each instance; with hidden prizes, both `expected_prizes` and `prizes` are
            written.

    Raises:
        ValueError: for instances of different kinds, or with attributes that a set cannot hold.
    """
    first = instances[0]
    for k, instance in enumerate(instances):
        require_held(instance, (*ATTRIBUTE_AXES, "objective", *UNITS, FREE_END), "an NPZ set")
        if _kind(instance) != _kind(first):
            raise ValueError(
                f"{instance.name or f'instance {k}'}: {_kind(instance)}, "
                f"expected the same as the first, {_kind(first)}: an NPZ set holds instances of one kind"
            )
    arrays: dict[str, NDArray[Any]] = {"problem": np.array(first.problem), "metric": np.array(first.metric)}
    if first.objective is not None:
        arrays["objective"] = np.array(first.objective)
    arrays |= {name: np.array(value) for name in (*UNITS, FREE_END) if (value := getattr(first, name))}
    for name in (*AXES, *ATTRIBUTE_AXES):
        if getattr(first, name) is not None:
            arrays[name] = np.stack([getattr(instance, name) for instance in instances])
    real = [] if realizations is None else [name for name in HIDDEN if getattr(realizations[0], name) is not None]
    expects = "prizes" in arrays and ("prizes" in real or problem_of(first).expects_prizes)
    if expects:
        arrays[EXPECTED] = arrays.pop("prizes")
    for name in real:
        hidden = [realization.values(name, first.size) for realization in realizations or ()]
        arrays[name if expects and name == "prizes" else REALIZED[name]] = np.stack(hidden)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _kind(instance: Instance) -> str:
    """The problem, metric, objective, shapes and attributes, which all instances of a set share."""
    shapes = [f"{name} {array.shape}" for name in AXES if (array := getattr(instance, name)) is not None]
    given = [name for name in ATTRIBUTE_AXES if getattr(instance, name) is not None]
    words = [word for word in (instance.problem, instance.metric, instance.objective) if word is not None]
    units = [f"{name} {value}" for name in (*UNITS, FREE_END) if (value := getattr(instance, name))]
    return ", ".join((*words, *units, *shapes, *given))
