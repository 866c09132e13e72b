import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import BERLIN, POSTERS, ROOT, refusal, solved

EXAMPLES = Path(__file__).parents[3] / "examples"
LOG, TOMORROW = EXAMPLES / "visits-log.csv", EXAMPLES / "visits-tomorrow.csv"


def test_solve_without_options_finds_the_optimum_of_berlin52(tsp):
    code, out, _ = tsp("solve", BERLIN)
    assert code == 0
    assert "berlin52: length 7542, gap 0.00 % to the best known 7542, proved optimal, 52 nodes" in out
    assert len(out.splitlines()[1].split()) == 1 + 52


def test_solve_prints_json_with_the_documented_fields(tsp):
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
def test_solve_writes_files_that_check_reads(tsp, ending):
    out = f"answer{ending}"
    columns = ["--ignore", "prize,opens,closes"]
    solution = solved(tsp("solve", POSTERS, *columns, "--time-limit", "0.1", "--out", out, "--json"))
    if ending == ".csv":
        with Path(out).open() as file:
            assert len(list(csv.DictReader(file))) >= solution["size"]
        return
    code, text, _ = tsp("check", POSTERS, out, *columns, "--json")
    assert code == 0
    assert json.loads(text)["solutions"][0]["objective"] == pytest.approx(solution["objective"])


LINKERN = "52 52\n" + "".join(f"{k} {(k + 1) % 52} 1\n" for k in range(52))
CONCORDE = "52\n" + " ".join(map(str, range(52)))


@pytest.mark.parametrize("name", ["a.tour", "a.sol", "a.csv", "a.json", "linkern.tour", "concorde.sol"])
def test_solve_starts_from_every_kind_of_solution_that_check_reads(tsp, tmp_path, name):
    if name.startswith("a."):
        tsp("solve", BERLIN, "--solver", "ls(kicks=2000)", "--time-limit", "60", "--out", name)
    (tmp_path / "linkern.tour").write_text(LINKERN)
    (tmp_path / "concorde.sol").write_text(CONCORDE)
    start = json.loads(tsp("check", BERLIN, name, "--json")[1])["solutions"][0]["objective"]
    words = ("--initial", name, "--solver", "2opt(kicks=1)", "--time-limit", "60", "--json")
    answer = solved(tsp("solve", BERLIN, *words))
    assert answer["objective"] <= start
    assert (answer["objective"] == 7542) == name.startswith("a.")


def test_solve_refuses_a_start_that_is_infeasible_or_that_the_solver_does_not_use(tsp, tmp_path):
    (tmp_path / "bad.csv").write_text("name\n1\n2\n3\n")
    (tmp_path / "good.sol").write_text(CONCORDE)
    assert "bad.csv: no feasible solution of berlin52 to start from (not visited" in refusal(
        tsp("solve", BERLIN, "--initial", "bad.csv")
    )
    assert "solver 'policy' starts from no solution; expected one that does, such as ls" in refusal(
        tsp("solve", BERLIN, "--initial", "good.sol", "--solver", "policy")
    )


def test_plan_of_a_session_shows_what_it_promises_in_place_of_an_objective(tsp):
    assert tsp("fit", LOG, "--target", "duration", "--model", "pooled", "--out", "law.safetensors")[0] == 0
    words = ("--max-length", "60", "--law", "law.safetensors", "--solver", "session-recourse(steps=200)")
    entry = solved(tsp("solve", TOMORROW, *words, "--json"))
    plan = entry["plan"]
    assert entry["objective"] is None
    assert set(plan) == {"next", "order", "expected", "in_time", "drops_first"}
    assert plan["order"] == [entry["names"][node] for node in entry["tours"][0][1:]]
    assert plan["next"] == plan["order"][0]
    assert 0 < plan["expected"] < 120
    assert len(plan["in_time"]) == len(plan["order"])
    code, out, _ = tsp("solve", TOMORROW, *words, "--visited", "T3", "--elapsed", "46.4")  # home takes 13.5
    assert code == 0
    assert "next: go home" in out


