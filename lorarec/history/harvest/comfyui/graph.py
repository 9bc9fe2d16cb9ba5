"""ComfyUI's API graph: nodes with values and links, and what a value is behind its links.

The API graph knows no types, so names of inputs tell what they carry. Graphs come from files and may be cyclic: chains
of links are cut off at `FARTHEST`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ....errors import BadFile
from ..values import number, whole

FARTHEST = 100  # links followed for one answer
MOST_NODES = 20_000  # no person makes graphs as large
LONGEST_NAME = 200  # characters of a class or an input
_DEEPEST = 20  # switches that choose for switches
# Under these a primitive, a seed node or a slider keeps its value.
VALUE_NAMES = ("value", "int", "float", "number", "seed", "val", "string", "text", "Xi")
_SAME = {"sampler_name": ("sampler",), "noise_seed": ("seed",)}  # what nodes with several settings call them
_YES = frozenset({1, "true", "True", "on", "On", "yes", "enable", "enabled"})  # True is 1
_BOOLEANS = ("switch", "boolean", "condition", "cond")
_PAIRS = (("on_true", "on_false"), ("tt_value", "ff_value"))
_BRANCHES = frozenset(name for pair in _PAIRS for name in pair)
_NUMBERS = ("select", "index", "Input", "input")


class Link(NamedTuple):
    """Where an input comes from."""

    node: str
    slot: int


class Node:
    """One node that ran."""

    __slots__ = ("kind", "links", "live", "values")

    def __init__(self, kind: str) -> None:
        """Without inputs."""
        self.kind = kind  # class_type
        self.values: dict[str, Any] = {}
        self.links: dict[str, Link] = {}
        self.live: dict[str, Link] | None = None  # of a switch, the links it passes on; None: not looked at yet


class Graph:
    """The nodes of one graph by id."""

    def __init__(self, content: Any, saved: bool = False) -> None:
        """Read an API graph.

        Args:
            content: node id -> {"class_type", "inputs"}.
            saved: it was made from a saved workflow, whose texts may still be templates.

        Raises:
            BadFile: there is no node in it, or more than any graph has.
        """
        self.saved = saved
        self._deep = 0  # switches that wait for one another
        entries = content if isinstance(content, dict) else {}
        self.nodes = {
            str(node_id): Node(entry["class_type"][:LONGEST_NAME])
            for node_id, entry in entries.items()
            if isinstance(entry, dict) and isinstance(entry.get("class_type"), str)
        }
        if not self.nodes:
            raise BadFile("the text holds no ComfyUI graph: no node with a class_type; leave the file out")
        if len(self.nodes) > MOST_NODES:
            raise BadFile(f"the graph has more than {MOST_NODES} nodes; leave the file out")
        for node_id, entry in entries.items():
            if (node := self.nodes.get(str(node_id))) and isinstance(inputs := entry.get("inputs"), dict):
                _sort(inputs, self.nodes, node)

    def live_links(self, node: Node) -> dict[str, Link]:
        """The links that reach a node's outputs: of a switch only those it passes on, else all."""
        if node.live is None:
            node.live = node.links  # until the choice is known: what makes it may depend on this very node
            self._deep += 1
            if self._deep < _DEEPEST and (chosen := self.chosen(node)) is not None:
                node.live = {name: link for name, link in node.links.items() if name in chosen}
            self._deep -= 1
        return node.live

    def chosen(self, node: Node) -> frozenset[str] | None:
        """Names of the inputs that a switch passes on; None for other nodes, and where nothing tells the choice."""
        if not is_switch(node):
            return None
        for on, off in _PAIRS:
            if on in node.links or off in node.links:
                answer = self.first(node, _BOOLEANS)
                return None if answer is None else frozenset({on if truth(answer) else off})
        if node.kind.endswith("Switch (rgthree)"):  # any number of inputs, the first that is there
            return frozenset(sorted(node.links)[:1])
        names = (*node.links, *node.values)
        if (answer := self.first(node, _NUMBERS)) is not None and (place := whole(answer)) is not None:
            return frozenset(name for name in names if name not in _NUMBERS and _number_in(name) in (None, place))
        if (answer := self.first(node, _BOOLEANS)) is not None:  # WAS: model_a where true, model_b where false
            other = "_b" if truth(answer) else "_a"
            return frozenset(name for name in names if name not in _BOOLEANS and not name.endswith(other))
        return None

    def first(self, node: Node, names: Iterable[str]) -> Any:
        """The value of the first of these inputs that has one; None if none has."""
        for name in names:
            if (value := self.value(node, name)) is not None:
                return value
        return None

    def value(self, node: Node, name: str, held: Sequence[str] | None = None) -> Any:
        """An input's value, also behind links to nodes that only hold it; None where it is made at run time.

        Args:
            node: whose input.
            name: of the input.
            held: names of inputs under which a linked node may hold the value. By default its own and `VALUE_NAMES`.
        """
        names = (name, *_SAME.get(name, ()), *VALUE_NAMES) if held is None else held
        for _ in range(FARTHEST):
            if name in node.values:
                return node.values[name]
            link = node.links.get(name)
            if link is None:
                return None
            node = self.nodes[link.node]
            found = next((one for one in names if one in node.values or one in node.links), None)
            if found is None:
                passed = self.live_links(node)
                if len(passed) != 1 or (passed is node.links and node.values):
                    return None
                found = next(iter(passed))
            name = found
        return None

    def number(self, node: Node, name: str) -> float | None:
        """An input's value as a finite number, without the noise that sliders leave in the last digits."""
        found = number(self.value(node, name))
        return None if found is None else round(found, 6)


def is_switch(node: Node) -> bool:
    """Whether a node passes on some of its inputs only."""
    return "witch" in node.kind or not _BRANCHES.isdisjoint(node.links)


def truth(value: Any) -> bool:
    """Whether a switch stands at on."""
    return value.__hash__ is not None and value in _YES


def _sort(inputs: dict[str, Any], nodes: dict[str, Node], node: Node) -> None:
    """Tell links from values. A link to a node that is not there is neither."""
    for name, value in inputs.items():
        if len(name) > LONGEST_NAME:
            continue
        if type(value) is list and len(value) == 2 and type(value[1]) is int and type(value[0]) in (str, int):
            if (source := str(value[0])) in nodes:
                node.links[name] = Link(source, value[1])
        elif type(value) is dict and "__value__" in value:  # lists are wrapped, so that they are no links
            node.values[name] = value["__value__"]
        elif value is not None:
            node.values[name] = value


@lru_cache(maxsize=4096)
def _number_in(name: str) -> int | None:
    """The number at the end of an input's name."""
    digits = name[len(name.rstrip("0123456789")) :]
    return int(digits) if 0 < len(digits) < 6 else None
