import numpy as np
import pytest
from command_line import refusal


def test_generate_kool_draws_the_set_of_kool_et_al(tsp):
    tsp("generate", "--size", 20, "--instances", 2, "--distribution", "kool", "--seed", 1234, "--out", "kool.npz")
    expected = np.random.RandomState(1234).uniform(size=(10_000, 20, 2))[:2]
    assert np.array_equal(np.load("kool.npz")["coordinates"], expected)


@pytest.mark.parametrize("distribution", ["", "uniform-", "hall-", "hall-\u0663", "hall--1"])
def test_a_distribution_that_is_cut_off_or_empty_is_unknown(tsp, distribution):
    found = refusal(tsp("generate", "--out", "a.npz", "--size", "5", f"--distribution={distribution}"))
    assert f"unknown distribution '{distribution}'" in found


def test_an_empty_problem_is_unknown(tsp):
    assert "unknown problem ''" in refusal(tsp("generate", "--out", "a.npz", "--problem", ""))
