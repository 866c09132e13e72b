"""NPZ sets: many instances in one file, without a pickled object."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsp.composition import problem_of
from tsp.formats import read, read_realizations, write_instances
from tsp.instance import EXPLICIT, Instance, Realization
from tsp.problems import PROBLEMS

POINTS = np.random.default_rng(0).random((3, 4, 2))


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_npz_set_gives_its_instances_in_order(tmp_path):
    instances = read(save(tmp_path / "set.npz", coordinates=POINTS, problem="tsp"))
    np.testing.assert_array_equal([instance.coordinates for instance in instances], POINTS)
    assert [instance.name for instance in instances] == ["set[0]", "set[1]", "set[2]"]
    assert {(instance.problem, instance.metric) for instance in instances} == {("tsp", "euclidean")}


def test_a_matrix_a_metric_and_whole_numbers_are_read_from_npz(tmp_path):
    matrix = np.arange(18, dtype=np.int32).reshape(2, 3, 3)
    (first, _) = read(save(tmp_path / "a.npz", matrix=matrix, coordinates=np.zeros((2, 3, 2))))
    assert first.metric == EXPLICIT
    assert first.tour_length([0, 1, 2]) == 1 + 5 + 6
    assert first.coordinates is not None
    (rounded, *_) = read(save(tmp_path / "b.npz", coordinates=POINTS * 10, metric="EUC_2D"))
    assert rounded.integral


def test_an_npz_set_is_recognized_by_its_content(tmp_path):
    assert len(read(save(tmp_path / "set.npz", coordinates=POINTS).rename(tmp_path / "set.dat"))) == 3


@pytest.mark.parametrize(
    ("arrays", "piece"),
    [
        ({"points": POINTS}, "arrays 'points', expected coordinates or matrix"),
        ({}, "arrays '', expected coordinates or matrix"),
        ({"coordinates": POINTS[0]}, r"array coordinates: float64 of shape \(4, 2\), expected numbers \(N, n, 2\)"),
        ({"coordinates": np.zeros((2, 3, 4))}, r"instance 0: coordinates: shape \(3, 4\)"),
        ({"coordinates": np.zeros((0, 3, 2))}, "0 instances, expected 1 or more"),
        ({"coordinates": np.zeros((3, 0, 2))}, "instance 0: .*at least one node"),
        ({"coordinates": POINTS.astype(str)}, r"array coordinates: <U\d+ of shape"),
        ({"coordinates": POINTS * 1j}, "array coordinates: complex128"),
        ({"coordinates": POINTS.astype(bool)}, "array coordinates: bool"),
        ({"coordinates": POINTS.astype(object)}, "array coordinates is not readable .*allow_pickle=False"),
        ({"coordinates": np.where(POINTS[1, 2, 0] == POINTS, np.nan, POINTS)}, r"instance 1: coordinates\[2, 0\]: nan"),
        ({"matrix": np.zeros((2, 3, 4))}, r"array matrix: float64 of shape \(2, 3, 4\), expected numbers \(N, n, n\)"),
        ({"matrix": -np.ones((2, 3, 3))}, r"instance 0: matrix\[0, 1\]: -1"),
        ({"matrix": np.zeros((2, 4, 4)), "coordinates": POINTS}, "2 and 3 instances"),
        ({"coordinates": POINTS, "prizes": np.ones((3, 5))}, r"instance 0: prizes: shape \(5,\), expected \(4,\)"),
        ({"coordinates": POINTS, "prizes": np.ones(3)}, r"array prizes: .*expected numbers \(N, n\)"),
        ({"coordinates": POINTS, "prizes": -np.ones((3, 4))}, r"instance 0: prizes\[0\]: -1, expected 0 or more"),
        ({"coordinates": POINTS, "expected_prizes": np.ones((3, 4, 1))}, r"array expected_prizes: .*numbers \(N, n\)"),
        ({"coordinates": POINTS, "time_windows": np.ones((3, 4))}, r"array time_windows: .*numbers \(N, n, 2\)"),
        ({"coordinates": POINTS, "time_windows": np.ones((3, 4, 3))}, r"instance 0: time_windows: shape \(4, 3\)"),
        ({"coordinates": POINTS, "max_length": np.ones((3, 1))}, r"array max_length: .*expected numbers \(N,\)"),
        ({"coordinates": POINTS, "max_length": 2.0}, r"array max_length: .*expected numbers \(N,\)"),
        ({"coordinates": POINTS, "capacity": np.ones(2)}, "2 and 3 instances"),
        ({"coordinates": POINTS, "num_tours": np.array([1, 2.5, 3])}, "array num_tours: 2.5, expected whole numbers"),
        ({"coordinates": POINTS, "end": np.array([1, 2, 4])}, "instance 2: end: 4, expected a node from 0 to 3"),
        ({"coordinates": POINTS, "end": np.array([1, np.nan, 2])}, "array end: nan, expected whole numbers"),
        ({"coordinates": POINTS, "problem": "tps"}, "unknown problem 'tps'; did you mean 'tsp'"),
        ({"coordinates": POINTS, "problem": ["tsp"]}, r"array problem: <U3 of shape \(1,\), expected one name"),
        ({"coordinates": POINTS, "problem": 5}, "array problem: int64 of shape .*expected one name"),
        ({"coordinates": POINTS, "metric": "EUC2D"}, "unknown metric 'EUC2D'; did you mean 'EUC_2D'"),
        ({"coordinates": POINTS, "metric": EXPLICIT}, "'EXPLICIT' is unknown"),
    ],
)
def test_a_wrong_array_of_an_npz_set_is_refused_by_name(tmp_path, arrays, piece):
    path = save(tmp_path / "set.npz", **arrays)
    with pytest.raises(ValueError, match=piece) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def _archive(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def _npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _claim(shape):
    """The header of an array that is larger than any machine's memory."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return out.getvalue()


