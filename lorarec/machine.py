"""Main memory: how much this process holds, how much is left, and giving back what nobody uses."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any


def resident_bytes() -> int | None:
    """Memory of this process that lies in RAM now; None where the system does not tell."""
    system = platform.system()
    if system == "Linux":
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    if system == "Windows":
        return _windows_resident()
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False)
    return int(done.stdout) * 1024 if done.stdout.strip().isdigit() else None


def available_bytes() -> int | None:
    """Memory that programs could still get without swapping; None where the system does not tell."""
    system = platform.system()
    with contextlib.suppress(OSError, ValueError, StopIteration):
        if system == "Linux":
            lines = Path("/proc/meminfo").read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        if system == "Windows":
            return _windows_available()
    if "psutil" in sys.modules:  # hosts have it; macOS tells in no simpler way
        return int(sys.modules["psutil"].virtual_memory().available)
    return None


def give_back() -> None:
    """Return freed memory to the system where the C library would keep it.

    Python's collector is left alone: models are in no cycles, and in a host it would look at millions of objects.
    """
    if platform.system() == "Linux":
        with contextlib.suppress(OSError, AttributeError):  # musl has no such call and keeps little
            ctypes.CDLL(None).malloc_trim(0)


def _windows_resident() -> int | None:
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = (
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("PeakWorkingSetSize", "WorkingSetSize", *"abcdef")),
        )

    counters = Counters()
    counters.cb = ctypes.sizeof(counters)
    kernel = _kernel32()
    if kernel is None:
        return None
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    read = kernel.K32GetProcessMemoryInfo
    read.argtypes = (wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD)
    good = read(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return int(counters.WorkingSetSize) if good else None


def _windows_available() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((name, ctypes.c_uint64) for name in ("total", "available", *"abcde")),
        )

    status = Status()
    status.length = ctypes.sizeof(status)
    kernel = _kernel32()
    good = kernel is not None and kernel.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.available) if good else None


def _kernel32() -> Any:
    return getattr(getattr(ctypes, "windll", None), "kernel32", None)
