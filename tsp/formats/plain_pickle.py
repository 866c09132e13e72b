"""Reading pickles of lists, tuples, numbers and numpy arrays without running code.

A pickle is a program, and Python's own reader runs it. The reader here supports only the part of the
language that makes plain data. A call is recorded, not run, and then interpreted if it is one with
which numpy stores arrays; any other name in a pickle is refused.
"""

from __future__ import annotations

import pickletools
import re
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.files import read_bytes
from tsp.formats.text import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Names in numpy's own pickles of arrays and numbers, under its old and its new module names.
_NAMES = frozenset({
    *("numpy.ndarray", "numpy.dtype", "_codecs.encode"),
    *("numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer"),
    *("numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy._core.numeric._frombuffer"),
})  # fmt: skip

# Opcodes that push their argument.
_VALUES = frozenset({
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
})  # fmt: skip


def read_pickle(path: Path, depth: int) -> object:
    """Read a pickle of plain data.

    Args:
        path: the file.
        depth: levels of lists that are searched for numpy's arrays and numbers.

    Returns:
        the pickled data; if it has objects of numpy, tuples are returned as lists.

    Raises:
        ValueError: for a damaged file, or one with other content.
    """
    reader, data = _Reader(), read_bytes(path)
    try:
        content = reader.read(data)
        _require_bounded(content, REPEATS * len(data) + REPEATS)
        return _evaluate(content, depth) if reader.has_names else content
    except _ForbiddenError as error:
        raise ValueError(f"{path}: the pickle would run {error}, expected only {_PLAIN}") from None
    except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
        raise ValueError(f"{path}: not a readable pickle of {_PLAIN}") from None


_PLAIN = "lists, tuples, numbers and numpy arrays"


REPEATS = 100
"""The most times that a pickle may repeat each of its bytes by references."""


def _require_bounded(content: object, most: int) -> None:
    """Refuse lists that contain themselves, or that references to lists make larger than `most` items.

    Raises:
        ValueError: for such a list.
    """
    sizes: dict[int, int] = {}
    stack: list[tuple[object, bool]] = [(content, False)]
    open_lists: set[int] = set()
    while stack:
        item, is_done = stack.pop()
        parts = _parts(item)
        if is_done:
            open_lists.remove(id(item))
            sizes[id(item)] = 1 + sum(sizes.get(id(part), 1) for part in parts)
            if sizes[id(item)] > most:
                raise ValueError
        elif id(item) in open_lists:
            raise ValueError
        elif parts and id(item) not in sizes:
            open_lists.add(id(item))
            stack.append((item, True))
            stack += [(part, False) for part in parts if _parts(part)]


def _parts(item: object) -> Sequence[object]:
    """The items of a list or a tuple, and what a call consists of."""
    if isinstance(item, list | tuple):
        return cast("Sequence[object]", item)
    return (item.arguments, item.state) if isinstance(item, _Call) else ()


class _ForbiddenError(Exception):
    """A pickle contains a name that is not allowed in plain data."""


class _Name(str):
    """A name in a pickle, without its module."""

    __slots__ = ()


class _Call:
    """A call recorded from a pickle, and the state that the pickle sets on its result."""

    def __init__(self, name: str, arguments: tuple[object, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.state: tuple[object, ...] = ()


class _Reader:
    """The part of pickle's stack machine that makes plain data (see `pickletools` for all of it)."""

    def __init__(self) -> None:
        self.has_names = False
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}

    def read(self, data: bytes) -> object:
        """The object that the pickle leaves on the stack."""
        actions = self._actions()
        push = self._stack.append
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in _VALUES:
                push(argument)
            else:
                actions[opcode.name](argument)
        return self._stack.pop()

    def _actions(self) -> dict[str, Callable[[Any], object]]:
        """The action of each opcode on its argument; other opcodes are refused."""
        stack, memo, push, pop = self._stack, self._memo, self._stack.append, self._stack.pop
        return {
            **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _: None),
            "NONE": lambda _: push(None),
            "NEWTRUE": lambda _: push(True),
            "NEWFALSE": lambda _: push(False),
            "MARK": lambda _: self._marks.append(len(stack)),
            "EMPTY_LIST": lambda _: push([]),
            "LIST": lambda _: push(self._pop_marked()),
            "APPEND": lambda _: self._extend([pop()]),
            "APPENDS": lambda _: self._extend(self._pop_marked()),
            "EMPTY_TUPLE": lambda _: push(()),
            "TUPLE": lambda _: push(tuple(self._pop_marked())),
            "TUPLE1": lambda _: push((pop(),)),
            "TUPLE2": lambda _: push((pop(), pop())[::-1]),
            "TUPLE3": lambda _: push((pop(), pop(), pop())[::-1]),
            "MEMOIZE": lambda _: memo.__setitem__(len(memo), stack[-1]),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda key: memo.__setitem__(key, stack[-1])),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda key: push(memo[key])),
            **dict.fromkeys(("GLOBAL", "INST"), lambda names: self._push_name(*names.split(" ", 1))),
            "STACK_GLOBAL": lambda _: self._push_name(*(pop(), pop())[::-1]),
            "REDUCE": lambda _: self._reduce(),
            "BUILD": lambda _: self._build(),
        }

    def _pop_marked(self) -> list[object]:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError
        cast("list[object]", target).extend(items)

    def _push_name(self, module: object, name: object) -> None:
        full = f"{module}.{name}"
        if full not in _NAMES:
            raise _ForbiddenError(quote(full))
        self.has_names = True
        self._stack.append(_Name(name))

    def _reduce(self) -> None:
        arguments, name = self._stack.pop(), self._stack.pop()
        if not isinstance(name, _Name) or not isinstance(arguments, tuple):
            raise TypeError
        self._stack.append(_Call(name, cast("tuple[object, ...]", arguments)))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, _Call) or not isinstance(state, tuple):
            raise TypeError
        target.state = cast("tuple[object, ...]", state)


def _evaluate(content: object, depth: int = 0) -> object:
    """The data with recorded calls replaced by arrays, down to `depth` levels of lists."""
    if isinstance(content, _Call):
        return _array(content.name, [_evaluate(argument) for argument in content.arguments], content.state)
    if depth and isinstance(content, list | tuple):
        return [_evaluate(item, depth - 1) for item in cast("list[object]", content)]
    return content


def _array(name: str, arguments: list[object], state: tuple[object, ...]) -> object:
    """The result of one of numpy's own calls, for plain numbers only."""
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
