"""Which reader understands what: the texts of an image file -> how the image was made.

The order is that of trust. SwarmUI and Fooocus go first, since their texts stand under the same key as infotext and
SwarmUI drives ComfyUI. The graph that ComfyUI ran is a better witness than an infotext beside it: a save node writes
that from what its user wired to it, often without the LoRAs, while every loader that ran is in the graph. Only text
made at run time is missing there, and for that the infotext is asked. A workflow comes last: it is what the editor
showed, with widgets to guess at and nodes that were switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...errors import BadFile
from ...history_types import Generation
from . import a1111, fooocus, invoke, novelai, swarm
from .comfyui.prompt_graph import read_prompt
from .comfyui.workflow import read_workflow
from .values import json_value

Known = Callable[[str], bool]  # whether a string names a catalogued LoRA


class Reader(Struct, frozen=True):
    """One program's way to state a generation."""

    name: str
    keys: tuple[str, ...]  # keys of `metadata.read_metadata` under which its text may stand, likeliest first
    read: Callable[[str, Mapping[str, str], Known], Generation | None]  # text, all texts; None: not its format


def _alone(read: Callable[[str], Generation | None]) -> Callable[[str, Mapping[str, str], Known], Generation | None]:
    """A reader that needs nothing but its text."""
    return lambda text, metadata, known: read(text)


def _read_graph(text: str, metadata: Mapping[str, str], known: Known) -> Generation | None:
    """The graph that ComfyUI ran; what it does not know of prompts from the infotext beside it.

    Where it only enlarges, the infotext tells of the image that it loaded.
    """
    graph = _body(text, "prompt")
    if graph is None:
        return None
    graph = _as_queued(graph, metadata.get("lorarec", ""))
    made = read_prompt(graph, known)
    if made.prompt is None and (beside := a1111.read(metadata.get("parameters", ""))):
        if not made.teaches:
            return replace(beside, sources=made.sources, upscaled=beside.upscaled + made.upscaled)
        made = replace(made, prompt=beside.prompt, negative=beside.negative if made.negative is None else made.negative)
    return made


def _as_queued(graph: dict[str, Any], ours: str) -> dict[str, Any]:
    """The graph without what our own node chose in that very run.

    Its choice is written into the graph that is saved, so that the image can be made again, and noted under
    ``lorarec``. Nobody has seen it then: it is no choice of the user's, and must not teach that it was a good one. A
    choice that the user queues again is theirs, and is not noted.
    """
    noted = json_value(ours) if ours else None
    for id_ in noted if isinstance(noted, dict) else ():
        node = graph.get(id_)
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict):
            graph = {**graph, id_: {**node, "inputs": {**node["inputs"], "selection": ""}}}
    return graph


def _read_workflow(text: str, metadata: Mapping[str, str], known: Known) -> Generation | None:
    workflow = _body(text, "workflow")
    return None if workflow is None else read_workflow(workflow, known)


def _body(text: str, name: str) -> Any:
    """A graph as PNG holds it (``{...}``), as WebP's EXIF does (``prompt:{...}``), or in an object under its name."""
    if text.lstrip()[:1] != "{":
        head, _, text = text.partition(":")
        if head.strip().lower() != name or text.lstrip()[:1] != "{":
            return None
    value = json_value(text)
    if isinstance(value, dict) and name in value:
        value = value[name]
        if isinstance(value, str):
            value = json_value(value)
    return value if isinstance(value, dict) else None


_INFOTEXT = ("parameters", "UserComment", "Comment")
_EXIF = ("Model", "Make", "ImageDescription", "UserComment")

READERS: tuple[Reader, ...] = (
    Reader("swarmui", ("parameters", "UserComment", "Model"), _alone(swarm.read)),
    Reader("fooocus", _INFOTEXT, _alone(fooocus.read)),
    Reader("comfyui", ("prompt", *_EXIF), _read_graph),
    Reader("a1111", _INFOTEXT, _alone(a1111.read)),
    Reader("invokeai", ("invokeai_metadata",), _alone(invoke.read_metadata)),
    Reader("invokeai", ("sd-metadata",), _alone(invoke.read_sd_metadata)),
    Reader("invokeai", ("Dream",), _alone(invoke.read_dream)),
    Reader("novelai", ("Comment",), lambda text, metadata, known: novelai.read(text, metadata)),
    Reader("comfyui", ("workflow", *_EXIF), _read_workflow),
)


def read_generation(metadata: Mapping[str, str], known: Known = lambda name: False) -> Generation | None:
    """How an image was made, by the first of `READERS` that understands its texts; None if none does.

    What `teaches` nothing, as a graph that only enlarges, is the last resort, and only where it names the image it
    started from.

    ``Generation.reader`` names the reader and the key it read, e.g. "a1111:parameters". ``known`` tells whether a
    string names a catalogued LoRA. Never raises for anything that a file can hold.
    """
    origin: Generation | None = None
    for reader in READERS:
        for key in reader.keys:
            if text := metadata.get(key):
                try:
                    found = reader.read(text, metadata, known)
                except BadFile:  # JSON, but no graph
                    continue
                if not found or not (found.teaches or found.sources):
                    continue
                found = replace(
                    found, reader=f"{reader.name}:{key}", upscaled=found.upscaled + _enlarged_after(metadata)
                )
                if found.teaches:
                    return found
                origin = origin or found
    return origin


def _enlarged_after(metadata: Mapping[str, str]) -> bool:
    """Whether A1111's "extras" enlarged the finished image; they keep what was written about its making."""
    return any("Postprocess upscale" in metadata.get(key, "") for key in ("extras", "postprocessing"))
