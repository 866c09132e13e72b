"""Several processes train to the same losses as one with the whole batch."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from envs.generators import generate
from policies.training.config import TrainConfig
from policies.training.processes import Processes, SharedSampling, share_of

ROOT = Path(__file__).parents[3]
COMMAND = ["train", "--problem", "cvrp", "--size", "6", "--instances", "64", "--epoch-size", "16",
           "--batch-size", "16", "--validation-instances", "20", "--layers", "1", "--width", "16", "--heads", "2",
           "--feedforward", "16", "--precision", "float32", "--device", "cpu", "--threads", "1"]  # fmt: skip


def log_of(out):
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def train_together(out, *options, processes, cwd):
    """The log of a run of several processes, and what they printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
         "-m", "tsp", *COMMAND, *options, "--out", str(out)],
        env=environment, cwd=cwd, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return log_of(out), done.stdout


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--baseline", "shared", "--starts", "4", "--entropy", "0.01"), marks=pytest.mark.slow),
        pytest.param(("--baseline", "exponential", "--starts", "1"), marks=pytest.mark.slow),
        pytest.param(("--baseline", "critic", "--starts", "1"), marks=pytest.mark.slow),
        ("--baseline", "rollout", "--starts", "1", "--warmup-epochs", "2"),
    ],
    ids=["shared", "exponential", "critic", "rollout"],
)
def test_two_processes_give_the_losses_of_one_with_the_whole_batch(tsp, tmp_path, options):
    assert tsp(*COMMAND, *options, "--out", tmp_path / "one")[0] == 0
    one = log_of(tmp_path / "one")
    two, out = train_together(tmp_path / "two", *options, processes=2, cwd=tmp_path)
    assert len(one) == len(two) == 5  # before the first step, and four epochs
    for name in ("train/loss", "train/objective", "val/objective"):
        values = [[float(row[name]) for row in rows] for rows in (one, two)]
        assert values[0] == pytest.approx(values[1], abs=1e-5, nan_ok=True)
    assert out.splitlines() == [str(tmp_path / "two" / "checkpoint-last.safetensors")]  # from one process only


def test_the_shares_of_a_batch_are_the_whole_batch():
    batch = generate("op", "uniform", 12, 7, torch.Generator().manual_seed(0))
    shares = [Processes(rank, 3).share(batch) for rank in range(3)]
    assert torch.equal(torch.cat([share.coordinates for share in shares]), batch.coordinates)
    assert torch.equal(torch.cat([share.values["prizes"] for share in shares]), batch.values["prizes"])
    assert share_of(12, 2, 3) == slice(8, 12)


def test_shared_sampling_draws_the_actions_that_one_process_would_draw():
    logits = torch.randn(6, 5, 9, generator=torch.Generator().manual_seed(0))
    whole = Processes().sampling().select(logits, torch.Generator().manual_seed(1))
    parts = [
        SharedSampling(rank, 2).select(logits[share_of(6, rank, 2)], torch.Generator().manual_seed(1))
        for rank in range(2)
    ]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 1, "batch_size": 63}, "batch_size: 63, expected a multiple of the 2 processes"),
        ({"minutes": 3.0}, "minutes: 3, expected epochs or instances"),
        ({"epochs": 1, "teacher": "ls"}, "teacher: 'ls', expected none with 2 processes"),
    ],
)
def test_settings_that_processes_cannot_share_are_refused(settings, sentence):
    config = TrainConfig(**settings)
    config.require_shares(1)
    with pytest.raises(ValueError, match=sentence):
        config.require_shares(2)
