"""`Batch`: instances as tensors, scaled into the unit square for the policy and back for the user.

This is the only place that scales. A training batch has one size; solving pads mixed sizes, and a
padded node counts as visited from the start.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from tsp.composition import problem_of
from tsp.instance import HIDDEN, LAWS, LIMITS, NODE_VALUES, USED
from tsp.laws import expected
from tsp.stand_ins import make_stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.instance import Instance, Realization

FAR_APART = 0.25
"""Distance in the unit square from which a pair of points tells the unit of a matrix."""


class Batch(NamedTuple):
    """B instances of up to n nodes.

    Attributes:
        coordinates: `[B, n, 2]` float32 in the unit square, as the policy sees them; zeros where
            instances have none.
        scale: `[B]` float64, the unit square's side in the instance's own unit of length.
        padding: `[B, n]` bool, True where there is no node; None when all have n nodes.
        distances: `[B, n, n]` in the instances' own units and rounding, float64 while solving; None
            where they are the plain Euclidean ones of `coordinates`.
        depot: `[B]` where tours start.
        end: `[B]` where tours end; n where an instance names no node for it.
        values: the instances' other attributes by name, `[B, ...]` in their own units. For the policy,
            prizes are divided by `prize_unit` `[B]`. `real_prizes`, `real_service_times` and the like are values
            that an instance hides; of times at which nodes appear, their means where no real ones are given.
            `elapsed`, `travelled` and `load` are used by a tour under way (NaN where not given) after
            `given` steps.
    """

    coordinates: Tensor
    scale: Tensor
    padding: Tensor | None
    distances: Tensor | None
    depot: Tensor
    end: Tensor
    values: dict[str, Tensor]

    @property
    def count(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] - a batch is not searched for equal fields
        """B, the number of instances."""
        return self.coordinates.shape[0]

    @property
    def size(self) -> int:
        """n, the number of nodes of the largest instance."""
        return self.coordinates.shape[1]

    @property
    def sizes(self) -> Tensor:
        """`[B]` int64, the number of nodes of each instance."""
        if self.padding is None:
            return torch.full((self.count,), self.size, device=self.device)
        return (~self.padding).sum(1)

    @property
    def device(self) -> torch.device:
        """The device of the tensors."""
        return self.coordinates.device

    @property
    def finish(self) -> Tensor:
        """`[B]` where tours end: `end`, else the depot."""
        return torch.where(self.end < self.size, self.end, self.depot)

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with each tensor changed."""
        changed = (change(x) if isinstance(x, Tensor) else x for x in self[:-1])
        return Batch(*changed, {name: change(x) for name, x in self.values.items()})  # pyright: ignore[reportCallIssue]

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return self.map(lambda x: x.to(device))

    def in_float32(self) -> Batch:
        """The same batch in the precision of generated ones, in which policies are trained."""
        batch = self.map(lambda x: x.float() if x.dtype == torch.float64 else x)
        return batch._replace(scale=self.scale)

    def stretched(self) -> Batch:
        """Drawn instances as `from_instances` makes them, so that a policy trains on what it sees when it solves.

        Their coordinates fill the unit square, and prizes have a unit; values in the instances' own units stay.
        """
        low = self.coordinates.amin(1, keepdim=True)
        extent = (self.coordinates.amax(1, keepdim=True) - low).amax(-1, keepdim=True)
        extent = torch.where(extent > 0, extent, 1.0)
        points = (self.coordinates - low) / extent
        scale = self.scale * extent[:, 0, 0]
        if self.distances is not None:  # a matrix, whose unit may differ from that of the coordinates
            scale = _units(self.distances, points).to(scale.dtype)
        return self._replace(coordinates=points, scale=scale, values=_with_prize_unit(self.values))

    def rows(self, index: slice | Tensor) -> Batch:
        """The instances at `index`."""
        return self.map(lambda x: x[index])

    def legs(self, origins: Tensor, destinations: Tensor) -> Tensor:
        """Distances between nodes `[B, ...]` and `[B, ...]`, in the instances' own units."""
        flat = (origins.flatten(1), destinations.flatten(1))
        if self.distances is not None:
            n = self.size
            out = self.distances.flatten(1).gather(1, flat[0] * n + flat[1])
        else:
            a, b = (self.coordinates.gather(1, i[..., None].expand(-1, -1, 2)) for i in flat)
            out = (a - b).square().sum(-1).sqrt() * self.scale[:, None].to(a.dtype)
        return out.view(origins.shape)

    def with_distances(self) -> Batch:
        """The same batch with its distances computed, where they follow from the coordinates."""
        if self.distances is not None:
            return self
        made = torch.cdist(self.coordinates, self.coordinates, compute_mode="donot_use_mm_for_euclid_dist")
        return self._replace(distances=made * self.scale[:, None, None].to(made.dtype))

    def costs(self) -> Tensor:
        """Distances as the policy sees them, `[B, n, n]` float32 in units of the square's side."""
        if self.distances is None:
            return self.with_distances().costs()
        return (self.distances / self.scale[:, None, None].to(self.distances.dtype)).float()

    @property
    def real_prizes(self) -> Tensor:
        """The real prize of each node, `[B, n]`; `prizes` unless the instances hide prizes."""
        real = self.values.get("real_prizes")
        return self.prizes if real is None else real

    @property
    def prizes(self) -> Tensor:
        """The prize of each node, `[B, n]`; of a law, its mean, where 0 counts in outcomes in which nobody is there."""
        if "law_prizes" not in self.values:
            return self.values["prizes"]
        return torch.where(self.values["law_waits"].isfinite(), self.values["law_prizes"], 0.0).mean(-1)

    @property
    def real_service_times(self) -> Tensor | None:
        """The real duration of each visit, `[B, n]`; where it is hidden from this batch too, the mean of its law."""
        if "law_service_times" in self.values and "real_service_times" not in self.values:
            return self.values["law_service_times"].mean(-1)
        return self.values.get("real_service_times", self.values.get("service_times"))

    @property
    def real_waits(self) -> Tensor | None:
        """The real wait before each visit, `[B, n]`; where it is hidden from this batch too, its mean; None without."""
        if "real_waits" in self.values or "law_waits" not in self.values:
            return self.values.get("real_waits")
        return finite_mean(self.values["law_waits"])

    @property
    def real_appears(self) -> Tensor | None:
        """When each node appears, `[B, n]`; where it is hidden from this batch too, its mean; None without."""
        return self.values.get("real_appears")

    @property
    def in_session(self) -> bool:
        """Whether the instances are sessions: numbers are uncertain, and visits may be broken off."""
        return any(name in self.values for name in LAWS)

    @property
    def laws(self) -> Tensor | None:
        """The equally likely times that each visit takes with its wait, `[B, n, K]`; None where they are known."""
        if "law_waits" in self.values:
            service = self.values.get("service_times")
            return self.values["law_waits"] if service is None else self.values["law_waits"] + service[..., None]
        return self.values.get("law_service_times")

    def lengths(self, name: str) -> Tensor:
        """The attribute `name`, which is measured in lengths, as the policy sees it; float32."""
        value = self.values[name]
        return (value / self.scale.view(-1, *(1,) * (value.ndim - 1)).to(value.dtype)).float()


