"""The problem that an instance states: a row of the table, and the rules that its own data add.

A length limit in an instance of `cvrp` adds a length budget to it, time windows turn `op` into `optw`, and a number
that no rule of the problem's shape can read is refused by name. So nothing that an instance states is ignored.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tsp.instance import LIMITS
from tsp.problems import (
    PROBLEMS,
    STATED_BY,
    AppearingSession,
    Capacity,
    CompulsoryVisits,
    LateEnd,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Problem,
    QueueSession,
    Rule,
    Session,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
    with_objective,
)

if TYPE_CHECKING:
    from tsp.instance import Instance

ORDER = (
    VisitOnce,
    VisitAtMostOnce,
    CompulsoryVisits,
    SplitDelivery,
    Capacity,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    TimeWindows,
    Session,
    QueueSession,
    AppearingSession,
    LateEnd,
)
"""The order of rules in every problem; the order of the features that a policy sees follows from it."""

BRINGS: dict[str, type[Rule] | None] = {
    "demands": Capacity,
    "capacity": Capacity,
    "required": CompulsoryVisits,
    "max_length": LengthBudget,
    "min_prize": PrizeQuota,
    "time_windows": TimeWindows,
    "late_price": LateEnd,
    "prizes": None,
    "penalties": None,
    "num_tours": None,
    "law_service_times": None,
    "law_waits": None,
    "law_prizes": None,
    "law_appears": None,
}
"""Attribute of an instance → the rule that it adds; None where only an objective or the shape reads the attribute.

Service times are read wherever there is a time window or a length budget.
"""

TITLES: dict[type[Rule], str] = {
    CompulsoryVisits: "compulsory visits",
    Capacity: "a capacity",
    LengthBudget: "a length budget",
    PrizeQuota: "a prize quota",
    TimeWindows: "time windows",
    LateEnd: "a late end",
}
"""A rule in the title of a composed problem: `capacitated vehicle routing with a length budget`."""

IMPLIED: tuple[tuple[set[str], str], ...] = (
    ({"penalties"}, "pctsp"),
    ({"law_waits", "law_prizes"}, "opq"),
    ({"law_service_times"}, "opst"),
    ({"law_appears"}, "dop"),
    ({"prizes", "num_tours"}, "top"),
    ({"prizes", "time_windows"}, "optw"),
    ({"prizes"}, "op"),
    ({"demands", "time_windows"}, "cvrptw"),
    ({"demands"}, "cvrp"),
    ({"capacity"}, "cvrp"),
    ({"num_tours", "time_windows"}, "vrptw"),
    ({"num_tours"}, "mtsp"),
    ({"time_windows"}, "tsptw"),
)
"""The rows from which a problem is chosen where none is named: the first row whose attributes an instance has."""


def stated(instance: Instance) -> frozenset[str]:
    """The attributes of `BRINGS` that an instance has."""
    return frozenset(name for name in BRINGS if getattr(instance, name) is not None)


def implied_problem(instance: Instance) -> str:
    """Name of the problem that an instance's attributes imply, whatever its own is."""
    found = stated(instance)
    return next((name for attributes, name in IMPLIED if attributes <= found), "tsp")


def problem_of(instance: Instance) -> Problem:
    """The problem that an instance states: its own, with the rules and the objective that its data add.

    An attribute that no rule of the problem's shape can read is left out; `validated_problem` refuses it.

    Raises:
        ValueError: for an unknown problem, or an objective that the problem cannot have.
    """
    return _compose(instance.problem, instance.objective, stated(instance))


def validated_problem(instance: Instance) -> Problem:
    """The problem of an instance that is to be solved: that of `problem_of`, validated.

    Raises:
        ValueError: also where `require_read` or `Problem.validate` refuses the instance.
    """
    problem = problem_of(instance)
    require_read(problem, instance)
    problem.validate(instance)
    return problem


def require_read(problem: Problem, instance: Instance) -> None:
    """Refuse an instance with an attribute that the problem does not read.

    Demands without a capacity limit nothing: `unused` says so.

    Raises:
        ValueError: naming the attribute, and the problems that read it.
    """
    name, found = instance.name or "instance", stated(instance)
    if "capacity" in found and "demands" not in found:
        both = f"{STATED_BY['capacity']} needs {STATED_BY['demands']}"
        raise ValueError(f"{name}: capacity: {both}, expected both or neither")
    require_used_read(problem, instance)
    if "capacity" not in found and problem.shape.has_depot:
        found -= {"demands"}
    for attribute in BRINGS:
        if attribute in found - reads(problem):
            rule, rows = BRINGS[attribute], list(PROBLEMS.values())
            readers = [row.name for row in rows if attribute in reads(row)]
            readers = readers or [row.name for row in rows if rule is not None and _fits(rule, row)]
            raise ValueError(
                f"{name}: {attribute}: problem {problem.name!r} does not read {STATED_BY[attribute]}; "
                f"expected one of {', '.join(readers)}, or the attribute left out (--ignore)"
            )