def test_plan_of_a_session_that_may_end_late_says_how_probable_that_is(tsp):
    assert tsp("fit", LOG, "--target", "duration", "--model", "pooled", "--out", "law.safetensors")[0] == 0
    words = ("--max-length", "60", "--law", "law.safetensors", "--solver", "session-recourse(steps=200)")
    plans = [solved(tsp("solve", TOMORROW, *words, "--late-price", price, "--json"))["plan"] for price in (0, 9)]
    assert plans[0]["late"] > 0.3
    assert plans[1]["late"] < 0.1
    assert plans[1]["expected"] < plans[0]["expected"]
    code, out, _ = tsp(
        "solve", TOMORROW, *words, "--late-price", "1", "--visited", "T3", "--elapsed", "50"
    )  # 13.5 home
    assert code == 0
    assert "next: go home" in out
    assert "late: 100 %" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((POSTERS, "--late-price", "1"), "late_price: problem 'op"),
        ((POSTERS, "--late-price", "-1"), "expected a number of 0 or more"),
    ],
)
def test_a_late_price_is_refused_where_there_is_none_to_pay(tsp, words, sentence):
    assert sentence in refusal(tsp("solve", *words))


def test_a_day_on_which_nodes_appear_has_a_plan_too(tsp, tmp_path):
    rows = "Desk,0,0,,,,,\nLipids,4,1,3,5,,,\nMembranes,2,7,8,5,30,60,80\n"
    (tmp_path / "day.csv").write_text("name,x,y,prize,duration,appears,appears_by,chance_percent\n" + rows)
    entry = solved(tsp("solve", tmp_path / "day.csv", "--max-length", "90", "--json"))
    assert entry["objective"] is None
    assert (entry["plan"]["next"], entry["plan"]["order"]) == ("Lipids", ["Lipids", "Membranes"])
    assert entry["plan"]["in_time"] == pytest.approx([1, 0.8], abs=0.02)
    assert (entry["plan"]["drops_first"], entry["plan"]["expected"]) == ("Membranes", pytest.approx(9.4, abs=0.1))
    words = ("--max-length", "90", "--visited", "Lipids", "--elapsed", "20", "--plot", "plan.png")
    code, out, _ = tsp("solve", tmp_path / "day.csv", *words)
    assert code == 0
    assert "next: wait at Lipids" in out


def test_decision_time_is_refused_where_nothing_is_revealed(tsp):
    assert tsp("generate", "--problem", "op", "--size", "6", "--instances", "1", "--out", "set.npz")[0] == 0
    for words in (("solve", "set.npz"), ("compare", "set.npz", "--solvers", "ls")):
        code, _, found = tsp(*words, "--decision-time", "0.01")
        assert code == 2
        assert "decision time: problem 'op' is solved at once, expected one whose values are revealed" in found


def test_solve_refuses_a_start_where_prizes_are_hidden(tsp):
    words = ("generate", "--problem", "spctsp", "--size", "6", "--instances", "1", "--out", "set.npz")
    assert tsp(*words)[0] == 0
    assert tsp("solve", "set.npz", "--solver", "insertion", "--out", "a.json")[0] == 0
    found = refusal(tsp("solve", "set.npz", "--solver", "ls", "--initial", "a.json"))
    assert "set[0]: initial: its prizes are hidden, expected no solution to start from" in found


def test_solve_starts_several_instances_from_the_json_of_all(tsp, tmp_path):
    words = ("generate", "--problem", "cvrp", "--size", "8", "--instances", "2", "--out", "set.npz")
    assert tsp(*words)[0] == 0
    assert tsp("solve", "set.npz", "--solver", "ls(kicks=300)", "--time-limit", "60", "--out", "all.json")[0] == 0
    starts = [one["objective"] for one in json.loads((tmp_path / "all.json").read_text())["solutions"]]
    _, out, _ = tsp("solve", "set.npz", "--initial", "all.json", "--solver", "ls(kicks=1)", "--json")
    assert [one["objective"] for one in json.loads(out)["solutions"]] == pytest.approx(starts)
    (tmp_path / "one.sol").write_text("Route #1: 1 2 3 4 5 6 7 8\n")
    assert "one.sol: holds one solution, but there are 2 instances" in refusal(
        tsp("solve", "set.npz", "--initial", "one.sol")
    )
    (tmp_path / "one.json").write_text(json.dumps({"solutions": [{"instance": "set[0]", "tours": [[0, 1]]}]}))
    assert "one.json: 1 solution(s), none of an instance named 'set[1]'" in refusal(
        tsp("solve", "set.npz", "--initial", "one.json")
    )