def finite_mean(values: Tensor) -> Tensor:
    """The mean of the finite values along the last dimension; infinite where there are none."""
    finite = values.isfinite()
    counts = finite.sum(-1)
    mean = torch.where(finite, values, 0.0).sum(-1) / counts.clamp(min=1)
    return torch.where(counts > 0, mean, float("inf"))


def rows_at(table: Tensor, index: Tensor) -> Tensor:
    """The rows of `table` `[B, m, d]` at `index` `[B, Q]`, as `[B, Q, d]`; faster than a gather."""
    B, m, d = table.shape
    offset = torch.arange(0, B * m, m, device=index.device)[:, None]
    return F.embedding(index + offset, table.reshape(B * m, d))


def from_coordinates(coordinates: Tensor, values: dict[str, Tensor] | None = None) -> Batch:
    """A batch of generated instances `[B, n, 2]` that lie in the unit square already, depots first."""
    count = coordinates.shape[0]
    depot = torch.zeros(count, dtype=torch.long, device=coordinates.device)
    given = dict(values or {})
    distances, end = given.pop("matrix", None), given.pop("end", depot)
    ones = torch.ones(count, dtype=torch.float64, device=coordinates.device)
    return Batch(coordinates, ones, None, distances, depot, end, given)


def from_instances(
    instances: Sequence[Instance], *, distances: bool = True, realizations: Sequence[Realization] | None = None
) -> Batch:
    """A padded batch of instances, their coordinates scaled into the unit square.

    A missing road is longer than any tour of the others: masks allow it, but no good tour uses it. Where tours have a
    free end, the way back to the depot has the length 0.

    Args:
        instances: all with two-dimensional coordinates, or all with a matrix.
        distances: whether the batch has the instances' own distances where they follow from the
            coordinates (environments that report lengths need them, a policy does not).
        realizations: the real values that the instances hide, for an environment that reveals them.

    Raises:
        ValueError: for an instance with neither coordinates in the plane nor a matrix, with fixed edges, or with
            several tours under way.
    """
    if realizations is None and any(instance.law_appears is not None for instance in instances):
        realizations = [expected(instance) for instance in instances]
    for one in instances:
        if one.fixed_edges is not None:
            edges = f"it fixes {len(one.fixed_edges)} edge(s) that every tour must use"
            raise ValueError(f"{one.name or 'instance'}: {edges}, which neither environments nor policies keep")
        if one.underway is not None and one.underway.others:
            tours = f"{len(one.underway.tours)} tours are under way"
            raise ValueError(
                f"{one.name or 'instance'}: {tours}, of which environments and policies continue only one; "
                "expected one, or another solver (ls, ortools or cpsat)"
            )
    instances = [
        make_stand_ins(problem_of(one), one).instance if one.misses_roads or one.free_end else one for one in instances
    ]
    count, n = len(instances), max(instance.size for instance in instances)
    points = np.zeros((count, n, 2), dtype=np.float32)
    scale = np.ones(count)
    padding = np.ones((count, n), dtype=bool)
    explicit = any(instance.matrix is not None for instance in instances)
    own = np.zeros((count, n, n)) if distances or explicit else None
    for i, instance in enumerate(instances):
        planar = instance.coordinates is not None and instance.coordinates.shape[1] == 2
        if not planar and instance.matrix is None:
            raise ValueError(f"{instance.name or 'instance'}: a policy needs coordinates in the plane, or a matrix")
        extent = float(instance.distances.max()) if not planar else 0.0
        if instance.coordinates is not None and planar:
            low = instance.coordinates.min(0)
            extent = float((instance.coordinates.max(0) - low).max())
            points[i, : instance.size] = (instance.coordinates - low) / (extent or 1.0)
            if instance.matrix is not None:  # its unit may differ from that of the coordinates
                extent = _unit(instance, points[i, : instance.size])
        scale[i] = extent if extent > 0 else 1.0
        padding[i, : instance.size] = False
        if own is not None:
            own[i, : instance.size, : instance.size] = instance.distances
    return Batch(
        torch.from_numpy(points),
        torch.from_numpy(scale),
        torch.from_numpy(padding) if padding.any() else None,
        torch.from_numpy(own) if own is not None else None,
        torch.tensor([instance.depot for instance in instances]),
        torch.tensor([n if instance.end is None else instance.end for instance in instances]),
        _with_prize_unit({name: torch.from_numpy(x) for name, x in _values(instances, n, realizations).items()}),
    )


