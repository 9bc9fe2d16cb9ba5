"""The sampling passes behind an image, and the LoRAs of all of them.

Which image a graph's metadata stands in cannot be told where it saves several. Of the nodes that save, the one with
the most sampling behind it is taken, then the one with the most LoRAs, then the first. The pass that describes it is
the first one, or the one that unites what several have begun apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ....history_types import Use
from .graph import FARTHEST, Graph, Link, Node
from .loaders import Known, uses
from .text import POSITIVE, Texts, is_carrier, is_string

LATENT = ("latent_image", "latent", "image_embeds", "samples", "latents", "video_latent", "samples_to")
IMAGE = ("image_to_latent", "image", "images", "pixels")
_EARLIER = frozenset((*LATENT, *IMAGE))  # inputs on which the result of an earlier pass may come
_MOST_ENDS = 32
_SAVES = re.compile(r"save|videocombine|video combine|sendimage|websocket", re.I)


class Branch(NamedTuple):
    """What is behind one image."""

    sampler: Node | None  # the pass that describes it
    loras: tuple[Use, ...]
    ids: list[str]  # all nodes, in the order of their dependence


def branch(graph: Graph, texts: Texts, known: Known) -> Branch:
    """What is behind the image that the graph's metadata stands in; of a fragment without sampler all nodes."""
    found: list[tuple[list[str], int]] = []  # the nodes upstream of an image, and how many of them sample
    for ends in _ends(graph):
        walked: list[set[str]] = []
        for end in reversed(ends):  # an earlier image is often on the way to a later one, and then no more than it
            sources = {link.node for link in _sources(graph, end)}
            if any(sources <= seen for seen in walked):
                continue
            ids = _upstream(graph, end)
            walked.append(set(ids))
            if samplers := sum(_is_sampler(graph.nodes[node_id]) for node_id in ids):
                found.append((ids, samplers))
        if found:
            break
    if not found:
        ids = list(graph.nodes)
        return Branch(None, _loras(graph, ids, texts, known), ids)
    most = max(samplers for _, samplers in found)
    equals = [(ids, _loras(graph, ids, texts, known)) for ids, samplers in reversed(found) if samplers == most]
    ids, loras = max(equals, key=lambda one: len(one[1]))  # the first of these
    return Branch(graph.nodes[_describing(graph, ids)], loras, ids)


def _describing(graph: Graph, ids: list[str]) -> str:
    """The first pass on the way to an image, or the pass that unites what several have begun.

    ``ids`` are the nodes upstream of the image in the order of their dependence, itself at last.
    """
    place = {node_id: at for at, node_id in enumerate(ids)}
    current = end = ids[-1]
    for _ in range(FARTHEST):
        before = sorted(_passes_before(graph, current), key=lambda one: place.get(one, 0))
        if not before:
            break
        if len(before) > 1 and not set(before) <= set(_upstream(graph, before[-1])):  # each began by itself
            return before[0] if current == end else current
        current = before[-1]
    return current


def _passes_before(graph: Graph, node_id: str) -> list[str]:
    """The samplers whose results a node starts from; what only guides a sampler does not count."""
    links = graph.live_links(graph.nodes[node_id])
    if _is_sampler(graph.nodes[node_id]):
        links = {name: link for name, link in links.items() if name in _EARLIER or "pipe" in name}
    found: list[str] = []
    seen = {node_id}
    stack = [link.node for link in links.values()]
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if _is_sampler(graph.nodes[current]):
            found.append(current)
        else:
            stack += [link.node for link in _sources(graph, current)]
    return found


def _ends(graph: Graph) -> Iterator[list[str]]:
    """The nodes that save images; else those that nothing follows, as previews; else, in a circle, all samplers."""
    nodes = graph.nodes.items()
    yield _first_of(node_id for node_id, node in nodes if node.links and _saves(node.kind))
    followed = {link.node for _, node in nodes for link in node.links.values()}
    yield _first_of(node_id for node_id, node in nodes if node.links and node_id not in followed)
    yield _first_of(node_id for node_id, node in nodes if _is_sampler(node))


def _first_of(ends: Iterable[str]) -> list[str]:
    return sorted(ends, key=_order)[:_MOST_ENDS]


def _order(node_id: str) -> tuple[int, str]:
    """Node ids as numbers where they are."""
    return (int(node_id), "") if node_id.isascii() and node_id.isdigit() and len(node_id) < 10 else (10**10, node_id)


@lru_cache(maxsize=4096)
def _saves(kind: str) -> bool:
    return _SAVES.search(kind) is not None


def _upstream(graph: Graph, end: str) -> list[str]:
    """All nodes whose results reach a node other than as text, each after those it depends on."""
    order: list[str] = []
    seen = {end}
    stack: list[tuple[str, Iterator[Link]]] = [(end, iter(_sources(graph, end)))]
    while stack:
        node_id, sources = stack[-1]
        for link in sources:
            if link.node not in seen:
                seen.add(link.node)
                stack.append((link.node, iter(_sources(graph, link.node))))
                break
        else:
            stack.pop()
            order.append(node_id)
    return order


def _sources(graph: Graph, node_id: str) -> list[Link]:
    """A node's links other than texts, those first on which an earlier pass may come."""
    links = graph.live_links(graph.nodes[node_id])
    first = [link for name, link in links.items() if name in _EARLIER]
    return first + [link for name, link in links.items() if name not in _EARLIER and not is_string(name)]


def _is_sampler(node: Node) -> bool:
    """Whether a node samples: something random or stepwise, driven by a model, a guider, embeddings or a pipe."""
    links, values, kind = node.links, node.values, node.kind
    seeded = "seed" in values or "seed" in links or "noise_seed" in values or "noise_seed" in links
    stepwise = "sigmas" in links or "noise" in links
    named = "ampler" in kind
    if not (seeded or stepwise or named) or "Context" in kind or "Provider" in kind or "populated_text" in values:
        return False
    piped = any(is_carrier(name) for name in links)
    driven = named and (piped or POSITIVE in links)
    if not (driven or piped or "model" in links):
        return False
    if seeded:
        return "Pipe" not in kind or named or "Detailer" in kind
    return stepwise or driven


def _loras(graph: Graph, ids: list[str], texts: Texts, known: Known) -> tuple[Use, ...]:
    """The LoRAs of these nodes, each once: where passes differ in its strength the first counts."""
    slots: dict[str, set[int]] = {}  # the outputs of each node that these nodes use
    for node_id in ids:
        for link in graph.live_links(graph.nodes[node_id]).values():
            slots.setdefault(link.node, set()).add(link.slot)
    found: dict[str, Use] = {}
    for node_id in ids:
        for use in uses(graph, graph.nodes[node_id], texts.string, known, slots.get(node_id, set())):
            found.setdefault(use.name, use)
    return tuple(found.values())
