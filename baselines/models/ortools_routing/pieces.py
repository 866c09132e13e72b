"""Demands cut into pieces, each delivered to a copy of its node, so that deliveries can be split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .model import MOST_NODES, ModelAbandoned
from .scale import are_whole

if TYPE_CHECKING:
    from tsp.instance import Array, Instance, Integers
    from tsp.solution import Solution

PIECES = 100
"""The number of pieces of equal size in the capacity, where demands are split and not whole numbers."""


def pieces_of(instance: Instance, initial: Solution | None) -> tuple[Integers, Array]:
    """The nodes, with copies of those whose demand may be split, and the amount delivered to each.

    A demand is cut into 1, 2, 4, … units and a rest, so that few copies allow every split in two (compare the
    a-priori splits of Chen, Golden, Wang and Wasil 2017, doi:10.1111/itor.12250). Each delivery of `initial` is
    cut separately, so that the copies can represent it.

    Raises:
        ModelAbandoned: where there would be too many copies.
    """
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = instance.demands.copy()
    demands[[instance.depot, instance.finish]] = 0.0
    if demands.sum() > MOST_NODES * instance.capacity:
        raise ModelAbandoned
    portions: list[list[float]] = [[demand] for demand in demands.tolist()]
    if initial is not None and initial.amounts is not None:
        portions = [[] for _ in portions]
        for tour, given in zip(initial.tours, initial.amounts, strict=True):
            for node, amount in zip(tour.tolist(), given.tolist(), strict=True):
                portions[node].append(amount)
    sizes = piece_sizes(instance)
    pieces = [[piece for portion in split for piece in cut(portion, *sizes)] or [0.0] for split in portions]
    nodes = [*range(instance.size), *(node for node, those in enumerate(pieces) for _ in those[1:])]
    amounts = [those[0] for those in pieces] + [piece for those in pieces for piece in those[1:]]
    return np.array(nodes), np.array(amounts)


def piece_sizes(instance: Instance) -> tuple[float, float]:
    """The smallest and the largest piece."""
    assert instance.capacity is not None
    return 1.0 if are_whole(instance.demands) else instance.capacity / PIECES, instance.capacity


def cut(amount: float, smallest: float, largest: float) -> list[float]:
    """The pieces of one delivery."""
    pieces: list[float] = []
    size = min(smallest, largest)
    while amount > size:
        pieces.append(size)
        amount -= size
        size = min(2 * size, largest)
    return [*pieces, amount] if amount > 0 else pieces
