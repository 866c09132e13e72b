"""What benchmarks share: raw figures that are kept in a file, and means as the tables show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tsp.files import write_text
from tsp.statistics import estimate_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from tsp.statistics import Estimate


def read_raw(path: Path) -> dict[str, Any]:
    """The raw figures so far; none where there is no file yet."""
    return json.loads(path.read_text()) if path.exists() else {}


def keep_raw(path: Path, raw: dict[str, Any]) -> None:
    """Write the raw figures."""
    write_text(path, json.dumps(raw), force=True)


def with_interval(estimate: Estimate | None, *, factor: float = 1.0, places: int = 2) -> str:
    """A signed mean with its 95 % interval, such as `+1.20 (+0.80 to +1.60)`."""
    assert estimate is not None
    assert estimate.interval is not None
    mean, low, high = (f"{factor * x:+.{places}f}" for x in (estimate.mean, *estimate.interval))
    return f"{mean} ({low} to {high})"


def mean_of(values: np.ndarray | Sequence[float]) -> str:
    """The signed mean of values with its 95 % interval."""
    return with_interval(estimate_mean(values))
