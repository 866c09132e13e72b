"""Mutants of the checker: each small change of its code that changes what it does is caught by a test.

Every comparison, operator, constant, condition and statement of the checker's modules is changed, one at a time
(`tests/mutants.py`), and the tests below run against the changed module. Those that none of them catches are printed.
"""

import pytest
from mutants import survivors

MODULES = ("tsp/solution.py", "tsp/checks.py", "tsp/tolerance.py")
TESTS = [
    *("tests/tsp/test_checks.py", "tests/tsp/solvers/test_sessions.py", "tests/tsp/test_solution.py"),
    *("tests/tsp/test_tolerance.py", "tests/trust/test_corrupted_solutions.py"),
    *("tests/tsp/test_itinerary.py", "tests/tsp/underway/test_underway.py", "tests/tsp/underway/test_fleets.py"),
]
EQUAL = {
    "check_roads: if False: if not instance.misses_roads:": "no leg is infinite then, and nothing is found",
    "check: if False: None if amounts is None else _as_amounts(amounts, arrays)": "None is no list of amounts either",
    "Claim.given: constant: 0": "callers take at least the start",
    "timeline_of: constant: 1": "only the first of the times is read",
    "_check_split_delivery: constant: True": "the amounts have the shape of the tours",
    "_check_time_windows: constant: True": "there is a time for each stop",
    "_check_appearing_session: constant: True": "there is a time for each stop",
    "_check_session: constant: True": "there is a time for each stop",
    "session_times: constant: True": "there is a column for each value",
    "_begun: without condition 0: not problem.shape.has_depot and": "given stops begin at the depot, if there is one",
    "_greedy_amounts: constant: 0": "the first stop is the depot, where nothing is delivered",
    "_as_tours: constant: 0": "an array of two dimensions is refused whatever its size",
    "on import: without statement: N = TypeVar": "only type checkers read it",
}
"""Mutants that do the same, by the beginning of their names, and why."""
MOST_SURVIVORS = 0.01
"""Share of the mutants that no test catches and that are not known to do the same."""


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_that_does_something_else_is_caught(module, tmp_path):
    alive, count = survivors(module, TESTS, tmp_path / "mutants.jsonl")
    unexplained = [name for name in alive if not name.partition(": ")[2].startswith(tuple(EQUAL))]
    print(f"{module}: {count} mutants, {count - len(alive)} caught, {len(alive) - len(unexplained)} equal")  # noqa: T201
    print(*unexplained, sep="\n")  # noqa: T201
    assert len(unexplained) <= MOST_SURVIVORS * count
