"""A package that is not installed, or does not load, never breaks the host's start, and its use says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Loads the pack as ComfyUI does in a Python that lacks packages, uses every node, and prints what came of it.
PROBE = """
import asyncio, importlib.util, json, logging, sys
from pathlib import Path
from types import SimpleNamespace

place, absent, broken = Path(sys.argv[1]), set(sys.argv[2].split(",")), set(sys.argv[3].split(","))

class Without:
    # Stands before the real finders, and answers for them: what is absent cannot even be found.
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            return None
        return self.finder.find_spec(name, path, target)

class Broken:
    # Found, but its loader fails as where a library of the system is missing.
    def find_spec(self, name, path=None, target=None):
        if name in broken:
            return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise ImportError("DLL load failed while importing _core", name=module.__name__)

sys.meta_path[:] = [Broken(), *map(Without, sys.meta_path)]
for name in [one for one in sys.modules if one.partition(".")[0] in absent | broken]:
    del sys.modules[name]

spec = importlib.util.spec_from_file_location("comfyui_harness", "tests/hosts/comfyui/harness.py")
harness = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harness)
out = {}

def tried(what, work):
    try:
        out[what] = ["done", work()]
    except Exception as error:
        out[what] = [type(error).__name__, str(error)]

log = []
handler = logging.Handler()
handler.emit = lambda one: log.append(one.getMessage() + ("\\n" + str(one.exc_info) if one.exc_info else ""))
logging.getLogger().addHandler(handler)

with harness.comfyui(place, place / "loras") as comfy:
    nodes = comfy.pack.NODE_CLASS_MAPPINGS
    out["nodes"] = sorted(nodes)
    for name, node in nodes.items():
        tried("types of " + name, lambda: bool(node.INPUT_TYPES()))
    recommend = nodes["LorarecRecommend"]
    tried("fixed", lambda: recommend().run(prompt="x", mode="fixed", selection="")["ui"]["text"])
    tried("apply", lambda: nodes["LorarecApplyStack"]().run(model="model", lora_stack=None))
    tried("recommend", lambda: recommend().run(prompt="watercolor painting of a harbour")["ui"]["text"])
    tried("similar", lambda: nodes["LorarecSimilar"]().run(lora=comfy.folder_paths.get_filename_list("loras")[0])["ui"])
    shared = comfy.part("nodes.library").keeper.opened
    if shared is not None:
        shared.wait("full", 60)
        tried("again", lambda: recommend().run(prompt="watercolor painting of a harbour")["ui"]["text"])
        out["notices"] = list(shared.notices)
    if "aiohttp" not in absent:
        request = SimpleNamespace(
            method="GET", query={}, headers={"Host": "127.0.0.1"}, match_info={"rest": "index"}, remote="127.0.0.1",
            content_length=0, can_read_body=False, transport=None,
        )
        answer = asyncio.run(comfy.part("nodes.routes")._Door().answer(request))
        out["index"] = [answer.status, json.loads(answer.body)]
out["log"] = log
print("\\n" + json.dumps(out))
"""
NODES = ["LorarecApplyStack", "LorarecRecommend", "LorarecSimilar"]


@pytest.fixture
def without(tmp_path: Path, mini_library: Path):  # type: ignore[no-untyped-def]
    """Runs the probe without packages, or with broken ones; by words alone unless ``encoder``."""

    def run(absent: str = "", broken: str = "", encoder: bool = False) -> dict[str, Any]:
        data = tmp_path / "user" / "__lorarec"
        data.mkdir(parents=True)
        settings = {} if encoder else {"encoder_semantic": "no/such-model"}
        (data / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LORAREC_")}
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(tmp_path), absent, broken],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**environment, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
            check=False,
        )
        assert done.stdout, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert told["nodes"] == NODES, "the pack loads"
        assert all(told[f"types of {node}"] == ["done", True] for node in NODES)
        assert told["fixed"][0] == told["apply"][0] == "done", "what is in the workflow needs none of them"
        assert "Traceback" not in done.stderr, done.stderr
        assert not [line for line in told["log"] if "\n" in line], "no traceback in the host's log"
        return told

    return run


@pytest.mark.parametrize("package", ["msgspec", "numpy", "sqlalchemy", "bm25s"])
@pytest.mark.parametrize("how", ["absent", "broken"])
def test_what_is_needed_is_named_with_the_remedy(without, package: str, how: str) -> None:  # type: ignore[no-untyped-def]
    told = without(**{how: package})
    state = "is not installed here" if how == "absent" else "does not load (DLL load failed while importing _core) here"
    for use in ("recommend", "similar"):
        kind, text = told[use]
        assert kind in ("MissingPart", "NotIndexed")
        assert f"lorarec needs the package {package}, which {state}; run " in text
        assert "install.py" in text and "\n" not in text
    status, body = told["index"]
    if status == 503:
        assert body["error"]["code"] == "missing_part" and f"the package {package}" in body["error"]["message"]
    else:  # it could be opened: the failure of the index is part of what is reported
        assert status == 200 and f"the package {package}" in json.dumps(body)


@pytest.mark.parametrize("package", ["rich", "faiss", "sentence_transformers", "PIL", "aiohttp", "transformers"])
def test_what_is_optional_costs_no_suggestion(without, package: str) -> None:  # type: ignore[no-untyped-def]
    told = without(absent=package)
    assert told["recommend"][0] == told["similar"][0] == told["again"][0] == "done"
    assert "styles/watercolor_wash.safetensors" in told["again"][1][0]
    assert not [notice for notice in told["notices"] if package in notice]


@pytest.mark.parametrize(
    ("absent", "broken", "named"),
    [
        ("onnxruntime,torch", "", "onnxruntime not installed"),
        ("tokenizers,torch", "", "tokenizers not installed"),
        ("torch", "onnxruntime", "onnxruntime does not load (DLL load failed while importing _core)"),
        ("torch", "tokenizers", "tokenizers does not load (DLL load failed while importing _core)"),
    ],
)
def test_without_an_engine_words_go_on_and_one_sentence_says_why(
    without,  # type: ignore[no-untyped-def]
    absent: str,
    broken: str,
    named: str,
) -> None:
    told = without(absent, broken, encoder=True)
    if any("is not on this machine" in notice for notice in told["notices"]):
        pytest.skip("the default encoder is not on this machine")
    assert told["again"][0] == "done"
    assert "styles/watercolor_wash.safetensors" in told["again"][1][0]
    assert len(told["notices"]) == 1 and named in told["notices"][0]
    assert "matched by words only" in told["again"][1][0]


def test_a_faiss_that_does_not_load_is_replaced_by_numpy(without) -> None:  # type: ignore[no-untyped-def]
    told = without(broken="faiss", encoder=True)
    if any("is not on this machine" in notice for notice in told["notices"]):
        pytest.skip("the default encoder is not on this machine")
    assert told["again"][0] == "done" and told["notices"] == []
    assert "styles/watercolor_wash.safetensors" in told["again"][1][0]
    assert len([line for line in told["log"] if "faiss does not load" in line]) <= 1
