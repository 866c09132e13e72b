"""Checkpoints: weights and their description, in safetensors, loaded without executing anything."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from envs.routing_env import RoutingEnv
from tsp.files import atomic_write, require_readable
from tsp.problems import get_problem
from tsp.settings import require_settings

from .policy import Policy, PolicyConfig

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from torch import nn

FORMAT = "travelling-scientist-policy/1"
MOST_SAMPLES = 100_000
"""The most trajectories of an instance that are drawn, or that a beam search keeps."""
COLDEST, HOTTEST = 1e-6, 1e6
"""Temperatures by which logits in single precision can be divided."""


@dataclass(frozen=True)
class Decoding:
    """The decoding that a policy's file recommends; None leaves a setting to the toolkit.

    Attributes:
        samples: number of trajectories drawn for each symmetry of an instance.
        temperature: of the sampling; where the best one depends on the size, temperatures by number of nodes,
            such as `{"21": 2.0, "51": 1.0}`.
        augmentations: number of the square's symmetries that are decoded.
    """

    samples: int | None = None
    temperature: float | dict[str, float] | None = None
    augmentations: int | None = None

    def __post_init__(self) -> None:
        """Refuse impossible settings."""
        for name in ("samples", "augmentations"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}, expected 1 or more")
        if self.samples is not None and self.samples > MOST_SAMPLES:
            raise ValueError(f"samples={self.samples}, expected at most {MOST_SAMPLES}")
        if self.augmentations is not None and self.augmentations > 8:
            raise ValueError(f"augmentations={self.augmentations}, expected 1 to 8, the symmetries of the square")
        temperatures = self.temperature if isinstance(self.temperature, dict) else {"1": self.temperature}
        for size, value in temperatures.items():
            if value is not None and not COLDEST <= value <= HOTTEST:
                raise ValueError(f"temperature={value}, expected a number from {COLDEST:g} to {HOTTEST:g}")
            if not size.isdecimal() or not int(size):
                raise ValueError(f"temperature: {size!r}, expected a number of nodes")

    def temperature_at(self, nodes: int) -> float | None:
        """The temperature for a number of nodes, interpolated linearly over the logarithms of the given sizes."""
        if not isinstance(self.temperature, dict):
            return self.temperature
        known = sorted((int(size), value) for size, value in self.temperature.items())
        sizes, values = zip(*known, strict=True)
        return float(np.interp(np.log(nodes), np.log(sizes), values))

    def given(self) -> dict[str, Any]:
        """The settings that are given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, other: Decoding) -> Decoding:
        """These settings; those that are None are taken from `other`."""
        return Decoding(**{**asdict(other), **self.given()})


@dataclass(frozen=True)
class PolicyInfo:
    """The description in a policy file.

    Attributes:
        problem: name of the problem it was trained on.
        sizes: smallest and largest number of nodes it was trained on.
        distribution: the distribution of its training instances.
        command: the command that trained it.
        version: version of the toolkit that wrote it.
        decoding: the recommended decoding.
    """

    problem: str
    sizes: tuple[int, int]
    distribution: str = ""
    command: str = ""
    version: str = ""
    decoding: Decoding = Decoding()


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and bits, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, force: bool
) -> None:
    """Write a safetensors file atomically, with a digest of its tensors in the metadata."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_write(path, force=force) as temporary:
        temporary.write_bytes(save(plain, {"format": "pt", **metadata, "sha256": tensors_digest(plain)}))


def read_tensors(
    path: str | os.PathLike[str], device: str | torch.device = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors and its metadata.

    Raises:
        ValueError: when the file is missing, corrupted, or its tensors do not match their digest.
    """
    if not Path(path).exists():
        raise ValueError(f"{path}: no such file")
    if require_readable(path).is_dir():
        raise ValueError(f"{Path(path)}: is a directory, expected a safetensors file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    if "sha256" in metadata and metadata["sha256"] != tensors_digest(tensors):
        raise ValueError(f"{path}: the weights do not match their checksum; the file is corrupted")
    return {name: tensor.to(device) for name, tensor in tensors.items()}, metadata


def require_finite(path: str | os.PathLike[str], tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not finite numbers.

    Raises:
        ValueError: with the name of the first such tensor.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name} holds NaN or infinity, expected finite weights")


def save_policy(
    path: str | os.PathLike[str], policy: Policy, info: PolicyInfo, *, half: bool = False, force: bool = False
) -> None:
    """Write a policy's weights, in float16 with `half`, with all that is needed to rebuild it."""
    metadata = {
        "toolkit_format": FORMAT,
        "config": json.dumps(asdict(policy.config)),
        "problem": info.problem,
        "sizes": json.dumps(info.sizes),
        "distribution": info.distribution,
        "command": info.command,
        "version": info.version,
    }
    if info.decoding.given():
        metadata["decoding"] = json.dumps(info.decoding.given())
    weights = policy.state_dict()
    if half:
        weights = {name: x.half() if x.is_floating_point() else x for name, x in weights.items()}
    write_tensors(path, weights, metadata, force=force)


def require_shapes(layers: int, build: Callable[[], nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights of another network, before memory for that network is taken.

    Args:
        layers: number of the network's layers.
        build: makes the network.
        tensors: the weights.

    Raises:
        ValueError: for more layers than tensors.
        RuntimeError: for other names or shapes.
    """
    if layers > len(tensors):
        raise ValueError(f"{layers} layers, but {len(tensors)} tensors")
    with torch.device("meta"):
        build().load_state_dict({name: tensor.to("meta") for name, tensor in tensors.items()})


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its class."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def load_policy(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> tuple[Policy, PolicyInfo]:
    """Read a policy in evaluation mode, and the description in its file.

    Raises:
        ValueError: when the file is not a policy of this toolkit, or corrupted.
    """
    tensors, metadata = read_tensors(path, device)
    if metadata.get("toolkit_format") != FORMAT:
        raise ValueError(f"{path}: not a policy of this toolkit (`tsp convert` converts those of Kool et al.)")
    require_finite(path, tensors)
    try:
        raw = json.loads(metadata["config"])
        known = {f.name: raw[f.name] for f in fields(PolicyConfig) if f.name in raw}
        config = PolicyConfig(**require_settings(PolicyConfig, known, "config"))
        low, high = json.loads(metadata["sizes"])
        info = PolicyInfo(
            metadata["problem"],
            (int(low), int(high)),
            **{k: metadata.get(k, "") for k in ("distribution", "command", "version")},
            decoding=Decoding(**json.loads(metadata.get("decoding", "{}"))),
        )
        env = RoutingEnv(get_problem(info.problem))
        require_shapes(config.layers, lambda: Policy(config, env), tensors)
        policy = Policy(config, env)
        policy.load_state_dict(tensors)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: its description does not fit its weights ({first_line(error)})") from None
    return policy.to(device).eval(), info
