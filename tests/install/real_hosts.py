"""Runs install.py in real environments with the pins of real hosts, and prints what changed. For developers.

``python tests/install/real_hosts.py FOLDER [--only NAME] [--keep]`` needs uv, the Pythons named below and the network;
about 6 GB of disk and some minutes. torch is a dummy of the version that the host would have: nobody needs gigabytes
to see that it stays. Each environment is built, given install.py as its host would run it (first without any network,
then with it, then once more), compared file by file, and asked for suggestions from the bundled sample.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from environments import Ran, Snapshot, clean, look, place, portable, python_of, run_installer, wheel

NOWHERE = "http://127.0.0.1:9/simple"  # no index there
A1111 = (
    *("GitPython==3.1.32", "Pillow==9.5.0", "accelerate==0.21.0", "blendmodes==2022", "clean-fid==0.1.35"),
    *("diskcache==5.6.3", "einops==0.4.1", "fastapi==0.94.0", "gradio==3.41.2", "httpcore==0.15", "inflection==0.5.1"),
    *("jsonmerge==1.8.0", "kornia==0.6.7", "lark==1.1.2", "numpy==1.26.2", "omegaconf==2.2.3", "piexif==1.1.3"),
    *("open-clip-torch==2.20.0", "protobuf==3.20.0", "psutil==5.9.5", "pytorch_lightning==1.9.4", "safetensors==0.4.2"),
    *("scikit-image==0.21.0", "spandrel==0.3.4", "tomesd==0.1.3", "torchdiffeq==0.2.3", "torchsde==0.2.6"),
    *("transformers==4.30.2", "httpx==0.24.1", "pillow-avif-plugin==1.4.3", "setuptools==69.5.1", "pydantic<2"),
    *("huggingface-hub<1", "resize-right==0.0.2"),
)
FORGE = (
    *(one for one in A1111 if one.partition("==")[0] not in ("fastapi", "gradio", "accelerate", "transformers")),
    *("fastapi==0.104.1", "gradio==4.40.0", "accelerate==0.31.0", "transformers==4.46.1", "diffusers==0.31.0"),
    *("gradio_rangeslider==0.0.6", "tqdm==4.66.1", "peft==0.13.2", "pydantic==2.8.2", "huggingface-hub==0.26.2"),
)
FORGE = tuple(one for one in FORGE if one not in ("pydantic<2", "huggingface-hub<1"))
COMFYUI = (
    *("numpy>=1.25.0", "einops", "transformers>=4.50.3", "tokenizers>=0.13.3", "sentencepiece", "safetensors>=0.4.2"),
    *("aiohttp>=3.11.8", "yarl>=1.18.0", "pyyaml", "Pillow", "scipy", "tqdm", "psutil", "alembic", "SQLAlchemy"),
    *("av>=14.2.0", "kornia>=0.7.1", "spandrel", "pydantic~=2.0", "pydantic-settings~=2.0", "torchsde"),
    *("GitPython", "typer", "chardet", "matrix-nio", "toml", "uv"),  # the last line is ComfyUI-Manager's
)
SDNEXT = (
    *("setuptools==69.5.1", "wheel", "anyio", "filetype", "future", "GitPython", "lark", "piexif", "mpmath", "psutil"),
    *("pyyaml", "toml", "voluptuous", "fasteners", "limits", "orjson", "websockets", "ftfy", "fastapi==0.124.4"),
    *("rich==15.0.0", "safetensors==0.8.0", "peft==0.19.1", "httpx==0.28.1", "requests==2.34.2", "tqdm==4.68.3"),
    *("accelerate==1.14.0", "einops==0.8.2", "huggingface_hub==1.23.0", "hf_xet==1.5.1", "numpy==2.1.2"),
    *("pandas==2.3.1", "protobuf==7.35.1", "pytorch_lightning==2.6.5", "urllib3==1.26.19", "Pillow==12.2.0"),
    *("timm==1.0.27", "pyparsing==3.3.2", "typing-extensions==4.15.0", "sentencepiece==0.2.1"),
    *("tokenizers==0.22.2", "transformers==5.5.0"),
)


class Environment(NamedTuple):
    """One host's environment and how the host runs install.py."""

    python: str
    packages: tuple[str, ...]
    torch: str = "2.7.1"  # of the dummies; "" = none
    vision: str = "0.22.1"
    family: str = "webui"  # or "sdnext" (runs install.py in the pack's folder), "comfyui", "portable"
    pip: bool = True


