"""TensorBoard's log holds what `metrics.csv` holds."""

import builtins
import csv
from dataclasses import replace

import pytest
from training_runs import SMALL

from policies.training.event_log import EventLog
from policies.training.run import start_run
from policies.training.trainer import Trainer

events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard")


def test_the_scalars_are_the_columns_of_the_log_also_after_resuming(tmp_path):
    start_run(SMALL, tmp_path)
    Trainer(SMALL, tmp_path, tensorboard=True).run()
    longer = replace(SMALL, instances=2 * SMALL.instances)
    Trainer(longer, tmp_path, resume=True, tensorboard=True).run()
    read = events.EventAccumulator(str(tmp_path))
    read.Reload()
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    written = {event.step: event.value for event in read.Scalars("train/loss")}
    assert written == pytest.approx({int(r["step"]): float(r["train/loss"]) for r in rows if r["train/loss"] != "nan"})
    assert len(written) > 2


def test_a_missing_package_is_named_in_one_sentence(tmp_path, monkeypatch):
    whole = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return whole(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"--tensorboard: TensorBoard is not installed, expected the extra"):
        EventLog(tmp_path)
