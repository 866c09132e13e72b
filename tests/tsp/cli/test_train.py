import csv
import json
import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from command_line import BERLIN, refusal, solved

from envs.generators import generate_instances
from policies.policy import PolicyConfig
from policies.training.config import TrainConfig
from tsp.cli.program import make_parser
from tsp.cli.settings import policy_settings
from tsp.formats import write_instances

TINY = ("--layers", 1, "--width", 16, "--heads", 2, "--feedforward", 16, "--batch-size", 8, "--starts", 2,
        "--epoch-size", 16, "--validation-instances", 8, "--threads", 1, "--device", "cpu")  # fmt: skip


def test_train_makes_a_run_that_resumes_and_a_policy_that_solves(tsp):
    code, out, _ = tsp("train", "--problem", "tsp", "--size", 6, "--instances", 32, "--out", "run", *TINY)
    assert code == 0
    assert out.strip() == str(Path("run") / "checkpoint-last.safetensors")
    assert {p.name for p in Path("run").iterdir()} == {
        "config.json", "metrics.csv", "checkpoint-last.safetensors", "training-state.safetensors", "learning-curve.png",
        "report.html",
    }  # fmt: skip
    assert "holds a run already" in refusal(tsp("train", "--size", 6, "--instances", 32, "--out", "run", *TINY))
    code, _, _ = tsp("train", "--out", "run", "--resume", "--instances", 64, "--threads", 1, "--device", "cpu")
    assert code == 0
    with Path("run/metrics.csv").open() as file:
        assert [row["instances"] for row in csv.DictReader(file)] == ["0", "16", "32", "48", "64"]
    solution = solved(
        tsp("solve", BERLIN, "--solver", "policy(path=run/checkpoint-last.safetensors, starts=2)", "--json")
    )
    assert solution["size"] == 52


@pytest.mark.parametrize("guide", [(), ("--guide",)])
def test_train_stops_at_ctrl_c_and_resumes(tsp, ctrl_c, guide):
    from policies.guide.training import GuideTrainer
    from policies.training.trainer import Trainer

    shape = ("--degree", 4, "--width", 8, "--solver", "spacefilling") if guide else TINY[2:-4]
    few = ("--validation-instances", 8, "--instances", 16) if guide else ()
    here = ("train", *guide, "--out", "run", "--epochs", 2, "--threads", 1, "--device", "cpu")
    ctrl_c(GuideTrainer if guide else Trainer, "train_step")
    code, out, err = tsp(*here, "--size", 9, *shape, *few)
    assert (code, out) == (130, "")
    stopped = ["tsp: stopping after this step; Ctrl-C again to stop at once", "tsp: interrupted"]
    assert [line for line in err.splitlines() if " step" not in line or line in stopped] == stopped
    code, _, err = tsp(*here, "--resume")
    assert code == 0
    assert all(line.startswith("tsp: step ") for line in err.splitlines())


def test_in_a_pipe_training_prints_a_line_for_each_epoch(tsp):
    code, _, err = tsp("train", "--size", 6, "--instances", 48, "--out", "run", *TINY)
    assert code == 0
    first, *epochs = err.splitlines()
    assert re.fullmatch(r"tsp: validation \d\.\d{4} before the first step", first)
    number = r"-?\d+\.\d+"
    line = (
        rf"tsp: step (\d), loss {number}, objective {number}, (validation {number}, )?"
        rf"\d+ instances/s, {number} minutes left"
    )
    assert [re.fullmatch(line, epoch)[1] for epoch in epochs] == ["2", "4", "6"]
    assert "validation" in epochs[-1]


def test_train_reads_settings_from_a_file_and_flags_override_them(tsp, tmp_path):
    (tmp_path / "settings.toml").write_text('size = "7"\nbatch_size = 4\n[policy]\nlayers = 2\n')
    code, _, _ = tsp("train", "--config", "settings.toml", "--instances", 16, "--out", "run", *TINY)
    assert code == 0
    config = json.loads(Path("run/config.json").read_text())
    assert (config["size"], config["batch_size"], config["policy"]["layers"]) == ("7", 8, 1)
    (tmp_path / "wrong.toml").write_text("batch = 4\n")
    assert "unknown setting 'batch'" in refusal(tsp("train", "--config", "wrong.toml", "--instances", 1, "--out", "b"))
    assert not Path("b").exists()


