import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from visit_logs import drawn_log

from policies.laws.calibration import calibrate
from policies.laws.law import MODELS, OUTCOMES, fit_law, load_law, save_law, slice_means

LOUD = {"voice": ("loud", "quiet"), "figures": ("2", "2")}
TRUE_MEANS = np.array([10 * np.e, 10.0]) * np.exp(0.045)


@pytest.mark.parametrize("model", ["network", "group", "ridge"])
def test_a_model_learns_a_strong_feature(model):
    means = fit_law(drawn_log(days=60), model, seed=1).outcomes(LOUD, 2).mean(axis=1)
    assert means == pytest.approx(TRUE_MEANS, rel=0.15)


def test_the_pooled_law_is_one_for_all():
    outcomes = fit_law(drawn_log(), "pooled").outcomes(LOUD, 2)
    assert outcomes[0].tolist() == outcomes[1].tolist()


@pytest.mark.parametrize("model", MODELS)
def test_outcomes_increase_are_not_negative_and_of_a_number_that_a_law_may_have(model):
    outcomes = fit_law(drawn_log(), model, seed=1).outcomes(LOUD, 2)
    assert outcomes.shape == (2, OUTCOMES)
    assert OUTCOMES % 20 == 0
    assert (np.diff(outcomes, axis=1) >= 0).all()
    assert (outcomes >= 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_law_is_the_same_by_its_seed_and_after_a_file(model, tmp_path):
    log = drawn_log(cuts=(10.0, 50.0))
    law, again = fit_law(log, model, seed=3), fit_law(log, model, seed=3)
    save_law(tmp_path / "law.safetensors", law)
    loaded = load_law(tmp_path / "law.safetensors")
    expected = law.outcomes(LOUD, 2).tolist()
    assert again.outcomes(LOUD, 2).tolist() == expected
    assert loaded.outcomes(LOUD, 2).tolist() == expected
    assert (loaded.target, loaded.name, loaded.info) == (law.target, law.name, law.info)


@pytest.mark.parametrize("model", MODELS)
def test_broken_off_visits_do_not_shorten_the_law(model):
    log = drawn_log(days=50, effect=0.0, cuts=(4.0, 20.0))
    assert 0.2 < log.censored.mean() < 0.5
    naive = replace(log, censored=np.zeros_like(log.censored))
    true = 10 * np.exp(0.045)
    with_them = fit_law(log, model, seed=1).outcomes(LOUD, 2).mean()
    without = fit_law(naive, model, seed=1).outcomes(LOUD, 2).mean()
    assert abs(with_them - true) < abs(without - true)


def test_where_features_say_nothing_the_network_stays_close_to_the_pooled_law():
    losses = [calibrate(drawn_log(days=40, effect=0.0, seed=seed), "network", seed) for seed in range(3)]
    assert all(found is not None and found.gain > -0.02 for found in losses)


def test_calibration_of_a_strong_feature_gains_and_covers():
    found = calibrate(drawn_log(days=60), "network", 1)
    assert found is not None
    assert found.days == 12
    assert found.gain > 0.3
    assert 0.65 < found.coverage < 0.92


def test_few_days_are_not_calibrated():
    assert calibrate(drawn_log(days=4), "ridge", 1) is None


def test_a_node_with_an_unknown_category_or_no_number_gets_the_pooled_law():
    law = fit_law(drawn_log(), "ridge", seed=1)
    features = {"voice": ("hoarse", "loud", "loud"), "figures": ("2", "", "2")}
    outcomes = law.outcomes(features, 3)
    pooled = fit_law(drawn_log(), "pooled").outcomes(features, 3)
    assert outcomes[:2].tolist() == pooled[:2].tolist()
    assert outcomes[2].tolist() != pooled[2].tolist()
    assert law.encoder.surprises(features) == ["voice 'hoarse'", "figures ''"]


def test_absent_authors_are_infinite_outcomes_in_their_share():
    log = drawn_log(days=100, effect=0.0)
    values = log.values.copy()
    values[::5] = np.inf
    outcomes = fit_law(replace(log, values=values), "pooled").outcomes(LOUD, 2)
    assert np.isinf(outcomes).mean() == pytest.approx(0.2)


def test_slices_have_the_mean_of_all_quantiles():
    quantiles = np.random.default_rng(0).gamma(2.0, size=(3, 100)).cumsum(axis=1)
    assert slice_means(quantiles).mean(axis=1) == pytest.approx(quantiles.mean(axis=1))


def test_the_network_needs_two_days():
    with pytest.raises(ValueError, match="1 day, expected 2 or more"):
        fit_law(drawn_log(days=1), "network")


@pytest.mark.parametrize("model", MODELS)
def test_logs_without_features_are_fitted(model):
    law = fit_law(replace(drawn_log(), features={}), model, seed=1)
    pooled = fit_law(replace(drawn_log(), features={}), "pooled")
    assert law.outcomes({}, 2) == pytest.approx(pooled.outcomes({}, 2), rel=1e-6)


def rewritten(path, *, change=None, **metadata):
    with safe_open(path, framework="pt") as file:
        old = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del old["sha256"]
    if change is not None:
        change(tensors)
    save_file(tensors, path, {**old, **metadata})
    return path


@pytest.fixture
def law_file(tmp_path):
    save_law(tmp_path / "law.safetensors", fit_law(drawn_log(), "ridge", seed=1))
    return tmp_path / "law.safetensors"


def test_a_file_with_numbers_that_are_not_finite_is_refused(law_file):
    path = rewritten(law_file, change=lambda tensors: tensors["fallback"].fill_(float("nan")))
    with pytest.raises(ValueError, match="fallback has numbers that are not finite"):
        load_law(path)


def test_a_file_with_missing_or_too_few_numbers_is_refused(law_file):
    def shorten(tensors):
        tensors["model.coefficients"] = torch.zeros(1)

    with pytest.raises(ValueError, match="its description does not fit its numbers"):
        load_law(rewritten(law_file, change=shorten))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "oracle"),
        ("target", "mood"),
        ("features", "[]"),
        ("features", "no"),
        ("card", "7"),
        ("scale", "{}"),
        ("scale", '{"unit": 0, "top": 1, "has_absent": false}'),
        ("scale", '{"unit": "1", "top": NaN, "has_absent": false}'),
    ],
)
def test_a_file_with_a_wrong_description_is_refused(law_file, name, value):
    with pytest.raises(ValueError, match="its description does not fit its numbers"):
        load_law(rewritten(law_file, **{name: value}))


def test_other_files_are_no_laws(law_file):
    with pytest.raises(ValueError, match="not a law of this toolkit"):
        load_law(rewritten(law_file, toolkit_format="something else"))


def test_the_file_says_what_the_law_was_fitted_to(law_file):
    with safe_open(law_file, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
    assert (card["days"], card["visits"], card["censored"], card["seed"]) == (20, 120, 0, 1)
