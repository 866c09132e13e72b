"""Settings from files are as strict as flags."""

import json
from dataclasses import asdict

import pytest

from policies.guide.training import GuideTrainConfig
from policies.training.config import TrainConfig


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"optimizer": "sgd"}, r"f: unknown optimizer 'sgd' \(there are: adam, adamw, muon\)"),
        ({"precision": "int8"}, "f: unknown precision 'int8'"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"lr": "fast"}, "f: lr: 'fast', expected a number"),
        ({"lr": float("nan")}, "f: lr: nan, expected a number"),
        ({"lr": True}, "f: lr: True, expected a number"),
        ({"batch_size": 64.0}, "f: batch_size: 64, expected a whole number"),
        ({"batch_size": True}, "f: batch_size: True, expected a whole number"),
        ({"batch_size": None}, "f: batch_size: None, expected a whole number"),
        ({"size": 20}, "f: size: 20, expected a text"),
        ({"scale": 1}, "f: scale: 1, expected true or false"),
        ({"sizes": "20"}, "f: unknown setting 'sizes'; did you mean 'size'"),
        ({"policy": 3}, "f: policy: 3, expected settings by name"),
        ({"policy": {"layers": "3"}}, "f: policy: layers: '3', expected a whole number"),
        ({"policy": {"encoder": "transformer"}}, "f: policy: unknown encoder 'transformer'"),
        ({"policy": {"feedforward": 0}}, "feedforward 0"),
        ({"warmup_steps": -1}, "warmup_steps: -1, expected 0 or more"),
        ([], "f: .*, expected settings by name"),
        ({"minutes": [1]}, r"f: minutes: \[1\], expected a number"),
    ],
)
def test_a_value_that_no_flag_takes_is_refused(raw, sentence):
    given = {"minutes": 1.0, **raw} if isinstance(raw, dict) else raw
    with pytest.raises(ValueError, match=sentence):
        TrainConfig.from_dict(given, "f")


@pytest.mark.parametrize("cls", [TrainConfig, GuideTrainConfig])
def test_what_a_run_writes_is_read_back(cls):
    config = cls(minutes=1)
    assert cls.from_dict(json.loads(config.to_json()), "f") == cls.from_dict(asdict(config), "f") == config


def test_a_whole_number_is_a_number():
    assert TrainConfig.from_dict({"minutes": 3, "lr": 1}, "f").lr == 1
