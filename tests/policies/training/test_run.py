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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"step,loss\r\n1,0.5\r\nx,0.4\r\n", ":3: step 'x', expected a whole number"),
        (b"step,loss\n\xff,0.4\n", ": byte 10 is not UTF-8, expected a text in UTF-8"),
    ],
)
def test_a_log_that_cannot_be_continued_is_refused_with_its_place(tmp_path, content, message):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="metrics") as refusal:
        drop_rows_after(path, 3)
    assert str(refusal.value) == f"{path}{message}"
    assert path.read_bytes() == content


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
