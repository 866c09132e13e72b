"""A folder of parts: begun anew, gone on with, or refused by name."""

import json

import pytest

from tsp.streaming import Counts, Parts

ASKED = {"version": "1", "files": ["a.npz 1234"], "solver": "ls", "time_limit": 2.0}
PART = {"solutions": [{"instance": "a[0]", "feasible": True, "violations": []}], "failures": []}


@pytest.fixture
def begun(tmp_path):
    """A folder with a run of which one part is written."""
    parts = Parts(tmp_path, ASKED)
    assert parts.begin(resume=False, force=False) is None
    parts.write_size(10)
    parts.write(0, json.dumps(PART))
    return tmp_path


def test_a_run_goes_on_with_its_own_size(begun):
    parts = Parts(begun, ASKED)
    assert parts.begin(resume=True, force=False) == 10
    assert list(parts.done()) == [0]


def test_an_empty_folder_is_begun_with_resume_too(tmp_path):
    assert Parts(tmp_path, ASKED).begin(resume=True, force=False) is None


def test_an_earlier_run_is_not_overwritten_unless_that_is_forced(begun):
    (begun / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"run\.json: exists; use --resume .* or --force"):
        Parts(begun, ASKED).begin(resume=False, force=False)
    assert Parts(begun, ASKED).begin(resume=False, force=True) is None
    assert [path.name for path in begun.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"solver": "2opt"}, "--resume with solver 2opt, but the run began with ls"),
        ({"capacity": 3.0}, "--resume with capacity 3.0, but the run began with None"),
        ({"version": "2"}, "--resume with version 2, but the run began with 1"),
        ({"files": ["a.npz 99"]}, "--resume with other files than the run began with"),
    ],
)
def test_other_settings_are_refused_by_name(begun, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Parts(begun, {**ASKED, **changes}).begin(resume=True, force=False)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"size": 0}', '{"size": true}', '{"size": "3"}'])
def test_settings_that_are_none_are_refused(begun, content):
    (begun / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"run\.json"):
        Parts(begun, ASKED).begin(resume=True, force=False)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"solutions": 3, "failures": []}', "[" * 100_000, "\x00"])
def test_a_file_that_is_no_part_is_refused_by_name(begun, content):
    (begun / "part-00001.json").write_text(content)
    with pytest.raises(ValueError, match=r"part-00001\.json: no part of a run; delete it"):
        Parts(begun, ASKED).done()


def test_parts_without_settings_are_refused(begun):
    (begun / "run.json").unlink()
    with pytest.raises(ValueError, match=r"part-00000\.json: a part without run\.json"):
        Parts(begun, ASKED).begin(resume=True, force=False)


def test_counts_name_the_first_few():
    failures = [{"index": i, "error": "broken"} for i in range(4)]
    none = [{"instance": f"a[{i}]", "feasible": False, "violations": ["too far"]} for i in range(3)]
    counts = Counts.of({"solutions": none, "failures": failures})
    counts.add(Counts.of(PART))
    assert (counts.total, counts.solved, counts.infeasible, counts.failed) == (8, 1, 3, 4)
    assert counts.examples == [*(f"instance {i}: broken" for i in range(4)), "a[0]: too far"]