@pytest.mark.parametrize(("teacher", "sentence"), [("nope", "unknown solver 'nope'"), ("means", "does not support")])
def test_a_teacher_that_cannot_label_is_refused_before_anything_is_written(tsp, teacher, sentence):
    refused = refusal(tsp("train", "--size", 6, "--instances", 16, "--out", "run", "--teacher", teacher, *TINY))
    assert refused.startswith("tsp: teacher: ")
    assert sentence in refused
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("option", "value", "reader"),
    [
        ("--label-count", 5, "--teacher"),
        ("--imitation", 0.5, "--teacher"),
        ("--weight-decay", 0.1, "--optimizer adamw"),
        ("--warmup-epochs", 2, "--baseline rollout"),
        ("--neighbours", 5, "--encoder gnn"),
    ],
)
def test_a_setting_that_nothing_reads_is_refused(tsp, option, value, reader):
    words = ("train", "--size", 6, "--instances", 16, "--out", "run", *TINY)
    refused = refusal(tsp(*words, option, value))
    assert refused == f"tsp: {option}: expected {reader} beside it, which reads it"
    name = option.removeprefix("--").replace("-", "_")
    part = "[policy]\n" if name == "neighbours" else ""
    Path("settings.toml").write_text(f"{part}{name} = {value}\n")
    refused = refusal(tsp(*words, "--config", "settings.toml"))
    assert refused == f"tsp: settings.toml: {name}: expected {reader} beside it, which reads it"
    assert not Path("run").exists()


def test_settings_that_another_one_replaces_are_refused(tsp):
    write_instances("set.npz", generate_instances("tsp", "uniform", 6, 8, 0))
    words = ("train", "--instances", 16, "--out", "run", "--data", "set.npz", *TINY)
    assert refusal(tsp(*words, "--distribution", "uniform")) == "tsp: --distribution: expected no --data beside it"
    refused = refusal(tsp("train", "--size", 6, "--encoder", "gnn", "--instances", 16, "--out", "run", *TINY))
    assert refused == "tsp: --feedforward: expected --encoder attention beside it, which reads it"
    words = ("train", "--guide", "--epochs", 1, "--labels", "labels.npz", "--out", "run")
    for option, value in (("--solver", "ls"), ("--size", "50-100"), ("--distribution", "uniform")):
        assert refusal(tsp(*words, option, value)) == f"tsp: {option}: expected no --labels beside it"


def test_the_problem_and_the_shape_that_follow_from_data_and_a_policy_yield_to_those_of_the_file(tsp):
    write_instances("set.npz", generate_instances("op", "uniform", 6, 16, 0))
    Path("settings.toml").write_text('data = "set.npz"\n')
    code, _, _ = tsp("train", "--config", "settings.toml", "--instances", 16, "--out", "run", *TINY)
    assert code == 0
    config = json.loads(Path("run/config.json").read_text())
    assert (config["problem"], config["size"]) == ("op", "6")
    Path("settings.toml").write_text('problem = "pctsp"\n[policy]\nwidth = 8\n')
    words = ("train", "--config", "settings.toml", "--instances", 16, "--out", "more", *TINY[-8:])
    assert "pctsp" in refusal(tsp(*words, "--data", "set.npz"))
    Path("settings.toml").write_text("[policy]\nwidth = 8\n")
    assert "width" in refusal(tsp(*words, "--size", 6, "--from", "run/checkpoint-last.safetensors"))


@pytest.mark.parametrize(("option", "value"), [("--data", "set.npz"), ("--encoder", "gnn")])
def test_the_example_of_settings_excludes_no_flag(tsp, option, value):
    write_instances("set.npz", generate_instances("tsp", "uniform", 20, 8, 0))
    example = Path(__file__).parents[3] / "examples" / "train.toml"
    flags = ["train", "--config", str(example), option, value, "--out", "run"]
    settings = policy_settings(make_parser("train").parse_args(flags))
    assert getattr(settings if option == "--data" else settings.policy, option[2:]) == value


def test_the_example_of_settings_has_every_one_with_its_default():
    text = (Path(__file__).parents[3] / "examples" / "train.toml").read_text()
    assert TrainConfig.from_dict(tomllib.loads(text), "train.toml") == TrainConfig(minutes=10.0)
    listed = re.findall(r"^(?:# )?(\w+) = ", text, flags=re.MULTILINE)
    assert listed == [item.name for cls in (TrainConfig, PolicyConfig) for item in fields(cls) if item.name != "policy"]
    defaults = {**asdict(TrainConfig(minutes=10.0)), **asdict(PolicyConfig())}
    for line in re.findall(r"^# (\w+ = .*)", text, flags=re.MULTILINE):
        ((name, value),) = tomllib.loads(line).items()
        if defaults[name] is None:
            length = "" if line.startswith(("epochs", "instances")) else "minutes = 1.0"
            TrainConfig.from_dict(tomllib.loads(f"{line}\n{length}"), "train.toml")
        else:
            assert defaults[name] == value
