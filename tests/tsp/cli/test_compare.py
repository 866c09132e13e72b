import json
from pathlib import Path

from command_line import BERLIN, refusal


def test_compare_prints_json_with_the_documented_fields(tsp):
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


def test_compare_plays_days_that_may_end_late(tsp):
    words = ("--problem", "opst", "--size", 6, "--instances", 3, "--time-limit", 5, "--json")
    words += ("--solvers", "session-recourse(steps=50)")
    means = [
        json.loads(tsp("compare", *words, *late)[1])["rows"][0]["mean_objective"]
        for late in ((), ("--late-price", 0), ("--late-price", 1000))
    ]
    assert means[1] == max(means) > means[0]
    assert means[2] < means[1]


def test_compare_prints_a_table_with_paired_intervals(tsp):
    code, out, _ = tsp("compare", "--size", 9, "--instances", 3, "--solvers", "nearest,spacefilling")
    assert code == 0
    assert "Paired relative difference" in out
    assert "95 % interval" in out


def test_compare_applies_limits_to_generated_instances(tsp):
    words = "compare", "--problem", "op", "--size", 10, "--instances", 5, "--solvers", "insertion", "--json"
    longer, shorter = (json.loads(tsp(*words, "--max-length", most)[1])["rows"][0] for most in (3.0, 0.5))
    assert longer["mean_objective"] > shorter["mean_objective"]


def test_aliases_name_solvers_in_the_table_json_and_csv(tsp):
    words = "compare", "--size", 8, "--instances", 3, "--solvers", "a=nearest,b=insertion(rule=cheapest)"
    out = tsp(*words)[1]
    assert "insertion(rule=cheapest)" not in out.split("b is")[0]
    assert "b is insertion(rule=cheapest)." in out
    content = json.loads(tsp(*words, "--json", "--out", "rows.csv")[1])
    assert [row["solver"] for row in content["rows"]] == ["a", "b"]
    assert content["specs"] == {"a": "nearest", "b": "insertion(rule=cheapest)"}
    assert Path("rows.csv").read_text().splitlines()[2].count("insertion(rule=cheapest)") == 1


def test_a_report_is_written_once_and_states_the_command(tsp):
    words = "compare", "--size", 8, "--instances", 3, "--solvers", "nearest,spacefilling", "--report", "report.html"
    assert tsp(*words)[0] == 0
    html = Path("report.html").read_text()
    assert "1234" in html
    assert "Worst instance 3" in html
    assert tsp(*words)[0] == 2
    assert tsp(*words[:-1], "report.pdf")[0] == 2


def test_a_file_that_is_given_twice_is_refused(tsp):
    """Its instance would count twice, and the intervals would be too narrow."""
    assert "given twice, expected different files" in refusal(tsp("compare", BERLIN, BERLIN, "--solvers", "nearest"))


def test_what_describes_files_is_refused_beside_generated_instances(tsp):
    for option, value in (("matrix", "none.csv"), ("walls", "none.csv"), ("format", "csv"), ("unit", "km")):
        _, _, err = result = tsp("compare", "--size", "4", "--instances", "1", f"--{option}", value)
        assert "expected files" in refusal(result), err
