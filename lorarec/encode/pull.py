"""Downloading an encoder from Hugging Face or a mirror of it: an explicit act, never a side effect.

The endpoint's two documented addresses are used: ``/api/models/<id>/tree/main`` lists files with size and digest,
``/<id>/resolve/main/<file>`` serves them. What is half there goes on where it stopped; nothing counts as a model until
all of it is there and agrees with the listed digests.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from ..errors import MissingPart, StorageError, UsageError
from ..locks import file_lock
from ..types import Cancelled, Progress, ProgressSink
from .models import WEIGHTS, remedy

ENDPOINT = "https://huggingface.co"
_TIMEOUT = 30  # seconds without a byte
_TRIES = 3
_BLOCK = 1 << 18
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
# Text and safetensors only: a pickle could run code, and other formats of the same weights are of no use here.
_WANTED = re.compile(
    r"(config|modules|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|config_sentence_transformers"
    r"|sentence_bert_config)\.json|vocab\.txt|merges\.txt|(sentencepiece\.bpe|spiece|tokenizer)\.model"
    r"|model\.safetensors|[0-9]+_[A-Za-z]+/(config\.json|model\.safetensors)"
)


class RemoteFile(Struct, frozen=True):
    """A file of a model at the endpoint."""

    path: str
    size: int  # bytes
    digest: str  # SHA-256 of a large file, git's SHA-1 of a small one; "" if not told


def list_files(name: str, *, mirror: str = "", proxy: str = "") -> list[RemoteFile]:
    """The files that `pull` would download; their sizes sum up to the download.

    Args:
        name: Hugging Face id, with or without its owner (then sentence-transformers).
        mirror: another endpoint; "" = ``HF_ENDPOINT``, else Hugging Face.
        proxy: address of a proxy; "" = the system's.

    Raises:
        UsageError: the name or an address is malformed.
        MissingPart: there is no such model, it has no safetensors weights, or the endpoint cannot be reached.
    """
    name = _full(name)
    url = f"{_endpoint(mirror)}/api/models/{name}/tree/main?recursive=true"
    try:
        with _opener(proxy).open(url, timeout=_TIMEOUT) as answer:
            listed = json.load(answer)
        files = [_remote_file(entry) for entry in listed if _WANTED.fullmatch(str(entry["path"]))]
    except (OSError, http.client.HTTPException) as error:
        raise MissingPart(_unreachable(name, error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MissingPart(f"{url} did not answer with a list of files ({error}); check the mirror's address") from error
    if not any(file.path == WEIGHTS for file in files) or not any(file.path == "config.json" for file in files):
        raise MissingPart(f"{name} has no {WEIGHTS} at the endpoint; choose an encoder with safetensors weights")
    return files


def is_id(name: str) -> bool:
    """Whether a name can be one of Hugging Face's, and is not a folder's."""
    return _NAME.fullmatch(_owned(name)) is not None


def pull(
    name: str,
    data_dir: Path,
    *,
    mirror: str = "",
    proxy: str = "",
    progress: ProgressSink | None = None,
    cancelled: Cancelled | None = None,
) -> Path | None:
    """Download a model into ``<data>/models/<name>``, or go on with a download that was broken off.

    Args:
        name: Hugging Face id, with or without its owner (then sentence-transformers).
        data_dir: the data folder.
        mirror: another endpoint; "" = ``HF_ENDPOINT``, else Hugging Face.
        proxy: address of a proxy; "" = the system's.
        progress: gets steps of stage "download", counted in bytes; the first before anything is transferred.
        cancelled: asked between blocks; what has come stays for the next time.

    Returns:
        The model's folder, or None if it was cancelled.

    Raises:
        UsageError: the name or an address is malformed.
        MissingPart: the endpoint cannot be reached, has no such model, or sent something else than it listed.
        StorageError: the disk is full or the folder cannot be written.
    """
    name = _full(name)
    files = list_files(name, mirror=mirror, proxy=proxy)
    target = data_dir / "models" / name
    draft = data_dir / "models" / f".{name.replace('/', '--')}"
    meter = _Meter(sum(file.size for file in files), name, progress)
    try:
        draft.mkdir(parents=True, exist_ok=True)
        with file_lock(draft.with_name(draft.name + ".lock")):
            draft.mkdir(exist_ok=True)  # whoever held the lock before may have moved it away
            free = shutil.disk_usage(draft).free
            lacking = sum(file.size for file in files) - sum(f.stat().st_size for f in draft.rglob("*") if f.is_file())
            if free < lacking:
                room = f"{free >> 20} MB of {lacking >> 20} MB"
                raise StorageError(f"{draft} has {room} that {name} still needs; free some space")
            for file in files:
                place = draft / file.path
                place.parent.mkdir(exist_ok=True)
                if not _fetch(file, place, f"{_endpoint(mirror)}/{name}/resolve/main/", proxy, meter, cancelled):
                    return None
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            os.replace(draft, target)
    except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise MissingPart(_unreachable(name, error)) from error
    except OSError as error:
        raise StorageError(f"{draft} cannot be written ({error.strerror or error}); free space or fix it") from error
    return target


class _Meter:
    """Counts bytes and tells, at most some times a second."""

    def __init__(self, total: int, name: str, sink: ProgressSink | None) -> None:
        self.done, self.total, self.name, self.sink = 0, total, name, sink
        self.began = self.told = time.monotonic()
        self.transferred = 0
        self.tell()

    def add(self, count: int, *, transferred: bool) -> None:
        self.done += count
        self.transferred += count if transferred else 0
        now = time.monotonic()
        if now - self.told > 0.1 or self.done >= self.total:
            self.told = now
            self.tell()

    def tell(self) -> None:
        if self.sink:
            rate = self.transferred / max(time.monotonic() - self.began, 1e-6)
            left = (self.total - self.done) / rate if rate else None
            self.sink(Progress("download", self.done, self.total, rate, left, self.name))


def _fetch(file: RemoteFile, place: Path, base: str, proxy: str, meter: _Meter, cancelled: Cancelled | None) -> bool:
    """Download one file, going on after breaks; False if cancelled."""
    if place.exists() and _agrees(file, place):
        meter.add(file.size, transferred=False)
        return True
    part = place.with_name(place.name + ".part")
    before = meter.done
    for attempt in range(_TRIES):
        have = part.stat().st_size if part.exists() else 0
        meter.done = before
        if have > file.size:
            part.unlink()
            have = 0
        try:
            if have < file.size or not part.exists():
                if not _transfer(file, part, have, base, proxy, meter, cancelled):
                    return False
            else:
                meter.add(have, transferred=False)
        except urllib.error.HTTPError:
            raise  # an answer, not a broken line
        except (OSError, http.client.HTTPException) as error:
            if attempt == _TRIES - 1 or _is_local(error):
                raise
            time.sleep(0.2 * (attempt + 1))
            continue
        if _agrees(file, part):
            os.replace(part, place)
            return True
        if part.stat().st_size >= file.size:  # complete and wrong: an older version, or the line changed it
            part.unlink()
    meter.done = before
    raise MissingPart(f"{base}{file.path} does not have the size and digest that were listed; try again later")


def _transfer(
    file: RemoteFile, part: Path, have: int, base: str, proxy: str, meter: _Meter, cancelled: Cancelled | None
) -> bool:
    request = urllib.request.Request(base + urllib.parse.quote(file.path), headers={"User-Agent": "lorarec"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with _opener(proxy).open(request, timeout=_TIMEOUT) as answer:
        goes_on = answer.status == 206
        with part.open("ab" if goes_on else "wb") as out:
            if goes_on:
                meter.add(have, transferred=False)
            return _copy(answer, out, file.size - (have if goes_on else 0), meter, cancelled)


def _copy(source: Any, out: IO[bytes], left: int, meter: _Meter, cancelled: Cancelled | None) -> bool:
    while left > 0:
        if cancelled and cancelled():
            return False
        block = source.read1(min(left, _BLOCK))
        if not block:
            break  # cut short: the next try asks for the rest
        out.write(block)
        meter.add(len(block), transferred=True)
        left -= len(block)
    return True


def _agrees(file: RemoteFile, place: Path) -> bool:
    """Whether a file has the listed size and digest."""
    if place.stat().st_size != file.size:
        return False
    if len(file.digest) == 64:
        state = hashlib.sha256()
    elif len(file.digest) == 40:
        state = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)  # git's name of a file
    else:
        return True
    with place.open("rb") as source:
        while block := source.read(1 << 20):
            state.update(block)
    return state.hexdigest() == file.digest


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    large = entry.get("lfs") or {}
    return RemoteFile(str(entry["path"]), int(entry["size"]), str(large.get("oid") or entry.get("oid") or ""))


def _full(name: str) -> str:
    full = _owned(name)
    if not _NAME.fullmatch(full):
        raise UsageError(f"{name!r} is not a Hugging Face id; it looks like sentence-transformers/all-MiniLM-L6-v2")
    return full


def _owned(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def _endpoint(mirror: str) -> str:
    address = (mirror or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if not re.match(r"https?://[^/\s]", address):
        raise UsageError(f"the mirror {address!r} is not an address; it looks like {ENDPOINT}")
    return address


def _opener(proxy: str) -> urllib.request.OpenerDirector:
    """An opener for http and https only, whatever a redirect names."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _is_local(error: BaseException) -> bool:
    """Whether our disk failed rather than the line."""
    network = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
    return isinstance(error, OSError) and not isinstance(error, network)


def _unreachable(name: str, error: BaseException) -> str:
    reason: object = error
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (401, 403, 404):
            return f"There is no public model {name} at {urllib.parse.urlsplit(error.url).netloc}; check its name"
        reason = f"HTTP {error.code}"
    elif isinstance(error, urllib.error.URLError):
        reason = getattr(error.reason, "strerror", None) or error.reason
    return (
        f"{name} cannot be downloaded ({reason}); check the network, set a mirror or proxy, copy the model's folder to "
        f"models/{name} in the data folder, or {remedy(name)}"
    )
