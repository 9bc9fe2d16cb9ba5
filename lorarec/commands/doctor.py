"""Check the installation, the data folder, the encoders and the LoRA folders, and say what each finding costs.

Exits with 1 if something keeps lorarec from working; warnings do not count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import locale
import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from .. import __version__
from ..errors import LorarecError, MissingPart
from ..host import PlainHost
from ..paths import exists, is_file, is_folder
from ..present import console, plain, print_json
from ..settings import Settings, read
from ..types import ScanProblem
from .arguments import add_json
from .common import own_command

_SLOWER = "prompts are encoded with torch: the same vectors, slower and with more memory"
_RARE = "encoders that are not of the BERT family cannot be converted"
# module, distribution, what its absence means, whether it must be there
_PACKAGES: tuple[tuple[str, str, str, bool], ...] = (
    ("msgspec", "msgspec", "lorarec cannot run", True),
    ("numpy", "numpy", "lorarec cannot run", True),
    ("sqlalchemy", "SQLAlchemy", "lorarec cannot keep its index", True),
    ("bm25s", "bm25s", "no lexical search", True),
    ("rich", "rich", "the command line answers in JSON only", False),
    ("onnxruntime", "onnxruntime", _SLOWER, False),
    ("tokenizers", "tokenizers", _SLOWER, False),
    ("faiss", "faiss-cpu", "numpy searches instead: the same results, slower in large libraries", False),
    ("torch", "torch", _RARE, False),
    ("transformers", "transformers", _RARE, False),
    ("sentence_transformers", "sentence-transformers", "models that are no plain transformers cannot be used", False),
)


class Check(Struct, frozen=True):
    """One finding."""

    topic: str
    state: str  # "ok" | "warning" | "error"
    text: str


class Report(Struct, frozen=True):
    """All findings, and what the last scan could not read."""

    checks: tuple[Check, ...]
    problems: tuple[ScanProblem, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print all findings."""
    host = PlainHost(args.loras, args.data)
    data_dir = host.data_dir()
    checks = [*_program(), *_packages()]
    found = read(data_dir)
    settings = found.settings
    checks += [Check("settings", "error", found.problem)] if found.problem else []
    checks += _data(data_dir)
    checks += _encoders(settings, data_dir)
    checks += _roots([str(root) for root in host.lora_roots()] or list(settings.loras))
    index, problems = _index(data_dir)
    checks += index
    report = Report(tuple(checks), problems)
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 1 if any(check.state == "error" for check in checks) else 0


def _program() -> Iterator[Check]:
    yield Check("lorarec", "ok", f"{__version__} in {Path(__file__).parents[2]}")
    python = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable}), {platform.platform()}"
    yield Check("Python", "ok" if sys.version_info >= (3, 10) else "error", python)
    yield Check("SQLite", "ok", sqlite3.sqlite_version)
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    fits = encoding.replace("-", "").startswith("utf")
    text = f"output {encoding}, locale {locale.getpreferredencoding(False)}"
    more = "; characters outside it are shown as escapes; PYTHONUTF8=1 changes that"
    yield Check("console", "ok" if fits else "warning", text if fits else text + more)


def _packages() -> Iterator[Check]:
    for module, name, cost, required in _PACKAGES:
        if importlib.util.find_spec(module) is None:
            yield Check(name, "error" if required else "warning", f"not installed: {cost}")
            continue
        yield Check(name, "ok", _version(name, module))


def _version(name: str, module: str) -> str:
    """Version of the distribution that provides a module, which is not always the one of that name."""
    for candidate in dict.fromkeys((name, *importlib.metadata.packages_distributions().get(module, ()))):
        try:
            version = importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
        return version if candidate == name else f"{version} ({candidate})"
    return "installed"


def _data(data_dir: Path) -> Iterator[Check]:
    place = data_dir
    while not exists(place) and place != place.parent:
        place = place.parent
    if not is_folder(place) or not os.access(place, os.W_OK):
        yield Check("data folder", "error", f"{data_dir} cannot be written; choose another one with --data")
    else:
        yield Check("data folder", "ok", str(data_dir) + ("" if exists(data_dir) else " (made when first needed)"))


