"""Guides, which choose the neighbours that a local search tries, and searches that follow one.

A guide is charged for: what it takes is part of the time limit of the search that it guides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

from tsp.budget import SHORTEST, Clock
from tsp.solvers.protocol import is_one_shot, require_support, solve_in_limits
from tsp.solvers.registry import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.budget import Budget
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Candidates, Report, Solver


GUIDES = {
    "distance": "baselines.bounds.guides:Distance",
    "quadrant": "baselines.bounds.guides:Quadrant",
    "alpha": "baselines.bounds.guides:AlphaNearness",
    "learned": "policies.guide.network:LearnedGuide",
}
"""The toolkit's guides: name → `module:class`."""

LOCAL_SEARCH = "baselines.local_search:LocalSearch"

MOST_TRIVIAL = 4
"""Nodes of which each is every other's neighbour."""


class Guide(Protocol):
    """Chooses candidates: for each node of a closed tour the neighbours worth trying."""

    name: str

    def warm_up(self) -> None:
        """Pay what is paid once (imports, compilation, loading weights) before any clock runs."""
        ...

    def candidates(self, problem: Problem, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        """Neighbour lists `[n, k]` of each instance, best first."""
        ...


class Guided:
    """A search that follows a guide: a solver itself.

    The guide sees closed tours with symmetric distances; other instances the search takes on alone.
    """

    def __init__(self, guide: Guide, solver: Solver, name: str | None = None) -> None:
        self.guide, self.solver = guide, solver
        self.name = name or f"{guide.name}-{solver.name}"

    @property
    def one_shot(self) -> bool:
        """Whether the search is."""
        return is_one_shot(self.solver)

    def supports(self, problem: Problem) -> bool:
        """Whether the search does."""
        return self.solver.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Warm up both."""
        if problem.shape == "cycle":
            self.guide.warm_up()
        self.solver.warm_up(problem)

    def solve(
        self,
        problem: Problem,
        instances: Sequence[Instance],
        budget: Budget,
        *,
        initial: Sequence[Solution] | None = None,
        candidates: Candidates | None = None,
        report: Report | None = None,
    ) -> list[Solution]:
        """Solve each instance; see `tsp.solvers.Solver.solve`. `candidates`, where given, replace the guide's."""
        require_support(self, problem)
        found: list[Solution | None] = [None] * len(instances)
        guided = [i for i, instance in enumerate(instances) if candidates is None and _is_closed(problem, instance)]
        alone = sorted(set(range(len(instances))) - set(guided))
        for chosen, with_guide in ((guided, True), (alone, False)):
            if not chosen:
                continue
            clock = Clock(budget.time_limit * len(chosen))
            lists = None if candidates is None else [candidates[i] for i in chosen]
            if with_guide:
                lists = self.guide.candidates(problem, [instances[i] for i in chosen])
            spent = clock.elapsed / len(chosen)
            answers = solve_in_limits(
                self.solver,
                problem,
                [instances[i] for i in chosen],
                [max(budget.time_limit - spent, SHORTEST)] * len(chosen),
                budget,
                initial=None if initial is None else [initial[i] for i in chosen],
                candidates=lists,
                report=None if report is None else _later(report, chosen, spent, self.name),
            )
            for i, answer in zip(chosen, answers, strict=True):
                found[i] = replace(answer, seconds=answer.seconds + spent, solver=self.name)
        return [solution for solution in found if solution is not None]


def _is_closed(problem: Problem, instance: Instance) -> bool:
    return (
        problem.shape == "cycle" and instance.symmetric and instance.underway is None and instance.size > MOST_TRIVIAL
    )


def _later(report: Report, chosen: Sequence[int], seconds: float, name: str) -> Report:
    return lambda i, solution: report(chosen[i], replace(solution, seconds=solution.seconds + seconds, solver=name))


def make_guide(name: str, **options: object) -> Guide:
    """The guide of that name; options that are None are left at their defaults."""
    return load(GUIDES[name])(**{key: value for key, value in options.items() if value is not None})


class LocalSearch(Guided):
    """The toolkit's local search, led by a guide where tours are closed: Lin-Kernighan moves, iterated.

    Other problems are searched by insertions, removals and exchanges under their rules.

    Args:
        candidates: the guide.
        neighbours: how many candidates of each node; default is the guide's own.
        path: a learned guide's file; default is the shipped one.
        kicks: stop after this many, which makes the answer a function of the instance and the seed
            alone if the time suffices; None: the clock decides.
    """

    def __init__(
        self,
        *,
        candidates: Literal["distance", "quadrant", "alpha", "learned"] = "distance",
        neighbours: int | None = None,
        path: str | None = None,
        kicks: int | None = None,
    ) -> None:
        if path is not None and candidates != "learned":
            raise ValueError("path: is for candidates=learned")
        guide = make_guide(candidates, neighbours=neighbours, path=path)
        super().__init__(guide, load(LOCAL_SEARCH)(kicks=kicks), "ls")


class GuidedLocalSearch(LocalSearch):
    """`LocalSearch` led by the learned guide.

    Args:
        neighbours: as of `LocalSearch`, like all that follow.
        path: the guide's file.
        kicks: of the search.
    """

    def __init__(self, *, neighbours: int | None = None, path: str | None = None, kicks: int | None = None) -> None:
        super().__init__(candidates="learned", neighbours=neighbours, path=path, kicks=kicks)
        self.name = "guided-ls"
