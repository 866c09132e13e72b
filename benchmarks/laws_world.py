"""The world of `laws.py`: posters with features, the true law of a visit's duration, days, and their logs.

The logarithm of a duration is a sum of a signal, which the features decide, and noise. The signal has a part for each
topic, a part for each seniority, an interaction of the two, and a bend in the size of the crowd. The noise is a mixture
of two components, a short talk and a long discussion. No model of `policies.laws` contains this family.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsp.formats.visit_log import Target, VisitLog

Array = NDArray[np.float64]

TOPICS, SENIORITIES = 6, 4
MEAN_LOG, DEVIATION = float(np.log(10.0)), 0.6
"""Mean and standard deviation of the logarithm of a duration in minutes, whatever the strength of the features."""
SESSION = 90.0
"""Minutes of a session."""
POSTERS = 20
"""Posters of a day in the logs."""
WALK = 10.0
"""Minutes that a walk along a side of the square hall takes."""
RANDOM_SHARE = 0.1
"""Share of random visits of the logging policy."""
UNSELECTED = 7
"""Visits of a day in the unselected logs."""
TRUE_LEVELS = (np.arange(200) + 0.5) / 200


class World(NamedTuple):
    """The truth of a replicate.

    Attributes:
        strength: R² of the features: share of the variance of log durations that the signal has.
        topic: part of the signal by topic.
        seniority: part by seniority.
        both: part by topic and seniority.
        mean: of the signal before it is standardized.
        deviation: of the signal before it is standardized.
        noise: quantiles of the noise at `TRUE_LEVELS`, mean 0 and standard deviation 1.
    """

    strength: float
    topic: Array
    seniority: Array
    both: Array
    mean: float
    deviation: float
    noise: Array


class Posters(NamedTuple):
    """Posters with what is known of them before the day: three features and one that says nothing."""

    topic: NDArray[np.int64]
    seniority: NDArray[np.int64]
    crowd: Array
    row: NDArray[np.int64]

    def features(self) -> dict[str, tuple[str, ...]]:
        """The columns of a log."""
        return {
            "topic": tuple(f"topic {k}" for k in self.topic.tolist()),
            "seniority": tuple(f"stage {k}" for k in self.seniority.tolist()),
            "crowd": tuple(f"{x:.3f}" for x in self.crowd.tolist()),
            "row": tuple(f"row {k}" for k in self.row.tolist()),
        }


def draw_posters(count: int, generator: np.random.Generator) -> Posters:
    """Independent posters."""
    return Posters(
        generator.integers(TOPICS, size=count),
        generator.integers(SENIORITIES, size=count),
        generator.uniform(size=count).round(3),
        generator.integers(5, size=count),
    )


def draw_world(strength: float, generator: np.random.Generator) -> World:
    """A truth whose features have this strength."""
    parts = (generator.normal(size=s) for s in (TOPICS, SENIORITIES, (TOPICS, SENIORITIES)))
    draws = generator.normal(size=200_000)
    is_long = generator.uniform(size=draws.size) < 0.3
    noise = np.quantile(np.where(is_long, 1.2 + 0.9 * draws, -0.5 + 0.5 * draws), TRUE_LEVELS)
    world = World(strength, *parts, 0.0, 1.0, (noise - noise.mean()) / noise.std())
    raw = signal(world, draw_posters(100_000, generator))
    return world._replace(mean=float(raw.mean()), deviation=float(raw.std()))


def signal(world: World, posters: Posters) -> Array:
    """The signal of each poster, standardized."""
    bend = 2.0 * np.abs(posters.crowd - 0.4)
    raw = world.topic[posters.topic] + 0.7 * world.seniority[posters.seniority] + bend
    raw = raw + 0.5 * world.both[posters.topic, posters.seniority]
    return (raw - world.mean) / world.deviation


def true_quantiles(world: World, posters: Posters) -> Array:
    """The quantiles of the durations at `TRUE_LEVELS`, in minutes `[R, 200]`."""
    strength = world.strength
    known = np.sqrt(strength) * signal(world, posters)[:, None] + np.sqrt(1 - strength) * world.noise
    return np.exp(MEAN_LOG + DEVIATION * known)


def draw_log(world: World, days: int, generator: np.random.Generator, *, selected: bool) -> VisitLog:
    """The log of past days.

    Args:
        world: the truth.
        days: number of days.
        generator: of random numbers.
        selected: whether the scientist chose and was interrupted: she goes on to the poster with the greatest prize for
            each minute of walking and of a visit of average length, one time in ten to any, and the visit under way
            when she has to leave is broken off. Prizes grow with seniority, so that her choice depends on a feature.
            In unselected logs a few random posters of each day are visited to the end.
    """
    day: list[int] = []
    values: list[float] = []
    censored: list[bool] = []
    columns = {name: list[str]() for name in draw_posters(0, generator).features()}
    for d in range(days):
        posters = draw_posters(POSTERS, generator)
        quantiles = true_quantiles(world, posters)
        durations = quantiles[np.arange(POSTERS), generator.integers(len(TRUE_LEVELS), size=POSTERS)]
        if selected:
            visits = _walk(posters, durations, generator)
        else:
            visits = [(int(i), float(durations[i]), False) for i in generator.permutation(POSTERS)[:UNSELECTED]]
        texts = posters.features()
        for node, value, is_cut in visits:
            day.append(d)
            values.append(value)
            censored.append(is_cut)
            for name, column in columns.items():
                column.append(texts[name][node])
    features = {name: tuple(column) for name, column in columns.items()}
    return VisitLog(Target.DURATION, np.array(day), np.array(values), np.array(censored), features, len(day))


def _walk(posters: Posters, durations: Array, generator: np.random.Generator) -> list[tuple[int, float, bool]]:
    """A day of the logging policy: nodes, the durations observed, and whether the visit was broken off."""
    points = generator.uniform(size=(POSTERS, 2))
    prizes = generator.uniform(1, 10, size=POSTERS) * (1 + posters.seniority)
    home, average = np.array([0.5, 0.5]), float(np.exp(MEAN_LOG))
    here, time = home, 0.0
    left = list(range(POSTERS))
    visits: list[tuple[int, float, bool]] = []
    while True:
        walks = WALK * np.linalg.norm(points - here, axis=1)
        ends = SESSION - WALK * np.linalg.norm(points - home, axis=1)
        left = [i for i in left if time + walks[i] < ends[i]]
        if not left:
            return visits
        worth = prizes[left] / (walks[left] + average)
        node = left[int(generator.integers(len(left)) if generator.uniform() < RANDOM_SHARE else worth.argmax())]
        left.remove(node)
        time += float(walks[node])
        spare = float(ends[node]) - time
        if durations[node] > spare:
            return [*visits, (node, spare, True)]
        visits.append((node, float(durations[node]), False))
        time += float(durations[node])
        here = points[node]
