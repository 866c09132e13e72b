"""Tasks of worker processes. They live here, on the path of the tests, so that a worker can import them."""

import os
import signal


def square(number):
    return number * number, os.getpid()


def die_first(folder, number):
    """Kill the process at the first try of the number 3."""
    path = folder / "tried"
    if number == 3 and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(folder, number):
    with (folder / str(number)).open("a") as file:
        file.write("x")
    if number == 1:
        os._exit(1)
    return number


def refuse(number):
    if number == 2:
        raise ValueError("two is refused")
    return number


def unpicklable(number):
    return lambda: number


def begin(path):
    with path.open("a") as file:
        file.write("x")


def fail_to_begin():
    raise ValueError("no such solver")
