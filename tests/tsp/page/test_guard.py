"""Which requests are let in."""

import asyncio

import pytest

pytest.importorskip("starlette", reason="the extra `page` is not installed")

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tsp.page.guard import Guard
from tsp.page.limits import MOST_BYTES

ADDRESS = "http://127.0.0.1:8000"
JSON = {"content-type": "application/json"}


async def echo(request):
    return JSONResponse({"size": len(await request.body())})


class Client:
    """A client of the guard in front of an application that tells the size of a body."""

    def __init__(self, host="127.0.0.1"):
        self.guard = Guard(Starlette(routes=[Route("/", echo, methods=["GET", "POST"])]), host)

    def request(self, method, path, **options):
        async def answer():
            transport = httpx.ASGITransport(self.guard)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
                return await client.request(method, path, **options)

        return asyncio.run(answer())

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)


def test_what_the_page_asks_is_let_in():
    answer = Client().post("/", content=b"{}", headers={**JSON, "origin": ADDRESS, "sec-fetch-site": "same-origin"})
    assert answer.json() == {"size": 2}
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "",
        "[::1",
        "a b",
        "x:99999",
    ],
)
def test_a_host_that_is_not_this_machine_is_refused(host):
    answer = Client().get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "Host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_known(host):
    assert Client().get("/", headers={"host": host}).status_code == 200


def test_a_server_for_all_addresses_knows_numbers_but_no_names():
    everywhere = Client("0.0.0.0")
    assert everywhere.get("/", headers={"host": "192.168.1.7:8000"}).status_code == 200
    assert everywhere.get("/", headers={"host": "evil.example:8000"}).status_code == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9000", "http://127.0.0.1:8000/x"],
)
def test_another_page_cannot_ask(origin):
    answer = Client().post("/", content=b"{}", headers={**JSON, "origin": origin})
    assert answer.status_code == 403


def test_another_site_is_known_by_the_browser_too():
    assert Client().post("/", content=b"{}", headers={**JSON, "sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken_which_other_pages_cannot_send(kind):
    assert Client().post("/", content=b"{}", headers={"content-type": kind}).status_code == 415


def test_a_body_that_is_announced_too_large_is_refused_unread():
    headers = {**JSON, "content-length": str(MOST_BYTES + 1)}
    assert Client().post("/", content=b"{}", headers=headers).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "x"])
def test_a_length_that_is_none_is_refused(length):
    assert Client().post("/", content=b"{}", headers={**JSON, "content-length": length}).status_code == 413


def test_a_body_that_grows_too_large_is_refused_while_it_arrives():
    async def chunks():
        for _ in range(MOST_BYTES // 2**20 + 1):
            yield b" " * 2**20

    assert Client().post("/", content=chunks(), headers=JSON).status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused(method):
    assert Client().request(method, "/").status_code == 405


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("tsp.page.guard.BODY_SECONDS", 0.05)
    sent = []

    async def receive():
        await asyncio.sleep(10)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    asyncio.run(Guard(None, "127.0.0.1")(scope, receive, send))
    assert sent[0]["status"] == 408
