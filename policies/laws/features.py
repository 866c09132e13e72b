"""Features of visits as numbers: a column for each category, and standardized numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.formats.text import parse_number, quote
from tsp.instance import Array, Integers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

REACH = 3.0
"""Standard deviations from the mean beyond which a number counts as if it were there."""


class Encoded(NamedTuple):
    """Visits as a model sees them.

    Attributes:
        inputs: a column for each category and each number `[R, d]`.
        codes: number of the category in each column of categories, -1 for one not in the logs `[R, c]`.
        known: whether every feature is one of the logs `[R]`.
    """

    inputs: Array
    codes: Integers
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Encoder:
    """The features of a law.

    Attributes:
        categories: the categories of each column of words.
        numbers: mean and standard deviation of each column of numbers.
    """

    categories: dict[str, tuple[str, ...]]
    numbers: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, features: Mapping[str, Sequence[str]]) -> Encoder:
        """The encoder of the columns of a log; a column of which every cell is a number is one of numbers."""
        categories, numbers = dict[str, tuple[str, ...]](), dict[str, tuple[float, float]]()
        for name, texts in features.items():
            values = [as_number(text) for text in texts]
            if texts and None not in values:
                column = np.array(values, dtype=np.float64)
                numbers[name] = (float(column.mean()), float(column.std()) or 1.0)
            else:
                categories[name] = tuple(sorted(set(texts)))
        return cls(categories, numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that a day's file must have."""
        return (*self.categories, *self.numbers)

    @property
    def width(self) -> int:
        """Number of inputs of a visit."""
        return sum(map(len, self.categories.values())) + len(self.numbers)

    def encode(self, features: Mapping[str, Sequence[str]], count: int) -> Encoded:
        """Encode `count` visits."""
        known = np.ones(count, dtype=np.bool_)
        inputs, codes = list[Array](), list[Integers]()
        for name, categories in self.categories.items():
            places = {category: k for k, category in enumerate(categories)}
            code = np.array([places.get(text, -1) for text in features[name]], dtype=np.int64)
            inputs.append((code[:, None] == np.arange(len(categories))).astype(np.float64))
            codes.append(code)
            known &= code >= 0
        for name, (mean, deviation) in self.numbers.items():
            values = np.array([np.nan if (x := as_number(text)) is None else x for text in features[name]])
            known &= ~np.isnan(values)
            inputs.append(np.clip((np.nan_to_num(values, nan=mean) - mean) / deviation, -REACH, REACH)[:, None])
        return Encoded(
            np.concatenate([np.zeros((count, 0)), *inputs], axis=1),
            np.stack(codes, axis=1) if codes else np.zeros((count, 0), dtype=np.int64),
            known,
        )

    def surprises(self, features: Mapping[str, Sequence[str]]) -> list[str]:
        """What is in columns and not in the logs, in words: `topic 'astronomy'`."""
        found = [
            (name, text)
            for name in self.names
            for text in features[name]
            if (as_number(text) is None if name in self.numbers else text not in self.categories[name])
        ]
        return [f"{name} {quote(text)}" for name, text in dict.fromkeys(found)]


def as_number(text: str) -> float | None:
    """The number in a cell, with a decimal point or a decimal comma; None where there is none."""
    return parse_number(text.replace(",", ".") if text.count(",") == 1 else text)
