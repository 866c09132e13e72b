"""Put a run's policy into `policies/zoo`, with its configuration and its card.

python benchmarks/ship_policy.py runs/op --name op --command "tsp train --problem op …"
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from policies.checkpoint import load_policy, read_tensors, save_policy
from policies.zoo import ZOO
from tsp.problems import get_problem

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

on one CPU core: {instances:,} instances, {steps:,} steps, {minutes:.0f} minutes of training time{last}.

{measured}"""

MEASURED = """Its figures beside OR-Tools and CP-SAT are in `docs/variants.md`.
"""


def ship(source: Path, name: str, command: str, measured: str = MEASURED) -> None:
    """Put a run's policy into the zoo.

    Args:
        source: its checkpoint.
        name: of its folder in the zoo.
        command: what trained it; several commands, one after another, a line each.
        measured: what the card says of its quality.
    """
    policy, info = load_policy(source)
    folder = ZOO / name
    folder.mkdir(exist_ok=True)
    info = type(info)(info.problem, info.sizes, info.distribution, command, info.version)
    save_policy(folder / "model.safetensors", policy, info, force=True)
    config = {
        "problem": info.problem,
        "sizes": info.sizes,
        "distribution": info.distribution,
        "policy": asdict(policy.config),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    counters = json.loads(read_tensors(source.parent / "training-state.safetensors")[1]["counters"])
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
        instances=counters["instances"],
        steps=counters["step"],
        minutes=counters["seconds"] / 60,
        last=" in the last of these runs" if "\n" in command else "",
        measured=measured,
    )
    (folder / "README.md").write_text(card)


def main() -> None:
    """Ship one policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's directory")
    parser.add_argument("--name", required=True, help="of the folder in the zoo")
    parser.add_argument("--command", required=True, help="what trained it; separate several by newlines")
    arguments = parser.parse_args()
    ship(arguments.run / "checkpoint-last.safetensors", arguments.name, arguments.command)


if __name__ == "__main__":
    main()
