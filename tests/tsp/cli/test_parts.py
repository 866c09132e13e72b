"""`tsp solve --out FOLDER/`: large sets, part by part."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import BERLIN, refusal
from inline_workers import InlineWorkers

import tsp.streaming as tsp_streaming
import tsp.workers as tsp_workers
from tsp.cli import parts as command
from tsp.interrupts import Terminated

POINTS = np.random.default_rng(8).random((6, 5, 2))
HERE = ("--solver", "nearest", "--time-limit", "60", "--out", "answers/")


@pytest.fixture
def points(tmp_path):
    """The path of a set of six instances; the fixture `tsp` runs commands in the same folder."""
    np.savez(tmp_path / "set.npz", coordinates=POINTS)
    return "set.npz"


@pytest.fixture
def inline(monkeypatch):
    """Workers in this process, which is faster; returns the places that were asked for."""
    asked = []

    def open_workers(place, threads, _):
        asked.append((place, threads))
        return InlineWorkers()

    monkeypatch.setattr(tsp_workers, "open_workers", open_workers)
    return asked


def entries():
    return [entry for path in sorted(Path("answers").glob("part-*.json"))
            for entry in json.loads(path.read_text())["solutions"]]  # fmt: skip


def test_a_set_is_solved_into_a_folder_by_two_processes(tsp, points):
    code, out, _ = tsp("solve", points, *HERE, "--workers", 2)
    assert code == 0
    assert out == "6 instances: 6 solved; answers in answers\n"
    assert [entry["instance"] for entry in entries()] == [f"set[{k}]" for k in range(6)]


def test_workers_are_where_the_option_says(tsp, points, inline):
    for place in ("3", "ray", "ray://head:10001"):
        assert tsp("solve", points, *HERE, "--workers", place, "--threads", 2, "--force")[0] == 0
    assert tsp("solve", points, *HERE, "--force")[0] == 0
    assert inline == [(3, 2), ("ray", 2), ("ray://head:10001", 2), (1, 1)]


def test_options_complete_each_instance(tsp, tmp_path, inline):
    np.savez(tmp_path / "set.npz", coordinates=POINTS, demands=np.ones((6, 5)))
    assert tsp("solve", "set.npz", "--capacity", 2, *HERE, "--solver", "insertion")[0] == 2  # given twice
    assert tsp("solve", "set.npz", "--capacity", 2, "--solver", "insertion", "--out", "answers/")[0] == 0
    assert {entry["problem"] for entry in entries()} == {"cvrp"}
    assert {len(entry["tours"]) for entry in entries()} == {2}


def test_a_broken_instance_is_named_and_gives_exit_code_1(tsp, tmp_path, inline):
    broken = POINTS.copy()
    broken[2, 0, 0] = np.nan
    np.savez(tmp_path / "set.npz", coordinates=broken)
    code, out, _ = tsp("solve", "set.npz", *HERE)
    assert code == 1
    assert out.splitlines() == [
        "6 instances: 5 solved, 1 not read or not solved; answers in answers",
        "  instance 2: set.npz: instance 2: coordinates[0, 0]: nan, expected a finite number up to 1e+100",
    ]
    assert "instance 2" in refusal(tsp("solve", "set.npz", *HERE, "--strict", "--force"))


def test_resume_goes_on_and_solves_nothing_twice(tsp, points, inline):
    assert tsp("solve", points, *HERE)[0] == 0
    before = {path.name: path.stat().st_mtime_ns for path in Path("answers").iterdir()}
    code, out, _ = tsp("solve", points, *HERE, "--resume", "--workers", 5)
    assert (code, out) == (0, "6 instances: 6 solved; answers in answers\n")
    assert {path.name: path.stat().st_mtime_ns for path in Path("answers").iterdir()} == before


def test_resume_with_other_settings_is_refused_by_name(tsp, points, inline):
    assert tsp("solve", points, *HERE)[0] == 0
    assert "--resume with seed 7, but the run began with 1234" in refusal(
        tsp("solve", points, *HERE, "--resume", "--seed", 7)
    )
    np.savez(points, coordinates=POINTS[:5])
    assert "--resume with other files" in refusal(tsp("solve", points, *HERE, "--resume"))
    assert "use --resume to go on" in refusal(tsp("solve", points, *HERE))
    assert "expected one of them" in refusal(tsp("solve", points, *HERE, "--resume", "--force"))


@pytest.mark.parametrize(("interrupt", "expected"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupted_run_says_how_far_it_is(tsp, points, inline, monkeypatch, interrupt, expected):
    def stop_after_the_first_part(sources, settings, workers, parts, size, *, strict):
        states = solve_files(sources, settings, workers, parts, 2, strict=strict)
        parts.write_size(2)
        yield next(states)
        yield next(states)
        raise interrupt

    solve_files = tsp_streaming.solve_files
    with monkeypatch.context() as patch:
        patch.setattr(tsp_streaming, "solve_files", stop_after_the_first_part)
        code, out, err = tsp("solve", points, *HERE)
    assert (code, out) == (expected, "")
    assert err == "tsp: interrupted: 2 of 6 instances are in answers; --resume goes on\n"
    assert tsp("solve", points, *HERE, "--resume")[0] == 0
    assert len(entries()) == 6


@pytest.mark.parametrize("option", [("--workers", "2"), ("--resume",), ("--strict",)])
def test_options_of_parts_need_a_folder(tsp, points, option):
    assert f"{option[0]}: expected --out with a folder beside it" in refusal(tsp("solve", points, *option))


@pytest.mark.parametrize("option", ["--json", "--probabilities", "--plot=a.png", "--initial=a.json", "--law=a"])
def test_options_that_need_all_answers_are_refused(tsp, points, option):
    sentence = refusal(tsp("solve", points, *HERE, option))
    assert sentence.startswith(f"tsp: {option.partition('=')[0]}: expected one file in --out")
    assert not Path("answers").exists()


@pytest.mark.parametrize("place", ["0", "-1", "x", "ray:/head", "1.5"])
def test_other_places_of_workers_are_refused(tsp, points, place):
    assert "expected a number of processes up to 256, ray or ray://HOST:PORT" in refusal(
        tsp("solve", points, *HERE, "--workers", place)
    )


def test_a_file_is_still_a_file(tsp, tmp_path):
    assert tsp("solve", BERLIN, "--solver", "nearest", "--out", "a.json")[0] == 0
    assert (tmp_path / "a.json").is_file()
    assert ".txt" in refusal(tsp("solve", BERLIN, "--solver", "nearest", "--out", "a.txt"))


def test_without_a_terminal_messages_say_how_much_time_is_left(monkeypatch, capsys):
    now = iter([0.0, 0.0, 5.0, 12.0, 13.0, 24.0])
    monkeypatch.setattr(command.time, "monotonic", lambda: next(now))
    with command.progress(1000) as show_progress:
        for done in (100, 150, 220, 230, 340):
            show_progress(done)
    assert capsys.readouterr().err.splitlines() == [
        "tsp: 220 of 1000 instances, about 78 s left",
        "tsp: 340 of 1000 instances, about 66 s left",
    ]


def test_few_of_many_different_notes_are_printed(capsys):
    tell = command.Notes()
    for k in range(20):
        tell([f"set[{k}]: odd", "the same for all"])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[-1] == "tsp: note: further notes are not printed"


def test_notes_on_files_are_printed_with_the_others(tsp, tmp_path, inline):
    for k in range(8):
        (tmp_path / f"{k}.csv").write_text("x,y,colour\n0,0,1\n0,3,2\n4,3,5\n")
    code, _, err = tsp("solve", *(f"{k}.csv" for k in range(8)), *HERE)
    lines = err.splitlines()
    assert (code, len(lines)) == (0, 6)
    assert lines[0].startswith("tsp: note: 0.csv: ")
    assert lines[-1] == "tsp: note: further notes are not printed"
