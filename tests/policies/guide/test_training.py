"""Training of the learned guide: it learns, resumes to the same bits, and keeps its labels."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policies.checkpoint import read_tensors
from policies.guide.network import EdgeNetworkConfig, LearnedGuide, load_network
from policies.guide.training import (
    GuideTrainConfig,
    GuideTrainer,
    Labelled,
    make_labels,
    missed_share,
    read_labels,
    tour_edges,
    write_labels,
)
from policies.training.run import start_run
from tsp.cli import main
from tsp.instance import Instance
from tsp.problems import get_problem

TINY = GuideTrainConfig(
    size="15-20",
    instances=26,
    solver="spacefilling",
    epochs=3,
    batch_size=4,
    validation_instances=6,
    network=EdgeNetworkConfig(degree=8, width=8, layers=2),
)


def ready(config, out, *, resume=False):
    start_run(config, out, resume=resume, force=True)
    trainer = GuideTrainer(config, out, resume=resume)
    trainer.prepare()
    return trainer


def weights(out):
    return read_tensors(Path(out) / "checkpoint-last.safetensors")[0]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def rows(out):
    with (Path(out) / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def convex(tmp_path_factory):
    """Labelled instances whose optimal tour is known: points on an ellipse."""
    rng = np.random.default_rng(0)
    labels = []
    for _ in range(26):
        n = int(rng.integers(15, 30))
        angles = rng.random(n) * 2 * np.pi
        points = np.column_stack([np.cos(angles), 0.6 * np.sin(angles)])
        labels.append(Labelled(points, np.argsort(angles).astype(np.int32)))
    path = tmp_path_factory.mktemp("labels") / "labels.npz"
    write_labels(path, labels)
    return str(path)


def test_a_trained_guide_proposes_the_edges_of_the_tours_it_learned(tmp_path, convex):
    trainer = ready(replace(TINY, labels=convex, epochs=30, lr=0.01), tmp_path)
    before, _ = trainer.validate()
    trainer.run()
    after, missed = trainer.validate()
    assert after < 0.15 < 0.5 < before
    assert missed < 0.01
    assert float(rows(tmp_path)[-1]["val/loss"]) == after
    guide = LearnedGuide(str(tmp_path / "checkpoint-last.safetensors"), neighbours=2)
    angles = np.arange(40) * 2 * np.pi / 40 + 0.3
    ring = Instance(coordinates=np.column_stack([np.cos(angles), 0.6 * np.sin(angles)]))
    (found,) = guide.candidates(get_problem("tsp"), [ring])
    step = (found - np.arange(40)[:, None]) % 40
    assert ((step == 1) | (step == 39)).mean() > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path, convex):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ready(replace(TINY, labels=convex, seed=seed), tmp_path / name).run()
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("place", "call"),
    [(lambda run: (run.optimizer, "step"), 2), (lambda run: (run, "validate"), 1)],
    ids=["update", "validation"],
)
def test_wherever_ctrl_c_falls_a_run_resumes_to_the_same_bits(tmp_path, convex, ctrl_c, place, call, times):
    config = replace(TINY, labels=convex)
    ready(config, tmp_path / "whole").run()
    part = ready(config, tmp_path / "part")
    ctrl_c(*place(part), call=call, times=times)
    with pytest.raises(KeyboardInterrupt):
        part.run()
    resumed = ready(GuideTrainConfig.read(tmp_path / "part"), tmp_path / "part", resume=True)
    assert resumed.step == (part.step if times == 1 else 0)
    resumed.run()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "part"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "part")


def test_training_leaves_the_global_generator_alone(tmp_path, convex):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ready(replace(TINY, labels=convex), tmp_path).run()
    assert torch.equal(torch.rand(3), expected)


def test_labels_are_tours_of_the_configured_instances(tmp_path):
    labels = make_labels(TINY, tmp_path / "labels.npz")
    assert len(labels) == 26
    assert all(15 <= len(label.tour) <= 20 for label in labels)
    again = read_labels(tmp_path / "labels.npz")
    assert all((a.points == b.points).all() and (a.tour == b.tour).all() for a, b in zip(labels, again, strict=True))


def test_interrupted_labelling_continues(tmp_path):
    whole = make_labels(TINY, tmp_path / "whole.npz")
    write_labels(tmp_path / "part.npz", whole[:7])
    made = []
    part = make_labels(TINY, tmp_path / "part.npz", lambda share, text: made.append(share))
    assert len(made) == 19
    assert all((a.points == b.points).all() and (a.tour == b.tour).all() for a, b in zip(whole, part, strict=True))


def test_a_new_run_does_not_take_the_labels_of_the_one_before(tmp_path):
    ready(TINY, tmp_path)
    start_run(TINY, tmp_path, force=True)
    assert not (tmp_path / "labels.npz").exists()
    with pytest.raises(ValueError, match="holds a run already"):
        start_run(TINY, tmp_path)


def test_labels_to_be_used_again_are_not_deleted(tmp_path, convex):
    path = tmp_path / "labels.npz"
    path.write_bytes(Path(convex).read_bytes())
    ready(replace(TINY, labels=str(path)), tmp_path).run()
    assert path.exists()


def test_bad_labels_are_refused(tmp_path, convex):
    with pytest.raises(ValueError, match="no such file"):
        read_labels(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"text\.npz: not an NPZ file"):
        read_labels(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="not labelled instances"):
        read_labels(tmp_path / "other.npz")
    write_labels(tmp_path / "wrong.npz", [Labelled(np.zeros((3, 2)), np.array([0, 1, 1]))])
    with pytest.raises(ValueError, match="do not fit"):
        read_labels(tmp_path / "wrong.npz")
    with pytest.raises(ValueError, match="more than are used for validation"):
        ready(replace(TINY, labels=convex, instances=200, validation_instances=100), tmp_path / "run")
    wide = replace(TINY, size="30", labels=convex, network=replace(TINY.network, degree=20))
    with pytest.raises(ValueError, match="more than 20 nodes"):
        ready(wide, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, "length of training"),
        ({"minutes": 1.0}, "length of training"),
        ({"size": "many"}, "size: 'many'"),
        ({"size": "8-20"}, "more than the 8 edges"),
        ({"size": "20-15"}, "smaller number first"),
        ({"distribution": "uniform,unifrom"}, "uniform"),
        ({"lr": 0.0}, "lr: 0"),
        ({"instances": 6}, "instances: 6"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


def test_unknown_settings_are_refused():
    for raw in ({"epochs": 1, "starts": 3}, {"epochs": 1, "network": {"heads": 8}}):
        with pytest.raises(ValueError, match=r"file: (network: )?unknown setting"):
            GuideTrainConfig.from_dict(raw, "file")
    with pytest.raises(ValueError, match="width: 0"):
        EdgeNetworkConfig(width=0)


def test_a_state_of_another_shape_is_refused(tmp_path):
    ready(TINY, tmp_path).run()
    other = replace(TINY, network=replace(TINY.network, width=4))
    with pytest.raises(ValueError, match="does not fit"):
        GuideTrainer(other, tmp_path, resume=True)


def test_a_loss_that_is_not_finite_ends_training(tmp_path, convex):
    trainer = ready(replace(TINY, labels=convex), tmp_path)
    with torch.no_grad():
        next(trainer.network.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        trainer.train_step()


def test_tour_edges_are_those_of_the_tour():
    neighbours = np.array([[1, 2], [0, 3], [0, 3], [1, 2]])
    assert tour_edges(neighbours, np.array([0, 1, 2, 3])).tolist() == [
        [True, False],
        [True, False],
        [False, True],
        [False, True],
    ]


def test_missed_share_counts_edges_beyond_the_short_list():
    wanted = np.array([[True, True, False], [True, False, True]])
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert missed_share(scores, wanted, 3) == 0.0
    assert missed_share(scores, wanted, 2) == 0.25
    assert missed_share(scores, wanted, 1) == 0.5


def test_the_file_describes_its_training(tmp_path, convex):
    start_run(replace(TINY, labels=convex), tmp_path)
    trainer = GuideTrainer(replace(TINY, labels=convex), tmp_path, command="tsp train --guide", version="1")
    trainer.prepare()
    trainer.run()
    _, metadata = read_tensors(tmp_path / "checkpoint-last.safetensors")
    assert (metadata["command"], metadata["version"], metadata["sizes"]) == ("tsp train --guide", "1", "[15, 20]")
    assert load_network(tmp_path / "checkpoint-last.safetensors").config == TINY.network


SMALL = ["--size", "15-20", "--instances", "26", "--validation-instances", "6", "--solver", "spacefilling"]
SHAPE = ["--degree", "8", "--width", "8", "--layers", "1"]
HERE = ["train", "--guide", "--threads", "1", "--device", "cpu"]


def test_the_command_trains_and_resumes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*HERE, *SMALL, *SHAPE, "--epochs", "1", "--out", "run"]) == 0
    assert capsys.readouterr().out.split() == [str(Path("run") / "checkpoint-last.safetensors")]
    assert main([*HERE, "--resume", "--epochs", "2", "--out", "run"]) == 0
    assert len(rows(tmp_path / "run")) == 2
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "metrics.csv",
        "labels.npz",
        "checkpoint-last.safetensors",
        "training-state.safetensors",
    }
    again = ["--epochs", "1", "--out", "other", "--labels", "run/labels.npz", "--seed", "2"]
    assert main([*HERE, *SMALL[2:-2], *SHAPE, *again]) == 0
    assert not (tmp_path / "other" / "labels.npz").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --guide --epochs 1 --starts 3", "--starts: a setting of policies"),
        ("train --guide --epochs 1 --from tsp", "--from: a setting of policies"),
        ("train --epochs 1 --labels x.npz", "--labels: a setting of the learned guide; it needs --guide"),
        ("train --guide --epochs 1 --degree 0", "degree: 0"),
        ("train --guide", "length of training"),
        ("train --guide --epochs 1 --labels none.npz", "none.npz: no such file"),
        ("train --guide --epochs 1 --solver lss", "lss"),
        ("train --guide --resume --epochs 1", "there is no run to resume"),
    ],
)
def test_the_command_refuses_in_one_sentence(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main([*words.split(), "--threads", "1", "--out", "run"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
