"""All commands: mistakes end in one sentence, outputs are kept, imports stay light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import BERLIN, POSTERS, ROOT, refusal

from tsp.cli.program import COMMANDS

AS_PATH = ["--problem", "shpp", "--ignore", "prize,opens,closes"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["solve", "none.tsp"], "none.tsp: no such file"),
        (["solve", BERLIN, "--solver", "ortolls"], "did you mean 'ortools'"),
        (["solve", BERLIN, "--solver", "policy(decodng=greedy)"], "did you mean 'decoding'"),
        (["solve", BERLIN, "--solver", "policy(decoding=greed)"], "expected greedy or sampling"),
        (["solve", BERLIN, "--solver", "policy(samples=0)"], "expected 1 or more"),
        (["solve", BERLIN, "--problem", "tps"], "did you mean 'tsp'"),
        (["solve", BERLIN, "--time-limit", "0"], "--time-limit"),
        (["solve", BERLIN, "--time-limit", "nan"], "--time-limit"),
        (["solve", BERLIN, "--start", "nobody"], "nobody"),
        (["solve", BERLIN, "--out", "a.xyz"], "ending '.xyz'"),
        (["solve", BERLIN, "--plot", "a.xyz"], "xyz"),
        (["solve", BERLIN, "--out", "no/such/folder/a.tour"], "no/such/folder"),
        (["solve", BERLIN, "--device", "gpu9"], "device 'gpu9' is not there"),
        (["solve", BERLIN, "--time-limit", "x"], "--time-limit: x, expected a positive number"),
        (["solve", BERLIN, "--threads", "0"], "--threads: 0, expected a whole number from 1 to 256"),
        (["solve", BERLIN, "--threads", "x"], "--threads: x, expected a whole number from 1 to 256"),
        (["train", "--out", "run", "--threads", "9999"], "--threads: 9999, expected a whole number from 1 to 256"),
        (["compare", "--workers", "9999"], "--workers: 9999, expected a number of processes up to 256, ray or ray://"),
        (["serve", "--workers", "9999"], "--workers: 9999, expected a whole number from 1 to 256"),
        (
            ["train", "--out", "run", "--epochs", "1", "--label-workers", "9999"],
            "label_workers: 9999, expected 1 to 256 processes",
        ),
        (["solve", BERLIN, "--solver", ""], "solver spec '': expected a name"),
        (
            ["solve", BERLIN, "--elapsed", "5"],
            "elapsed: 5, expected none in problem 'tsp', where no time counts",
        ),
        (["solve", BERLIN, "--seed", "-1"], "--seed: -1, expected a whole number from 0 to 4294967295"),
        (["generate", "--seed", str(2**64), "--out", "a.npz"], f"--seed: {2**64}, expected a whole number from 0 to"),
        (["train", "--seed", "x", "--out", "run"], "--seed: x, expected a whole number from 0 to 4294967295"),
        (["solve", BERLIN, "--solver", "nearest", "--probabilities"], "expected a policy"),
        (["solve", BERLIN, "--solver", "policy(path=none.safetensors)"], "none.safetensors: no such file"),
        (["solve", BERLIN, BERLIN, "--out", "a.tour"], "there are 2 instances"),
        (["solve", BERLIN, "--objective", "makespan"], "problem 'tsp' is not there with objective 'makespan'"),
        (["solve", BERLIN, "--probabilities", "--plot", "a.png"], "expected no --plot beside it"),
        (["solve", BERLIN, "--probabilities", "--time-limit", "3"], "expected no --time-limit beside it"),
        (["solve", BERLIN, "--elapsed=--"], "argument --elapsed: '--', expected a value"),
        (["plot", BERLIN, "--capacity", "3", "--out", "a.png"], "a capacity (--capacity) needs demands"),
        (["plot", BERLIN, "--late-price", "3", "--out", "a.png"], "problem 'tsp' does not read a price of a late end"),
        (["solve", BERLIN, "--walls", "none.csv"], "none.csv: no such file"),
        (["solve", POSTERS, *AS_PATH, "--end", "Coffee corner"], "ends at Coffee corner, expected another"),
        (
            ["solve", POSTERS, "--problem", "optw", "--visited", "A1", "--load", "2"],
            "problem 'optw', which has no capacity",
        ),
        (
            ["solve", POSTERS, *AS_PATH, "--probabilities"],
            "none is shipped for 'shpp', expected policy(path",
        ),
        (["solve", POSTERS, "--problem", "atsp", "--solver", "policy"], "atsp"),
        (["solve"], "FILE"),
        (["solve", BERLIN, "--no-such-option"], "--no-such-option"),
        (
            ["solve", BERLIN, "--start", "2", "--start", "3"],
            "argument --start: given more than once, expected one value",
        ),
        (["compare", "--size", "5", "--size", "5"], "argument --size: given more than once, expected one value"),
        (["train", "--lr", "1", "--lr=2", "--out", "run"], "argument --lr: given more than once, expected one value"),
        (["sovle"], "invalid choice: 'sovle'"),
        ([], "COMMAND"),
        (["compare", "--distribution", "unifrom"], "did you mean 'uniform'"),
        (["compare", "--solvers", "nearest,,ortools"], "expected a name"),
        (["compare", "--solvers", "nearest,nearest"], "given twice"),
        (["compare", "--size", "-3"], "--size"),
        (["compare", BERLIN, "--size", "20"], "--size: describes generated instances, expected no files"),
        (["generate", "--out", "a.doc"], "a.doc"),
        (["generate", "--problem", "tps", "--out", "a.npz"], "did you mean 'tsp'"),
        (["train", "--out", "r", "--instances", "8", "--size", "x"], "size: 'x'"),
        (["train", "--out", "r"], "expected one of minutes, epochs, instances"),
        (["train", "--out", "r", "--resume"], "there is no run to resume"),
        (["train", "--out", "r", "--instances", "8", "--baseline", "rolout"], "rolout"),
        (["train", "--out", "r", "--instances", "8", "--width", "10", "--heads", "3"], "width 10, heads 3"),
        (["train", "--out", "r", "--instances", "8", "--from", "none.safetensors"], "none.safetensors: no such file"),
        (["train", "--out", "r", "--instances", "8", "--config", "none.toml"], "none.toml: no such file"),
        (["convert", "none.pt", "--out", "a.safetensors"], "none.pt: no such file"),
        (["check", BERLIN, "none.tour"], "none.tour: no such file"),
        (["plot", BERLIN, "--out", "a.bmp"], "bmp"),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_in_one_sentence_and_writes_nothing(tsp, words, sentence):
    assert sentence in refusal(tsp(*words))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["solve", BERLIN, "--solver", "nearest", "--out", "it.tour"],
        ["solve", BERLIN, "--solver", "nearest", "--plot", "it.png"],
        ["compare", "--size", "5", "--instances", "2", "--solvers", "nearest", "--plot", "it.png"],
        ["compare", "--size", "5", "--instances", "2", "--solvers", "nearest", "--out", "it.csv"],
        ["generate", "--size", "5", "--instances", "2", "--out", "it.npz"],
        ["plot", BERLIN, "--out", "it.svg"],
    ],
    ids=lambda words: words[0] + " " + words[-2],
)
def test_an_existing_output_is_kept_unless_forced(tsp, words):
    path = Path(words[-1])
    path.write_text("mine")
    assert "--force" in refusal(tsp(*words))
    assert path.read_text() == "mine"
    assert tsp(*words, "--force")[0] == 0
    assert path.read_bytes() != b"mine"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "x"])
def test_coordinates_that_are_not_finite_numbers_are_refused_with_their_line(tsp, tmp_path, value):
    (tmp_path / "bad.csv").write_text(f"name,x,y\na,0,0\nb,{value},1\n")
    assert "bad.csv:3" in refusal(tsp("solve", "bad.csv"))


def test_an_instance_without_nodes_is_refused(tsp, tmp_path):
    (tmp_path / "empty.csv").write_text("name,x,y\n")
    assert "empty.csv" in refusal(tsp("solve", "empty.csv"))


def test_a_broken_policy_file_is_refused_by_name(tsp, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    assert "broken.safetensors" in refusal(tsp("solve", BERLIN, "--solver", "policy(path=broken.safetensors)"))


def run_process(*words, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tsp", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS if name != "train")], ids=" ".join)
def test_help_imports_no_heavy_library(tmp_path, words):
    result = run_process(*words, "--help", cwd=tmp_path)
    assert result.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "tsp.cli" in imported
    assert not imported & {"numpy", "torch", "scipy", "matplotlib", "numba", "ortools", "gymnasium", "tqdm"}


def test_the_scripts_of_the_checkout_are_the_commands_train_and_compare(tmp_path):
    for script in ("train.py", "evaluate.py"):
        result = subprocess.run(
            [sys.executable, str(ROOT / script), "--help"], capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert f"tsp {'train' if script == 'train.py' else 'compare'}" in result.stdout


def run_in_shell(line):
    command = f"{sys.executable} -m tsp {line}"
    return subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_closed_standard_streams_are_empty_ones():
    found = run_in_shell("solve - <&-")
    assert (found.returncode, found.stderr) == (2, "tsp: standard input:1: the file is empty\n")
    found = run_in_shell("completion bash >&-")
    assert (found.returncode, found.stderr) == (0, "")
    found = run_in_shell("solve none.tsp 2>&-")
    assert (found.returncode, found.stdout) == (2, "")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError("CUDA out of memory.")],
)
def test_a_lack_of_memory_is_said_in_a_sentence(tsp, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("tsp.shortcuts.solve_all", fail)
    assert "out of memory; expected fewer or smaller instances" in refusal(tsp("solve", BERLIN))
    monkeypatch.setattr("tsp.shortcuts.solve_all", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tsp("solve", BERLIN)
    monkeypatch.setattr("tsp.shortcuts.solve_all", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a defect")))
    with pytest.raises(RuntimeError, match="a defect"):
        tsp("solve", BERLIN)
