"""A server of the page in a process of its own, and requests to it."""

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen


@contextmanager
def served(workers=1):
    """The address of a page that is served meanwhile, and a list that gets what its server says."""
    words = [sys.executable, "-m", "tsp", "serve", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        said = []
        try:
            first = process.stderr.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/", first)
            assert address, first
            threading.Thread(target=lambda: said.extend(process.stderr), daemon=True).start()
            yield address[0], said
        finally:
            process.terminate()
            process.wait(20)


def post(address, name, body, timeout=120):
    """The status and the JSON of an answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(f"{address}api/{name}", content, {"content-type": "application/json"})
    try:
        with urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def generated(problem="tsp", size=12, distribution="uniform", seed=3, limits=None):
    """The request for a generated instance."""
    source = {"kind": "generated", "distribution": distribution, "size": size, "seed": seed}
    return {"problem": problem, "limits": limits or {}, "source": source}
