"""The few errors lorarec raises on purpose.

Each carries one sentence fit for a user: what went wrong, with which file or field, and what to do about it.
``status`` is the HTTP status a server answers with; the command line exits with 2 for `UsageError`, else 1.
"""

from __future__ import annotations


class LorarecError(Exception):
    """Base of all errors whose text may be shown to a user as it is."""

    status = 500


class UsageError(LorarecError):
    """The caller asked for something that cannot be meant: a wrong option, an empty or unknown value."""

    status = 400


class UnknownLora(LorarecError):
    """A LoRA was named that is not in the catalogue, or by a name that several share."""

    status = 404


class BadFile(LorarecError):
    """One file (header, sidecar, settings) cannot be read. Never stops a scan: it becomes a line of its report."""

    status = 422


class NotIndexed(LorarecError):
    """There is no catalogue yet to recommend from."""

    status = 409


class MissingPart(LorarecError):
    """An optional package or model is absent; the text names the remedy."""

    status = 503


class NotReady(LorarecError):
    """Something takes a moment to be prepared, or memory is short now: the same question may be answered later."""

    status = 503


class StorageError(LorarecError):
    """The database or data folder cannot be used (unwritable, damaged, made by a newer lorarec)."""

    status = 500


def missing_package(error: ImportError) -> MissingPart | None:
    """What to tell a user whose Python lacks a package, or has one that does not load; None for a module of our own."""
    import sys
    from pathlib import Path

    name = (error.name or "").partition(".")[0]
    if not name or name == "lorarec" or (error.name or "").startswith(__package__ or "lorarec"):
        return None
    script = Path(__file__).resolve().parents[1] / "install.py"
    remedy = f'"{sys.executable}" "{script}"' if script.is_file() else f'"{sys.executable}" -m pip install {name}'
    state = "is not installed" if isinstance(error, ModuleNotFoundError) else f"does not load ({error})"
    return MissingPart(f"lorarec needs the package {name}, which {state} here; run {remedy} and start again")