def _encoders(settings: Settings, data_dir: Path) -> Iterator[Check]:
    from ..encode import measured
    from ..encode.models import find, remedy
    from ..encode.profiles import encoder_names

    sizes = measured.load(data_dir)

    lenses: dict[str, list[str]] = {}
    for lens, name in encoder_names(settings).items():
        lenses.setdefault(name, []).append(lens)
    for name, uses in lenses.items():
        topic = f"encoder ({', '.join(uses)})"
        try:
            model = find(name, data_dir)
        except LorarecError as error:
            yield Check(topic, "warning", f"{error}; suggestions go by words alone")
            continue
        if model is None:
            yield Check(
                topic, "warning", f"{name} is not on this machine: suggestions go by words alone; {remedy(name)}"
            )
        else:
            text = f"{name}, {model.size / 1e6:.0f} MB, from the {model.source}: {model.path}"
            size = sizes.get(model.model_id)
            if size is not None:
                how = f"{size['device']}, {size['precision']}"
                text += f"; took {size['bytes'] / 1e6:.0f} MB when it was loaded ({how})"
            yield Check(topic, "ok", text)
    yield Check("memory of encoders", "ok", _memory(settings))


def _memory(settings: Settings) -> str:
    """What encoders may take, and whether the graphics card helps with many texts."""
    from ..encode.bulk import may_use

    idle = f"unloaded after {settings.idle_minutes:g} idle minutes" if settings.idle_minutes else "kept loaded"
    text = f"at most {settings.memory_mb} MB, {idle}"
    graphics = PlainHost().graphics()
    device = graphics.device() if graphics is not None and settings.gpu != "off" else None
    if device is None or not device.name:
        return f"{text}; all texts on the CPU"
    if not may_use(graphics, settings.gpu):
        return f"{text}; all texts on the CPU, since {device.kind} is not used unasked (setting gpu)"
    return f"{text}; many texts on {device.name} ({device.kind}, precision {settings.precision})"


def _roots(roots: list[str]) -> Iterator[Check]:
    if not roots:
        hint = f"name yours: {own_command()} settings set loras DIR"
        yield Check("LoRA folders", "warning", f"none known; {hint}")
    for root in roots:
        if not is_folder(root):
            text = f"{root} is not there; its LoRAs count as missing until it is back"
            yield Check("LoRA folder", "warning", text)
        elif not os.access(root, os.R_OK | os.X_OK):
            yield Check("LoRA folder", "warning", f"{root} cannot be read; check its permissions")
        else:
            yield Check("LoRA folder", "ok", root)


def _index(data_dir: Path) -> tuple[list[Check], tuple[ScanProblem, ...]]:
    from ..database import FILE, open_database

    if not is_file(data_dir / FILE):
        return [Check("index", "warning", f"none yet; make one: {own_command()} index --loras DIR")], ()
    if importlib.util.find_spec("sqlalchemy") is None:
        return [Check("index", "error", "cannot be opened without SQLAlchemy")], ()
    from ..catalog.store import Catalog

    try:
        with open_database(data_dir) as database:
            health = database.check()
            checks = [Check("database", "ok" if health == "ok" else "error", f"{database.path}: {health}")]
            if database.warning:
                checks.append(Check("database", "warning", database.warning))
            catalog = Catalog(database)
            missing = catalog.count(missing=True)
            text = f"{catalog.count()} LoRAs" + (f", {missing} missing" if missing else "")
            problems = tuple(catalog.problems())
            if problems:
                text += f", {len(problems)} that could not be read as they should"
            checks.append(Check("index", "warning" if problems else "ok", text))
            return checks, problems
    except LorarecError as error:
        return [Check("database", "error", str(error))], ()


def _print(report: Report) -> None:
    try:
        out = console()
    except MissingPart:  # whoever asks what is missing must get an answer
        for check in report.checks:
            print(plain(f"{check.state:8} {check.topic}: {check.text}"))
        for problem in report.problems:
            print(plain(f"{problem.path}: {problem.message}"))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    styles = {"ok": "green", "warning": "yellow", "error": "bold red"}
    for check in report.checks:
        table.add_row(Text(check.state, styles[check.state]), Text(check.topic), Text(plain(check.text)))
    out.print(table)
    for problem in report.problems:
        out.print(Text(plain(f"{problem.path}: {problem.message}"), "yellow"))
