"""Workflows as ComfyUI saves them, built node by node: ``flow.node("KSampler", model=checkpoint[0], seed=1)``."""

from __future__ import annotations

from typing import Any, NamedTuple


class Out(NamedTuple):
    """An output of a node."""

    node: int
    slot: int
    type: str


class Node:
    """A node that was added; ``node[slot]`` is one of its outputs."""

    def __init__(self, number: int, outputs: list[str]) -> None:
        self.number, self._outputs = number, outputs

    def __getitem__(self, slot: int) -> Out:
        return Out(self.number, slot, self._outputs[slot])


class Flow:
    """One workflow. The definitions are those of ``/object_info``."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.nodes: list[dict[str, Any]] = []
        self.links: list[list[Any]] = []

    def node(self, kind: str, title: str = "", mode: int = 0, at: tuple[int, int] | None = None, **inputs: Any) -> Node:
        """Add a node; inputs are outputs of others or values of widgets."""
        info = self.definitions[kind]
        number = len(self.nodes) + 1
        given = {
            name: spec for group in ("required", "optional") for name, spec in info["input"].get(group, {}).items()
        }
        slots, values = [], []
        for name, (type_, *options) in given.items():
            told = options[0] if options else {}
            widget = isinstance(type_, list) or type_ in ("STRING", "INT", "FLOAT", "BOOLEAN")
            value = inputs.pop(name, None)
            slot: dict[str, Any] = {"name": name, "type": type_ if isinstance(type_, str) else "COMBO", "link": None}
            if widget:
                slot["widget"] = {"name": name}
                first = type_[0] if isinstance(type_, list) else {"STRING": "", "BOOLEAN": False}.get(type_, 1)
                values.append(told.get("default", first) if value is None or isinstance(value, Out) else value)
                if told.get("control_after_generate"):
                    values.append("fixed")
            if isinstance(value, Out):
                self._link(value, number, len(slots), slot)
            slots.append(slot)
        assert not inputs, f"{kind} has no {list(inputs)}"
        outputs = [
            {"name": name, "type": type_, "links": []}
            for name, type_ in zip(info["output_name"], info["output"], strict=True)
        ]
        column, row = divmod(number - 1, 4)
        self.nodes.append(
            {
                **{
                    "id": number,
                    "type": kind,
                    "pos": list(at or (column * 420 + 40, row * 300 + 60)),
                    "size": [360, 180],
                },
                **{"flags": {}, "order": number, "mode": mode, "inputs": slots, "outputs": outputs, "properties": {}},
                **{"widgets_values": values, **({"title": title} if title else {})},
            }
        )
        return Node(number, info["output"])

    def virtual(self, kind: str, value: str, given: Out | None = None) -> Node:
        """Add a Set or Get node."""
        number = len(self.nodes) + 1
        slot: dict[str, Any] = {"name": "*", "type": "*", "link": None}
        if given:
            self._link(given, number, 0, slot)
        self.nodes.append(
            {
                **{
                    "id": number,
                    "type": kind,
                    "pos": [number * 100, 900],
                    "size": [200, 60],
                    "flags": {},
                    "order": number,
                },
                **{
                    "mode": 0,
                    "inputs": [slot] if kind == "SetNode" else [],
                    "properties": {},
                    "widgets_values": [value],
                },
                "outputs": [{"name": "*", "type": "*", "links": []}],
            }
        )
        return Node(number, ["*"])

    def _link(self, out: Out, target: int, slot: int, into: dict[str, Any]) -> None:
        number = len(self.links) + 1
        into["link"] = number
        self.links.append([number, out.node, out.slot, target, slot, out.type])
        self.nodes[out.node - 1]["outputs"][out.slot]["links"].append(number)

    def saved(self) -> dict[str, Any]:
        """The workflow as its file holds it."""
        return {
            **{"last_node_id": len(self.nodes), "last_link_id": len(self.links), "nodes": self.nodes},
            **{"links": self.links, "groups": [], "config": {}, "extra": {}, "version": 0.4},
        }


def text_to_image(definitions: dict[str, Any], prompt: str, **more: Any) -> Flow:
    """The usual graph: checkpoint, two prompts, sampler, image."""
    flow = Flow(definitions)
    loader = flow.node("CheckpointLoaderSimple", ckpt_name=more.get("checkpoint", "sdxl/juggernautXL_v9.safetensors"))
    positive = flow.node("CLIPTextEncode", "Positive", text=prompt, clip=loader[1])
    negative = flow.node("CLIPTextEncode", "Negative", text="blurry", clip=loader[1])
    latent = flow.node("EmptyLatentImage")
    links = {"model": loader[0], "positive": positive[0], "negative": negative[0], "latent_image": latent[0]}
    sampler = flow.node("KSampler", **links)
    image = flow.node("VAEDecode", samples=sampler[0], vae=loader[2])
    flow.node("SaveImage", images=image[0])
    return flow
