"""Show everything known about one LoRA: each field with its source, and under it what other sources say."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from ..present import console, plain, print_json
from ..readable import short
from ..types import Claim, Lora, LoraDetails, Origin
from .arguments import add_json, add_refresh
from .common import bring_up_to_date, opened

if TYPE_CHECKING:
    from rich.console import Console

LONGEST = 400  # characters of a value in the table; --json prints all
MOST = 6  # list entries in the table
_SKIPPED = {"partner"}  # shown by path instead of id
_OF_FILE = {"id", "root", "path", "size", "modified", "fingerprint", "missing"}
_ORIGINS = {Origin.USER: "you", Origin.AUTHOR: "author", Origin.TRAINER: "trainer", Origin.GUESS: "guess"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", metavar="NAME", help="a LoRA: its path below the LoRA folder, file name or title")
    add_json(parser)
    add_refresh(parser)


def run(args: argparse.Namespace) -> int:
    """Print one LoRA's fields and sources."""
    with opened(args) as recommender:
        bring_up_to_date(recommender, not args.no_refresh)
        details = recommender.details(args.name)
        partner = recommender.find(details.lora.partner).path if details.lora.partner else ""
    if args.json:
        print_json(details)
    else:
        _print(details, partner, console())
    return 0


def _print(details: LoraDetails, partner: str, out: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out.print(Text(plain(details.lora.name), "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Field", no_wrap=True)
    table.add_column("Value", ratio=3, overflow="fold")
    table.add_column("Source", ratio=2, overflow="fold")
    for field, value, source, style in rows(details, partner):
        table.add_row(Text(field), Text(plain(value), style), Text(plain(source), "dim"))
    out.print(table)


def rows(details: LoraDetails, partner: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Field, value, source and style of each line: what counts, then under it what other sources say."""
    claims: dict[str, list[Claim]] = {}
    for claim in details.claims:
        claims.setdefault(claim.field, []).append(claim)
    nothing = Lora(id="", root="", path="", size=0, modified=0.0)
    for field in Lora.__struct_fields__:
        value = getattr(details.lora, field)
        if field in _SKIPPED or (value == getattr(nothing, field) and field not in _OF_FILE and field not in claims):
            continue
        counts = _text(field, value)
        said = sorted(claims.get(field, ()), key=lambda claim: claim.origin)
        agreeing = [claim for claim in said if _text(field, claim.value) == counts]
        first = agreeing or said
        source = "file" if field in _OF_FILE else ", ".join(dict.fromkeys(map(_source, first)))
        yield field.replace("_", " "), counts, source or "derived", ""
        for claim in said:
            if agreeing and claim not in agreeing:
                yield "", _text(field, claim.value), f"{_source(claim)}", "dim"
    if partner:
        yield "partner", partner, ", ".join(_source(claim) for claim in claims.get("partner", ())) or "derived", ""


def _source(claim: Claim) -> str:
    return f"{claim.source} ({_ORIGINS[Origin(claim.origin)]})"


def _text(field: str, value: Any) -> str:
    if isinstance(value, Enum):
        return value.name.lower()
    value = msgspec.to_builtins(value)
    if value is None:
        return "-"
    if field == "size":
        return f"{value:,} bytes"
    if field in ("modified", "created"):
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(value)) if value >= 0 else str(value)
    if field == "safety":
        return str(("safe", "suggestive", "mature", "explicit")[value]) if value in range(4) else str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return _list(field, value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items() if item is not None)
    return short(str(value), LONGEST)


def _list(field: str, value: Sequence[Any]) -> str:
    shown = [_entry(field, item) for item in value[: MOST * (1 if field == "examples" else 3)]]
    more = len(value) - len(shown)
    separator = "\n" if field in ("examples", "trigger_sets", "base_models", "roles", "strengths") else ", "
    return separator.join(shown) + (f"{separator}… and {more} more" if more > 0 else "")


def _entry(field: str, item: Any) -> str:
    if isinstance(item, dict):
        if field == "examples":
            strength = item.get("strength")
            return short(item.get("prompt", ""), 160) + (f" (at {strength:g})" if strength is not None else "")
        if field in ("base_models", "roles"):
            name = item.get("name") or item.get("role")
            return f"{name} {item.get('probability', 0):.0%} ({item.get('evidence', '')})"
        if field == "strengths":
            return _strength(item)
        return ", ".join(f"{key} {part}" for key, part in item.items())
    if isinstance(item, (list, tuple)):
        if field == "training_tags":
            return f"{item[0]} ({item[1]})"
        return ", ".join(str(part) for part in item)
    return short(str(item), LONGEST)


def _strength(item: dict[str, Any]) -> str:
    parts = [f"{item['model']:g}" if item.get("model") is not None else "range only"]
    if item.get("clip") is not None:
        parts.append(f"clip {item['clip']:g}")
    if item.get("low") is not None or item.get("high") is not None:
        parts.append(" to ".join(f"{end:g}" if end is not None else "?" for end in (item.get("low"), item.get("high"))))
    return ", ".join(parts) + f" ({item.get('source', '')})"
