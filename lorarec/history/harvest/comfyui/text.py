"""The prompt behind a sampler: conditioning and strings followed upstream to the text that somebody wrote.

What a node makes when it runs (captions, language models, wildcards, styles, lines of files) is unknown, never a
template. Of several conditionings that are combined the known ones count; of a string put together from parts every
part must be known. Texts are as written: nodes that only tidy them up are passed through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .graph import Graph, Link, Node, is_switch
from .strings import READERS, expands, joined, joins, made_at_run_time

POSITIVE, NEGATIVE = "positive", "negative"
Parts = tuple[str, ...] | None  # the texts of a conditioning; () = none stated, None = unknown

_DEEPEST = 60  # nodes from a sampler to its text
_LONGEST = 100_000  # characters
_SIDE = re.compile(
    r"(?:(?:optional|base|text|prompt|cond)_)?(?:(pos(?:itive)?)|neg(?:ative)?)"
    r"(?:_?(?:[a-d]|\d{1,2}|prompt|text|cond|conditioning))?",
    re.I,
)
_PASSED_ON = re.compile(
    r"cond(?:itioning)?(?:_?(?:to|from|[a-d]|\d{1,2}))?|(?:original_)?text_embeds|hyvid_embeds", re.I
)
_CARRIER = re.compile(
    r"\w*pipe\w*|(?:base_)?ctx(?:_\d+)?|context|guider|base_sampler|sdxl_tuple|text_embeds|hyvid_embeds", re.I
)
_STRING = re.compile(
    r"(?:(?:opt_|input_)?(?:text|string|str|prompt|caption)|(?:populated|wildcard)_text|global_prompt|lora_syntax"
    r"|(?:positive|negative)_prompt|text_(?:positive|negative)|trigger_?words?|delimiter|separator|passthrough"
    r"|clip_[lg]|t5xxl|llama|\w*_name)(?:_?(?:[a-hl]|\d{1,2}))?",
    re.I,
)
# The first of these is a node's text; without one, it encodes a text for each of its encoders.
_ONE_TEXT = ("text", "prompt", "string", "value", "user_prompt", "String", "Text", "caption")
_TEXTS = ("text_g", "clip_g", "t5xxl", "text_l", "clip_l", "llama", "bert", "mt5xl", "global_prompt", "local_prompts")
# A node with such settings does more than hold a text.
_WORKS = frozenset(
    "seed temperature max_tokens max_new_tokens top_p top_k model model_name api_key file file_path path folder url "
    "index start_index prefix suffix regex regex_pattern pattern".split()
)


@lru_cache(maxsize=4096)
def side_of(name: str) -> str:
    """Which of the two prompts an input's name means, "" for neither."""
    found = _SIDE.fullmatch(name)
    return "" if not found else POSITIVE if found[1] else NEGATIVE


@lru_cache(maxsize=4096)
def is_string(name: str) -> bool:
    """Whether an input's name means text: no model comes that way."""
    return _STRING.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def is_carrier(name: str) -> bool:
    """Whether an input's name means a bundle: pipes, contexts, guiders."""
    return _CARRIER.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _is_passed_on(name: str) -> bool:
    return _PASSED_ON.fullmatch(name) is not None


