"""The instances of many files as shards: a few at a time are in memory, and workers get them by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tsp.formats import open_set, read, read_realizations
from tsp.formats.text import without_gz
from tsp.instance import Instance, Realization
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class Piece(Protocol):
    """Some instances of one file; it can be sent to another process."""

    @property
    def count(self) -> int:
        """The number of instances."""
        ...

    def name(self, k: int) -> str:
        """The name of an instance."""
        ...

    def instance(self, k: int) -> Instance:
        """An instance.

        Raises:
            ValueError: in one sentence, where it is broken.
        """
        ...

    def realization(self, k: int) -> Realization | None:
        """What an instance hides from solvers, or None.

        Raises:
            ValueError: in one sentence, where it is broken.
        """
        ...


class Source(Protocol):
    """The instances of one file, which are read when they are needed."""

    @property
    def count(self) -> int:
        """The number of instances."""
        ...

    def part(self, first: int, past: int) -> Piece:
        """The instances from one position to before another."""
        ...


@dataclass(frozen=True)
class Shard:
    """Consecutive instances, which are solved by one worker.

    Attributes:
        number: position of the shard.
        first: position of the first instance, over all files.
        pieces: the instances.
    """

    number: int
    first: int
    pieces: tuple[Piece, ...]

    def __iter__(self) -> Iterator[tuple[Piece, int]]:
        """Give each instance as a piece and the position in it."""
        return ((piece, k) for piece in self.pieces for k in range(piece.count))

    def __len__(self) -> int:
        """The number of instances."""
        return sum(piece.count for piece in self.pieces)


@dataclass(frozen=True)
class _Loaded:
    """The instances of one file in memory, or the sentence why it cannot be read."""

    stem: str
    instances: Sequence[Instance] = ()
    realizations: Sequence[Realization | None] = ()
    broken: str | None = None

    @property
    def count(self) -> int:
        return 1 if self.broken is not None else len(self.instances)

    def name(self, k: int) -> str:
        return self.stem if self.broken is not None else self.instances[k].name

    def instance(self, k: int) -> Instance:
        if self.broken is not None:
            raise ValueError(self.broken)
        return self.instances[k]

    def realization(self, k: int) -> Realization | None:
        return self.realizations[k]

    def part(self, first: int, past: int) -> _Loaded:
        return _Loaded(self.stem, self.instances[first:past], self.realizations[first:past], self.broken)


@dataclass(frozen=True)
class _SingleFile:
    """A file of one instance, which is read when it is needed."""

    path: Path
    reading: Mapping[str, object]
    count: int = 1

    def part(self, first: int, past: int) -> _Loaded:
        try:
            return _load(self.path, self.reading)
        except (ValueError, OSError) as error:
            return _Loaded(self.path.name, broken=str(error))


def _load(path: Path, reading: Mapping[str, object]) -> _Loaded:
    """Read a whole file."""
    instances = read(path, **reading)  # pyright: ignore[reportArgumentType]
    hides = any(get_problem(instance.problem).reveals for instance in instances)
    return _Loaded(path.name, instances, (read_realizations(path) if hides else None) or [None] * len(instances))


def open_sources(files: Sequence[str], reading: Mapping[str, object]) -> list[Source]:
    """The instances of files.

    Of NPZ sets only the sizes are read at first, and nothing of other files but pickled sets.

    Args:
        files: the files.
        reading: the options of `tsp.formats.read`.

    Raises:
        ValueError: in one sentence, for a set that is broken as a whole.
        OSError: for a file that cannot be read.
    """
    return [_open(Path(file), reading) for file in files]


def _open(path: Path, reading: Mapping[str, object]) -> Source:
    others = {name: value for name, value in reading.items() if name != "problem"}
    problem = reading.get("problem")
    found = open_set(path, problem=None if problem is None else str(problem))
    if found is not None and all(value in (None, False) for value in others.values()):
        return found
    if found is not None or without_gz(path).suffix.lower() in PICKLED:
        return _load(path, reading)
    return _SingleFile(path, reading)


PICKLED = (".pkl", ".pickle")
"""Endings of sets that are read as a whole."""


def cut(sources: Sequence[Source], size: int, *, skip: frozenset[int] = frozenset()) -> Iterator[Shard]:
    """Shards of `size` instances, the last of fewer; of the numbers in `skip` none is read."""
    total = sum(source.count for source in sources)
    starts = [0]
    for source in sources:
        starts.append(starts[-1] + source.count)
    place = 0  # the source that holds the first instance of the shard
    for number, first in enumerate(range(0, total, size)):
        if number in skip:
            continue
        past = min(first + size, total)
        while starts[place + 1] <= first:
            place += 1
        pieces: list[Piece] = []
        k = place
        while k < len(sources) and starts[k] < past:
            pieces.append(sources[k].part(max(first - starts[k], 0), min(past, starts[k + 1]) - starts[k]))
            k += 1
        yield Shard(number, first, tuple(pieces))
