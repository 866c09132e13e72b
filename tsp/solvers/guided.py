"""Guides, which choose the neighbours that a local search tries, and searches that follow a guide.

The time that a guide takes is part of the time limit of the search that follows it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

from tsp.budget import SHORTEST, Clock
from tsp.solvers.protocol import BaseSolver, is_one_shot, refusal_of, require_support, solve_request, uses_initial
from tsp.solvers.registry import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Report, Request, Solver


GUIDES = {
    "distance": "baselines.bounds.guides:Distance",
    "quadrant": "baselines.bounds.guides:Quadrant",
    "alpha": "baselines.bounds.guides:AlphaNearness",
    "learned": "policies.guide.network:LearnedGuide",
}
"""The toolkit's guides: name → `module:class`."""

LOCAL_SEARCH = "baselines.local_search:UnguidedLocalSearch"

MOST_GUIDED = 0.5
"""The largest share of the time for a guide; where it may take more, the search runs without it."""

MOST_TRIVIAL = 4
"""With at most this many nodes all other nodes are candidates, so no guide is needed."""


class Guide(Protocol):
    """Chooses candidates: for each node of a closed tour, the neighbours that a search tries.

    A guide that takes notable time has the attribute `seconds_a_node`; other guides may leave it out.
    """

    name: str

    def warm_up(self) -> None:
        """Do what is done once (imports, compilation, loading weights) before any clock runs."""
        ...

    def candidates(self, problem: Problem, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        """Neighbour lists `[n, k]` of each instance, best first."""
        ...


class Guided(BaseSolver):
    """A search that follows a guide: a solver itself.

    The guide is used for closed tours with symmetric distances; other instances are searched without it.
    """

    keeps_free_ends = True  # closed tours alone are guided, and have none

    def __init__(self, guide: Guide, solver: Solver, name: str | None = None) -> None:
        self.guide, self.solver = guide, solver
        self.name = name or f"{guide.name}-{solver.name}"
        self.one_shot = is_one_shot(solver)
        self.uses_initial = uses_initial(solver)

    def supports(self, problem: Problem) -> bool:
        """Whether the search supports the problem."""
        return self.solver.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Warm up the guide, where the problem needs it, and the search."""
        if problem.shape.is_closed:
            self.guide.warm_up()
        self.solver.warm_up(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse what the search refuses."""
        return refusal_of(self.solver, problem, instance, time_limit)

    def solve_request(self, request: Request) -> list[Solution]:
        """Solve each instance. `candidates`, where given, replace the guide's."""
        problem, instances = request.problem, request.instances
        require_support(self, problem)
        found: dict[int, Solution] = {}
        guided = [
            i for i, instance in enumerate(instances) if request.candidates is None and _is_guided(problem, instance)
        ]
        others = sorted(set(range(len(instances))) - set(guided))
        for chosen, with_guide in ((guided, True), (others, False)):
            if not chosen:
                continue
            part, clock = request.select(chosen), Clock(sum(request.limits))
            if with_guide and self._pays(part):
                part = replace(part, candidates=self.guide.candidates(problem, part.instances))
            spent = clock.elapsed / len(chosen)
            part = replace(
                part,
                limits=[max(limit - spent, SHORTEST) for limit in part.limits],
                report=None if part.report is None else _delayed(part.report, spent, self.name),
            )
            for i, answer in zip(chosen, solve_request(self.solver, part), strict=True):
                found[i] = replace(answer, seconds=answer.seconds + spent, solver=self.name)
        return [found[i] for i in range(len(instances))]

    def _pays(self, request: Request) -> bool:
        """Whether the guide leaves most of the time to the search."""
        needed = getattr(self.guide, "seconds_a_node", 0.0) * sum(instance.size for instance in request.instances)
        return needed <= MOST_GUIDED * sum(request.limits)


def _is_guided(problem: Problem, instance: Instance) -> bool:
    """Whether the guide is used for an instance."""
    return problem.shape.is_closed and instance.symmetric and instance.underway is None and instance.size > MOST_TRIVIAL


def _delayed(report: Report, seconds: float, name: str) -> Report:
    """The report with that many seconds added, under another solver's name."""
    return lambda i, solution: report(i, replace(solution, seconds=solution.seconds + seconds, solver=name))


def make_guide(name: str, **options: object) -> Guide:
    """The guide with that name; options that are None keep their defaults."""
    return load(GUIDES[name])(**{key: value for key, value in options.items() if value is not None})


class LocalSearch(Guided):
    """The toolkit's local search: for closed tours, iterated Lin-Kernighan moves among a guide's candidates.

    Other problems are searched by ruin and recreate under their rules.

    Args:
        candidates: the guide.
        neighbours: number of candidates of each node; default is the guide's own.
        path: file of a learned guide; default is the shipped one.
        kicks: stop after this many kicks, so that the answer depends on the instance and the seed alone,
            if the time suffices; None stops when the time is up.
        ruin_recreate: for ablation, whether the search under rules iterates; if not, descent shortens its first
            answer once.
        descent: for ablation, whether the search under rules shortens tours by reversals.
    """

    def __init__(
        self,
        *,
        candidates: Literal["distance", "quadrant", "alpha", "learned"] = "distance",
        neighbours: int | None = None,
        path: str | None = None,
        kicks: int | None = None,
        ruin_recreate: bool = True,
        descent: bool = True,
    ) -> None:
        if path is not None and candidates != "learned":
            raise ValueError(f"path: {path}, expected only together with candidates=learned")
        guide = make_guide(candidates, neighbours=neighbours, path=path)
        search = load(LOCAL_SEARCH)(kicks=kicks, ruin_recreate=ruin_recreate, descent=descent)
        super().__init__(guide, search, "ls")


class GuidedLocalSearch(LocalSearch):
    """`LocalSearch` with the learned guide.

    Args:
        neighbours: as in `LocalSearch`, like the other parameters.
        path: file of the guide.
        kicks: number of kicks of the search.
    """

    def __init__(self, *, neighbours: int | None = None, path: str | None = None, kicks: int | None = None) -> None:
        super().__init__(candidates="learned", neighbours=neighbours, path=path, kicks=kicks)
        self.name = "guided-ls"
