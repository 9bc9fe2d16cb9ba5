"""Adds what lorarec needs to the Python that runs this file, and changes nothing that is already there.

ComfyUI-Manager and the WebUIs run it (the WebUIs at every start), or you do: ``python install.py``. It needs only the
standard library. How it stays safe in somebody else's environment: every installed distribution is pinned to its
present version, what a request would bring in is asked for first (a dry run) and judged, and only a plan that merely
adds is carried out. The exit code is always 0: a host that cannot get a part must still start.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info < (3, 10):  # noqa: UP036 - this file meets whatever Python the host has
    print("lorarec: Python 3.10 or later is needed; this one is " + sys.version.split()[0] + ". Nothing was installed.")
    sys.exit(0)

STATE = Path(__file__).resolve().parent / ".install-state.json"
HOUR, DAY = 3_600.0, 86_400.0  # seconds
Versions = dict[str, str]  # normalised distribution name -> version

# What hosts pin or build around. Never brought in by us, not even where it is absent.
HOST_OWNED = frozenset(
    "torch torchvision torchaudio torchsde xformers triton transformers diffusers accelerate safetensors gradio "
    "gradio-client pydantic pydantic-core fastapi starlette pillow opencv-python tensorflow jax".split()
)


class Part(NamedTuple):
    """One package lorarec can use."""

    name: str  # normalised distribution name
    floor: str  # oldest version that will do
    cost: str  # the sentence that says what its absence means
    required: bool = False
    module: str = ""  # what is imported; "" = the name
    provider: str = ""  # pattern of all distributions that bring the module; "" = only the name
    needs: tuple[str, ...] = ()  # distributions that must be there before it is even asked for
    brings: tuple[str, ...] | None = None  # what else it may install; None = anything not HOST_OWNED
    harm: Mapping[str, str] = {}  # sys.platform -> why it must not be installed there


STOPS = "lorarec cannot run until that is installed."
ESSENTIAL = (("numpy", "1.23"), ("msgspec", "0.18.6"), ("sqlalchemy", "2.0"), ("bm25s", "0.2.7"), ("rich", "12.3"))
PARTS = (
    *(Part(*known, STOPS, required=True) for known in ESSENTIAL),
    Part("tokenizers", "0.13", "Suggestions come from words alone, without an encoder.", required=True),
    Part(
        "onnxruntime",
        "1.19",  # the first for both numpy 1 and 2
        "Prompts are encoded with the host's torch: same results, slower and with more memory.",
        provider=r"(onnxruntime|ort-nightly)(?!-(extensions|genai|tools))(-.+)?",
    ),
    Part(
        "faiss-cpu",
        "1.12",  # older ones abort beside torch on Windows
        "numpy search is used: same results, slower beyond 100,000 LoRAs.",
        module="faiss",
        provider=r"faiss(-.+)?",
        harm={"darwin": "its OpenMP library clashes with torch's on macOS"},
    ),
    Part(
        "sentence-transformers",
        "3.0",
        "Texts are encoded by plain transformers where the host has torch: same results.",
        module="sentence_transformers",
        needs=("torch", "transformers", "tokenizers", "huggingface-hub"),
        brings=("scikit-learn", "joblib", "cloudpickle", "threadpoolctl", "narwhals"),
    ),
)

UNREACHABLE = "the package index cannot be reached"
REASONS = {  # what an installer's complaint means, in words for a user; the first that matches
    r"(Connect(ion|Timeout)|NameResolution|Proxy|ReadTimeout)Error|name resolution|getaddrinfo|nodename nor servname|"
    r"Name or service not known|Network is unreachable|No route to host|Max retries exceeded|timed out|dns error|"
    r"Connection (refused|reset)|error sending request|Failed to (fetch|connect)": UNREACHABLE,
    r"no such option": "this pip is too old; first run: python -m pip install --upgrade pip",
    r"externally[- ]managed": "this Python belongs to the system; use a virtual environment",
    r"ResolutionImpossible|conflict|unsatisfiable": "the versions installed here do not go with it",
    r"No matching distribution|not find a version|was not found": "no ready-made build fits this Python and system",
}


def say(text: str) -> None:
    """Print one line in a way no console encoding can break."""
    print("lorarec: " + text.encode("ascii", "backslashreplace").decode("ascii"), flush=True)


def normalise(name: str) -> str:
    """A distribution name as pip compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def older(version: str, floor: str) -> bool:
    """Whether a version's release number is below the floor; False where it cannot be read."""
    release = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return release is not None and [int(n) for n in release[1].split(".")] < [int(n) for n in floor.split(".")]


