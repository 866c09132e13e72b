"""The choice of the device, in one place, so that a GPU is never silently left unused, and of the threads."""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


def resolve_device(name: str) -> torch.device:
    """The device called `name`; `auto` is a GPU where there is one.

    Raises:
        ValueError: for a device that does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise ValueError(f"device {name!r} is not there; expected cpu, cuda or auto") from None
    return device


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies faster in bfloat16 than in float32.

    oneDNN says that it supports bfloat16 on every processor with AVX-512; but without instructions for it, products
    take three to six times as long as in float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads within the context, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_threads(work: Callable[[int], T], count: int) -> list[T]:
    """The results of `work(0)` to `work(count - 1)`, at once, each on its part of the threads."""
    if count == 1:
        return [work(0)]
    each = max(1, torch.get_num_threads() // count)
    others = ThreadPoolExecutor(count - 1, initializer=torch.set_num_threads, initargs=(each,))
    with threads(each), others:
        waiting = [others.submit(work, i) for i in range(1, count)]
        return [work(0), *(one.result() for one in waiting)]


def free_cores() -> tuple[int, int]:
    """The cores that no other program keeps busy, at least 1, and all cores that this process may use.

    Threads that share a core with a busy program wait for each other most of the time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, cores - round(busy)), cores
