"""The configuration of a training run: defaults, replaced by a file or the resumed run, then by flags."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from policies.guide.network import EdgeNetworkConfig
from policies.guide.training import GuideTrainConfig
from policies.policy import PolicyConfig
from policies.training.config import LABELS, TrainConfig
from tsp.cli.config_flags import flag_name, given_fields
from tsp.files import read_utf8
from tsp.validation import shown

if TYPE_CHECKING:
    import argparse


OF_TEACHERS = {*LABELS, "label_order", "label_folder", "imitation", "imitation_last", "reinforce_from"}
"""The settings that only a teacher reads."""


class Flags(NamedTuple):
    """The settings that flags give.

    Attributes:
        run: settings of the run itself.
        part: the name under which a run's configuration holds the settings of its network.
        network: settings of the network.
    """

    run: dict[str, Any]
    part: str
    network: dict[str, Any]

    def beside(self, config: str | None) -> bool:
        """Whether flags are given beside a file of settings."""
        return config is not None and bool(self.run or self.network)


def policy_settings(arguments: argparse.Namespace) -> TrainConfig:
    """The configuration for training a policy."""
    flags = Flags(given_fields(arguments, TrainConfig), "policy", given_fields(arguments, PolicyConfig))
    others = {**given_fields(arguments, GuideTrainConfig), **given_fields(arguments, EdgeNetworkConfig)}
    _refuse_others(flags, others, "a setting of the learned guide; it needs --guide")
    stored = asdict(TrainConfig.read(arguments.out)) if arguments.resume else None
    given = {*flags.run, *flags.network}
    if stored is None:
        _fill_in(flags)
    raw, source = _merge(arguments, flags, set(TrainConfig.lengths), stored)
    config = TrainConfig.from_dict(raw, source, options=flags.beside(arguments.config))
    if stored is None:
        _refuse_unread(given, config)
    return config


def _refuse_unread(given: set[str], config: TrainConfig) -> None:
    """Refuse flags that nothing reads beside the run's other settings."""
    for names, reader, is_there in (
        (OF_TEACHERS, "--teacher", config.teacher is not None),
        ({"weight_decay"}, "--optimizer adamw", config.optimizer == "adamw"),
        ({"warmup_epochs"}, "--baseline rollout", config.baseline == "rollout"),
        ({"neighbours"}, "--encoder gnn", config.policy.encoder == "gnn"),
    ):
        if not is_there and (unread := names & given):
            raise ValueError(f"{flag_name(min(unread))}: expected {reader} beside it, which reads it")


def guide_settings(arguments: argparse.Namespace) -> GuideTrainConfig:
    """The configuration for training a learned guide."""
    flags = Flags(given_fields(arguments, GuideTrainConfig), "network", given_fields(arguments, EdgeNetworkConfig))
    others = {**given_fields(arguments, TrainConfig), **given_fields(arguments, PolicyConfig)}
    _refuse_others(flags, others, "a setting of policies, not of the learned guide")
    stored = asdict(GuideTrainConfig.read(arguments.out)) if arguments.resume else None
    raw, source = _merge(arguments, flags, set(GuideTrainConfig.lengths), stored)
    return GuideTrainConfig.from_dict(raw, source, options=flags.beside(arguments.config))


def _refuse_others(flags: Flags, others: dict[str, Any], reason: str) -> None:
    """Refuse settings that only another kind of run has."""
    wrong = set(others) - set(flags.run) - set(flags.network)
    if wrong:
        raise ValueError(f"{flag_name(min(wrong))}: {reason}")


def _merge(
    arguments: argparse.Namespace, flags: Flags, lengths: set[str], stored: dict[str, Any] | None
) -> tuple[dict[str, Any], str]:
    """The settings of a run as a dictionary, and where they are from, for messages.

    Args:
        arguments: all parsed options.
        flags: the settings that flags give.
        lengths: names of the settings for the length of the run; one replaces another.
        stored: settings of the run that is resumed, if one is.
    """
    raw: dict[str, Any] = {}
    if stored is not None:
        raw = stored
        flat, given = {**raw, **raw[flags.part]}, {**flags.run, **flags.network}
        changed = sorted(name for name, value in given.items() if name not in lengths and value != flat[name])
        if arguments.config or changed:
            option = "--config" if arguments.config else flag_name(changed[0])
            raise ValueError(f"{option}: a resumed run keeps its own settings; only its length can be changed")
    elif arguments.config:
        try:
            raw = tomllib.loads(read_utf8(arguments.config))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ValueError(f"{arguments.config}: not TOML ({error})") from None
    if lengths & set(flags.run):
        raw = {name: value for name, value in raw.items() if name not in lengths}
    network: dict[str, Any] = raw.get(flags.part, {})
    if not isinstance(network, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - from a file
        raise ValueError(f"{arguments.config}: {flags.part}: {shown(network)}, expected settings by name")
    network = {**network, **flags.network}
    return {**raw, **flags.run, flags.part: network}, arguments.config or "options"


def _fill_in(flags: Flags) -> None:
    """Add the problem, the size and the network's shape that follow from `--from` and `--data`."""
    from envs.generators import node_count
    from policies.checkpoint import load_policy
    from policies.zoo import shipped_policies
    from tsp.formats import read
    from tsp.problems import get_problem

    if "start_from" in flags.run:
        shipped = {policy.name: str(policy.path) for policy in shipped_policies()}
        flags.run["start_from"] = shipped.get(flags.run["start_from"], flags.run["start_from"])
        policy, info = load_policy(str(flags.run["start_from"]))
        flags.run.setdefault("problem", info.problem)
        for name, value in asdict(policy.config).items():
            flags.network.setdefault(name, value)
    if "data" in flags.run:
        instances = read(flags.run["data"], problem=flags.run.get("problem"))
        problem = flags.run.setdefault("problem", instances[0].problem)
        nodes = max(instance.size for instance in instances)
        flags.run.setdefault("size", str(nodes - node_count(get_problem(problem), 0)))
