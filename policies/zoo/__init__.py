"""The shipped policies: a folder each, with `model.safetensors`, `config.json` and a card.

Beside them lies the local search's learned guide, `edge-guide`, which is not a policy.

Found by problem and size without importing torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path

ZOO = Path(__file__).parent


@dataclass(frozen=True)
class ShippedPolicy:
    """The description of a shipped policy, from its `config.json`.

    Attributes:
        name: name of its folder.
        problem: name of the problem it solves.
        sizes: smallest and largest number of nodes it was trained on.
        distances: whether it uses distances, and so can use a matrix.
        path: path of its weights.
    """

    name: str
    problem: str
    sizes: tuple[int, int]
    distances: bool
    path: Path

    def distance(self, size: int) -> float:
        """The distance of `size` from the trained sizes, as a ratio on a log scale; 0 within them."""
        low, high = self.sizes
        return max(0.0, log(low / size), log(size / high))


@cache
def shipped_policies() -> tuple[ShippedPolicy, ...]:
    """All shipped policies, by name."""
    found = []
    for path in sorted(ZOO.glob("*/config.json")):
        raw = json.loads(path.read_text())
        if "policy" not in raw:  # the learned guide of the local search
            continue
        low, high = raw["sizes"]
        distances = bool(raw["policy"].get("edges"))
        weights = path.parent / "model.safetensors"
        found.append(ShippedPolicy(path.parent.name, raw["problem"], (low, high), distances, weights))
    return tuple(found)


def find_policy(problem: str, size: int, *, matrix: bool = False) -> ShippedPolicy | None:
    """The shipped policy for a problem whose trained sizes are nearest to `size`; None if there is none.

    Args:
        problem: name of the problem.
        size: number of nodes.
        matrix: whether distances are given by a matrix: policies that use distances are preferred
            then, and last otherwise.
    """
    fitting = [policy for policy in shipped_policies() if policy.problem == problem]
    return min(fitting, key=lambda p: (p.distances != matrix, p.distance(size)), default=None)
