"""Real workflows of packs with nodes of their own for everything, each with what a person reads out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorarec.history_types import Generation, Use

FAMILIES = ("willmiao", "yolain")
PERSON = r"Real\墨幽人造人_v1080-none.safetensors"
JUGGERNAUT = r"Real\juggernaut_reborn.safetensors"
PICTURE_BOOK = r"Anime\儿童插画绘本Minimalism_v2.0.safetensors"
WAN_UNWANTED = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)


def saved(**fields: Any) -> Generation:
    return Generation(host="comfyui", reader="comfyui:workflow", **fields)


def lora(name: str, strength: float, clip: float | None = None) -> Use:
    return Use(name=name, strength=strength, clip=clip)


def cake(checkpoint: str) -> Generation:
    """Outpainting: the size is the padded image's."""
    return saved(
        prompt="cake on a wooden table",
        negative="text, watermark",
        checkpoint=checkpoint,
        seed=202685732850730,
        steps=20,
        sampler="euler",
        cfg=7.0,
    )


def husky() -> Generation:
    """Inpainting: the size is the image's."""
    return saved(
        prompt="cute husky sleeping on a wooden table",
        negative="text, watermark",
        checkpoint=JUGGERNAUT,
        seed=1034873868233872,
        steps=20,
        sampler="dpmpp_2m",
        cfg=7.0,
    )


EXPECTED = {
    # The tags say 0.2 for the third LoRA; the list is what the loader reads.
    "willmiao_3c0d9109_nunchaku-flux.1-dev.json": saved(
        prompt="G0thicL1nes, amanoer, a futuristic, cyberpunk-styled female warrior. She stands ... [1218]",
        loras=(
            lora("FLUX.1-Turbo-Alpha", 1.0, 1.0),
            lora("Mezzotint_Artstyle_for_Flux_-_by_Ethanar", 0.2, 0.2),
            lora("RetroAnimeFluxV1", 0.8, 0.8),
            lora("flux.1_lora_flyway_ink-dynamic", 0.8, 0.8),
            lora("ck-painterly-fantasy-000017", 0.2, 0.2),
            lora("FluxMythG0thicL1nes", 0.4, 0.4),
            lora("1", 0.75, 0.75),
        ),
        checkpoint="svdq-int4-flux.1-dev",
        seed=924280468,
        steps=8,
        sampler="euler",
        width=832,
        height=1216,
    ),
    "willmiao_fb18f761_wanvideo-1-3B-control-lora-example-01.json": saved(
        prompt="video of a wolf",
        negative=WAN_UNWANTED,
        loras=(lora("wan2.1-1.3b-control-lora-tile-v1.0_comfy", 1.0, 1.0),),
        checkpoint="wan2.1_t2v_1.3B_fp16.safetensors",
        seed=0,
        steps=30,
        sampler="unipc",
        cfg=6.0,
    ),
    "yolain_02e3285b_1-4-.json": saved(  # styles and a wildcard make the text when it runs
        prompt=None,
        negative=None,
        checkpoint=PERSON,
        seed=198021618824289,
        steps=20,
        sampler="dpmpp_2m",
        cfg=8.0,
        width=768,
        height=1024,
    ),
    "yolain_18cdfd59_1-3-.json": saved(  # three areas, then once more with flowers
        prompt="beautiful yard, landscape design, lighting, (sun:1.4), forest,fog\nwinter, house\nspring",
        negative="text, watermark",
        checkpoint=r"Real\analogMadness_v60.safetensors",
        seed=848721622412845,
        steps=20,
        sampler="dpmpp_3m_sde",
        cfg=5.0,
        width=768,
        height=768,
    ),
    "yolain_2c412fbf_1-13StableCascade.json": saved(
        prompt='cinematic photo of a chinese girl raise up a sign "Comfy" at night, happy',
        negative="worst quality, low quality",
        checkpoint=r"Cascade\stable_cascade_stage_c.safetensors",
        seed=19064447608006,
        steps=15,
        sampler="euler_ancestral",
        cfg=4.5,
        width=1024,
        height=1024,
    ),
    # "Prompts Everywhere" sends the texts without links, and this old file does not say where to.
    "yolain_409b096f_2-3layerdiffuse-.json": saved(
        prompt=None,
        negative=None,
        checkpoint=r"3D\samaritan3dCartoon_v40SDXL.safetensors",
        seed=621436312767602,
        steps=20,
        sampler="dpmpp_2m",
        cfg=5.0,
        width=768,
        height=1024,
    ),
    "yolain_51c042df_2-1ipadapter-basic.json": saved(
        prompt="1 girl,kai'sa, dark purple hair, purple eyes, serious expression, intense glare, looking at the "
        "viewer,(dynamic pose), void background, void wings, weapon, masterpiece, extremely detailed CG unity 8k "
        "wallpaper, best quality,32k",
        negative="text, watermark, embedding:badhandv4",
        checkpoint=PERSON,
        seed=691553378054699,
        steps=25,
        sampler="dpmpp_2m",
        cfg=8.0,
        width=768,
        height=768,
    ),
    "yolain_6b0ca65d_2-4fooocus-inpaint.json": saved(  # a leftover value of the loader holds another text with a tag
        prompt="Ultra-realistic 8k CG,masterpiece,best quality,(photorealistic:1.4),HDR,absurdre... [422]",
        negative="text,watermark",
        checkpoint=r"Real\新世界 _v6.0.safetensors",
        seed=218340572627800,
        steps=20,
        sampler="dpmpp_2m_sde",
        cfg=7.0,
    ),
    "yolain_7729faa7_2-4brushnet.json": husky(),
    "yolain_9fe55760_1-12-.json": saved(
        prompt="(green dog) very cute, comic",
        negative="(worst quality:2),(low quality:2),(normal quality:2),lowres,bad anatomy,bad hands,"
        "((monochrome)),((grayscale)) watermark,moles,\n",
        loras=(lora(r"speed\lcm_lora_v1-5.safetensors", 1.0, 1.0),),
        checkpoint=r"Anime\动漫Gostly Cute_v1.0.safetensors",
        seed=857183243421034,
        steps=5,
        sampler="euler_ancestral",
        cfg=1.5,
        width=768,
        height=768,
    ),
    "yolain_c545a33f_2-4InpaintingAll.json": saved(
        prompt="black cute cat sleeping on a wooden table",
        negative="text, watermark",
        checkpoint=r"Real\juggernautXL_juggernautX.safetensors",
        seed=487959696711755,
        steps=20,
        sampler="dpmpp_2m",
        cfg=7.0,
    ),
    "yolain_cc6f00bb_2-4powerpaint-outpaint-1.1.8.json": cake("Real/墨幽人造人_v1080-none.safetensors"),
    "yolain_daf7ad5a_2-4powerpaint-outpainting.json": cake(JUGGERNAUT),
    "yolain_e1166aa2_2-4brushnet-1.1.8.json": husky(),
    "yolain_f4af34cd_1-8-.json": saved(
        prompt="girl hugging (one pig), cute, painting",
        negative="text,watermark, embedding:badhandv4, ",
        checkpoint=PICTURE_BOOK,
        seed=849987078927832,
        steps=25,
        sampler="dpmpp_2m",
        cfg=7.0,
        width=768,
        height=768,
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_reads_as_a_person_does(name: str, read_real: Any) -> None:
    assert read_real(name) == EXPECTED[name]


def test_every_file_is_expected(real_workflows: Path) -> None:
    assert {path.name for path in real_workflows.iterdir() if path.name.startswith(FAMILIES)} == set(EXPECTED)
