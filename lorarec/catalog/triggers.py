"""Trigger words as sets: words of one set belong together, different sets are alternatives (outfits, characters).

Authors enter them in three ways, told apart like this (checked on 764 LoRAs whose showcase prompts show which words
occur together):

* an entry with commas is one set;
* of a run of entries without commas each is a set of its own (in two of three LoRAs their words do not occur together);
* unless four in five of the entries after the first are plain descriptions ("red dress", "long hair"): then the run is
one set, a character
  and her looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .text import line

MAX_SETS = 64
MAX_WORDS = 60  # words kept of one set
_MAX_WORD = 120  # characters; longer ones are prose
_NETWORK = re.compile(r"<\s*(?:lora|lyco|locon|loha|hypernet)\s*:[^<>]{0,300}>?", re.I)
_WEIGHT = re.compile(r":\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*$")
_SPLIT = re.compile(r"[,，、;；\n]+")
_NOTHING = frozenset(
    {"none", "n/a", "na", "no trigger", "no trigger word", "no trigger words", "not needed", "null", "-", "no", "."}
)
_NOUNS = frozenset(
    """hair eyes eye dress shirt skirt gloves boots hat bow ribbon background jacket coat pants shorts socks thighhighs
    pantyhose armor cape cloak hood necktie bowtie scarf choker collar belt shoes sandals heels sneakers kimono uniform
    serafuku swimsuit bikini leotard bodysuit sweater hoodie cardigan vest apron sleeves ears tail horns wings halo
    hairband headband ornament hairclip hairpin ponytail twintails braid bun bangs ahoge sidelocks glasses sunglasses
    eyewear mask earrings jewelry necklace bracelet skin makeup lips freckles muscular tattoo sword gun weapon legwear
    footwear headwear beret cap helmet crown tiara smile blush hands hand mouth tongue face fur markings scar mole
    stripes frills lace suit headphones elf school maid sailor seifuku 1girl 1boy solo female male man woman girl boy
    window sky tree trees flower flowers water night moon light lighting""".split()
)
_ADJECTIVES = frozenset(
    """white black red blue green yellow purple pink orange brown grey gray blonde silver golden gold aqua dark light
    long short very large small big huge open closed detached puffy sleeveless high low single double side twin
    multicolored pointy animal thick bare""".split()
)


def clean_word(text: str) -> str:
    r"""One trigger word without LoRA tags, weights and attention brackets; escaped brackets ``\(`` become plain
    ones."""
    word = line(text, _MAX_WORD * 2)
    plain = word.replace("\\(", "\x01").replace("\\)", "\x02").replace("\\", "")
    while len(plain) > 1 and (plain[0] + plain[-1]) in ("()", "[]", "{}") and not _two_groups(plain):
        plain = _WEIGHT.sub("", plain[1:-1]).strip()
    if plain[:1] in "([{" and not any(c in plain for c in ")]}"):
        plain = plain[1:]
    if plain[-1:] in ")]}" and not any(c in plain for c in "([{"):
        plain = _WEIGHT.sub("", plain[:-1])
    plain = _WEIGHT.sub("", plain).replace("\x01", "(").replace("\x02", ")")
    plain = " ".join(plain.split()).strip(" .,:;|*\"“”'`")
    return "" if plain.lower() in _NOTHING or len(plain) > _MAX_WORD else plain


def _two_groups(word: str) -> bool:
    """Whether the first bracket is closed before the end, as in ``{color} house of {item}``."""
    depth = 0
    for at, character in enumerate(word):
        depth += (character == word[0]) - (character == word[-1])
        if depth == 0:
            return at < len(word) - 1
    return False


def word_set(text: str) -> tuple[str, ...]:
    """Split one comma-separated string into clean words, duplicates dropped."""
    text = _NETWORK.sub(",", text[:20_000])
    seen: dict[str, str] = {}
    for piece in _SPLIT.split(text):
        if (word := clean_word(piece)) and word.lower() not in seen:
            seen[word.lower()] = word
    return tuple(seen.values())[:MAX_WORDS]


def from_activation_text(text: str) -> list[list[str]]:
    """Sets of an A1111 "activation text": alternatives are joined by ``||``."""
    return _unique(word_set(part) for part in text[:40_000].split("||"))


def from_entries(entries: Sequence[str]) -> list[list[str]]:
    """Sets of Civitai's ``trainedWords`` and lists like it; see the module for the rule."""
    sets = [words for words in (word_set(entry) for entry in entries[: MAX_SETS * 4]) if words]
    singles = list(dict.fromkeys(words[0] for words in sets if len(words) == 1))
    together = len(singles) > 1 and _describes(singles)
    result: list[tuple[str, ...]] = []
    placed = False
    for words in sets:
        if len(words) > 1 or not together:
            result.append(words)
        elif not placed:
            placed = True
            result.append(tuple(singles[:MAX_WORDS]))
    return _unique(result)


def _describes(singles: Sequence[str]) -> bool:
    plain = 0
    for word in singles[1:]:
        tokens = word.lower().replace("_", " ").split()
        plain += bool(tokens) and (tokens[-1] in _NOUNS or (len(tokens) > 1 and tokens[0] in _ADJECTIVES))
    return plain >= 0.8 * (len(singles) - 1)


def _unique(sets: Iterable[tuple[str, ...]]) -> list[list[str]]:
    seen: dict[tuple[str, ...], list[str]] = {}
    for words in sets:
        if words:
            seen.setdefault(tuple(sorted(word.lower() for word in words)), list(words))
    return list(seen.values())[:MAX_SETS]


def from_fake_frequency(frequency: dict[str, Any]) -> str:
    """The trigger word that ai-toolkit hides in ``ss_tag_frequency`` as ``{"1_<trigger>": {trigger: 1}}``; "" if it is
    a real one."""
    if len(frequency) != 1:
        return ""
    dataset, tags = next(iter(frequency.items()))
    if not isinstance(tags, dict) or len(tags) != 1:
        return ""
    tag, count = next(iter(tags.items()))
    return clean_word(tag) if count == 1 and dataset == f"1_{tag}" else ""


_DATASET = re.compile(r"^\d{1,4}_(.{2,80})$")
_DATASET_NAMES = frozenset(
    """img imgs image images data dataset datasets train training reg style person woman man girl boy character concept
    lora pics photos crop cropped raw upscaled input output source processed""".split()
)


def from_dataset_folders(names: Iterable[str]) -> list[list[str]]:
    """Guess from kohya's folder names ``<repeats>_<trigger> [<class>]``; only the first word counts as the trigger."""
    result: list[tuple[str, ...]] = []
    for name in names:
        match = _DATASET.match(line(name, 120))
        if (
            match
            and (words := word_set(match[1].split(" ")[0]))
            and words[0].lower() not in _DATASET_NAMES
            and not words[0].isdigit()
        ):
            result.append(words[:1])
    return _unique(result)[:8]
