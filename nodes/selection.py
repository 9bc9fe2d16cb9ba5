"""The `selection` widget: which LoRAs a workflow uses, as JSON text that people may edit by hand.

A JSON list with one row per line; each row is an object:

    name           LoRA file below the LoRA folders, with "/" on every system (required)
    model          strength on the diffusion model (required)
    clip           strength on the text encoder (default: the same as model)
    on             false keeps the row without using it (default: true)
    fingerprint    content identity, finds the file again under another name (default: "")
    partner        low-noise half of a pair, a name like `name` (default: "")
    trigger_words  words that belong into the prompt (default: none)

Blank text means "nothing chosen yet"; an empty list means "chosen: no LoRA".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..lorarec.errors import UsageError

LIMIT = 100.0  # ComfyUI's own LoRA nodes accept strengths from -100 to 100


class Row(NamedTuple):
    """One chosen LoRA."""

    name: str
    model: float
    clip: float
    on: bool = True
    fingerprint: str = ""
    partner: str = ""
    trigger_words: tuple[str, ...] = ()


def is_blank(text: str) -> bool:
    """Whether nothing was chosen yet (an empty list counts as chosen)."""
    return not text.strip()


def parse(text: str) -> list[Row]:
    """Read the widget's text.

    Raises:
        UsageError: the text is not JSON, or a row's field is absent or of the wrong type; names row and field.
    """
    if is_blank(text):
        return []
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"selection is not valid JSON at line {error.lineno}, column {error.colno}"
            f"{_broken_row(text)}: {error.msg}; mend it or empty the field"
        ) from None
    if not isinstance(rows, list):
        raise UsageError('selection must be a list of rows like [{"name": "style/ink.safetensors", "model": 0.8}]')
    return [_row(row, number) for number, row in enumerate(rows, 1)]


def dump(rows: Iterable[Row]) -> str:
    """Write rows as the widget's text; the same rows always give the same text."""
    lines = [
        json.dumps(
            {
                "name": row.name,
                "model": row.model,
                "clip": row.clip,
                "on": row.on,
                "trigger_words": list(row.trigger_words),
                "partner": row.partner,
                "fingerprint": row.fingerprint,
            },
            ensure_ascii=False,
        )
        for row in rows
    ]
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def _row(value: object, number: int) -> Row:
    if not isinstance(value, dict):
        raise UsageError(f'row {number} of selection must be an object like {{"name": "...", "model": 0.8}}')
    name = _text(value, "name", number).replace("\\", "/")
    if not name.strip():
        raise UsageError(f"row {number} of selection has no name; write the LoRA's path below your LoRA folder")
    model = _number(value, "model", number)
    words = value.get("trigger_words", [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(f'row {number} of selection: trigger_words must be a list of texts, like ["word"]')
    on = value.get("on", True)
    if not isinstance(on, bool):
        raise UsageError(f"row {number} of selection: on must be true or false, not {json.dumps(on)}")
    return Row(
        name=name,
        model=model,
        clip=_number(value, "clip", number) if "clip" in value else model,
        on=on,
        fingerprint=_text(value, "fingerprint", number),
        partner=_text(value, "partner", number).replace("\\", "/"),
        trigger_words=tuple(words),
    )


def _text(row: dict[str, Any], field: str, number: int) -> str:
    value = row.get(field, "")
    if not isinstance(value, str):
        raise UsageError(f"row {number} of selection: {field} must be a text in quotes, not {json.dumps(value)}")
    return value


def _number(row: dict[str, Any], field: str, number: int) -> float:
    if field not in row:
        raise UsageError(f"row {number} of selection has no {field}; write a strength, like 0.8")
    value = row[field]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"row {number} of selection: {field} must be a number like 0.8, not {json.dumps(value)}")
    if not math.isfinite(value) or abs(value) > LIMIT:
        raise UsageError(f"row {number} of selection: {field} must lie between -{LIMIT:g} and {LIMIT:g}")
    return float(value)


def _broken_row(text: str) -> str:
    """Name the first row of broken JSON that cannot be read; "" where no row can be told."""
    start = text.find("[") + 1
    decoder = json.JSONDecoder()
    number = 0
    while start:
        number += 1
        while start < len(text) and text[start] in " \t\r\n":
            start += 1
        try:
            _, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            return f" (row {number})"
        while end < len(text) and text[end] in " \t\r\n":
            end += 1
        if text[end : end + 1] != ",":
            return f" (after row {number})"
        start = end + 1
    return ""
