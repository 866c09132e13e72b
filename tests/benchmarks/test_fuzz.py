"""The fuzzer of readers: its targets read what they start from, and it finds what it looks for."""

import random
import warnings
from contextlib import suppress

import pytest
from fuzz.mutations import LARGEST, changed
from fuzz.targets import TARGETS, Target, fault

INPUTS = 60
NEVER_READ = ("checkpoint", "text as pctsp")
"""A checkpoint that is read has 3 MB, and a PCTSP file gets its quota by an option."""


def is_read(target, path):
    with warnings.catch_warnings(), suppress(ValueError):
        warnings.simplefilter("ignore")
        target.read(path)
        return True
    return False


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_reads_a_file_to_start_from_and_refuses_changed_ones_in_a_sentence(tmp_path, name):
    target, rng = TARGETS[name], random.Random(1)
    path, seeds = tmp_path / f"input{target.ending}", target.seeds()
    assert sum(map(len, seeds)) < 50_000
    unread = 0
    for data in seeds:
        path.write_bytes(data)
        assert fault(target, path) is None
        unread += not is_read(target, path)
    assert name in NEVER_READ or unread < len(seeds)
    different = set()
    for _ in range(INPUTS if name != "spec" else 10):  # a spec may load a network
        data = changed(rng.choice(seeds), target.change, rng)
        assert len(data) <= LARGEST
        different.add(data)
        path.write_bytes(data)
        assert fault(target, path) is None, data
    assert len(different) > 5


def refuse(message, error=ValueError):
    def read(path):
        raise error(message.format(path=path))

    return read


@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (refuse("no file here"), "ValueError without the file"),
        (refuse("{path}: two\nlines"), "of several lines"),
        (refuse("{path}", KeyError), "KeyError"),
        (refuse("", MemoryError), "MemoryError"),
        (refuse("{path}: 3, expected 4"), None),
        (lambda path: path.read_bytes(), None),
    ],
)
def test_what_is_no_refusal_in_a_sentence_is_a_fault(tmp_path, read, piece):
    path = tmp_path / "input"
    path.write_bytes(b"")
    found = fault(Target("", list, read, changed), path)
    assert (found is None) if piece is None else (piece in found)
