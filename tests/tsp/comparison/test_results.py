import csv
import json
import math

import numpy as np
import pytest
from comparisons import INFEASIBLE, FixedAnswers, numbered, run
from fake_solvers import AROUND, LONG, SHORT
from hypothesis import given, settings
from hypothesis import strategies as st

CHOICES = st.sampled_from([AROUND, LONG, SHORT, INFEASIBLE, None])


def test_the_json_of_a_comparison_has_the_documented_fields():
    row = run(FixedAnswers("a", [AROUND, LONG]), FixedAnswers("b", [SHORT, SHORT])).to_json()["rows"][0]
    assert {
        "solver", "time_limit", "instances", "feasible", "mean_objective", "mean_gap", "gap_interval", "wins",
        "difference", "seconds_per_instance", "instances_per_second",
    } <= set(row)  # fmt: skip
    low, mean, high = row["difference"]["b"]
    assert low < mean < high
    assert row["gap_interval"][0] < row["mean_gap"] < row["gap_interval"][1]
    single = run(FixedAnswers("a", [AROUND]), FixedAnswers("b", [SHORT])).to_json()["rows"][0]
    assert single["gap_interval"] is None
    assert single["difference"]["b"] == [None, pytest.approx(-2 / 16), None]


@settings(max_examples=40)
@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CHOICES, min_size=n, max_size=n), min_size=1, max_size=3)),
    st.booleans(),
    st.sampled_from([None, 0.0, 14.0]),
)
def test_the_json_and_the_table_of_a_comparison_never_hold_nan_or_infinity(answers, all_in_one_place, best_known):
    solvers = [FixedAnswers(f"s{k}", tours, bound=-math.inf) for k, tours in enumerate(answers)]
    changes = {"coordinates": np.zeros((4, 2))} if all_in_one_place else {}
    comparison = run(*solvers, instances=numbered(len(answers[0]), best_known=best_known, **changes))
    text = json.dumps(comparison.to_json(), allow_nan=False) + comparison.table()
    assert "nan" not in text.lower()
    assert all(0 <= row.compared <= row.feasible <= row.instances for row in comparison.rows)


def test_the_csv_of_a_comparison_reads_back(tmp_path):
    path = tmp_path / "rows.csv"
    comparison = run(FixedAnswers("a", [AROUND, LONG]), FixedAnswers("b(x=1, y=2)", [SHORT, None]))
    comparison.write_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["solver"] for row in rows] == ["a", "b(x=1, y=2)"]
    assert float(rows[0]["mean_gap"]) == comparison.rows[0].mean_gap.mean
    assert rows[0]["gap_low"] == ""
    assert float(rows[1]["difference to a mean"]) == pytest.approx(2 / 14)
    with pytest.raises(ValueError, match=r"rows.csv: exists"):
        comparison.write_csv(path)
    comparison.write_csv(path, force=True)


def test_a_notebook_shows_verdicts_tables_and_notes_escaped():
    comparison = run(FixedAnswers("<a>", [AROUND, LONG]), FixedAnswers("b", [SHORT, SHORT]))
    page = comparison._repr_html_()
    assert "<a>" not in page
    assert "&lt;a&gt;" in page
    assert page.count("<table>") == 2
    for sentence in comparison.verdicts():
        assert sentence.replace("<a>", "&lt;a&gt;") in page
    assert run(FixedAnswers("a", [AROUND]))._repr_html_().count("<table>") == 1