ENVIRONMENTS = {
    "A1111 1.10": Environment("3.10", A1111, "2.1.2", "0.16.2"),
    "Forge": Environment("3.10", FORGE, "2.3.1", "0.18.1"),
    "SD.Next": Environment("3.12", SDNEXT, "2.12.0", "0.27.0", "sdnext"),
    "ComfyUI": Environment("3.12", COMFYUI, "2.9.1", "0.24.1", "comfyui"),
    "ComfyUI, onnxruntime-gpu": Environment("3.12", (*COMFYUI, "onnxruntime-gpu==1.22.0"), family="comfyui"),
    "ComfyUI portable": Environment("3.13", COMFYUI, "2.9.1", "0.24.1", "portable"),
    "ComfyUI, uv without pip": Environment("3.12", COMFYUI, "2.9.1", "0.24.1", "comfyui", pip=False),
    "bare Python": Environment("3.11", (), ""),
}


class Result(NamedTuple):
    """What was seen in one environment."""

    name: str
    before: Snapshot
    after: Snapshot
    offline: Ran
    first: Ran
    second: Ran
    problems: list[str]
    works: str


def uv() -> list[str]:
    """uv's command. Raises SystemExit where there is none."""
    found = shutil.which("uv") or shutil.which(str(Path(sys.executable).with_name("uv")))
    return [found] if found else sys.exit("install uv first: pip install uv")


def interpreter(version: str) -> str | None:
    """A Python of this version, from PATH or pyenv."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def build(folder: Path, kind: Environment, python: str) -> Path:
    """Make the environment; returns its interpreter."""
    if kind.family == "portable":
        found = portable(folder / "python_embeded", Path(python))
    else:
        environment = folder / "venv"
        run([*uv(), "venv", "--quiet", *(["--seed"] if kind.pip else []), "--python", python, str(environment)])
        found = python_of(environment)
    if kind.torch:
        for name, version in (("torch", kind.torch), ("torchvision", kind.vision), ("torchaudio", kind.torch)):
            dummy = str(wheel(folder / "dummies", name, version))
            run([*uv(), "pip", "install", "--quiet", "--no-deps", "--python", str(found), dummy])
    if kind.packages:
        pins = folder / "pins.txt"
        pins.write_text(f"torch=={kind.torch}\ntorchvision=={kind.vision}\n" if kind.torch else "", encoding="utf-8")
        run([*uv(), "pip", "install", "--quiet", "--python", str(found), "--constraint", str(pins), *kind.packages])
    return found


def run(command: list[str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean(), check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout.decode('utf-8', 'replace')}")


def conflicts(python: list[str]) -> set[str]:
    """What uv finds inconsistent in the environment."""
    command = [*uv(), "pip", "check", "--python", python[0]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean(), check=False)
    return {line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("The package")}


def check(name: str, kind: Environment, folder: Path, python: str) -> Result:
    """Build one environment, run install.py in it as its host does, and compare."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = [str(build(folder, kind, python)), *(["-s"] if kind.family == "portable" else [])]
    host = folder / "host"
    pack = place(host, "custom_nodes" if kind.family in ("comfyui", "portable") else "extensions", whole=True)
    (host / "launch.py").write_text("", encoding="utf-8")
    inside = {"PYTHONPATH": str(host)} if kind.family in ("webui", "sdnext") else {}
    cwd = {"sdnext": pack, "comfyui": pack}.get(kind.family, host)
    # A host started from an activated environment, and uv where nothing else can install.
    inside["PATH"] = os.pathsep.join([*([str(Path(uv()[0]).parent)] if not kind.pip else []), os.environ["PATH"]])
    before, doubts = look(found), conflicts(found)
    cut = clean(**inside, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=NOWHERE)
    cut |= {"UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": NOWHERE, "UV_NO_CACHE": "1"}
    offline = run_installer(found, pack, cwd, cut)
    problems = [f"offline: {line}" for line in before.changes(look(found))]
    problems += loads(found, pack)
    first = run_installer(found, pack, cwd, clean(**inside), "--now")
    after = look(found)
    second = run_installer(found, pack, cwd, clean(**inside))
    problems += before.changes(after) + [f"second: {line}" for line in after.changes(look(found))]
    problems += sorted(conflicts(found) - doubts)
    problems += [one.errors for one in (offline, first, second) if one.errors or one.code]
    return Result(name, before, after, offline, first, second, problems, suggestions(found, pack, folder))