def installed(paths: Sequence[str] | None = None) -> Versions:
    """Every distribution on the given paths (default: sys.path); the first of a name wins, as in an import."""
    found: Versions = {}
    for distribution in importlib.metadata.distributions(path=list(sys.path if paths is None else paths)):
        texts = (distribution.read_text(name) for name in ("METADATA", "PKG-INFO", ""))
        head = (next(filter(None, texts), None) or "").partition("\n\n")[0]  # the long description is never parsed
        name, version = (re.search(rf"^{field}:[ \t]*(\S+)", head, re.MULTILINE) for field in ("Name", "Version"))
        if name and version and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name[1]):
            found.setdefault(normalise(name[1]), version[1])
    return found


def constraints(have: Versions) -> str:
    """A constraints file that pins all that is installed; a version pip cannot read would void the whole file."""
    readable = re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?")
    return "".join(f"{name}=={version}\n" for name, version in sorted(have.items()) if readable.fullmatch(version))


def provider(part: Part, have: Versions) -> str:
    """The installed distribution that brings the part, "" if none is known."""
    pattern = re.compile(part.provider or re.escape(part.name))
    return next((name for name in sorted(have) if pattern.fullmatch(name)), "")


def present(part: Part, have: Versions, paths: Sequence[str] | None = None) -> bool:
    """Whether the part is there, by the name of a distribution or as a module from wherever."""
    if provider(part, have):
        return True
    places = list(sys.path if paths is None else paths)
    spec = importlib.machinery.PathFinder.find_spec(part.module or part.name, places)
    return spec is not None and spec.origin is not None  # a folder left empty by an uninstall has no origin


def unmet(part: Part, have: Versions, platform: str = sys.platform) -> str:
    """Why the part is not even asked for, "" if it may be."""
    if platform in part.harm:
        return part.harm[platform]
    absent = [name for name in part.needs if name not in have]
    return f"it needs {', '.join(absent)}, which only the host may install" if absent else ""


def judge(group: Sequence[Part], plan: Versions, have: Versions) -> str:
    """Why a plan for these parts must not be carried out, "" if it only adds what is allowed."""
    wanted = {part.name for part in group}
    for name, version in sorted(plan.items()):
        if name in have:
            return f"it would change {name} {have[name]} to {version}"
        allowed = all(part.brings is None or name in part.brings for part in group)
        if name not in wanted and (name in HOST_OWNED or not allowed):
            return f"it would bring in {name} {version}, which only the host may install"
    return ""


def reason(output: str) -> str:
    """Why an installer failed, from what it printed."""
    for pattern, meaning in REASONS.items():
        if re.search(pattern, output, re.IGNORECASE):
            return meaning
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "it failed")
    return re.sub(r"(?i)^error: ", "", last)


class Failed(Exception):
    """The installer could not do as asked; the text is what it printed."""


def run(command: list[str]) -> tuple[int, str]:
    """Run a command; its exit code and all it printed."""
    patience = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "1", **os.environ}  # a host without network must start
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, env=patience, **pipes)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def interpreter() -> list[str]:
    """This Python, without the user's own site-packages where the host goes without them (portable builds)."""
    return [sys.executable] if site.ENABLE_USER_SITE else [sys.executable, "-s"]


