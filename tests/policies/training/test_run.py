"""The log of a run ends with the checkpoint, and slow steps are noticed."""

import pytest

from policies.training.run import StepTimes, append_row, drop_rows_after


@pytest.mark.parametrize("torn", ["", "st", "step,loss\n", "step,loss\n4,0.5\n", "step,loss\n2,0.7\n4,0.5\n6,0"])
def test_a_half_written_log_continues_after_the_checkpoint(tmp_path, torn):
    path = tmp_path / "metrics.csv"
    path.write_text(torn)
    drop_rows_after(path, 3)
    append_row(path, {"step": 4, "loss": 0.5})
    assert path.read_text().split() == ["step,loss", *(["2,0.7"] if "2,0.7" in torn else []), "4,0.5"]


def test_slow_steps_are_noticed_once_and_only_when_they_stay_slow():
    times = StepTimes()
    usual = [0.1, 0.12] * 10
    assert [times.slowdown(seconds) for seconds in usual] == [None] * 20
    assert [times.slowdown(seconds) for seconds in [2.0] * 4 + [0.1]] == [None] * 5  # a pause, then as usual
    slow = [times.slowdown(2.2) for _ in range(8)]
    assert slow[:4] == [None] * 4
    assert slow[4] == pytest.approx(20.0)
    assert slow[5:] == [None] * 3
    assert StepTimes().slowdown(100.0) is None
