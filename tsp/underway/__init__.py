"""Tours under way: their beginning, and the remainder as an instance of its own."""

from tsp.underway.begun import Begun, end_to_list, is_undecided, validate_underway, waits_at_start
from tsp.underway.remainder import PATH_FACTOR, UNDERWAY_RULES, Reduced, as_cycle, reduce

__all__ = [
    "PATH_FACTOR",
    "UNDERWAY_RULES",
    "Begun",
    "Reduced",
    "as_cycle",
    "end_to_list",
    "is_undecided",
    "reduce",
    "validate_underway",
    "waits_at_start",
]
