"""LoRA -> the texts that are encoded and searched.

Three lenses (what it depicts, how it looks, what it technically is) and, for lexical search, the same knowledge by
field. Example prompts are not part of a lens: they are encoded one by one, so that a prompt can be compared with the
nearest of them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from ..types import Lora, Role, Safety

_LINK = re.compile(r"https?://\S+|www\.\S+|\b[\w.+-]{1,64}@[\w-]{1,64}\.\w+|<[^<>]{0,200}>")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+|[•●▶►✦★]")
_BOILERPLATE = re.compile(
    r"""\b(?:patreon|ko-?fi|buy\s?me|coffee|donat\w*|support\s(?:me|my)|discord|twitter|instagram|follow\s(?:me|my)
    |subscrib\w*|commission\w*
    |download\w*|upload\w*|hugging\s?face|civitai|please|thank\w*|credit\w*|license|permission\w*|commercial
    |share\s(?:your|it)
    |feedback|review|rating|5\sstars|leave\sa|like\sand|enjoy|hope\s(?:you|to)|let\sme\sknow|post\syour
    |sampler|cfg|denois\w*|clip\s?skip|hires|upscal\w*|steps?\b|epochs?|learning\srate|dataset
    |trained\s(?:on|with|using|for)|training
    |weights?|strength|lora:|version|v\d+(?:\.\d+)?|update[sd]?|changelog|checkpoint|vae|webui|extension|install\w*
    |folder
    |my\sother|check\sout|see\salso|disclaimer|copyright|dm\sme|e-?mail)\b
    |权重|点赞|关注|下载|支持|感谢|推荐""",
    re.I | re.X,
)
_NAME_SEPARATORS = re.compile(r"[\[\](){}|/\\_~★☆♥•–—-]+")
_NAME_NOISE = re.compile(
    r"""\b(?:lora|locon|lycoris|loha|lokr|dora|sdxl|sd\s?1\.?5|sd\s?2\.?1|pony|illustrious
    |flux|xl|v\.?\d+(?:\.\d+)*|ver\.?\s?\d+|epoch|download|free|update[sd]?|beta|test)\b""",
    re.I | re.X,
)

STYLE_WORDS = frozenset(
    """style styles artstyle art anime manga comic cartoon realistic photorealistic photo photography photograph
    photographic film cinematic analog vintage retro painting paintings paint oil watercolor watercolour gouache
    acrylic ink sketch drawing lineart line pencil charcoal pastel illustration digital render rendering 3d 2d cgi
    pixel pixelart voxel lowpoly papercut origami clay claymation plush sculpture mosaic stained glass woodcut
    engraving etching ukiyo impressionist impressionism expressionism surreal surrealism abstract minimalist
    minimalism baroque gothic deco nouveau bauhaus brutalist renaissance rococo cubism pop artstation concept
    fantasy scifi cyberpunk steampunk solarpunk dieselpunk vaporwave synthwave noir horror dark bright colorful
    vibrant monochrome greyscale grayscale sepia neon flat shading cel celshaded screencap screenshot chibi kawaii
    cute aesthetic texture lighting bokeh grain blur hdr low-key lowkey noise offset contrast detailed detail
    details poster cover album tarot card logo icon sticker tattoo graffiti blueprint artist ghibli disney pixar
    dreamworks marvel""".split()
)
_ARTIST = re.compile(r"\b(?:by|style of|inspired by|artist:?)\s+((?:[A-Z][\w.'-]+\s?){1,3})")


class LensTexts(Struct, frozen=True):
    """The three texts of one LoRA; "" where nothing is known."""

    semantic: str
    artistic: str
    technical: str


class Fields(Struct, frozen=True):
    """The same knowledge for lexical search, one list per field group."""

    names: tuple[str, ...]  # title, file name, version name
    triggers: tuple[str, ...]  # one per trigger set
    tags: tuple[str, ...]
    content: tuple[str, ...]  # description and notes without boilerplate
    training: tuple[tuple[str, int], ...]  # training tag, count
    examples: tuple[str, ...]  # raw prompts


def texts(lora: Lora) -> LensTexts:
    """The three lens texts of a LoRA."""
    return LensTexts(semantic(lora), artistic(lora), technical(lora))


def fields(lora: Lora) -> Fields:
    """The searchable fields of a LoRA."""
    names = [lora.title, lora.stem] if lora.title else [lora.stem]
    about = [part for part in (about_text(lora.description), lora.notes) if part]
    return Fields(
        names=tuple(names),
        triggers=tuple(", ".join(words) for words in lora.trigger_sets),
        tags=(*lora.user_tags, *lora.tags),
        content=tuple(about),
        training=lora.training_tags,
        examples=tuple(example.prompt for example in lora.examples),
    )


def semantic(lora: Lora) -> str:
    """What it depicts: name, trigger words, tags, training tags, description without boilerplate."""
    triggers = [word for words in lora.trigger_sets[:3] for word in words[:8]]
    tags = [*lora.user_tags, *lora.tags]
    training = [tag for tag, _ in lora.training_tags[:16]]
    parts = [
        readable_name(lora.name),
        ", ".join(_distinct(triggers)[:12]),
        ", ".join(_distinct(tags)[:16]),
        ", ".join(_distinct(training)),
        about_text(lora.description)[:600],
    ]
    return ". ".join(part for part in parts if part)


def artistic(lora: Lora) -> str:
    """How it looks: the style words and artists among its name, tags, trigger words and description."""
    triggers = [word for words in lora.trigger_sets[:3] for word in words]
    phrases = [*lora.user_tags, *lora.tags, *triggers, *(tag for tag, _ in lora.training_tags[:40])]
    found = [phrase for phrase in phrases if STYLE_WORDS & set(phrase.lower().replace("_", " ").split())]
    found += [match[1].strip() for match in _ARTIST.finditer(lora.description[:2000])]
    words = re.findall(r"[a-z0-9]+", f"{lora.name} {about_text(lora.description)[:600]}".lower())
    found += [word for word in words if word in STYLE_WORDS]
    if lora.role is Role.STYLE:
        found = [readable_name(lora.name), *found]
    return ", ".join(_distinct(found)[:24])


def technical(lora: Lora) -> str:
    """What it technically is: base model, kind, rank, training resolution, file size class, safety level."""
    parts = []
    if lora.base_model:
        parts.append(f"{lora.base_model.name} base model")
    if lora.role is not Role.UNKNOWN:
        parts.append(f"{lora.role.value} LoRA")
    if lora.network:
        parts.append(lora.network)
    if lora.rank:
        parts.append(f"rank {lora.rank}")
    if lora.resolution:
        parts.append(f"trained at {lora.resolution} px")
    megabytes = lora.size / 1e6
    parts.append("small file" if megabytes < 40 else "large file" if megabytes > 300 else "medium file")
    if lora.safety is not None:
        parts.append({Safety.SAFE: "safe for work"}.get(lora.safety, f"{lora.safety.name.lower()} content"))
    return ", ".join(parts)


@lru_cache(maxsize=8192)
def readable_name(name: str) -> str:
    """A title or file name without version numbers, brackets and base-model words; itself if nothing remains."""
    # Noise goes before words are split at capitals, which would turn "LoRA" into two words, and again after it.
    plain = _NAME_NOISE.sub(" ", _NAME_SEPARATORS.sub(" ", name))
    plain = _NAME_NOISE.sub(" ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain))
    plain = " ".join(plain.split())
    return plain or name


@lru_cache(maxsize=512)
def about_text(description: str) -> str:
    """The sentences of a description that say what the LoRA is about."""
    kept = []
    for sentence in _SENTENCE.split(_LINK.sub(" ", description)):
        sentence = " ".join(sentence.split())
        if len(sentence) >= 3 and not _BOILERPLATE.search(sentence):
            kept.append(sentence)
    return " ".join(kept)


def _distinct(words: list[str]) -> list[str]:
    """Without repeats, first spelling kept."""
    seen: set[str] = set()
    out = []
    for word in words:
        key = word.strip().lower().replace("_", " ")
        if key and key not in seen:
            seen.add(key)
            out.append(word.strip())
    return out
