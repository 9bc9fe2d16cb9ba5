"""What reading one LoRA brings to light: claims, and one line for whatever could not be understood.

`Fields` gives typed access to JSON of any shape: null and absent are the same, a number in a string counts as a number,
and a value of the wrong type becomes one `ScanProblem` and is then treated as absent. Nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..types import Claim, Origin, ScanProblem
from .files import LoraFile
from .text import encodable, line, plain

_MAX_PROBLEMS = 12  # lines about one LoRA; more would not help anybody
_MAX_ITEMS = 2_000  # entries read of one list


class Findings:
    """Collects the claims and problems of one LoRA file."""

    def __init__(self, file: LoraFile) -> None:
        """Start with nothing known."""
        self.file = file
        self.claims: list[Claim] = []
        self.problems: list[ScanProblem] = []
        self._told: set[tuple[str, str]] = set()

    def add(self, field: str, value: Any, source: str, origin: Origin) -> None:
        """Note a claim; empty values ("", None, [], {}) say nothing and are left out."""
        if value is None or value == "" or value == [] or value == {}:
            return
        self.claims.append(Claim(field, value, source, origin))

    def problem(self, path: str, message: str) -> None:
        """Note one line for the scan's report, once."""
        if len(self.problems) < _MAX_PROBLEMS and (path, message) not in self._told:
            self._told.add((path, message))
            self.problems.append(ScanProblem(path, message))

    def values(self, field: str) -> Iterator[Any]:
        """What has been claimed about a field so far."""
        return (claim.value for claim in self.claims if claim.field == field)


class Fields:
    """Typed access to one JSON object of a sidecar."""

    def __init__(self, data: dict[str, Any], path: str, findings: Findings, prefix: str = "") -> None:
        """Wrap ``data`` that was read from the sidecar at ``path`` (root-relative)."""
        self.data = data
        self._path = path
        self._findings = findings
        self._prefix = prefix

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def _wrong(self, key: str, wanted: str) -> None:
        name = line(f"{self._prefix}{key}", 80)
        self._findings.problem(self._path, f"field {name} is not {wanted}; it was ignored, the rest was read")

    def raw_text(self, key: str) -> str:
        """A string as it stands (JSON in a string, a prompt), made encodable; "" if absent."""
        value = self.data.get(key)
        if isinstance(value, str):
            return encodable(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value) if abs(value) < 1e18 else ""
        if value is not None:
            self._wrong(key, "text")
        return ""

    def text(self, key: str) -> str:
        """One clean line; "" if absent."""
        return line(self.raw_text(key))

    def prose(self, key: str) -> str:
        """Plain paragraphs from HTML or text; "" if absent."""
        return plain(self.raw_text(key))

    def number(self, key: str) -> float | None:
        """A finite number, or None."""
        value = self.data.get(key)
        number = as_number(value)
        if number is None and value is not None and value != "":
            self._wrong(key, "a number")
        return number

    def whole(self, key: str) -> int | None:
        """A non-negative whole number, or None."""
        number = self.number(key)
        return int(number) if number is not None and 0 <= number < 1e15 else None

    def flag(self, key: str) -> bool | None:
        """True, False, or None if absent."""
        value = self.data.get(key)
        if isinstance(value, bool):
            return value
        if value in (0, 1, "true", "false", "True", "False"):
            return value in (1, "true", "True")
        if value is not None:
            self._wrong(key, "true or false")
        return None

    def texts(self, key: str) -> list[str]:
        """A list of clean lines; one comma-separated string counts as a list, objects count by their "name"."""
        value = self.data.get(key)
        if isinstance(value, str):
            return [piece for piece in (line(part) for part in value.split(",")) if piece]
        result: list[str] = []
        for item in self._items(key, "a list of texts"):
            if isinstance(item, dict):
                item = item.get("name")
            if isinstance(item, str):
                if text := line(item):
                    result.append(text)
            elif item is not None:
                self._wrong(key, "a list of texts only")
        return result

    def object(self, key: str) -> Fields:
        """The object below a key; an empty one if absent."""
        value = self.data.get(key)
        if isinstance(value, dict):
            return Fields(value, self._path, self._findings, f"{self._prefix}{key}.")
        if value is not None:
            self._wrong(key, "an object")
        return Fields({}, self._path, self._findings, f"{self._prefix}{key}.")

    def objects(self, key: str) -> list[Fields]:
        """The objects of a list; other entries are noted and skipped."""
        result: list[Fields] = []
        for item in self._items(key, "a list of objects"):
            if isinstance(item, dict):
                result.append(Fields(item, self._path, self._findings, f"{self._prefix}{key}."))
            elif item is not None:
                self._wrong(key, "a list of objects only")
        return result

    def _items(self, key: str, wanted: str) -> list[Any]:
        value = self.data.get(key)
        if isinstance(value, list):
            return value[:_MAX_ITEMS]
        if value is not None:
            self._wrong(key, wanted)
        return []


def as_number(value: Any) -> float | None:
    """A finite float from a JSON number or a string that holds one, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
