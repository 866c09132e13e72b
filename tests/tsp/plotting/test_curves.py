import numpy as np
import pytest
from figures import texts

from tsp.plotting import learning_curve, run_curves


def test_a_learning_curve_is_drawn_from_the_file_of_a_run(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "step,instances,seconds,train/objective,val/objective\n1,100,60,5.0,\n2,200,120,4.0,4.5\n3,300,180,3.9,3.85\n"
    )
    figure = learning_curve(path, title="tsp20")
    train, validation = figure.axes[0].lines
    assert train.get_xydata() == pytest.approx(np.array([[1, 5], [2, 4], [3, 3.9]]))
    assert validation.get_xydata() == pytest.approx(np.array([[2, 4.5], [3, 3.85]]))
    assert texts(figure)[:2] == ["tsp20", "3.0 minutes · 300 instances · validation 3.8500 at the end"]


def test_the_first_steps_do_not_flatten_the_rest_of_a_learning_curve():
    rows = [{"seconds": 60.0 * i, "train/objective": 100.0 if i == 1 else 4.0 + 1 / i} for i in range(1, 101)]
    low, high = learning_curve(rows).axes[0].get_ylim()
    assert 3.9 < low < 4.01
    assert 4.2 < high < 5


@pytest.mark.parametrize("text", ["", "step,seconds,train/objective\n", "step,seconds,train/objective\n1,2,\n"])
def test_a_learning_curve_without_any_objective_is_refused_with_the_file(text, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"metrics.csv: no objective to draw yet"):
        learning_curve(path)


def test_all_curves_of_a_log_are_drawn_in_a_panel_for_each_quantity(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "step,instances,seconds,train/loss,train/objective,val/objective,train/lr\n"
        "0,0,0,nan,nan,9,0.1\n5,50,60,0.5,5,4,0.1\n9,90,120,0.4,4,nan,0.05\n"
    )
    figure = run_curves(path, title="mine")
    assert [axes.get_ylabel() for axes in figure.axes] == ["objective", "loss", "lr"]
    training, validation = figure.axes[0].lines
    assert training.get_xydata().tolist() == [[1, 5], [2, 4]]
    assert validation.get_xydata().tolist() == [[0, 9], [1, 4]]
    path.write_text("step,seconds,train/loss\n")
    with pytest.raises(ValueError, match="no curve to draw yet"):
        run_curves(path)


def test_a_measurement_at_0_seconds_is_drawn():
    figure = learning_curve([{"seconds": 0.0, "val/objective": 5.0}, {"seconds": 60.0, "val/objective": 0.0}])
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[0, 5], [1, 0]]
