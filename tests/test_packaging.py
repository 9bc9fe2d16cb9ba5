"""What is shipped, what it asks for, and that the documentation names everything a user can set or run."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOST_PINNED = {
    *("torch", "torchvision", "torchaudio", "transformers", "sentence-transformers", "gradio", "numpy", "pydantic"),
    *("pillow", "fastapi", "huggingface-hub", "safetensors", "protobuf", "typing-extensions"),
}
VERBS = ("index", "suggest", "similar", "show", "evaluate", "bench", "models", "doctor", "demo", "hash")


def project() -> dict:  # type: ignore[type-arg]
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # comes with pytest
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def floors(requirements: list[str]) -> dict[str, str]:
    found = ((name_of(r), re.search(r">=([\d.]+)", r)) for r in requirements)
    return {name: floor[1] for name, floor in found if floor}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lorarec_script_{name}", ROOT / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown_requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in (line.partition("#")[0].strip() for line in lines) if line]


def words_of_docs() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize(
    "name",
    [
        *("__init__.py", "install.py", "requirements.txt", "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md"),
        *("ARCHITECTURE.md", "bootstrap.py", "lorarec_cli.py", ".ci/run", "nodes", "javascript", "lorarec", "docs"),
    ],
)
def test_the_root_holds(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_requirements_name_nothing_a_host_pins() -> None:
    names = {name_of(r) for r in shown_requirements()}
    assert names, "Manager would install nothing"
    assert not names & HOST_PINNED
    assert not [n for n in names if n.startswith(("onnxruntime", "nvidia", "faiss"))]


def test_requirements_bring_nothing_in() -> None:
    from importlib.metadata import requires

    for requirement in shown_requirements():
        needed = [r for r in requires(name_of(requirement)) or [] if "extra ==" not in r]
        assert needed == [], f"{requirement} brings {needed}: it belongs into install.py"


def test_the_same_floors_everywhere() -> None:
    parts = {part.name: part.floor for part in script("install").PARTS}
    declared = floors(project()["project"]["dependencies"])
    assert declared == {name: floor for name, floor in parts.items() if name != "sentence-transformers"}
    assert floors(project()["project"]["optional-dependencies"]["encoder"]).items() <= parts.items()
    assert floors(shown_requirements()).items() <= parts.items()


def test_bootstrap_and_extras_name_the_same_pins() -> None:
    bootstrap, extras = script("bootstrap"), project()["project"]["optional-dependencies"]
    assert bootstrap.TORCH in extras["dev"]
    assert bootstrap.WEIGHTS in extras["encoder"]


def test_bootstrap_never_empties_a_folder_that_is_no_environment(tmp_path: Path) -> None:
    bootstrap = script("bootstrap")
    (tmp_path / "precious.txt").write_text("", encoding="utf-8")
    with pytest.raises(bootstrap.Stop, match="not a virtual environment"):
        bootstrap.set_up(tmp_path)
    assert (tmp_path / "precious.txt").exists()


def test_bootstrap_installs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = script("bootstrap")
    calls: list[tuple[str, ...]] = []

    def make(venv: Path) -> None:
        bootstrap.python_of(venv).parent.mkdir(parents=True)
        bootstrap.python_of(venv).write_text("", encoding="utf-8")

    monkeypatch.setattr(bootstrap, "make_venv", make)
    monkeypatch.setattr(bootstrap, "pip", lambda python, *arguments: calls.append(arguments))
    assert bootstrap.set_up(tmp_path / "env") == bootstrap.python_of(tmp_path / "env")
    assert [c[:2] for c in calls] == [
        ("--no-deps", bootstrap.TORCH),
        ("--editable", f"{ROOT}[dev]"),
        ("--no-deps", bootstrap.WEIGHTS),
    ]
    bootstrap.set_up(tmp_path / "env")
    assert len(calls) == 3, "a second run finds everything ready"


def test_the_version_stands_in_one_place() -> None:
    import lorarec

    assert "version" not in project()["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", lorarec.__version__)
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest and newest[1] == lorarec.__version__, "CHANGELOG.md must begin with this version"


def test_everything_installed_is_read_with_python_3_10() -> None:
    for name in ("install.py", "bootstrap.py", "lorarec_cli.py", "__init__.py"):
        ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 10))
    for folder in ("lorarec", "nodes"):
        for path in (ROOT / folder).rglob("*.py"):
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 10))


@pytest.mark.parametrize("name", ["install.py", "bootstrap.py"])
def test_scripts_of_the_first_minute_need_the_standard_library_only(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {n.partition(".")[0] for n in names} <= sys.stdlib_module_names


def test_the_command_line_script_works_from_an_odd_place(tmp_path: Path, installed_root: Path) -> None:
    """As under a portable Python: no console script, isolated from the folder and the environment."""
    (installed_root / "lorarec_cli.py").write_bytes((ROOT / "lorarec_cli.py").read_bytes())
    try:
        command = [sys.executable, "-I", str(installed_root / "lorarec_cli.py"), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, check=False)
    finally:
        (installed_root / "lorarec_cli.py").unlink()
    assert done.returncode == 0, done.stderr
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b", done.stdout), f"--help does not name {verb}"


def test_the_documentation_names_every_setting() -> None:
    from lorarec.settings import OPTIONS, Settings

    assert set(OPTIONS) == set(Settings.__struct_fields__)
    docs = words_of_docs()
    missing = [name for name in OPTIONS if not re.search(rf"\b{name}\b", docs)]
    assert not missing, f"README.md and docs/ do not name: {', '.join(missing)}"


def verbs_of_cli() -> set[str]:
    """The verbs of the command line, read from the parser that a function of lorarec.cli builds."""
    cli = importlib.import_module("lorarec.cli")
    for name, maker in vars(cli).items():
        if "parser" not in name or not inspect.isfunction(maker):
            continue
        if all(p.default is not p.empty for p in inspect.signature(maker).parameters.values()):
            made = maker()
            groups = [a for a in getattr(made, "_actions", ()) if isinstance(a, argparse._SubParsersAction)]
            return {verb for group in groups for verb in group.choices}
    pytest.fail("lorarec.cli has no function that builds its parser: 'parser' in its name, no required arguments")


def test_the_documentation_names_every_verb() -> None:
    docs, verbs = words_of_docs(), verbs_of_cli()
    assert verbs >= set(VERBS)
    missing = [verb for verb in sorted(verbs) if not re.search(rf"\blorarec {verb}\b", docs)]
    assert not missing, f"README.md and docs/ do not show: {', '.join('lorarec ' + verb for verb in missing)}"


def test_every_node_has_a_page_and_is_named_in_the_documentation(load_root) -> None:  # type: ignore[no-untyped-def]
    root = load_root()
    docs = words_of_docs()
    pages = (ROOT / root.WEB_DIRECTORY / "docs").resolve()
    for node, title in root.NODE_DISPLAY_NAME_MAPPINGS.items():
        assert (pages / f"{node}.md").is_file(), f"{node} has no documentation page"
        assert title in docs, f"README.md and docs/ do not name the node {title}"
