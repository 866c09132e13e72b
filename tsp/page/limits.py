"""What one reader of the page may ask for: sizes, seconds, and how much at once."""

from __future__ import annotations

MOST_BYTES = 16 * 2**20
"""The largest body of a request."""

MOST_NODES = 20_000
"""The most nodes of an instance."""

MOST_MATRIX_NODES = 2_000
"""The most nodes of an instance with a matrix of distances."""

MOST_STEPS_NODES = 300
"""The most nodes of an instance for which a policy shows its probabilities at each step."""

MOST_DAY_NODES = 200
"""The most nodes of an instance on whose day she walks."""

MOST_SECONDS = 120.0
"""The longest time limit of a solver."""

MOST_WAITING = 32
"""The most jobs that wait for a worker."""

BODY_SECONDS = 20.0
"""The time in which the body of a request must arrive."""

SHORT_JOB_SECONDS = 120.0
"""The time in which a job without a time limit of its own ends, the first compilation included."""

KEPT = 64
"""The number of instances that the page remembers."""

DISTRIBUTIONS = ("uniform", "clusters", "mixed", "hall", "x")
"""The distributions that the page offers: the keys of `envs.generators.GENERATORS`."""
