"""Files made to hang, to take all memory or to end in a traceback are refused in a sentence."""

import gzip
import io
import json
import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from children import in_bounds
from command_line import BERLIN, refusal

from envs.routing_env import RoutingEnv
from policies.checkpoint import PolicyInfo, load_policy, read_tensors, save_policy, write_tensors
from policies.guide.network import SHIPPED, load_network
from policies.kool import trained_size
from policies.policy import Policy, PolicyConfig
from policies.training.config import TrainConfig
from tsp import files
from tsp.formats import INSTANCE_ENDINGS, read
from tsp.problems import get_problem

ENDINGS = (*INSTANCE_ENDINGS, ".pkl", ".npy", ".json", ".geojson", ".vrp", ".txt", ".gz", "")


def itself(items):
    """A pickled list of references to itself."""
    return b"\x80\x04]\x94(" + b"h\x00" * items + b"e."


def laughs(depth, width=10):
    """A pickle of lists of references to lists, ten times as many items with each level."""
    body = b"".join(b"](" + (b"K\x01" if k == 0 else b"h" + bytes([k - 1])) * width + b"e\x94" for k in range(depth))
    return b"\x80\x04" + body + b"."


def tuple_of_itself():
    """A pickled list that holds a tuple that holds the list."""
    return b"\x80\x04]\x94(h\x00h\x00\x86\x94h\x01h\x01\x86h\x00e."


@pytest.mark.parametrize("content", [itself(1), itself(2), itself(16), itself(200), laughs(9), tuple_of_itself()])
def test_a_pickle_that_repeats_itself_is_refused_at_once(tmp_path, content):
    path = tmp_path / "set.pkl"
    path.write_bytes(content)

    def work():
        with pytest.raises(ValueError, match=r"set\.pkl: not a readable pickle of lists, tuples, numbers"):
            read(path)

    assert in_bounds(work)


@pytest.mark.parametrize("ending", ENDINGS)
def test_devices_and_pipes_are_refused_at_once(tmp_path, ending):
    (tmp_path / f"zero{ending}").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / f"pipe{ending}")

    def work():
        for name in ("zero", "pipe"):
            with pytest.raises(ValueError, match=f"{name}.*: a pipe or a device, expected a regular file"):
                read(tmp_path / f"{name}{ending}")

    assert in_bounds(work)


def test_devices_are_refused_by_every_command(tsp, tmp_path):
    (tmp_path / "zero").symlink_to("/dev/zero")
    for words in (
        ("check", BERLIN, "zero"),
        ("solve", BERLIN, "--initial", "zero"),
        ("solve", BERLIN, "--matrix", "zero"),
        ("solve", BERLIN, "--solver", "policy(path=zero)"),
        ("train", "--config", "zero", "--out", "run"),
        ("convert", "zero", "--problem", "tsp", "--out", "a.safetensors"),
        ("plot", "zero", "--out", "a.png"),
    ):
        assert "a pipe or a device" in refusal(tsp(*words)), words


def test_a_small_set_that_claims_millions_of_instances_is_refused_at_once(tmp_path):
    np.savez_compressed(tmp_path / "set.npz", coordinates=np.zeros((3_000_000, 1, 2), dtype=np.float16))
    assert (tmp_path / "set.npz").stat().st_size < 50_000

    def work():
        with pytest.raises(ValueError, match=r"set\.npz: 3000000 instances, expected at most 1000000 in a file"):
            read(tmp_path / "set.npz")

    assert in_bounds(work)


def test_an_array_that_claims_more_than_there_is_is_refused_at_once(tmp_path):
    header = io.BytesIO()
    shape = (2**40, 2)
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("coordinates.npy", header.getvalue())

    def work():
        for name in ("a.npy", "a.npz"):
            with pytest.raises(ValueError, match="not readable"):
                read(tmp_path / name)

    assert in_bounds(work)