def loads(python: list[str], pack: Path) -> list[str]:
    """Import the pack as ComfyUI does, in an environment where nothing was installed yet; [] if that works."""
    code = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location('pack_x_v1', sys.argv[1]); "
        "pack = importlib.util.module_from_spec(spec); sys.modules['pack_x_v1'] = pack; spec.loader.exec_module(pack); "
        "assert len(pack.NODE_CLASS_MAPPINGS) == 3"
    )
    done = subprocess.run([*python, "-c", code, str(pack / "__init__.py")], capture_output=True, check=False)
    return [f"does not load: {line}" for line in done.stderr.decode("utf-8", "replace").splitlines()[-1:]]


def suggestions(python: list[str], pack: Path, folder: Path) -> str:
    """Whether all parts load and the command line works on the bundled sample: "yes", or why not."""
    parts = "msgspec, numpy, sqlalchemy, bm25s, rich, tokenizers, onnxruntime, faiss"
    done = subprocess.run([*python, "-c", f"import {parts}"], capture_output=True, env=clean(), check=False)
    if done.returncode:
        return done.stderr.decode("utf-8", "replace").strip().splitlines()[-1]
    command = [*python, str(pack / "lorarec_cli.py"), "demo"]
    environment = clean(LORAREC_DATA=str(folder / "data"), HF_HUB_OFFLINE="1")
    done = subprocess.run(command, capture_output=True, cwd=folder, env=environment, check=False)
    if done.returncode == 0 and b"lantern" in done.stdout.lower():
        return "yes"
    return (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-1]


def table(results: list[Result]) -> str:
    """The results as Markdown."""
    rows = ["| environment | before | changed | added | left out | first run | again | suggests |", "|---" * 8 + "|"]
    for one in results:
        added = ", ".join(f"{name} {version}" for name, version in one.before.added(one.after).items()) or "nothing"
        left = [line.partition("left out ")[2].partition(":")[0] for line in one.second.lines if "left out" in line]
        changed = "; ".join(one.problems) or "nothing"
        took = f"{one.first.seconds:.1f} s", f"{one.second.seconds:.2f} s"
        cells = (one.name, f"{len(one.before.versions)} packages", changed, added, ", ".join(left) or "nothing", *took)
        rows.append(f"| {' | '.join((*cells, one.works))} |")
    return "\n".join(rows)


def main() -> int:
    """Check all environments, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the environments are built")
    parser.add_argument("--only", action="append", choices=list(ENVIRONMENTS), help="may be given several times")
    known = parser.parse_args()
    results = []
    for name in known.only or ENVIRONMENTS:
        kind = ENVIRONMENTS[name]
        python = interpreter(kind.python)
        if python is None:
            print(f"{name}: there is no Python {kind.python} here; left out", flush=True)
            continue
        begun = time.monotonic()
        one = check(name, kind, known.folder.resolve() / "".join(c for c in name if c.isalnum()), python)
        results.append(one)
        print(f"## {name}: {len(one.before.versions)} packages, {time.monotonic() - begun:.0f} s in all")
        for title, ran in (("without network", one.offline), ("with network", one.first), ("again", one.second)):
            print(f"{title}, {ran.seconds:.2f} s:", *ran.lines, sep="\n    ")
        print("problems:", one.problems or "none", "| suggests:", one.works, "\n", flush=True)
    print(table(results))
    return 1 if any(one.problems or one.works != "yes" for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
