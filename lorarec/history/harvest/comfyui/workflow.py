"""A saved workflow -> the API graph that running it would have given, as far as the file tells.

It holds what the editor showed, so what the editor does on running is done here: subgraphs are laid out flat, muted
nodes (mode 2) drop out with their links, bypassed ones (mode 4) pass links through by type, and nodes that exist in
the editor only are resolved: reroutes, primitives, KJNodes' Set and Get, the links of Use Everywhere.

Source: ``executionUtil.ts`` and ``ExecutableNodeDTO.ts`` of ComfyUI's frontend.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ....errors import BadFile
from ....history_types import Generation
from .graph import MOST_NODES, Graph
from .loaders import Known
from .prompt_graph import read
from .widgets import named_values, widget_name

_MUTED, _BYPASSED = 2, 4
_INPUTS, _OUTPUTS = "-10", "-20"  # the ids of a subgraph's own rims
_REROUTES = frozenset({"Reroute", "Reroute (rgthree)"})
_ONLY_SHOWN = frozenset({*_REROUTES, "PrimitiveNode", "SetNode", "GetNode", "Note", "MarkdownNote"})
_FARTHEST = 300  # links followed to one source
_DEEPEST = 20  # subgraphs in subgraphs


class _Origin(NamedTuple):
    """Where a link starts."""

    node: str
    slot: int


class _Value(NamedTuple):
    """What a link brings where it starts at a value."""

    value: Any


_OWN = _Value(None)  # nothing comes from outside: a widget keeps its own value


def read_workflow(workflow: Any, known: Known) -> Generation:
    """How the image was made whose metadata holds this workflow.

    Args:
        workflow: the object with ``nodes`` and ``links``, as ComfyUI saves it under ``workflow``.
        known: whether a string names a catalogued LoRA.

    Raises:
        BadFile: it is no workflow, or it is larger than any that a person makes.
    """
    return read(Graph(_flat(workflow), saved=True), known, "comfyui:workflow")


class _Scope:
    """One layer of a workflow: the root, or a subgraph as one node of its parent stands for it."""

    def __init__(
        self, content: dict[str, Any], subgraphs: dict[str, Any], parent: _Scope | None = None, place: str = ""
    ) -> None:
        """Index nodes and links.

        Args:
            content: the layer's object with ``nodes`` and ``links``.
            subgraphs: definitions by id.
            parent: the layer around it.
            place: id in the parent of the node that stands for this layer.
        """
        self.content = content
        self.subgraphs = subgraphs
        self.parent = parent
        self.place = place
        self.prefix: str = f"{parent.prefix}{place}:" if parent else ""
        self.depth: int = parent.depth + 1 if parent else 0
        self.nodes = {str(node["id"]): node for node in _objects(content.get("nodes")) if "id" in node}
        self.links: dict[Any, _Origin] = {}
        self.ends: dict[int, _Origin] = {}  # by number of the subgraph's output
        for number, origin, target, target_slot in _links(content.get("links")):
            self.links[number] = origin
            if target == _OUTPUTS:
                self.ends.setdefault(target_slot, origin)
        extra = content.get("extra")
        everywhere = _objects(extra.get("ue_links")) if isinstance(extra, dict) else ()
        self.everywhere = {
            (str(link.get("downstream")), slot): link
            for link in everywhere
            if isinstance(slot := link.get("downstream_slot"), int)
        }
        self.setters = {
            _first_value(node): node
            for node in self.nodes.values()
            if node.get("type") == "SetNode" and isinstance(_first_value(node), str)
        }
        self._inner: dict[str, _Scope] = {}

    def inner(self, node_id: str) -> _Scope | None:
        """The layer that a node of this one stands for."""
        definition = self.subgraphs.get(str(self.nodes[node_id].get("type")))
        if definition is None or self.depth >= _DEEPEST:
            return None
        if node_id not in self._inner:
            self._inner[node_id] = _Scope(definition, self.subgraphs, self, node_id)
        return self._inner[node_id]

    def origin(self, node: dict[str, Any], place: int) -> _Origin | None:
        """Where the link of a node's input starts in this layer, drawn or by Use Everywhere."""
        slot = node["inputs"][place]
        number = slot.get("link")
        if isinstance(number, (int, str)) and (found := self.links.get(number)):
            return found
        link = self.everywhere.get((str(node.get("id")), place)) if self.everywhere else None
        if link and link.get("type") == slot.get("type") and isinstance(link.get("upstream_slot"), int):
            return _Origin(str(link.get("upstream")), link["upstream_slot"])
        return None


def _flat(workflow: Any) -> dict[str, Any]:
    """The API graph of a saved workflow: node id -> {"class_type", "inputs"}."""
    if not isinstance(workflow, dict) or not isinstance(workflow.get("nodes"), list):
        raise BadFile("the text holds no ComfyUI workflow: no list of nodes; leave the file out")
    definitions = workflow.get("definitions")
    listed = _objects(definitions.get("subgraphs")) if isinstance(definitions, dict) else ()
    graph: dict[str, Any] = {}
    scopes = [_Scope(workflow, {str(one["id"]): one for one in listed if "id" in one})]
    nodes = 0
    for scope in scopes:
        nodes += 1 + len(scope.nodes)
        if nodes > MOST_NODES:  # a few subgraphs in one another can stand for millions of nodes
            raise BadFile(f"the workflow has more than {MOST_NODES} nodes; leave the file out")
        for node_id, node in scope.nodes.items():
            kind = node.get("type")
            if node.get("mode") in (_MUTED, _BYPASSED) or not isinstance(kind, str) or kind in _ONLY_SHOWN:
                continue
            if (inner := scope.inner(node_id)) is not None:
                scopes.append(inner)
            elif kind not in scope.subgraphs:
                graph[scope.prefix + node_id] = {"class_type": kind, "inputs": _inputs(scope, node)}
    return graph