def test_solve_starts_at_the_node_that_start_names_by_its_number_in_the_file(tsp):
    solution = solved(tsp("solve", BERLIN, "--start", "7", "--solver", "nearest", "--json"))
    assert solution["tours"][0][0] == 6  # JSON has positions from 0
    assert solution["names"][6] == "7"


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_solve_handles_instances_of_one_to_four_nodes(tsp, tmp_path, size):
    lines = ["name,x,y", *(f"p{i},{i},{i * i}" for i in range(size))]
    (tmp_path / "small.csv").write_text("\n".join(lines) + "\n")
    solution = solved(tsp("solve", "small.csv", "--time-limit", "0.1", "--json"))
    assert sorted(solution["tours"][0]) == list(range(size))
    assert solution["feasible"]


def test_solve_handles_duplicate_points_and_huge_coordinates(tsp, tmp_path):
    (tmp_path / "odd.csv").write_text("name,x,y\na,0,0\nb,0,0\nc,1e9,1e9\nd,-1e9,5\ne,0,0\nf,1e9,1e9\n")
    for solver in ("policy", "ortools", "cpsat", "2opt", "insertion"):
        solution = solved(tsp("solve", "odd.csv", "--solver", solver, "--time-limit", "0.3", "--json"))
        assert solution["objective"] == pytest.approx(
            np.hypot(1e9, 1e9) + np.hypot(2e9, 1e9 - 5) + np.hypot(1e9, 5), rel=1e-9
        ), solver


def test_solve_uses_a_search_and_says_so_where_no_policy_was_trained_for_the_size(tsp):
    assert tsp("generate", "--problem", "spctsp", "--size", 150, "--instances", 1, "--out", "big.npz")[0] == 0
    code, out, err = tsp("solve", "big.npz", "--time-limit", "0.3", "--json")
    assert code == 0
    assert json.loads(out)["solutions"][0]["solver"] == "ls+bound"
    assert "was trained on 11 to 51 nodes, so ls is used" in err


def test_solve_prints_the_proved_distance_to_the_optimum(tsp):
    assert tsp("generate", "--size", 150, "--instances", 1, "--out", "big.npz")[0] == 0
    code, out, _ = tsp("solve", "big.npz", "--time-limit", "0.5")
    assert code == 0
    assert re.search(r"within \d+\.\d\d % of optimal \(proved\)", out)


def test_solve_returns_the_instances_of_a_set_in_order_under_their_names(tsp):
    assert tsp("generate", "--size", 8, "--instances", 3, "--out", "set.npz")[0] == 0
    code, out, _ = tsp("solve", "set.npz", "--solver", "nearest", "--json")
    assert code == 0
    assert [s["instance"] for s in json.loads(out)["solutions"]] == ["set[0]", "set[1]", "set[2]"]


def test_solve_without_an_answer_in_time_exits_with_1_and_prints_json(tsp, monkeypatch):
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
def test_an_interrupted_solve_prints_the_best_solution_so_far(tsp, monkeypatch, threads):
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


def test_solve_refuses_to_print_probabilities_of_a_solver_that_has_none(tsp):
    code, _, err = tsp("solve", BERLIN, "--solver", "nearest", "--probabilities")
    assert code == 2
    assert "solver 'nearest': gives no probabilities, expected a policy" in err


def test_solve_prints_no_probabilities_where_no_node_is_legal(tsp):
    words = "solve", POSTERS, "--problem", "optw", "--visited", "A1", "--probabilities"
    assert tsp(*words)[0] == 0
    code, out, _ = tsp(*words, "--elapsed", 7199)
    assert code == 1
    assert "no node is legal" in out


def test_visited_nodes_may_be_given_with_or_without_the_depot(tsp):
    words = "solve", POSTERS, "--problem", "optw", "--solver", "nearest-feasible", "--json"
    said, unsaid = (solved(tsp(*words, "--visited", visited)) for visited in ("Coffee corner, A1, A2", "A1, A2"))
    assert said["tours"] == unsaid["tours"]


