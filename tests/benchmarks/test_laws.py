from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import CELLS, boosting, compare_shares, forest, loss, share, summarize
from laws_plan import plan, value
from laws_world import draw_log, draw_posters, draw_world, signal, true_quantiles

from policies.laws.law import complete_sample
from policies.laws.quantiles import LEVELS


def days(draw_walks, draw_durations, n, outcomes):
    walks = np.array(draw_walks).reshape(n + 1, n + 1)
    np.fill_diagonal(walks, 0)
    return walks, np.array(draw_durations).reshape(n, outcomes)


@st.composite
def small_days(draw, n=2, outcomes=2):
    walks = draw(st.lists(st.integers(0, 4), min_size=(n + 1) ** 2, max_size=(n + 1) ** 2))
    durations = draw(st.lists(st.integers(0, 6), min_size=n * outcomes, max_size=n * outcomes))
    prizes = np.array(draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), dtype=float)
    return (*days(walks, durations, n, outcomes), prizes)


def brute_force(walks, prizes, durations, session):
    """The best expected prize by recursion over what may happen, without a table."""
    n = len(prizes)

    def best(visited, last, time):
        options = [0.0]
        for node in set(range(n)) - visited:
            arrival, end = time + walks[last, node], session - walks[node, n]
            if arrival <= end:
                leaves = [arrival + d for d in durations[node]]
                worth = [prizes[node] + best(visited | {node}, node, t) if t <= end else 0.0 for t in leaves]
                options.append(sum(worth) / len(worth))
        return max(options)

    return best(frozenset(), n, 0)


@settings(max_examples=60)
@given(small_days(), st.integers(0, 12))
def test_the_plan_is_the_best_one_and_its_value_is_what_it_expects(day, session):
    walks, durations, prizes = day
    expected, choices = plan(walks, prizes, durations, session)
    assert expected == pytest.approx(brute_force(walks, prizes, durations, session))
    assert value(walks, prizes, durations, session, choices) == pytest.approx(expected)


@settings(max_examples=30)
@given(small_days(n=3), small_days(n=3), st.integers(0, 15))
def test_no_plan_by_another_law_is_better_than_by_the_true_one(day, other, session):
    walks, durations, prizes = day
    best, _ = plan(walks, prizes, durations, session)
    _, choices = plan(walks, prizes, other[1], session)
    assert value(walks, prizes, durations, session, choices) <= best + 1e-9


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_features_decide_their_share_of_the_variance(strength):
    generator = np.random.default_rng(3)
    world = draw_world(strength, generator)
    logs = np.log(true_quantiles(world, draw_posters(4_000, generator)))
    assert logs.mean(1).var() / logs.var() == pytest.approx(strength, abs=0.03)
    assert signal(world, draw_posters(4_000, generator)).std() == pytest.approx(1.0, abs=0.05)


def test_logs_of_the_policy_end_with_visits_broken_off_and_unselected_logs_with_none():
    world = draw_world(0.5, np.random.default_rng(0))
    chosen, fair = (draw_log(world, 10, np.random.default_rng(1), selected=selected) for selected in (True, False))
    assert 0 < chosen.censored.sum() <= 10
    assert not fair.censored.any()


def test_days_of_a_shorter_log_are_the_first_of_a_longer_one():
    world = draw_world(0.5, np.random.default_rng(0))
    short, long = (draw_log(world, days, np.random.default_rng(1), selected=True) for days in (3, 6))
    assert short.values.tolist() == long.values[: len(short.values)].tolist()


def test_the_true_quantiles_have_the_least_loss():
    true = true_quantiles(draw_world(0.5, np.random.default_rng(0)), draw_posters(20, np.random.default_rng(1)))
    best = np.quantile(true, LEVELS, axis=1).T
    assert loss(best, true) < min(loss(best * 1.2, true), loss(best * 0.8, true))


@pytest.mark.parametrize("arm", [boosting, forest])
def test_arms_of_scikit_learn_close_a_part_of_the_difference(arm):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    generator = np.random.default_rng(5)
    world = draw_world(0.75, generator)
    encoder, scale, pooled, sample = complete_sample(draw_log(world, 40, generator, selected=True), 1)
    posters = draw_posters(50, generator)
    visits, true = encoder.encode(posters.features(), 50), true_quantiles(world, posters)
    learned = loss(scale.back(arm(sample, visits.inputs, 1)), true)
    assert learned < 0.9 * loss(scale.back(pooled.quantiles(visits)), true)


def test_the_share_closed_is_0_for_the_pooled_law_and_1_for_the_oracle():
    pooled, oracle = np.array([2.0, 3.0, 2.5]), np.array([1.0, 1.5, 1.0])
    assert share(pooled, pooled, oracle).mean == 0.0
    assert share(oracle, pooled, oracle).mean == 1.0
    assert share((pooled + oracle) / 2, pooled, oracle).mean == pytest.approx(0.5)


def test_tables_have_a_row_for_each_arm_and_only_cells_with_replicates():
    arms = ("pooled", "network", "oracle")
    replicates = [
        {name: {"loss": 3.0 - k + 0.1 * i, "prize": 10.0 + k + i, "expected": 11.0} for k, name in enumerate(arms)}
        for i in range(3)
    ]
    raw = {"0/3/policy": replicates, "0.5/100/policy": replicates, "0.5/10/policy": []}
    tables = summarize(raw)
    assert [row[:4] for row in tables["laws"][1]] == [["0.5", "policy", "100", name] for name in arms]
    assert len(tables["laws-without-signal"][1]) == 3
    columns, rows = compare_shares(raw)
    assert columns == ["R²", "logs", "days", "network"]
    assert rows == [["0.5", "policy", "100", "+50.0 (+50.0 to +50.0)"]]
    assert len(CELLS) == len(set(CELLS))


def test_every_pair_of_features_is_drawn():
    posters = draw_posters(2_000, np.random.default_rng(0))
    assert set(product(range(6), range(4))) == set(zip(posters.topic.tolist(), posters.seniority.tolist(), strict=True))
