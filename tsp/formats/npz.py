"""NPZ sets: arrays over N instances of one size. No pickled objects are read or written."""

from __future__ import annotations

import shutil
import struct
import tempfile
import warnings
import zipfile
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.composition import implied_problem, problem_of
from tsp.files import DAMAGED_ARRAYS, MOST_INSTANCES, require_readable, require_size
from tsp.formats.attributes import require_held
from tsp.formats.text import quote, reason
from tsp.instance import ENDLESS, EXPLICIT, HIDDEN, LAWS, LIMITS, NODE_VALUES, Instance, Realization
from tsp.laws import draw_day
from tsp.metrics import METRICS
from tsp.problems import GOALS, get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.lib.npyio import NpzFile
    from numpy.typing import NDArray

CHUNK = 2**20
"""Bytes that are read at once."""

AXES = {"coordinates": ("(N, n, 2)", "(N, n, 3)"), "matrix": ("(N, n, n)",)}
WHOLE = ("num_tours", "end")
ATTRIBUTE_AXES = {
    **dict.fromkeys(NODE_VALUES, ("(N, n)",)),
    **dict.fromkeys(LAWS, ("(N, n, K)",)),
    "time_windows": ("(N, n, 2)",),
    **dict.fromkeys((*LIMITS, *WHOLE), ("(N,)",)),
    "walls": ("(N, w, 2, 2)",),
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
TRUE_LAWS = {name: f"true_{name}" for name in LAWS}
"""Law → the array of the true one, from which real days are drawn."""
ARRAYS = (
    *(*AXES, *ATTRIBUTE_AXES, EXPECTED, *REALIZED.values(), *TRUE_LAWS.values()),
    *(*WORDS, *UNITS, FREE_END, "names"),
)
"""All arrays that are read."""


class NpzSet:
    """The instances of a set, which are made when they are asked for.

    Attributes:
        path: the file.
        words: `problem` (empty: the one that an instance's attributes imply), `metric` and `objective`.
        of_all: further attributes that all instances share.
        arrays: attribute → its array over the instances.
        realized: hidden attribute → its real values `[N, n]`; empty for a set that hides nothing.
        true_laws: law → the true one `[N, n, K]`, where a set has it.
        nodes: names of the nodes of the one instance, or None.
        is_single: whether the file holds one instance, without the axis N.
        first: position in the file of the first instance.
        count: number of instances.
    """

    def __init__(self, path: Path, arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> None:
        arrays = dict(arrays)
        self.path, self.first = path, 0
        self.nodes = arrays.pop("names", None)
        self.words: dict[str, Any] = {
            "problem": _text(path, arrays, "problem", ""),
            "metric": _text(path, arrays, "metric", "euclidean"),
            "objective": _text(path, arrays, "objective", "") or None,
        }
        self.of_all: dict[str, Any] = {**_units(path, arrays), FREE_END: _flag(path, arrays, FREE_END)}
        others = (*WORDS, *UNITS, FREE_END, *REALIZED.values(), *TRUE_LAWS.values())
        given = {name: array for name, array in arrays.items() if name not in others}
        if not given.keys() & AXES:
            raise ValueError(f"{path}: arrays {quote(', '.join(names))}, expected coordinates or matrix")
        _warn_of_others(path, names)
        self.is_single = "matrix" in given and given["matrix"].ndim == 2
        nodes = self.nodes
        if nodes is not None and (not self.is_single or nodes.ndim != 1 or nodes.dtype.kind not in "Uiu"):
            found = f"{nodes.dtype} of shape {nodes.shape}"
            raise ValueError(f"{path}: array names: {found}, expected names (n,) beside a matrix (n, n)")
        if self.is_single:
            given = {name: array[None] for name, array in given.items()}
        self.count = _require_axes(path, given)
        self.realized = _realized(path, arrays)
        self.true_laws = _true_laws(path, arrays)
        if EXPECTED in given:
            given["prizes"] = given.pop(EXPECTED)
        self.arrays = given
        self._require_words()

    def _require_words(self) -> None:
        problem, metric, objective = self.words["problem"], self.words["metric"], self.words["objective"]
        try:
            get_problem(problem or "tsp")
            if metric != EXPLICIT and metric not in METRICS:
                raise ValueError(unknown("metric", metric, METRICS))
            if objective is not None and objective not in GOALS:
                raise ValueError(unknown("objective", objective, GOALS))
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None

    def instance(self, k: int) -> Instance:
        """The instance at a position of this set.

        Raises:
            ValueError: with the file, the instance's position in the file and what was expected.
        """
        try:
            here: dict[str, Any] = {**self.of_all, **{name: array[k] for name, array in self.arrays.items()}}
            here |= {name: int(here[name]) for name in WHOLE if name in here}
            if "walls" in here:  # sets have as many rows for each instance: others are NaN
                here["walls"] = here["walls"][~np.isnan(here["walls"]).all(axis=(1, 2))]
            if self.nodes is not None:
                here["names"] = _names(self.nodes)
            words: dict[str, Any] = {**self.words, "problem": "tsp"}
            instance = Instance(**here, **words, name=self.name(k))
            return replace(instance, problem=self.words["problem"] or implied_problem(instance))
        except ValueError as error:
            raise ValueError(f"{self.path}: instance {self.first + k}: {error}") from None

    def name(self, k: int) -> str:
        """The name of the instance at a position of this set."""
        return self.path.stem if self.is_single else f"{self.path.stem}[{self.first + k}]"

    def realization(self, k: int) -> Realization | None:
        """The values that the instance at a position of this set hides from solvers; None where there are none.

        Where a set has true laws and no real values, they are drawn by the instance's position in the file as the seed.

        Raises:
            ValueError: with the file, the array, the number and what was expected.
        """
        if not (self.realized or self.true_laws):
            return None
        try:
            laws = Realization(true_laws={name: array[k] for name, array in self.true_laws.items()})
        except ValueError as error:
            raise ValueError(f"{self.path}: instance {self.first + k}: {error}") from None
        if not self.realized:
            return draw_day(laws, self.first + k)
        here: dict[str, NDArray[np.float64]] = {}
        for name, array in self.realized.items():
            values = here[name] = array[k].astype(np.float64)
            wrong = np.flatnonzero(~((values >= 0) & ((values < np.inf) | (name in ENDLESS))))
            if wrong.size:
                at, array_name = wrong[0], _array_of(name, expects="prizes" in self.realized)
                raise ValueError(
                    f"{self.path}: array {array_name}: {values[at]:g} at [{self.first + k}, {at}], expected 0 or more"
                )
        return Realization(**here, true_laws=laws.true_laws)

    def part(self, first: int, past: int) -> NpzSet:
        """The instances from one position to before another, with arrays of their own."""
        out = copy(self)
        out.first, out.count = self.first + first, past - first
        out.arrays = {name: np.array(array[first:past]) for name, array in self.arrays.items()}
        out.realized = {name: np.array(array[first:past]) for name, array in self.realized.items()}
        out.true_laws = {name: np.array(array[first:past]) for name, array in self.true_laws.items()}
        return out


def read_set(path: Path, *, mapped: bool = False) -> NpzSet:
    """Read a set: `coordinates [N, n, 2]` or `matrix [N, n, n]`, and `problem` and `metric` names.

    One instance may be without the axis N: `matrix [n, n]`, perhaps with `names [n]`.

    Attributes are arrays of their names: `prizes, penalties, demands, service_times [N, n]`,
    `time_windows [N, n, 2]`, `max_length, min_prize, capacity, late_price, num_tours, end [N]`, `walls [N, w, 2, 2]`
    (rows of NaN are none); the names
    `objective`, `unit` and `day`, `is_clock` and `free_end`, True or False, and the number `speed` hold for all
    instances. A warning names the arrays that nothing reads. Of `expected_prizes [N, n]` and `prizes` the instances
    get the first, and the second are hidden, as are arrays such as `realization_service_times [N, n]`, and
    `true_law_service_times [N, n, K]`, from which real days are drawn. Without `problem`, it is the one that the
    attributes imply.

    Args:
        path: the file.
        mapped: whether the arrays stay on disk until their instances are made.

    Raises:
        ValueError: with the file, the array and what was expected.
    """
    return NpzSet(path, *load_arrays(path, ARRAYS, mapped=mapped))


def read_instances(path: Path) -> list[Instance]:
    """Read all instances of a set; see `read_set`."""
    found = read_set(path)
    return [found.instance(k) for k in range(found.count)]


def read_realizations(path: Path) -> list[Realization] | None:
    """Read the real values that a set hides from solvers; None for a set without them; see `read_set`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are given where the instances are read
        found = read_set(path)
    realizations = [one for k in range(found.count) if (one := found.realization(k)) is not None]
    return realizations or None


def _realized(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of real values by hidden attribute: those of their names, or `prizes` beside `expected_prizes`."""
    real = {name: arrays[array] for name, array in REALIZED.items() if array in arrays}
    expects = EXPECTED in arrays and "prizes" in arrays
    if expects:
        real["prizes"] = arrays["prizes"]
    like = next(name for name in (EXPECTED, *AXES) if name in arrays)
    nodes = arrays[like].shape[:2]
    for name, array in real.items():
        found = f"shape {array.shape}" if array.dtype.kind in "iuf" else f"{array.dtype} of shape {array.shape}"
        if array.shape != nodes or array.dtype.kind not in "iuf":
            title = _array_of(name, expects=expects)
            raise ValueError(f"{path}: array {title}: {found}, expected {nodes} ({like})")
    return real


def _true_laws(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of true laws by the laws for which they stand; each beside what solvers see."""
    found = {law: arrays[array] for law, array in TRUE_LAWS.items() if array in arrays}
    for law, array in found.items():
        if law not in arrays:
            raise ValueError(f"{path}: array {TRUE_LAWS[law]}, expected {law} beside it, which solvers see")
        nodes = arrays[law].shape[:2]
        if array.ndim != 3 or array.shape[:2] != nodes or array.dtype.kind not in "iuf":
            shape = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"{path}: array {TRUE_LAWS[law]}: {shape}, expected numbers {(*nodes, 'K')} ({law})")
    return found


def _array_of(hidden: str, *, expects: bool) -> str:
    """The array of a hidden attribute's real values, in a file that `expects` prizes or not."""
    return hidden if expects and hidden == "prizes" else REALIZED[hidden]


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


def load_arrays(
    path: Path, wanted: Sequence[str], *, mapped: bool = False
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays named in `wanted`, in memory or `mapped` from disk, and the names of all arrays of the file."""
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
                        array = _mapped(path, archive, name) if mapped else archive[name]
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


def _mapped(path: Path, archive: NpzFile, name: str) -> NDArray[Any]:
    """An array whose numbers stay on disk, in the archive or, where they are packed there, in a temporary file.

    It is read once, because the archive's check sum is compared at its end.
    """
    container = archive.zip
    assert container is not None
    member = container.getinfo(f"{name}.npy")
    is_stored = member.compress_type == zipfile.ZIP_STORED
    with tempfile.TemporaryFile() as unpacked, container.open(member) as packed, path.open("rb") as stored:
        if is_stored:
            while packed.read(CHUNK):
                pass
            stored.seek(member.header_offset + 26)  # the lengths of the name and of what follows it
            stored.seek(sum(struct.unpack("<HH", stored.read(4))), 1)
        else:
            shutil.copyfileobj(packed, unpacked, CHUNK)
            unpacked.seek(0)
        source = stored if is_stored else unpacked
        version = np.lib.format.read_magic(source)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(source)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded")
        if 0 in shape or not shape or dtype.itemsize == 0:
            return archive[name]
        return np.memmap(source, dtype, "r", source.tell(), shape, "F" if is_fortran else "C")


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
    others = [name for name in names if name not in ARRAYS]
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
            values = [getattr(instance, name) for instance in instances]
            arrays[name] = np.stack(_padded(values) if name == "walls" else values)
    real = [] if realizations is None else [name for name in HIDDEN if getattr(realizations[0], name) is not None]
    expects = "prizes" in arrays and ("prizes" in real or problem_of(first).expects_prizes)
    if expects:
        arrays[EXPECTED] = arrays.pop("prizes")
    for name in real:
        hidden = [realization.values(name, first.size) for realization in realizations or ()]
        arrays[name if expects and name == "prizes" else REALIZED[name]] = np.stack(hidden)
    for law in () if realizations is None else realizations[0].true_laws:
        arrays[TRUE_LAWS[law]] = np.stack([realization.true_laws[law] for realization in realizations or ()])
    with path.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _padded(walls: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """The walls of each instance with rows of NaN after them, so that all have as many."""
    most = max(map(len, walls))
    return [np.pad(own, ((0, most - len(own)), (0, 0), (0, 0)), constant_values=np.nan) for own in walls]


def _kind(instance: Instance) -> str:
    """The problem, metric, objective, shapes and attributes, which all instances of a set share."""
    shapes = [f"{name} {array.shape}" for name in AXES if (array := getattr(instance, name)) is not None]
    given = [name for name in ATTRIBUTE_AXES if getattr(instance, name) is not None]
    words = [word for word in (instance.problem, instance.metric, instance.objective) if word is not None]
    units = [f"{name} {value}" for name in (*UNITS, FREE_END) if (value := getattr(instance, name))]
    return ", ".join((*words, *units, *shapes, *given))
