"""Starting and ending the page."""

import socket
import sys

import pytest
from command_line import refusal

pytest.importorskip("uvicorn", reason="the extra `page` is not installed")


def test_a_port_that_is_taken_is_named(tsp):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot be listened on" in refusal(tsp("serve", "--port", port))


@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5"])
def test_a_port_that_is_none_is_refused(tsp, port):
    assert f"{port}, expected a whole number from 0 to 65535" in refusal(tsp("serve", f"--port={port}"))


def test_an_address_that_is_none_is_refused(tsp):
    assert "nowhere.invalid:8000: cannot be listened on" in refusal(tsp("serve", "--host", "nowhere.invalid"))


def test_the_extra_is_named_where_it_is_missing(tsp, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("tsp.page", "uvicorn", "starlette"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert 'pip install "travelling-scientist[page]"' in refusal(tsp("serve"))
