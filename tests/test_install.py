"""install.py decides well about environments that belong to somebody else, and a real one survives it unchanged."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "install.py"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with its memory in a temporary folder."""
    spec = importlib.util.spec_from_file_location("lorarec_install_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STATE", tmp_path / "state.json")
    return module


def site(folder: Path, *distributions: str, modules: tuple[str, ...] = ()) -> str:
    """A site-packages folder with nothing but the metadata of ``name==version`` entries, and modules of one line."""
    for entry in distributions:
        name, version = entry.split("==")
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    for name in modules:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("", encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return str(folder)


def part(install: ModuleType, name: str):  # type: ignore[no-untyped-def]
    return next(p for p in install.PARTS if p.name == name)


class Pip:
    """Stands for pip: knows what each requested package would bring, writes reports, keeps the commands."""

    def __init__(self, brings: dict[str, dict[str, str]], failure: dict[str, str] | None = None) -> None:
        self.brings, self.failure = brings, failure or {}
        self.commands: list[list[str]] = []
        self.pins: list[str] = []

    def __call__(self, command: list[str]) -> tuple[int, str]:
        self.commands.append(command)
        self.pins.append(Path(command[command.index("--constraint") + 1]).read_text(encoding="utf-8"))
        wanted = [word.partition(">=")[0] for word in command if ">=" in word]
        for name in wanted:
            if name in self.failure:
                return 1, self.failure[name]
        if "--report" in command:
            plan = {k: v for name in wanted for k, v in self.brings[name].items()}
            items = [{"metadata": {"name": name, "version": version}} for name, version in plan.items()]
            Path(command[command.index("--report") + 1]).write_text(json.dumps({"install": items}), encoding="utf-8")
        return 0, ""

    @property
    def installs(self) -> list[list[str]]:
        """The packages of each command that really installs."""
        return [[word for word in c if "==" in word] for c in self.commands if "--dry-run" not in c]


def test_installed_reads_all_names_in_one_spelling(install: ModuleType, tmp_path: Path) -> None:
    first = site(tmp_path / "a", "Foo_Bar==1.0", "numpy==1.26.4")
    second = site(tmp_path / "b", "numpy==2.0.0")
    broken = tmp_path / "a" / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("", encoding="utf-8")
    assert install.installed([first, second]) == {"foo-bar": "1.0", "numpy": "1.26.4"}


def test_constraints_pin_everything_that_can_be_compared(install: ModuleType) -> None:
    have = {
        "torch": "2.1.0+cu121",
        "numpy": "1.26.4",
        "mine": "1.0-custom-git",
        "pre": "2.0rc1",
        "dev": "0.1.dev3+g12ab",
    }
    assert install.constraints(have).splitlines() == [
        "dev==0.1.dev3+g12ab",
        "numpy==1.26.4",
        "pre==2.0rc1",
        "torch==2.1.0+cu121",
    ]


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [
        ("1.9", "1.12", True),
        ("1.12.0", "1.12", False),
        ("2.0.24", "2.0", False),
        ("1.4.54", "2.0", True),
        ("1.11.0+cu", "1.12", True),
        ("git", "1", False),
    ],
)
def test_older(install: ModuleType, version: str, floor: str, expected: bool) -> None:
    assert install.older(version, floor) is expected


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("onnxruntime", "onnxruntime-gpu"),
        ("onnxruntime", "onnxruntime_directml"),
        ("onnxruntime", "onnxruntime-openvino"),
        ("onnxruntime", "onnxruntime-qnn"),
        ("onnxruntime", "ort-nightly-gpu"),
        ("faiss-cpu", "faiss-gpu-cu12"),
        ("faiss-cpu", "faiss"),
    ],
)
def test_any_distribution_of_a_module_counts(install: ModuleType, tmp_path: Path, name: str, distribution: str) -> None:
    path = site(tmp_path / "site", f"{distribution}==1.0")
    assert install.present(part(install, name), install.installed([path]), [path])


def test_a_module_without_metadata_counts_too(install: ModuleType, tmp_path: Path) -> None:
    path = site(tmp_path / "site", modules=("onnxruntime",))
    assert install.present(part(install, "onnxruntime"), {}, [path])


