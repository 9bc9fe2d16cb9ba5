"""Which LoRAs an infotext states: tags in the prompt, hashes, resources, and the LoRA slots of an extension.

Tags are the first witness: they name what was loaded and at which strength. All else joins them by name and stands
alone only for LoRAs that no tag names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from msgspec.structs import replace

from ...history_types import Use
from ...lora_tags import find_tags
from .values import digests, json_value, number, plain_text, tag_name

_AIR = re.compile(r"urn:air:[^:]*:([a-z]+):civitai:\d+@(\d+)", re.I)
_KINDS = frozenset({"lora", "lycoris", "lyco", "locon", "loha", "lokr", "dora"})
_EXTENSION_MODEL = re.compile(r"(.*?)\s*\(([0-9a-f]{6,64})\)", re.I)
_EXTENSION_SLOTS = 20
_MOST = 200  # LoRAs that one image can have been made with


def uses_of(prompt: str, parameters: Mapping[str, str], *, tags_work: bool) -> tuple[Use, ...]:
    """The LoRAs of an infotext, in the order of the prompt. Those at strength 0 were not used.

    Args:
        prompt: the positive prompt; tags in the negative one load nothing.
        parameters: as `a1111.parse_parameters` gives them.
        tags_work: whether the program that made the image loads what tags name; Civitai's own does not.
    """
    found: list[Use] = []
    if tags_work:
        for tag in find_tags(prompt)[:_MOST]:
            _join(found, Use(name=tag.name, strength=tag.strength, clip=tag.clip), exactly=True)
        for tag in find_tags(parameters.get("hires prompt", ""))[:_MOST]:
            _join(found, Use(name=tag.name, strength=tag.strength, clip=tag.clip))
    tagged = len(found)
    for use in islice(chain(_hashed(parameters), _weighted(parameters), _slots(parameters)), _MOST):
        _join(found, use)
    _join_resources(found, tagged, _resources(parameters)[:_MOST])
    return tuple(use for use in found if use.strength != 0 or use.clip not in (0, None))


def _join(found: list[Use], use: Use, *, exactly: bool = False) -> bool:
    """Add what a use says to the one of the same name, else append it; whether there was one.

    ``exactly``: names must be equal as written and the newer strengths stand, as with the host's tags.
    """
    same = [at for at, other in enumerate(found) if other.name == use.name]
    if not same and not exactly:
        same = [at for at, other in enumerate(found) if tag_name(other.name) == tag_name(use.name)]
    if not same or not use.name:
        found.append(use)
        return False
    found[same[0]] = use if exactly else _merged(found[same[0]], use)
    return True


def _merged(first: Use, second: Use) -> Use:
    stated = first if first.strength is not None else second
    return replace(
        first,
        strength=stated.strength,
        clip=stated.clip,
        hashes=tuple(dict.fromkeys((*first.hashes, *second.hashes))),
        version_id=first.version_id or second.version_id,
    )


def _hashed(parameters: Mapping[str, str]) -> Iterator[Use]:
    """``Lora hashes: "name: hash, ..."`` of A1111, with a weight behind in early Fooocus; ``LoRA networks`` and
    ``LoRA hashes`` without names of SD.Next; ``Hashes: {"lora:name": hash}`` of Civitai's extension."""
    unnamed: list[str] = []
    for part in parameters.get("lora hashes", "").split(","):
        name, colon, digest = (field.strip() for field in part.rpartition(":"))
        if not colon:
            unnamed += digests(digest)
            continue
        head, colon, middle = name.rpartition(":")
        if colon and digests(middle) and number(digest) is not None:
            yield Use(name=head.strip(), strength=number(digest), hashes=digests(middle))
        elif name:
            yield Use(name=name, hashes=digests(digest))
    networks = [name for part in parameters.get("lora networks", "").split(",") if (name := part.strip())]
    for at, name in enumerate(networks):
        yield Use(name=name, hashes=(unnamed[at],) if len(unnamed) == len(networks) else ())
    hashes = json_value(parameters.get("hashes", ""))
    for key, digest in hashes.items() if isinstance(hashes, dict) else ():
        kind, colon, name = key.partition(":")
        if colon and kind.lower() in _KINDS and name.strip():
            yield Use(name=name.strip(), hashes=digests(digest))


