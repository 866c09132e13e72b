"""The command line, as people type it: results on standard output, one sentence for mistakes."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tsp.cli import main

ROOT = Path(__file__).parents[2]
BERLIN = str(ROOT / "examples" / "berlin52.tsp")
POSTERS = str(ROOT / "examples" / "poster-session.csv")


@pytest.fixture
def tsp(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder: its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def refusal(result):
    """The one sentence of a refused command."""
    code, out, err = result
    assert code == 2
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("tsp: ")
    assert "Traceback" not in err
    return lines[0]


def solved(result):
    """The one solution that a command printed as JSON."""
    code, out, _ = result
    assert code == 0
    (solution,) = json.loads(out)["solutions"]
    return solution


# solve


def test_solve_needs_no_option_and_reaches_the_known_optimum(tsp):
    code, out, _ = tsp("solve", BERLIN)
    assert code == 0
    assert "berlin52: length 7542, gap 0.00 % to the best known 7542, proved optimal, 52 nodes" in out
    assert len(out.splitlines()[1].split()) == 1 + 52


def test_the_json_of_solve_has_the_documented_fields(tsp):
    solution = solved(tsp("solve", BERLIN, "--solver", "insertion", "--json"))
    assert solution["instance"] == "berlin52"
    assert solution["problem"] == "tsp"
    assert solution["size"] == 52
    assert solution["solver"] == "insertion"
    assert solution["best_known"] == 7542
    assert solution["gap"] == pytest.approx((solution["objective"] - 7542) / 7542)
    assert solution["feasible"] is True
    assert solution["proved_optimal"] is False
    assert sorted(solution["tours"][0]) == list(range(52))
    assert solution["bound"] is None
    assert solution["seconds"] > 0


@pytest.mark.parametrize("ending", [".tour", ".csv", ".json"])
def test_solve_writes_what_check_reads(tsp, ending):
    out = f"answer{ending}"
    solution = solved(tsp("solve", POSTERS, "--time-limit", "0.1", "--out", out, "--json"))
    if ending == ".csv":
        with Path(out).open() as file:
            assert len(list(csv.DictReader(file))) >= solution["size"]
        return
    code, text, _ = tsp("check", POSTERS, out, "--json")
    assert code == 0
    assert json.loads(text)["solutions"][0]["objective"] == pytest.approx(solution["objective"])


def test_solve_starts_where_it_is_told_to(tsp):
    solution = solved(tsp("solve", BERLIN, "--start", "7", "--solver", "nearest", "--json"))
    assert solution["tours"][0][0] == 7


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_smallest_instances_are_solved(tsp, tmp_path, size):
    lines = ["name,x,y", *(f"p{i},{i},{i * i}" for i in range(size))]
    (tmp_path / "small.csv").write_text("\n".join(lines) + "\n")
    solution = solved(tsp("solve", "small.csv", "--time-limit", "0.1", "--json"))
    assert sorted(solution["tours"][0]) == list(range(size))
    assert solution["feasible"]


def test_duplicate_points_and_huge_coordinates_are_solved(tsp, tmp_path):
    (tmp_path / "odd.csv").write_text("name,x,y\na,0,0\nb,0,0\nc,1e9,1e9\nd,-1e9,5\ne,0,0\nf,1e9,1e9\n")
    for solver in ("policy", "ortools", "cpsat", "2opt", "insertion"):
        solution = solved(tsp("solve", "odd.csv", "--solver", solver, "--time-limit", "0.3", "--json"))
        assert solution["objective"] == pytest.approx(
            np.hypot(1e9, 1e9) + np.hypot(2e9, 1e9 - 5) + np.hypot(1e9, 5), rel=1e-9
        ), solver


def test_a_policy_outside_its_sizes_says_so_and_a_search_plans(tsp):
    assert tsp("generate", "--problem", "spctsp", "--size", 150, "--instances", 1, "--out", "big.npz")[0] == 0
    code, out, err = tsp("solve", "big.npz", "--time-limit", "0.3", "--json")
    assert code == 0
    assert json.loads(out)["solutions"][0]["solver"] == "ls+bound"
    assert "learned 11 to 51 nodes, so ls plans" in err


def test_the_answer_says_how_far_from_optimal_it_can_be(tsp):
    assert tsp("generate", "--size", 150, "--instances", 1, "--out", "big.npz")[0] == 0
    code, out, _ = tsp("solve", "big.npz", "--time-limit", "0.5")
    assert code == 0
    assert re.search(r"within \d+\.\d\d % of optimal \(proved\)", out)


def test_several_instances_come_back_in_order_under_their_names(tsp):
    assert tsp("generate", "--size", 8, "--instances", 3, "--out", "set.npz")[0] == 0
    code, out, _ = tsp("solve", "set.npz", "--solver", "nearest", "--json")
    assert code == 0
    assert [s["instance"] for s in json.loads(out)["solutions"]] == ["set[0]", "set[1]", "set[2]"]


def test_no_answer_in_time_exits_with_1_and_still_prints_json(tsp, monkeypatch):
    from tsp.solution import no_answer

    monkeypatch.setattr(
        "baselines.heuristics.constructive.NearestNeighbour.solve_one",
        lambda *_, **__: no_answer(seconds=0.0, solver=""),
    )
    code, out, _ = tsp("solve", BERLIN, "--solver", "nearest", "--json")
    (solution,) = json.loads(out)["solutions"]
    assert code == 1
    assert solution["feasible"] is False
    assert solution["objective"] is None
    assert "time limit" in solution["violations"][0]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interruption_gives_the_best_so_far(tsp, monkeypatch, threads):
    from baselines.heuristics.constructive import NearestNeighbour

    whole = NearestNeighbour.solve_one

    def interrupted(self, task):
        task.report(whole(self, task))
        raise KeyboardInterrupt

    monkeypatch.setattr(NearestNeighbour, "solve_one", interrupted)
    code, out, err = tsp("solve", BERLIN, "--solver", "nearest", "--threads", threads, "--json")
    assert code == 130
    assert json.loads(out)["solutions"][0]["feasible"] is True
    assert "best so far" in err


def test_probabilities_of_a_solver_without_any_are_refused(tsp):
    code, _, err = tsp("solve", BERLIN, "--solver", "nearest", "--probabilities")
    assert code == 2
    assert "solver 'nearest' has no probabilities; a policy has" in err


def test_where_nothing_is_legal_there_are_no_probabilities(tsp):
    words = "solve", POSTERS, "--problem", "optw", "--visited", "A1", "--probabilities"
    assert tsp(*words)[0] == 0
    code, out, _ = tsp(*words, "--elapsed", 7199)
    assert code == 1
    assert "no node is legal" in out


def test_the_start_of_all_tours_goes_without_saying(tsp):
    words = "solve", POSTERS, "--problem", "optw", "--solver", "nearest-feasible", "--json"
    said, unsaid = (solved(tsp(*words, "--visited", visited)) for visited in ("Coffee corner, A1, A2", "A1, A2"))
    assert said["tours"] == unsaid["tours"]


def test_who_stays_at_home_has_an_answer_in_words(tsp, tmp_path):
    (tmp_path / "two.csv").write_text("name,x,y,prize\nA,0,0,0\nB,3,4,1\n")
    words = "--problem", "top", "--max-length", 0, "--num-tours", 2, "--solver", "insertion"
    assert "nobody sets out" in tsp("solve", "two.csv", *words)[1]


# compare, generate, plot, check, train, convert, info


def test_the_json_of_compare_has_the_documented_fields(tsp):
    code, out, _ = tsp(
        "compare", "--size", 10, "--instances", 4, "--solvers", "nearest,insertion(rule=cheapest)",
        "--time-limit", "0.2", "--json", "--plot", "gap.png", "--out", "rows.csv",
    )  # fmt: skip
    assert code == 0
    content = json.loads(out)
    assert content["problem"] == "tsp"
    assert content["reference"] in {"best known", "proved optimal", "best found"}
    assert [row["solver"] for row in content["rows"]] == ["nearest", "insertion(rule=cheapest)"]
    for row in content["rows"]:
        assert {
            "solver", "time_limit", "instances", "feasible", "mean_objective", "mean_gap", "gap_interval", "wins",
            "difference", "seconds_per_instance", "instances_per_second",
        } <= set(row)  # fmt: skip
        assert row["instances"] == row["feasible"] == 4
    assert Path("gap.png").stat().st_size > 1000
    assert len(Path("rows.csv").read_text().splitlines()) == 3


def test_compare_prints_a_table_with_paired_intervals(tsp):
    code, out, _ = tsp("compare", "--size", 9, "--instances", 3, "--solvers", "nearest,spacefilling")
    assert code == 0
    assert "Paired relative difference" in out
    assert "95 % interval" in out


def test_compare_adds_what_is_asked_for_to_generated_instances(tsp):
    words = "compare", "--problem", "op", "--size", 10, "--instances", 5, "--solvers", "insertion", "--json"
    longer, shorter = (json.loads(tsp(*words, "--max-length", most)[1])["rows"][0] for most in (3.0, 0.5))
    assert longer["mean_objective"] > shorter["mean_objective"]


def test_generate_kool_is_his_set(tsp):
    tsp("generate", "--size", 20, "--instances", 2, "--distribution", "kool", "--seed", 1234, "--out", "kool.npz")
    expected = np.random.RandomState(1234).uniform(size=(10_000, 20, 2))[:2]
    assert np.array_equal(np.load("kool.npz")["coordinates"], expected)


def test_plot_draws_a_solution(tsp, data_folder):
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        tour = data_folder / "tsplib" / "berlin52.opt.tour"
        assert tsp("plot", BERLIN, "--solution", tour, "--out", "picture" + ending)[0] == 0
        assert Path("picture" + ending).read_bytes().startswith(magic)


def test_check_says_what_is_violated_and_exits_with_1(tsp, tmp_path):
    (tmp_path / "bad.tour").write_text("TYPE: TOUR\nDIMENSION: 52\nTOUR_SECTION\n1\n2\n3\n-1\nEOF\n")
    code, out, _ = tsp("check", BERLIN, "bad.tour")
    assert code == 1
    assert "not visited" in out


TINY = ("--layers", 1, "--width", 16, "--heads", 2, "--feedforward", 16, "--batch-size", 8, "--starts", 2,
        "--epoch-size", 16, "--validation-instances", 8, "--threads", 1, "--device", "cpu")  # fmt: skip


def test_train_makes_a_run_that_solves_and_resumes(tsp):
    code, out, _ = tsp("train", "--problem", "tsp", "--size", 6, "--instances", 32, "--out", "run", *TINY)
    assert code == 0
    assert out.strip() == str(Path("run") / "checkpoint-last.safetensors")
    assert {p.name for p in Path("run").iterdir()} == {
        "config.json", "metrics.csv", "checkpoint-last.safetensors", "training-state.safetensors", "learning-curve.png",
    }  # fmt: skip
    assert "holds a run already" in refusal(tsp("train", "--size", 6, "--instances", 32, "--out", "run", *TINY))
    code, _, _ = tsp("train", "--out", "run", "--resume", "--instances", 64, "--threads", 1, "--device", "cpu")
    assert code == 0
    with Path("run/metrics.csv").open() as file:
        assert [row["instances"] for row in csv.DictReader(file)] == ["16", "32", "48", "64"]
    solution = solved(
        tsp("solve", BERLIN, "--solver", "policy(path=run/checkpoint-last.safetensors, starts=2)", "--json")
    )
    assert solution["size"] == 52


@pytest.mark.parametrize("guide", [(), ("--guide",)])
def test_train_stops_at_ctrl_c_and_resumes(tsp, ctrl_c, guide):
    from policies.guide.training import GuideTrainer
    from policies.training.trainer import Trainer

    shape = ("--degree", 4, "--width", 8, "--solver", "spacefilling") if guide else TINY[2:]
    few = ("--validation-instances", 8, "--instances", 16) if guide else ()
    here = ("train", *guide, "--out", "run", "--epochs", 2, "--threads", 1, "--device", "cpu")
    ctrl_c(GuideTrainer if guide else Trainer, "validate")
    code, out, err = tsp(*here, "--size", 9, *shape, *few)
    assert (code, out) == (130, "")
    assert err.splitlines() == ["tsp: stopping after this step; Ctrl-C again to stop at once", "tsp: interrupted"]
    code, _, err = tsp(*here, "--resume")
    assert (code, err) == (0, "")


def test_train_reads_settings_from_a_file_and_flags_override_them(tsp, tmp_path):
    (tmp_path / "settings.toml").write_text('size = "7"\nbatch_size = 4\n[policy]\nlayers = 2\n')
    code, _, _ = tsp("train", "--config", "settings.toml", "--instances", 16, "--out", "run", *TINY)
    assert code == 0
    config = json.loads(Path("run/config.json").read_text())
    assert (config["size"], config["batch_size"], config["policy"]["layers"]) == ("7", 8, 1)
    (tmp_path / "wrong.toml").write_text("batch = 4\n")
    assert "unknown setting 'batch'" in refusal(tsp("train", "--config", "wrong.toml", "--instances", 1, "--out", "b"))
    assert not Path("b").exists()


def test_convert_gives_a_policy_that_solves(tsp, data_folder):
    checkpoint = data_folder / "kool_pretrained" / "tsp_20" / "epoch-99.pt"
    assert tsp("convert", checkpoint, "--problem", "tsp", "--out", "kool.safetensors")[0] == 0
    code, out, err = tsp("solve", BERLIN, "--solver", "policy(path=kool.safetensors)", "--json")
    assert code == 0
    assert json.loads(out)["solutions"][0]["gap"] < 0.2
    assert "trained on 20 to 20 nodes" in err


def test_info_tells_versions_problems_solvers_and_policies(tsp):
    code, out, _ = tsp("info", "--json")
    content = json.loads(out)
    assert code == 0
    assert "tsp" in content["problems"]
    assert {"policy", "ortools", "cpsat", "2opt"} <= set(content["solvers"])
    assert {"tsp20", "tsp50"} <= set(content["policies"])
    assert tsp("info")[0] == 0


# mistakes


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
        (["solve", BERLIN, "--threads", "0"], "--threads"),
        (["solve", BERLIN, "--solver", "policy(path=none.safetensors)"], "none.safetensors: no such file"),
        (["solve", BERLIN, BERLIN, "--out", "a.tour"], "there are 2 instances"),
        (["solve", BERLIN, "--objective", "makespan"], "problem 'tsp' is not there with objective 'makespan'"),
        (["solve", BERLIN, "--probabilities", "--plot", "a.png"], "expected neither --plot nor --out"),
        (["solve", BERLIN, "--walls", "none.csv"], "none.csv: no such file"),
        (["solve", POSTERS, "--problem", "shpp", "--end", "Coffee corner"], "ends at Coffee corner, expected another"),
        (
            ["solve", POSTERS, "--problem", "optw", "--visited", "A1", "--load", "2"],
            "problem 'optw', which has no capacity",
        ),
        (
            ["solve", POSTERS, "--problem", "shpp", "--probabilities"],
            "none is shipped for 'shpp', expected policy(path",
        ),
        (["solve", POSTERS, "--problem", "atsp", "--solver", "policy"], "atsp"),
        (["solve"], "FILE"),
        (["solve", BERLIN, "--no-such-option"], "--no-such-option"),
        (["sovle"], "invalid choice: 'sovle'"),
        ([], "COMMAND"),
        (["compare", "--distribution", "unifrom"], "did you mean 'uniform'"),
        (["compare", "--solvers", "nearest,,ortools"], "expected a name"),
        (["compare", "--solvers", "nearest,nearest"], "given twice"),
        (["compare", "--size", "-3"], "--size"),
        (["compare", BERLIN, "--size", "20"], "--size: of instances that are generated, expected no files"),
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
def test_a_mistake_is_answered_in_one_sentence(tsp, words, sentence):
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
def test_coordinates_that_are_no_numbers_are_refused_with_their_line(tsp, tmp_path, value):
    (tmp_path / "bad.csv").write_text(f"name,x,y\na,0,0\nb,{value},1\n")
    assert "bad.csv:3" in refusal(tsp("solve", "bad.csv"))


def test_an_instance_without_nodes_is_refused(tsp, tmp_path):
    (tmp_path / "empty.csv").write_text("name,x,y\n")
    assert "empty.csv" in refusal(tsp("solve", "empty.csv"))


def test_a_policy_of_something_else_is_refused(tsp, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    assert "broken.safetensors" in refusal(tsp("solve", BERLIN, "--solver", "policy(path=broken.safetensors)"))


@pytest.mark.data
def test_fixed_edges_are_refused_by_name_and_checked(tsp, data_folder):
    path = data_folder / "tsplib" / "linhp318.tsp"
    assert "linhp318: it fixes 1 edge" in refusal(tsp("solve", path))
    code, out, _ = tsp("check", path, data_folder / "tsplib" / "linhp318.opt.tour")
    assert code == 0
    assert "45214" in out


# the process


def run_process(*words, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tsp", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def test_help_imports_nothing_heavy(tmp_path):
    result = run_process("--help", cwd=tmp_path)
    assert result.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "tsp.cli" in imported
    assert not imported & {"numpy", "torch", "scipy", "matplotlib", "numba", "ortools", "gymnasium", "tqdm"}


def test_the_doors_are_the_commands(tmp_path):
    for door in ("train.py", "evaluate.py"):
        result = subprocess.run(
            [sys.executable, str(ROOT / door), "--help"], capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert f"tsp {'train' if door == 'train.py' else 'compare'}" in result.stdout
