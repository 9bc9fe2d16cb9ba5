"""Many queries at once: JSON Lines in, JSON Lines out, in the same order, each line as soon as it is ready.

In: ``{"id", "prompt", "negative"?, "active"?: [[name, weight], ...], "base_model"?}``; other keys are ignored.
Out: ``{"id", "suggestions", "abstained", "took_ms"}``, or ``{"id", "error"}`` for a line that cannot be answered.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from msgspec.structs import replace

from ..errors import LorarecError, UsageError
from ..present import print_json, remark
from ..types import Active, Query
from .common import bring_up_to_date, opened, unsaid
from .query import HEAVIEST, query

MAX_LINE = 1 << 20  # bytes; longer lines are no prompts


def run_batch(args: argparse.Namespace) -> int:
    """Answer every line. Returns 1 if any could not be answered, else 0.

    Raises:
        UsageError: the file cannot be read.
    """
    with _source(args.batch) as lines, opened(args) as recommender:
        bring_up_to_date(recommender, not args.no_refresh)
        defaults = query(args, "")
        failed = 0
        for number, line in enumerate(_lines(lines), 1):
            if not line.strip():
                continue
            identity: Any = None
            try:
                asked = read_object(line)
                identity = asked.get("id")
                found = recommender.recommend(read_query(asked, defaults), args.top)
            except LorarecError as error:
                failed += 1
                print_json({"id": identity, "error": f"line {number}: {error}"}, compact=True)
                continue
            for note in unsaid(found.notes, recommender):
                remark(f"line {number}: {note}")
            answer = {
                "id": identity,
                "suggestions": found.suggestions,
                "abstained": found.abstained,
                "took_ms": found.took_ms,
            }
            print_json(answer, compact=True)
    return 1 if failed else 0


def read_query(asked: dict[str, Any], defaults: Query) -> Query:
    """The query of one line; what it leaves out comes from the command line.

    Raises:
        UsageError: a key is missing or has the wrong type, or the prompt is empty.
    """
    prompt = _text(asked, "prompt", None)
    if not prompt.strip():
        raise UsageError("the prompt is empty")
    changed: dict[str, Any] = {"prompt": prompt}
    if asked.get("negative") is not None:
        changed["negative"] = _text(asked, "negative", "")
    if asked.get("base_model") is not None:
        changed["base_model"] = _text(asked, "base_model", "") or None
    if asked.get("active") is not None:
        changed["active"] = _active(asked["active"])
    return replace(defaults, **changed)


def _active(value: Any) -> tuple[Active, ...]:
    if not isinstance(value, list):
        raise UsageError("active must be a list of [name, weight]")
    found = []
    for item in value:
        pair = [item] if isinstance(item, str) else item
        if not (isinstance(pair, list) and 1 <= len(pair) <= 2 and isinstance(pair[0], str)):
            raise UsageError("active must be a list of [name, weight]")
        weight = pair[1] if len(pair) == 2 else 1.0
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or abs(weight) > HEAVIEST:
            raise UsageError(f"the weight of {pair[0]!r} is no usable number")
        found.append(Active(pair[0], float(weight)))
    return tuple(found)


def _text(asked: dict[str, Any], key: str, default: str | None) -> str:
    value = asked.get(key, default)
    if value is None:
        raise UsageError(f'the key "{key}" is missing')
    if not isinstance(value, str):
        raise UsageError(f'"{key}" must be a text')
    return value.encode("utf-8", "replace").decode("utf-8")  # JSON can hold halves of surrogate pairs


def read_object(line: bytes) -> dict[str, Any]:
    """The JSON object of one line.

    Raises:
        UsageError: it is no UTF-8, no JSON, or no object.
    """
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise UsageError("this line is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"this line is no valid JSON ({error.msg}, column {error.colno})") from None
    except (ValueError, RecursionError):
        raise UsageError("this line is no valid JSON") from None
    if not isinstance(value, dict):
        raise UsageError("this line holds no JSON object")
    return value


def _refuse(literal: str) -> Any:
    raise ValueError(literal)  # NaN and Infinity are no JSON, and the id is echoed


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines of a stream; one that is too long arrives cut, which makes it an error."""
    while line := source.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = source.readline(MAX_LINE)
        yield line


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise UsageError(f"--batch {name} cannot be read ({error.strerror})") from error
        yield file
