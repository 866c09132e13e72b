import json


def test_info_lists_problems_solvers_and_policies(tsp):
    code, out, _ = tsp("info", "--json")
    content = json.loads(out)
    assert code == 0
    assert "tsp" in content["problems"]
    assert {"policy", "ortools", "cpsat", "2opt"} <= set(content["solvers"])
    assert {"tsp", "cvrp"} <= set(content["policies"])
    assert tsp("info")[0] == 0
