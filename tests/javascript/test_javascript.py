"""The panel's modules: their own tests under Node, their types, and what hosts rely on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lorarec.types import Role

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "javascript" / "core"
# Every module that stands for itself; one that imports a host's modules by their URLs cannot be resolved here.
HOSTED = re.compile(r"""\bfrom\s+["']/|\bimport\(\s*["']/""")
EVERY = sorted((ROOT / "javascript").rglob("*.mjs"))
MODULES = [path for path in EVERY if not HOSTED.search(path.read_text("utf-8"))]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node_runs_the_tests_of_the_modules() -> None:
    tests = sorted(map(str, Path(__file__).parent.glob("*.test.mjs")))
    assert tests
    done = subprocess.run(["node", "--test", *tests], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


BIN = Path(os.environ.get("LORAREC_TEST_HOSTS", "")) / "node" / "node_modules" / ".bin"
TSC = shutil.which("tsc", path=str(BIN)) or shutil.which("tsc")


@pytest.mark.skipif(TSC is None, reason="TypeScript is not installed")
def test_the_types_hold() -> None:
    options = ["--noEmit", "--checkJs", "--allowJs", "--strict", "--target", "es2022", "--module", "es2022"]
    lib = ["--lib", "es2022,dom,dom.iterable", "--moduleResolution", "bundler"]
    done = subprocess.run([str(TSC), *options, *lib, *map(str, MODULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hosts_import_nothing_by_themselves() -> None:
    # ComfyUI imports every .js below its web folder as an extension.
    for name in ("core", "page", "webui"):
        assert not list((ROOT / "javascript" / name).rglob("*.js"))


def test_only_the_client_uses_the_network() -> None:
    using = [
        path.name
        for path in MODULES
        if re.search(r"\bfetch\(|XMLHttpRequest|EventSource|WebSocket", path.read_text("utf-8"))
    ]
    assert using == ["client.mjs"]


def test_no_markup_is_made_from_texts() -> None:
    for path in EVERY:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text("utf-8")
        ), path


def test_every_text_is_used() -> None:
    names = re.findall(r"^  (\w+): ", (CORE / "texts.mjs").read_text("utf-8").split("const ZH")[0], re.MULTILINE)
    page = (ROOT / "javascript" / "page" / "index.html").read_text("utf-8")
    used = page + "\n".join(path.read_text("utf-8") for path in MODULES if path.name != "texts.mjs")
    made = ("origin_", "cover_", "role_")  # names put together from what the server says
    assert [name for name in names if not re.search(rf"\b{name}\b", used) and not name.startswith(made)] == []
    assert {name.partition("_")[2] for name in names if name.startswith("role_")} == {role.value for role in Role} - {
        "unknown"
    }
