"""Generators of instances for training sets, test sets and poster halls.

A distribution draws the coordinates of the nodes. A function of `DRAWS` then draws each attribute that the
rules and the objective need, as the literature does. Everything is float32 in the unit square and drawn from
an explicit `torch.Generator`, so a seed fixes the instances on a given device.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor

from tsp.files import MOST_INSTANCES
from tsp.instance import HIDDEN, LAWS, LIMITS, NODE_VALUES, Instance, Realization
from tsp.problems import Problem, get_problem, unknown
from tsp.validation import text, whole_number

from . import kool_sets, x_set
from .batch import Batch, from_coordinates
from .halls import TRAIN_LAYOUTS, Array, HallConfig, draw_layouts, draw_many, layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Values = dict[str, Tensor]

FLEET = 3
"""Number of tours in generated instances of problems with several tours."""


def _rand(*shape: int, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def uniform(count: int, nodes: int, generator: Generator) -> Values:
    """Points uniform in the unit square (Kool et al. 2019)."""
    return {"coordinates": _rand(count, nodes, 2, generator=generator)}


def clusters(count: int, nodes: int, generator: Generator) -> Values:
    """Points around 3 to 8 centres, normal with deviation 0.05, clamped to the square."""
    device = generator.device
    centres = 0.1 + 0.8 * _rand(count, 8, 2, generator=generator)
    used = torch.randint(3, 9, (count, 1), generator=generator, device=device)
    own = (_rand(count, nodes, generator=generator) * used).long()
    spread = 0.05 * torch.randn((count, nodes, 2), generator=generator, device=device)
    return {"coordinates": (centres.gather(1, own[..., None].expand(-1, -1, 2)) + spread).clamp(0, 1)}


def mixed(count: int, nodes: int, generator: Generator) -> Values:
    """Half of an instance's points in clusters, half uniform."""
    clustered = clusters(count, nodes, generator)["coordinates"]
    spread = uniform(count, nodes, generator)["coordinates"]
    return {"coordinates": torch.where(_rand(count, nodes, 1, generator=generator) < 0.5, clustered, spread)}


def hall(count: int, nodes: int, generator: Generator, layouts: Sequence[int] = TRAIN_LAYOUTS) -> Values:
    """Posters chosen in poster halls, with walking distances, interest and sessions; see `envs.halls`."""
    drawn = draw_many(_hall_rng(generator), count, nodes - 1, layouts=layouts)
    return {name: torch.from_numpy(np.asarray(x, dtype=np.float32)).to(generator.device) for name, x in drawn.items()}


def _hall_rng(generator: Generator) -> np.random.Generator:
    """The source of randomness of a set of halls."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator, device=generator.device)))


def x_like(count: int, nodes: int, generator: Generator) -> Values:
    """Depots, customers, demands and capacities as in CVRPLIB's set X; see `envs.x_set`."""
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
    drawn = [x_set.draw_instance(rng, nodes - 1) for _ in range(count)]
    columns = zip(("coordinates", "demands", "capacity"), zip(*drawn, strict=True), strict=True)
    return {name: torch.tensor(np.array(x, dtype=np.float32), device=generator.device) for name, x in columns}


GENERATORS: dict[str, Callable[[int, int, Generator], Values]] = {
    "uniform": uniform,
    "clusters": clusters,
    "mixed": mixed,
    "hall": hall,
    "x": x_like,
}
"""Named distributions of nodes: `[count, nodes, 2]` coordinates, and in halls and set X further attributes."""

VARIANTS = ("const", "unif", "dist", "easy", "medium", "hard", "steady", "sparse", "varied")
"""Suffixes of a distribution's name: of prizes (as Kool et al.; default `dist`), of time windows (default `medium`),
of sessions (`steady` times vary less, `sparse` nodes appear less often), of the largest length (`varied`: of each
instance another).

`hall-` may also be followed by a number: every day is then in that one hall.
"""


