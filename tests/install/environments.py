"""Environments that look like hosts', for checks of install.py: tiny wheels, and what an environment holds.

Used by the tests beside it, with wheels made on the spot, and by real_hosts.py, with the real ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
ODD_NAME = "lora recommender.v1"  # a folder as users have them
PACK = ("__init__.py", "install.py", "lorarec_cli.py", "lorarec", "nodes", "javascript", "scripts", "lorarec_webui")

# Printed by the environment's own Python: name -> version of all distributions, file -> [size, mtime] of site-packages.
LOOK = """
import importlib.metadata, json, os, re, sysconfig
versions = {}
for one in importlib.metadata.distributions():
    versions.setdefault(re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version)
files = {}
root = sysconfig.get_paths()["purelib"]
for folder, _, names in os.walk(root):
    if os.path.basename(folder) != "__pycache__":
        for name in names:
            stat = os.stat(os.path.join(folder, name))
            files[os.path.relpath(os.path.join(folder, name), root)] = [stat.st_size, stat.st_mtime_ns]
print(json.dumps([versions, files]))
"""


class Snapshot(NamedTuple):
    """What an environment holds."""

    versions: dict[str, str]  # normalised distribution name -> version
    files: dict[str, list[int]]  # path below site-packages -> size, modification time; compiled ones left out

    def changes(self, after: Snapshot) -> list[str]:
        """What of this is not as it was later: distributions, then files. What was added does not count."""
        lines = [
            f"{name} {version} -> {after.versions.get(name, 'gone')}"
            for name, version in self.versions.items()
            if after.versions.get(name) != version
        ]
        return lines + [f"file {name}" for name, facts in self.files.items() if after.files.get(name) != facts]

    def added(self, after: Snapshot) -> dict[str, str]:
        """Distributions that are there later only."""
        return {name: version for name, version in sorted(after.versions.items()) if name not in self.versions}


class Ran(NamedTuple):
    """One run of install.py."""

    code: int
    lines: tuple[str, ...]  # of stdout
    errors: str  # stderr
    seconds: float


def wheel(folder: Path, name: str, version: str, requires: Sequence[str] = (), modules: Sequence[str] = ()) -> Path:
    """Write a wheel whose modules (default: its own name) are empty; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {f"{module}/__init__.py": f'__version__ = "{version}"\n' for module in modules or (name.replace("-", "_"),)}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: lorarec tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(member, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def unpack(wheels: Sequence[Path], site_packages: Path) -> None:
    """Install wheels made by `wheel`."""
    for path in wheels:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(site_packages)


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def portable(folder: Path, python: Path) -> Path:
    """A Python laid out like ComfyUI's portable build, made from a Python from 3.11 on; returns its interpreter.

    It stands beside a ._pth file that names all folders it may import from, has pip and no console scripts, and like
    the real one knows the user's own site-packages unless it is started with -s.
    """
    ask = "import pip, sysconfig, os; print(sysconfig.get_path('stdlib'), os.path.dirname(pip.__file__), sep='\\n')"
    done = subprocess.run([str(python), "-c", ask], stdout=subprocess.PIPE, env=clean(), check=True, text=True)
    stdlib, pip = map(Path, done.stdout.splitlines())
    site_packages = folder / "lib" / stdlib.name / "site-packages"
    shutil.copytree(pip, site_packages / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    for info in pip.parent.glob("pip-*.dist-info"):
        shutil.copytree(info, site_packages / info.name)
    made = folder / "python"
    shutil.copy2(python.resolve(), made)
    entries = (stdlib, stdlib / "lib-dynload", site_packages.relative_to(folder), "import site")
    (folder / "python._pth").write_text("".join(f"{entry}\n" for entry in entries), encoding="utf-8")
    return made


def clean(**more: str) -> dict[str, str]:
    """This process's environment without what directs Python, pip, uv or lorarec elsewhere."""
    prefixes = ("PIP_", "PYTHON", "UV_", "LORAREC_", "VIRTUAL_ENV", "CONDA_")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(prefixes)}, **more}


def look(python: Sequence[str]) -> Snapshot:
    """What the environment of this Python (with its flags) holds."""
    done = subprocess.run([*python, "-c", LOOK], stdout=subprocess.PIPE, env=clean(), check=True)
    versions, files = json.loads(done.stdout)
    return Snapshot(versions, files)


def place(host: Path, parent: str, whole: bool = False) -> Path:
    """Put install.py (or the whole pack) where a host keeps it, under an odd name; returns the folder."""
    pack = host / parent / ODD_NAME
    pack.mkdir(parents=True)
    for name in PACK if whole else ("install.py",):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, pack / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, pack)
    return pack


def run_installer(python: Sequence[str], pack: Path, cwd: Path, environment: Mapping[str, str], *arguments: str) -> Ran:
    """Run install.py and keep what it says."""
    begun = time.monotonic()
    command = [*python, str(pack / "install.py"), *arguments]
    done = subprocess.run(command, capture_output=True, cwd=cwd, env=dict(environment), check=False)
    seconds = time.monotonic() - begun
    lines = tuple(done.stdout.decode("utf-8", "replace").splitlines())
    return Ran(done.returncode, lines, done.stderr.decode("utf-8", "replace"), seconds)