def _weighted(parameters: Mapping[str, str]) -> Iterator[Use]:
    """``Lora weights: "name: weight, ..."`` of Fooocus."""
    for part in parameters.get("lora weights", "").split(","):
        name, _, weight = part.rpartition(":")
        if name.strip():
            yield Use(name=name.strip(), strength=number(weight))


def _slots(parameters: Mapping[str, str]) -> Iterator[Use]:
    """``AddNet Module 1: LoRA, AddNet Model 1: name(hash), AddNet Weight A 1: ...`` of sd-webui-additional-networks;
    A is the diffusion model's weight, B the text encoder's."""
    if parameters.get("addnet enabled", "").lower() != "true":
        return
    for slot in range(1, _EXTENSION_SLOTS + 1):
        model = parameters.get(f"addnet model {slot}", "")
        if parameters.get(f"addnet module {slot}", "").lower() not in _KINDS or model in ("", "None"):
            continue
        named = _EXTENSION_MODEL.fullmatch(model)
        yield Use(
            name=named[1] if named else model,
            strength=number(parameters.get(f"addnet weight a {slot}", parameters.get(f"addnet weight {slot}"))),
            clip=number(parameters.get(f"addnet weight b {slot}", parameters.get(f"addnet weight {slot}"))),
            hashes=digests(named[2]) if named else (),
        )


def _resources(parameters: Mapping[str, str]) -> list[Use]:
    """The LoRAs of ``Civitai resources: [{"type": "lora", "weight": 0.8, "modelVersionId": 1, "modelName": "x"}]``."""
    return [
        Use(name=name, strength=weight, version_id=version)
        for kind, name, version, weight in _listed(parameters)
        if kind in _KINDS and (name or version)
    ]


def checkpoint_resource(parameters: Mapping[str, str]) -> str:
    """The name of the checkpoint among Civitai's resources, "" if there is none."""
    return next((name for kind, name, _, _ in _listed(parameters) if kind == "checkpoint"), "")


def _listed(parameters: Mapping[str, str]) -> Iterator[tuple[str, str, str, float | None]]:
    """Kind, name, version id and weight of every resource; ``air`` may state kind and version instead."""
    listed = json_value(parameters.get("civitai resources", ""))
    for resource in listed if isinstance(listed, list) else ():
        if not isinstance(resource, dict):
            continue
        air = _AIR.fullmatch(plain_text(resource.get("air")) or "")
        version = resource.get("modelVersionId")
        yield (
            (plain_text(resource.get("type")) or (air[1] if air else "")).lower(),
            (plain_text(resource.get("modelName")) or "").strip(),
            str(version) if isinstance(version, int) and version > 0 else (air[2] if air else ""),
            number(resource.get("weight")),
        )


def _join_resources(found: list[Use], tagged: int, resources: list[Use]) -> None:
    """Give tags the version ids of their resources.

    Resources bear titles where tags bear file names. Names that differ are paired in order where both are as many and
    no weight contradicts; without tags every resource is a use of its own. Else they are left out: a LoRA counted
    twice, or with another's version, is worse than a missing id.
    """
    rest = [use for use in resources if not (_known(found, use) and _join(found, use))]
    if not tagged:
        found += rest
        return
    without_id = [at for at in range(tagged) if not found[at].version_id]
    for places in (without_id, [at for at in without_id if not found[at].hashes]):
        if len(places) == len(rest) and all(map(_agree, [found[at] for at in places], rest)):
            for at, use in zip(places, rest, strict=True):
                found[at] = replace(found[at], version_id=use.version_id)
            return


def _known(found: list[Use], use: Use) -> bool:
    return bool(use.name) and any(tag_name(other.name) == tag_name(use.name) for other in found)


def _agree(tag: Use, resource: Use) -> bool:
    return None in (tag.strength, resource.strength) or resource.strength in (tag.strength, tag.clip)