def split_distribution(name: str) -> tuple[str, str]:
    """A distribution's name and its variant, which may be empty.

    Raises:
        ValueError: for an unknown name, with the known ones and the nearest.
    """
    place, dash, variant = name.partition("-")
    one_hall = place == "hall" and variant.isascii() and variant.isdecimal()
    if place not in GENERATORS or (dash and variant not in VARIANTS and not one_hall):
        known = [*GENERATORS, "hall-7", *(f"uniform-{variant}" for variant in VARIANTS)]
        raise ValueError(unknown("distribution", name, known))
    return place, variant


_PRIZES, _WINDOWS = ("prizes", "law_waits"), ("time_windows",)
READ_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("const", "unif", "dist"), _PRIZES),
    **dict.fromkeys(("easy", "medium", "hard"), _WINDOWS),
    "steady": ("law_service_times", "law_waits"),
    "sparse": ("law_appears",),
    "varied": ("max_length",),
}
"""Variant → the attributes whose draw reads it."""


def require_distribution(problem: Problem, distribution: str) -> None:
    """Refuse an unknown distribution, and a variant that changes nothing of the problem's instances.

    Raises:
        ValueError: naming the distribution and what was expected.
    """
    place, variant = split_distribution(distribution)
    readers = {name for name in READ_BY.get(variant, ()) if name in problem.needs}
    if place == "hall":  # which has prizes and windows of its own
        readers = readers if variant in ("steady", "sparse", "varied") else set[str]()
    if "min_prize" in problem.needs:  # whose draw sets the prizes too
        readers -= {"prizes"}
    if not (problem.visits_all and problem.shape.has_one_depot_tour):  # whose windows are drawn around no tour
        readers -= {"time_windows"}
    if variant in VARIANTS and not readers:
        found = f"distribution {distribution!r}: {variant!r} changes nothing of problem {problem.name!r}"
        raise ValueError(f"{found}, expected {place!r}")


def _customers(values: Values) -> int:
    return values["coordinates"].shape[1] - 1


def _full(values: Values, value: float) -> Tensor:
    coordinates = values["coordinates"]
    return torch.full((coordinates.shape[0],), value, device=coordinates.device)


def _without_depot(drawn: Tensor) -> Tensor:
    drawn[:, 0] = 0.0
    return drawn


def _to_depot(values: Values) -> Tensor:
    return (values["coordinates"] - values["coordinates"][:, :1]).square().sum(-1).sqrt()


