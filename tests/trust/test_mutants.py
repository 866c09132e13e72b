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


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_that_does_something_else_is_caught(module, tmp_path):
    alive, count = survivors(module, TESTS, tmp_path / "mutants.jsonl")
    print(f"{module}: {count} mutants, {count - len(alive)} caught", *alive, sep="\n")  # noqa: T201
    assert not alive
