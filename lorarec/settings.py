"""Every option once: its default, its bounds, its help. Stored as ``settings.json`` in the data folder.

The command line, the nodes and later the panels read their defaults from here: a dial means the same everywhere.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .aside import aside
from .errors import BadFile, StorageError, UsageError
from .paths import expanded, is_folder

FILE = "settings.json"


class Option(Struct, frozen=True):
    """Help and bounds of one setting."""

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Values of all settings; `OPTIONS` describes them under the same names."""

    loras: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    top: int = 5
    min_score: float = 0.05
    diversity: float = 0.15
    explore: float = 0.0
    collapse: bool = True
    safety: str = "auto"
    profile: str = "speed"
    encoder_semantic: str = ""
    encoder_artistic: str = ""
    encoder_technical: str = ""
    threads: int = 1
    gpu: str = "auto"
    precision: str = "auto"
    query_int8: bool = False
    memory_mb: int = 2000
    idle_minutes: float = 10.0
    wait_seconds: float = 10.0
    mirror: str = ""
    proxy: str = ""
    history: bool = True
    history_exclude: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    project: str = ""


OPTIONS: dict[str, Option] = {
    "loras": Option("LoRA folders to index, in order of precedence"),
    "include": Option("index only these root-relative folders (empty: all)"),
    "exclude": Option("never index these root-relative folders"),
    "top": Option("how many LoRAs to suggest", 1, 1000),
    "min_score": Option("below this probability a LoRA does not count as fitting", 0, 1),
    "diversity": Option("0 ranks by relevance alone, 1 makes suggestions as different as possible", 0, 1),
    "explore": Option("share of slots given to new or unused LoRAs", 0, 1),
    "collapse": Option("show only the best version of one model"),
    "safety": Option(
        "most explicit level to suggest; auto follows the prompt",
        choices=("auto", "safe", "suggestive", "mature", "explicit"),
    ),
    "profile": Option("which encoders to use", choices=("speed", "balanced", "quality")),
    "encoder_semantic": Option("folder or Hugging Face id of your own encoder for what a LoRA depicts"),
    "encoder_artistic": Option("the same for style"),
    "encoder_technical": Option("the same for technical facts"),
    "threads": Option("CPU threads of a live query", 1, 64),
    "gpu": Option(
        "encode many texts on the graphics card while the host is idle; auto: on NVIDIA's",
        choices=("auto", "on", "off"),
    ),
    "precision": Option(
        "numbers on the graphics card; auto: half precision if its vectors are exact enough",
        choices=("auto", "float16", "bfloat16", "float32"),
    ),
    "query_int8": Option("encode prompts in 8 bits: less than half the memory, somewhat other scores"),
    "memory_mb": Option("main memory that all encoders together may take, in MB", 100, 1_000_000),
    "idle_minutes": Option("unload an encoder that was not used for so long; 0: never", 0, 10_000),
    "wait_seconds": Option("how long a node waits for a first index", 0, 600),
    "mirror": Option("Hugging Face mirror for `models pull`, e.g. https://hf-mirror.com"),
    "proxy": Option("HTTP proxy for `models pull`"),
    "history": Option("remember what you make and learn from it; off: nothing is recorded or used"),
    "history_exclude": Option("never remember prompts that match one of these patterns (regular expressions)"),
    "images": Option("image folders to learn from, see `lorarec harvest`"),
    "project": Option("name of the project you work on; its history counts most (empty: none)"),
}


