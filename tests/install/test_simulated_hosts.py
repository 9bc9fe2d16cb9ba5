"""install.py with the real pip (and uv) in environments that look like hosts': tiny wheels with the pins of real ones.

real_hosts.py beside this does the same with the real packages.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

spec = importlib.util.spec_from_file_location("install_environments", Path(__file__).with_name("environments.py"))
assert spec is not None and spec.loader is not None
environments: ModuleType = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = environments
spec.loader.exec_module(environments)

# What the index has: name -> version -> what it requires, as the real ones do. Bait included: newer torch, numpy ...
INDEX: dict[str, dict[str, tuple[str, ...]]] = {
    "numpy": {"1.26.2": (), "1.26.4": (), "2.4.0": ()},
    "msgspec": {"0.18.6": (), "0.20.0": ()},
    "SQLAlchemy": {"2.0.40": ("greenlet>=1", "typing-extensions>=4.6")},
    "greenlet": {"3.2": ()},
    "typing-extensions": {"4.5.0": (), "4.15.0": ()},
    "bm25s": {"0.2.7": ("numpy",), "0.3.0": ("numpy",)},
    "rich": {"12.3": ("pygments<3,>=2.6",), "15.0": ("pygments<3,>=2.13",)},
    "pygments": {"2.10": (), "2.19": ()},
    "tokenizers": {"0.13.3": (), "0.22.0": ("huggingface-hub<2,>=0.16.4",)},
    "huggingface-hub": {"0.36.0": (), "1.3.0": ()},
    "onnxruntime": {"1.19.0": ("numpy>=1.21.6", "protobuf"), "1.23.0": ("numpy>=1.21.6", "protobuf")},
    "onnxruntime-gpu": {"1.20.1": ("numpy>=1.21.6", "protobuf")},
    "protobuf": {"3.20.0": (), "6.30": ()},
    "faiss-cpu": {"1.12.0": ("numpy<3,>=1.25",), "1.13.0": ("numpy>=2",)},
    "sentence-transformers": {
        "3.0.0": ("transformers<5,>=4.34", "torch", "scikit-learn", "scipy", "huggingface-hub>=0.15.1", "Pillow"),
        "5.2.0": ("transformers<6,>=4.41", "torch", "scikit-learn", "scipy", "huggingface-hub>=0.20", "Pillow"),
    },
    "scikit-learn": {"1.7": ("numpy>=1.22", "scipy>=1.8", "joblib", "threadpoolctl")},
    "joblib": {"1.5": ()},
    "threadpoolctl": {"3.6": ()},
    "scipy": {"1.15": ("numpy<3,>=1.23",)},
    "transformers": {"4.30.2": (), "4.57.0": ("tokenizers<0.24,>=0.22",)},
    "torch": {"2.1.2": (), "2.9.0": ()},
    "Pillow": {"9.5.0": (), "12.0.0": ()},
    "pydantic": {"1.10.26": (), "2.12.0": ()},
    "gradio": {"3.41.2": (), "4.40.0": (), "6.0.0": ()},
    "fastapi": {"0.94.0": (), "0.115.0": ()},
    "aiohttp": {"3.12.0": ()},
}
MODULES = {
    "onnxruntime-gpu": ("onnxruntime",),
    "faiss-cpu": ("faiss",),
    "SQLAlchemy": ("sqlalchemy",),
    "Pillow": ("PIL",),
    "scikit-learn": ("sklearn",),
}
A1111 = {
    **{"numpy": "1.26.2", "torch": "2.1.2", "transformers": "4.30.2", "tokenizers": "0.13.3", "Pillow": "9.5.0"},
    **{"huggingface-hub": "0.36.0", "pydantic": "1.10.26", "gradio": "3.41.2", "fastapi": "0.94.0", "scipy": "1.15"},
    **{"protobuf": "3.20.0", "typing-extensions": "4.15.0"},
}
COMFYUI = {
    **{"numpy": "2.4.0", "torch": "2.9.0", "transformers": "4.57.0", "tokenizers": "0.22.0", "aiohttp": "3.12.0"},
    **{"huggingface-hub": "0.36.0", "SQLAlchemy": "2.0.40", "greenlet": "3.2", "typing-extensions": "4.15.0"},
    **{"Pillow": "12.0.0", "pydantic": "2.12.0", "scipy": "1.15"},
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheels of `INDEX`."""
    folder = tmp_path_factory.mktemp("index")
    for name, versions in INDEX.items():
        for version, requires in versions.items():
            environments.wheel(folder, name, version, requires, MODULES.get(name, ()))
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing but pip, to be copied."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=True)
    return folder


