"""What a LoRA is for, with the evidence: its tags, words in its names and description, and how it is used.

Weights are additive; each role's share of their sum, dampened by a constant for "none of these", is its probability.
"Lightning" is an element and a heroine, "turbo" a car and "hyper realistic" a look: such words make an accelerator only
beside talk of steps or speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..types import Role

_DOUBT = 0.8  # weight of "none of these"
_MAX_ROLES = 4

_TAGS: dict[str, tuple[Role, float]] = {}
for _role, _weight, _names in (
    (
        Role.CHARACTER,
        2.5,
        "character,characters,game character,anime character,video game character,celebrity,"
        "consistent character,vtuber character",
    ),
    (
        Role.CHARACTER,
        1.2,
        "person,vtuber,virtual youtuber,actress,actor,characterpack,girlpack,character lora,oc,"
        "original character,cosplay",
    ),
    (Role.STYLE, 2.5, "style,styles,art style,artstyle,style lora,style art,artist style,artist"),
    (
        Role.STYLE,
        0.7,
        "illustration,painting,paintings,watercolor,pixel art,comic,photography,3d render,digital art,"
        "aesthetic,film,lineart",
    ),
    (
        Role.CLOTHING,
        2.3,
        "clothing,clothes,outfit,outfits,costume,costumes,fashion,fashion design,uniform,lingerie,"
        "swimsuit,dress,hanfu,armor,shoes",
    ),
    (Role.POSE, 2.5, "pose,poses,posing,action,gesture"),
    (Role.CONCEPT, 2.2, "concept,concepts,concept lora"),
    (
        Role.CONCEPT,
        1.6,
        "objects,object,background,backgrounds,buildings,building,architecture,architecture design,"
        "vehicle,vehicles,animal,animals,assets,scenery,landscape"
        ",landscapes,environment,food,weapon,weapons,creature,monster,robot,effect,vfx,meme,expression,"
        "hairstyle,body,location,scene,plants,icon",
    ),
    (
        Role.DETAIL,
        2.5,
        "detail,details,detailed,detailer,detail tweaker,tweaker,enhancer,enhancement,noise offset,"
        "undetailed,add detail,quality",
    ),
    (Role.DETAIL, 0.4, "tool,tools,utility,contrast,high contrast,lighting"),
    (Role.SLIDER, 4.0, "slider,sliders,slider lora,concept slider,concept sliders"),
    (
        Role.ACCELERATOR,
        5.0,
        "lcm,lcm lora,acceleration,accelerator,speed up,few step,few steps,distillation,turbo lora,"
        "lightning lora,dmd2,hyper-sd,4-step,8-step",
    ),
):
    _TAGS.update({_name: (_role, _weight) for _name in _names.split(",")})

_ACCELERATOR_NAME = re.compile(
    r"""\b(?:lcm|animatelcm|dmd2?|tcd|pcm|rcm|causvid|caus\s?vid|lightx2v|fusionx|fusion\s?x|acc\s?vid(?:eo)?
    |self\s?forcing|phased\s?consistency
    |hyper\s?(?:sd(?:xl|\s?1\.?5|\s?3)?|flux)|(?:sdxl|xl|flux|qwen|wan|sd3?)\b.{0,24}\b(?:lightning|turbo|hyper
    |distill(?:ed|ation)?)
    |(?:lightning|turbo|hyper|flash)\s?(?:sdxl|xl|flux|qwen|wan|lora|alpha)|turbo\s?alpha|flash\s?sd\w*
    |cfg\s?distill\w*|step\s?distill\w*
    |(?:lightning|turbo|hyper|distill\w*|flash|schnell)\b.{0,40}\b\d{1,2}\s?steps?
    |\b\d{1,2}\s?steps?\b.{0,40}\b(?:lightning|turbo|hyper|distill\w*|flash|lora)
    |(?:to|2)\s?schnell)\b""",
    re.I | re.X,
)
# A number of steps in a name is a strong hint; "two-step" is a dance.
_STEPS_NAME = re.compile(r"\b(?:4|6|8|16)\s?steps?\b", re.I)
_DOUBTFUL_NAME = re.compile(r"\b(?:lightning|turbo|hyper|flash|distill(?:ed|ation)?)\b", re.I)
_FEW_STEPS = re.compile(
    r"\b(?:fewer|less|only|just|in|with)\s+(?:\d{1,2}\s*(?:-|–|~|to)\s*)?\d?\s?(?:sampling\s+"
    r"|inference\s+|denoising\s+)?steps\b"
    r"|\b(?:1|2|4|6|8)(?:\s*(?:-|–|~|to)\s*\d{1,2})?[\s-]?steps?\b|\b(?:speed(?:s|ing)?[\s-]?up"
    r"|accelerat\w+|distill\w+|few[\s-]?steps?)\b",
    re.I,
)
_SLIDER_NAME = re.compile(r"\bsliders?\b|滑块|スライダー", re.I)
_DETAIL_NAME = re.compile(
    r"""\b(?:(?:add|more|extra|better|enhanced?|fine|micro|super|ultra)\s?(?:more\s)?details?|detail(?:ed
    |s)?\s?(?:and\s\w+\s)?(?:tweak\w*|enhanc\w*|maker|adjust\w*|boost\w*|er|pack|lora
    |fix\w*)|\w*detailers?|detailifier|noise\s?offset|offset\s?noise|(?:contrast|saturation|sharpness
    |brightness|exposure|line|lighting)\s?(?:fix\w*|tweake?r?|adjust\w*|boost\w*)
    |(?:hands?|eyes?|face|skin|teeth)\s?(?:fix\w*|details?|enhanc\w*|tweak\w*)|enhancer|epi\s?noise\s?offset2?
    |low\s?ra|tweaker|image\s?quality)\b
    |细节|調整\s?lora|增强""",
    re.I | re.X,
)
_TITLE: tuple[tuple[re.Pattern[str], Role, float], ...] = (
    (
        re.compile(r"\bstyles?\b|\bart\s?style\b|artstyle|画风|風格|风格|画風|\baesthetic\b|\bscreencap\b", re.I),
        Role.STYLE,
        2.2,
    ),
    (
        re.compile(
            r"\b(?:art of|by|inspired by)\s+[A-Z]|\bpainting|illustration|watercolor|\bpixel\s?art\b|\blineart\b"
            r"|\bphotography\b"
        ),
        Role.STYLE,
        1.0,
    ),
    (re.compile(r"\bcharacters?\b|人物|角色|キャラ", re.I), Role.CHARACTER, 1.5),
    (
        re.compile(
            r"\b(?:outfits?|clothes|clothing|costumes?|uniforms?|dress(?:es)?|swimsuits?|bikini|lingerie|hanfu"
            r"|kimono|armou?r|jacket|skirt)\b|服装|衣装|制服|旗袍",
            re.I,
        ),
        Role.CLOTHING,
        1.6,
    ),
    (
        re.compile(r"\b(?:poses?|posing|pov|sitting|standing|kneeling|squatting|lying|t-pose)\b|姿势|ポーズ", re.I),
        Role.POSE,
        1.6,
    ),
    (
        re.compile(
            r"\b(?:concept|background|scenery|objects?|vehicles?|mecha|buildings?|interior|landscape|effect"
            r"|vfx)\b|【concept】|场景|背景",
            re.I,
        ),
        Role.CONCEPT,
        1.2,
    ),
)
_SAYS: tuple[tuple[re.Pattern[str], Role, float], ...] = (
    (
        re.compile(r"\b(?:character|she|her|his|outfit \d|cosplay|girl from|boy from|protagonist|heroine)\b", re.I),
        Role.CHARACTER,
        0.4,
    ),
    (
        re.compile(
            r"\b(?:(?:art|drawing|painting|illustration|this|the|of|my)\s+style|style\s+(?:lora|of)|trained on "
            r"(?:the )?(?:art|works)|artist)\b",
            re.I,
        ),
        Role.STYLE,
        0.5,
    ),
    (re.compile(r"\bslider\b", re.I), Role.SLIDER, 0.8),
    (re.compile(r"\b(?:adds?|enhances?|increases?)\s+(?:\w+\s+)?details?\b", re.I), Role.DETAIL, 0.5),
)
_CAMEL = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z]{3})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=[a-z]{4})(?=\d)"
)
_SEPARATORS = re.compile(r"[_\-+.~/\\]+")


def words_of(name: str) -> str:
    """A file name as words: ``AnimateLCM_sd15-4step`` -> ``Animate LCM sd15 4step``."""
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", name))


def guess_roles(
    title: str,
    stem: str,
    tags: Iterable[str] = (),
    user_tags: Iterable[str] = (),
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    signed: bool = False,
    training_tags: Sequence[tuple[str, int]] = (),
) -> list[dict[str, Any]]:
    """Roles in the shape of `RoleGuess`, most probable first; empty if nothing tells.

    ``signed`` says that a strength range through zero is stated; ``metadata`` is the file's header.
    """
    weights: dict[Role, float] = {}
    evidence: dict[Role, tuple[float, str]] = {}

    def add(role: Role, weight: float, why: str) -> None:
        weights[role] = weights.get(role, 0.0) + weight
        if weight > evidence.get(role, (0.0, ""))[0]:
            evidence[role] = (weight, why)

    for kind, factor, names in (("user tag", 1.5, user_tags), ("tag", 1.0, tags)):
        for tag in names:
            if known := _TAGS.get(tag.lower().strip("# ").replace("_", " ")):
                add(known[0], known[1] * factor, f'{kind} "{tag}"')
    for kind, name in (("title", title), ("file name", stem)):
        if name:
            _from_name(add, kind, name, description, [tag.lower() for tag in tags])
    for pattern, role, weight in _SAYS:
        if description and (match := pattern.search(description, 0, 3_000)):
            add(role, weight, f'description "{match[0]}"')
    if signed:
        add(Role.SLIDER, 1.2, "strength range through zero")
        add(Role.DETAIL, 0.4, "strength range through zero")
    for key in ("training_info", "software", "name", "ss_training_comment"):
        if metadata and "slider" in metadata.get(key, "")[:4_000].lower():
            add(Role.SLIDER, 3.0, f"header:{key}")
    if not weights and training_tags:
        _from_training(add, training_tags)
    total = sum(weights.values()) + _DOUBT
    ranked = sorted(weights.items(), key=lambda item: -item[1])[:_MAX_ROLES]
    return [
        {"role": role.value, "probability": round(weight / total, 3), "evidence": evidence[role][1]}
        for role, weight in ranked
    ]


def _from_name(add: Any, kind: str, name: str, description: str, tags: Sequence[str]) -> None:
    words = words_of(name) if kind == "file name" else _SEPARATORS.sub(" ", name)
    if match := _ACCELERATOR_NAME.search(words):
        add(Role.ACCELERATOR, 6.0, f'{kind} "{match[0]}"')
    elif match := _STEPS_NAME.search(words):
        add(Role.ACCELERATOR, 2.5, f'{kind} "{match[0]}"')
    elif match := _DOUBTFUL_NAME.search(words):
        # The word alone is an element, a car or a look.
        content = {"character", "style", "concept", "clothing"} & set(tags)
        if not content and _FEW_STEPS.search(description[:4_000]):
            add(Role.ACCELERATOR, 4.0, f'{kind} "{match[0]}" and a description of few steps')
    if match := _SLIDER_NAME.search(words):
        add(Role.SLIDER, 5.0, f'{kind} "{match[0]}"')
    if match := _DETAIL_NAME.search(words):
        add(Role.DETAIL, 4.0, f'{kind} "{match[0]}"')
    for pattern, role, weight in _TITLE:
        if match := pattern.search(words):
            add(role, weight if kind == "title" else weight * 0.7, f'{kind} "{match[0]}"')


_CHARACTER_TAGS = frozenset({"1girl", "1boy", "solo"})


def _from_training(add: Any, training_tags: Sequence[tuple[str, int]]) -> None:
    """A LoRA known by its captions only: one person in nearly all pictures is weak evidence of a character."""
    top = training_tags[0][1]
    looks = 0
    person = False
    for tag, count in training_tags[:40]:
        share = count / top
        person = person or (tag.lower() in _CHARACTER_TAGS and share > 0.8)
        looks += share > 0.6 and tag.lower().endswith((" hair", " eyes"))
    if person and looks >= 2:
        add(Role.CHARACTER, 1.2, "training tags (one person, the same hair and eyes)")