def check(settings: Settings) -> Settings:
    """Return the settings unchanged, or raise `UsageError` naming the first value out of bounds."""
    for pattern in settings.history_exclude:
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"history_exclude holds {pattern!r}, which is no regular expression ({error})") from None
    for name, option in OPTIONS.items():
        value = getattr(settings, name)
        if option.choices and value not in option.choices:
            raise UsageError(f"{name} is {value!r}; choose one of {', '.join(option.choices)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        too_low = option.low is not None and value < option.low
        too_high = option.high is not None and value > option.high
        if too_low or too_high or value != value:
            raise UsageError(f"{name} is {value}; it must lie between {option.low:g} and {option.high:g}")
    return settings


class Read(Struct, frozen=True):
    """The settings of a data folder, as far as they can be used."""

    settings: Settings
    problem: str = ""  # a sentence for the user, "" if all could be used
    unknown: frozenset[str] = frozenset()  # names of those whose stored value cannot be used; their defaults stand


def load(data_dir: Path) -> Settings:
    """Read the settings of a data folder; defaults where there is no file.

    Raises:
        BadFile: the file is not valid JSON or a value has the wrong type or is out of bounds.
    """
    path = data_dir / FILE
    raw = _raw(path)
    if raw is None:
        return Settings()
    try:
        return check(msgspec.json.decode(raw, type=Settings))
    except (msgspec.DecodeError, UnicodeDecodeError, UsageError) as error:
        raise BadFile(f"{path} is not valid ({error}); mend or delete it") from error


def read(data_dir: Path) -> Read:
    """Read the settings of a data folder; of a file with mistakes what is right in it, for the rest the defaults.

    Only `history` is then off instead, if what was said of it or of `history_exclude` is not known: nothing may be
    remembered that somebody switched off. The file stays as it is until a setting is changed, see `change`.
    """
    try:
        return Read(load(data_dir))
    except BadFile as error:
        problem = str(error)
    good: dict[str, Any] = {}
    try:
        raw = _raw(data_dir / FILE) or b""
        stored = msgspec.json.decode(raw, type=dict[str, Any])
    except (BadFile, msgspec.DecodeError, UnicodeDecodeError):
        unknown = frozenset(OPTIONS)
        meanwhile = "the defaults are used"
    else:
        for field in msgspec.structs.fields(Settings):
            try:
                value = msgspec.convert(stored.get(field.name, field.default), field.type)
                check(Settings(**{field.name: value}))
                good[field.name] = value
            except (msgspec.ValidationError, UsageError):
                pass
        unknown = frozenset(OPTIONS) - good.keys()
        meanwhile = f"the default is used for {', '.join(name for name in OPTIONS if name in unknown)}"
    if unknown & {"history", "history_exclude"}:
        good["history"] = False
        meanwhile += " and nothing is remembered"
    return Read(Settings(**good), f"{problem}; until then {meanwhile}", unknown)


def remembers(data_dir: Path) -> bool:
    """Whether the settings of a data folder let things be remembered, as they are stored now.

    Raises:
        BadFile: what they say of the history cannot be read.
    """
    found = read(data_dir)
    if found.unknown & {"history", "history_exclude"}:
        raise BadFile(found.problem)
    return found.settings.history


def change(data_dir: Path, changed: Callable[[Settings], Settings]) -> str:
    """Store changed settings. A file with mistakes is kept as ``settings.json.broken-<date>``: no text is lost.

    Folders that changed are stored as seen from here and now: later readers look from other folders.

    Returns:
        What the user must know: "" unless there were mistakes.

    Raises:
        UsageError: a value is out of bounds.
        StorageError: the data folder cannot be written.
    """
    found = read(data_dir)
    settings = _absolute(check(changed(found.settings)), found.settings)
    kept = ""
    if found.problem:
        place = aside(data_dir / FILE, "broken")
        try:
            (data_dir / FILE).rename(place)
        except OSError as error:
            raise StorageError(f"{data_dir / FILE} cannot be renamed ({error.strerror}); mend or delete it") from error
        kept = f"{data_dir / FILE} was not valid; it was kept as {place.name}"
        if not settings.history and found.unknown & {"history", "history_exclude"}:
            kept += ", and the history is off, since nobody knows whether it was"
    save(data_dir, settings)
    return kept


def adopt(data_dir: Path, name: str, folders: Iterable[str | os.PathLike[str]]) -> bool:
    """Store folders in a setting that names none yet; whether that was done. A file with mistakes is left alone.

    Raises:
        StorageError: the data folder cannot be written.
    """
    found = read(data_dir)
    given = tuple(os.fspath(folder) for folder in folders)
    if not given or getattr(found.settings, name) or found.problem:
        return False
    change(data_dir, lambda now: msgspec.structs.replace(now, **{name: given}))
    return True


def _absolute(settings: Settings, before: Settings) -> Settings:
    """Settings with the folders that changed made absolute. What is no folder here may be the name of a model."""
    lists = [name for name in ("loras", "images") if getattr(settings, name) != getattr(before, name)]
    found: dict[str, Any] = {name: tuple(map(_resolved, getattr(settings, name))) for name in lists}
    for name in ("encoder_semantic", "encoder_artistic", "encoder_technical"):
        value = getattr(settings, name)
        if value and value != getattr(before, name) and is_folder(expanded(value)):
            found[name] = _resolved(value)
    return msgspec.structs.replace(settings, **found)


def _resolved(folder: str) -> str:
    return os.path.abspath(expanded(folder))  # noqa: PTH100 (links keep their names)


def save(data_dir: Path, settings: Settings) -> None:
    """Write the settings that differ from their defaults, atomically.

    Raises:
        UsageError: a value is out of bounds.
        StorageError: the data folder cannot be written.
    """
    check(settings)
    default = Settings()
    changed: dict[str, Any] = {
        name: getattr(settings, name) for name in OPTIONS if getattr(settings, name) != getattr(default, name)
    }
    draft = ""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=data_dir, prefix=FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(changed, file, indent=2, ensure_ascii=False)
        os.replace(draft, data_dir / FILE)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        remedy = "free some space, check its permissions or choose another data folder"
        raise StorageError(f"{data_dir / FILE} cannot be written ({error.strerror}); {remedy}") from error


def _raw(path: Path) -> bytes | None:
    """What the file holds, None if there is none."""
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")  # some editors on Windows put this first
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); check its permissions") from error
