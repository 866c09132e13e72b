"""Instances of many files as shards, which are read when they are needed."""

import pickle

import numpy as np
import pytest

from tsp.formats import read, read_realizations
from tsp.streaming.sources import cut, open_sources

POINTS = np.random.default_rng(5).random((7, 4, 2))
CSV = "x,y\n0,0\n0,3\n4,3\n4,0\n"
PLAIN = dict.fromkeys(("problem", "matrix", "unit", "speed", "walls"))


@pytest.fixture
def files(tmp_path):
    """A set of seven instances between two files of one."""
    np.savez(tmp_path / "seven.npz", coordinates=POINTS)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(CSV)
    return [str(tmp_path / name) for name in ("a.csv", "seven.npz", "b.csv")]


def names(shard):
    return [piece.instance(k).name for piece, k in shard]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 9, 50])
def test_shards_hold_every_instance_once_in_the_order_of_the_files(files, size):
    shards = list(cut(open_sources(files, PLAIN), size))
    assert [name for shard in shards for name in names(shard)] == ["a", *(f"seven[{k}]" for k in range(7)), "b"]
    assert [(shard.number, shard.first) for shard in shards] == [(i, i * size) for i in range(len(shards))]
    assert all(len(shard) == size for shard in shards[:-1])


def test_skipped_shards_are_not_read(files, monkeypatch):
    monkeypatch.setattr("tsp.streaming.sources.read", None)  # of single files
    shards = list(cut(open_sources(files, PLAIN), 4, skip=frozenset([0, 2])))
    assert [shard.number for shard in shards] == [1]
    assert names(shards[0]) == [f"seven[{k}]" for k in range(3, 7)]


def test_a_shard_that_was_sent_to_another_process_holds_the_same_instances(files):
    for shard in cut(open_sources(files, PLAIN), 4):
        assert len(pickle.dumps(shard)) < 4000  # and nothing of the other shards
        received = pickle.loads(pickle.dumps(shard))  # noqa: S301 - it was written here
        assert [p.instance(k).fingerprint for p, k in received] == [p.instance(k).fingerprint for p, k in shard]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "arrays",
    [
        {"coordinates": POINTS, "demands": np.full((7, 4), 2), "capacity": np.arange(7) + 9.5,
         "num_tours": np.full(7, 3)},
        {"coordinates": np.asfortranarray(POINTS.astype(np.float32))},
        {"matrix": np.arange(7 * 16).reshape(7, 4, 4)},
        {"coordinates": POINTS, "problem": np.array("spctsp"), "expected_prizes": POINTS[..., 0] + 1,
         "prizes": POINTS[..., 1], "penalties": POINTS[..., 0], "min_prize": np.full(7, 1.0)},
    ],
)  # fmt: skip
def test_a_set_on_disk_holds_what_reading_it_whole_gives(tmp_path, save, arrays):
    path = tmp_path / "set.npz"
    save(path, **arrays)
    (source,) = open_sources([str(path)], PLAIN)
    part, whole, hidden = source.part(2, 6), read(path), read_realizations(path)
    for k in range(4):
        ours, theirs = part.instance(k), whole[k + 2]
        assert (ours.name, ours.fingerprint, ours.problem) == (theirs.name, theirs.fingerprint, theirs.problem)
        realization = part.realization(k)
        if hidden is None:
            assert realization is None
        else:
            assert np.array_equal(realization.prizes, hidden[k + 2].prizes)


def test_a_set_may_be_read_as_another_problem(tmp_path):
    np.savez(tmp_path / "set.npz", coordinates=POINTS, demands=np.ones((7, 4)), capacity=np.full(7, 9.0))
    (source,) = open_sources([str(tmp_path / "set.npz")], {**PLAIN, "problem": "sdvrp"})
    assert source.part(0, 1).instance(0).problem == "sdvrp"


def test_a_broken_instance_is_named_by_its_number_in_the_file(tmp_path):
    broken = POINTS.copy()
    broken[5, 1, 0] = np.nan
    np.savez(tmp_path / "set.npz", coordinates=broken)
    part = open_sources([str(tmp_path / "set.npz")], PLAIN)[0].part(4, 7)
    assert part.instance(0).name == "set[4]"
    with pytest.raises(ValueError, match=r"set\.npz: instance 5: coordinates\[1, 0\]: nan"):
        part.instance(1)


def test_a_damaged_set_is_refused_before_anything_is_solved(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, coordinates=POINTS)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the numbers
    path.write_bytes(content)
    with pytest.raises(ValueError, match="array coordinates is not readable"):
        open_sources([str(path)], PLAIN)


def test_a_broken_file_is_a_broken_instance_and_a_missing_one_an_error(tmp_path, files):
    (tmp_path / "a.csv").write_text("x,y\n0,zero\n")
    (shard,) = cut(open_sources(files[:1], PLAIN), 5)
    ((piece, k),) = shard
    assert piece.name(k) == "a.csv"
    with pytest.raises(ValueError, match=r"a\.csv:2"):
        piece.instance(k)
    with pytest.raises(OSError, match=r"missing\.npz"):
        open_sources([str(tmp_path / "missing.npz")], PLAIN)


def test_a_set_that_other_options_complete_is_read_whole_or_refused(tmp_path):
    np.savez(tmp_path / "set.npz", coordinates=POINTS)
    path = str(tmp_path / "set.npz")
    (tmp_path / "roads.csv").write_text("0,1\n1,0\n")
    for option, value in (("matrix", tmp_path / "roads.csv"), ("unit", "km")):
        with pytest.raises(ValueError, match=r"set\.npz"):
            open_sources([path], {**PLAIN, option: value})
    assert open_sources([path], {**PLAIN, "walls": False})[0].count == 7


def test_pickled_sets_are_read_whole(tmp_path):
    with (tmp_path / "set.pkl").open("wb") as file:
        pickle.dump(POINTS.tolist(), file)
    (shard,) = cut(open_sources([str(tmp_path / "set.pkl")], PLAIN), 10)
    assert names(shard) == [f"set[{k}]" for k in range(7)]
