"""Infotext, the format of A1111 and its relatives: Forge, reForge, SD.Next, and of what writes for their readers.

    prompt, of many lines
    Negative prompt: of many lines
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: x, Lora hashes: "a: 0123456789ab", ...

Source: ``modules/infotext_utils.py`` of A1111 and Forge, ``modules/infotext.py`` and ``processing_info.py`` of SD.Next,
sd-dynamic-prompts (templates behind the parameters), Civitai's generator (values that are JSON without quotes).
"""

from __future__ import annotations

import json
import re

from msgspec import Struct

from ...base_models import canonical
from ...history_types import Generation
from .values import json_value, moment, number, size, whole
from .webui_loras import checkpoint_resource, uses_of

_MAX_TEXT = 1_000_000  # characters; no host writes more
_STEPS = re.compile(r"^[ \t]*Steps:[ \t]*\d+[ \t]*(?:,|$)", re.M)
_NEGATIVE = re.compile(r"^[ \t]*Negative prompt:", re.M | re.I)
_TEMPLATE = re.compile(r"^[ \t]*(?:Negative )?Template:", re.M | re.I)
_KEY = re.compile(r"\s*(\w[\w \-/]{0,80}):[ \t]*")
_QUOTED = re.compile(r'"(?:\\.|[^\\"])*"(?=\s*(?:,|$))')
_TELLING = frozenset({"steps", "sampler", "cfg scale", "seed", "size", "model", "model hash", "version"})
_HIRES = frozenset({"hires upscale", "hires upscaler", "hires resize"})
_EXTRAS = frozenset({"postprocess upscale by", "postprocess upscale to"})
_JSON = json.JSONDecoder()


class Infotext(Struct, frozen=True):
    """An infotext in its three parts."""

    prompt: str
    negative: str  # "" is stated: hosts leave the line out
    parameters: dict[str, str]  # key in lower case -> value without quotes


def read(text: str) -> Generation | None:
    """The generation an infotext states, None if it is none."""
    infotext = parse(text)
    return generation(infotext) if infotext else None


def parse(text: str) -> Infotext | None:
    """Take an infotext apart; None without a line of parameters or a negative prompt to know it by.

    Templates of dynamic prompts are dropped: the prompt is what was drawn from them.
    """
    if len(text) > _MAX_TEXT:
        return None
    text = text.replace("\r\n", "\n")
    start, end = _parameter_line(text)
    head = text[:start]
    negative = _NEGATIVE.search(head)
    if start == end and not negative:
        return None
    prompt = head[: negative.start()] if negative else head
    rest = head[negative.end() :] if negative else ""
    return Infotext(_without_template(prompt), _without_template(rest), parse_parameters(text[start:end]))


def _parameter_line(text: str) -> tuple[int, int]:
    """Where the line of parameters stands; an empty range at the end if there is none."""
    starts = [found.start() for found in _STEPS.finditer(text)]
    if starts:
        return starts[-1], _line_end(text, starts[-1])
    start = text.rstrip().rfind("\n") + 1  # without the usual first key only the last line will do
    end = _line_end(text, start)
    if text.count(":", start, end) >= 3 and len(_TELLING & parse_parameters(text[start:end]).keys()) >= 3:
        return start, end
    return len(text), len(text)


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _without_template(text: str) -> str:
    template = _TEMPLATE.search(text)
    return (text[: template.start()] if template else text).strip()


def parse_parameters(line: str) -> dict[str, str]:
    """``Key: value, Key: "quoted, value", Key: {"some": "JSON"}`` by key in lower case; the last of equal keys stands.

    What is no such pair is passed over. Takes time linear in the length of the line.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(line):
        if key := _KEY.match(line, at):
            value, at = _value(line, key.end())
            found[key[1].lower()] = value
        at = line.find(",", at) + 1 or len(line)
    return found


def _value(line: str, at: int) -> tuple[str, int]:
    """The value at ``at`` and where it ends."""
    if quoted := _QUOTED.match(line, at):
        value = json_value(quoted[0])
        return (value if isinstance(value, str) else quoted[0][1:-1]), quoted.end()
    if line[at : at + 1] in ("{", "["):
        try:
            end = _JSON.raw_decode(line, at)[1]
        except (ValueError, RecursionError):
            pass
        else:
            return line[at:end], end
    end = line.find(",", at)
    end = len(line) if end < 0 else end
    return line[at:end].strip(), end


def generation(infotext: Infotext) -> Generation:
    """What an infotext says about an image."""
    parameters = infotext.parameters
    host = host_of(parameters)
    width, height = size(parameters.get("size", ""))
    cfg = number(parameters.get("cfg scale"))
    return Generation(
        prompt=infotext.prompt,
        negative=infotext.negative,
        loras=uses_of(infotext.prompt, parameters, tags_work=host != "civitai"),
        checkpoint=parameters.get("model", "") or checkpoint_resource(parameters),
        base_model=canonical(parameters.get("basemodel", "")) or "",
        seed=whole(parameters.get("seed")),
        steps=whole(parameters.get("steps")),
        sampler=parameters.get("sampler", ""),
        cfg=number(parameters.get("distilled cfg scale")) if cfg is None else cfg,
        width=whole(parameters.get("width")) if width is None else width,
        height=whole(parameters.get("height")) if height is None else height,
        made=moment(parameters.get("created date")),
        host=host,
        upscaled=sum(not names.isdisjoint(parameters) for names in (_HIRES, _EXTRAS)),
    )


def host_of(parameters: dict[str, str]) -> str:
    """The program that wrote the parameters, as far as it says so; "a1111" where nothing tells."""
    version = parameters.get("version", "").lower()
    if parameters.get("app", "").lower() == "sd.next":
        return "sdnext"
    if not version and "civitai resources" in parameters and "created date" in parameters:
        return "civitai"  # made on the site
    for start, host in _HOSTS:
        if version.startswith(start):
            return host
    return "a1111"


_HOSTS = (
    *((f"f{digit}", "forge") for digit in range(10)),  # "f2.0.1v1.10.1-previous-...", also reForge
    ("neo", "forge-neo"),
    ("classic", "forge-classic"),
    ("comfyui", "comfyui"),
    ("fooocus", "fooocus"),
)
