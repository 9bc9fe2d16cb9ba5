"""Which of a graph's samplers, images and settings count, and graphs that are damaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lorarec.errors import BadFile
from lorarec.history.harvest.comfyui.prompt_graph import read_prompt
from lorarec.history_types import Generation, Use

CLIP = {"clip": ["checkpoint", 1]}
Ran = Callable[..., Generation]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def read(graph: Any) -> Generation:
    return read_prompt(graph, lambda name: False)


def loader(name: str, source: str = "checkpoint") -> dict[str, Any]:
    return node("LoraLoaderModelOnly", lora_name=name, strength_model=1.0, model=[source, 0])


def sampler(latent: str, model: str = "checkpoint", **inputs: Any) -> dict[str, Any]:
    links = {"model": [model, 0], "positive": ["wanted", 0], "negative": ["unwanted", 0], "latent_image": [latent, 0]}
    return node("KSampler", **{"seed": 1, "steps": 9, "cfg": 1.0, "sampler_name": "lcm", **links, **inputs})


def test_the_plain_graph(ran: Ran) -> None:
    assert ran() == Generation(
        prompt="a lighthouse",
        negative="blurry",
        checkpoint="base.safetensors",
        seed=7,
        steps=20,
        sampler="euler",
        cfg=6.5,
        width=640,
        height=960,
        host="comfyui",
        reader="comfyui:prompt",
    )


def test_the_first_pass_gives_the_settings_and_all_passes_the_loras(ran: Ran) -> None:
    nodes = {
        "larger": node("LatentUpscale", samples=["sampler", 0], width=1280, height=1920),
        "fine": loader("fine.safetensors"),
        "second": sampler("larger", "fine"),
        "decoded": node("VAEDecode", samples=["second", 0], vae=["checkpoint", 2]),
        "face": node("FaceDetailer", image=["decoded", 0], model=["checkpoint", 0], seed=2, steps=3, wildcard=""),
        "saved": node("SaveImage", images=["face", 0]),
        "coarse": loader("coarse.safetensors"),
    }
    made = ran(nodes, model=["coarse", 0])
    assert (made.seed, made.steps, made.sampler, made.width) == (7, 20, "euler", 640)
    assert [use.name for use in made.loras] == ["coarse.safetensors", "fine.safetensors"]


def test_an_image_between_passes_does_not_hide_the_first(ran: Ran) -> None:
    nodes = {
        "again": node("VAEEncode", pixels=["decoded", 0], vae=["checkpoint", 2]),
        "second": sampler("again"),
        "finished": node("VAEDecode", samples=["second", 0], vae=["checkpoint", 2]),
        "saved": node("SaveImage", images=["finished", 0]),
    }
    assert ran(nodes).seed == 7


def test_saved_images_come_before_shown_ones(ran: Ran) -> None:
    nodes = {
        "other": sampler("size", seed=2),
        "more": sampler("other", seed=3),
        "shown": node("PreviewImage", images=["more", 0]),
    }
    assert ran(nodes).seed == 7


def test_what_saves_no_image_does_not_count_as_saving(ran: Ran) -> None:
    nodes = {"saved": node("SaveText", text=["words", 0]), "words": node("PrimitiveString", value="a")}
    nodes["shown"] = node("PreviewImage", images=["decoded", 0])
    assert ran(nodes).seed == 7


def test_of_several_saved_images_the_one_with_the_most_passes(ran: Ran) -> None:
    nodes = {"second": sampler("sampler", "lora"), "lora": loader("ink.safetensors")}
    for saver in ("1", "2"):
        nodes[saver] = node("SaveImage", images=["decoded" if saver == "1" else "second", 0])
    assert [use.name for use in ran(nodes).loras] == ["ink.safetensors"]


def test_of_equal_images_the_one_with_loras_then_the_first(ran: Ran) -> None:
    nodes = {
        "a": sampler("size", seed=1),
        "b": sampler("size", "lora b", seed=2),
        "c": sampler("size", "lora c", seed=3),
        "lora b": loader("b.safetensors"),
        "lora c": loader("c.safetensors"),
        **{str(number): node("SaveImage", images=[name, 0]) for number, name in ((20, "c"), (3, "a"), (10, "b"))},
    }
    made = ran(nodes)
    assert (made.seed, made.loras[0].name) == (2, "b.safetensors")


def test_settings_on_nodes_of_their_own(ran: Ran) -> None:
    nodes = {
        "noise": node("RandomNoise", noise_seed=["number", 0]),
        "number": node("easy globalSeed", value=99, mode=True),
        "kind": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "steps": node("BasicScheduler", model=["checkpoint", 0], steps=12, scheduler="simple"),
        "half": node("SplitSigmas", sigmas=["steps", 0], step=6),
        "guider": node("CFGGuider", model=["lora", 0], positive=["wanted", 0], negative=["unwanted", 0], cfg=3.0),
        "lora": loader("ink.safetensors"),
        "sampler": node(
            "SamplerCustomAdvanced",
            noise=["noise", 0],
            guider=["guider", 0],
            sampler=["kind", 0],
            sigmas=["half", 0],
            latent_image=["size", 0],
        ),
    }
    names = ["model", "positive", "negative", "seed", "steps", "cfg", "sampler_name"]
    made = ran(nodes, **dict.fromkeys(names))
    assert (made.seed, made.steps, made.cfg, made.sampler) == (99, 12, 3.0, "dpmpp_2m")
    assert (made.prompt, made.negative, made.checkpoint) == ("a lighthouse", "blurry", "base.safetensors")
    assert made.loras == (Use(name="ink.safetensors", strength=1.0),)


def test_a_guider_without_negative(ran: Ran) -> None:
    nodes = {
        "guidance": node("FluxGuidance", conditioning=["wanted", 0], guidance=3.5),
        "guider": node("BasicGuider", model=["checkpoint", 0], conditioning=["guidance", 0]),
        "sampler": node("SamplerCustomAdvanced", guider=["guider", 0], sigmas=["size", 0], latent_image=["size", 0]),
    }
    made = ran(nodes, **dict.fromkeys(["model", "positive", "negative", "seed", "steps", "cfg", "sampler_name"]))
    assert (made.prompt, made.negative, made.cfg) == ("a lighthouse", None, None)


@pytest.mark.parametrize(
    ("source", "seed"),
    [
        (node("Seed (rgthree)", seed=5), 5),
        (node("Seed (rgthree)", seed=-1), None),  # random
        (node("INTConstant", value=5), 5),
        (node("PrimitiveFloat", value=5.0), 5),
        (node("MathExpression|pysssss", a=["size", 0], b=1, expression="a + b"), None),
        (node("Input Parameters (Image Saver)", seed=5, steps=30, cfg=2.0), 5),
        (node("ComfySwitchNode", switch=["on", 0], on_true=["five", 0], on_false=["size", 0]), 5),
    ],
)
def test_linked_settings(ran: Ran, source: dict[str, Any], seed: int | None) -> None:
    nodes = {
        "source": source,
        "on": node("PrimitiveBoolean", value=True),
        "five": node("PrimitiveInt", value=5),
    }
    made = ran(nodes, seed=["source", 0])
    assert made.seed == seed
    assert made.steps == 20


@pytest.mark.parametrize("value", ["", "x", [1, 2, 3], {"a": 1}, True, float("inf"), 10**400, -3, None])
def test_settings_of_no_meaning_are_unknown(ran: Ran, value: Any) -> None:
    made = ran({"size": node("EmptyLatentImage", width=value, height=512)}, seed=value, steps=value, cfg=value)
    assert (made.seed, made.steps, made.width, made.height) == (None, None, None, None)
    assert made.cfg in (None, -3.0)
    assert made.prompt == "a lighthouse"


@pytest.mark.parametrize(
    ("latent", "size"),
    [
        (node("EmptySD3LatentImage", width=832, height=1216), (832, 1216)),
        (node("EmptyLatentImage", width=["number", 0], height=1216), (640, 1216)),
        (node("EmptyLatentImage", width=["resized", 1], height=["resized", 2]), (None, None)),  # rounded when it runs
        (node("VAEEncode", pixels=["resized", 0], vae=["checkpoint", 2]), (None, None)),
        (node("WanImageToVideo", positive=["wanted", 0], negative=["unwanted", 0], width=640, height=480), (640, 480)),
        (node("SetLatentNoiseMask", samples=["size", 0], mask=["resized", 3]), (640, 960)),
        (node("SDXL Empty Latent Image (rgthree)", dimensions=" 832 x 1216  (portrait)"), (832, 1216)),
    ],
)
def test_size(ran: Ran, latent: dict[str, Any], size: tuple[int | None, int | None]) -> None:
    nodes = {
        "latent": latent,
        "number": node("PrimitiveInt", value=640),
        "resized": node("ImageResizeKJv2", image=["decoded", 0], width=720, height=720, divisible_by=32),
    }
    made = ran(nodes, latent_image=["latent", 0])
    assert (made.width, made.height) == size


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (node("UNETLoader", unet_name="flux/dev.safetensors"), "flux/dev.safetensors"),
        (node("UnetLoaderGGUF", unet_name="q4.gguf"), "q4.gguf"),
        (node("LoaderGGUF", gguf_name=r"qwen\q4.gguf"), r"qwen\q4.gguf"),
        (node("NunchakuFluxDiTLoader", model_path="svdq-int4", cache_threshold=0), "svdq-int4"),
        (node("WanVideoModelLoader", model="wan.safetensors", base_precision="bf16"), "wan.safetensors"),
        (node("Eff. Loader SDXL", base_ckpt_name="b.safetensors", refiner_ckpt_name="r.safetensors"), "b.safetensors"),
        (node("CheckpointLoader|pysssss", ckpt_name={"content": "a.ckpt", "image": None}), "a.ckpt"),
        (node("SomeLoader", weights="some.safetensors", vae_name="vae.safetensors"), "some.safetensors"),
        (node("CheckpointLoaderSimple", ckpt_name=["name", 0]), "named.safetensors"),
        (node("ModelSamplingFlux", model=["checkpoint", 0], width=["number", 0]), "base.safetensors"),
        (node("ModelMergeSimple", model1=["checkpoint", 0], model2=["other", 0], ratio=0.5), "base.safetensors"),
        (node("ComfySwitchNode", switch=True, on_true=["other", 0], on_false=["checkpoint", 0]), "other.safetensors"),
        (node("Reroute", **{"": ["checkpoint", 0]}), "base.safetensors"),
        (node("SomePatch", patch="x"), ""),
    ],
)
def test_checkpoint(ran: Ran, source: dict[str, Any], name: str) -> None:
    nodes = {
        "source": source,
        "other": node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
        "name": node("PrimitiveString", value="named.safetensors"),
        "number": node("PrimitiveInt", value=640),
    }
    assert ran(nodes, model=["source", 0]).checkpoint == name


def test_only_the_chosen_branch_of_a_switch_counts(ran: Ran) -> None:
    nodes = {
        "a": loader("a.safetensors"),
        "b": loader("b.safetensors"),
        "on": node("PrimitiveBoolean", value=False),
        "switch": node("ComfySwitchNode", switch=["on", 0], on_true=["a", 0], on_false=["b", 0]),
    }
    assert [use.name for use in ran(nodes, model=["switch", 0]).loras] == ["b.safetensors"]
    nodes["switch"] = node("ImpactSwitch", select=1, input1=["a", 0], input2=["b", 0])
    assert [use.name for use in ran(nodes, model=["switch", 0]).loras] == ["a.safetensors"]
    nodes["switch"] = node("CR Model Input Switch", Input=2, model1=["a", 0], model2=["b", 0])
    assert [use.name for use in ran(nodes, model=["switch", 0]).loras] == ["b.safetensors"]


def test_nodes_that_only_look_like_samplers(ran: Ran) -> None:
    nodes = {
        "wanted": node(
            "ImpactWildcardEncode", model=["checkpoint", 0], populated_text="a wolf", wildcard_text="", seed=1, **CLIP
        ),
        "context": node("Context (rgthree)", model=["wanted", 0], seed=["number", 0], positive=["wanted", 2]),
        "number": node("PrimitiveInt", value=3),
        "sheet": node("SD Prompt Saver", positive=["wanted", 3], seed=5, sampler_name="x", images=["decoded", 0]),
    }
    made = ran(nodes, model=["context", 1], positive=["context", 4], seed=["number", 0])
    assert (made.prompt, made.seed, made.steps) == ("a wolf", 3, 20)


@pytest.mark.parametrize("kind", ["UltimateSDUpscale", "SomeDiffusion"])
def test_nodes_that_sample_under_another_name(ran: Ran, kind: str) -> None:
    inputs = {"model": ["lora", 0], "positive": ["wanted", 0], "negative": ["unwanted", 0]}
    nodes = {
        "lora": loader("ink.safetensors"),
        "photo": node("LoadImage", image="photo.png"),
        "enlarged": node(kind, image=["photo", 0], seed=5, steps=6, sampler_name="ddim", **inputs),
        "saved": node("SaveImage", images=["enlarged", 0]),
    }
    made = ran(nodes)
    assert (made.prompt, made.seed, made.steps, made.sampler) == ("a lighthouse", 5, 6, "ddim")
    assert [use.name for use in made.loras] == ["ink.safetensors"]


def test_a_fragment_without_sampler_has_all_its_loaders() -> None:
    graph = {"1": loader("a.safetensors", "gone"), "2": loader("b.safetensors", "1"), "3": node("SaveImage")}
    made = read(graph)
    assert [use.name for use in made.loras] == ["a.safetensors", "b.safetensors"]
    assert (made.prompt, made.seed, made.host) == (None, None, "comfyui")


def test_a_graph_that_ends_at_its_sampler(ran: Ran) -> None:
    graph = {"l": node("EmptyLatentImage", width=64, height=64), "wanted": node("CLIPTextEncode", text="a")}
    graph["s"] = sampler("l", "gone", seed=4)
    made = read(graph)
    assert (made.prompt, made.seed, made.width) == ("a", 4, 64)


def test_links_in_a_circle_end() -> None:
    graph = {
        "a": loader("a.safetensors", "b"),
        "b": loader("b.safetensors", "a"),
        "s": node("KSampler", seed=1, model=["a", 0], positive=["s", 0], latent_image=["s", 0]),
    }
    made = read(graph)
    assert {use.name for use in made.loras} == {"a.safetensors", "b.safetensors"}
    assert made.seed == 1
    graph["b"] = loader("b.safetensors", "1")
    graph["1"] = node("ComfySwitchNode", switch=["2", 0], on_true=["2", 0])
    graph["2"] = node("AnySwitch", select=["1", 0], input1=["a", 0])
    assert read(graph).seed == 1


def test_a_long_chain_is_walked_to_its_end(ran: Ran) -> None:
    nodes = {"0": loader("0.safetensors")}
    nodes |= {str(i): loader(f"{i}.safetensors", str(i - 1)) for i in range(1, 3000)}
    assert len(ran(nodes, model=["2999", 0]).loras) == 3000


@pytest.mark.parametrize(
    "graph", [None, [], "x", 3, {}, {"1": 2}, {"nodes": [], "links": []}, {"1": {"class_type": 3}}]
)
def test_what_is_no_graph_is_refused(graph: Any) -> None:
    with pytest.raises(BadFile, match="no ComfyUI graph"):
        read(graph)


def test_a_graph_that_nobody_made_is_refused() -> None:
    with pytest.raises(BadFile, match="more than 20000 nodes"):
        read({str(number): node("Note") for number in range(20_001)})


@pytest.mark.parametrize(
    "inputs", [None, [], "x", {"": None}, {"model": ["1", 0]}, {"model": [{}, 0]}, {"x": [[], []]}]
)
def test_damaged_inputs_are_passed_over(inputs: Any) -> None:
    made = read({"1": {"class_type": "KSampler", "inputs": inputs}, "2": {"inputs": {}}, "3": None})
    assert made.host == "comfyui"
    assert made.loras == ()


def test_the_pass_that_unites_parts_describes_the_image(ran: Ran) -> None:
    nodes = {
        "left": sampler("size", seed=1, positive=["ships", 0]),
        "right": sampler("size", seed=2),
        "ships": node("CLIPTextEncode", text="ships", **CLIP),
        "both": node("LatentComposite", samples_to=["left", 0], samples_from=["right", 0], x=0, y=0),
        "larger": node("LatentUpscale", samples=["sampler", 0]),
        "last": sampler("larger", seed=3),
        "decoded": node("VAEDecode", samples=["last", 0], vae=["checkpoint", 2]),
    }
    made = ran(nodes, latent_image=["both", 0])
    assert (made.seed, made.prompt) == (7, "a lighthouse")
    assert (made.width, made.height) == (640, 960)  # of the part that the other is laid over


def test_an_image_that_only_guides_does_not_describe(ran: Ran) -> None:
    nodes = {
        "pose": sampler("size", seed=1),
        "posed": node("VAEDecode", samples=["pose", 0], vae=["checkpoint", 2]),
        "control": node("ControlNetApply", conditioning=["wanted", 0], control_net=["net", 0], image=["posed", 0]),
        "net": node("ControlNetLoader", control_net_name="pose.safetensors"),
    }
    assert ran(nodes, positive=["control", 0]).seed == 7


def test_of_images_side_by_side_the_later_pass_leads_to_the_first(ran: Ran) -> None:
    nodes = {
        "second": sampler("sampler", seed=2),
        "finished": node("VAEDecode", samples=["second", 0], vae=["checkpoint", 2]),
        "beside": node("ImageConcanate", image1=["finished", 0], image2=["decoded", 0]),
        "saved": node("SaveImage", images=["beside", 0]),
    }
    assert ran(nodes).seed == 7
    nodes["second"] = sampler("size", seed=2)  # two images of their own: the first
    assert ran(nodes).seed == 2