def require_used_read(problem: Problem, instance: Instance) -> None:
    """Refuse what a tour under way has used and no rule or objective reads.

    Raises:
        ValueError: naming the attribute.
    """
    name = instance.name or "instance"
    has_budget = problem.rule(LengthBudget) is not None and instance.max_length is not None
    counts_length = has_budget or not {"length", "longest"}.isdisjoint(problem.objective.terms)
    for tour in () if instance.underway is None else instance.underway.tours:
        if tour.elapsed is not None and problem.rule(TimeWindows) is None and problem.rule(Session) is None:
            raise ValueError(
                f"{name}: elapsed: {instance.units.format_time(tour.elapsed)}, "
                f"expected none in problem {problem.name!r}, where no time counts"
            )
        if tour.travelled is not None and not counts_length:
            raise ValueError(
                f"{name}: travelled: {tour.travelled:g}, expected none in problem {problem.name!r}, "
                "where no length counts"
            )


@cache
def _compose(name: str, goal: str | None, attributes: frozenset[str]) -> Problem:
    problem = get_problem(name)
    if "capacity" not in attributes:
        attributes -= {"demands"}  # without a capacity they limit nothing, see `unused`
    added: list[type[Rule]] = []
    for attribute, rule in BRINGS.items():
        if attribute in attributes - reads(problem) and rule is not None and _fits(rule, problem):
            rules = sorted([*problem.rules, rule()], key=lambda one: ORDER.index(type(one)))
            problem = replace(problem, rules=tuple(rules))
            added.append(rule)
    if goal is not None:
        problem = with_objective(problem, goal)
    if not added:
        return problem
    row = next((row for row in PROBLEMS.values() if _same(row, problem)), None)
    return row or replace(problem, title=f"{problem.title} with {' and '.join(TITLES[rule] for rule in added)}")


def unused(instance: Instance) -> str | None:
    """A note for the user about demands that limit nothing, because no capacity is given; None without them."""
    if instance.demands is None or problem_of(instance).rule(Capacity) is not None:
        return None
    return f"{instance.name or 'instance'}: demands (column demand) count only with a capacity, and none is given"


def untimed(instance: Instance) -> str | None:
    """A note for the user about what times that are numbers mean between places on the Earth; None where none count."""
    if instance.unit is None or instance.is_clock:
        return None
    has_budget = instance.max_length is not None and problem_of(instance).rule(LengthBudget) is not None
    if instance.time_windows is None and (instance.service_times is None or not has_budget):
        return None
    return (
        f"times are numbers, so 1 {instance.unit} takes a unit of time; "
        "times of day (8:30, or a duration 0:20) are converted by --speed"
    )


def added_rules(problem: Problem) -> list[str]:
    """The rules that a composed problem has beyond those of the row of its name, in words."""
    row = PROBLEMS.get(problem.name, problem)
    own = {type(rule) for rule in row.rules}
    return [TITLES[type(rule)] for rule in problem.rules if type(rule) in TITLES and type(rule) not in own]


def described(problem: Problem) -> str:
    """The name of a problem, with the rules that it has beyond those of the row of its name."""
    added = added_rules(problem)
    return f"{problem.name} with {' and '.join(added)}" if added else problem.name


def reads(problem: Problem) -> set[str]:
    """The attributes of an instance that the problem's rules, its objective or its shape read."""
    also = {"max_length"} if problem.rule(LengthBudget) is not None else set[str]()
    also |= {"required"} if problem.visits_all else set()  # every node is
    also |= {"num_tours"} if problem.shape.has_several_tours else set()
    return {*problem.needs, *also}


def limits_of(problem: Problem, instance: Instance | None = None) -> tuple[str, ...]:
    """The limits that an instance of the problem may state: those that it reads, and those that add a rule to it.

    A rule is added only where all else that it needs is there, such as demands for a capacity: the problem needs it, or
    the `instance` has it.
    """
    known = reads(problem) | (frozenset[str]() if instance is None else stated(instance))

    def adds_rule(name: str) -> bool:
        rule = BRINGS[name]
        return rule is not None and _fits(rule, problem) and known.issuperset({*rule().needs} - {name})

    return tuple(name for name in (*LIMITS, "num_tours") if name in reads(problem) or adds_rule(name))


def _fits(rule: type[Rule], problem: Problem) -> bool:
    """Whether a rule can be added: tours must leave a depot; a quota also needs one tour that may leave nodes out.

    Sessions have other limits, and one may end late if all of its nodes are there.
    """
    if problem.rule(Session) is not None:
        return rule is TimeWindows or (rule is LateEnd and not problem.may_wait)
    if rule is LateEnd:
        return False
    if rule is PrizeQuota:
        return problem.shape.has_one_depot_tour and not problem.visits_all
    return problem.shape.has_depot


def _same(row: Problem, problem: Problem) -> bool:
    """Whether they have the same shape, objective and rules, whether or not a length budget is required."""
    rules = [tuple(LengthBudget() if type(r) is LengthBudget else r for r in p.rules) for p in (row, problem)]
    return row.shape == problem.shape and row.objective == problem.objective and rules[0] == rules[1]
