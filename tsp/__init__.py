"""The Travelling Scientist toolkit: learned and classical solvers for families of similar routing problems.

    >>> import tsp
    >>> instance = tsp.read("examples/berlin52.tsp")
    >>> solution = tsp.solve(instance, time_limit=1)

`import tsp` is light: what these functions need is imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.shortcuts import compare, read, read_set, solve, train
    from tsp.solution import check

__toolkit__ = "travelling-scientist"
__version__ = "0.1.0"
__all__ = ["Instance", "check", "compare", "read", "read_set", "solve", "train"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class or a function
    if name == "Instance":
        from tsp.instance import Instance

        return Instance
    if name == "check":
        from tsp.solution import check

        return check
    if name in __all__:
        from tsp import shortcuts

        return getattr(shortcuts, name)
    raise AttributeError(f"module 'tsp' has no attribute {name!r}")
