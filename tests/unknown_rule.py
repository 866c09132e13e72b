"""A rule for tests of refusals."""

from dataclasses import dataclass

from tsp.problems import Rule


@dataclass(frozen=True)
class UnknownRule(Rule):
    """A rule that no checker, environment or solver covers."""
