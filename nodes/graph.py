"""What ComfyUI's graphs say: the checkpoint behind a MODEL link, and where a saved workflow keeps our selection.

Two shapes occur. The API graph (hidden input PROMPT) maps node ids to {"class_type", "inputs"}, where a link is
[node id, output number]. The saved workflow (extra_pnginfo["workflow"]) lists nodes with "widgets_values" in widget
order and keeps subgraphs under "definitions".
"""

from __future__ import annotations

from collections import deque
from typing import Any

# Inputs of the loaders that name the file a diffusion model comes from, most telling first.
FILE_INPUTS = ("ckpt_name", "unet_name", "diffusion_model_name", "base_ckpt_name", "model_name", "model", "checkpoint")
MODEL_FILES = (".safetensors", ".sft", ".ckpt", ".gguf", ".pt", ".pth", ".bin")
OTHER_PARTS = ("lora", "vae", "clip", "control", "upscale", "text_encoder", "embedding")


def checkpoint_name(prompt: Any, node_id: str, input_name: str = "model") -> str | None:
    """Name of the file that a node's MODEL link starts from, as its loader names it; None if no loader tells.

    Nodes between (LoRA loaders, model patches, merges) are passed through their own MODEL links, first link first.
    """
    if not isinstance(prompt, dict):
        return None
    start = _link(_inputs(prompt, node_id).get(input_name))
    queue = deque([start] if start else [])
    seen: set[str] = set()
    while queue:
        current = queue.popleft()
        if current in seen:
            continue
        seen.add(current)
        inputs = _inputs(prompt, current)
        model_links = [link for name, value in inputs.items() if "model" in name.lower() and (link := _link(value))]
        if not model_links and (name := _file_name(prompt, inputs)):
            return name
        others = [link for value in inputs.values() if (link := _link(value))]
        queue.extend(model_links or others)
    return None


def fill_prompt(prompt: Any, node_id: str, input_name: str, value: str) -> bool:
    """Write a widget's value into the API graph that image savers store; False where the graph has no such node."""
    node = prompt.get(node_id) if isinstance(prompt, dict) else None
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return False
    if _link(node["inputs"].get(input_name)):
        return False
    node["inputs"][input_name] = value
    return True


def fill_workflow(workflow: Any, node_id: str, node_type: str, widget: str, position: int, value: str) -> bool:
    """Write a widget's value into a saved workflow; False where the workflow has no such node.

    ``node_id`` is the execution id: "7", or "12:7" for node 7 of the subgraph that node 12 stands for. ``position``
    is the widget's place among the node's widgets, for workflows that keep values as a list.
    """
    node = _workflow_node(workflow, node_id)
    if node is None or node.get("type") != node_type:
        return False
    values = node.get("widgets_values")
    if isinstance(values, dict):
        values[widget] = value
        return True
    if not isinstance(values, list) or len(values) < position:
        return False
    values[position : position + 1] = [value]
    return True


def _workflow_node(workflow: Any, node_id: str) -> dict[str, Any] | None:
    if not isinstance(workflow, dict):
        return None
    definitions = workflow.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    by_id = {sub.get("id"): sub for sub in subgraphs or () if isinstance(sub, dict)}
    graph: dict[str, Any] | None = workflow
    node: dict[str, Any] | None = None
    for part in str(node_id).split(":"):
        if graph is None:
            return None
        nodes = graph.get("nodes")
        node = next(
            (one for one in nodes or () if isinstance(one, dict) and str(one.get("id")) == part),
            None,
        )
        if node is None:
            return None
        graph = by_id.get(node.get("type"))
    return node


def _inputs(prompt: dict[str, Any], node_id: str) -> dict[str, Any]:
    node = prompt.get(node_id)
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def _link(value: Any) -> str | None:
    """The source node's id if an input's value is a link."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and not isinstance(value[0], dict):
        return str(value[0])
    return None


def _file_name(prompt: dict[str, Any], inputs: dict[str, Any]) -> str | None:
    """The model file a loader's inputs name, also when the name is linked in from a text node."""
    for name in FILE_INPUTS:
        value = inputs.get(name)
        source = _link(value)
        if source:
            value = next((v for v in _inputs(prompt, source).values() if _is_file(v)), None)
        if isinstance(value, str) and value.strip():
            return value
    for name, value in inputs.items():
        if _is_file(value) and not any(part in name.lower() for part in OTHER_PARTS):
            return str(value)
    return None


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.lower().endswith(MODEL_FILES)
