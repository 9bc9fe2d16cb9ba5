"""Read the prompt dialects of Stable Diffusion front ends and keep what the prompt is about.

Understood: A1111 attention ``(x)``, ``(x:1.2)``, ``[x]``; prompt editing ``[a:b:0.5]`` and alternation ``[a|b]``;
NovelAI ``{x}``; dynamic prompts ``{a|b}``, ``{2$$a|b}``, ``{0.5::a|b}`` and ``__wildcard__``; extra networks
``<lora:name:w>``; ``embedding:name``; ``BREAK``, ``AND`` and the regional keywords of Regional Prompter, Forge Couple
and Latent Couple; escaped brackets; ``#``, ``//`` and ``/* */`` comments.

Every pattern is linear in the length of the prompt: pasted text must not stall a keystroke.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from .. import lora_tags

MAX_PROMPT = 40_000  # characters; what lies beyond says nothing new and would only cost time
_MAX_DEPTH = 24  # deeper nesting is taken as plain text, so that hostile input cannot exhaust the stack


class Chunk(Struct, frozen=True):
    """One comma-separated piece of a prompt."""

    text: str  # clean, original case
    weight: float  # attention, 1.0 = neutral
    start: int  # character range in `ParsedPrompt.text`
    end: int


class ParsedPrompt(Struct, frozen=True):
    """A prompt without its syntax."""

    text: str  # all chunks joined by ", ": what an encoder reads
    chunks: tuple[Chunk, ...]
    loras: tuple[tuple[str, float], ...]  # named by <lora:...> and its relatives


_COMMENT = re.compile(r"^[ \t]*#(?=\s)[^\n]*|(?:^|(?<=\s))//[^\n]*", re.M)
_NETWORK = re.compile(r"<([^<>:]{2,40}):([^<>]*)>")
_NETWORK_KIND = re.compile(r"[a-z_]{2,16}")
_EMBEDDING = re.compile(r"\bembedding:\s*[^\s,()\[\]{}<>:]+(?::-?\d*\.?\d+)?", re.I)
_WILDCARD = re.compile(r"__[\w\-/*.]+?__")
_KEYWORD = re.compile(
    r"(?::\s{0,2}-?\d{0,4}\.?\d{1,4}\s{0,8})?"  # AND takes a weight: "a cat :1.2 AND a dog"
    r"\b(?:BREAK|AND|ADDCOMM|ADDBASE|ADDCOL|ADDROW|COUPLE|MASK|FEATHER|FILL|IMASK|AREA)\b(?:\([\d.,\s%]*\))?"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_LONGEST_NUMBER = 16  # characters
_SPLIT = re.compile(r"[,;，、。；\n|]+|\.(?=\s|$)|(?<=\w)\s+-\s+(?=\w)")
_ESCAPED = {"\\(": "\ue000", "\\)": "\ue001", "\\[": "\ue002", "\\]": "\ue003", "\\{": "\ue004", "\\}": "\ue005"}
_PLAIN = str.maketrans({"\ue000": "(", "\ue001": ")", "\ue002": "[", "\ue003": "]", "\ue004": "{", "\ue005": "}"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BRACKET = re.compile(r"[()\[\]{}]")


def parse(prompt: str) -> ParsedPrompt:
    """Parse a positive or negative prompt. Never fails: what is not syntax is text."""
    text = unicodedata.normalize("NFKC", prompt[:MAX_PROMPT])[:MAX_PROMPT].replace("\r", "\n")
    text = text.encode("utf-8", "ignore").decode("utf-8")
    text = _COMMENT.sub("\n", _drop_block_comments(text))
    loras: list[tuple[str, float]] = []

    def network(match: re.Match[str]) -> str:
        kind = match[1].strip().lower()
        if not _NETWORK_KIND.fullmatch(kind):
            return match[0]
        if kind in lora_tags.KINDS and (tag := lora_tags.read_tag(match[2])):
            loras.append((tag.name, 1.0 if tag.strength is None else tag.strength))
        return ","

    text = _NETWORK.sub(network, text)
    text = _EMBEDDING.sub(" ", text)
    text = _WILDCARD.sub(" ", text)
    text = _KEYWORD.sub(",", text)
    for escaped, mark in _ESCAPED.items():
        text = text.replace(escaped, mark)
    chunks: list[Chunk] = []
    parts: list[str] = []
    at = 0
    for piece, weight in _pieces(text):
        clean = " ".join(piece.translate(_PLAIN).replace("\\", " ").split()).strip(" .:-_*+")
        if not clean:
            continue
        chunks.append(Chunk(clean, round(weight, 4), at, at + len(clean)))
        parts.append(clean)
        at += len(clean) + 2
    return ParsedPrompt(", ".join(parts), tuple(chunks), tuple(loras))


def _number(text: str) -> float | None:
    """A plain decimal number, None if it is none."""
    text = text.strip()
    return float(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else None


def _drop_block_comments(text: str) -> str:
    """Without ``/* ... */``; one that is never closed is text."""
    kept: list[str] = []
    at = 0
    while True:
        start = text.find("/*", at)
        end = text.find("*/", start + 2) if start >= 0 else -1
        if end < 0:
            return "".join([*kept, text[at:]])
        kept += [text[at:start], "\n"]
        at = end + 2


def _pieces(text: str) -> list[tuple[str, float]]:
    """Split into (text, weight) at separators, with the weight of the brackets around each piece."""
    out: list[tuple[str, float]] = []
    for run, weight in _runs(text, 1.0, 0):
        if run is None:
            out.append(("\n", 1.0))  # a separator of `_SPLIT`
        else:
            out.append((run, weight))
    # Text inside and outside brackets belongs together unless a separator stands between them:
    # "a (very:1.2) tall man" is one chunk, weighted by its most emphasised part.
    pieces: list[tuple[str, float]] = []
    words, weight = "", 1.0
    for run, run_weight in out:
        cut = 0
        for separator in _SPLIT.finditer(run):
            words += run[cut : separator.start()]
            if run[cut : separator.start()].strip():
                weight = _stronger(weight, run_weight)
            if words.strip():
                pieces.append((words, weight))
            words, weight, cut = "", 1.0, separator.end()
        rest = run[cut:]
        if rest.strip():
            weight = _stronger(weight, run_weight)
        words += rest + " "
    if words.strip():
        pieces.append((words, weight))
    return pieces


def _stronger(a: float, b: float) -> float:
    """The weight further from neutral."""
    return b if abs(b - 1.0) > abs(a - 1.0) else a


def _runs(text: str, weight: float, depth: int) -> list[tuple[str | None, float]]:
    """Runs of plain text with their attention; None stands for a boundary between alternatives."""
    runs: list[tuple[str | None, float]] = []
    start = 0
    pairs = _matches(text) if depth < _MAX_DEPTH else {}
    for at in sorted(pairs):
        if at < start:  # inside the pair before
            continue
        if start < at:
            runs.append((_drop_brackets(text[start:at]), weight))
        runs.extend(_bracket(text[at], text[at + 1 : pairs[at]], weight, depth + 1))
        start = pairs[at] + 1
    if start < len(text):
        runs.append((_drop_brackets(text[start:]), weight))
    return runs


def _bracket(kind: str, inner: str, weight: float, depth: int) -> list[tuple[str | None, float]]:
    """The runs of one bracket pair."""
    if kind == "(":
        head, colon, tail = inner.rpartition(":")
        stated = _number(tail) if colon else None
        if stated is not None:
            return _runs(head, weight * max(0.0, min(stated, 10.0)), depth)
        return _runs(inner, weight * 1.1, depth)
    options = _top_level(inner, "|")
    if kind == "{":
        if len(options) == 1 and "$$" not in inner:
            return _runs(inner, weight * 1.05, depth)
        options = [option.rsplit("$$", 1)[-1] for option in options]
        options = [option.split("::", 1)[-1] for option in options]
        return _alternatives(options, weight, depth)
    if len(options) > 1:
        return _alternatives(options, weight, depth)
    parts = _top_level(inner, ":")
    if len(parts) >= 2 and _number(parts[-1]) is not None:
        return _alternatives(parts[:-1], weight, depth)
    return _runs(inner, weight / 1.1, depth)


def _alternatives(options: list[str], weight: float, depth: int) -> list[tuple[str | None, float]]:
    """Every alternative is something the user may get: keep them all, apart from each other."""
    runs: list[tuple[str | None, float]] = []
    for option in options:
        if option.strip():
            runs.append((None, weight))
            runs.extend(_runs(option, weight, depth))
    if runs:
        runs.append((None, weight))
    return runs


def _matches(text: str) -> dict[int, int]:
    """Opening -> closing position of every balanced bracket pair, each kind on its own, in one pass."""
    pairs: dict[int, int] = {}
    open_at: dict[str, list[int]] = {closing: [] for closing in _CLOSING.values()}
    for bracket in _BRACKET.finditer(text):
        at, char = bracket.start(), bracket[0]
        if char in _CLOSING:
            open_at[_CLOSING[char]].append(at)
        elif open_at[char]:
            pairs[open_at[char].pop()] = at
    return pairs


def _top_level(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside all brackets."""
    parts, level, start = [], 0, 0
    for at, char in enumerate(text):
        if char in "([{":
            level += 1
        elif char in ")]}":
            level -= 1
        elif char == separator and level == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _drop_brackets(text: str) -> str:
    """Unbalanced brackets are typing errors, not words."""
    return _BRACKET.sub(" ", text)
