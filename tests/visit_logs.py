"""Drawn logs of visits, for tests of laws."""

import numpy as np

from tsp.formats.visit_log import Target, VisitLog


def drawn_log(days=20, visits=6, effect=1.0, *, cuts=None, seed=0):
    """Durations of about 10 minutes, greater by a factor exp(effect) at loud posters.

    With `cuts`, a low and a high end, visits that last longer than a number drawn between them are broken off then.
    """
    generator = np.random.default_rng(seed)
    count = days * visits
    is_loud = generator.uniform(size=count) < 0.5
    values = 10 * np.exp(effect * is_loud + 0.3 * generator.normal(size=count))
    limits = np.full(count, np.inf) if cuts is None else generator.uniform(*cuts, size=count)
    features = {
        "voice": tuple(np.where(is_loud, "loud", "quiet").tolist()),
        "figures": tuple(str(k) for k in generator.integers(1, 5, size=count).tolist()),
    }
    day = np.repeat(np.arange(days), visits)
    return VisitLog(Target.DURATION, day, np.minimum(values, limits), values > limits, features, count)
