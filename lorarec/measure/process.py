"""What a process costs: time to import, memory it holds; and what machine that was."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ..machine import resident_bytes

HEAVY = (
    *("numpy", "scipy", "torch", "transformers", "sentence_transformers", "tokenizers", "onnxruntime", "faiss"),
    *("sqlalchemy", "sqlite3", "bm25s", "msgspec", "rich"),
)
PACKAGES = ("numpy", "onnxruntime", "tokenizers", "faiss-cpu", "bm25s", "SQLAlchemy", "torch", "sentence-transformers")

_EMPTY = "import importlib.util, json, os, sys\nbefore = set(sys.modules)\n"
_LOAD = (
    _EMPTY
    + """
place = sys.argv[1]
spec = importlib.util.spec_from_file_location("lorarec_root", os.path.join(place, "__init__.py"))
module = importlib.util.module_from_spec(spec)
sys.modules["lorarec_root"] = module
spec.loader.exec_module(module)
"""
)
_REPORT = 'print(json.dumps(sorted({m.partition(".")[0] for m in set(sys.modules) - before})))\n'


def import_cost(root: Path, runs: int = 9) -> tuple[float, list[str]]:
    """Milliseconds that importing the repository root adds to starting Python, and the heavy modules it loads.

    The quickest of ``runs`` fresh processes with the import less the quickest without, run in turns: what else the
    machine does can only add time. A first process that writes byte code and warms the disk cache is not counted.

    Raises:
        subprocess.CalledProcessError: the root cannot be imported.
    """
    loaded = json.loads(_python(_LOAD + _REPORT, str(root)))
    times: dict[str, list[float]] = {_EMPTY: [], _LOAD: []}
    for _ in range(runs):
        for code, taken in times.items():
            begun = time.perf_counter()
            _python(code, str(root))
            taken.append(time.perf_counter() - begun)
    return (min(times[_LOAD]) - min(times[_EMPTY])) * 1000, [name for name in loaded if name in HEAVY]


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout


def resident_mb() -> float | None:
    """Memory of this process that lies in RAM now, in MB (10^6 bytes); None where the system does not tell."""
    found = resident_bytes()
    return None if found is None else found / 1e6


def own_mb() -> float | None:
    """Resident memory without pages of mapped files, which the system can drop, in MB; None where it does not tell."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon"))
    return None


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of the installed ones among these distributions."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """Facts without which a time says nothing."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": _cores(),
        "python": platform.python_version(),
    }


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
