"""Real graphs of image workflows, each with what a person reads out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorarec.history_types import Generation, Use

FAMILIES = ("comfyanonymous", "cubiq", "ltdrdata", "wyrde")
BOTTLE = "beautiful scenery nature glass bottle landscape, purple galaxy bottle,"
LAPTOP = "girl sitting at desk with a melting laptop computer"
ZELDA = "ghibli style cartoon anime closeup detailed princess zelda in the forest\n"
STREETS = "photorealistic:1.4, best quality:1.4, masterpiece, 1girl is walks in the streets"
DRAWINGS = "text, watermark, low quality:1.4, worst quality:1.4, drawings, paintings, cartoon, anime"
DOGWOOD = "raw photo, (serene lush pasture) with a row of (blooming dogwood trees) on a fog... [389]"
HOLDING = r"_alter__\animeGirlsHolding_v10.safetensors"
PIXEL = "mPixel_v10PixelArt.safetensors"


def api(**fields: Any) -> Generation:
    return Generation(host="comfyui", reader="comfyui:prompt", **fields)


def saved(**fields: Any) -> Generation:
    return Generation(host="comfyui", reader="comfyui:workflow", **fields)


def lora(name: str, strength: float, clip: float | None = None) -> Use:
    return Use(name=name, strength=strength, clip=clip)


def bottle(make: Any, name: str = PIXEL, seed: int = 1117698844150624, width: int = 512, height: int = 512) -> Any:
    """The bottle in pixel art, as several files have it."""
    return make(
        prompt=BOTTLE,
        negative="text, watermark",
        loras=(lora(name, 0.8, 0.8),),
        checkpoint="v1-5-pruned-emaonly.safetensors",
        seed=seed,
        steps=20,
        sampler="uni_pc_bh2",
        cfg=8.0,
        width=width,
        height=height,
    )


def laptop() -> Generation:
    """The only loader stands at 0."""
    return saved(
        prompt=LAPTOP,
        negative="text, watermark",
        checkpoint="anythingV5_PrtRE.safetensors",
        seed=541908867639756,
        steps=20,
        sampler="uni_pc_bh2",
        cfg=8.0,
        width=512,
        height=512,
    )


def masked(make: Any) -> Any:
    """Two samplers behind a mask that a third one's image gave; only the inner one has the LoRA."""
    return make(
        prompt=STREETS,
        negative=DRAWINGS,
        loras=(lora("ChunLi_v1.safetensors", 0.8, 0.8),),
        checkpoint="V07_v07.safetensors",
        seed=1107040072933066,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=768,
        height=1024,
    )


def dogwood() -> Generation:
    """Three loaders that nothing is wired to; the seed is a primitive's, the widget's own is stale."""
    return saved(
        prompt=DOGWOOD,
        negative="embedding:EasyNegative, \nlowres, blurry, painting, anime, illustration, ",
        checkpoint=r"_zTest__\locsChinaLandscapes_locsChinaLandscapes.safetensors",
        seed=89669694035278,
        steps=15,
        sampler="uni_pc_bh2",
        cfg=8.0,
        width=512,
        height=512,
    )