def _units(distances: Tensor, points: Tensor) -> Tensor:
    """`_unit` of each instance of a batch, `[B]`."""
    seen = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    ratios = torch.where(seen > FAR_APART, distances.float() / seen, float("nan")).flatten(1).nanmedian(1).values
    return torch.where(ratios.isnan(), distances.flatten(1).amax(1).float(), ratios)


def _unit(instance: Instance, points: np.ndarray) -> float:
    """Length of the square's side in the matrix's unit: the median ratio of both distances over distant pairs."""
    seen = np.sqrt(np.square(points[:, None] - points[None]).sum(-1))
    far = seen > FAR_APART
    if not far.any():
        return float(instance.distances.max())
    return float(np.median(instance.distances[far] / seen[far]))


def _values(instances: Sequence[Instance], n: int, realizations: Sequence[Realization] | None) -> dict[str, np.ndarray]:
    """The attributes that any of the instances has, `[B, ...]`; an instance that lacks one gets no limit."""
    count = len(instances)
    out: dict[str, np.ndarray] = {}
    for name in (*NODE_VALUES, "time_windows"):
        if any(getattr(instance, name) is not None for instance in instances):
            windows = name == "time_windows"
            out[name] = np.zeros((count, n, 2) if windows else (count, n))
            if windows:
                out[name][..., 1] = np.inf
            for i, instance in enumerate(instances):
                if getattr(instance, name) is not None:
                    out[name][i, : instance.size] = getattr(instance, name)
    for name in LAWS:
        given = [getattr(instance, name) for instance in instances]
        if any(law is not None for law in given):
            out[name] = _padded_laws(given, n)
    for name in (*LIMITS, "num_tours"):
        given = [getattr(instance, name) for instance in instances]
        if any(value is not None for value in given):
            least = 0.0 if name == "min_prize" else np.inf
            out[name] = np.array([least if value is None else float(value) for value in given])
    if any(instance.free_start for instance in instances):
        out["free_start"] = np.array([instance.free_start for instance in instances])
    for name in HIDDEN:
        real = [getattr(realization, name) for realization in realizations or ()]
        if real and all(values is not None for values in real):
            out[f"real_{name}"] = np.stack([np.pad(values, (0, n - len(values))) for values in real])
    if any(instance.underway is not None for instance in instances):
        for name in USED:
            given = [getattr(instance.underway, name, None) for instance in instances]
            out[name] = np.array([np.nan if value is None else float(value) for value in given])
        out["given"] = np.array([len(instance.underway.visited) if instance.underway else 0 for instance in instances])
    return out


def _with_prize_unit(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The values with the unit of prizes, where there are any: the quota, else the largest prize."""
    prizes = values.get("prizes", values.get("law_prizes"))
    if prizes is None:
        return values
    unit = prizes.flatten(1).amax(1)
    if "min_prize" in values:
        unit = torch.where(values["min_prize"] > 0, values["min_prize"], unit)
    return values | {"prize_unit": torch.where(unit > 0, unit, 1.0)}


def _padded_laws(laws: Sequence[np.ndarray | None], n: int) -> np.ndarray:
    """Laws `[n, K]` of instances as one array `[B, n, K]`, in which every law has the same number K of values.

    A law is repeated until it has as many values as the least common multiple of all.
    """
    most = math.lcm(*(law.shape[1] for law in laws if law is not None))
    out = np.zeros((len(laws), n, most))
    for i, law in enumerate(laws):
        if law is not None:
            out[i, : len(law)] = np.repeat(law, most // law.shape[1], axis=1)
    return out