@pytest.mark.parametrize("distribution", ["onnxruntime-extensions", "onnxruntime-genai", "onnx", "faissx"])
def test_relatives_that_bring_another_module_do_not_count(
    install: ModuleType, tmp_path: Path, distribution: str
) -> None:
    path = site(tmp_path / "site", f"{distribution}==1.0")
    (tmp_path / "site" / "onnxruntime").mkdir()  # left behind by an uninstall
    have = install.installed([path])
    assert not install.present(part(install, "onnxruntime"), have, [path])
    assert not install.present(part(install, "faiss-cpu"), have, [path])


def test_a_plan_that_changes_something_is_refused(install: ModuleType) -> None:
    group = [part(install, "onnxruntime")]
    assert install.judge(group, {"onnxruntime": "1.23", "flatbuffers": "25"}, {"numpy": "1.26"}) == ""
    why = install.judge(group, {"onnxruntime": "1.23", "numpy": "2.0"}, {"numpy": "1.26"})
    assert "would change numpy 1.26 to 2.0" in why


@pytest.mark.parametrize("name", ["torch", "transformers", "pydantic", "gradio", "pillow", "fastapi"])
def test_what_hosts_own_is_never_brought_in(install: ModuleType, name: str) -> None:
    for wanted in install.PARTS:
        assert name in install.judge([wanted], {wanted.name: "9", name: "9"}, {})


def test_sentence_transformers_waits_for_its_needs(install: ModuleType) -> None:
    wanted = part(install, "sentence-transformers")
    assert "torch" in install.unmet(wanted, {"transformers": "5.0", "tokenizers": "1", "huggingface-hub": "1"})
    have = {"torch": "2.1", "transformers": "5.0", "tokenizers": "0.22", "huggingface-hub": "1.3"}
    assert install.unmet(wanted, have) == ""
    assert install.judge([wanted], {wanted.name: "6.2", "scikit-learn": "1.9"}, have) == ""
    assert "scipy" in install.judge([wanted], {wanted.name: "6.2", "scipy": "1.17"}, have)


def test_faiss_stays_away_from_torch_on_macos(install: ModuleType) -> None:
    assert "OpenMP" in install.unmet(part(install, "faiss-cpu"), {}, "darwin")
    assert install.unmet(part(install, "faiss-cpu"), {}, "win32") == ""


def test_installs_exactly_what_was_judged(install: ModuleType, tmp_path: Path) -> None:
    pip = Pip(
        {"bm25s": {"bm25s": "0.3"}, "rich": {"rich": "15", "Pygments": "2.21"}, "onnxruntime": {"onnxruntime": "1.2"}}
    )
    parts = [part(install, name) for name in ("bm25s", "rich", "onnxruntime")]
    have = {"numpy": "1.26.4", "torch": "2.1"}
    gained, refused = install.add(install.Installer(["pip"], [], tmp_path, pip), parts, have)
    assert gained == {"bm25s": "0.3", "rich": "15", "pygments": "2.21", "onnxruntime": "1.2"}
    assert refused == {}
    assert pip.installs == [["bm25s==0.3", "pygments==2.21", "rich==15"], ["onnxruntime==1.2"]]
    assert all({"numpy==1.26.4", "torch==2.1"} <= set(pins.splitlines()) for pins in pip.pins)
    assert "bm25s==0.3" in pip.pins[-1], "what the first step added is pinned in the next"
    assert all("--upgrade" not in c and "-U" not in c and "--only-binary" in c for c in pip.commands)


def test_one_part_that_cannot_be_had_costs_no_other(install: ModuleType, tmp_path: Path) -> None:
    pip = Pip(
        {"bm25s": {"bm25s": "0.3"}, "faiss-cpu": {"faiss-cpu": "1.15", "numpy": "2.4"}},
        {"rich": "ERROR: No matching distribution found for rich>=12.0"},
    )
    parts = [part(install, name) for name in ("bm25s", "rich", "faiss-cpu")]
    gained, refused = install.add(install.Installer(["pip"], [], tmp_path, pip), parts, {"numpy": "1.26"})
    assert gained == {"bm25s": "0.3"}
    assert set(refused) == {"rich", "faiss-cpu"}
    assert "no ready-made build" in refused["rich"]
    assert pip.installs == [["bm25s==0.3"]]


