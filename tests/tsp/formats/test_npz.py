"""NPZ sets: many instances in one file, without a pickled object."""

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsp.formats import read, write_instances
from tsp.instance import EXPLICIT, Instance

POINTS = np.random.default_rng(0).random((3, 4, 2))


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_set_gives_its_instances_in_order(tmp_path):
    instances = read(save(tmp_path / "set.npz", coordinates=POINTS, problem="tsp"))
    np.testing.assert_array_equal([instance.coordinates for instance in instances], POINTS)
    assert [instance.name for instance in instances] == ["set[0]", "set[1]", "set[2]"]
    assert {(instance.problem, instance.metric) for instance in instances} == {("tsp", "euclidean")}


def test_a_matrix_a_metric_and_whole_numbers_are_read(tmp_path):
    matrix = np.arange(18, dtype=np.int32).reshape(2, 3, 3)
    (first, _) = read(save(tmp_path / "a.npz", matrix=matrix, coordinates=np.zeros((2, 3, 2))))
    assert first.metric == EXPLICIT
    assert first.tour_length([0, 1, 2]) == 1 + 5 + 6
    assert first.coordinates is not None
    (rounded, *_) = read(save(tmp_path / "b.npz", coordinates=POINTS * 10, metric="EUC_2D"))
    assert rounded.integral


def test_arrays_that_the_problem_does_not_need_are_let_lie(tmp_path):
    path = save(tmp_path / "set.npz", coordinates=POINTS, prizes=np.ones((3, 4)), notes=np.array({}, dtype=object))
    assert len(read(path)) == 3


def test_a_set_is_known_by_its_content_too(tmp_path):
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
        ({"coordinates": POINTS, "problem": "tps"}, "unknown problem 'tps'; did you mean 'tsp'"),
        ({"coordinates": POINTS, "problem": ["tsp"]}, r"array problem: <U3 of shape \(1,\), expected one name"),
        ({"coordinates": POINTS, "problem": 5}, "array problem: int64 of shape .*expected one name"),
        ({"coordinates": POINTS, "metric": "EUC2D"}, "unknown metric 'EUC2D'; did you mean 'EUC_2D'"),
        ({"coordinates": POINTS, "metric": EXPLICIT}, "'EXPLICIT' is unknown"),
    ],
)
def test_what_is_wrong_is_refused_with_its_array(tmp_path, arrays, piece):
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
    """An array's header that promises more than any machine holds."""
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
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not an NPZ file, or cut off|is not readable") as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "set.npz")


values = st.floats(-1e100, 1e100)


@settings(max_examples=30)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 3)), elements=values),
    st.booleans(),
)
def test_what_is_written_is_read_again_to_the_last_bit(coordinates, explicit):
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
        (Instance(np.zeros((5, 2))), r"coordinates \(5, 2\), expected what the first has, .*coordinates \(4, 2\)"),
        (Instance(np.zeros((4, 2)), metric="EUC_2D"), "tsp, EUC_2D, .*expected what the first has, tsp, euclidean"),
        (Instance(matrix=np.zeros((4, 4))), "EXPLICIT"),
        (Instance(np.zeros((4, 2)), fixed_edges=[[0, 1]]), "cannot hold its fixed edges"),
    ],
)
def test_instances_of_two_kinds_make_no_set(tmp_path, other, piece):
    with pytest.raises(ValueError, match=piece):
        write_instances(tmp_path / "set.npz", [Instance(np.zeros((4, 2))), other])
    assert not list(tmp_path.iterdir())
