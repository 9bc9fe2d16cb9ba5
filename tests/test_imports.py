"""Keeps "Which way things may lean" of ARCHITECTURE.md true, by reading every import in the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "lorarec"

# From the bottom up. A module of a layer may import from its own and lower layers; siblings see only the base.
BASE = {
    *("types", "history_types", "errors", "aside", "settings", "host", "graphics", "machine"),
    *("database", "damage", "salvage", "locks", "base_models"),
    *("arrays", "batches", "lora_tags", "mapped", "meter", "paths", "recent", "timings"),
}
SIBLINGS = {"catalog", "encode", "prompt", "index", "rank", "measure", "history", "learn", "describe"}
SHELLS = {"api", "tab", "cli", "commands", "__main__"}  # all else at the top of lorarec/ wires the siblings together

HOSTS = {"folder_paths", "comfy", "comfy_api", "nodes", "server", "modules", "gradio", "aiohttp", "fastapi"}
LAZY = {
    *("torch", "transformers", "sentence_transformers", "onnxruntime", "onnx", "tokenizers", "faiss", "scipy"),
    *("sqlalchemy", "bm25s", "rich", "sklearn", "huggingface_hub"),
}
FORBIDDEN = {"pydantic", "requests", "optimum", "pandas"}


class Import(NamedTuple):
    """One import statement, with its target as a dotted name from the repository root where it is relative."""

    source: str  # dotted name of the module that imports
    target: str
    line: int
    relative: bool
    when: str  # "import" of its module, "call" of a function, or only "typing"

    @property
    def at_import(self) -> bool:
        """Whether importing the module runs it."""
        return self.when == "import"


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, text: str | None = None) -> Iterator[Import]:
    """Every import of one file. ``from .x import y`` counts as x.y where y is a module, else as x."""
    source = dotted(path)
    package = source.split(".") if path.name == "__init__.py" else source.split(".")[:-1]

    def walk(node: ast.AST, when: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(source, alias.name, child.lineno, False, when)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                stem = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    deeper = ROOT.joinpath(*stem.split("."), alias.name)
                    is_module = deeper.is_dir() or deeper.with_suffix(".py").is_file()
                    target = f"{stem}.{alias.name}" if child.level and is_module else stem
                    yield Import(source, target, child.lineno, child.level > 0, when)
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield from walk(child, "typing" if when == "typing" else "call")
            elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                for part in child.body:
                    yield from walk(ast.Module([part], []), "typing")
                for part in child.orelse:
                    yield from walk(ast.Module([part], []), when)
            else:
                yield from walk(child, when)

    yield from walk(ast.parse(path.read_text(encoding="utf-8") if text is None else text), "import")


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def layer(module: str) -> tuple[int, str]:
    """Height of a module of lorarec and the folder it belongs to ("" for single files)."""
    parts = module.split(".")[1:]
    if not parts:
        return 0, ""  # lorarec/__init__.py: the version and lazy names
    if parts[0] in BASE:
        return 1, ""
    if parts[0] in SHELLS:
        return 4, ""
    return (2, parts[0]) if (CORE / parts[0]).is_dir() else (3, "")


def leaning(edge: Import) -> str:
    """Why an import inside lorarec/ leans the wrong way, "" if it does not."""
    if edge.target.split(".")[0] != "lorarec" or edge.source == "lorarec":
        return ""
    (height, folder), (target_height, target_folder) = layer(edge.source), layer(edge.target)
    if folder and target_folder and folder != target_folder:
        return f"{folder}/ and {target_folder}/ are siblings: they meet as arguments in the recommender"
    if target_height > height:
        return "it leans upwards"
    return ""


def show(found: list[tuple[Import, str]]) -> str:
    return "\n".join(f"{i.source}:{i.line} imports {i.target}: {why}" for i, why in found)


@pytest.fixture(scope="module")
def core() -> list[Import]:
    return [found for path in sources("lorarec") for found in imports_of(path)]


def test_every_folder_of_the_core_has_its_place() -> None:
    folders = {p.name for p in CORE.iterdir() if (p / "__init__.py").is_file()}
    assert folders <= SIBLINGS | SHELLS, "name the new folder in ARCHITECTURE.md and here"


def test_layers_lean_downwards_and_siblings_never_meet(core: list[Import]) -> None:
    wrong = [(edge, leaning(edge)) for edge in core if leaning(edge)]
    assert not wrong, show(wrong)


def test_imports_inside_the_core_are_relative(core: list[Import]) -> None:
    ours = {"lorarec", "lorarec_webui", "nodes"}
    wrong = [(e, "must be relative") for e in core if not e.relative and e.target.split(".")[0] in ours]
    assert not wrong, show(wrong)


def test_imports_inside_the_adapters_are_relative() -> None:
    # ComfyUI loads the repository as one package under any name; in a WebUI the core is a package beside the adapter.
    ours = {"nodes": {"lorarec", "nodes"}, "lorarec_webui": {"lorarec_webui", "nodes"}}
    found = [(e, ours[folder]) for folder in ours for path in sources(folder) for e in imports_of(path)]
    wrong = [(e, "must be relative") for e, names in found if not e.relative and e.target.split(".")[0] in names]
    assert not wrong, show(wrong)


def test_one_file_knows_the_webui() -> None:
    edges = [e for folder in ("lorarec_webui", "scripts") for path in sources(folder) for e in imports_of(path)]
    wrong = [(e, "belongs into host.py") for e in edges if e.target.split(".")[0] == "modules"]
    assert {e.source for e, _ in wrong} == {"lorarec_webui.host"}, show(wrong)


def test_the_core_knows_no_host(core: list[Import]) -> None:
    wrong = [
        (e, "belongs to a host")
        for e in core
        if not e.relative and e.target.split(".")[0] in HOSTS | FORBIDDEN and not uses_gradio(e)
    ]
    assert not wrong, show(wrong)


def uses_gradio(edge: Import) -> bool:
    """Whether an import is the one kind that is allowed: Gradio, in a function of what draws the tab."""
    in_tab = edge.source.startswith("lorarec.tab.") or edge.source == "lorarec.commands.ui"
    return in_tab and edge.target.split(".")[0] == "gradio" and not edge.at_import


def test_the_core_does_not_reach_outside_its_folder(core: list[Import]) -> None:
    wrong = [(e, "outside lorarec/") for e in core if e.relative and e.target.split(".")[0] != "lorarec"]
    assert not wrong, show(wrong)


def test_heavy_packages_are_imported_where_they_are_used_first(core: list[Import]) -> None:
    wrong = [(e, "must be imported in a function") for e in core if e.at_import and e.target.split(".")[0] in LAZY]
    assert not wrong, show(wrong)


def test_the_adapters_import_nothing_heavy_and_no_host_at_the_top() -> None:
    banned = LAZY | FORBIDDEN | HOSTS | {"numpy", "msgspec", "sqlite3"}
    edges = [e for p in [ROOT / "__init__.py", *sources("nodes"), *sources("lorarec_webui")] for e in imports_of(p)]
    wrong = [
        (e, "must be imported in a function")
        for e in edges
        if e.at_import and not e.relative and e.target.split(".")[0] in banned
    ]
    assert not wrong, show(wrong)


def test_package_faces_stay_nearly_empty() -> None:
    faces = {
        dotted(p): len(ast.parse(p.read_text(encoding="utf-8")).body)
        for p in sources("lorarec")
        if p.stem == "__init__"
    }
    faces.pop("lorarec")  # its lazy names are tested with the root import
    assert {name: size for name, size in faces.items() if size > 1} == {}, "a docstring is enough"


def circles(edges: set[tuple[str, str]]) -> list[str]:
    """The modules that can reach themselves."""
    reach = {source: {t for s, t in edges if s == source} for source, _ in edges}
    grown = True
    while grown:
        grown = False
        for targets in reach.values():
            more = set().union(*(reach.get(t, set()) for t in targets)) - targets
            grown = grown or bool(more)
            targets |= more
    return sorted(module for module, targets in reach.items() if module in targets)


def test_there_are_no_circles(core: list[Import]) -> None:
    edges = {
        (e.source, e.target)
        for e in core
        if e.when != "typing" and e.target.startswith("lorarec") and e.source != e.target
    }
    assert circles(edges) == []


# The rules themselves, on imports made up to break them.


@pytest.mark.parametrize(
    ("place", "text", "complaint"),
    [
        ("rank/blend.py", "from ..index.vectors import x", "siblings"),
        ("rank/blend.py", "def f():\n    from .. import catalog", "siblings"),
        ("errors.py", "from .catalog.scan import scan", "upwards"),
        ("catalog/scan.py", "from ..recommender import Recommender", "upwards"),
        ("recommender.py", "from .cli import main", "upwards"),
        ("measure/speed.py", "from ..recommender import Recommender", "upwards"),
    ],
)
def test_a_wrong_leaning_is_seen(place: str, text: str, complaint: str) -> None:
    [edge] = imports_of(CORE / place, text)
    assert complaint in leaning(edge)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("rank/blend.py", "from ..types import Query"),
        ("rank/blend.py", "from .signals import table"),
        ("catalog/sidecars/civitai.py", "from ..text import clean"),
        ("recommender.py", "from .catalog import scan"),
        ("cli.py", "from .measure.lorabench import read"),
    ],
)
def test_a_right_leaning_passes(place: str, text: str) -> None:
    [edge] = imports_of(CORE / place, text)
    assert edge.relative and edge.target.startswith("lorarec.")
    assert leaning(edge) == ""


def test_when_an_import_runs_is_seen() -> None:
    text = """
if TYPE_CHECKING:
    import torch
else:
    import faiss
try:
    import rich
finally:
    pass
def f():
    import scipy
"""
    when = {edge.target: edge.when for edge in imports_of(CORE / "cli.py", text)}
    assert when == {"torch": "typing", "faiss": "import", "rich": "import", "scipy": "call"}


def test_a_circle_is_seen() -> None:
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")}) == ["a", "b", "c"]
    assert circles({("a", "b"), ("b", "c"), ("a", "c")}) == []
