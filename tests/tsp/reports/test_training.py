import json

import pytest
from figures import checked, full_instance

from tsp.reports import Sample, run_report


def test_the_report_of_a_run_has_curves_settings_and_tours(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"problem": "cvrp", "size": "6", "policy": {"width": 128}}))
    (tmp_path / "metrics.csv").write_text(
        "step,instances,seconds,train/objective,val/objective\n0,0,0,nan,9.5\n10,640,60,5.5,4.25\n"
    )
    instance = full_instance("cvrp")
    sample = Sample(instance, checked(instance, [[0, k] for k in range(1, 7)]), checked(instance, [range(7)]))
    html = run_report(tmp_path, [sample], {"command": "tsp train"})
    for text in ("640 instances, 1.0 minutes", "9.5000 before the first step, 4.2500 at the end", "policy.width"):
        assert text in html
    assert html.count("<svg") == 3
    assert "tsp train" in html


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run to report"):
        run_report(tmp_path, [], {})
