"""Which image files a graph starts from, and how often it enlarges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lorarec.history.harvest.comfyui.prompt_graph import read_prompt
from lorarec.history.harvest.comfyui.workflow import read_workflow
from lorarec.history_types import Generation


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def started_from(ran: Any, name: Any, kind: str = "LoadImage") -> Generation:
    """The usual graph, its latent made from an image."""
    nodes = {"file": node(kind, image=name), "encoded": node("VAEEncode", pixels=["file", 0], vae=["checkpoint", 2])}
    return ran(nodes, latent_image=["encoded", 0])


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("fox_00001_.png", "fox_00001_.png"),
        ("Fox (2).JPG", "Fox (2).JPG"),
        ("sub/fox.webp", "fox.webp"),
        ("sub\\fox.png [input]", "fox.png"),
        ("fox.png [output]", "fox.png"),
        ("day/fox.png [output]", "day/fox.png"),
        ("C:\\out\\fox.png", "C:\\out\\fox.png"),
        ("/out/day/fox.png", "/out/day/fox.png"),
    ],
)
def test_the_image_that_is_loaded(ran: Any, name: str, source: str) -> None:
    assert started_from(ran, name).sources == (source,)


@pytest.mark.parametrize(
    "name",
    ["clipspace/clipspace-mask-123.png [input]", "fox.png [temp]", "fox.mp4", "fox", "", "x" * 2000 + ".png", 5, None],
)
def test_what_is_no_image_that_anybody_made(ran: Any, name: Any) -> None:
    assert started_from(ran, name).sources == ()


def test_only_nodes_that_load_name_files(ran: Any) -> None:
    assert started_from(ran, "fox.png", "DrawImage").sources == ()
    assert started_from(ran, "fox.png", "LoadImageMask").sources == ()
    assert ran({"wanted": node("CLIPTextEncode", text="load fox.png", clip=["checkpoint", 1])}).sources == ()


def test_images_that_do_not_reach_the_result_do_not_count(ran: Any) -> None:
    unused = {"file": node("LoadImage", image="fox.png")}
    switched = {
        **unused,
        "encoded": node("VAEEncode", pixels=["file", 0]),
        "switch": node("ImpactSwitch", select=1, input1=["size", 0], input2=["encoded", 0]),
    }
    assert ran(unused).sources == ()
    assert ran(switched, latent_image=["switch", 0]).sources == ()
    switched["switch"]["inputs"]["select"] = 2
    assert ran(switched, latent_image=["switch", 0]).sources == ("fox.png",)


def test_images_that_guide_count_and_each_once(ran: Any) -> None:
    nodes = {
        "file": node("LoadImage", image="pose.png"),
        "again": node("LoadImage", image="pose.png"),
        "net": node(
            "ControlNetApplyAdvanced",
            positive=["wanted", 0],
            negative=["unwanted", 0],
            image=["file", 0],
            mask=["again", 1],
        ),
    }
    found = ran(nodes, positive=["net", 0], negative=["net", 1])
    assert (found.sources, found.prompt) == (("pose.png",), "a lighthouse")


def test_a_graph_that_only_enlarges() -> None:
    graph = {
        "1": node("LoadImage", image="fox.png"),
        "2": node("UpscaleModelLoader", model_name="4x.pth"),
        "3": node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": node("SaveImage", images=["3", 0]),
        "5": node("LoadImage", image="unused.png"),
    }
    found = read_prompt(graph, lambda name: False)
    assert (found.sources, found.upscaled, found.teaches) == (("fox.png",), 1, False)


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("LatentUpscaleBy", 1),
        ("UltimateSDUpscale", 1),
        ("easy hiresFix", 1),
        ("SUPIR_Upscale", 1),
        ("UpscaleModelLoader", 0),
        ("LatentUpscaleModelLoader", 0),
        ("PixelKSampleUpscalerProvider", 0),
        ("FluxKontextImageScale", 0),
        ("ImageScale", 0),
    ],
)
def test_how_often_it_enlarges(ran: Any, kind: str, times: int) -> None:
    assert ran({"x": node(kind, samples=["size", 0])}, latent_image=["x", 0]).upscaled == times


# file: the images it starts from, as its loaders that are used name them, and how many of its used nodes enlarge.
REAL: dict[str, tuple[tuple[str, ...], int]] = {
    "comfyanonymous_1092905c84.api.json": (("shark_depthmap.png",), 0),
    "comfyanonymous_30c9f600ee.api.json": ((), 0),
    "wyrde_2b18cde07c.api.json": ((), 2),  # three branches, each enlarged twice; its image goes nowhere
    "wyrde_8b798ca959.api.json": ((), 1),
    "wyrde_a82bc9c64f.api.json": ((), 3),  # two latents and an image; what only fits sizes does not count
    "wyrde_d8b1e9e97e.api.json": ((), 2),
    "wyrde_672adede_basic-workflow-vae-lora-latent-hrf.json": ((), 1),
    "wyrde_e6e6c334_basic-workflow-vae-lora-latentupscale-v03.json": ((), 3),
    "yameprogrammer_0bc05117_I2V-wan22-a14b.json": (("oldman_upscaled.png",), 0),
    "yameprogrammer_19404a91_ltx23AllInOneWorkflowForRTX-v44-IA2V.json": (
        ("z-image-turbo_00291_.png",),  # two more loaders are muted
        0,
    ),
    "yameprogrammer_2a79a1b3_-qwen-image.json": (("ZIT-171250_00001_.png",), 0),
    "yameprogrammer_49dbd0c4_wan22-upscale.json": ((), 1),
    "yameprogrammer_5105752e_qwen-edit-2511.api.json": (("qwen_edit_input.png",), 0),  # two more go nowhere
    "yameprogrammer_63312029_illustrious-standard-v37.api.json": (("load_image.png",), 1),  # a switch stands at it
    "yameprogrammer_818edc87_I2I-ControlNet-moody.json": (("input_image.png", "temp_control_input.png"), 0),
    "yameprogrammer_8eaa70e9_wan22-fun-control-native.json": (("video_wan2_2_14B_fun_control_start_image.jpg",), 0),
    "yameprogrammer_f395a423_wan22-i2v-start-end.json": (("0 (559).jpg", "0 (560).jpg"), 0),
    "yolain_409b096f_2-3layerdiffuse-.json": ((), 0),  # bypassed
    "yolain_6b0ca65d_2-4fooocus-inpaint.json": (("image (84).png",), 0),  # pasted
}


@pytest.mark.parametrize("name", REAL)
def test_real_graphs(name: str, real_workflows: Path) -> None:
    content = json.loads((real_workflows / name).read_text(encoding="utf-8"))
    found = (read_prompt if name.endswith(".api.json") else read_workflow)(content, lambda name: False)
    assert (tuple(sorted(found.sources)), found.upscaled) == REAL[name]