class Host:
    """A host's folder, its Python with packages, and our pack in it."""

    def __init__(self, folder: Path, python: Path, index: Path, packages: dict[str, str], parent: str) -> None:
        self.folder, self.index, self.python = folder, index, [str(python)]
        self.fill(python, packages)
        self.pack: Path = environments.place(folder, parent)
        (folder / "launch.py").write_text("raise SystemExit('nobody imports the host')", encoding="utf-8")

    def fill(self, python: Path, packages: dict[str, str]) -> None:
        [place] = (
            python.parents[1].rglob("site-packages")
            if python.parent.name in ("bin", "Scripts")
            else [next(python.parent.rglob("site-packages"))]
        )
        names = [f"{name.replace('-', '_')}-{version}-py3-none-any.whl" for name, version in packages.items()]
        environments.unpack([self.index / name for name in names], place)

    def look(self):  # type: ignore[no-untyped-def]
        return environments.look(self.python)

    def run(self, *arguments: str, cwd: Path | None = None, online: bool = True, **more: str):  # type: ignore[no-untyped-def]
        """Run install.py as the host does; the index is the folder of wheels, or one that cannot be reached."""
        if online:
            told = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
            told |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(self.index), "UV_OFFLINE": "1"}
        else:
            told = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
        told |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_NO_CACHE": "1", **more}
        environment = environments.clean(**told)
        ran = environments.run_installer(self.python, self.pack, cwd or self.folder, environment, *arguments)
        assert ran.code == 0 and ran.errors == ""
        assert all(line.startswith("lorarec: ") for line in ran.lines)
        return ran


@pytest.fixture
def host(tmp_path: Path, bare: Path, index: Path):  # type: ignore[no-untyped-def]
    """Makes a host: ``host(packages, parent)``."""

    def make(packages: dict[str, str], parent: str = "extensions", pip: bool = True) -> Host:
        shutil.copytree(bare, tmp_path / "venv", symlinks=True)
        if not pip:
            for one in (tmp_path / "venv").rglob("site-packages/pip*"):
                shutil.rmtree(one)
        return Host(tmp_path / "host", environments.python_of(tmp_path / "venv"), index, packages, parent)

    return make


