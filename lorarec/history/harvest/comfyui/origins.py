"""What a graph says of where its image came from: the image files that it loads, and how often it enlarges."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .graph import Graph

_MOST = 50  # images that go into one
_LONGEST = 1000  # characters of a path
_FILE = re.compile(r"(.+\.(?:png|jpe?g|webp|avif))\s*(?:\[(input|output|temp)\])?", re.I)
_ABSOLUTE = re.compile(r"/|\\|[a-z]:", re.I)
_UPSCALES = re.compile(r"upscal|hires|highres|supir|seedvr", re.I)
_LOADS = re.compile(r"load|provider", re.I)


def sources(graph: Graph, ids: Sequence[str]) -> tuple[str, ...]:
    """The images that these nodes load and pass on: paths relative to the output folder, absolute ones, or names.

    What lies in the input folder was put there from elsewhere, often from the output folder, and kept no more than its
    name. Masks, drafts and the clipboard's files are no images that anybody made.
    """
    passed = {link.node for id_ in ids for link in graph.live_links(graph.nodes[id_]).values()}
    found: dict[str, None] = {}
    for node in (graph.nodes[id_] for id_ in ids if id_ in passed):
        if "oad" not in node.kind or "Mask" in node.kind:
            continue
        for value in node.values.values():
            if isinstance(value, str) and len(value) <= _LONGEST and (name := _file(value.strip())):
                found[name] = None
    return tuple(found)[:_MOST]


def _file(value: str) -> str:
    """The file that an input names, "" if none that counts."""
    named = _FILE.fullmatch(value)
    if not named or named[2] == "temp" or named[1].startswith(("clipspace/", "clipspace\\")):
        return ""
    if named[2] == "output" or _ABSOLUTE.match(named[1]):
        return named[1]
    return named[1].replace("\\", "/").rpartition("/")[2]


def upscaled(graph: Graph, ids: Sequence[str]) -> int:
    """How many of these nodes enlarge an image or a latent."""
    kinds = (graph.nodes[id_].kind for id_ in ids)
    return sum(_UPSCALES.search(kind) is not None and not _LOADS.search(kind) for kind in kinds)
