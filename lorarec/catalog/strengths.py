"""Strengths that people state: numbers in fields, sentences in descriptions ("weight 0.6-0.8", "权重0.7"), and what
example images used.

Reading sentences is guarded against the other small numbers of this field: versions, CFG, denoising, clip skip, steps,
sizes.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from ..types import Origin
from .findings import as_number

LARGEST = 10.0  # a strength beyond is a mistake
_MAX_TEXT = 8_000
_MAX_HITS = 12


class Stated(Struct, frozen=True):
    """A strength read from a sentence."""

    model: float
    low: float | None
    high: float | None
    text: str  # the words it was read from


def hint(
    source: str,
    origin: Origin,
    *,
    model: float | None = None,
    clip: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any] | None:
    """A strength hint as JSON in the shape of `StrengthHint`, None if no usable number is given.

    Bounds in the wrong order are swapped; without a model strength their middle is taken.
    """

    def checked(value: float | None) -> float | None:
        return round(value, 4) if value is not None and -LARGEST <= value <= LARGEST else None

    model, clip, low, high = checked(model), checked(clip), checked(low), checked(high)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
        if low == high == 0:
            low = high = None
    if model is None and low is not None and high is not None:
        model = round((low + high) / 2, 4)
    if model is None and low is None and high is None:
        return None
    return {"source": source, "origin": int(origin), "model": model, "clip": clip, "low": low, "high": high}


# A number that can be a strength: not part of a version, a word, a percentage, a size or a count of steps.
_TAIL = r"(?![\d%]|\.\d|[.,]?\d*\s?(?:px|gb|mb|steps?|epochs?|x\d|k\b|°|mp\b))"
_BARE = (
    rf"(?:[01]?[.]\d{{1,2}}|[01],\d{{1,2}}(?!\d)|[0-2]"
    rf"(?:\.\d{{1,2}})?){_TAIL}"
)  # where a word for strength stands right before
_N = (
    r"(?<![\w./])(?<!\d:)[+]?(?:[01]?[.]\d{1,2}|[01],\d{1,2}(?!\d)|[0-2](?:\.\d{1,2})?)(?![\d%]|\.\d"
    r"|[.,]?\d*\s?(?:px|gb|mb|steps?|epochs?|x\d|k\b|°|mp\b))"
)
_N_CJK = (
    r"(?<![\d./])(?<!\d:)(?:[01]?[.]\d{1,2}|[0-2](?:\.\d{1,2})?)(?![\d%]|\.\d|\s?(?:px|gb|mb|steps?|步"
    r"|epochs?|年|月|版))"
)
_TO = r"\s*(?:-+|–|—|−|~|～|〜|≈|to|and|or|till|until|up\s+to|至|到|or\s+up\s+to|/|->|から)\s*"
_KEY = r"(?:lora\s+)?(?:weights?|weigths?|weighs?|weighting|strengths?|strenghts?|strenghs?|multiplier)"
_KEY_CJK = r"(?:权重|權重|强度|強度|重み|ウェイト|適用度|比重|가중치)"
_SIGNED = r"(?<![\w.:/])[-−](?:[0-9]?\.\d{1,2}|\d(?:\.\d)?)(?![\d%]|\.\d)"
_GOOD = (
    r"(?:recomm?[ea]n?d(?:ed|ation)?|recomand(?:ed)?|recommond|suggest(?:ed|ion)?|best|optimal|ideal"
    r"|prefer(?:red)?|good|sweet\s+spot|works?|tested|use[ds]?|using|try|between|around|set)"
)

_PATTERNS: tuple[tuple[re.Pattern[str], int], ...] = (
    # weight: 0.6-0.8 / recommended strength is around .7 / LoRA weight for txt2img: 0.6-1
    (
        re.compile(
            rf"\b{_KEY}(?:\b(?P<gap>[^\d\n.!?;<>-]{{0,30}}?(?:\btxt2img|\bv\d)?[^\d\n.!?;<>]{{0,12}}?[\s:=(（~～＝：])"
            rf"(?P<a>{_N})|(?P<a2>{_BARE}))(?:{_TO}(?P<b>{_N}))?",
            re.I,
        ),
        3,
    ),
    # 0.6 to 0.8 weight / at 0.7 strength
    (re.compile(rf"(?P<a>{_N})(?:{_TO}(?P<b>{_N}))?\s*(?:lora\s+)?(?:of\s+)?{_KEY}\b", re.I), 3),
    (re.compile(rf"{_KEY_CJK}(?P<gap>[^\d\n。！？；<>-]{{0,14}}?)(?P<a>{_N_CJK})(?:{_TO}(?P<b>{_N_CJK}))?"), 3),
    (re.compile(rf"(?P<a>{_N_CJK})(?:{_TO}(?P<b>{_N_CJK}))?\s*(?:左右|之间|之間|くらい)?\s*的?{_KEY_CJK}"), 3),
    (
        re.compile(
            rf"(?:推荐|建议|推奨|おすすめ|オススメ)[^\d\n。！？；<>-]{{0,10}}?(?P<a>0?\.\d{{1,2}})(?![\d%.])(?:{_TO}(?P<b>{_N_CJK}))?"
        ),
        2,
    ),
    # use 0.5 to 0.8 / works best at .8: the number must look like a strength, for nothing names it
    (
        re.compile(
            rf"\b{_GOOD}\b(?P<gap>[^\d\n.!?;<>-]{{0,24}}?[\s:(~])(?P<a>(?<![\w.:/])[01]?\.\d{{1,2}}(?![\d%]|\.\d))"
            rf"(?:{_TO}(?P<b>{_N}))?",
            re.I,
        ),
        1,
    ),
)
_TAG = re.compile(r"<\s*lora\s*:[^<>:\n]{1,120}:\s*(?P<body>[^<>\n]{1,60})>", re.I)
_TAG_NUMBERS = re.compile(r"(?<![\d.])(\d?\.\d{1,2}|[0-2](?:\.\d)?)(?![\d.])")
_SIGNED_RANGE = re.compile(
    rf"(?P<a>{_SIGNED}){_TO}(?:\+\s*)?(?P<b>(?:[0-9]?\.\d{{1,2}}|\d{{1,2}}(?:\.\d{{1,2}})?))(?![\d%]|\.\d)", re.I
)
_KEY_NEAR = re.compile(rf"{_KEY}|{_KEY_CJK}|slider|range|values?|scale|lora", re.I)
_PRAISE = re.compile(rf"\b{_GOOD}\b|推荐|建议|推奨|おすすめ|最佳|权重建议", re.I)
# What else is called strength or weight, or carries such numbers, shortly before the match or inside it.
_FOREIGN = re.compile(
    r"""denois\w*|d[ée]bruit\w*|control\s?net|hi-?res|high-?res|\bcfg\b|guidance|clip\s?skip|\bclip\s*:
    |img2img\s*:?\s*$|ip-?adapter|inpaint\w*|upscal\w*|adetailer|addnet
    |token|emphasi\w+|prompt\s+weight|\bmerg\w+|block\s?weight|learning\s?rate|dropout|rescale|noise\s?offset
    |weight\s?decay|eta\b|重绘|重繪|ノイズ除去|去噪
    |version|\bver\b|\bv$|\bsd\s*$|vae|embedding|hypernet|textual""",
    re.I | re.X,
)


def from_text(text: str) -> Stated | None:
    """The strength that a description recommends, or None. A recommendation wins over a remark, a range over a
    number."""
    text = text[:_MAX_TEXT]
    if not any(digit in text for digit in "0123456789"):
        return None
    hits: list[tuple[int, int, Stated]] = []
    for pattern, worth in _PATTERNS:
        for count, match in enumerate(pattern.finditer(text)):
            if count >= _MAX_HITS:
                break
            before = text[max(0, match.start() - 34) : match.start()].rsplit("\n", 1)[-1]
            inside = match.groupdict().get("gap") or ""
            if _FOREIGN.search(re.split(r"[.!?。！？;,，](?!\d)", before)[-1]) or _FOREIGN.search(inside):
                continue
            if stated := _stated(match["a"] or match["a2"], match["b"], match[0]):
                around = text[max(0, match.start() - 40) : match.end() + 30]
                bonus = 2 * bool(_PRAISE.search(around)) + (match["b"] is not None)
                hits.append((worth + bonus, -match.start(), stated))
    if hits:
        return max(hits, key=lambda hit: hit[:2])[2]
    return _from_tags(text)


def _from_tags(text: str) -> Stated | None:
    """``<lora:name:0.7>`` or ``<lora:name:(recommend 0.4-0.7 here)>`` in a sentence, if only one LoRA is named."""
    bodies = {match[0].split(":")[1].strip().lower(): match for match in reversed(list(_TAG.finditer(text)))}
    if len(bodies) != 1:
        return None
    match = next(iter(bodies.values()))
    numbers = _TAG_NUMBERS.findall(match["body"])
    return _stated(numbers[0], numbers[1] if len(numbers) > 1 else None, match[0]) if numbers else None


def _stated(first: str, second: str | None, words: str) -> Stated | None:
    a = as_number(first.replace(",", ".").replace("−", "-"))
    b = as_number(second.replace(",", ".")) if second else None
    if a is None or not 0 < a <= 2 or (b is not None and not 0 < b <= 2):
        return None
    words = " ".join(words.split())[:80]
    if b is None or a == b:
        return Stated(a, None, None, words)
    low, high = min(a, b), max(a, b)
    return Stated(round((low + high) / 2, 3), low, high, words)


def signed_range(text: str) -> tuple[float, float] | None:
    """A range through zero ("from -2 to 2") near a word for strength, as sliders have; None if there is none."""
    text = text[:_MAX_TEXT]
    for match in _SIGNED_RANGE.finditer(text):
        near = text[max(0, match.start() - 60) : match.end() + 30]
        if not _KEY_NEAR.search(near) or _FOREIGN.search(text[max(0, match.start() - 20) : match.start()]):
            continue
        low, high = as_number(match["a"].replace("−", "-")), as_number(match["b"])
        if low is not None and high is not None and -LARGEST <= low < 0 < high <= LARGEST:
            return low, high
    return None


def of_examples(strengths: Sequence[float]) -> dict[str, Any] | None:
    """The median of example images' strengths with their quartiles as range, as a `StrengthHint` in JSON; None without
    any."""
    known = sorted(value for value in strengths if -LARGEST <= value <= LARGEST)
    if not known:
        return None
    low: float | None = None
    high: float | None = None
    if len(known) >= 2:
        low, _, high = statistics.quantiles(known, n=4, method="inclusive")
    return hint(f"example images (n={len(known)})", Origin.GUESS, model=statistics.median(known), low=low, high=high)
