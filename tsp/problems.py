"""Rules as data, and the table of problems.

A problem consists of a shape, a tuple of rules and an objective. The checker, the environment and each model have
a table with their reading of a rule, by the rule's class. A new problem that consists of known rules is one row of
`PROBLEMS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from tsp.tolerance import exceeds
from tsp.validation import shown, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tsp.instance import Instance

R = TypeVar("R", bound="Rule")


class Shape(StrEnum):
    """The shape of tours: one closed tour, one open path, one tour from the depot, or several of those.

    A tour from the depot ends at the depot, unless the instance names another end.
    """

    CYCLE = "cycle"
    PATH = "path"
    TOUR = "tour"
    TOURS = "tours"

    @property
    def is_closed(self) -> bool:
        """Whether there is one closed tour, which may start at any node."""
        return self is Shape.CYCLE

    @property
    def is_path(self) -> bool:
        """Whether there is one open path."""
        return self is Shape.PATH

    @property
    def has_depot(self) -> bool:
        """Whether tours leave a depot, so that ending a tour is a decision."""
        return self in (Shape.TOUR, Shape.TOURS)

    @property
    def has_one_depot_tour(self) -> bool:
        """Whether there is exactly one tour from the depot."""
        return self is Shape.TOUR

    @property
    def has_several_tours(self) -> bool:
        """Whether there may be several tours from the depot."""
        return self is Shape.TOURS


class Reveal(StrEnum):
    """When the real value of a node's hidden attribute becomes known."""

    ON_ARRIVAL = "on arrival"
    WHEN_OVER = "when the visit is over"
    WHEN_THERE = "when it appears"


