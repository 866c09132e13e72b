"""CVRPLIB's `.sol` files: a line `Route #k: 3 1 2` for each route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.text import quote, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tsp.instance import Instance

_ROUTE = re.compile(r"\s*route\s*#?\s*\d+\s*:(.*)", re.IGNORECASE)
_COST = re.compile(r"\s*cost\b", re.IGNORECASE)


def read_routes(path: Path, instance: Instance) -> list[NDArray[np.int64]]:
    """Read a `.sol` file: a tour for each route, from the instance's depot.

    The format leaves the depot out, so customer k is the instance's node k (from 0).

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    file = read_text(path)
    tours: list[NDArray[np.int64]] = []
    for number, line in enumerate(file.text.split("\n"), 1):
        if route := _ROUTE.fullmatch(line):
            tokens = route[1].split()
            bad = next((token for token in tokens if not re.fullmatch("[0-9]{1,15}", token)), None)
            if bad is not None:
                raise file.error(number, f"{quote(bad)}, expected a customer's number")
            tours.append(np.array([instance.depot, *map(int, tokens)], dtype=np.int64))
        elif line.strip() and not _COST.match(line):
            raise file.error(number, f"{quote(line.strip())}, expected a line 'Route #k: …' or 'Cost …'")
    if not tours:
        raise file.error(file.last_line, "the file ends without a route")
    return tours