FLEET = "name,x,y,demand\nD,0,0,0\nA,1,0,1\nB,2,0,1\nC,0,3,1\nE,2,2,1\nF,-5,0,1\n"


def test_each_tour_on_its_way_goes_on_with_what_it_has_used(tsp, tmp_path):
    (tmp_path / "fleet.csv").write_text(FLEET)
    words = "solve", "fleet.csv", "--capacity", 3, "--solver", "cpsat", "--json", "--visited", "B", "--visited", "D,C"
    assert solved(tsp(*words))["tours"] == [[0, 2, 4, 1], [0, 3, 5]]
    first, second, third = solved(tsp(*words, "--load", 3, "--load", 2))["tours"]
    assert (first, second, set(third)) == ([0, 2], [0, 3, 5], {0, 1, 4})
    limited = solved(tsp(*words, "--max-length", 13, "--travelled", 11, "--travelled", 4))
    assert limited["tours"] == [[0, 2, 1], [0, 3, 4], [0, 5]]


def test_the_time_of_each_tour_on_its_way_may_be_a_time_of_day(tsp, tmp_path):
    lines = ["name,x,y,opens,closes", "D,0,0,8:00,18:00", "A,9,0,8:00,18:00", "B,0,9,8:00,18:00", "C,9,9,9:00,9:52"]
    (tmp_path / "day.csv").write_text("\n".join(lines) + "\n")
    words = "solve", "day.csv", "--problem", "vrptw", "--num-tours", 2, "--visited", "A", "--visited", "B", "--json"
    assert solved(tsp(*words, "--elapsed", "9:45", "--elapsed", "9:40"))["tours"] == [[0, 1], [0, 2, 3]]
    assert solved(tsp(*words, "--elapsed", "9:40", "--elapsed", "9:45"))["tours"] == [[0, 1, 3], [0, 2]]
    code, out, _ = tsp(*words[:-1], "--elapsed", "9:45", "--elapsed", "9:45")
    assert code == 1
    assert "C closes at 09:52, the earliest arrival there is 09:54, from where the tours are now" in out


def test_a_policy_refuses_several_tours_under_way_by_name(tsp, tmp_path):
    (tmp_path / "fleet.csv").write_text(FLEET)
    words = "solve", "fleet.csv", "--capacity", 3, "--visited", "A", "--visited", "C", "--solver", "policy"
    code, _, err = tsp(*words)
    assert code == 2
    assert "fleet: 2 tours are under way, of which environments and policies continue only one" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--visited", "A", "--visited", "C", "--load", "1"], "--load: 1 given, expected 2: one for each --visited"),
        (["--visited", "A", "--load", "1", "--load", "2"], "--load: 2 given, expected 1: one for each --visited"),
        (["--load", "0", "--load", "0"], "--load: 2 given, expected 1: one for each --visited"),
        (["--visited", "A,B", "--visited", "C,B"], "visited: B is in two tours, expected each node in one"),
        (["--visited", "A,A", "--visited", "C"], "visited: A is there twice, expected each node once"),
        (
            ["--visited", "A", "--visited", ""],
            "visited: tour 2 of 2 is at D, expected only tours that are on",
        ),
        (["--visited", "A", "--visited", "X"], "node 'X', expected a name of the file"),
        (["--visited", "A", "--visited", "C", "--num-tours", "1"], "visited: 2 tours, expected at most 1"),
        (["--visited", "A", "--visited", "C", "--elapsed", "1", "--elapsed", "2"], "elapsed: 1, expected none in"),
    ],
)
def test_tours_under_way_that_cannot_be_are_refused(tsp, tmp_path, words, sentence):
    (tmp_path / "fleet.csv").write_text(FLEET)
    assert sentence in refusal(tsp("solve", "fleet.csv", "--capacity", 3, *words))


def test_end_any_is_the_default_of_a_path_and_refused_for_closed_tours(tsp, tmp_path):
    (tmp_path / "line.csv").write_text("name,x,y\na,0,0\nb,9,0\nc,4,0\n")
    words = ("solve", "line.csv", "--end", "any", "--json", "--solver", "ls")
    code, out, _ = tsp(*words, "--problem", "shpp")
    assert (code, json.loads(out)["solutions"][0]["objective"]) == (0, 9)
    assert "problem 'tsp' has closed tours, expected no free end" in refusal(tsp(*words))