class Rule:
    """One constraint, as data; the checker and the solvers look it up by its class.

    Attributes:
        needs: names of the attributes that an instance must have, of `tsp.instance.Instance`.
        reveals: each attribute whose real value is hidden at first, and when it becomes known.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    reveals: ClassVar[Mapping[str, Reveal]] = MappingProxyType({})


@dataclass(frozen=True)
class VisitOnce(Rule):
    """Every node is visited exactly once."""


@dataclass(frozen=True)
class VisitAtMostOnce(Rule):
    """Each node is visited once or not at all."""


@dataclass(frozen=True)
class CompulsoryVisits(Rule):
    """The nodes that are `required` must be visited, while others may be left out."""

    needs: ClassVar[tuple[str, ...]] = ("required",)


@dataclass(frozen=True)
class SplitDelivery(Rule):
    """A node may be visited several times, until its demand is delivered."""

    needs: ClassVar[tuple[str, ...]] = ("demands",)


@dataclass(frozen=True)
class Capacity(Rule):
    """Each tour delivers at most the capacity."""

    needs: ClassVar[tuple[str, ...]] = ("demands", "capacity")


@dataclass(frozen=True)
class LengthBudget(Rule):
    """Each tour's length and the duration of its visits are together at most `max_length`.

    Waiting for a time window to open does not count.

    Attributes:
        required: whether an instance must have a budget; if not, the rule holds only for instances that have one.
    """

    required: bool = True

    @property
    def needs(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride] - depends on the data
        """The budget, where it is required."""
        return ("max_length",) if self.required else ()


@dataclass(frozen=True)
class MaxVisits(Rule):
    """All tours together visit a limited number of nodes.

    Attributes:
        most: the largest number of visits.
    """

    most: int

    def __post_init__(self) -> None:
        """Refuse what is no number of visits, in one sentence."""
        most = whole_number(self.most, "most", least=0, expected="a whole number of visits, 0 or more")
        object.__setattr__(self, "most", most)


@dataclass(frozen=True)
class PrizeQuota(Rule):
    """The sum of the collected prizes is at least `min_prize`, or every node is visited.

    Attributes:
        stochastic: whether an instance's prizes are expected values, and each real prize becomes known
            on arrival.
    """

    needs: ClassVar[tuple[str, ...]] = ("prizes", "min_prize")
    stochastic: bool = False

    @property
    def reveals(self) -> Mapping[str, Reveal]:  # pyright: ignore[reportIncompatibleVariableOverride] - on the data
        """The prizes, where they are expected values."""
        return {"prizes": Reveal.ON_ARRIVAL} if self.stochastic else {}


@dataclass(frozen=True)
class Session(Rule):
    """The tour takes at most `max_length` of time, walks and visits together, whose durations are uncertain.

    A visit's duration is known when it is over; before that, its law is. A visit is broken off when it is time to go
    to the tour's end, and then counts nothing. So the tour is always back in time, and any node may be next from which
    its end can still be reached in time on arrival. A unit of length takes a unit of time. `LateEnd` changes the end.
    """

    needs: ClassVar[tuple[str, ...]] = ("max_length", "law_service_times")
    reveals: ClassVar[Mapping[str, Reveal]] = MappingProxyType({"service_times": Reveal.WHEN_OVER})


@dataclass(frozen=True)
class QueueSession(Session):
    """A session in which the wait at a node and its prize are seen on arrival, and then she stays or leaves.

    Going to a node only looks at it; the same node once more is the decision to stay: to queue, and then to visit it
    for its known service time. A node that is left is left for good. A visit that begins after the node's time window,
    or is not over when it is time to go to the tour's end, counts nothing; an infinite wait means that nobody is there.
    """

    needs: ClassVar[tuple[str, ...]] = ("max_length", "law_waits", "law_prizes")
    reveals: ClassVar[Mapping[str, Reveal]] = MappingProxyType(
        {"waits": Reveal.ON_ARRIVAL, "prizes": Reveal.ON_ARRIVAL}
    )


@dataclass(frozen=True)
class AppearingSession(Session):
    """A session in which nodes appear on the way, at uncertain times, and only a node that is there may be next.

    What has appeared is seen from everywhere. The current node once more, or the depot before the first visit, is the
    decision to wait: until the next node appears, for the longest wait, or until it is time to go to the tour's end,
    whichever is first. Visits take their known service times; an infinite time means that the node never appears.

    An instance says what is known now: a node all of whose outcomes are over is there, and of any other node the
    outcomes that are over did not happen.

    Attributes:
        longest_wait: the longest wait, as a share of `max_length`.
    """

    needs: ClassVar[tuple[str, ...]] = ("max_length", "law_appears")
    reveals: ClassVar[Mapping[str, Reveal]] = MappingProxyType({"appears": Reveal.WHEN_THERE})
    longest_wait: float = 0.1


@dataclass(frozen=True)
class LateEnd(Rule):
    """A session may end late: a visit that has begun when it is time to go to the tour's end is finished, and counts.

    One that has not begun by then is broken off, as in every session. The nodes that may be next are those of every
    session; the end always may. The prize is reduced by `late_price` for each unit of time after the session's end.
    """

    needs: ClassVar[tuple[str, ...]] = ("late_price",)


@dataclass(frozen=True)
class TimeWindows(Rule):
    """Each visit begins within the node's time window, after a wait if the tour arrives early.

    A visit lasts for the node's service time. A tour leaves the depot when the depot opens, and reaches
    its end before that closes. A unit of length takes a unit of time.
    """

    needs: ClassVar[tuple[str, ...]] = ("time_windows",)


STATED_BY = {
    "matrix": "a matrix (--matrix)",
    "demands": "demands (column demand)",
    "capacity": "a capacity (--capacity)",
    "required": "compulsory visits (column required)",
    "max_length": "a length limit (--max-length)",
    "min_prize": "a least prize (--min-prize)",
    "late_price": "a price of a late end (--late-price)",
    "time_windows": "time windows (columns opens, closes)",
    "prizes": "prizes (column prize)",
    "penalties": "penalties (column penalty)",
    "num_tours": "a number of tours (--num-tours)",
    "service_times": "service times (column duration)",
    "law_service_times": "the law of service times (array law_service_times)",
    "law_waits": "the law of waits (array law_waits)",
    "law_prizes": "the law of prizes (array law_prizes)",
    "law_appears": "the law of when nodes appear (columns appears, appears_by, chance_percent)",
}
"""Attribute of an instance → its name in messages, with the option or the columns that state it."""

TERM_NEEDS = {"prize": ("prizes",), "penalties": ("penalties",), "makespan": ("time_windows",)}
"""Term of the objective → the attributes that an instance must have."""


@dataclass(frozen=True)
class Objective:
    """A sum of terms, to be minimized or maximized.

    Attributes:
        terms: names in `tsp.checks.TERMS`.
        sense: `min` or `max`.
    """

    terms: tuple[str, ...]
    sense: Literal["min", "max"] = "min"

    def gap(self, value: float, best: float) -> float | None:
        """Relative gap of `value` to `best`, positive when worse; None where `best` is 0."""
        if best == 0:
            return None
        return (value - best) / best if self.sense == "min" else (best - value) / best


@dataclass(frozen=True)
class Problem:
    """A routing problem: how tours run, rules and an objective.

    Attributes:
        name: as in the command line and in files.
        title: the name in the literature.
        story: the problem as a task of the travelling scientist.
        shape: how tours run; a shape's name is converted.
        rules: every constraint that a solution must satisfy.
        objective: what is minimized or maximized.
        demanded: attributes that an instance must have in addition to those that rules and objective need.
    """

    name: str
    title: str
    story: str
    shape: Shape
    rules: tuple[Rule, ...]
    objective: Objective
    demanded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Convert a shape's name, and refuse an unknown one in one sentence."""
        if self.shape not in list(Shape):
            raise ValueError(unknown("shape", self.shape, [shape.value for shape in Shape]))
        object.__setattr__(self, "shape", Shape(self.shape))

    @property
    def words(self) -> dict[str, str]:
        """Name, title and story, which do not count when problems are compared."""
        return {"name": self.name, "title": self.title, "story": self.story}

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the instance's attributes that the problem needs, each once."""
        of_rules = [name for rule in self.rules for name in rule.needs]
        of_terms = chain(*(TERM_NEEDS.get(term, ()) for term in self.objective.terms))
        known = (name for name in of_terms if f"law_{name}" not in of_rules)  # whose law stands for it
        return tuple(dict.fromkeys([*self.demanded, *of_rules, *known]))

    @property
    def visits_all(self) -> bool:
        """Whether every node must be visited (once, or until its demand is delivered)."""
        return self.rule(VisitAtMostOnce) is None

    @property
    def reveals(self) -> dict[str, Reveal]:
        """The attributes of nodes whose real values are hidden at first, and when they become known."""
        return {name: when for rule in self.rules for name, when in rule.reveals.items()}

    @property
    def expects_prizes(self) -> bool:
        """Whether an instance's prizes are expected values, and the real ones become known on the way."""
        return "prizes" in self.reveals and "prizes" in self.needs

    @property
    def may_stay(self) -> bool:
        """Whether going to the current node once more is a decision: to stay there."""
        return self.rule(QueueSession) is not None

    @property
    def may_wait(self) -> bool:
        """Whether the current node once more is the decision to wait there, as often as wanted."""
        return self.rule(AppearingSession) is not None

    def resembles(self, other: Problem) -> bool:
        """Whether a policy of one applies to the other: the same shape, and rules of the same classes."""
        kinds = [[type(rule) for rule in problem.rules] for problem in (self, other)]
        return self.shape == other.shape and kinds[0] == kinds[1]

    def is_better(self, a: float | None, b: float | None) -> bool:
        """Whether the value `a` is strictly better than `b`; None, of an infeasible solution, is the worst."""
        if a is None or b is None:
            return a is not None and b is None
        return a < b if self.objective.sense == "min" else a > b

    def rule(self, kind: type[R]) -> R | None:
        """The problem's rule of this class, or None."""
        return next((rule for rule in self.rules if isinstance(rule, kind)), None)

    def require(self, attributes: Iterable[str], instance: Instance) -> None:
        """Refuse an instance that lacks one of these attributes, in one sentence.

        Raises:
            ValueError: naming the instance and what is missing.
        """
        missing = [name for name in attributes if getattr(instance, name) is None]
        if missing:
            listed = " and ".join(STATED_BY.get(name, name) for name in missing)
            known = instance.name or "instance"
            raise ValueError(f"{known}: problem {self.name!r} needs {listed}, which it does not have")

    def require_end(self, instance: Instance) -> None:
        """Refuse a free end where tours do not leave a depot, in one sentence.

        Raises:
            ValueError: naming the instance and what has no end.
        """
        if instance.free_end and not self.shape.has_depot:
            what = (
                "has closed tours" if self.shape.is_closed else "has a path, which ends anywhere where no end is named"
            )
            raise ValueError(
                f"{instance.name or 'instance'}: problem {self.name!r} {what}, expected no free end "
                "(problems with tours from a depot, such as cvrp, may have one)"
            )

    def validate(self, instance: Instance) -> None:
        """Refuse an instance that lacks an attribute or has one that is not supported, in one sentence.

        Raises:
            ValueError: naming the instance and what is missing or not supported.
        """
        name = instance.name or "instance"
        if instance.fixed_edges is not None and not (self.shape.is_closed and instance.underway is None):
            if self.shape.is_closed:
                what, expected = "in a tour under way", "no tour under way (no --visited)"
            else:
                what, expected = f"in problem {self.name!r}", "a closed tour (tsp or atsp)"
            raise ValueError(
                f"{name}: it fixes {len(instance.fixed_edges)} edge(s) that every tour must use, which no solver "
                f"keeps {what}; expected {expected}"
            )
        self.require(self.needs, instance)
        self.require_end(instance)
        for hidden in self.reveals:
            if getattr(instance, f"law_{hidden}", None) is not None and getattr(instance, hidden, None) is not None:
                raise ValueError(f"{name}: {hidden}: beside a law of them, expected one of the two")
        if instance.free_start and not self.shape.is_path:
            raise ValueError(f"{name}: only a path may start anywhere, problem {self.name!r} is none")
        if self.shape.is_path and not instance.free_start and instance.end == instance.depot and instance.size > 1:
            raise ValueError(f"{name}: starts and ends at {instance.node_name(instance.depot)}, expected another end")
        if self.shape.is_closed and instance.end not in (None, instance.depot):
            raise ValueError(f"{name}: problem {self.name!r} has closed tours, expected no end (shpp has one)")
        if self.rule(Capacity) is not None and self.rule(VisitOnce) is not None:
            assert instance.demands is not None
            demands = instance.demands.copy()
            demands[[instance.depot, instance.finish]] = 0.0  # nothing is delivered there
            heavy = int(demands.argmax())
            if exceeds(float(demands[heavy]), instance.capacity or 0.0):
                raise ValueError(
                    f"{name}: node {instance.node_name(heavy)} demands {instance.demands[heavy]:g}, "
                    f"expected at most the capacity {instance.capacity:g}"
                )


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem(
            name="tsp",
            title="travelling salesman problem",
            story="visit all chosen posters, back to the coffee corner",
            shape=Shape.CYCLE,
            rules=(VisitOnce(),),
            objective=Objective(("length",)),
        ),
        Problem(
            name="atsp",
            title="asymmetric travelling salesman problem",
            story="the same with one-way aisles: the way back may be longer",
            shape=Shape.CYCLE,
            rules=(VisitOnce(),),
            objective=Objective(("length",)),
            demanded=("matrix",),
        ),
        Problem(
            name="shpp",
            title="shortest Hamiltonian path",
            story="from the entrance to the talk room, past all chosen posters",
            shape=Shape.PATH,
            rules=(VisitOnce(),),
            objective=Objective(("length",)),
        ),
        Problem(
            name="op",
            title="orienteering",
            story="a coffee break of limited length, posters of different interest",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), LengthBudget()),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="optw",
            title="orienteering with time windows",
            story="the same, with authors present only at times",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), LengthBudget(required=False), TimeWindows()),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="op10",
            title="orienteering with ten visits at most",
            story="a coffee break, and a head that takes in ten posters",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), LengthBudget(), MaxVisits(10)),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="top",
            title="team orienteering",
            story="a group splits the posters in one break; not all of the group need to go",
            shape=Shape.TOURS,
            rules=(VisitAtMostOnce(), LengthBudget()),
            objective=Objective(("prize",), "max"),
            demanded=("num_tours",),
        ),
        Problem(
            name="pctsp",
            title="prize-collecting travelling salesman problem",
            story="learn at least a given amount, regret what was missed",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), PrizeQuota()),
            objective=Objective(("length", "penalties")),
        ),
        Problem(
            name="spctsp",
            title="stochastic prize-collecting travelling salesman problem",
            story="the same, but how interesting a poster is shows only on arrival",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), PrizeQuota(stochastic=True)),
            objective=Objective(("length", "penalties")),
        ),
        Problem(
            name="opst",
            title="orienteering with stochastic service times",
            story="a session of limited time, in which talks take longer than planned, or shorter",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), Session()),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="opq",
            title="orienteering with queues",
            story="a queue, an absent author, a dull poster: seen on arrival; stay, or leave for good",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), QueueSession()),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="dop",
            title="dynamic orienteering",
            story="posters go up during the day; go to one that is there, or wait for the next",
            shape=Shape.TOUR,
            rules=(VisitAtMostOnce(), AppearingSession()),
            objective=Objective(("prize",), "max"),
        ),
        Problem(
            name="tsptw",
            title="travelling salesman problem with time windows",
            story="every poster, each in its session; the least walking",
            shape=Shape.TOUR,
            rules=(VisitOnce(), TimeWindows()),
            objective=Objective(("length",)),
        ),
        Problem(
            name="tsptw-makespan",
            title="travelling salesman problem with time windows, earliest end",
            story="every poster, each in its session; home as early as can be",
            shape=Shape.TOUR,
            rules=(VisitOnce(), TimeWindows()),
            objective=Objective(("makespan",)),
        ),
        Problem(
            name="cvrp",
            title="capacitated vehicle routing",
            story="leaflets run out; fetch more at the desk",
            shape=Shape.TOURS,
            rules=(VisitOnce(), Capacity()),
            objective=Objective(("length",)),
        ),
        Problem(
            name="sdvrp",
            title="split delivery vehicle routing",
            story="the same; a table may get its leaflets in several visits",
            shape=Shape.TOURS,
            rules=(SplitDelivery(), Capacity()),
            objective=Objective(("length",)),
        ),
        Problem(
            name="cvrptw",
            title="capacitated vehicle routing with time windows",
            story="leaflets run out, and desks are staffed only at times",
            shape=Shape.TOURS,
            rules=(VisitOnce(), Capacity(), TimeWindows()),
            objective=Objective(("length",)),
        ),
        Problem(
            name="vrptw",
            title="vehicle routing with time windows",
            story="a group visits all, each poster in its session; the least walking",
            shape=Shape.TOURS,
            rules=(VisitOnce(), TimeWindows()),
            objective=Objective(("length",)),
        ),
        Problem(
            name="mtsp",
            title="min-max multiple travelling salesman problem",
            story="a group visits all, the last one home counts; not all of the group need to go",
            shape=Shape.TOURS,
            rules=(VisitOnce(),),
            objective=Objective(("longest",)),
            demanded=("num_tours",),
        ),
    )
}


