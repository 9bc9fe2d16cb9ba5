"""Structs with arrays, saved in a folder and mapped back, so that processes share their pages and start at once."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

_TRIES = 200  # each is needed only when a writer was quicker
_STALE = 3600.0  # seconds after which a folder that is not current was left by a process that died

T = TypeVar("T")


def save(value: Any, folder: Path, kind: str) -> None:
    """Write a struct below a folder and make it the current one of its kind, atomically.

    Each is written to a folder of its own, since other processes may map the older one (Windows then refuses to
    replace it); a small file names the current one. Killed halfway, this leaves the older one current.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="", suffix=f".{kind}", dir=folder))
    count = 0

    def store(part: Any) -> int:
        nonlocal count
        if not isinstance(part, np.ndarray):
            raise TypeError(f"cannot save {type(part).__name__}")
        np.save(draft / f"{count}.npy", part, allow_pickle=False)
        count += 1
        return count - 1

    pointer = draft.with_suffix(".current")
    try:
        (draft / f"{kind}.msgpack").write_bytes(msgspec.msgpack.encode(value, enc_hook=store))
        pointer.write_text(draft.name, encoding="utf-8")
        retired = _current(folder, kind)
        os.replace(pointer, folder / _pointer(kind))
    except OSError:  # what was written of it must not fill the disk even more
        shutil.rmtree(draft, ignore_errors=True)
        pointer.unlink(missing_ok=True)
        raise
    _clear(folder, kind, {draft.name}, retired)


def load(folder: Path, kind: str, type_: type[T]) -> T | None:
    """Map the current struct of a kind back; None if there is none or it cannot be read."""
    for _ in range(_TRIES):  # another process may replace the current one while it is opened here
        name = _current(folder, kind)
        value = _open(folder / name, kind, type_) if name.endswith(f".{kind}") else None
        if value is not None or name == _current(folder, kind):
            return value
    return None


def forget(folder: Path, kind: str) -> None:
    """Delete all structs of a kind; those that Windows keeps while they are mapped go with the next `sweep`."""
    (folder / _pointer(kind)).unlink(missing_ok=True)
    _delete(folder, kind, [saved.name for saved in folder.glob(f"*.{kind}")])


def sweep(folder: Path, kind: str) -> None:
    """Delete what `forget` had to leave."""
    with suppress(OSError, UnicodeDecodeError):
        names = (folder / _left(kind)).read_text(encoding="utf-8").splitlines()
        _delete(folder, kind, [name for name in map(os.path.basename, names) if name.endswith(f".{kind}")])


def _delete(folder: Path, kind: str, names: Sequence[str]) -> None:
    """Delete saved structs, and note which of them are still there."""
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
    left = [name for name in names if (folder / name).exists()]
    if left:
        (folder / _left(kind)).write_text("\n".join(left), encoding="utf-8")
    else:
        (folder / _left(kind)).unlink(missing_ok=True)


def _left(kind: str) -> str:
    """Name of the file that names what was forgotten and could not be deleted."""
    return f"forgotten-{kind}"


def _pointer(kind: str) -> str:
    """Name of the file that names the current folder."""
    return "current" if kind == "library" else f"current-{kind}"


def _current(folder: Path, kind: str) -> str:
    """Name of the current folder of a kind, "" if there is none."""
    try:
        return (folder / _pointer(kind)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _clear(folder: Path, kind: str, keep: set[str], retired: str) -> None:
    """Delete the one just replaced, and what killed processes left; one that is still mapped on Windows stays."""
    for old in folder.glob(f"*.{kind}"):
        if old.name in keep:
            continue
        try:
            left_over = time.time() - old.stat().st_mtime > _STALE
        except OSError:
            continue  # another process was quicker
        if old.name == retired or left_over:
            shutil.rmtree(old, ignore_errors=True)


def _open(folder: Path, kind: str, type_: type[T]) -> T | None:
    """Map one saved struct."""

    def restore(_: type, number: Any) -> Any:
        array = np.load(folder / f"{int(number)}.npy", mmap_mode="r", allow_pickle=False)
        return np.asarray(array)  # slicing np.memmap itself is ten times as slow

    try:
        raw = (folder / f"{kind}.msgpack").read_bytes()
        return msgspec.msgpack.decode(raw, type=type_, dec_hook=restore)
    except (OSError, ValueError, EOFError, msgspec.DecodeError):
        return None
