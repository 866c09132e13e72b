"""The choice of threads and of the precision."""

import pytest
import torch

from policies.device import fast_in_bfloat16, free_cores


@pytest.mark.parametrize(("load", "free"), [(0.2, 4), (1.6, 2), (9.0, 1)])
def test_cores_that_other_programs_keep_busy_are_not_free(monkeypatch, load, free):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert free_cores() == (free, 4)


@pytest.mark.parametrize(("avx512", "amx", "fast"), [(False, False, False), (True, False, True), (False, True, True)])
def test_bfloat16_is_fast_where_the_processor_has_instructions_for_it(monkeypatch, avx512, amx, fast):
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: True)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: amx)
    assert fast_in_bfloat16(torch.device("cpu")) is fast
