"""Kool et al.'s checkpoints, converted: the same models, to the third decimal of their published means."""

import pickle

import numpy as np
import pytest
import torch

from envs import kool_sets, rules
from envs.batch import from_coordinates
from policies.kool import read_kool_checkpoint, trained_size
from policies.training.reinforce_baselines import greedy_costs
from tsp.formats.kool import QUOTA
from tsp.problems import Capacity, get_problem

# Means over the first instances of the seed-1234 sets of 10,000, and over all of them; published to fewer digits:
# TSP 3.85, 5.80, 8.12, OP 5.19, 15.64, 31.62, PCTSP 3.18, 6.25, SPCTSP 3.26 (Kool et al. 2019, table 1).
GOLDEN = {
    ("tsp_20", "tsp", "kool", 20): (500, 3.8475, 3.847),
    ("tsp_50", "tsp", "kool", 50): (200, 5.7860, 5.790),
    ("tsp_100", "tsp", "kool", 100): (100, 8.0829, 8.102),
    ("op_dist_20", "op", "kool-dist", 20): (200, 5.1462, 5.1893),
    ("op_const_20", "op", "kool-const", 20): (200, 10.335, 10.2668),
    ("op_unif_20", "op", "kool-unif", 20): (200, 5.6861, 5.5978),
    ("op_dist_50", "op", "kool-dist", 50): (50, 16.1062, 15.6440),
    ("op_dist_100", "op", "kool-dist", 100): (30, 32.3483, 31.6166),
    ("pctsp_det_20", "pctsp", "kool", 20): (200, 3.1581, 3.1850),
    ("pctsp_det_100", "pctsp", "kool", 100): (30, 6.2848, 6.2477),
    ("pctsp_stoch_20", "spctsp", "kool", 20): (200, 3.2279, 3.2600),
    ("cvrp_20", "cvrp", "kool", 20): (200, 6.4112, 6.3769),
    ("cvrp_100", "cvrp", "kool", 100): (30, 16.6438, 16.7480),
    ("sdvrp_20", "sdvrp", "kool", 20): (200, 6.3537, 6.3371),
}
"""Folder, problem, distribution and size: how many first instances, their mean, and the mean of all."""

EVERY = pytest.mark.parametrize(("folder", "problem", "distribution", "size"), GOLDEN, ids=lambda value: str(value))


def first(problem, distribution, size, count):
    """The first instances of their set as their model sees them: in float32, in the square they were drawn in."""
    if problem == "tsp":
        return from_coordinates(torch.from_numpy(kool_sets.generate_tsp(count, size)).float())
    arrays = {name: array[:count] for name, array in kool_sets.draw(problem, distribution, size).items()}
    points = np.concatenate([arrays.pop("depot")[:, None], arrays.pop("loc")], 1)
    values = {name: torch.from_numpy(np.pad(array, ((0, 0), (1, 0)))).float() for name, array in arrays.items()}
    constants = {"capacity": kool_sets.capacity(size), "max_length": kool_sets.max_length(size), "min_prize": QUOTA}
    values |= {name: torch.full((count,), constants[name]) for name in get_problem(problem).needs if name in constants}
    if not get_problem(problem).reveals:
        values.pop("real_prizes", None)
    return from_coordinates(torch.from_numpy(points).float(), values)


def greedy_mean(folder, name, problem, batch):
    policy = read_kool_checkpoint(folder / "kool_pretrained" / name / "epoch-99.pt", problem)
    parts = [batch.rows(slice(i, i + 500)) for i in range(0, batch.count, 500)]
    costs = [greedy_costs(policy.env, policy, part, bfloat16=False).double() for part in parts]
    return policy.env.sign * float(torch.cat(costs).mean())


@pytest.mark.data
@EVERY
def test_a_converted_checkpoint_decodes_as_published_on_the_first_instances(
    data_folder, folder, problem, distribution, size
):
    count, mean, _ = GOLDEN[folder, problem, distribution, size]
    batch = first(problem, distribution, size, count)
    assert greedy_mean(data_folder, folder, problem, batch) == pytest.approx(mean, abs=2e-4)