WHOLE = _archive(coordinates=_npy(POINTS))
DAMAGED = bytearray(WHOLE)
DAMAGED[70] ^= 0xFF


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        _npy(POINTS),
        WHOLE[:-30],
        WHOLE[: len(WHOLE) // 2],
        bytes(DAMAGED),
        _archive(coordinates=b"no array"),
        _archive(coordinates=_npy(POINTS)[:-8]),
        _archive(coordinates=_claim((10**12, 10**6, 2))),
    ],
)
def test_a_damaged_npz_file_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not an NPZ file, or cut off|is not readable") as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_a_missing_npz_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "set.npz")


values = st.floats(-1e100, 1e100)


@settings(max_examples=30)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 3)), elements=values),
    st.booleans(),
)
def test_instances_written_as_npz_are_read_bit_identically(coordinates, explicit):
    matrices = [abs(points[:, :1] - points[:, 1]) / 2 if explicit else None for points in coordinates]
    instances = [Instance(points, matrix) for points, matrix in zip(coordinates, matrices, strict=True)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "set.NPZ"
        write_instances(path, instances)
        again = read(path)
        assert [file.name for file in Path(folder).iterdir()] == ["set.NPZ"]
    for old, new in zip(instances, again, strict=True):
        assert old.fingerprint == new.fingerprint
        np.testing.assert_array_equal(old.coordinates, new.coordinates)


@pytest.mark.parametrize(
    ("other", "piece"),
    [
        (Instance(np.zeros((5, 2))), r"coordinates \(5, 2\), expected the same as the first, .*coordinates \(4, 2\)"),
        (Instance(np.zeros((4, 2)), metric="EUC_2D"), "tsp, EUC_2D, .*expected the same as the first, tsp, euclidean"),
        (Instance(matrix=np.zeros((4, 4))), "EXPLICIT"),
        (Instance(np.zeros((4, 2)), fixed_edges=[[0, 1]]), "an NPZ set cannot hold its fixed_edges"),
    ],
)
def test_instances_with_different_shapes_or_metrics_are_not_written_as_one_set(tmp_path, other, piece):
    with pytest.raises(ValueError, match=piece):
        write_instances(tmp_path / "set.npz", [Instance(np.zeros((4, 2))), other])
    assert not list(tmp_path.iterdir())


def whole_family():
    """An instance of each problem, with all attributes that a set can hold."""
    rng = np.random.default_rng(1)
    matrix = rng.random((4, 4))
    nodes = {"prizes": rng.random(4), "penalties": rng.random(4), "demands": rng.random(4)}
    opens = rng.random(4)
    windows = {"time_windows": np.column_stack((opens, [2, 3, 4, np.inf])), "service_times": rng.random(4)}
    limits = {"max_length": 2.5, "min_prize": 0.5, "capacity": 1.5, "num_tours": 2}
    for name in PROBLEMS:
        yield Instance(POINTS[0], matrix, problem=name, **nodes, **windows, **limits)
    yield Instance(POINTS[0], problem="op", end=3, prizes=rng.random(4), max_length=2)


@pytest.mark.parametrize("instance", list(whole_family()), ids=lambda instance: f"{instance.problem}-{instance.end}")
def test_every_attribute_of_every_problem_is_kept_in_npz(tmp_path, instance):
    write_instances(tmp_path / "set.npz", [instance, instance])
    for again in read(tmp_path / "set.npz"):
        assert (again.fingerprint, again.problem) == (instance.fingerprint, instance.problem)
    assert read_realizations(tmp_path / "set.npz") is None
    with np.load(tmp_path / "set.npz", allow_pickle=False) as arrays:
        assert ("expected_prizes" in arrays) == PROBLEMS[instance.problem].expects_prizes


def test_hidden_prizes_are_stored_beside_the_expected_ones(tmp_path):
    instance = Instance(POINTS[0], problem="spctsp", prizes=[0, 1, 2, 3], penalties=np.ones(4), min_prize=2)
    hidden = [Realization(np.array([0, 2.0, 0, k])) for k in range(2)]
    write_instances(tmp_path / "set.npz", [instance, instance], hidden)
    assert [again.prizes.tolist() for again in read(tmp_path / "set.npz")] == [[0, 1, 2, 3]] * 2
    assert [r.prizes.tolist() for r in read_realizations(tmp_path / "set.npz")] == [[0, 2, 0, 0], [0, 2, 0, 1]]
    with np.load(tmp_path / "set.npz", allow_pickle=False) as arrays:
        assert arrays["expected_prizes"].tolist() == [[0, 1, 2, 3]] * 2
        assert arrays["prizes"].tolist() == [[0, 2, 0, 0], [0, 2, 0, 1]]


def test_an_npz_set_with_prizes_alone_has_no_realizations(tmp_path):
    path = save(tmp_path / "set.npz", coordinates=POINTS, problem="spctsp", prizes=np.ones((3, 4)))
    assert (read_realizations(path), read(path)[0].prizes.tolist()) == (None, [1, 1, 1, 1])


@pytest.mark.parametrize(
    ("prizes", "piece"),
    [
        (np.ones((3, 5)), r"array prizes: shape \(3, 5\), expected \(3, 4\) \(expected_prizes\)"),
        (np.ones((2, 4)), "2 and 3 instances"),
        (-np.ones((3, 4)), r"array prizes: -1 at \[0, 0\], expected 0 or more"),
        (np.full((3, 4), np.nan), r"array prizes: nan at \[0, 0\]"),
    ],
)
def test_hidden_prizes_of_wrong_shape_or_value_are_refused(tmp_path, prizes, piece):
    path = save(tmp_path / "set.npz", coordinates=POINTS, expected_prizes=np.ones((3, 4)), prizes=prizes)
    with pytest.raises(ValueError, match=piece):
        read_realizations(path)


@pytest.mark.parametrize(
    ("first", "other", "piece"),
    [
        ({"prizes": np.ones(4)}, {}, "tsp, euclidean.*expected the same as the first, .*prizes"),
        ({"end": 2}, {}, "expected the same as the first, .*end"),
        ({"problem": "shpp", "depot": 1}, {}, "an NPZ set cannot hold its depot 2, not the first node"),
        ({"problem": "shpp", "free_start": True}, {}, "an NPZ set cannot hold its free start"),
    ],
)
def test_instances_with_different_or_unsupported_attributes_are_not_written_as_a_set(tmp_path, first, other, piece):
    with pytest.raises(ValueError, match=piece):
        write_instances(tmp_path / "set.npz", [Instance(POINTS[0], **first), Instance(POINTS[0], **other)])
    assert not list(tmp_path.iterdir())


def test_a_free_end_is_written_and_read(tmp_path):
    instance = Instance(np.eye(3, 2), problem="cvrp", demands=[0, 1, 1], capacity=2, free_end=True)
    write_instances(tmp_path / "set.npz", [instance] * 2)
    assert [again.free_end for again in read(tmp_path / "set.npz")] == [True, True]
    with pytest.raises(ValueError, match=r"cvrp, euclidean, coord.*expected the same as the first, .*free_end"):
        write_instances(tmp_path / "mixed.npz", [instance, replace(instance, free_end=False)])
    with pytest.raises(ValueError, match="CSV cannot hold its capacity and free end"):
        write_instances(tmp_path / "one.csv", [instance])


def test_another_objective_and_times_of_day_are_written_and_read(tmp_path):
    given = {"time_windows": [[480, 540]] * 3, "problem": "tsptw", "objective": "makespan", "is_clock": True}
    instance = Instance(np.eye(3, 2), **given)
    write_instances(tmp_path / "set.npz", [instance] * 2)
    for again in read(tmp_path / "set.npz"):
        assert (again.objective, again.is_clock) == ("makespan", True)
        assert problem_of(again).name == "tsptw-makespan"
    for other in (replace(instance, objective=None), replace(instance, is_clock=False)):
        with pytest.raises(ValueError, match="expected the same as the first"):
            write_instances(tmp_path / "mixed.npz", [instance, other])


@pytest.mark.parametrize(
    ("arrays", "piece"),
    [
        ({"objective": "fastest"}, "unknown objective 'fastest'"),
        ({"objective": 5}, "array objective: int64 .*expected one name"),
        ({"is_clock": 1}, "array is_clock: int64 .*expected True or False"),
        ({"free_end": 1}, "array free_end: int64 .*expected True or False"),
        ({"is_clock": [True]}, "array is_clock: bool of shape .*expected True or False"),
    ],
)
def test_a_wrong_objective_or_clock_of_a_set_is_refused_by_name(tmp_path, arrays, piece):
    with pytest.raises(ValueError, match=piece):
        read(save(tmp_path / "set.npz", coordinates=POINTS, **arrays))


def test_an_array_that_nothing_reads_is_named_in_a_warning(tmp_path):
    others = {"demand": np.ones(POINTS.shape[:2]), "notes": np.array({}, dtype=object)}
    path = save(tmp_path / "set.npz", coordinates=POINTS, **others)
    with pytest.warns(UserWarning, match=r"set\.npz: nothing reads array 'demand', 'notes'"):
        assert len(read(path)) == 3


def test_names_of_a_matrix_that_are_not_different_are_refused(tmp_path):
    path = save(tmp_path / "roads.npz", matrix=np.ones((3, 3)), names=np.array(["a", "b", "a"]))
    with pytest.raises(ValueError, match="array names: 'a' is given twice, expected a different name for each node"):
        read(path)
