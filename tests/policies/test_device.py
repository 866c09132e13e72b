"""The choice of threads."""

import pytest

from policies.device import free_cores


@pytest.mark.parametrize(("load", "free"), [(0.2, 4), (1.6, 2), (9.0, 1)])
def test_cores_that_other_programs_keep_busy_are_not_free(monkeypatch, load, free):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert free_cores() == (free, 4)