EXPECTED = {
    "comfyanonymous_1092905c84.api.json": api(
        prompt="a photograph of a shark in the sea",
        negative="",
        loras=(lora("flux1-depth-dev-lora.safetensors", 1.0),),
        checkpoint="flux1-dev.safetensors",
        seed=91050358797301,
        steps=20,
        sampler="euler",
        cfg=1.0,
    ),
    "comfyanonymous_1ca4c69fa5.api.json": api(
        prompt="evening sunset scenery blue sky nature, glass bottle with a galaxy in it",
        negative="text, watermark",
        loras=(lora("lcm_lora_sdxl.safetensors", 1.0, 1.0),),
        checkpoint="sd_xl_1.0.safetensors",
        seed=167055194337639,
        steps=5,
        sampler="lcm",
        cfg=1.8,
        width=1024,
        height=1024,
    ),
    "comfyanonymous_30c9f600ee.api.json": api(  # merged models: the first of the two
        prompt="beautiful scenery nature glass bottle landscape, , purple galaxy bottle,",
        negative="text, watermark",
        loras=(lora("theovercomer8sContrastFix_sd15.safetensors", 1.0, 1.0),),
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=156680208700286,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
    ),
    "comfyanonymous_62a158cda7.api.json": api(
        prompt="masterpiece best quality girl",
        negative="bad hands",
        loras=(
            lora("theovercomer8sContrastFix_sd15.safetensors", 1.0, 1.0),
            lora("epiNoiseoffset_v2.safetensors", 1.0, 1.0),
        ),
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=513173432917412,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
    ),
    "comfyanonymous_ac9c7274d0.api.json": api(
        prompt="masterpiece best quality girl",
        negative="bad hands",
        loras=(lora("epiNoiseoffset_v2.safetensors", 1.0, 1.0),),
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=851616030078638,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
    ),
    "cubiq_18967a95_multiple-loras.json": saved(
        prompt=ZELDA,
        negative="blurry, rendering, messy, horror",
        loras=(
            lora("ghibli_style_offset.safetensors", 0.9, 0.9),
            lora("more_details.safetensors", 0.75, 0.75),
        ),
        checkpoint="dreamshaper_8.safetensors",
        seed=64,
        steps=20,
        sampler="dpmpp_2m",
        cfg=6.0,
        width=512,
        height=512,
    ),
    "cubiq_ff9d4255_basic-lora.json": saved(
        prompt=ZELDA,
        negative="blurry, rendering, messy, horror",
        loras=(lora("ghibli_style_offset.safetensors", 0.8, 0.8),),
        checkpoint="dreamshaper_8Inpainting.safetensors",
        seed=64,
        steps=20,
        sampler="dpmpp_2m",
        cfg=5.5,
        width=512,
        height=512,
    ),
    "ltdrdata_395bdd331f.api.json": masked(api),
    "ltdrdata_c8cfec2d04.api.json": masked(api),
    "ltdrdata_dd82a1c8_TwoAdvancedSamplersForMask.json": masked(saved),
    "ltdrdata_cd7c549ef5.api.json": api(  # the face is made again with the LoRA; a second loader leads nowhere
        prompt="(Masterpiece, high quality), (best quality), (intricate details), (blurry backgr... [454]",
        negative="easynegative, ng_deepnegative_v1_75t, (low quality:1.5), (worst quality:1.5), st... [337]",
        loras=(lora("SD1.5/expr/emotionPuppeteerLora_v2Lora.safetensors", 0.5, 1.0),),
        checkpoint="SD1.5/V07_v07.safetensors",
        seed=98323244225723,
        steps=30,
        sampler="euler",
        cfg=10.0,
        width=768,
        height=1152,
    ),
    "wyrde_0310f511_basic-workflow-vae-lora-one-latent-v03.json": laptop(),
    "wyrde_0cca57c858.api.json": bottle(api, seed=361724307130348, width=1920, height=1088),
    "wyrde_2b18cde07c.api.json": api(  # four images beside each other: of two with the LoRA the first
        prompt="girl in a sunset  ",
        negative="embedding:EasyNegative, embedding:bad-hands-5, (artist name), deformed, ugly, mutilated, disfigured, "
        "text, writing, extra legs, extra arms, extra fingers, over saturated, ",
        loras=(lora(HOLDING, 1.0, 1.0),),
        checkpoint="animatrix_v20.safetensors",
        seed=8008580085,
        steps=20,
        sampler="uni_pc_bh2",
        cfg=8.0,
        width=576,
        height=384,
    ),
    "wyrde_5e214214_basic-wf-vae-lora-latemt-upscale-x2.json": bottle(saved),
    "wyrde_672adede_basic-workflow-vae-lora-latent-hrf.json": bottle(saved),
    "wyrde_68d843ea27.api.json": bottle(api, rf"_style__\{PIXEL}"),
    "wyrde_6a22b194_multi-sample-pixel-space-sharpening-tiled-04.json": dogwood(),
    "wyrde_7038f785_basic-wf-vae-lora-latemt-upscale-hrf.json": bottle(saved),
    "wyrde_76d729e0_basic-workflow-vae-lora.json": bottle(saved),
    "wyrde_798a1078_multi-sample-pixel-space-sharpening-tiled.json": dogwood(),
    "wyrde_7c7a4682f5.api.json": bottle(api),
    "wyrde_8b798ca959.api.json": bottle(api),
    "wyrde_a82bc9c64f.api.json": bottle(api),
    "wyrde_d8b1e9e97e.api.json": bottle(api),
    "wyrde_de01608da8.api.json": bottle(api),
    "wyrde_e6e6c334_basic-workflow-vae-lora-latentupscale-v03.json": laptop(),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_reads_as_a_person_does(name: str, read_real: Any) -> None:
    assert read_real(name) == EXPECTED[name]


def test_every_file_is_expected(real_workflows: Path) -> None:
    assert {path.name for path in real_workflows.iterdir() if path.name.startswith(FAMILIES)} == set(EXPECTED)
