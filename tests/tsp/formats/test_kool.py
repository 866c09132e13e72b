"""Kool et al.'s pickled sets are read without running code."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from envs.kool_sets import SETS, draw, generate, generate_tsp
from tsp.formats import read, read_realizations

EVERY_SET = [(problem, distribution) for problem, table in SETS.items() for distribution in table]


def pickled(problem, distribution, whole=list):
    """The content of a pickled set of Kool et al., and its instances and realizations."""
    instances, hidden = generate(problem, distribution, 3, 5)
    arrays = draw(problem, distribution, 5)
    constants = [float(c) for i in instances[:1] for c in (i.capacity, i.max_length) if c is not None]
    return (
        [(*(whole(array[k].tolist()) for array in arrays.values()), *constants) for k in range(len(instances))],
        instances,
        hidden,
    )


@pytest.mark.parametrize("whole", [list, np.array])
@pytest.mark.parametrize(("problem", "distribution"), EVERY_SET[1:])
def test_pickled_sets_of_problems_with_a_depot_are_read(tmp_path, problem, distribution, whole):
    content, instances, hidden = pickled(problem, distribution, whole)
    path = tmp_path / "set.pkl"
    path.write_bytes(pickle.dumps(content))
    again = read(path, problem=problem)
    assert [instance.fingerprint for instance in again] == [instance.fingerprint for instance in instances]
    assert {instance.problem for instance in again} == {problem}
    implied = {"sdvrp": "cvrp", "spctsp": "pctsp"}.get(problem, problem)
    assert {instance.problem for instance in read(path)} == {implied}
    real = read_realizations(path)
    assert (real is None) == ("pctsp" not in problem)
    if hidden is not None:
        np.testing.assert_array_equal([r.prizes for r in real], [r.prizes for r in hidden])


def test_the_problem_decides_between_tuples_of_the_same_form(tmp_path):
    path = tmp_path / "set.pkl"
    path.write_bytes(pickle.dumps([([0.5, 0.5], [[0.1, 0.2], [0.3, 0.4]], [1, 1], 2)]))
    assert (read(path)[0].problem, read(path)[0].max_length) == ("op", 2)
    assert read(path, problem="sdvrp")[0].demands.tolist() == [0, 1, 1]


def test_a_pickled_set_of_points_has_no_realizations(tmp_path):
    path = tmp_path / "set.pkl"
    path.write_bytes(pickle.dumps(POINTS.tolist()))
    assert read_realizations(path) is None


POINTS = generate_tsp(3, 5)
SPELLINGS = {
    "lists, as Kool et al. write them": POINTS.tolist(),
    "tuples": tuple(tuple(map(tuple, nodes)) for nodes in POINTS.tolist()),
    "one array": POINTS,
    "an array for each instance": list(POINTS),
    "an array for each point": [list(nodes) for nodes in POINTS],
    "numpy numbers": [[list(point) for point in nodes] for nodes in POINTS],
    "Fortran order": np.asfortranarray(POINTS),
    "big-endian": POINTS.astype(">f8"),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_way_to_pickle_points_is_read(tmp_path, spelling, protocol):
    path = tmp_path / "tsp5_test_seed1234.pkl"
    path.write_bytes(pickle.dumps(SPELLINGS[spelling], protocol))
    instances = read(path)
    np.testing.assert_array_equal([instance.coordinates for instance in instances], POINTS)
    assert [instance.name for instance in instances] == [f"tsp5_test_seed1234[{k}]" for k in range(3)]


def test_pickled_numbers_of_other_types_and_with_module_names_of_numpy_1_are_read(tmp_path):
    path = tmp_path / "set"  # recognized by its content
    whole = np.arange(12).reshape(2, 3, 2)
    for array in (whole.astype(np.float32), whole.astype(np.int32), whole.astype(np.uint8)):
        old = pickle.dumps(array, 3).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
        path.write_bytes(old)
        np.testing.assert_array_equal([instance.coordinates for instance in read(path)], whole)


class Harm:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _harms(mark):
    return {
        "a shell": Harm(os.system, f"touch {mark}"),
        "within a list": [[[0.1, 0.2]], Harm(os.system, f"touch {mark}")],
        "eval": Harm(eval, f"open({str(mark)!r}, 'w')"),
        "open": Harm(open, mark, "w"),
        "a method by its path": f"cpathlib\nPath.touch\n(cpathlib\nPath\n(V{mark}\ntRtR.".encode(),
        "an old-style instance": f"(Vtouch {mark}\nios\nsystem\n.".encode(),
        "numpy's own loader": f"cnumpy\nload\n(V{mark}\ntR.".encode(),
        "numpy under another path": f"cnumpy\ncore.multiarray.os.system\n(Vtouch {mark}\ntR.".encode(),
        "a global and no call": b"cbuiltins\nexec\n.",
    }


@pytest.mark.parametrize("name", _harms(Path()))
def test_a_pickle_that_would_run_code_is_refused_by_name_and_does_not_run_it(tmp_path, name):
    mark = tmp_path / "harm"
    content = _harms(mark)[name]
    path = tmp_path / "set.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    with pytest.raises(ValueError, match=r"set\.pkl: the pickle would run '[\w.]+', expected only lists") as refusal:
        read(path)
    assert "\n" not in str(refusal.value)
    assert not mark.exists()


DTYPE = b"cnumpy\ndtype\n(Vf8\nI00\nI01\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntb"
CRAFTED = {
    "bytes in another encoding": b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
    "an array of objects": pickle.dumps(np.array([{}, {}], dtype=object)),
    "an array of texts": pickle.dumps(np.array([[["a", "b"]]])),
    "a date": pickle.dumps(np.datetime64("2020-01-01")),
    "fields in a plain type": DTYPE.replace(b"NNN", b"N(Va\nt}Va\n(I0\nI999999\nts") + b".",
    "an array larger than its bytes": b"cnumpy.core.numeric\n_frombuffer\n(C\x08"
    + b"\0" * 8
    + DTYPE
    + b"(I1000000\ntVC\ntR.",
    "an array where a class belongs": b"cnumpy\nndarray\n(I3\nI3\ntR.",
    "a function as content": b"cnumpy\nndarray\n.",
    "state for a function": b"cnumpy\nndarray\n}Vname\nVx\nsb.",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_pickle_crafted_to_mislead_numpy_is_refused(tmp_path, name):
    path = tmp_path / "set.pkl"
    path.write_bytes(CRAFTED[name])
    with pytest.raises(ValueError, match=r"set\.pkl: (not a readable pickle|expected a pickled list)"):
        read(path)


LISTS, ARRAY = pickle.dumps(POINTS.tolist()), pickle.dumps(POINTS, 5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"junk",
        LISTS[:-20],
        ARRAY[:-20],
        ARRAY[: len(ARRAY) // 2],
        b"r\xff\xff\xff\xff.",
        b"P\n.",
        b"\x80\x63.",
    ],
)
def test_a_damaged_pickle_is_refused_in_one_sentence(tmp_path, capfd, content):
    path = tmp_path / "set.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"set\.pkl: not a readable pickle") as refusal:
        read(path)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ({"loc": [[0, 0]]}, "not a readable pickle of lists, tuples, numbers and numpy arrays"),
        ([], "expected a pickled list of instances"),
        (None, "expected a pickled list of instances"),
        ("[[0, 0]]", "expected a pickled list of instances"),
        ([[]], "instance 0 is not a list of points"),
        ([[[0, 0]], 5], "instance 1 is not a list of points"),
        ([[[0, 0, 0]]], "instance 0 is not a list of points"),
        ([[[0, "a"]]], "instance 0 is not a list of points"),
        ([[[0, 10**400]]], "instance 0 is not a list of points"),
        ([[[[0], [1]]]], "instance 0 is not a list of points"),
        ([([0.1, 0.2], [[0.3, 0.4]], [0.5], 2.0, 7, 8)], "instance 0 is not a list of points"),
        ([([0.1, 0.2], [[0.3, 0.4]], [0.5, 0.6], 2.0)], "instance 0 is not a tuple of depot, loc, demands, capacity"),
        ([([0.1, 0.2], [[0.3, 0.4]], [0.5], [2.0])], "instance 0 is not a tuple of depot, loc, demands, capacity"),
        ([([0.1], [[0.3, 0.4]], [0.5], [0.6], [0.7])], "instance 0 is not a tuple of depot, loc, penalties, prizes"),
        ([([0.1, 0.2], [[0.3, 0.4]], ["a"], [0.6], [0.7])], "instance 0 is not a tuple of depot, loc, penalties"),
        ([([0.1, 0.2], [[0.3, 0.4]], [0.5], -2.0)], r"instance 0: max_length: -2"),
        ([[[0, float("nan")]]], r"instance 0: coordinates\[0, 1\]: nan"),
        (np.zeros((0, 3, 2)), "expected a pickled list of instances"),
        (np.zeros((3, 0, 2)), "instance 0 is not a list of points"),
        (np.float64(3), "expected a pickled list of instances"),
    ],
)
def test_a_pickle_without_instances_is_refused(tmp_path, content, piece):
    path = tmp_path / "set.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=piece):
        read(path)
