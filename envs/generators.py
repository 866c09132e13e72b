"""Generators of instances: where the points of a training set, a test set or a poster hall lie.

Every generator draws `[B, n, 2]` float32 coordinates in the unit square from an explicit
`torch.Generator`, so a seed fixes the instances on a given device.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from tsp.formats.kool import generate_tsp
from tsp.instance import Instance
from tsp.problems import get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Callable


def _rand(*shape: int, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def uniform(count: int, size: int, generator: Generator) -> Tensor:
    """Points uniform in the unit square (Kool et al. 2019)."""
    return _rand(count, size, 2, generator=generator)


def clusters(count: int, size: int, generator: Generator) -> Tensor:
    """Points around 3 to 8 centres, normal with deviation 0.05, cut off at the square's border."""
    device = generator.device
    centres = 0.1 + 0.8 * _rand(count, 8, 2, generator=generator)
    used = torch.randint(3, 9, (count, 1), generator=generator, device=device)
    own = (_rand(count, size, generator=generator) * used).long()
    spread = 0.05 * torch.randn((count, size, 2), generator=generator, device=device)
    return (centres.gather(1, own[..., None].expand(-1, -1, 2)) + spread).clamp(0, 1)


def mixed(count: int, size: int, generator: Generator) -> Tensor:
    """Half of an instance's points in clusters, half uniform."""
    clustered = clusters(count, size, generator)
    spread = uniform(count, size, generator)
    return torch.where(_rand(count, size, 1, generator=generator) < 0.5, clustered, spread)


def hall(count: int, size: int, generator: Generator) -> Tensor:
    """Posters chosen in a hall: boards on both sides of parallel aisles; node 0 is the coffee corner.

    The hall has about three boards for each chosen poster.
    """
    aisles = max(2, ceil(sqrt(3 * size / 8)))
    boards = max(4, ceil(3 * size / (2 * aisles)))  # along one side of an aisle
    x = (torch.arange(aisles).repeat_interleave(2) + torch.tensor([0.3, 0.7]).repeat(aisles)) / aisles
    y = 0.1 + 0.9 * (torch.arange(boards) + 0.5) / boards
    places = torch.cartesian_prod(x, y).to(generator.device)  # [boards in all, 2]
    chosen = _rand(count, len(places), generator=generator).argsort(1)[:, : size - 1]
    corner = torch.tensor([0.5, 0.02], device=generator.device).expand(count, 1, 2)
    return torch.cat([corner, places[chosen]], 1)


GENERATORS: dict[str, Callable[[int, int, Generator], Tensor]] = {
    "uniform": uniform,
    "clusters": clusters,
    "mixed": mixed,
    "hall": hall,
}
"""Named distributions of coordinates."""


def generate(distribution: str, count: int, size: int, generator: Generator) -> Tensor:
    """Draw `count` instances of `size` nodes, `[count, size, 2]` float32 in the unit square.

    Raises:
        ValueError: for an unknown distribution, with what there is and the nearest, and for no node.
    """
    if distribution not in GENERATORS:
        raise ValueError(unknown("distribution", distribution, GENERATORS))
    if size < 1:
        raise ValueError(f"size: {size}, expected at least one node")
    return GENERATORS[distribution](count, size, generator)


def generate_instances(problem: str, distribution: str, size: int, count: int, seed: int) -> list[Instance]:
    """Draw instances as users get them, named after their distribution and size.

    Args:
        problem: name of the problem.
        distribution: a name in `GENERATORS`, or `kool` for Kool et al.'s sets, bit for bit.
        size: number of customers.
        count: how many instances.
        seed: fixes them.
    """
    get_problem(problem)
    if distribution == "kool":
        coordinates = generate_tsp(count, size, seed)
    elif distribution in GENERATORS:
        generator = Generator().manual_seed(seed)
        coordinates = generate(distribution, count, size, generator).double().numpy()
    else:
        raise ValueError(unknown("distribution", distribution, [*GENERATORS, "kool"]))
    name = f"{distribution}{size}"
    return [Instance(points, problem=problem, name=f"{name}[{i}]") for i, points in enumerate(coordinates)]
