import json
import re
from importlib import metadata

import pytest


def test_info_lists_problems_solvers_and_policies(tsp):
    code, out, _ = tsp("info", "--json")
    content = json.loads(out)
    assert code == 0
    assert "tsp" in content["problems"]
    assert {"policy", "ortools", "cpsat", "2opt"} <= set(content["solvers"])
    assert {"tsp", "cvrp"} <= set(content["policies"])
    assert tsp("info")[0] == 0


def test_info_lists_every_package_that_users_need_and_none_of_development(tsp):
    listed = json.loads(tsp("info", "--json")[1])["packages"]
    assert {"torch", "numpy"} <= set(listed)
    try:
        stated = metadata.requires("travelling-scientist")
    except metadata.PackageNotFoundError:
        pytest.skip("needs the installed package, whose metadata list the others")
    needed = {re.split(r"[^\w-]", text)[0] for text in stated if "extra" not in text}
    assert needed <= set(listed)
    assert all(listed[name] for name in needed)
    assert {"pyvrp", "elkai"} <= set(listed)
    assert not {"ruff", "sphinx", "pre-commit"} & set(listed)


def test_info_shows_the_variables_that_change_what_is_computed_and_no_other(tsp, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    variables = json.loads(tsp("info", "--json")[1])["variables"]
    assert variables["OMP_NUM_THREADS"] == "1"
    assert "SECRET_TOKEN" not in variables
