"""The log of a run ends with the checkpoint."""

import pytest

from policies.training.run import append_row, drop_rows_after


@pytest.mark.parametrize("torn", ["", "st", "step,loss\n", "step,loss\n4,0.5\n", "step,loss\n2,0.7\n4,0.5\n6,0"])
def test_a_half_written_log_continues_after_the_checkpoint(tmp_path, torn):
    path = tmp_path / "metrics.csv"
    path.write_text(torn)
    drop_rows_after(path, 3)
    append_row(path, {"step": 4, "loss": 0.5})
    assert path.read_text().split() == ["step,loss", *(["2,0.7"] if "2,0.7" in torn else []), "4,0.5"]