class Installer:
    """pip of this very interpreter, or uv where there is no pip."""

    def __init__(self, pip: list[str], uv: list[str], folder: Path, run: Callable[..., tuple[int, str]] = run) -> None:
        """Take the two commands ([] = not there) and a folder for temporary files."""
        self._pip, self._uv, self._folder, self._run = pip, uv, folder, run

    def _call(self, have: Versions, arguments: list[str]) -> str:
        if not (self._pip or self._uv):
            raise Failed("error: this Python has neither pip nor uv")
        pins = self._folder / "constraints.txt"
        pins.write_text(constraints(have), encoding="utf-8")
        command = [*self._uv, "pip", "install", "--python", sys.executable]
        if self._pip:
            command = [*self._pip, "install", "--no-input", "--disable-pip-version-check", "--retries", "1"]
        code, output = self._run([*command, "--constraint", str(pins), "--only-binary", ":all:", *arguments])
        if code:
            raise Failed(output)
        return output

    def plan(self, requirements: list[str], have: Versions) -> Versions:
        """What installing these would install. Raises `Failed` if it cannot be."""
        if not self._pip:
            lines = self._call(have, ["--dry-run", *requirements])  # prints lines such as " + name==1.0"
            return {normalise(n): v for n, v in re.findall(r"^\s*[-+~] ([\w.-]+)==(\S+)", lines, re.MULTILINE)}
        report = self._folder / "report.json"
        self._call(have, ["--quiet", "--dry-run", "--report", str(report), *requirements])
        found = [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
        return {normalise(item["name"]): item["version"] for item in found}

    def install(self, plan: Versions, have: Versions) -> None:
        """Install exactly the plan. Raises `Failed` if it cannot be."""
        self._call(have, ["--no-deps", *(f"{name}=={version}" for name, version in sorted(plan.items()))])


def find_installer(folder: Path) -> Installer:
    """The tool to install with; one without commands if this Python has none."""
    if importlib.util.find_spec("pip"):
        return Installer([*interpreter(), "-m", "pip"], [], folder)
    command = shutil.which("uv")
    as_module = importlib.util.find_spec("uv") is not None
    return Installer([], [*interpreter(), "-m", "uv"] if as_module else [command] if command else [], folder)


def add(installer: Installer, parts: Sequence[Part], have: Versions) -> tuple[Versions, dict[str, str]]:
    """Install what can be had: the required parts in one go, the optional ones each by itself.

    Returns what was installed, and the reason for each part that was not.
    """
    gained: Versions = {}
    refused: dict[str, str] = {}
    groups = [[part for part in parts if part.required], *([part] for part in parts if not part.required)]
    while groups:
        group = groups.pop(0)
        now = {**have, **gained}
        why = next(filter(None, (unmet(part, now) for part in group)), "")
        if group and not why:
            try:
                plan = installer.plan([f"{part.name}>={part.floor}" for part in group], now)
                why = judge(group, plan, now)
                if not why:
                    installer.install(plan, now)
                    gained.update(plan)
            except Failed as failure:
                why = reason(str(failure))
        if why == UNREACHABLE:  # asking for the rest would only make the host wait
            refused.update((part.name, unmet(part, now) or why) for rest in [group, *groups] for part in rest)
            break
        if why and len(group) > 1:
            groups = [[part] for part in group] + groups  # one that cannot be had must not cost the others
        elif why:
            refused[group[0].name] = why
    return gained, refused


def changed(before: Versions, after: Versions) -> list[str]:
    """A sentence part for each distribution that is not as it was."""
    pairs = ((name, version, after.get(name, "gone")) for name, version in sorted(before.items()))
    return [f"{name} was {old} and is {new}" for name, old, new in pairs if old != new]


def look_again() -> Versions:
    """What is installed now, seen by a fresh interpreter (this one has cached the folders)."""
    command = [*interpreter(), str(Path(__file__).resolve()), "--list"]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def key(have: Versions) -> str:
    """Identity of all that decides what can be had here; when it changes it is worth trying again."""
    names = {name for part in PARTS for name in (part.name, *part.needs, *(part.brings or ()))} | {"scipy", "protobuf"}
    facts = [repr(PARTS), sys.version, *(f"{name}=={have.get(name)}" for name in sorted(names))]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def states() -> dict[str, Any]:
    """What runs wrote down, by the environment they ran in: several may share one clone. {} if it is damaged."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return dict(json.loads(STATE.read_text(encoding="utf-8")))
    return {}


def kept() -> dict[str, Any]:
    """What earlier runs in this environment wrote down; {} if there were none, or it is damaged."""
    entry = states().get(sys.prefix)
    return entry if isinstance(entry, dict) else {}


def recall(have: Versions, now: float) -> dict[str, str]:
    """What the last run in this same environment could not get; forgotten after a while."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        entry = kept()
        if entry["key"] == key(have) and now < entry["until"]:
            return {str(name): str(why) for name, why in entry["left_out"].items()}
    return {}


def remember(have: Versions, left_out: dict[str, str], now: float, gained: Mapping[str, str] = {}) -> None:
    """Keep what was left out, so that the next start of the host does not ask in vain, and all that was ever added."""
    wait = 90 * DAY
    if UNREACHABLE in left_out.values():
        wait = HOUR if any(part.required and left_out.get(part.name) == UNREACHABLE for part in PARTS) else DAY
    before = kept().get("added")
    added = {**(before if isinstance(before, dict) else {}), **gained}  # for those who want to be rid of it again
    entry = {"key": key(have), "left_out": left_out, "until": now + wait, "added": added}
    with contextlib.suppress(OSError):  # a folder that cannot be written: the next start tries again
        STATE.write_text(json.dumps({**states(), sys.prefix: entry}, indent=1), encoding="utf-8")


def report(left_out: dict[str, str]) -> None:
    """Say what is missing and what that costs, in one line for all that share both."""
    together: dict[tuple[str, str], list[str]] = {}
    for part in PARTS:
        if part.name in left_out:
            together.setdefault((left_out[part.name], part.cost), []).append(part.name)
    for (why, cost), names in together.items():
        say(f"left out {', '.join(names)}: {why}. {cost}")


def main(now: bool = False) -> int:
    """Install what is missing; ``now``: also what could not be had a short while ago. Always 0."""
    have = installed()
    for part in PARTS:
        name = provider(part, have)
        if name and older(have[name], part.floor):
            say(f"{name} {have[name]} is older than {part.floor} and is left alone. Without it: {part.cost}")
    missing = [part for part in PARTS if not present(part, have)]
    left_out = {} if now else recall(have, time.time())
    # Parts that it cannot do without are asked for at every start, but not while nothing can be reached: each try takes
    # a host without network several seconds.
    if all(part.name in left_out and (not part.required or left_out[part.name] == UNREACHABLE) for part in missing):
        report({part.name: left_out[part.name] for part in missing})
        if UNREACHABLE in left_out.values():
            say("it was not asked again so soon; `python install.py --now` does.")
        return 0
    say(f"looking for {', '.join(part.name for part in missing)} ...")
    with tempfile.TemporaryDirectory() as folder:
        gained, left_out = add(find_installer(Path(folder)), missing, have)
    after = look_again() if gained else have
    if gained:
        say("installed " + ", ".join(f"{name} {version}" for name, version in sorted(gained.items())) + ".")
    report(left_out)
    for line in changed(have, after):
        say(f"!!! WARNING: {line}. This must not happen: put it back and report it.")
    if after.items() >= have.items():
        say("nothing that was installed before has changed.")
    remember(after, left_out, time.time(), gained)
    return 0


if __name__ == "__main__":
    # Hosts start a portable Python with -s, ComfyUI-Manager runs us without: what only the user has they will not see.
    if site.ENABLE_USER_SITE and any(Path(sys.executable).parent.glob("python*._pth")):
        sys.exit(subprocess.call([sys.executable, "-s", str(Path(__file__).resolve()), *sys.argv[1:]]))
    if sys.argv[1:] == ["--list"]:
        print(json.dumps(installed()))
        sys.exit(0)
    try:
        sys.exit(main(now="--now" in sys.argv[1:]))
    except Exception as error:  # the host must start whatever happens here
        say(f"nothing more was installed: {type(error).__name__}: {error}")
        sys.exit(0)
