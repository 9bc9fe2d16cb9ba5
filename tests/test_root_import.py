"""ComfyUI imports the repository root at every start: that must cost next to nothing and work from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The first costs tens of milliseconds to seconds each; the others belong to hosts that are not there.
HEAVY = {
    *("numpy", "scipy", "torch", "transformers", "sentence_transformers", "tokenizers", "onnxruntime", "onnx", "faiss"),
    *("sqlalchemy", "sqlite3", "bm25s", "msgspec", "rich", "pydantic", "aiohttp", "gradio", "fastapi"),
}

LOAD_AS_COMFYUI = """
import importlib.util, json, os, sys

class Barrier:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"lorarec", "lorarec_webui", "nodes", "scripts"}:
            raise ModuleNotFoundError("hidden: " + name)

sys.meta_path.insert(0, Barrier())
place = sys.argv[1]
name = place.replace(".", "_x_")
before = set(sys.modules)
spec = importlib.util.spec_from_file_location(name, os.path.join(place, "__init__.py"))
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
print(json.dumps({
    "nodes": sorted(module.NODE_CLASS_MAPPINGS),
    "titles": sorted(module.NODE_DISPLAY_NAME_MAPPINGS),
    "web": getattr(module, "WEB_DIRECTORY", ""),
    "loaded": sorted({m.partition(".")[0] for m in set(sys.modules) - before} - {name.partition(".")[0]}),
}))
"""


@pytest.fixture(scope="module")
def loaded(installed_root: Path) -> dict[str, object]:
    """What a fresh Python says after importing the root from its odd folder, without any host module."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "LORAREC_LORAS", "LORAREC_DATA"}}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AS_COMFYUI, str(installed_root)],
        capture_output=True,
        text=True,
        cwd=installed_root.parent.parent,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, f"importing the root printed something:\n{done.stdout}"
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def test_the_nodes_are_registered_under_their_permanent_ids(loaded: dict[str, object]) -> None:
    assert loaded["nodes"] == ["LorarecApplyStack", "LorarecRecommend", "LorarecSimilar"]
    assert loaded["titles"] == loaded["nodes"]


def test_the_web_folder_exists(loaded: dict[str, object], installed_root: Path) -> None:
    assert (installed_root / str(loaded["web"])).is_dir()


def test_nothing_heavy_is_imported(loaded: dict[str, object]) -> None:
    assert set(loaded["loaded"]) & HEAVY == set()  # type: ignore[call-overload]


def test_importing_writes_nothing(loaded: dict[str, object], installed_root: Path) -> None:
    written = {p.name for p in installed_root.iterdir()} - {"__pycache__"}
    assert written <= {p.name for p in ROOT.iterdir()} - {".install-state.json", "data"}


def test_the_fixture_hides_our_absolute_names(load_root) -> None:  # type: ignore[no-untyped-def]
    import lorarec

    root = load_root()
    inside = sys.modules[root.__name__ + ".lorarec"]
    assert inside is not lorarec, "the root must bring its own copy of the core, not the installed one"
    assert inside.__version__ == lorarec.__version__


LOAD_AS_WEBUI = """
import importlib.util, json, sys

absent = set(sys.argv[2].split(","))

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/hosts/webui"]
import modules.script_callbacks, modules.shared
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("lorarec_webui.py", sys.argv[1] + "/scripts/lorarec_webui.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.mark.skipif(not (ROOT / "scripts" / "lorarec_webui.py").is_file(), reason="there is no WebUI door here")
@pytest.mark.parametrize("absent", ["", "msgspec", "numpy", "sqlalchemy", "bm25s", "rich", "onnxruntime", "tokenizers"])
def test_the_webui_s_door_is_light_and_opens_without_a_package(absent: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AS_WEBUI, str(ROOT), absent], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) & HEAVY == set()


def test_import_lorarec_is_light() -> None:
    code = "import sys; before = set(sys.modules); import lorarec; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert {m.partition(".")[0] for m in done.stdout.split()} & HEAVY == set()
