"""Training curves of the REINFORCE baselines at equal minutes of training, on TSP with 20 nodes.

Each run trains the same model on the same distribution and is validated on the same instances, one greedy
trajectory each; they run one after another. Draws `docs/images/baseline-curves.png` and prints the last values.

    python benchmarks/baseline_curves.py --minutes 5
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from tqdm import tqdm

from policies.policy import PolicyConfig
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.trainer import Trainer
from tsp.plotting.canvas import add_legend, frame_axes, line_style, make_canvas, save_figure

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BASELINES = {
    "shared": {"starts": 20, "batch_size": 64, "epoch_size": 6_400},
    "rollout": {"starts": 1, "batch_size": 512, "epoch_size": 25_600},
    "exponential": {"starts": 1, "batch_size": 512, "epoch_size": 25_600},
}
LABELS = {
    "shared": "shared (20 starts × 64 instances)",
    "rollout": "rollout (512 instances)",
    "exponential": "exponential (512 instances)",
}


def train(baseline: str, minutes: float, out: Path, seed: int) -> list[dict[str, str]]:
    """Train one run and return the rows of its log that have a validation, but not that before the first step."""
    config = TrainConfig(
        size="20", baseline=baseline, minutes=minutes, lr=1e-3, seed=seed, policy=PolicyConfig(), **BASELINES[baseline]
    )  # fmt: skip
    start_run(config, out, force=True)
    with tqdm(total=1000, desc=baseline, disable=None) as bar:
        Trainer(config, out).run(lambda share, text: bar.update(int(1000 * share) - bar.n))
    with (out / "metrics.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["step"] != "0" and row["val/objective"] != "nan"]


def draw(logs: dict[str, list[dict[str, str]]], path: Path) -> None:
    """The validation objective over minutes of training."""
    figure, axes = make_canvas(
        8.0, 4.6, "REINFORCE baselines at equal minutes", "TSP with 20 nodes · the same instances, one greedy tour each"
    )
    for k, (baseline, rows) in enumerate(logs.items()):
        minutes = [float(row["seconds"]) / 60 for row in rows]
        values = [float(row["val/objective"]) for row in rows]
        axes.plot(minutes, values, **line_style(k)._asdict(), label=LABELS[baseline], linewidth=1.8, markersize=5)
    axes.set(xlabel="minutes of training", ylabel="mean length", ylim=(3.9, 4.4))
    frame_axes(axes, grid="both")
    add_legend(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path, force=True)


def main() -> None:
    """Train every baseline, draw the curves and print the last values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training time for each baseline")
    parser.add_argument("--runs", type=Path, default=Path("runs/baseline-curves"))
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "docs" / "images" / "baseline-curves.png"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logs = {name: train(name, arguments.minutes, arguments.runs / name, arguments.seed) for name in BASELINES}
    draw(logs, arguments.out)
    for name, rows in logs.items():
        print(f"{name:12} {float(rows[-1]['val/objective']):.4f} after {rows[-1]['instances']} instances")


if __name__ == "__main__":
    main()