def with_header(text):
    """A file of an array whose header is that text."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1")


def packed_array(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("coordinates", "problem"):
            archive.writestr(f"{name}.npy", content)
    return path


HEADERS = [
    *("", "{", "{'descr': '", "[" * 3000, "{'descr': '<f8', 'shape': (1,)"),
    "{'descr': '<f8,<', 'fortran_order': 0}\n",
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_broken_header_of_an_array_is_refused(tmp_path, header):
    (tmp_path / "a.npy").write_bytes(with_header(header))
    for path in (tmp_path / "a.npy", packed_array(tmp_path / "a.npz", with_header(header))):
        with pytest.raises(ValueError, match=r"a\.np[yz]: .*not readable") as refusal:
            read(path)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("number", [0x110000, 2**31 - 1, 0xD800])
@pytest.mark.parametrize("order", ["<", ">"])
def test_texts_that_are_not_unicode_are_refused(tmp_path, number, order):
    wrong = np.array([number], dtype=f"{order}u4").view(f"{order}U1").reshape(())
    np.savez(tmp_path / "a.npz", coordinates=np.zeros((1, 3, 2)), metric=wrong)
    with pytest.raises(ValueError, match=r"a\.npz: array metric is not readable \(a text that is not Unicode\)$"):
        read(tmp_path / "a.npz")


def test_a_small_packed_file_takes_little_memory(tmp_path):
    (tmp_path / "a.tsp.gz").write_bytes(gzip.compress(Path(BERLIN).read_bytes()))
    assert in_bounds(lambda: read(tmp_path / "a.tsp.gz"), megabytes=100)


@pytest.mark.parametrize("name", ["bomb.tsp.gz", "bomb.npz", "large.tsp"])
def test_packed_and_unpacked_files_of_too_much_data_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "LARGEST_FILE", 10**6)
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(bytes(10**7)))
    elif name.endswith(".npz"):
        np.savez_compressed(path, coordinates=np.zeros((10, 10**5, 2)))
    else:
        path.write_bytes(bytes(10**6 + 1))
    with pytest.raises(ValueError, match=rf"{name}: 0\.0 GiB of data, expected at most"):
        read(path)


@pytest.mark.parametrize(("problem", "size", "count"), [("tsp", 5, 10**9), ("op", 10**9, 2), ("atsp", 10**5, 10)])
def test_sets_that_do_not_fit_into_memory_are_not_generated(tsp, problem, size, count):
    words = ("--problem", problem, "--size", size, "--instances", count)
    assert "too many to be held in memory" in refusal(tsp("generate", *words, "--out", "set.npz"))
    assert "too many to be held in memory" in refusal(tsp("compare", *words, "--solvers", "nearest"))


def test_what_memory_does_not_hold_is_said_in_a_sentence(tsp, monkeypatch):
    monkeypatch.setattr("tsp.cli.inputs.read_set", lambda *_, **__: bytearray(2**62))
    assert "out of memory" in refusal(tsp("solve", BERLIN))


SETTINGS = [
    ('optimizer = "sgd"', "unknown optimizer 'sgd' (there are: adam, adamw, muon)"),
    ('optimizer = "Adam"', "unknown optimizer 'Adam'; did you mean 'adam'?"),
    ('precision = "int8"', "unknown precision 'int8'"),
    ("optimizer = 1", "unknown optimizer 1"),
    ('batch = "4"', "unknown setting 'batch'; did you mean 'batch_size'?"),
    ('batch_size = "4"', "batch_size: '4', expected a whole number"),
    ("batch_size = 4.5", "batch_size: 4.5, expected a whole number"),
    ("batch_size = true", "batch_size: True, expected a whole number"),
    ("batch_size = [4]", "batch_size: [4], expected a whole number"),
    ("lr = 1" + "0" * 400, ", expected a number"),
    ("lr = nan", "lr: nan, expected a number"),
    ("lr = inf", "lr: inf, expected a number"),
    ('lr = "small"', "lr: 'small', expected a number"),
    ("size = 20", "size: 20, expected a text"),
    ("scale = 1", "scale: 1, expected true or false"),
    ("teacher = false", "teacher: False, expected a text"),
    ("seed = 1979-05-27", "seed: datetime.date(1979, 5, 27), expected a whole number"),
    ("policy = 3", "policy: 3, expected settings by name"),
    ('[policy]\nencoder = "cnn"', "unknown encoder 'cnn'"),
    ('[policy]\nwidth = "wide"', "width: 'wide', expected a whole number"),
    ("[policy]\nlayer = 2", "unknown setting 'layer'; did you mean 'layers'?"),
    ("a = " + "[" * 5000, "not TOML"),
    ("size = ", "not TOML"),
]


@pytest.mark.parametrize(("text", "piece"), SETTINGS)
def test_settings_in_a_file_are_as_strict_as_flags(tsp, tmp_path, text, piece):
    (tmp_path / "settings.toml").write_text(f"{text}\n")
    sentence = refusal(tsp("train", "--config", "settings.toml", "--instances", 1, "--out", "run"))
    assert sentence.startswith("tsp: settings.toml: ")
    assert piece in sentence
    assert not Path("run").exists()


WRONG_VALUES = [
    ("lr = -1", "lr: -1, expected a positive number"),
    ('size = "0"', "size: '0', expected 1 or more"),
    ("minutes = 1\nepochs = 1", "length of training: ['epochs', 'minutes'] given"),
    ("seed = 1", "length of training: none given"),
    ("[policy]\nwidth = 9", "width 9, heads 8"),
]


@pytest.mark.parametrize(("text", "piece"), WRONG_VALUES)
def test_a_value_in_a_file_that_cannot_be_is_refused_with_the_file(tsp, tmp_path, text, piece):
    length = "" if "length" in piece else "minutes = 1\n"
    (tmp_path / "settings.toml").write_text(f"{length}{text}\n")
    assert f"settings.toml: {piece}" in refusal(tsp("train", "--config", "settings.toml", "--out", "run"))
    sentence = refusal(tsp("train", "--config", "settings.toml", "--seed", 2, "--out", "run"))
    assert f"settings.toml with options: {piece}" in sentence


def test_a_text_that_is_not_utf_8_is_named(tsp, tmp_path):
    (tmp_path / "settings.toml").write_bytes(b'size = "\xff"')
    sentence = refusal(tsp("train", "--config", "settings.toml", "--out", "run"))
    assert sentence == "tsp: settings.toml: byte 8 is not UTF-8, expected a text in UTF-8"


@pytest.mark.parametrize(
    ("change", "piece"),
    [
        ({"optimizer": "sgd"}, "unknown optimizer"),
        ({"batch_size": "8"}, "batch_size: '8'"),
        ({"batch_size": 10**400}, "not readable"),
        ({"policy": None}, "policy: None, expected settings by name"),
        ({"policy": {"width": None}}, "width: None, expected a whole number"),
        ({"minutes": [1]}, "minutes: [1], expected a number"),
    ],
)
def test_the_configuration_of_a_resumed_run_is_checked(tsp, tmp_path, change, piece):
    (tmp_path / "run").mkdir()
    raw = json.loads(TrainConfig(instances=8).to_json()) | change
    text = json.dumps({k: v for k, v in raw.items() if v != 10**400})
    if 10**400 in change.values():
        text = text[:-1] + ', "batch_size": ' + "1" * 5000 + "}"
    (tmp_path / "run" / "config.json").write_text(text)
    sentence = refusal(tsp("train", "--resume", "--out", "run"))
    assert "config.json: " in sentence
    assert piece in sentence


@pytest.fixture
def policy_file(tmp_path):
    """The file of a small policy."""
    policy = Policy(PolicyConfig(layers=1, width=8, heads=2, feedforward=8), RoutingEnv(get_problem("tsp")))
    save_policy(tmp_path / "policy.safetensors", policy, PolicyInfo("tsp", (5, 5)))
    return tmp_path / "policy.safetensors"


@pytest.mark.parametrize(
    "metadata",
    [
        {"sizes": "[1e999, 2]"},
        {"sizes": "3"},
        {"sizes": "[1, 2, 3]"},
        {"sizes": "[" * 100_000},
        {"config": "[]"},
        {"config": '{"layers": 1e999}'},
        {"config": '{"layers": 100000000, "width": 8, "heads": 2}'},
        {"config": '{"layers": 1, "width": 1000000, "heads": 2}'},
        {"config": '{"width": true}'},
        {"decoding": '{"samples": "many"}'},
        {"decoding": '{"temperature": {"a": 1}}'},
        {"decoding": "[1]"},
        {"problem": "tps"},
    ],
)
def test_a_checkpoint_with_a_crafted_description_is_refused(policy_file, metadata):
    tensors, known = read_tensors(policy_file)
    write_tensors(policy_file, tensors, {**known, **metadata}, force=True)

    def work():
        with pytest.raises(ValueError, match=r"policy\.safetensors: its description does not fit its weights \(.+\)$"):
            load_policy(policy_file)

    assert in_bounds(work)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(policy_file, tmp_path, value):
    tensors, metadata = read_tensors(policy_file)
    tensors["embed.bias"][3] = value
    write_tensors(policy_file, tensors, metadata, force=True)
    with pytest.raises(ValueError, match=r"embed\.bias holds NaN or infinity, expected finite weights"):
        load_policy(policy_file)
    tensors, metadata = read_tensors(SHIPPED)
    next(iter(tensors.values())).view(-1)[0] = value
    write_tensors(tmp_path / "guide.safetensors", tensors, metadata, force=True)
    with pytest.raises(ValueError, match="holds NaN or infinity, expected finite weights"):
        load_network(tmp_path / "guide.safetensors")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"graph_size": "x"}', '{"graph_size": 1e999}', '{"graph_size": -1}', "[" * 10**5]
)
def test_a_crafted_args_json_is_refused_by_name(tmp_path, content):
    (tmp_path / "args.json").write_text(content)
    with pytest.raises(ValueError, match=r"args\.json: .+, expected an object with graph_size; or give --size$"):
        trained_size(tmp_path / "epoch-99.pt")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(100), struct.pack("<Q", 2**60) + b"{}"]
)
def test_a_crafted_checkpoint_is_refused(tsp, tmp_path, content):
    for name in ("epoch-99.pt", "model.safetensors"):
        (tmp_path / name).write_bytes(content)
    assert "epoch-99.pt: " in refusal(tsp("convert", "epoch-99.pt", "--problem", "tsp", "--out", "a.safetensors"))
    assert "model.safetensors" in refusal(tsp("solve", BERLIN, "--solver", "policy(path=model.safetensors)"))


def test_control_characters_of_names_do_not_reach_the_terminal(tsp, tmp_path):
    names = ("a\x1b]0;owned\x07", "b\x9b2J", "c\u202eexe", "d\re")
    rows = "".join(f"{name!s},{k},{k * k}\n" for k, name in enumerate(names)).replace("\r", "")
    (tmp_path / "names.csv").write_text(f"name,x,y\n{rows}", encoding="utf-8")
    code, out, err = tsp("solve", "names.csv", "--time-limit", 0.1)
    assert code == 0
    assert "a\\x1b]0;owned\\x07" in out
    for text in (out, err):
        assert not any(letter in text for letter in "\x1b\x07\x9b\u202e\r")
    code, _, err = tsp("solve", "names.csv", "--start", "\x1b[31mred")
    assert code == 2
    assert "\x1b" not in err


def test_an_output_without_an_answer_is_no_mistake_in_the_command(tsp, tmp_path):
    instance = read(BERLIN)[0]
    assert replace(instance, name="x").size == 52
    (tmp_path / "none.csv").write_text("name,x,y,opens,closes\na,0,0,0,1\nb,50,0,0,1\n")
    outputs = ("--out", "none.tour", "--plot", "none.png")
    code, _, err = tsp("solve", "none.csv", "--problem", "tsptw", "--time-limit", 0.3, *outputs)
    assert code == 1
    assert "none.tour: not written" in err
    assert torch.is_grad_enabled()
