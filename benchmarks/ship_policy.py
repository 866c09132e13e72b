"""Put a run's policy into `policies/zoo`, with its configuration and its card.

python benchmarks/ship_policy.py runs/op --name op --command "tsp train --problem op …"

python benchmarks/ship_policy.py burst/cvrp.safetensors --name cvrp --command "python benchmarks/burst.py …"

With --mean-with the mean of the weights of two policies is shipped, such as of a run and what it started from, which is
often better than either on instances that neither was trained on (Wortsman et al. 2022).

The policy's file also says how it is best decoded. For a shipped policy this can be changed without its run:

python benchmarks/ship_policy.py --name tsptw --samples 32 --temperature 3
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from policies.checkpoint import Decoding, load_policy, read_tensors, save_policy
from policies.zoo import ZOO
from tsp.problems import get_problem

if TYPE_CHECKING:
    from policies.policy import Policy

CARD = """---
library_name: travelling-scientist
license: mit
tags: [routing, combinatorial-optimization, {tag}]
pipeline_tag: reinforcement-learning
---

# {name}

A policy for `{problem}`, trained on {low} to {high} nodes ({distribution}).
{encoder} encoder{edges}, {layers} layers of width {width}, {parameters:,} parameters.

Trained by

```
{command}
```

{trained}. Its weights are stored in float16.

{measured}"""

MEASURED = """Its figures beside OR-Tools and CP-SAT are in `docs/{page}`.
"""


RECOMMENDED = "\nWithout options the toolkit decodes it "


def describe(decoding: Decoding) -> str:
    """A decoding, written as options of `policy`."""
    given = decoding.given()
    by_size = given.pop("temperature") if isinstance(decoding.temperature, dict) else {}
    options = ", ".join(f"{option}={value:g}" for option, value in given.items())
    at = ", ".join(f"{value:g} for {nodes} nodes" for nodes, value in by_size.items())
    parts = [f"with `policy({options})`"] if options else []
    return " and ".join(parts + ([f"at a temperature that depends on the size: {at}"] if at else []))


def recommend(name: str, decoding: Decoding) -> None:
    """Write the recommended decoding into a shipped policy's file, configuration and card; the weights stay."""
    folder = ZOO / name
    policy, info = load_policy(folder / "model.safetensors")
    save_policy(folder / "model.safetensors", policy, replace(info, decoding=decoding), half=True, force=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("decoding", None)
    card = (folder / "README.md").read_text().split(RECOMMENDED)[0]
    if decoding.given():
        config["decoding"] = decoding.given()
        card += f"{RECOMMENDED}{describe(decoding)}.\n"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "README.md").write_text(card)


def describe_run(source: Path, command: str) -> str:
    """How a checkpoint in the directory of a run was trained."""
    counters = json.loads(read_tensors(source.parent / "training-state.safetensors")[1]["counters"])
    batch_size = json.loads((source.parent / "config.json").read_text())["batch_size"]
    last = " in the last of these runs" if "\n" in command else ""
    return (
        f"on one CPU core: {counters['step'] * batch_size:,} instances, {counters['step']:,} steps, "
        f"{counters['seconds'] / 60:.0f} minutes of training time{last}"
    )


def describe_burst(source: Path) -> str:
    """How `burst.py` trained the checkpoint, by the record that it wrote beside it."""
    record = json.loads(source.with_suffix(".json").read_text())
    steps, config = record["steps"], record["config"]
    taught = f", with tours of `{config['teacher']}` to imitate" if config["teacher"] else ""
    return (
        f"on one {record['device']} beside other trainings: {steps:,} steps of {config['batch_size']} instances with "
        f"{config['starts']} trajectories each{taught}, {config['minutes']:.1f} minutes of training time"
    )


def mean_of(policy: Policy, other: Policy) -> None:
    """Replace the weights of a policy by their mean with those of another one of the same shape."""
    theirs = other.state_dict()
    policy.load_state_dict({name: 0.5 * (own + theirs[name]) for name, own in policy.state_dict().items()})


def ship(source: Path, name: str, command: str, measured: str, mean_with: Path | None = None) -> None:
    """Put a run's policy into the zoo.

    Args:
        source: the run's checkpoint.
        name: name of the folder in the zoo.
        command: the command that trained the policy; several commands on a line each, in order.
        measured: the card's text about the policy's quality.
        mean_with: a policy whose weights are averaged with the run's.
    """
    policy, info = load_policy(source)
    if mean_with is not None:
        mean_of(policy, load_policy(mean_with)[0])
    folder = ZOO / name
    folder.mkdir(exist_ok=True)
    info = replace(info, command=command)
    save_policy(folder / "model.safetensors", policy, info, half=True, force=True)
    config = {
        "problem": info.problem,
        "sizes": info.sizes,
        "distribution": info.distribution,
        "policy": asdict(policy.config),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    trained = describe_run(source, command) if (source.parent / "config.json").exists() else describe_burst(source)
    trained += "; the mean of its weights and of those it started from" if mean_with is not None else ""
    card = CARD.format(
        name=name,
        tag=get_problem(info.problem).title.replace(" ", "-"),
        problem=info.problem,
        low=info.sizes[0],
        high=info.sizes[1],
        distribution=info.distribution,
        encoder=policy.config.encoder.capitalize(),
        edges=" that looks at distances" if policy.config.edges else "",
        layers=policy.config.layers,
        width=policy.config.width,
        parameters=sum(parameter.numel() for parameter in policy.parameters()),
        command=command,
        trained=trained,
        measured=measured,
    )
    (folder / "README.md").write_text(card)


def temperatures(text: str) -> float | dict[str, float]:
    """A temperature, or several by number of nodes."""
    if ":" not in text:
        return float(text)
    return {size: float(value) for size, value in (part.split(":") for part in text.split(","))}


def main() -> None:
    """Ship one policy, or change the recommended decoding of a shipped one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        help="a run's directory, or a file that burst.py wrote; without it the shipped policy stays",
    )
    parser.add_argument("--name", required=True, help="of the folder in the zoo")
    parser.add_argument("--command", help="what trained it; separate several by newlines")
    parser.add_argument("--mean-with", type=Path, help="a policy whose weights are averaged with the run's")
    parser.add_argument("--page", default="variants.md", help="of docs, that has its figures (default variants.md)")
    parser.add_argument("--samples", type=int, help="drawn by default for each symmetry")
    parser.add_argument("--temperature", type=temperatures, help="at which they are drawn, or by nodes: 21:2,51:1")
    parser.add_argument("--augmentations", type=int, help="symmetries decoded by default")
    arguments = parser.parse_args()
    if (arguments.run is None) != (arguments.command is None):
        parser.error("a run and its --command go together")
    if arguments.run is not None:
        measured = MEASURED.format(page=arguments.page)
        source = arguments.run if arguments.run.is_file() else arguments.run / "checkpoint-last.safetensors"
        ship(source, arguments.name, arguments.command, measured, arguments.mean_with)
    recommend(arguments.name, Decoding(arguments.samples, arguments.temperature, arguments.augmentations))


if __name__ == "__main__":
    main()