class Texts:
    """Reads the texts of one graph, each part once."""

    def __init__(self, graph: Graph) -> None:
        """Nothing is read yet."""
        self.graph = graph
        self._read: dict[tuple[str, int, str, bool], Parts] = {}
        self._deep = 0

    def prompt(self, sampler: Node, side: str) -> str | None:
        """The positive or negative prompt of a sampler; None = unknown or not stated.

        Texts of several conditionings or encoders stand on lines of their own, each once.
        """
        parts = self._driving(sampler, side)
        if not parts:
            return None
        text = "\n".join([part for part in parts if part.strip()] or parts[:1])
        return text if len(text) <= _LONGEST else None

    def string(self, node: Node, name: str) -> str | None:
        """The text of an input, None = unknown."""
        parts = self.input(node, name)
        return parts[0] if parts and len(parts) == 1 else None

    def input(self, node: Node, name: str, side: str = POSITIVE) -> Parts:
        """The texts behind an input, written there or linked."""
        if (link := node.links.get(name)) is not None:
            return self.behind(link, side)
        value = node.values.get(name)
        if not isinstance(value, str) or len(value) > _LONGEST or expands(node.kind, value, self.graph.saved):
            return None
        return (value,)

    def behind(self, link: Link, side: str, carried: bool = False) -> Parts:
        """The texts behind a link. ``carried``: it is a bundle, of which only one side is asked for."""
        key = (link.node, link.slot, side, carried)
        if key not in self._read:
            self._read[key] = None  # what it is as long as it is asked for in a circle
            self._deep += 1
            if self._deep < _DEEPEST:
                self._read[key] = self._of(self.graph.nodes[link.node], link.slot, side, carried)
            self._deep -= 1
        return self._read[key]

    def _driving(self, node: Node, side: str) -> Parts:
        """The texts that drive a sampler or guider. A guider without negative has none."""
        names = [name for name in (*node.links, *node.values) if side_of(name) == side]
        if names:
            return self._all(node, names, side)
        if side == POSITIVE and (names := [name for name in node.links if name.startswith("cond")]):
            return self._all(node, names, side)
        for name, link in node.links.items():
            if is_carrier(name) and (parts := self.behind(link, side, carried=True)):
                return parts
        return None

    def _of(self, node: Node, slot: int, side: str, carried: bool) -> Parts:
        """The texts that a node's output stands for."""
        if (reader := READERS.get(node.kind)) is not None:
            text = reader(self, node, slot)
            return None if text is None else (text,)
        if node.kind.startswith("ConditioningZeroOut"):
            return ("",)
        if made_at_run_time(node.kind):
            return None
        if is_switch(node):
            chosen = self.graph.chosen(node) or ()
            return self._all(node, [name for name in (*node.links, *node.values) if name in chosen], side)
        sided = [name for name in (*node.links, *node.values) if side_of(name)]
        if sided:
            return self._two_sided(node, sided, 2 if carried else slot, side)
        if names := [name for name in node.links if _is_passed_on(name)]:
            if not names[0].lower().startswith("cond"):
                return self.behind(node.links[names[0]], side, carried)
            # A guider with one conditioning has no negative.
            return () if carried and side == NEGATIVE else self._all(node, names, side)
        if joins(node):
            text = joined(self, node)
            return None if text is None else (text,)
        if names := self._text_inputs(node, carried):
            return self._all(node, names, side) if not carried or side == POSITIVE else ()
        for name, link in node.links.items():
            if is_carrier(name):
                return self.behind(link, side, carried=True)
        if len(node.links) == 1 and not node.values and "ncode" not in node.kind:  # a reroute
            return self.behind(next(iter(node.links.values())), side, carried)
        return None

    def _all(self, node: Node, names: Iterable[str], side: str) -> Parts:
        """The texts of several inputs, each once; unknown if none of them is known."""
        known = [parts for name in names if (parts := self.input(node, name, side)) is not None]
        return tuple(dict.fromkeys(part for parts in known for part in parts)) if known else None

    def _two_sided(self, node: Node, names: list[str], slot: int, side: str) -> Parts:
        """Nodes with both prompts: ControlNets and their like, loaders with texts, pipes."""
        linked = node.links
        bundle = "model" in linked or any(is_carrier(name) for name in linked)
        loader = any(name.endswith("_name") for name in node.values)
        if not bundle and not loader and slot < 2 and POSITIVE in linked and NEGATIVE in linked:
            side = (POSITIVE, NEGATIVE)[slot]  # their outputs are the two in this order, whatever they are wired to
        if mine := [name for name in names if side_of(name) == side]:
            return self._all(node, mine, side)
        for name, link in linked.items():
            if is_carrier(name):
                return self.behind(link, side, carried=True)
        return () if bundle else self._all(node, names, side)

    def _text_inputs(self, node: Node, carried: bool) -> list[str]:
        """Names of the inputs that hold a node's text; [] if it is no plain text and no encoder."""
        encodes = "ncode" in node.kind or any("clip" in name or name.startswith("t5") for name in node.links)
        plain = _WORKS.isdisjoint(node.values) and all(is_string(name) for name in node.links)
        if not (encodes or carried or plain):
            return []
        present = node.links.keys() | node.values.keys()
        if "with_SDXL" in present and node.values.get("with_SDXL") is True:
            present -= {"text"}
        if "passthrough" in node.links:  # then the text beside it only shows what came that way
            return ["passthrough"]
        one = next((name for name in _ONE_TEXT if name in present), None)
        return [one] if one else [name for name in _TEXTS if name in present]