def _inputs(scope: _Scope, node: dict[str, Any]) -> dict[str, Any]:
    """A node's values and links as the API graph has them."""
    inputs = {
        name: {"__value__": value} if isinstance(value, list) else value for name, value in named_values(node).items()
    }
    for place, slot in enumerate(_slots(node)):
        name = slot.get("name")
        if not isinstance(name, str) or (origin := scope.origin(node, place)) is None:
            continue
        source = _source(scope, origin)
        if source is _OWN:
            continue
        inputs.pop(name, None)
        if isinstance(source, _Value):
            inputs[name] = {"__value__": source.value} if isinstance(source.value, list) else source.value
        elif source is not None:
            inputs[name] = [source.node, source.slot]
    return inputs


def _source(scope: _Scope, origin: _Origin) -> _Origin | _Value | None:
    """The node that runs, or the value, at the far end of a link; None where it ends at a node that does not run."""
    for _ in range(_FARTHEST):
        step: _Origin | None
        if origin.node == _INPUTS and scope.parent is not None:
            outside = _outside(scope, origin.slot)
            if isinstance(outside, _Value):
                return outside
            scope, origin = scope.parent, outside
            continue
        node = scope.nodes.get(origin.node)
        if node is None or node.get("mode") == _MUTED:
            return None
        kind = node.get("type")
        if node.get("mode") == _BYPASSED:
            step = _bypass(scope, node, origin.slot)
        elif (inner := scope.inner(origin.node)) is not None:
            scope, step = inner, inner.ends.get(origin.slot)
        elif not isinstance(kind, str) or kind in scope.subgraphs:
            return None
        elif kind == "PrimitiveNode":
            return _Value(_first_value(node))
        elif kind == "GetNode":
            found = _setter(scope, _first_value(node))
            scope, step = (found[0], next(_origins(*found), None)) if found else (scope, None)
        elif kind in _REROUTES or kind == "SetNode":
            step = next(_origins(scope, node), None)
        else:
            return _Origin(scope.prefix + origin.node, origin.slot)
        if step is None:
            return None
        origin = step
    return None


def _outside(scope: _Scope, place: int) -> _Origin | _Value:
    """What the node that stands for a subgraph brings to one of its inputs."""
    parent = scope.parent
    assert parent is not None
    node = parent.nodes[scope.place]
    rims = list(_objects(scope.content.get("inputs")))
    name = rims[place].get("name") if place < len(rims) else None
    slots = list(_slots(node))
    here = next((at for at, slot in enumerate(slots) if slot.get("name") == name), None)
    if here is not None and (origin := parent.origin(node, here)) is not None:
        return origin
    shown = [widget for slot in slots if (widget := widget_name(slot))]
    properties = node.get("properties")
    proxies = properties.get("proxyWidgets") if isinstance(properties, dict) else None
    if isinstance(proxies, list):  # they name what they show inside, where the value is kept as well
        return _OWN
    values = node.get("widgets_values")
    if isinstance(values, list) and len(values) == len(shown) and name in shown:
        return _Value(values[shown.index(name)])
    return _OWN


def _bypass(scope: _Scope, node: dict[str, Any], slot: int) -> _Origin | None:
    """What a bypassed node hands on: an input of the output's type, at the same place or else the first."""
    outputs = list(_objects(node.get("outputs")))
    wanted = outputs[slot].get("type") if 0 <= slot < len(outputs) else None
    slots = list(_slots(node))
    alike = [place for place, one in enumerate(slots) if one.get("type") == wanted or wanted == "*"]
    place = slot if slot in alike else next(iter(alike), None)
    return None if place is None else scope.origin(node, place)


def _setter(scope: _Scope, name: Any) -> tuple[_Scope, dict[str, Any]] | None:
    """The Set node of a name, in this layer or one around it."""
    layer: _Scope | None = scope
    while layer is not None and isinstance(name, str):
        if (node := layer.setters.get(name)) is not None:
            return None if node.get("mode") in (_MUTED, _BYPASSED) else (layer, node)
        layer = layer.parent
    return None


def _origins(scope: _Scope, node: dict[str, Any]) -> Iterator[_Origin]:
    for place, _ in enumerate(_slots(node)):
        if (origin := scope.origin(node, place)) is not None:
            yield origin


def _first_value(node: dict[str, Any]) -> Any:
    values = node.get("widgets_values")
    return values[0] if isinstance(values, list) and values else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _slots(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A node's input slots; [] if they are damaged."""
    slots = node.get("inputs")
    return slots if isinstance(slots, list) and all(isinstance(slot, dict) for slot in slots) else []


def _links(value: Any) -> Iterator[tuple[Any, _Origin, str, int]]:
    """Links as (number, origin, target node, target slot): arrays in the root, objects in subgraphs."""
    for link in value if isinstance(value, list) else ():
        if isinstance(link, list) and len(link) > 4:
            number, origin, slot, target, target_slot = link[:5]
        elif isinstance(link, dict):
            keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
            number, origin, slot, target, target_slot = (link.get(key) for key in keys)
        else:
            continue
        if isinstance(number, (int, str)) and type(slot) is int and type(target_slot) is int:
            yield number, _Origin(str(origin), slot), str(target), target_slot
