"""Checkpoints of Kool et al. (2019), converted into a `Policy`, which can be their model exactly."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from envs.routing_env import RoutingEnv
from tsp.files import read_utf8, require_readable
from tsp.validation import whole_number

from .checkpoint import first_line, require_finite
from .policy import Policy, PolicyConfig

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

LAYERS, WIDTH, HEADS, FEEDFORWARD = 3, 128, 8, 512


def _heads_last(weight: Tensor) -> Tensor:
    """One linear map `[heads * k, d]` from the checkpoint's maps for each head `[heads, d, k]`."""
    return weight.permute(0, 2, 1).reshape(-1, weight.shape[1])


def _layer(model: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    source = f"embedder.layers.{index}"
    target = f"encoder.layers.{index}"
    attention = {name: model[f"{source}.0.module.W_{name}"] for name in ("query", "key", "val", "out")}
    out = {
        f"{target}.qkv.weight": torch.cat([_heads_last(attention[name]) for name in ("query", "key", "val")]),
        f"{target}.out.weight": attention["out"].reshape(-1, WIDTH).T,
        f"{target}.ff1.weight": model[f"{source}.2.module.0.weight"],
        f"{target}.ff1.bias": model[f"{source}.2.module.0.bias"],
        f"{target}.ff2.weight": model[f"{source}.2.module.2.weight"],
        f"{target}.ff2.bias": model[f"{source}.2.module.2.bias"],
    }
    for norm, place in (("norm1", 1), ("norm2", 3)):
        for name in ("weight", "bias", "running_mean", "running_var"):
            out[f"{target}.{norm}.{name}"] = model[f"{source}.{place}.normalizer.{name}"]
    return out


def _from_anywhere(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The context weights for tours that may start anywhere: a step sees the first and the last node."""
    return {
        "decoder.placeholder": model["W_placeholder"],
        "decoder.project_step.weight": model["project_step_context.weight"],
    }


def _from_depot(model: Mapping[str, Tensor], env: RoutingEnv) -> dict[str, Tensor]:
    """The context weights for tours from a depot: a step sees the last node and one number."""
    step = model["project_step_context.weight"]
    places = model["init_embed_depot.weight"]  # a depot has coordinates and no other features
    depot = {
        "weight": torch.cat([places, places.new_zeros(WIDTH, env.node_features - places.shape[1])], 1),
        "bias": model["init_embed_depot.bias"],
    }
    out = {f"embed_ends.{end}.{name}": tensor for end in range(2) for name, tensor in depot.items()}
    out |= {
        "decoder.placeholder": step.new_zeros(2 * WIDTH),
        "decoder.project_step.weight": torch.cat([torch.zeros_like(step[:, :WIDTH]), step[:, :WIDTH]], 1),
        "decoder.project_context.weight": step[:, WIDTH:],
    }
    if env.node_context_features:
        out["decoder.project_node_context.weight"] = model["project_node_step.weight"]
    return out


def read_kool_checkpoint(path: str | os.PathLike[str], problem: str) -> Policy:
    """Read a checkpoint of Kool et al. without executing anything in it.

    Args:
        path: such as `epoch-99.pt`, a dict with the state of the `model`.
        problem: the problem it was trained on.

    Returns:
        the policy in evaluation mode: same inputs, same logits.

    Raises:
        ValueError: when the file is missing, would run code, or is not such a checkpoint.
    """
    if not Path(path).exists():
        raise ValueError(f"{path}: no such file")
    require_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's warnings about unusual pickles, which are refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        raise ValueError(
            f"{path}: not a plain dict of weights; anything else in it could run code, so it is refused"
        ) from None
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise ValueError(f"{path}: expected a dict with the entry 'model'")
    env = RoutingEnv(problem)
    policy = Policy(PolicyConfig("attention", LAYERS, WIDTH, HEADS, FEEDFORWARD, "batch"), env)
    try:
        tensors = {
            "embed.weight": model["init_embed.weight"],
            "embed.bias": model["init_embed.bias"],
            "decoder.project_nodes.weight": model["project_node_embeddings.weight"],
            "decoder.project_graph.weight": model["project_fixed_context.weight"],
            "decoder.project_glimpse.weight": model["project_out.weight"],
            **(_from_depot(model, env) if env.problem.shape.has_depot else _from_anywhere(model)),
        }
        for index in range(LAYERS):
            tensors |= _layer(model, index)
        policy.load_state_dict(tensors)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a checkpoint for {problem} ({first_line(error)})") from None
    require_finite(path, tensors)
    return policy.eval()


def trained_size(path: str | os.PathLike[str]) -> int:
    """The number of customers a checkpoint was trained on, from `args.json` in its folder or the folder's name.

    Raises:
        ValueError: when neither states it.
    """
    source = Path(path)
    arguments = source.parent / "args.json"
    if arguments.exists():
        try:
            content = json.loads(read_utf8(arguments))
            return whole_number(content["graph_size"], "graph_size", least=1, most=10**6)
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"{arguments}: {first_line(error)}, expected an object with graph_size; or give --size"
            ) from None
    digits = source.parent.name.rpartition("_")[2]
    if not digits.isdigit():
        raise ValueError(f"{path}: no number of nodes in args.json or the folder's name; give it with --size")
    return int(digits)
