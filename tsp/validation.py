"""Checks of values that callers give: each returns the value in its plain form, or says what was expected.

Numpy's scalars count as the numbers that they hold, and a float without a fraction as a whole number. True and False
are no numbers, and neither is a text.
"""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

LONGEST = 60
"""The most characters of a value that a message repeats."""


def shown(value: object) -> str:
    """A value as messages repeat it: numbers as such, all others as Python writes them, cut where they are long."""
    plain = _plain(value)
    text = f"{plain:g}" if isinstance(plain, float) else " ".join(repr(plain).splitlines())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def real_number(value: object, name: str, *, least: float = -np.inf, most: float = np.inf, expected: str) -> float:
    """The value as a float from `least` to `most`.

    Raises:
        ValueError: naming the field, the value and what was `expected`; also for NaN.
    """
    plain = _plain(value)
    if not isinstance(plain, bool) and isinstance(plain, numbers.Real):
        try:
            number = float(plain) + 0.0  # -0.0 becomes 0.0
        except OverflowError:  # a whole number above all floats
            number = np.nan
        if least <= number <= most:
            return number
    raise ValueError(f"{name}: {shown(plain)}, expected {expected}")


def whole_number(
    value: object, name: str, *, least: float = -np.inf, most: float = np.inf, expected: str = "a whole number"
) -> int:
    """The value as an int from `least` to `most`.

    Raises:
        ValueError: naming the field, the value and what was `expected`.
    """
    plain = _plain(value)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if isinstance(plain, int) and not isinstance(plain, bool) and least <= plain <= most:
        return plain
    raise ValueError(f"{name}: {shown(plain)}, expected {expected}")


def flag(value: object, name: str) -> bool:
    """The value as a bool.

    Raises:
        ValueError: naming the field and the value.
    """
    plain = _plain(value)
    if isinstance(plain, bool):
        return plain
    raise ValueError(f"{name}: {shown(plain)}, expected True or False")


def text(value: object, name: str) -> str:
    """The value as a str.

    Raises:
        ValueError: naming the field and the value.
    """
    if isinstance(value, str):
        return str(value)
    raise ValueError(f"{name}: {shown(value)}, expected a text")


def items(value: object, name: str, expected: str) -> tuple[object, ...]:
    """The items of a list, a tuple, an array or another collection in order; a text is none.

    Raises:
        ValueError: naming the field, the value and what was `expected`.
    """
    if not isinstance(value, str | bytes):
        try:
            return tuple(cast("Iterable[object]", value))
        except TypeError:
            pass
    raise ValueError(f"{name}: {shown(value)}, expected {expected}")


def texts(value: object, name: str, size: int) -> tuple[str, ...]:
    """The items of a collection with a text for each of `size` nodes.

    Raises:
        ValueError: naming the field and the number of items, or the first item that is no text.
    """
    given = items(value, name, "a text for each node")
    if len(given) != size:
        raise ValueError(f"{name}: {len(given)} for {size} nodes")
    if set(map(type, given)) <= {str}:  # nearly always
        return cast("tuple[str, ...]", given)
    wrong = next((i for i, item in enumerate(given) if not isinstance(item, str)), None)
    if wrong is not None:
        raise ValueError(f"{name}[{wrong}]: {shown(given[wrong])}, expected a text")
    return tuple(map(str, given))


def number_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """A copy of an array of numbers, in float64.

    Raises:
        ValueError: naming the field.
    """
    array = _array(values)
    if array is None or array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected an array of numbers")
    out = np.array(array, dtype=np.float64, order="C")  # a copy: the caller's array may change later
    out += 0.0  # -0.0 becomes 0.0: one number, one fingerprint
    return out


def whole_array(values: ArrayLike, name: str, expected: str) -> NDArray[np.int64]:
    """A copy of an array of whole numbers, in int64.

    Raises:
        ValueError: naming the field and what was `expected`.
    """
    array = _array(values)
    if array is not None and array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if array is not None and array.dtype.kind in "iuf" and bool((np.abs(array) < 2.0**53).all()):
        whole = array.astype(np.int64)
        if (whole == array).all():
            return whole
    raise ValueError(f"{name}: expected {expected}")


def require_shape(values: NDArray[Any], name: str, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape.

    Raises:
        ValueError: naming the field and both shapes.
    """
    if values.shape != shape:
        raise ValueError(f"{name}: shape {values.shape}, expected {shape}")


def _plain(value: object) -> object:
    """A numpy scalar, or an array without axes, as the Python value in it."""
    if isinstance(value, np.generic | np.ndarray) and cast("NDArray[Any]", value).ndim == 0:
        return cast("NDArray[Any]", value).item()
    return cast("object", value)


def _array(values: ArrayLike) -> NDArray[Any] | None:
    """The values as an array, of objects that are numbers as floats (None as NaN); None where they are no array.

    A masked array is one where nothing is masked: numpy would take what the mask hides.
    """
    if np.ma.is_masked(values):
        return None
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(item is None or isinstance(item, numbers.Real) for item in array.flat):
            array = array.astype(np.float64)  # fractions, and whole numbers above those of numpy
    except (TypeError, ValueError, OverflowError, RuntimeError):  # also what a tensor with gradients raises
        return None
    return array
