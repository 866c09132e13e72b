"""Kool et al.'s checkpoints, converted: the same model, to the third decimal of its published means."""

import pickle

import pytest
import torch

from envs.batch import from_coordinates
from envs.routing_env import RoutingEnv
from policies.kool import read_kool_checkpoint, trained_size
from policies.reinforce_baselines import greedy_costs
from tsp.formats.kool import generate_tsp

# Means over the first instances of the seed-1234 sets of 10,000; the whole sets are the slow test below.
FIRST = {20: (500, 3.8475), 50: (200, 5.7860), 100: (100, 8.0829)}
WHOLE = {20: 3.847, 50: 5.790, 100: 8.102}


def greedy_mean(folder, size, count):
    policy = read_kool_checkpoint(folder / "kool_pretrained" / f"tsp_{size}" / "epoch-99.pt", "tsp")
    points = torch.from_numpy(generate_tsp(count, size)).float()
    env = RoutingEnv("tsp")
    costs = [greedy_costs(env, policy, from_coordinates(part), bfloat16=False) for part in points.split(250)]
    return float(torch.cat(costs).mean())


@pytest.mark.data
@pytest.mark.parametrize("size", FIRST)
def test_a_converted_checkpoint_decodes_as_published_on_the_first_instances(data_folder, size):
    count, mean = FIRST[size]
    assert greedy_mean(data_folder, size, count) == pytest.approx(mean, abs=2e-4)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("size", WHOLE)
def test_a_converted_checkpoint_decodes_as_published_on_the_whole_set(data_folder, size):
    assert greedy_mean(data_folder, size, 10_000) == pytest.approx(WHOLE[size], abs=1e-3)


@pytest.mark.data
def test_a_converted_checkpoint_has_his_number_of_parameters(data_folder):
    path = data_folder / "kool_pretrained" / "tsp_20" / "epoch-99.pt"
    policy = read_kool_checkpoint(path, "tsp")
    assert sum(parameter.numel() for parameter in policy.parameters()) == 708_608
    assert trained_size(path) == 20


@pytest.mark.data
def test_a_checkpoint_of_another_problem_is_refused(data_folder):
    path = data_folder / "kool_pretrained" / "cvrp_20" / "epoch-99.pt"
    with pytest.raises(ValueError, match="not a checkpoint for tsp"):
        read_kool_checkpoint(path, "tsp")


class Malicious:
    def __reduce__(self):
        return (print, ("this code ran",))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, capsys):
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"model": Malicious()}))
    torch.save({"model": Malicious()}, tmp_path / "evil-zip.pt")
    for name in ("evil.pt", "evil-zip.pt"):
        with pytest.raises(ValueError, match="could run code, so it is refused"):
            read_kool_checkpoint(tmp_path / name, "tsp")
    assert "this code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_a_corrupted_checkpoint_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.pt: not a plain dict of weights"):
        read_kool_checkpoint(tmp_path / "broken.pt", "tsp")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.pt: no such file"):
        read_kool_checkpoint(tmp_path / "none.pt", "tsp")
