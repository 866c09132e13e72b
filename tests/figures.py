"""Instances to draw, and the content of figures."""

import numpy as np

from tsp.composition import reads
from tsp.instance import LAWS, Instance
from tsp.problems import get_problem
from tsp.solution import check


def texts(figure):
    """All texts in a figure: heading, facts, then the rest."""
    from matplotlib.text import Text

    return [text.get_text() for text in [*figure.texts, *figure.findobj(Text)] if text.get_text()]


def node_positions(axes):
    """The points at which the nodes are drawn."""
    return np.asarray(axes.collections[0].get_offsets())


def written_names(figure):
    """The node names written on the map, each with its box in pixels."""
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}


def random_instance(n, **options):
    return Instance(np.random.default_rng(n).random((n, 2)), name=f"random{n}", **options)


def full_instance(problem, n=7, **options):
    """An instance with all attributes that the problem reads."""
    everything = {
        "prizes": np.arange(n),
        "penalties": np.ones(n),
        "demands": np.arange(n) / 2,
        "capacity": 50.0,
        "num_tours": 3,
        "max_length": 9.0,
        "min_prize": 3.0,
        "time_windows": np.tile([0.0, 20.0], (n, 1)),
        **{law: np.ones((n, 2)) for law in LAWS},
        "law_appears": np.zeros((n, 2)),  # all are there
    }
    read = {name: value for name, value in everything.items() if name in reads(get_problem(problem))}
    if "time_windows" in read:
        read["service_times"] = np.full(n, 0.1)
    return random_instance(n, problem=problem, **read | options)


def checked(instance, tours):
    return check(get_problem(instance.problem), instance, tours, solver="hand")
