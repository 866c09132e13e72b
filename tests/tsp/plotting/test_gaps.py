from dataclasses import replace

import numpy as np
import pytest
from figures import texts

from tsp.comparison import Comparison, Row
from tsp.instance import Instance
from tsp.plotting import gap_figure, save_figure
from tsp.shortcuts import compare
from tsp.statistics import Estimate


def row(solver, limit, gaps, seconds):
    mean = float(np.mean(gaps))
    estimate = Estimate(mean, (mean - 0.01, mean + 0.01)) if len(gaps) > 1 else Estimate(mean, None)
    return Row(
        solver, limit, len(gaps), len(gaps), 0, len(gaps), 5.0, estimate, 0, {}, 0, seconds, 1.0, 0, 0.0, tuple(gaps)
    )


def test_a_single_limit_shows_each_solvers_mean_interval_and_instances():
    rows = (row("policy(x=$1)", 1.0, [0.02, 0.04], 0.002), row("ortools", 1.0, [0.0, 0.02], 1.0))
    figure = gap_figure(Comparison("tsp", "best known", 1, rows))
    axes = figure.axes[0]
    assert texts(figure)[:2] == [
        "tsp: gap to the best known", "1 s an instance · 2 instances · 1 thread · mean and 95 % interval"
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_yticklabels()] == ["policy(x=$1)\n0.0020 s", "ortools\n1 s"]
    points, mean = axes.collections[:2]
    assert sorted(points.get_offsets()[:, 0]) == pytest.approx([2, 4])
    assert mean.get_offsets()[0].tolist() == pytest.approx([3, 0])
    assert axes.lines[2].get_xdata().tolist() == pytest.approx([2, 4])


def test_several_limits_show_gap_against_time_used_with_one_mark_for_a_one_shot_solver(tmp_path):
    limits = (0.1, 1.0)
    rows = [row("once", limit, [0.03, 0.03], 0.002) for limit in limits]
    rows += [row("timed", limit, [0.04 / limit / 10, 0.04 / limit / 10], 0.9 * limit) for limit in limits]
    figure = gap_figure(Comparison("tsp", "best found", 2, tuple(rows)))
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert lines["once"] == pytest.approx(np.array([[0.002, 3.0]]))
    assert lines["timed"] == pytest.approx(np.array([[0.09, 4.0], [0.9, 0.4]]))
    assert len(axes.collections) == 1
    save_figure(figure, tmp_path / "gap.png")


def test_the_heading_of_a_comparison_says_how_many_instances_were_compared():
    rows = (row("a", 0.1, [0.02], 0.1), row("a", 1.0, [0.02, 0.03], 1.0))
    rows = tuple(replace(one, instances=3) for one in rows)
    assert texts(gap_figure(Comparison("tsp", "best found", 1, rows)))[1].startswith("1 to 2 of 3 instances")


def test_a_single_instance_is_drawn_and_a_solver_without_answers_is_left_out():
    silent = Row("silent", 1.0, 1, 0, 1, 0, None, None, 0, {}, 0, 1.0, 1.0, 0, 0.0, ())
    figure = gap_figure(Comparison("tsp", "best known", 1, (row("a", 1.0, [0.1], 1.0), silent)))
    figure.draw_without_rendering()
    assert not any("silent" in text for text in texts(figure))
    with pytest.raises(ValueError, match="no gap can be drawn"):
        gap_figure(Comparison("tsp", "best known", 1, (silent,)))


def test_gaps_to_an_objective_of_zero_are_refused_as_such():
    nowhere = Instance(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="no instance with a reference other than 0 was answered by every solver"):
        gap_figure(compare([nowhere], ["nearest", "insertion"], time_limit=1.0))


def test_at_most_six_lines_are_drawn_and_the_heading_counts_the_others():
    rows = tuple(
        row(f"solver{k}", limit, [0.01 * (9 - k) / limit] * 2, limit) for limit in (1.0, 2.0) for k in range(9)
    )
    figure = gap_figure(Comparison("tsp", "best found", 1, rows))
    lines = [line for line in figure.axes[0].lines if line.get_label().startswith("solver")]
    assert [line.get_label() for line in lines] == [f"solver{k}" for k in range(3, 9)]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 6
    assert "the best 6 of 9 solvers at 2 s" in texts(figure)[1]
