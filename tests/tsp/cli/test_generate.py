import numpy as np


def test_generate_kool_draws_the_set_of_kool_et_al(tsp):
    tsp("generate", "--size", 20, "--instances", 2, "--distribution", "kool", "--seed", 1234, "--out", "kool.npz")
    expected = np.random.RandomState(1234).uniform(size=(10_000, 20, 2))[:2]
    assert np.array_equal(np.load("kool.npz")["coordinates"], expected)
