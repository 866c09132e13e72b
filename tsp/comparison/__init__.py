"""Solvers compared on the same instances, under the same wall clock and the same number of threads.

A row charges the time that a solver used, not its limit. An instance without an answer is counted, never
dropped. Every answer is checked here once more, whatever its solver reports. Warm-up is not timed.
"""

from tsp.comparison.experiment import compare
from tsp.comparison.results import Comparison
from tsp.comparison.rows import Row

__all__ = ["Comparison", "Row", "compare"]
