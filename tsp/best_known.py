"""Optima of well-known instances, found by an instance's content and not by its name.

`best_known.json` maps the first digits of `Instance.fingerprint` to name and optimum; it is made
by `benchmarks/make_best_known.py` from TSPLIB's and the national TSPs' lists.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsp.instance import Instance

TABLE = Path(__file__).with_name("best_known.json")
DIGITS = 16
"""Hexadecimal digits of the fingerprint that the table keeps."""


def best_known(instance: Instance) -> float | None:
    """The length of the best known tour through these nodes, None where the table has none."""
    if instance.problem not in ("tsp", "atsp"):
        return None
    entry = _table().get(instance.fingerprint[:DIGITS])
    return None if entry is None else entry[1]


@cache
def _table() -> dict[str, tuple[str, float]]:
    return {key: (name, float(length)) for key, (name, length) in json.loads(TABLE.read_text()).items()}