def test_without_network_nothing_more_is_asked(install: ModuleType, tmp_path: Path) -> None:
    pip = Pip({}, {"rich": "NewConnectionError('<x>: Failed to establish a new connection: [Errno -3]')"})
    parts = [part(install, name) for name in ("bm25s", "rich", "onnxruntime", "sentence-transformers")]
    gained, refused = install.add(install.Installer(["pip"], [], tmp_path, pip), parts, {})
    assert gained == {} and len(pip.commands) == 1
    assert refused["bm25s"] == refused["onnxruntime"] == install.UNREACHABLE
    assert "torch" in refused["sentence-transformers"], "what network would not mend is said as it is"


def test_uv_is_understood(install: ModuleType, tmp_path: Path) -> None:
    output = (
        "Using Python 3.11\nResolved 2 packages in 9ms\nWould install 2 packages\n + bm25s==0.3.16\n + Foo_Bar==2.4.6\n"
    )
    commands: list[list[str]] = []

    def uv(command: list[str]) -> tuple[int, str]:
        commands.append(command)
        return 0, output

    plan = install.Installer([], ["uv"], tmp_path, uv).plan(["bm25s>=0.2"], {})
    assert plan == {"bm25s": "0.3.16", "foo-bar": "2.4.6"}
    assert commands[0][:5] == ["uv", "pip", "install", "--python", sys.executable]


def test_without_any_installer_it_says_so(install: ModuleType, tmp_path: Path) -> None:
    _, refused = install.add(install.Installer([], [], tmp_path), [part(install, "bm25s")], {})
    assert refused == {"bm25s": "this Python has neither pip nor uv"}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("WARNING: Retrying ... NameResolutionError('x')\nERROR: No matching distribution found for rich", "index"),
        ("error: Request failed after 3 retries\n  Caused by: error sending request for url", "index"),
        ("ERROR: ResolutionImpossible: for help visit https://pip.pypa.io", "do not go with it"),
        ("  x No solution found when resolving\n  your requirements are unsatisfiable.", "do not go with it"),
        ("ERROR: Could not find a version that satisfies the requirement x (from versions: none)", "ready-made"),
        ("Usage: ...\n\nno such option: --dry-run", "pip is too old"),
        ("error: externally-managed-environment", "virtual environment"),
        ("blah\nERROR: disk full\nhint", "disk full"),
    ],
)
def test_reasons(install: ModuleType, output: str, expected: str) -> None:
    assert expected in install.reason(output)


def test_a_change_is_noticed(install: ModuleType) -> None:
    before = {"numpy": "1.26", "torch": "2.1", "rich": "13"}
    after = {"numpy": "2.0", "rich": "13", "new": "1"}
    assert install.changed(before, after) == ["numpy was 1.26 and is 2.0", "torch was 2.1 and is gone"]


def test_memory_lasts_while_the_environment_stays(install: ModuleType) -> None:
    have, left_out = {"torch": "2.1"}, {"faiss-cpu": "no build"}
    install.remember(have, left_out, now=1000.0)
    assert install.recall(have, 1000.0 + 80 * install.DAY) == left_out
    assert install.recall(have, 1000.0 + 91 * install.DAY) == {}
    assert install.recall({"torch": "2.2"}, 1001.0) == {}
    install.remember(have, {"faiss-cpu": install.UNREACHABLE}, now=1000.0)
    assert install.recall(have, 1000.0 + 2 * install.DAY) == {}
    install.remember(have, {"faiss-cpu": install.UNREACHABLE, "bm25s": install.UNREACHABLE}, now=1000.0)
    assert install.recall(have, 1000.0 + 0.9 * install.HOUR) and not install.recall(have, 1000.0 + 1.1 * install.HOUR)
    install.STATE.write_text('["damaged"', encoding="utf-8")
    assert install.recall(have, 1001.0) == {}


