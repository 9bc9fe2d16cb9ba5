"""What a saved workflow needs before it reads like the graph that ran."""

from __future__ import annotations

from typing import Any

import pytest

from lorarec.errors import BadFile
from lorarec.history.harvest.comfyui.workflow import read_workflow
from lorarec.history_types import Generation, Use

CONTROL, MUTED, BYPASSED = "randomize", 2, 4


def read(workflow: Any) -> Generation:
    return read_workflow(workflow, lambda name: False)


class Editor:
    """Draws nodes as the editor saves them. A link is (node, slot, type)."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[Any] = []

    def add(self, kind: str, values: Any = None, *, mode: int = 0, outputs: str = "", **links: Any) -> int:
        number = len(self.nodes) + 1
        slots = []
        for name, origin in links.items():
            slots.append({"name": name, "type": origin[2] if origin else "*", "link": None})
            if origin:
                self.links.append([len(self.links) + 1, origin[0], origin[1], number, len(slots) - 1, origin[2]])
                slots[-1]["link"] = len(self.links)
        self.nodes.append(
            {
                "id": number,
                "type": kind,
                "mode": mode,
                "inputs": slots,
                "outputs": [{"name": name, "type": name} for name in outputs.split()],
                "widgets_values": values,
            }
        )
        return number

    def image(self, model: Any, wanted: Any, **settings: Any) -> dict[str, Any]:
        """The rest of a plain workflow around a model and a conditioning."""
        unwanted = self.add("CLIPTextEncode", ["blurry"], outputs="CONDITIONING")
        latent = self.add("EmptyLatentImage", [640, 960, 1], outputs="LATENT")
        sampler = self.add(
            "KSampler",
            [7, CONTROL, 20, 6.5, "euler", "normal", 1],
            model=model,
            positive=wanted,
            negative=(unwanted, 0, "CONDITIONING"),
            latent_image=(latent, 0, "LATENT"),
            **settings,
        )
        decoded = self.add("VAEDecode", samples=(sampler, 0, "LATENT"))
        self.add("SaveImage", ["ComfyUI"], images=(decoded, 0, "IMAGE"))
        return {"nodes": self.nodes, "links": self.links, "version": 0.4}

    def checkpoint(self) -> int:
        return self.add("CheckpointLoaderSimple", ["base.safetensors"], outputs="MODEL CLIP VAE")

    def text(self, words: str, **links: Any) -> tuple[int, int, str]:
        return self.add("CLIPTextEncode", [words], outputs="CONDITIONING", **links), 0, "CONDITIONING"

    def lora(self, name: str, model: Any, strength: float = 1.0, mode: int = 0) -> tuple[int, int, str]:
        values = [name, strength]
        return self.add("LoraLoaderModelOnly", values, mode=mode, outputs="MODEL", model=model), 0, "MODEL"


def test_a_plain_workflow() -> None:
    draw = Editor()
    base = draw.checkpoint()
    made = read(draw.image(draw.lora("ink.safetensors", (base, 0, "MODEL"), 0.8), draw.text("a lighthouse")))
    assert made == Generation(
        prompt="a lighthouse",
        negative="blurry",
        loras=(Use(name="ink.safetensors", strength=0.8),),
        checkpoint="base.safetensors",
        seed=7,
        steps=20,
        sampler="euler",
        cfg=6.5,
        width=640,
        height=960,
        host="comfyui",
        reader="comfyui:workflow",
    )


def test_bypassed_loaders_pass_the_model_on_and_muted_ones_do_not() -> None:
    draw = Editor()
    first = draw.lora("first.safetensors", (draw.checkpoint(), 0, "MODEL"))
    off = draw.lora("off.safetensors", first, mode=BYPASSED)
    made = read(draw.image(draw.lora("last.safetensors", off), draw.text("a")))
    assert [use.name for use in made.loras] == ["first.safetensors", "last.safetensors"]
    assert made.checkpoint == "base.safetensors"
    muted = Editor()
    first = muted.lora("first.safetensors", (muted.checkpoint(), 0, "MODEL"))
    off = muted.lora("off.safetensors", first, mode=MUTED)
    made = read(muted.image(muted.lora("last.safetensors", off), muted.text("a")))
    assert [use.name for use in made.loras] == ["last.safetensors"]
    assert made.checkpoint == ""


def test_bypass_goes_by_type_not_by_place() -> None:
    draw = Editor()
    base = draw.checkpoint()
    both = draw.add(
        "LoraLoader",
        ["off.safetensors", 1, 1],
        mode=BYPASSED,
        outputs="MODEL CLIP",
        clip=(base, 1, "CLIP"),
        model=(base, 0, "MODEL"),
    )
    made = read(draw.image((both, 0, "MODEL"), draw.text("a", clip=(both, 1, "CLIP"))))
    assert (made.checkpoint, made.prompt, made.loras) == ("base.safetensors", "a", ())


def test_a_muted_half_does_not_count() -> None:
    draw = Editor()
    base = draw.checkpoint()
    workflow = draw.image((base, 0, "MODEL"), draw.text("a"))
    before = len(draw.nodes)
    draw.image(draw.lora("ink.safetensors", (base, 0, "MODEL")), draw.text("b"))
    for node in draw.nodes[before:]:
        node["mode"] = MUTED
    made = read(workflow)
    assert (made.prompt, made.loras) == ("a", ())


def test_reroutes_and_named_wires() -> None:
    draw = Editor()
    base = draw.checkpoint()
    around = draw.add("Reroute", None, outputs="*", **{"": (base, 0, "MODEL")})
    lora = draw.lora("ink.safetensors", (around, 0, "MODEL"))
    draw.add("SetNode", ["the model"], outputs="*", MODEL=lora)
    wire = draw.add("GetNode", ["the model"], outputs="MODEL")
    unset = draw.add("GetNode", ["nobody"], outputs="CONDITIONING")
    made = read(draw.image((wire, 0, "MODEL"), (unset, 0, "CONDITIONING")))
    assert [use.name for use in made.loras] == ["ink.safetensors"]
    assert (made.checkpoint, made.prompt, made.negative) == ("base.safetensors", None, "blurry")


@pytest.mark.parametrize("mode", [MUTED, BYPASSED])
def test_a_named_wire_that_is_switched_off_brings_nothing(mode: int) -> None:
    draw = Editor()
    lora = draw.lora("ink.safetensors", (draw.checkpoint(), 0, "MODEL"))
    draw.add("SetNode", ["the model"], mode=mode, outputs="*", MODEL=lora)
    wire = draw.add("GetNode", ["the model"], outputs="MODEL")
    made = read(draw.image((wire, 0, "MODEL"), draw.text("a")))
    assert (made.prompt, made.loras, made.checkpoint) == ("a", (), "")


def test_a_primitive_overrides_the_value_that_the_widget_shows() -> None:
    draw = Editor()
    seed = draw.add("PrimitiveNode", [99, "fixed"], outputs="INT")
    made = read(draw.image((draw.checkpoint(), 0, "MODEL"), draw.text("a"), seed=(seed, 0, "INT")))
    assert made.seed == 99


def test_a_widget_turned_into_a_socket_holds_no_value_of_its_own() -> None:
    draw = Editor()
    workflow = draw.image((draw.checkpoint(), 0, "MODEL"), draw.text("a"))
    sampler = next(node for node in draw.nodes if node["type"] == "KSampler")
    sampler["inputs"].append({"name": "seed", "type": "INT", "link": None, "widget": {"name": "seed"}})
    made = read(workflow)
    assert (made.seed, made.steps) == (None, 20)


@pytest.mark.parametrize("text", ["a {red|blue} boat", "{|b}", "a {3::b|c}"])
def test_templates_that_the_editor_resolves_are_unknown(text: str) -> None:
    draw = Editor()
    made = read(draw.image((draw.checkpoint(), 0, "MODEL"), draw.text(text)))
    assert (made.prompt, made.negative) == (None, "blurry")


@pytest.mark.parametrize("text", ["a {boat}", "a|b", '{"scene": "x"}', "__sea__", "}|{"])
def test_other_braces_are_text(text: str) -> None:
    draw = Editor()
    assert read(draw.image((draw.checkpoint(), 0, "MODEL"), draw.text(text))).prompt == text


def test_values_without_any_name_still_tell_a_lora() -> None:
    draw = Editor()
    base = draw.checkpoint()
    power = draw.add(
        "Power Lora Loader (rgthree)",
        [
            {},
            {"type": "PowerLoraLoaderHeaderWidget"},
            {"on": True, "lora": "ink.safetensors", "strength": 0.7, "strengthTwo": None},
            {"on": False, "lora": "off.safetensors", "strength": 1},
            "",
        ],
        outputs="MODEL CLIP",
        model=(base, 0, "MODEL"),
    )
    manager = draw.add(
        "Lora Loader (LoraManager)",
        [
            {"version": 1, "textWidgetName": "text"},
            "<lora:fog:0.5>",
            [{"name": "fog", "strength": 0.5, "active": True, "clipStrength": 0.5}],
        ],
        outputs="MODEL CLIP",
        model=(power, 0, "MODEL"),
    )
    made = read(draw.image((manager, 0, "MODEL"), draw.text("a")))
    assert made.loras == (
        Use(name="ink.safetensors", strength=0.7),
        Use(name="fog", strength=0.5, clip=0.5),
    )


def test_an_unknown_loader_is_read_by_the_order_of_its_values() -> None:
    draw = Editor()
    base = (draw.checkpoint(), 0, "MODEL")
    loader = draw.add("UnheardOfLoraLoader", ["ink.safetensors", 0.75, 0.5, True], outputs="MODEL", model=base)
    other = draw.add("UnheardOfPatch", ["fog.safetensors", 0.75], outputs="MODEL", model=(loader, 0, "MODEL"))
    made = read(draw.image((other, 0, "MODEL"), draw.text("a")))
    assert made.loras == (Use(name="ink.safetensors", strength=0.75, clip=0.5),)


def test_values_named_by_the_node_come_before_the_table() -> None:
    draw = Editor()
    base = draw.checkpoint()
    loader = draw.add("LoraLoaderModelOnly", [0.25, "ink.safetensors"], outputs="MODEL", model=(base, 0, "MODEL"))
    slots = draw.nodes[loader - 1]["inputs"]
    for name in ("strength_model", "lora_name"):  # a version with another order
        slots.append({"name": name, "type": "*", "link": None, "widget": {"name": name}})
    workflow = draw.image((loader, 0, "MODEL"), draw.text("a"))
    assert read(workflow).loras == (Use(name="ink.safetensors", strength=0.25),)
    draw.nodes[loader - 1]["widgets_values_named"] = {"lora_name": "fog.safetensors", "strength_model": 0.5}
    assert read(workflow).loras == (Use(name="fog.safetensors", strength=0.5),)
    draw.nodes[loader - 1] |= {"widgets_values_named": None, "widgets_values": {"lora_name": "as object.pt"}}
    assert read(workflow).loras == (Use(name="as object.pt"),)


def nested(inner: Editor, inputs: str, output: tuple[int, int, str], **instance: Any) -> dict[str, Any]:
    """A definition of what an editor drew: links from -10 come from outside, the output goes to -20."""
    links = [
        dict(zip(("id", "origin_id", "origin_slot", "target_id", "target_slot", "type"), link, strict=True))
        for link in inner.links
    ]
    end = {"id": 1000, "origin_id": output[0], "origin_slot": output[1], "target_id": -20, "target_slot": 0}
    return {
        "id": "6c0f6f0e-subgraph",
        "name": "loras",
        "inputs": [{"name": name} for name in inputs.split()],
        "outputs": [{"name": output[2]}],
        "nodes": inner.nodes,
        "links": [*links, end],
        **instance,
    }


@pytest.mark.parametrize(
    ("instance", "loras", "checkpoint"),
    [
        ({}, ["outer.safetensors", "inner.safetensors"], "base.safetensors"),
        ({"mode": BYPASSED}, ["outer.safetensors"], "base.safetensors"),
        ({"mode": MUTED}, [], ""),
    ],
)
def test_subgraphs(instance: dict[str, Any], loras: list[str], checkpoint: str) -> None:
    inner = Editor()
    output = inner.lora("inner.safetensors", (-10, 0, "MODEL"))
    draw = Editor()
    outer = draw.lora("outer.safetensors", (draw.checkpoint(), 0, "MODEL"))
    place = draw.add("6c0f6f0e-subgraph", [], outputs="MODEL", model=outer)
    draw.nodes[place - 1] |= instance
    workflow = draw.image((place, 0, "MODEL"), draw.text("a"))
    workflow["definitions"] = {"subgraphs": [nested(inner, "model", output)]}
    made = read(workflow)
    assert [use.name for use in made.loras] == loras
    assert made.checkpoint == checkpoint


def test_values_shown_on_the_outside_of_a_subgraph() -> None:
    inner = Editor()
    words = {"name": "text", "type": "STRING", "link": 1, "widget": {"name": "text"}}
    encoder = inner.add("CLIPTextEncode", ["inside"], outputs="CONDITIONING")
    inner.nodes[0]["inputs"] = [words]
    inner.links.append([1, -10, 0, encoder, 0, "STRING"])
    draw = Editor()
    place = draw.add("6c0f6f0e-subgraph", ["outside"], outputs="CONDITIONING")
    shown = {"name": "words", "type": "STRING", "link": None, "widget": {"name": "words"}}
    instance = draw.nodes[place - 1]
    instance["inputs"] = [shown]
    workflow = draw.image((draw.checkpoint(), 0, "MODEL"), (place, 0, "CONDITIONING"))
    workflow["definitions"] = {"subgraphs": [nested(inner, "words", (encoder, 0, "CONDITIONING"))]}
    assert read(workflow).prompt == "outside"
    instance["properties"] = {"proxyWidgets": [["1", "text"]]}  # shows what is kept inside
    assert read(workflow).prompt == "inside"
    instance["properties"] = {}
    instance["widgets_values"] = []
    assert read(workflow).prompt == "inside"
    linked = draw.add("PrimitiveStringMultiline", ["linked"], outputs="STRING")
    draw.links.append([500, linked, 0, place, 0, "STRING"])
    shown["link"] = 500
    assert read(workflow).prompt == "linked"


def test_named_wires_reach_into_subgraphs() -> None:
    inner = Editor()
    wire = inner.add("GetNode", ["the model"], outputs="MODEL")
    output = inner.lora("inner.safetensors", (wire, 0, "MODEL"))
    draw = Editor()
    outer = draw.lora("outer.safetensors", (draw.checkpoint(), 0, "MODEL"))
    draw.add("SetNode", ["the model"], outputs="*", MODEL=outer)
    place = draw.add("6c0f6f0e-subgraph", [], outputs="MODEL")
    workflow = draw.image((place, 0, "MODEL"), draw.text("a"))
    workflow["definitions"] = {"subgraphs": [nested(inner, "", output)]}
    assert [use.name for use in read(workflow).loras] == ["outer.safetensors", "inner.safetensors"]


def test_broadcast_links() -> None:
    draw = Editor()
    lora = draw.lora("ink.safetensors", (draw.checkpoint(), 0, "MODEL"))
    draw.add("Anything Everywhere", [], anything=lora)
    workflow = draw.image(None, draw.text("a"))
    sampler = next(node for node in draw.nodes if node["type"] == "KSampler")
    sampler["inputs"][0]["type"] = "MODEL"
    link = {"downstream": sampler["id"], "downstream_slot": 0, "upstream": str(lora[0]), "upstream_slot": 0}
    assert read(workflow).loras == ()
    workflow["extra"] = {"ue_links": [{**link, "type": "MODEL"}]}
    assert [use.name for use in read(workflow).loras] == ["ink.safetensors"]
    workflow["extra"] = {"ue_links": [{**link, "type": "CLIP"}]}  # slots moved since
    assert read(workflow).loras == ()


def test_a_subgraph_in_itself_ends() -> None:
    inner = Editor()
    for _ in range(3):
        inner.add("6c0f6f0e-subgraph", [], outputs="MODEL", model=(-10, 0, "MODEL"))
    draw = Editor()
    place = draw.add("6c0f6f0e-subgraph", [], outputs="MODEL", model=(draw.checkpoint(), 0, "MODEL"))
    workflow = draw.image((place, 0, "MODEL"), draw.text("a"))
    workflow["definitions"] = {"subgraphs": [nested(inner, "model", (1, 0, "MODEL"))]}
    with pytest.raises(BadFile, match="more than 20000 nodes"):
        read(workflow)


def test_wires_in_a_circle_end() -> None:
    draw = Editor()
    draw.add("Reroute", None, outputs="*", **{"": (2, 0, "MODEL")})
    draw.add("Reroute", None, outputs="*", **{"": (1, 0, "MODEL")})
    made = read(draw.image((1, 0, "MODEL"), draw.text("a")))
    assert (made.prompt, made.checkpoint) == ("a", "")


@pytest.mark.parametrize("workflow", [None, [], "x", {}, {"nodes": None}, {"nodes": []}, {"nodes": [{"id": 1}]}])
def test_what_is_no_workflow_is_refused(workflow: Any) -> None:
    with pytest.raises(BadFile, match="no ComfyUI"):
        read(workflow)