def left_out(ran) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Name -> the sentence that says why a part was left out and what that costs."""
    found = {}
    for line in ran.lines:
        if "left out " in line:
            names, _, why = line.partition("left out ")[2].partition(": ")
            found |= {name: why for name in names.split(", ")}
    return found


def test_a1111_keeps_its_pins_and_gets_the_rest(host) -> None:  # type: ignore[no-untyped-def]
    a1111 = host(A1111)
    before = a1111.look()
    ran = a1111.run(PYTHONPATH=f"{a1111.folder}{os.pathsep}")
    after = a1111.look()
    assert before.changes(after) == []
    assert before.added(after) == {
        **{"bm25s": "0.3.0", "faiss-cpu": "1.12.0", "greenlet": "3.2", "msgspec": "0.20.0", "onnxruntime": "1.23.0"},
        **{"pygments": "2.19", "rich": "15.0", "sqlalchemy": "2.0.40"},
    }
    written = json.loads((a1111.pack / ".install-state.json").read_text(encoding="utf-8"))
    assert [entry["added"] for entry in written.values()] == [before.added(after)]
    assert set(left_out(ran)) == {"sentence-transformers"}
    assert "the versions installed here do not go with it" in left_out(ran)["sentence-transformers"]
    assert "nothing that was installed before has changed" in ran.lines[-1]
    again = a1111.run(online=False, PYTHONPATH=str(a1111.folder))
    assert left_out(again) == left_out(ran) and len(again.lines) == 1, "nothing is asked a second time"
    assert after == a1111.look()


def test_sdnext_runs_it_in_the_extension_s_folder(host) -> None:  # type: ignore[no-untyped-def]
    sdnext = host({**A1111, "rich": "15.0", "pygments": "2.19"})
    before = sdnext.look()
    sdnext.run(cwd=sdnext.pack, PYTHONPATH=str(sdnext.folder))
    assert before.changes(sdnext.look()) == []


def test_comfyui_gets_all(host) -> None:  # type: ignore[no-untyped-def]
    comfyui = host(COMFYUI, "custom_nodes")
    before = comfyui.look()
    ran = comfyui.run(cwd=comfyui.pack)  # as ComfyUI-Manager does
    after = comfyui.look()
    assert before.changes(after) == []
    assert {"faiss-cpu": "1.13.0", "sentence-transformers": "5.2.0", "onnxruntime": "1.23.0"}.items() <= before.added(
        after
    ).items()
    assert left_out(ran) == {}
    assert comfyui.run(online=False).lines == (), "all is there: it says nothing and asks nobody"


def test_another_build_of_onnxruntime_is_not_overwritten(host) -> None:  # type: ignore[no-untyped-def]
    comfyui = host({**COMFYUI, "onnxruntime-gpu": "1.20.1", "protobuf": "6.30"}, "custom_nodes")
    before = comfyui.look()
    comfyui.run()
    after = comfyui.look()
    assert before.changes(after) == [] and "onnxruntime" not in after.versions


def test_an_old_package_that_somebody_has_is_left_alone(host) -> None:  # type: ignore[no-untyped-def]
    """Pygments 2.10 stays, so that an older rich comes; of typing-extensions 4.5 there is no SQLAlchemy to be had."""
    old = host({**A1111, "pygments": "2.10", "typing-extensions": "4.5.0"})
    before = old.look()
    ran = old.run()
    after = old.look()
    assert before.changes(after) == []
    assert after.versions["rich"] == "12.3" and after.versions["bm25s"] == "0.3.0"
    assert "lorarec cannot run until that is installed" in left_out(ran)["sqlalchemy"]


def test_without_network_it_says_what_is_missing_and_comes_back(host) -> None:  # type: ignore[no-untyped-def]
    comfyui = host(COMFYUI, "custom_nodes")
    before = comfyui.look()
    ran = comfyui.run(online=False)
    assert comfyui.look() == before
    for name in ("msgspec", "bm25s", "rich", "onnxruntime", "faiss-cpu", "sentence-transformers"):
        assert left_out(ran)[name].startswith("the package index cannot be reached. ")
    assert left_out(comfyui.run()) == left_out(ran) and comfyui.look() == before, "it does not ask so soon again"
    comfyui.run("--now")
    assert {"msgspec", "bm25s", "rich", "onnxruntime"} <= set(before.added(comfyui.look()))


def test_uv_where_there_is_no_pip(host) -> None:  # type: ignore[no-untyped-def]
    beside = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if uv is None:
        pytest.skip("uv is not installed")
    comfyui = host(COMFYUI, "custom_nodes", pip=False)
    before = comfyui.look()
    path = os.pathsep.join([str(Path(uv).parent), os.environ["PATH"]])
    offline = comfyui.run(online=False, PATH=path)
    assert left_out(offline)["msgspec"].startswith("the package index cannot be reached. ")
    ran = comfyui.run("--now", PATH=path)
    after = comfyui.look()
    assert before.changes(after) == []
    assert left_out(ran) == {}
    assert {"msgspec", "bm25s", "rich", "onnxruntime", "faiss-cpu", "joblib"} <= set(before.added(after))


def test_neither_pip_nor_uv(host, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    comfyui = host(COMFYUI, "custom_nodes", pip=False)
    before = comfyui.look()
    ran = comfyui.run(PATH=str(tmp_path))
    assert comfyui.look() == before
    assert left_out(ran)["msgspec"].startswith("this Python has neither pip nor uv. ")


@pytest.mark.skipif(sys.version_info < (3, 11) or os.name == "nt", reason="needs ._pth files outside Windows")
def test_a_portable_python_counts_only_what_its_host_will_see(tmp_path: Path, index: Path, bare: Path) -> None:
    """ComfyUI-Manager starts install.py without -s, ComfyUI runs with it: the user's own packages do not count."""
    try:
        python = environments.portable(tmp_path / "python_embeded", environments.python_of(bare))
        environments.look([str(python)])
    except (OSError, ValueError, environments.subprocess.CalledProcessError):
        pytest.skip("this Python cannot be copied")
    portable = Host(tmp_path / "host", python, index, COMFYUI, "custom_nodes")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    mine = tmp_path / "home" / ".local" / "lib" / version / "site-packages"
    environments.unpack([index / "msgspec-0.18.6-py3-none-any.whl", index / "numpy-1.26.2-py3-none-any.whl"], mine)
    portable.python = [str(python), "-s"]
    before = portable.look()
    portable.python = [str(python)]
    ran = portable.run(cwd=portable.pack, HOME=str(tmp_path / "home"))
    portable.python = [str(python), "-s"]
    after = portable.look()
    assert before.changes(after) == [] and left_out(ran) == {}
    assert after.versions["msgspec"] == "0.20.0" and after.versions["numpy"] == "2.4.0"
    assert {one.name for one in mine.glob("*.dist-info")} == {"msgspec-0.18.6.dist-info", "numpy-1.26.2.dist-info"}
