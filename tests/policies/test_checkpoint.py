"""Policies in files: they load as they were saved, and other files are refused."""

import json
from dataclasses import replace

import pytest
import torch

from envs.routing_env import RoutingEnv
from policies.checkpoint import Decoding, PolicyInfo, load_policy, read_tensors, save_policy, write_tensors
from policies.policy import Policy, PolicyConfig

INFO = PolicyInfo("tsp", (5, 9), "uniform", "tsp train --size 5-9", "0.1.0")
CONFIG = PolicyConfig(layers=1, width=16, heads=2, feedforward=32)


@pytest.fixture
def policy():
    torch.manual_seed(3)
    return Policy(CONFIG, RoutingEnv("tsp"))


def test_a_policy_comes_back_as_it_was(tmp_path, policy):
    save_policy(tmp_path / "p.safetensors", policy, INFO)
    loaded, info = load_policy(tmp_path / "p.safetensors")
    assert info == INFO
    assert loaded.config == CONFIG
    before, after = policy.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_an_existing_file_is_kept_unless_forced(tmp_path, policy):
    path = tmp_path / "p.safetensors"
    save_policy(path, policy, INFO)
    with pytest.raises(ValueError, match="--force"):
        save_policy(path, policy, INFO)
    save_policy(path, policy, INFO, force=True)


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path, policy):
    path = tmp_path / "p.safetensors"
    save_policy(path, policy, INFO)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="corrupted"):
        load_policy(path)


@pytest.mark.parametrize("content", [b"", b"not a policy at all", b"\x00" * 64, b"\x80\x04."])
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "p.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"p\.safetensors: not a readable safetensors file"):
        load_policy(path)


def test_a_truncated_file_is_refused(tmp_path, policy):
    path = tmp_path / "p.safetensors"
    save_policy(path, policy, INFO)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_policy(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.safetensors: no such file"):
        load_policy(tmp_path / "nowhere.safetensors")


def test_a_folder_is_no_policy(tmp_path):
    with pytest.raises(ValueError, match=r"is a directory, expected a safetensors file"):
        load_policy(tmp_path)


def test_foreign_weights_are_not_taken_for_a_policy(tmp_path):
    write_tensors(tmp_path / "p.safetensors", {"a": torch.ones(2)}, {}, force=False)
    with pytest.raises(ValueError, match="not a policy of this toolkit"):
        load_policy(tmp_path / "p.safetensors")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("problem", "no-such-problem"),
        ("config", "{"),
        ("config", json.dumps({"width": 32})),
        ("config", json.dumps({"width": 0})),
        ("sizes", "7"),
    ],
)
def test_a_description_that_does_not_fit_the_weights_is_refused(tmp_path, policy, key, value):
    save_policy(tmp_path / "good.safetensors", policy, INFO)
    tensors, metadata = read_tensors(tmp_path / "good.safetensors")
    del metadata["sha256"]
    write_tensors(tmp_path / "bad.safetensors", tensors, {**metadata, key: value}, force=False)
    with pytest.raises(ValueError, match=r"bad\.safetensors: its description does not fit"):
        load_policy(tmp_path / "bad.safetensors")


def test_recommended_decoding_is_saved_in_the_file(tmp_path, policy):
    path = tmp_path / "p.safetensors"
    info = replace(INFO, decoding=Decoding(samples=32, temperature=3.0))
    save_policy(path, policy, info)
    assert load_policy(path)[1] == info
    save_policy(path, policy, INFO, force=True)
    assert "decoding" not in read_tensors(path)[1]
    assert load_policy(path)[1].decoding == Decoding()


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"temperature": 0.0},
        {"temperature": 1e-300},
        {"temperature": 1e300},
        {"augmentations": 9},
        {"sample": 3},
    ],
)
def test_a_file_that_recommends_impossible_settings_is_refused(tmp_path, policy, wrong):
    save_policy(tmp_path / "p.safetensors", policy, INFO)
    tensors, metadata = read_tensors(tmp_path / "p.safetensors")
    write_tensors(tmp_path / "q.safetensors", tensors, {**metadata, "decoding": json.dumps(wrong)}, force=False)
    with pytest.raises(ValueError, match=r"q\.safetensors: its description does not fit"):
        load_policy(tmp_path / "q.safetensors")


def test_the_users_settings_override_recommended_ones():
    recommended = Decoding(samples=32, temperature=3.0)
    assert Decoding(samples=4).over(recommended) == Decoding(samples=4, temperature=3.0)


def test_a_temperature_may_depend_on_the_size_and_is_kept_in_the_file(tmp_path, policy):
    by_size = Decoding(temperature={"20": 2.0, "80": 1.0})
    assert [by_size.temperature_at(n) for n in (5, 20, 80, 300)] == [2.0, 2.0, 1.0, 1.0]
    assert by_size.temperature_at(40) == pytest.approx(1.5)
    assert Decoding(temperature=0.7).temperature_at(50) == 0.7
    assert Decoding().temperature_at(50) is None
    assert Decoding(temperature=3.0).over(by_size).temperature_at(20) == 3.0
    path = tmp_path / "policy.safetensors"
    save_policy(path, policy, replace(INFO, decoding=by_size))
    assert load_policy(path)[1].decoding == by_size
    with pytest.raises(ValueError, match=r"temperature=0, expected a number from 1e-06 to 1e\+06"):
        Decoding(temperature={"20": 0})


def test_a_policy_may_be_stored_in_half_precision(tmp_path, policy):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_policy(whole, policy, INFO)
    save_policy(half, policy, INFO, half=True)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    loaded = load_policy(half)[0].state_dict()
    assert all(loaded[k].dtype == v.dtype for k, v in policy.state_dict().items())
    assert all(torch.allclose(loaded[k], v, atol=1e-3) for k, v in policy.state_dict().items())