@pytest.mark.data
@pytest.mark.slow
@EVERY
def test_a_converted_checkpoint_decodes_as_published_on_the_whole_set(data_folder, folder, problem, distribution, size):
    mean = GOLDEN[folder, problem, distribution, size][2]
    batch = first(problem, distribution, size, kool_sets.SET_SIZE)
    assert greedy_mean(data_folder, folder, problem, batch) == pytest.approx(mean, abs=1e-3)


class CapacityInFloat32(rules.CapacityEnv):
    """Capacity as their code counts it: in float32 shares of a load, summed up visit by visit, without tolerance.

    Many tours that fit exactly are then infeasible by rounding: demands and capacity are small
    whole numbers. So their figures are a little worse than those of exact masks. `left` is the load used.
    """

    def start(self, batch, trajectories):
        state = super().start(batch, trajectories)
        return state._replace(left=torch.zeros_like(state.left))

    def update(self, state, move):
        if state.open_demands is None:
            delivered, open_demands = state.batch.values["demands"].gather(1, move.node), None
        else:
            here = move.node[..., None]
            delivered = torch.minimum(state.open_demands.gather(-1, here)[..., 0], 1.0 - state.left)
            open_demands = state.open_demands.scatter_add(-1, here, -delivered[..., None])
        return state._replace(left=torch.where(move.returned, 0.0, state.left + delivered), open_demands=open_demands)

    def served(self, state):
        return None if state.open_demands is None else state.open_demands <= 0

    def context(self, state, move):
        return (1.0 - state.left)[..., None]

    def forbids_visit(self, state, move):
        if state.open_demands is None:
            return state.batch.values["demands"][:, None] + state.left[..., None] > 1.0
        return (state.left >= 1.0)[..., None] | (state.open_demands == 0)

    def missed(self, walks):
        return None


def mean_in_float32(monkeypatch, data_folder, problem, count):
    monkeypatch.setitem(rules.RULES, Capacity, CapacityInFloat32)
    batch = first(problem, "kool", 20, count)
    shares = batch.values["demands"] / batch.values["capacity"][:, None]
    batch = batch._replace(values={"demands": shares, "capacity": torch.ones(count)})
    return greedy_mean(data_folder, f"{problem}_20", problem, batch)


@pytest.mark.data
@pytest.mark.parametrize(("problem", "mean", "exact"), [("cvrp", 6.4291, 6.4112), ("sdvrp", 6.4076, 6.3537)])
def test_counting_in_float32_as_kool_et_al_do_is_a_little_worse(monkeypatch, data_folder, problem, mean, exact):
    assert GOLDEN[f"{problem}_20", problem, "kool", 20][1] == exact
    assert mean_in_float32(monkeypatch, data_folder, problem, 200) == pytest.approx(mean, abs=2e-4)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("problem", "published"), [("cvrp", 6.403), ("sdvrp", 6.394)])
def test_counting_in_float32_as_kool_et_al_do_gives_their_figures(monkeypatch, data_folder, problem, published):
    found = mean_in_float32(monkeypatch, data_folder, problem, kool_sets.SET_SIZE)
    assert found == pytest.approx(published, abs=1e-3)


@pytest.mark.data
def test_a_converted_checkpoint_has_the_published_number_of_parameters(data_folder):
    path = data_folder / "kool_pretrained" / "tsp_20" / "epoch-99.pt"
    policy = read_kool_checkpoint(path, "tsp")
    assert sum(parameter.numel() for parameter in policy.parameters()) == 708_608
    assert trained_size(path) == 20


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "problem"), [("cvrp_20", "tsp"), ("tsp_20", "cvrp"), ("cvrp_20", "sdvrp"), ("op_dist_20", "pctsp")]
)
def test_a_checkpoint_of_another_problem_is_refused(data_folder, folder, problem):
    path = data_folder / "kool_pretrained" / folder / "epoch-99.pt"
    with pytest.raises(ValueError, match=f"not a checkpoint for {problem}"):
        read_kool_checkpoint(path, problem)


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
