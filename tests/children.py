"""Work in a copy of this process, which may end it or take away its memory."""

import os
import resource
import time
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def in_child(work):
    """Run a function in a copy of this process; its exit code, 1 for an exception."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_bounds(work, *, megabytes=400, seconds=5.0):
    """Whether a function succeeds in a copy of this process with so much more memory, in so much time."""

    def bounded():
        used = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
        most = used + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        start = time.monotonic()
        work()
        assert time.monotonic() - start < seconds

    return in_child(bounded) == 0
