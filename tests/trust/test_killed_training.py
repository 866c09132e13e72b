"""A training that is killed at any moment, or started twice, loses and mixes nothing."""

import contextvars
import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from children import in_child
from command_line import refusal

from policies.checkpoint import read_tensors
from policies.policy import PolicyConfig
from policies.training.config import TrainConfig
from policies.training.run import start_run
from policies.training.trainer import Trainer
from tsp.files import JUST_MADE, TEMPORARY, hold_folder

ROOT = Path(__file__).parents[2]
SMALL = TrainConfig(
    size="5",
    instances=8,
    epoch_size=4,
    batch_size=4,
    starts=2,
    validation_instances=4,
    policy=PolicyConfig(layers=1, width=8, heads=2, feedforward=8),
)
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
KILLED = 77


def train(out):
    """Start the run in a folder, or resume what is left of one."""
    is_there = (out / "config.json").exists()
    config = TrainConfig.read(out) if is_there else SMALL
    trainer = Trainer(config, out, resume=is_there)
    start_run(config, out, resume=is_there)
    trainer.run()


def content(out):
    """The bits of the policy and of the state, and the log without its times."""
    tensors = {name: read_tensors(out / f"{name}.safetensors")[0] for name in ("checkpoint-last", "training-state")}
    bits = {(file, key): x.numpy().tobytes() for file, part in tensors.items() for key, x in part.items()}
    log = [row.split(",") for row in (out / "metrics.csv").read_text().splitlines()]
    times = [i for i, name in enumerate(log[0]) if "second" in name]
    del bits["training-state", "sums"]  # they hold seconds
    return bits, [[cell for i, cell in enumerate(row) if i not in times] for row in log]


def killed_at(point, out):
    """Train in a copy of this process that ends right before its file operation `point`; its exit code."""
    numbers = itertools.count()

    def audit(event, arguments):
        if event in EVENTS and any(str(out) in str(argument) for argument in arguments[:2]) and next(numbers) == point:
            os._exit(KILLED)

    def work():
        sys.addaudithook(audit)
        train(out)

    return in_child(work)


def survives_kills(folder, points, whole):
    """Kill a run at each of the points and resume it; the number of kills."""
    for kills, point in enumerate(points):
        out = folder / f"{point}"
        code = killed_at(point, out)
        if code == 0:
            return kills
        assert code == KILLED, f"point {point}"
        train(out)
        assert content(out) == whole, f"point {point}"
        shutil.rmtree(out)
    return len(points)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run that nobody kills leaves."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(out)
    return content(out)


def test_a_run_that_is_killed_at_a_file_operation_resumes_to_the_same_bits(tmp_path, whole):
    assert survives_kills(tmp_path, range(0, 80, 9), whole) >= 5


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_file_operation_resumes_to_the_same_bits(tmp_path, whole):
    kills = survives_kills(tmp_path, range(1000), whole)
    print(f"{kills} kills, {kills} survived")  # noqa: T201
    assert 40 < kills < 1000


def test_a_run_that_is_killed_between_the_files_of_its_last_checkpoint_gets_its_policy(tmp_path, whole):
    train(tmp_path)
    old = (tmp_path / "checkpoint-last.safetensors").read_bytes()
    (tmp_path / "checkpoint-last.safetensors").write_bytes(old[:-4] + b"old!")
    train(tmp_path)
    assert content(tmp_path) == whole


def test_a_run_without_a_checkpoint_begins_anew(tmp_path, whole):
    start_run(SMALL, tmp_path)
    (tmp_path / "metrics.csv").write_text("of another run\n")
    train(tmp_path)
    assert content(tmp_path) == whole


def test_what_a_killed_run_leaves_is_swept_and_what_a_running_program_writes_is_not(tmp_path):
    out, names = tmp_path / "run", (f"{TEMPORARY}dead.csv", f"{TEMPORARY}new.csv")
    out.mkdir()
    for name in names:
        (out / name).write_text("half")
    os.utime(out / names[0], (0, time.time() - 2 * JUST_MADE))
    train(out)
    assert not (out / names[0]).exists()
    assert (out / names[1]).exists()


def test_a_moved_run_resumes(tmp_path, whole):
    start_run(SMALL, tmp_path / "a")
    killed_at(20, tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    train(tmp_path / "b")
    assert content(tmp_path / "b") == whole


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path, whole):
    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # room for the configuration alone
        with pytest.raises(ValueError, match=r"training-state\.safetensors: cannot be written \(File too large\)$"):
            train(tmp_path)

    assert in_child(work) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"config.json"}
    train(tmp_path)
    assert content(tmp_path) == whole


def elsewhere(work, *arguments):
    """Call a function as another thread does, which holds no folder."""
    return contextvars.Context().run(work, *arguments)


def test_a_second_training_in_a_folder_is_refused_in_a_sentence(tsp, tmp_path):
    with hold_folder("run"):
        words = ("train", "--size", 5, "--instances", 8, "--out", "run", "--force")
        refused = refusal(elsewhere(tsp, *words))
    assert refused.startswith("tsp: run: another program is writing into it")
    assert not Path("run").exists()  # it was made for nothing


def test_a_second_trainer_in_a_folder_is_refused_at_each_of_its_steps(tmp_path, whole):
    out = tmp_path / "run"
    start_run(SMALL, out)
    refused, trainer, other = [], Trainer(SMALL, out), Trainer(SMALL, out)

    def try_to_train(*_):
        for work in (
            lambda: elsewhere(lambda: start_run(SMALL, out, resume=True)),
            lambda: elsewhere(lambda: Trainer(SMALL, out, resume=True)),
            lambda: elsewhere(other.run),
        ):
            with pytest.raises(ValueError, match="run: another program is writing into it"):
                work()
            refused.append(1)

    trainer.run(try_to_train)
    assert refused
    assert content(out) == whole
    train(out)  # it is free again


@pytest.mark.parametrize(
    ("kind", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_stopped_training_is_saved_and_resumes(tmp_path, kind, code):
    words = ["--size", "5", "--epochs", "400", "--epoch-size", "64", "--batch-size", "8", "--starts", "2",
             "--layers", "1", "--width", "8", "--heads", "2", "--feedforward", "8", "--validation-instances", "4",
             "--threads", "1", "--device", "cpu", "--out", str(tmp_path / "run")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tsp", "train", *words],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    log = tmp_path / "run" / "metrics.csv"
    while not log.exists() or log.read_text().count("\n") < 3:  # it is validated before the first step
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(kind)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "stopping after this step" in err
    tensors, metadata = read_tensors(tmp_path / "run" / "training-state.safetensors")
    assert tensors
    assert metadata["counters"]
