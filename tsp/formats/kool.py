"""The data sets of Kool et al. (ICLR 2019): made bit for bit, and read from their pickles.

A pickle from a stranger can run code when it is loaded. Here nothing that it names is ever called:
what it would call is only noted down, and then read if it is one of numpy's ways to write an array.
"""

from __future__ import annotations

import io
import pickle
import re
from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np

from tsp.formats.text import reason
from tsp.instance import Array, Instance

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SET_SIZE = 10_000
"""Instances in each of Kool et al.'s test and validation sets."""

TEST_SEED = 1234
VALIDATION_SEED = 4321

# What numpy's own pickles of arrays and numbers name, under its old and its new module names.
_GLOBALS = frozenset({
    *("numpy.ndarray", "numpy.dtype", "_codecs.encode"),
    *("numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer"),
    *("numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy._core.numeric._frombuffer"),
})  # fmt: skip


def generate_tsp(count: int, size: int, seed: int = TEST_SEED) -> Array:
    """The first `count` TSP instances of Kool et al.'s set of `SET_SIZE` for this size and seed.

    Args:
        count: how many instances, at most `SET_SIZE`.
        size: nodes of each.
        seed: theirs is `TEST_SEED` for tests and `VALIDATION_SEED` for validation.

    Returns:
        coordinates `[count, size, 2]` in the unit square.

    Raises:
        ValueError: for a count or size out of range.
    """
    if not 1 <= count <= SET_SIZE:
        raise ValueError(f"{count} instances, expected 1 to {SET_SIZE}: Kool et al.'s sets hold {SET_SIZE}")
    if size < 1:
        raise ValueError(f"size {size}, expected 1 or more")
    # The legacy generator is the protocol. For TSP, drawing fewer gives a prefix of the whole set.
    return np.random.RandomState(seed).uniform(size=(count, size, 2))


def read_instances(path: Path) -> list[Instance]:
    """Read a pickled TSP set: a list of instances, each a list (or array) of n points `[x, y]`.

    Raises:
        ValueError: for a file that is not such a set, or that names anything but numpy's array
            constructors.
    """
    unpickler = _Unpickler(io.BytesIO(path.read_bytes()))
    try:
        content: object = unpickler.load()
        if unpickler.has_arrays:
            content = _evaluate(content, depth=3)
        if isinstance(content, np.ndarray):
            content = list(cast("Array", content))
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path}: not a readable pickle of instances ({reason(error)})") from None
    except (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
        raise ValueError(f"{path}: not a readable pickle of lists, tuples, numbers and numpy arrays") from None
    if not isinstance(content, list | tuple) or not content:
        raise ValueError(f"{path}: expected a pickled list of instances, each a list of points [x, y]")
    return [_instance(path, k, nodes) for k, nodes in enumerate(cast("list[object]", content))]


def _instance(path: Path, index: int, nodes: object) -> Instance:
    points = cast("list[list[float]]", nodes)
    try:
        if {len(point) for point in points} != {2}:
            raise TypeError
        coordinates = np.fromiter(chain.from_iterable(points), dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise ValueError(
            f"{path}: instance {index} is not a list of points [x, y] (other sets than TSP are not supported yet)"
        ) from None
    try:
        return Instance(coordinates=coordinates, name=f"{path.stem}[{index}]")
    except ValueError as error:
        raise ValueError(f"{path}: instance {index}: {error}") from None


class _Call:
    """A call that a pickle asks for, and the state that it would set on the result."""

    def __init__(self, name: str, arguments: tuple[object, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state


class _Global:
    """A name in a pickle; calling it only notes the call down."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> _Call:
        return _Call(self.name, arguments)


class _Unpickler(pickle.Unpickler):
    has_arrays = False

    def find_class(self, module: str, name: str) -> _Global:
        full = f"{module}.{name}"
        if full not in _GLOBALS:
            raise pickle.UnpicklingError(
                f"it would run {full[:80]!r}, expected only lists, tuples, numbers and numpy arrays"
            )
        self.has_arrays = True
        return _Global(name)


def _evaluate(content: object, depth: int = 0) -> object:
    """What `content` stands for, down to `depth` levels of lists."""
    if isinstance(content, _Call):
        return _array(content.name, [_evaluate(argument) for argument in content.arguments], content.state)
    if depth and isinstance(content, list | tuple):
        return [_evaluate(item, depth - 1) for item in cast("list[object]", content)]
    return content


def _array(name: str, arguments: list[object], state: tuple[object, ...]) -> object:
    """What numpy would make of one of its own calls, for plain numbers only."""
    match name, arguments, state:
        case "encode", [str(text), "latin1"], ():
            return text.encode("latin1")
        case "dtype", [str(code), *_], (_, "<" | ">" | "|" as order, *_) if re.fullmatch("[biuf][1248]", code):
            return np.dtype(f"{order}{code}")
        case "scalar", [data_type, data], ():
            return _numbers(data, data_type, (1,))[0]
        case "_frombuffer", [data, data_type, shape, order], ():
            return _numbers(data, data_type, shape, fortran=order == "F")
        case "_reconstruct", _, (_, shape, data_type, fortran, data):
            return _numbers(_evaluate(data), _evaluate(data_type), shape, fortran=fortran is True)
        case _:
            raise TypeError


def _numbers(data: object, data_type: object, shape: object, *, fortran: bool = False) -> NDArray[np.float64]:
    if not isinstance(data, bytes | bytearray) or not isinstance(data_type, np.dtype):
        raise TypeError
    numbers = np.frombuffer(data, cast("np.dtype[np.float64]", data_type))
    return numbers.reshape(cast("tuple[int, ...]", shape), order="F" if fortran else "C")
