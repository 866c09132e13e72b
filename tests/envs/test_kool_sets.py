"""Kool et al.'s sets to the bit."""

import hashlib

import numpy as np
import pytest

from envs.kool_sets import SETS, VALIDATION_SEED, capacity, draw, generate, generate_tsp, max_length
from tsp.problems import PROBLEMS


@pytest.mark.parametrize(
    ("size", "digest"), [(20, "04f192096ef8a242"), (50, "9f2fc1297d3a6d63"), (100, "e16413180f18711f")]
)
def test_the_tsp_sets_are_those_of_kool_et_al_to_the_bit(size, digest):
    assert hashlib.sha256(generate_tsp(10_000, size).tobytes()).hexdigest()[:16] == digest


def test_fewer_instances_are_the_first_of_the_set():
    np.testing.assert_array_equal(generate_tsp(7, 20), generate_tsp(10_000, 20)[:7])
    assert not np.array_equal(generate_tsp(7, 20), generate_tsp(7, 20, VALIDATION_SEED))


@pytest.mark.parametrize(("count", "size", "piece"), [(0, 20, "0 instances"), (10_001, 20, "10001"), (5, 0, "size 0")])
def test_a_set_of_another_size_is_refused(count, size, piece):
    with pytest.raises(ValueError, match=piece):
        generate_tsp(count, size)


GOLDEN = {  # of depot, customers and what is drawn after them
    ("cvrp", "kool"): ("eec8b467b0590d38", "ff7b17e0bd3a9841", "541b33047552e24a"),
    ("op", "kool-unif"): ("9e49379064e1b719", "551a495f35754ce0", "a139a9bac6c6540c"),
    ("op", "kool-dist"): ("f6763bbce7a2d0a3", "0a5bfd9e38ca014a", "447df417a7e0a20c"),
    ("pctsp", "kool"): ("2be793b67ba6a8c4", "d9740120b7048388", "e1101bab557df74c"),
}


@pytest.mark.parametrize(("problem", "distribution"), GOLDEN)
def test_the_sets_of_other_problems_are_those_of_kool_et_al_to_the_bit(problem, distribution):
    for size, digest in zip((20, 50, 100), GOLDEN[problem, distribution], strict=True):
        content = b"".join(array.tobytes() for array in draw(problem, distribution, size).values())
        assert hashlib.sha256(content).hexdigest()[:16] == digest


def test_sets_of_one_size_share_depot_and_customers():
    sets = [draw(*key, 20) for key in GOLDEN]
    for name in ("depot", "loc"):
        assert all(np.array_equal(arrays[name], sets[0][name]) for arrays in sets)
    assert (draw("op", "kool-const", 20)["prizes"] == 1).all()


EVERY_SET = [(problem, distribution) for problem, table in SETS.items() for distribution in table]


@pytest.mark.parametrize(("problem", "distribution"), EVERY_SET)
def test_instances_have_what_their_problem_needs_and_nothing_at_the_depot(problem, distribution):
    instances, hidden = generate(problem, distribution, 3, 20)
    assert [instance.name for instance in instances] == [f"{distribution}20[{k}]" for k in range(3)]
    assert (hidden is not None) == bool(PROBLEMS[problem].reveals)
    for k, instance in enumerate(instances):
        assert instance.problem == problem
        PROBLEMS[problem].validate(instance)
        assert instance.size == (20 if problem == "tsp" else 21)
        for values in (instance.prizes, instance.penalties, instance.demands):
            assert values is None or (values[0] == 0 and values[1:].all())
        if hidden is not None:
            assert hidden[k].prizes[0] == 0
            assert (hidden[k].prizes <= 2 * instance.prizes).all()
            assert not np.array_equal(hidden[k].prizes, instance.prizes)


@pytest.mark.parametrize("problem", ["op", "cvrp", "pctsp", "spctsp"])
def test_fewer_instances_are_the_first_of_any_set(problem):
    distribution = "kool-dist" if problem == "op" else "kool"
    arrays = draw(problem, distribution, 5)
    instances, hidden = generate(problem, distribution, 2, 5)
    for k, instance in enumerate(instances):
        np.testing.assert_array_equal(instance.coordinates[1:], arrays["loc"][k])
        for name in arrays.keys() & {"prizes", "penalties", "demands"}:
            np.testing.assert_array_equal(getattr(instance, name)[1:], arrays[name][k])
        if hidden is not None:
            np.testing.assert_array_equal(hidden[k].prizes[1:], arrays["real_prizes"][k])


def test_limits_are_those_of_kool_et_al_and_interpolated_between_their_sizes():
    assert [max_length(size) for size in (20, 50, 100)] == [2, 3, 4]
    assert [capacity(size) for size in (10, 20, 50, 100)] == [20, 30, 40, 50]
    assert (max_length(35), capacity(35)) == (2.5, 35)
    (op,), _ = generate("op", "kool-const", 1, 50)
    (cvrp,), _ = generate("sdvrp", "kool", 1, 100)
    (pctsp,), _ = generate("pctsp", "kool", 1, 20)
    assert (op.max_length, cvrp.capacity, pctsp.min_prize) == (3, 50, 1)
    assert (op.capacity, cvrp.max_length, pctsp.max_length) == (None, None, None)


@pytest.mark.parametrize(
    ("problem", "distribution", "piece"),
    [
        ("tsptw", "kool", "no set of 'tsptw', expected tsp, op, cvrp"),
        ("op", "kool", "unknown distribution of op 'kool'.*kool-const, kool-unif, kool-dist"),
        ("tsp", "kool-dist", "unknown distribution of tsp 'kool-dist'; did you mean 'kool'"),
    ],
)
def test_a_set_that_kool_et_al_do_not_have_is_refused(problem, distribution, piece):
    with pytest.raises(ValueError, match=piece):
        generate(problem, distribution, 1, 20)
