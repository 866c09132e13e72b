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
from tsp.problems import get_problem
from tsp.settings import require_settings
from tsp.validation import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from policies.training.run import RunConfig

OF_TEACHERS = {*LABELS, "label_order", "label_folder", "imitation", "imitation_last", "reinforce_from"}
"""The settings that only a teacher reads."""

OF_LABELLING = {"size", "distribution", "solver", "label_seconds"}
"""The settings of a guide's training that only a run that makes labels reads."""


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
    if arguments.resume:
        raw = _resumed(arguments, flags, set(TrainConfig.lengths), asdict(TrainConfig.read(arguments.out)))
        return TrainConfig.from_dict(raw, "options")
    raw = _merge(arguments, flags, TrainConfig)
    given = {*raw, *raw["policy"]}
    _fill_in(raw)
    config = TrainConfig.from_dict(raw, arguments.config or "options", options=flags.beside(arguments.config))
    _refuse_unread(
        arguments,
        flags,
        given,
        (
            (OF_TEACHERS, "--teacher", config.teacher is not None),
            ({"label_ways"}, "no values that are revealed on the way", not get_problem(config.problem).reveals),
            ({"weight_decay"}, "--optimizer adamw", config.optimizer == "adamw"),
            ({"warmup_epochs"}, "--baseline rollout", config.baseline == "rollout"),
            ({"neighbours"}, "--encoder gnn", config.policy.encoder == "gnn"),
            ({"feedforward"}, "--encoder attention", config.policy.encoder != "gnn"),
            ({"distribution"}, "no --data", config.data is None),
        ),
    )
    return config


def guide_settings(arguments: argparse.Namespace) -> GuideTrainConfig:
    """The configuration for training a learned guide."""
    flags = Flags(given_fields(arguments, GuideTrainConfig), "network", given_fields(arguments, EdgeNetworkConfig))
    others = {**given_fields(arguments, TrainConfig), **given_fields(arguments, PolicyConfig)}
    _refuse_others(flags, others, "a setting of policies, not of the learned guide")
    if arguments.resume:
        raw = _resumed(arguments, flags, set(GuideTrainConfig.lengths), asdict(GuideTrainConfig.read(arguments.out)))
        return GuideTrainConfig.from_dict(raw, "options")
    raw = _merge(arguments, flags, GuideTrainConfig)
    config = GuideTrainConfig.from_dict(raw, arguments.config or "options", options=flags.beside(arguments.config))
    _refuse_unread(arguments, flags, set(raw), ((OF_LABELLING, "no --labels", config.labels is None),))
    return config


def _refuse_unread(
    arguments: argparse.Namespace, flags: Flags, given: set[str], readers: Sequence[tuple[set[str], str, bool]]
) -> None:
    """Refuse settings, of flags and of the file, that nothing reads beside the run's other settings.

    Args:
        arguments: all parsed options.
        flags: the settings that flags give.
        given: names of the settings that flags and the file give.
        readers: settings, the flag of what reads them, and whether that is there.
    """
    for names, reader, is_there in readers:
        if not is_there and (unread := names & given):
            name = min(unread)
            is_flag = name in flags.run or name in flags.network
            stated = flag_name(name) if is_flag else f"{arguments.config}: {name}"
            because = "" if reader.startswith("no ") else ", which reads it"
            raise ValueError(f"{stated}: expected {reader} beside it{because}")


def _refuse_others(flags: Flags, others: dict[str, Any], reason: str) -> None:
    """Refuse settings that only another kind of run has."""
    wrong = set(others) - set(flags.run) - set(flags.network)
    if wrong:
        raise ValueError(f"{flag_name(min(wrong))}: {reason}")


def _merge(arguments: argparse.Namespace, flags: Flags, config: type[RunConfig]) -> dict[str, Any]:
    """The settings of a new run as a dictionary: those of the file, replaced by flags.

    Args:
        arguments: all parsed options.
        flags: the settings that flags give.
        config: the kind of configuration; of its settings for the length of the run one replaces another.
    """
    raw: dict[str, Any] = {}
    if arguments.config:
        try:
            raw = tomllib.loads(read_utf8(arguments.config))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ValueError(f"{arguments.config}: not TOML ({error})") from None
        require_settings(config, raw, arguments.config, nested=flags.part)
    if set(config.lengths) & set(flags.run):
        raw = {name: value for name, value in raw.items() if name not in config.lengths}
    network: dict[str, Any] = raw.get(flags.part, {})
    if not isinstance(network, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - from a file
        raise ValueError(f"{arguments.config}: {flags.part}: {shown(network)}, expected settings by name")
    return {**raw, **flags.run, flags.part: {**network, **flags.network}}


def _resumed(arguments: argparse.Namespace, flags: Flags, lengths: set[str], stored: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run that is resumed; arguments as in `_merge`, with the run's own settings."""
    flat, given = {**stored, **stored[flags.part]}, {**flags.run, **flags.network}
    changed = sorted(name for name, value in given.items() if name not in lengths and value != flat[name])
    if arguments.config or changed:
        option = "--config" if arguments.config else flag_name(changed[0])
        raise ValueError(f"{option}: a resumed run keeps its own settings; only its length can be changed")
    if lengths & set(flags.run):
        stored = {name: value for name, value in stored.items() if name not in lengths}
    return {**stored, **flags.run}


def _fill_in(raw: dict[str, Any]) -> None:
    """Add the problem, the size and the network's shape that follow from `--from` and `--data`."""
    from envs.generators import node_count
    from policies.checkpoint import load_policy
    from policies.zoo import shipped_policies
    from tsp.formats import read
    from tsp.problems import get_problem

    if "start_from" in raw:
        shipped = {policy.name: str(policy.path) for policy in shipped_policies()}
        raw["start_from"] = shipped.get(raw["start_from"], raw["start_from"])
        policy, info = load_policy(str(raw["start_from"]))
        raw.setdefault("problem", info.problem)
        raw["policy"] = {**asdict(policy.config), **raw["policy"]}
    if "data" in raw:
        instances = read(raw["data"], problem=raw.get("problem"))
        problem = raw.setdefault("problem", instances[0].problem)
        nodes = max(instance.size for instance in instances)
        raw.setdefault("size", str(nodes - node_count(get_problem(problem), 0)))
