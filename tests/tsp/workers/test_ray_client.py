"""Ray's client server: a cluster that is reached from outside. Slow, since Ray takes seconds to start."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'travelling-scientist[ray]'")
pytest.importorskip("grpc", reason="Ray's client needs grpcio")

pytestmark = pytest.mark.slow

PATIENCE = 300  # seconds: Ray starts slowly on a busy machine


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail("Ray's client server has not started")


@pytest.fixture
def address():
    """The address of the client server of a cluster with one processor, which ends with its first process."""
    port = free_port()
    words = ["ray", "start", "--head", "--block", "--num-cpus=1", "--include-dashboard=false"]
    words += [f"--port={free_port()}", f"--ray-client-server-port={port}", "--disable-usage-stats"]
    words[0] = str(Path(sys.executable).with_name("ray"))
    started = {**os.environ, "RAY_raylet_start_wait_time_s": str(PATIENCE)}
    with subprocess.Popen(words, env=started, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield f"ray://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def test_a_set_is_solved_by_a_cluster_that_is_reached_from_outside(address, tmp_path):
    root = Path(__file__).parents[3]

    def tsp(*words):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        subprocess.run(
            [sys.executable, "-m", "tsp", *words], cwd=tmp_path, env=environment, check=True, timeout=PATIENCE
        )

    tsp("generate", "--problem", "tsp", "--size", "10", "--instances", "3", "--out", "set.npz")
    tsp("solve", "set.npz", "--solver", "ls(kicks=5)", "--out", "answers/", "--workers", address)
    assert [one["feasible"] for one in json.loads((tmp_path / "answers/part-00000.json").read_text())["solutions"]] == [
        True
    ] * 3
