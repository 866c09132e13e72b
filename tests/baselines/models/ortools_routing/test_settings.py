import json
from typing import get_args

from baselines.models.ortools_routing.settings import TABLE, ArcCost, FirstSolution, Metaheuristic, Settings
from tsp.problems import get_problem


def test_every_row_of_the_table_is_complete_and_the_best_that_was_tried():
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
    keys = [(row["problem"], row["size"], row["time_limit"]) for row in rows]
    assert len(set(keys)) == len(keys) > 0
    assert {(size, limit) for problem, size, limit in keys if problem == "tsp"} >= {
        (n, limit) for n in (20, 50, 100) for limit in (0.1, 1.0)
    }
    for row in rows:
        get_problem(row["problem"])
        assert row["first_solution"] in get_args(FirstSolution)
        assert row["metaheuristic"] in get_args(Metaheuristic)
        assert row["arc_cost"] in get_args(ArcCost)
        assert row["instances"] >= 1
        assert row["made_by"].startswith("python benchmarks/tune_ortools.py")
        settings = Settings(**{key: row[key] for key in Settings._fields})
        # The chosen settings are the best of those that were tried.
        means = {name: mean for name, mean in row["means"].items() if mean is not None}
        best = max if get_problem(row["problem"]).objective.sense == "max" else min
        assert means[str(settings)] == best(means.values())