GOALS = {
    "travel-time": Objective(("length",)),
    "makespan": Objective(("makespan",)),
    "longest": Objective(("longest",)),
}
"""Objectives that a user may choose in place of a problem's own."""


def with_objective(problem: Problem, goal: str) -> Problem:
    """The problem with the same shape and rules, and an objective of `GOALS`; a row of the table where it is one.

    Raises:
        ValueError: for an unknown objective, or one that the problem cannot have.
    """
    if goal not in GOALS:
        raise ValueError(unknown("objective", goal, GOALS))
    fits = problem.visits_all and {
        "makespan": problem.rule(TimeWindows) is not None,
        "longest": problem.shape.has_several_tours,
    }.get(goal, True)
    if not fits:
        raise ValueError(f"problem {problem.name!r} is not there with objective {goal!r}")
    wanted = replace(problem, objective=GOALS[goal])
    return next((row for row in PROBLEMS.values() if replace(wanted, **row.words) == row), wanted)


def get_problem(name: str) -> Problem:
    """The problem called `name`.

    Raises:
        ValueError: for an unknown name; the message lists the known names and the nearest one.
    """
    try:
        return PROBLEMS[name]
    except (KeyError, TypeError):  # TypeError: what cannot be a name
        raise ValueError(unknown("problem", name, PROBLEMS)) from None


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The message for an unknown name: the nearest known name, regardless of case, and all known names."""
    names = {k.lower(): k for k in known}
    near = get_close_matches(str(name).lower(), names, n=1)
    hint = f"; did you mean {names[near[0]]!r}?" if near else ""
    return f"unknown {kind} {shown(name)}{hint} (there are: {', '.join(names.values()) or 'none'})"