def test_what_was_ever_added_is_written_down(install: ModuleType) -> None:
    install.remember({"torch": "2.1"}, {}, 1.0, {"msgspec": "0.20"})
    install.remember({"torch": "2.2"}, {"faiss-cpu": "no build"}, 2.0, {"rich": "15.0"})
    install.remember({"torch": "2.2"}, {}, 3.0)
    assert install.kept()["added"] == {"msgspec": "0.20", "rich": "15.0"}
    install.STATE.write_text(json.dumps({sys.prefix: {"added": "damaged"}}), encoding="utf-8")
    install.remember({}, {}, 4.0, {"bm25s": "0.3"})
    assert install.kept()["added"] == {"bm25s": "0.3"}


def test_pythons_that_share_a_clone_keep_what_each_has_added(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.remember({}, {}, 1.0, {"msgspec": "0.20"})
    with monkeypatch.context() as other:
        other.setattr(sys, "prefix", "/another/python")
        install.remember({}, {}, 2.0, {"rich": "15.0"})
        assert install.kept()["added"] == {"rich": "15.0"}
    assert install.kept()["added"] == {"msgspec": "0.20"}


def test_all_there_means_no_installer_at_all(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = {p.name: "99" for p in install.PARTS}
    monkeypatch.setattr(install, "installed", lambda: complete)
    monkeypatch.setattr(install, "find_installer", lambda folder: pytest.fail("nothing is missing"))
    assert install.main() == 0


def test_what_is_known_to_be_missing_is_said_without_asking_again(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    have = {p.name: "99" for p in install.PARTS if p.name != "faiss-cpu"}
    monkeypatch.setattr(install, "installed", lambda: have)
    monkeypatch.setattr(install, "present", lambda wanted, have: wanted.name in have)
    monkeypatch.setattr(install, "find_installer", lambda folder: pytest.fail("it was asked already"))
    install.remember(have, {"faiss-cpu": "no build"}, now=2e12)
    assert install.main() == 0
    out = capsys.readouterr().out
    assert "left out faiss-cpu: no build. numpy search is used: same results, slower beyond 100,000 LoRAs." in out


def test_without_network_a_host_waits_for_what_is_required_once_an_hour(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    have = {p.name: "99" for p in install.PARTS if p.name != "bm25s"}
    monkeypatch.setattr(install, "installed", lambda: have)
    monkeypatch.setattr(install, "present", lambda wanted, have: wanted.name in have)
    asked: list[object] = []
    monkeypatch.setattr(install, "add", lambda installer, parts, have: (asked.append(parts), ({}, {}))[1])
    for why, now, asks in ((install.UNREACHABLE, False, 0), (install.UNREACHABLE, True, 1), ("no build", False, 2)):
        install.remember(have, {"bm25s": why}, now=time.time())
        assert install.main(now) == 0 and len(asked) == asks


@pytest.mark.slow
def test_a_real_environment_without_any_index(tmp_path: Path) -> None:
    """A host's Python that reaches nothing: the script says what is missing, changes nothing and exits with 0."""
    place = tmp_path / "custom_nodes" / "lora recommender.v1"
    place.mkdir(parents=True)
    script = Path(shutil.copy(SCRIPT, place))
    venv.create(tmp_path / "host", with_pip=True)
    python = tmp_path / "host" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    [site_packages] = (tmp_path / "host").rglob("site-packages")
    site(site_packages / "x", "numpy==1.26.2", "onnxruntime-gpu==1.20.1")
    for info in (site_packages / "x").iterdir():
        info.rename(site_packages / info.name)
        (site_packages / info.name / "RECORD").write_text("", encoding="utf-8")
    (site_packages / "x").rmdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "UV_"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": str(tmp_path)}

    def freeze() -> str:
        command = [str(python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout

    before = freeze()
    done = subprocess.run(
        [str(python), str(script)], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert freeze() == before
    assert done.stderr == ""
    assert all(line.startswith("lorarec: ") for line in done.stdout.splitlines())
    assert "lorarec cannot run until that is installed." in done.stdout
    for name in ("msgspec", "sqlalchemy", "bm25s", "rich"):
        assert f"left out {name}" in done.stdout or f", {name}" in done.stdout
    assert "left out onnxruntime" not in done.stdout, "the -gpu build provides it"
    assert "numpy" not in done.stdout.split("left out")[1]
    assert "nothing that was installed before has changed" in done.stdout