def _draw_prizes(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Prizes of Kool et al.: all 1, uniform hundredths, or growing with the distance to the depot."""
    count, nodes, _ = values["coordinates"].shape
    if variant == "const":
        prizes = torch.ones((count, nodes), device=generator.device)
    elif variant == "unif":
        prizes = torch.randint(1, 101, (count, nodes), generator=generator, device=generator.device) / 100
    else:
        far = _to_depot(values)
        prizes = (1 + (far / far.amax(1, keepdim=True).clamp(min=1e-9) * 99).floor()) / 100
    return {"prizes": _without_depot(prizes)}


VARIED = (0.5, 2.5)
"""Largest lengths in the variant `varied`, as shares of the usual one."""


def _draw_max_length(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """The largest length of Kool et al., or the hall's own; in the variant `varied` from half of it to 2.5 times."""
    usual = values.get("max_length", _full(values, kool_sets.max_length(_customers(values))))
    if variant != "varied":
        return {"max_length": usual}
    low, high = VARIED
    return {"max_length": usual * (low + (high - low) * _rand(len(usual), generator=generator))}


def _draw_penalties(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Penalties of Kool et al.: uniform up to three longest tours, divided by the number of customers."""
    count, nodes, _ = values["coordinates"].shape
    highest = 3 * kool_sets.max_length(nodes - 1) / (nodes - 1)
    return {"penalties": _without_depot(_rand(count, nodes, generator=generator) * highest)}


PRIZE_VARIANCE = 1 / 3
"""Variance of a real prize with expectation 1: it is uniform from 0 to 2 (`_draw_quota`, Kool et al.)."""


def _draw_quota(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Prizes of Kool et al.: uniform, about twice the quota of 1 in total; real ones up to twice the expected."""
    count, nodes, _ = values["coordinates"].shape
    out = {"min_prize": _full(values, 1.0)}
    if "prizes" in values:  # in a hall, half of all prizes
        out["prizes"] = values["prizes"] * (2.0 / values["prizes"].sum(1, keepdim=True).clamp(min=1e-9))
    else:
        out["prizes"] = _without_depot(_rand(count, nodes, generator=generator) * 4 / (nodes - 1))
    if problem.expects_prizes:
        out["real_prizes"] = out["prizes"] * 2 * _rand(count, nodes, generator=generator)
    return out


def _draw_capacity(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Demands of 1 to 9 and a capacity of 20 to 50 (Nazari et al. 2018, Kool et al. 2019)."""
    count, nodes, _ = values["coordinates"].shape
    demands = torch.randint(1, 10, (count, nodes), generator=generator, device=generator.device).float()
    return {"demands": _without_depot(demands), "capacity": _full(values, kool_sets.capacity(nodes - 1))}


WIDTHS = {"easy": (0.5, 0.75), "medium": (0.1, 0.2)}
"""Widths of time windows, as shares of the day (Bi et al. 2024, PIP)."""
HARD_WIDTH = 0.5
"""Hard windows reach up to this long before and after the arrival (Cappart et al. 2021)."""


def _draw_windows(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Time windows that can be kept.

    Where one tour must visit all nodes, they lie around the arrivals of a tour in random order. Elsewhere they
    take a tenth to four tenths of the day, and a tour to the node and back keeps them.
    """
    count, nodes, _ = values["coordinates"].shape
    share = _rand(count, nodes, generator=generator)
    if problem.visits_all and problem.shape.has_one_depot_tour:
        opens, closes = _around_a_tour(values, variant, share, generator)
    else:
        opens, closes = _there_and_back(values, share, generator)
    return {"time_windows": torch.stack([opens, closes], -1)}


def _around_a_tour(values: Values, variant: str, share: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    count, nodes, _ = values["coordinates"].shape
    order = _rand(count, nodes - 1, generator=generator).argsort(1) + 1
    order = torch.cat([torch.zeros_like(order[:, :1]), order], 1)
    along = values["coordinates"].gather(1, order[..., None].expand(-1, -1, 2))
    legs = (along[:, 1:] - along[:, :-1]).square().sum(-1).sqrt()
    times = torch.nn.functional.pad(legs.cumsum(1), (1, 0))
    arrival = torch.zeros_like(times).scatter(1, order, times)
    if variant == "hard":
        before, after = HARD_WIDTH * share, HARD_WIDTH * _rand(count, nodes, generator=generator)
    else:
        least, most = WIDTHS[variant if variant in WIDTHS else "medium"]
        width = (least + (most - least) * share) * times[:, -1:]
        before = width * _rand(count, nodes, generator=generator)
        after = width - before
    opens, closes = (arrival - before).clamp(min=0.0), arrival + after
    closes[:, 0] = (closes + _to_depot(values))[:, 1:].amax(1)
    opens[:, 0] = 0.0
    return opens, closes


def _there_and_back(values: Values, share: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    back = _to_depot(values)
    day = (2.1 * back.amax(1, keepdim=True)).clamp(min=kool_sets.max_length(_customers(values)))
    # a tour that leaves the node when its window closes is still back in time
    closes = back + (day - 2 * back) * (0.1 + 0.9 * _rand(*back.shape, generator=generator))
    opens = (closes - day * (0.1 + 0.3 * share)).clamp(min=0.0)
    opens[:, :1], closes[:, :1] = 0.0, day
    return opens, closes


def _draw_matrix(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Shortest paths over uniform random distances: asymmetric, with the triangle inequality (tmat)."""
    count, nodes, _ = values["coordinates"].shape
    matrix = _rand(count, nodes, nodes, generator=generator)
    matrix.diagonal(dim1=1, dim2=2).zero_()
    for k in range(nodes):
        matrix = torch.minimum(matrix, matrix[:, :, k, None] + matrix[:, k, None, :])
    # such distances have no coordinates
    return {"matrix": matrix, "coordinates": torch.zeros_like(values["coordinates"])}


def _draw_fleet(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    return {"num_tours": _full(values, float(FLEET))}


OUTCOMES = 20
"""Number of equally likely outcomes of a visit."""
DURATIONS = (0.02, 0.12)
"""Means of the durations of visits where the instances bring none: sessions of 20 customers have about 8 visits."""
VARIATION, STEADY_VARIATION = 0.8, 0.4
"""Standard deviation of a time, as a share of its mean; the second one in the variant `steady`."""
MOST_ABSENT = 6
"""At most this number less one of a node's outcomes are those in which nobody is there."""


def _draw_durations(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Lognormal durations of visits, and the real ones, drawn from these."""
    law = _lognormal(_mean_durations(values, generator), variant)
    drawn = torch.randint(OUTCOMES, (*law.shape[:2], 1), generator=generator, device=generator.device)
    return {"law_service_times": law, "real_service_times": law.gather(-1, drawn)[..., 0]}


def _draw_queues(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Lognormal waits, uniform prizes of the mean of `_draw_prizes` beside them, and the real ones, drawn from these.

    A visit takes half of the mean duration, and its wait the other half. A node's wait and prize are independent, but
    where nobody is there the wait is infinite and the prize 0.
    """
    half = 0.5 * _mean_durations(values, generator)
    waits = _lognormal(half, variant)
    (count, nodes, _), device = waits.shape, generator.device
    absent = torch.randint(MOST_ABSENT, (count, nodes, 1), generator=generator, device=device)
    order = _rand(count, nodes, OUTCOMES, generator=generator).argsort(-1)
    is_absent = (order < absent) & (torch.arange(nodes, device=device)[None, :, None] > 0)
    mean = values["prizes"] if "prizes" in values else _draw_prizes(values, problem, variant, generator)["prizes"]
    prizes = mean[..., None] * 2 * _rand(count, nodes, OUTCOMES, generator=generator)
    laws = {"waits": waits.masked_fill(is_absent, math.inf), "prizes": prizes.masked_fill(is_absent, 0.0)}
    drawn = torch.randint(OUTCOMES, (count, nodes, 1), generator=generator, device=device)
    real = {f"real_{name}": law.gather(-1, drawn)[..., 0] for name, law in laws.items()}
    return {"service_times": half, **{f"law_{name}": law for name, law in laws.items()}, **real}


THERE_FROM_START = 0.25
"""Share of nodes that are there when the session begins."""
RATE, SPARSE_RATE = 2.0, 0.7
"""Mean rate at which a node appears, for one session; the second one in the variant `sparse`."""
RATES = (0.5, 1.5)
"""Rates of the nodes, as shares of the mean rate."""


def _draw_appearances(values: Values, problem: Problem, variant: str, generator: Generator) -> Values:
    """Exponential times at which nodes appear, and the real ones, drawn from these; durations of visits are known.

    A node that would appear after the session never does.
    """
    count, nodes, _ = values["coordinates"].shape
    low, high = RATES
    rate = SPARSE_RATE if variant == "sparse" else RATE
    rates = rate * (low + (high - low) * _rand(count, nodes, generator=generator))
    shares = (torch.arange(OUTCOMES, dtype=torch.float64) + 0.5) / OUTCOMES
    times = -torch.log1p(-shares).to(rates) / rates[..., None]  # in sessions
    law = torch.where(times < 1, times * values["max_length"][:, None, None], math.inf)
    is_there = _without_depot(_rand(count, nodes, generator=generator)) < THERE_FROM_START
    law = law.masked_fill(is_there[..., None], 0.0)
    drawn = torch.randint(OUTCOMES, (count, nodes, 1), generator=generator, device=generator.device)
    durations = 0.5 * _mean_durations(values, generator)
    return {"law_appears": law, "real_appears": law.gather(-1, drawn)[..., 0], "service_times": durations}


def _mean_durations(values: Values, generator: Generator) -> Tensor:
    """The mean duration of each visit: of halls their own, else uniform."""
    count, nodes, _ = values["coordinates"].shape
    low, high = DURATIONS
    return _without_depot(values.get("service_times", low + (high - low) * _rand(count, nodes, generator=generator)))


def _lognormal(mean: Tensor, variant: str) -> Tensor:
    """Lognormal times `[B, n, K]` of a mean `[B, n]`, as quantiles of equal probability."""
    variation = STEADY_VARIATION if variant == "steady" else VARIATION
    shares = (torch.arange(OUTCOMES, dtype=torch.float64) + 0.5) / OUTCOMES
    quantiles = torch.exp(math.sqrt(math.log1p(variation**2)) * torch.special.ndtri(shares))
    return mean[..., None] * (quantiles / quantiles.mean()).to(mean)


DRAWS: dict[str, Callable[[Values, Problem, str, Generator], Values]] = {
    "matrix": _draw_matrix,
    "num_tours": _draw_fleet,
    "min_prize": _draw_quota,
    "prizes": _draw_prizes,
    "penalties": _draw_penalties,
    "capacity": _draw_capacity,
    "max_length": _draw_max_length,
    "time_windows": _draw_windows,
    "law_service_times": _draw_durations,
    "law_waits": _draw_queues,
    "law_appears": _draw_appearances,
}
"""Attribute → the function that draws it where a problem needs it; one function may draw several attributes."""


MOST_NUMBERS = 500_000_000
"""The most coordinates, or distances, of a generated set."""


def node_count(problem: Problem, size: int) -> int:
    """Nodes of an instance with `size` customers: problems with a depot have one more."""
    return size + int(problem.shape.has_depot)


def generate(problem: Problem | str, distribution: str, count: int, size: int, generator: Generator) -> Batch:
    """Draw `count` instances of `size` customers in the unit square, depots first.

    Raises:
        ValueError: for an unknown distribution, with the known ones and the nearest, and for no node.
    """
    problem = get_problem(problem) if isinstance(problem, str) else problem
    place, variant = split_distribution(distribution)
    size = whole_number(size, "size", least=1, expected="at least one node")
    nodes = node_count(problem, size)
    if variant.isdecimal():
        values = hall(count, nodes, generator, layouts=[int(variant)])
    else:
        values = GENERATORS[place](count, nodes, generator)
    return as_batch(problem, draw_attributes(problem, values, variant, generator))


def draw_attributes(problem: Problem, values: Values, variant: str, generator: Generator) -> Values:
    """The values with those attributes that the problem needs and the values do not hold."""
    wanted = set(problem.needs)
    drawn: set[str] = set()
    for name, draw in DRAWS.items():
        # the draw of a quota sets the prizes too, that of lengths varies the hall's; a hall's others stay as they are
        if name in wanted and name not in drawn and (name not in values or name in ("min_prize", "max_length")):
            new = draw(values, problem, variant, generator)
            values = values | new
            drawn |= set(new)
    return values


def as_batch(problem: Problem, values: Values) -> Batch:
    """Drawn attributes as a batch, without those that the problem does not need; a path ends at the last node."""
    kept = {*problem.needs, "coordinates", "matrix", *(f"real_{name}" for name in HIDDEN)}
    kept |= {"service_times"} if {"time_windows", "law_waits", "law_appears"} & kept else set()
    values = {name: value for name, value in values.items() if name in kept}
    coordinates = values.pop("coordinates")
    if problem.shape.is_path:  # from the first node to the last
        count, nodes, _ = coordinates.shape
        values["end"] = torch.full((count,), nodes - 1, device=coordinates.device)
    return from_coordinates(coordinates, values)


def to_instances(problem: str, batch: Batch, name: str) -> tuple[list[Instance], list[Realization] | None]:
    """The instances of a batch as float64 `Instance`s, and the values that they hide."""
    located = bool(batch.coordinates.any())
    # values are drawn in float32; rounding makes 0.08 of 0.07999999821
    arrays = {key: value.double().cpu().numpy().round(7) for key, value in batch.values.items()}
    real = {name: arrays.pop(f"real_{name}") for name in HIDDEN if f"real_{name}" in arrays}
    given = [key for key in (*NODE_VALUES, *LAWS, "time_windows", *LIMITS) if key in arrays]
    matrices = None if batch.distances is None else batch.distances.double().cpu().numpy()
    points = (batch.coordinates.double() * batch.scale.double()[:, None, None]).cpu().numpy()
    ends = ((batch.end != batch.depot) & (batch.end < batch.size)).tolist()  # n: none is named
    instances = [
        Instance(
            coordinates=points[i] if located or matrices is None else None,
            matrix=None if matrices is None else matrices[i],
            problem=problem,
            name=f"{name}[{i}]",
            end=int(batch.end[i]) if ends[i] else None,
            num_tours=int(arrays["num_tours"][i]) if "num_tours" in arrays else None,
            **{key: arrays[key][i] for key in given},
        )
        for i in range(batch.count)
    ]
    if not real:
        return instances, None
    return instances, [Realization(**{name: rows[i] for name, rows in real.items()}) for i in range(batch.count)]


def generate_set(
    problem: str, distribution: str, size: int, count: int, seed: int
) -> tuple[list[Instance], list[Realization] | None]:
    """Draw instances, named after their distribution and size, and the values that they hide.

    Args:
        problem: name of the problem.
        distribution: as in `generate`, or `kool` (for orienteering `kool-const`, `kool-unif`,
            `kool-dist`) for the sets of Kool et al., bit for bit.
        size: number of customers.
        count: number of instances.
        seed: fixes the instances.
    """
    get_problem(problem)
    size = whole_number(size, "size", least=1, expected="at least one node")
    count = whole_number(count, "count", least=0, expected="a whole number of 0 or more")
    seed = whole_number(seed, "seed", least=0, most=2**32 - 1, expected=f"a whole number from 0 to {2**32 - 1}")
    distribution = text(distribution, "distribution")
    numbers = count * node_count(get_problem(problem), size) * (size if "matrix" in get_problem(problem).needs else 2)
    if count > MOST_INSTANCES or numbers > MOST_NUMBERS:
        raise ValueError(
            f"{count} instances of {size} nodes: too many to be held in memory, "
            f"expected at most {MOST_INSTANCES} with together {MOST_NUMBERS:.0e} numbers"
        )
    if distribution.partition("-")[0] == "kool":
        return kool_sets.generate(problem, distribution, count, size, seed)
    require_distribution(get_problem(problem), distribution)
    batch = generate(problem, distribution, count, size, Generator().manual_seed(seed))
    instances, realizations = to_instances(problem, batch, f"{distribution}{size}")
    place, variant = split_distribution(distribution)
    if place == "hall":
        walls = _walls(count, batch.size - 1, Generator().manual_seed(seed), _layouts(variant))
        instances = [replace(one, walls=lines) for one, lines in zip(instances, walls, strict=True)]
    return instances, realizations


def _layouts(variant: str) -> Sequence[int]:
    """The layouts of `hall-7`, or those for training."""
    return [int(variant)] if variant.isdecimal() else TRAIN_LAYOUTS


def _walls(count: int, size: int, generator: Generator, layouts: Sequence[int]) -> list[Array]:
    """The walls of the halls in which `hall` draws days with a generator in the same state."""
    config = HallConfig.for_size(size)
    return [layout(seed, config).walls for seed in draw_layouts(_hall_rng(generator), count, layouts)]


def generate_instances(problem: str, distribution: str, size: int, count: int, seed: int) -> list[Instance]:
    """The instances of `generate_set`."""
    return generate_set(problem, distribution, size, count, seed)[0]
