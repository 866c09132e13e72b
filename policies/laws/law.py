"""`Law`: a fitted law with its features, in a file of its own; `fit_law` makes one from a log."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch

from policies.checkpoint import read_tensors, write_tensors
from tsp.formats.visit_log import Target

from .features import Encoder
from .models import Group, Model, Pooled, Ridge
from .network import Network
from .quantiles import LEVELS, Sample, Scale, complete, survivors, weighted_quantiles

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from tsp.formats.visit_log import VisitLog
    from tsp.instance import Array

    from .features import Encoded

FORMAT = "travelling-scientist-law/1"
OUTCOMES = 20
"""Number of equally likely outcomes of each node."""

MODELS: dict[str, type[Network | Pooled | Group | Ridge]] = {
    "network": Network,
    "pooled": Pooled,
    "group": Group,
    "ridge": Ridge,
}


@dataclass(frozen=True)
class LawInfo:
    """The description in a law's file.

    Attributes:
        days: number of days of the logs.
        visits: number of visits with a value of the target.
        censored: number of those that were broken off.
        seed: of all random choices.
        command: the command that fitted it.
        version: version of the toolkit that wrote it.
    """

    days: int
    visits: int
    censored: int
    seed: int
    command: str = ""
    version: str = ""


@dataclass(frozen=True)
class Law:
    """The law of a target, by features known before the day.

    Attributes:
        target: the quantity.
        name: of the model, a key of `MODELS`.
        encoder: the features.
        scale: the scale of the model.
        model: gives the quantiles of visits.
        pooled: for visits with a feature that the logs do not have.
        info: what it was fitted to.
    """

    target: Target
    name: str
    encoder: Encoder
    scale: Scale
    model: Model
    pooled: Pooled
    info: LawInfo

    def scaled_quantiles(self, visits: Encoded) -> Array:
        """The quantiles of each visit's law at `LEVELS`, on the model's scale `[R, L]`."""
        return np.where(visits.known[:, None], self.model.quantiles(visits), self.pooled.quantiles(visits))

    def quantiles(self, features: Mapping[str, Sequence[str]], count: int) -> Array:
        """The quantiles of the laws of `count` visits at `LEVELS`, in units of the target `[R, L]`."""
        return self.scale.back(self.scaled_quantiles(self.encoder.encode(features, count)))

    def outcomes(self, features: Mapping[str, Sequence[str]], count: int) -> Array:
        """The equally likely outcomes of `count` visits, increasing `[R, K]`.

        Each is the mean of the law between two of its quantiles, so that the mean of all is that of the law.
        """
        return slice_means(self.quantiles(features, count))


def slice_means(quantiles: Array, outcomes: int = OUTCOMES) -> Array:
    """The means `[R, K]` of equal slices of quantiles `[R, L]`; infinite where most of a slice is."""
    slices = quantiles.reshape(len(quantiles), outcomes, -1)
    finite = np.isfinite(slices)
    count = finite.sum(-1)
    means = np.where(finite, slices, 0.0).sum(-1) / np.maximum(count, 1)
    return np.where(2 * count >= slices.shape[-1], means, np.inf)


def complete_sample(log: VisitLog, seed: int) -> tuple[Encoder, Scale, Pooled, Sample]:
    """The visits of a log as models take them, with values in place of those that were broken off.

    A broken-off visit gets several equally likely values above the observed one: first by the pooled law, which is the
    estimate of Kaplan & Meier, then by ridge regression, as Buckley & James (1979) do.

    Returns:
        the encoder of the features, the scale, the pooled law, and the visits.
    """
    encoder, scale = Encoder.of(log.features), Scale.of(log.values)
    visits = encoder.encode(log.features, len(log.values))
    values = scale.into(log.values)
    pooled = Pooled(weighted_quantiles(values, survivors(values, log.censored)))
    plain = Sample(visits.inputs, visits.codes, values, np.ones(len(values)), log.day)
    if not log.censored.any():
        return encoder, scale, pooled, plain
    first = complete(plain, log.censored, pooled.quantiles(visits))
    return encoder, scale, pooled, complete(plain, log.censored, Ridge.fit(first, seed).quantiles(visits))


def fit_law(log: VisitLog, model: str = "network", seed: int = 1234, *, command: str = "", version: str = "") -> Law:
    """Fit a law to the visits of past days.

    Args:
        log: the visits.
        model: a key of `MODELS`.
        seed: of all random choices.
        command: the command to name in the file.
        version: the toolkit's version to name there.

    Raises:
        ValueError: for too few days for the model.
    """
    encoder, scale, pooled, sample = complete_sample(log, seed)
    fitted = pooled if model == "pooled" else MODELS[model].fit(sample, seed)
    info = LawInfo(log.days, len(log.values), int(log.censored.sum()), seed, command, version)
    return Law(log.target, model, encoder, scale, fitted, pooled, info)


def save_law(path: str | os.PathLike[str], law: Law, *, force: bool = False) -> None:
    """Write a law, with all that is needed to read it."""
    arrays = {field.name: getattr(law.model, field.name) for field in fields(MODELS[law.name])}
    tensors = {f"model.{name}": torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    tensors["fallback"] = torch.from_numpy(law.pooled.pooled.copy())
    metadata = {
        "toolkit_format": FORMAT,
        "target": str(law.target),
        "model": law.name,
        "features": json.dumps(asdict(law.encoder)),
        "scale": json.dumps(asdict(law.scale)),
        "card": json.dumps(asdict(law.info)),
    }
    write_tensors(path, tensors, metadata, force=force)


def load_law(path: str | os.PathLike[str]) -> Law:
    """Read a law.

    Raises:
        ValueError: when the file is not a law of this toolkit, or damaged.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("toolkit_format") != FORMAT:
        raise ValueError(f"{path}: not a law of this toolkit (`tsp fit` makes one)")
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{path}: {name} has numbers that are not finite, expected finite ones")
    try:
        raw = json.loads(metadata["features"])
        encoder = Encoder(
            {name: tuple(map(str, texts)) for name, texts in raw["categories"].items()},
            {name: (float(mean), float(deviation)) for name, (mean, deviation) in raw["numbers"].items()},
        )
        kind = MODELS[metadata["model"]]
        law = Law(
            Target(metadata["target"]),
            metadata["model"],
            encoder,
            Scale(**json.loads(metadata["scale"])),
            kind(**{field.name: tensors[f"model.{field.name}"].numpy() for field in fields(kind)}),
            Pooled(tensors["fallback"].numpy()),
            LawInfo(**json.loads(metadata["card"])),
        )
        tried = law.quantiles(dict.fromkeys(encoder.names, ("",)), 1)
        if tried.shape != (1, len(LEVELS)):
            raise ValueError(f"{tried.shape[1]} quantiles, expected {len(LEVELS)}")
        numbers = [law.scale.unit, law.scale.top, *chain(*encoder.numbers.values())]
        deviations = [deviation for _, deviation in encoder.numbers.values()]
        if not np.isfinite(numbers).all() or min(law.scale.unit, *deviations, 1.0) <= 0:
            raise ValueError("a scale that is not positive and finite")
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f"{path}: its description does not fit its numbers ({str(error).splitlines()[0]})") from None
    return law