def test_solve_describes_a_solution_without_tours(tsp, tmp_path):
    (tmp_path / "two.csv").write_text("name,x,y,prize\nA,0,0,0\nB,3,4,1\n")
    words = "--problem", "top", "--max-length", 0, "--num-tours", 2, "--solver", "insertion"
    assert "no node is visited" in tsp("solve", "two.csv", *words)[1]


DAY = "name,x,y,opens,closes\nBase,0,0,0,400\nFernside,-40,0,0,50\nGullane,40,0,0,55\nHeath,4,12,0,300\n"


def test_solve_says_why_nothing_is_feasible_and_shows_the_plan_that_came_nearest(tsp, tmp_path):
    (tmp_path / "day.csv").write_text(DAY)
    words = "solve", "day.csv", "--problem", "tsptw", "--time-limit", "0.3"
    code, out, err = tsp(*words, "--out", "plan.csv")
    assert code == 1
    first, second, *table = out.splitlines()
    assert first.startswith("day: no feasible solution (Fernside and Gullane cannot both be visited in time: ")
    assert re.match(r"the plan that came nearest is infeasible \(not visited: (Fernside|Gullane)\):", second)
    assert "Heath" in "".join(table)
    assert "plan.csv: not written, since no feasible solution was found" in err
    assert not (tmp_path / "plan.csv").exists()
    code, out, _ = tsp(*words, "--json")
    (solution,) = json.loads(out)["solutions"]
    assert (code, solution["feasible"], solution["objective"]) == (1, False, None)
    reason, violation = solution["violations"]
    assert "Fernside and Gullane" in reason
    assert violation.startswith("not visited: ")
    assert len(solution["tours"][0]) == 3


def test_solve_lists_what_is_left_out_in_text_and_csv(tsp, tmp_path):
    (tmp_path / "day.csv").write_text(
        DAY.replace("closes\n", "closes,prize\n").replace("0\n", "0,1\n").replace("5\n", "5,2\n")
    )
    code, out, _ = tsp("solve", "day.csv", "--problem", "optw", "--time-limit", "0.3", "--out", "plan.csv")
    assert code == 0
    assert out.splitlines()[-1] == "left out: Fernside"
    with Path("plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows if not row["order"]] == ["Fernside"]
    assert (rows[-1]["prize"], rows[-1]["x"], rows[-1]["arrive"]) == ("1", "-40", "")
    code, out, _ = tsp("solve", BERLIN, "--solver", "nearest")
    assert "left out" not in out


def test_a_matrix_alone_is_solved_and_a_missing_road_that_every_tour_needs_is_named(tsp, tmp_path):
    (tmp_path / "roads.csv").write_text(",A,B,C\nA,0,1,-\nB,7,0,2\nC,3,nan,0\n")
    code, out, _ = tsp("solve", "roads.csv", "--json")
    (solution,) = json.loads(out)["solutions"]
    assert (code, solution["objective"], solution["tours"]) == (0, 6, [[0, 1, 2]])
    (tmp_path / "closed.csv").write_text(",A,B,C\nA,0,1,-\nB,7,0,-\nC,3,nan,0\n")
    code, out, _ = tsp("solve", "closed.csv")
    assert code == 1
    assert "no way leads from A to C: the roads that it would need are missing" in out


def test_a_size_that_the_solver_refuses_is_wrong_usage_and_named(tsp):
    rows = "".join(f"{x},{y}\n" for x, y in np.random.default_rng(0).integers(0, 1_000, (420, 2)).tolist())
    Path("city.csv").write_text("x,y\n" + rows)
    code, out, err = tsp("solve", "city.csv", "--solver", "cpsat", "--time-limit", "0.1")
    assert code == 2
    assert not out
    assert "420 nodes: cpsat solves at most 400" in err


def test_files_are_written_even_if_nothing_reads_the_answer(tmp_path):
    words = [sys.executable, "-m", "tsp", "solve", BERLIN, "--solver", "nearest", "--out", "a.tour", "--plot", "a.svg"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=writer, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "a.tour").exists()
    assert (tmp_path / "a.svg").exists()
