"""Images of real programs, each with what a person reads out of its metadata."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lorarec.history.harvest.metadata import read_metadata
from lorarec.history.harvest.readers import read_generation
from lorarec.history_types import Generation, Use

REAL = Path(os.environ.get("LORAREC_REAL_IMAGES") or Path(__file__).resolve().parents[4] / "shared/data/real/images")

WOMAN = (
    "professional full body photo of young woman, hyper long brunette hair, elegant hair, wearing a bikini top and "
    "asymmetric short skirt, curvy body, long legs, (imperfect skin), detailed skin, intense freckles, super long eye "
    "lashes, at night, outside, city background, 8k ultra detailed, realistic, high quality, film grain, low contrast"
)
NOVELAI_UNWANTED = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry"
)
COMFYUI_UNWANTED = (
    "(hands), text, error, cropped, (worst quality:1.2), (low quality:1.2), normal quality, (jpeg artifacts:1.3), "
    "signature, watermark, username, blurry, artist name, monochrome, sketch, censorship, censor, (copyright:1.2), "
    "extra legs, (forehead mark) (depth of field) (emotionless) (penis) (pumpkin)"
)
SKIES = (
    "(best quality) (night:1.3) (darkness) sky (black) (stars:1.2) (galaxy:1.2) (space) (universe)",
    "(best quality) (evening:1.2) (sky:1.2) (clouds) (colorful) (HDR:1.2) (sunset:1.3)\n",
    "(best quality) (daytime:1.2) sky (blue)\n",
    "(masterpiece) (best quality) morning sky\n\n",
    "(masterpiece) (best quality) beautiful landscape breathtaking amazing view nature photograph forest mountains "
    "ocean (sky) national park scenery",
)
COMPOSED = "d3x-at_b97b1904_noisy-latents-3-subjects-cropped.png"
SWORDS = Use(name="Pecha_Swords_LORA_V1.2", strength=1.0, clip=1.0, hashes=("f4c3c4a69a0e",))

EXPECTED: dict[str, Generation | None] = {
    "catundchat_20bd79c1_30.png": Generation(
        prompt="<lora:Pecha_Swords_LORA_V1.2:1>, axe, highly detailed, sharp focus",
        negative="",
        loras=(SWORDS,),
        checkpoint="chilloutmix_NiPrunedFp32Fix",
        seed=4062063983,
        steps=29,
        sampler="DPM++ 2S a",
        cfg=16.5,
        width=512,
        height=512,
        host="a1111",
        reader="a1111:parameters",
    ),
    "catundchat_5e61354b_14.png": Generation(
        prompt="<lora:Pecha_Swords_LORA_V1.2:1>, axe, highly detailed, sharp focus",
        negative="",
        loras=(SWORDS,),
        checkpoint="chilloutmix_NiPrunedFp32Fix",
        seed=2527192005,
        steps=28,
        sampler="DPM++ 2S a",
        cfg=16.0,
        width=512,
        height=512,
        host="a1111",
        reader="a1111:parameters",
    ),
    "comfyanonymous_3b11d387_mountains.png": None,  # dates only
    "comfyanonymous_61208851_sunset.png": None,  # a photograph: dates and a camera
    "comfyanonymous_695999b4_lora-multiple.png": Generation(
        prompt="masterpiece best quality girl",
        negative="bad hands",
        loras=(
            Use(name="theovercomer8sContrastFix_sd15.safetensors", strength=1.0, clip=1.0),
            Use(name="epiNoiseoffset_v2.safetensors", strength=1.0, clip=1.0),
        ),
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=513173432917412,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
        host="comfyui",
        reader="comfyui:prompt",
    ),
    "comfyanonymous_79b0fcd0_lcm-basic-example.png": Generation(
        prompt="evening sunset scenery blue sky nature, glass bottle with a galaxy in it",
        negative="text, watermark",
        loras=(Use(name="lcm_lora_sdxl.safetensors", strength=1.0, clip=1.0),),
        checkpoint="sd_xl_1.0.safetensors",
        seed=167055194337639,
        steps=5,
        sampler="lcm",
        cfg=1.8,
        width=1024,
        height=1024,
        host="comfyui",
        reader="comfyui:prompt",
    ),
    "comfyanonymous_c672f744_flux-depth-lora-example.png": Generation(
        prompt="a photograph of a shark in the sea",
        negative="",
        loras=(Use(name="flux1-depth-dev-lora.safetensors", strength=1.0),),
        checkpoint="flux1-dev.safetensors",
        seed=91050358797301,
        steps=20,
        sampler="euler",
        cfg=1.0,
        host="comfyui",  # the size is that of the depth map, which is not stated
        reader="comfyui:prompt",
        sources=("shark_depthmap.png",),
    ),
    "comfyanonymous_d8d44fa0_model-merging-lora.png": Generation(
        prompt="beautiful scenery nature glass bottle landscape, , purple galaxy bottle,",
        negative="text, watermark",
        loras=(Use(name="theovercomer8sContrastFix_sd15.safetensors", strength=1.0, clip=1.0),),
        checkpoint="v1-5-pruned-emaonly.ckpt",  # merged half and half with cardosAnime_v10; the first is named
        seed=156680208700286,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
        host="comfyui",
        reader="comfyui:prompt",
    ),
    "comfyanonymous_daad5f4d_lora.png": Generation(
        prompt="masterpiece best quality girl",
        negative="bad hands",
        loras=(Use(name="epiNoiseoffset_v2.safetensors", strength=1.0, clip=1.0),),
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=851616030078638,
        steps=20,
        sampler="euler",
        cfg=8.0,
        width=512,
        height=512,
        host="comfyui",
        reader="comfyui:prompt",
    ),
    "cubiq_1d96bd2e_style.png": None,  # a screenshot: "Created with GIMP"
    # Five areas, one picture; then a second pass by another checkpoint at twice the size. Files of both passes hold
    # this graph; the first pass composes the picture, and it is the one that infotext states too.
    "d3x-at_149350fd_night-evening-day-morning-cropped.png": Generation(
        prompt="\n".join(SKIES),
        negative=COMFYUI_UNWANTED,
        checkpoint="Anything-V3.0.ckpt",
        seed=335608130539327,
        steps=13,
        sampler="dpmpp_sde",
        cfg=8.5,
        width=704,
        height=1280,
        host="comfyui",
        reader="comfyui:prompt",
        upscaled=1,
    ),
    "d3x-at_40423303_invokeai-dream1.png": Generation(
        prompt=WOMAN,
        negative="rendering, glowing eyes, skinny",
        seed=2980747362,
        steps=50,
        sampler="k_lms",
        cfg=5.0,
        width=512,
        height=768,
        host="invokeai",
        reader="invokeai:Dream",
    ),
    "d3x-at_43c94436_fooocus1-cropped.png": Generation(
        prompt="a smiling goldfish",
        negative="",
        checkpoint="juggernautXL_v8Rundiffusion",
        seed=6952411511246973023,
        steps=30,
        sampler="dpmpp_2m_sde_gpu",
        cfg=4.0,
        width=768,
        height=1280,
        host="fooocus",
        reader="fooocus:parameters",
    ),
    "d3x-at_8b1f3870_invokeai-imeta1.png": Generation(
        prompt="digital artwork, oil painting. painterly brushstrokes, holidays,",
        negative="grainy+, photo, oversaturated, overexposed, blurry, compressed jpg+, noisy++, unfocused , "
        "black and white",
        checkpoint="juggernautXL",
        base_model="SDXL",
        seed=3293022630,
        steps=35,
        sampler="euler",
        cfg=8.0,
        width=1024,
        height=1024,
        host="invokeai",
        reader="invokeai:invokeai_metadata",
        sources=("21b3ddb9-089b-49fd-b074-0b9fdac3ab3e.png",),  # of an IP-Adapter
    ),
    "d3x-at_8d578329_img2img-cropped.png": Generation(
        prompt="photograph of victorian woman with wings, sky clouds, meadow grass\n",
        negative="watermark, text\n",
        checkpoint="v1-5-pruned-emaonly.ckpt",
        seed=280823642470253,
        steps=20,
        sampler="sample_dpmpp_2m",
        cfg=8.0,
        host="comfyui",  # the size is that of the picture it starts from
        reader="comfyui:prompt",
        sources=("example.png",),
    ),
    "d3x-at_9771672e_empty-image.png": None,
    "d3x-at_cf0e10c4_novelai1-cropped.png": Generation(
        prompt="masterpiece, best quality,  cat, space, icon",
        negative=f"{NOVELAI_UNWANTED}, {NOVELAI_UNWANTED}",
        checkpoint="Stable Diffusion 1D44365E",
        seed=2253955223,
        steps=50,
        sampler="k_euler_ancestral",
        cfg=10.0,
        host="novelai",
        reader="novelai:Comment",
    ),
    "d3x-at_df9ce87e_text-after-idat.png": Generation(
        prompt="photo of a duck",
        negative="monochrome",
        checkpoint="realistic_realisticVisionV20_v20",
        seed=235284042,
        steps=15,
        sampler="UniPC",
        cfg=5.0,
        width=512,
        height=400,
        host="a1111",
        reader="a1111:parameters",
    ),
    "d3x-at_f9bcc137_invokeai-sdmeta1.png": Generation(
        prompt=WOMAN,
        negative="rendering, glowing eyes, skinny",
        checkpoint="deliberateForInvoke_v08",
        seed=2980747362,
        steps=50,
        sampler="k_lms",
        cfg=5.0,
        width=512,
        height=768,
        host="invokeai",
        reader="invokeai:sd-metadata",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_image_reads_as_a_person_reads_it(name: str) -> None:
    if not REAL.is_dir():
        pytest.skip("no real images: LORAREC_REAL_IMAGES does not name a folder")
    assert read_generation(read_metadata(REAL / name)) == EXPECTED[name]


def test_a_picture_put_together_from_parts_is_described_by_the_pass_that_unites_them() -> None:
    if not REAL.is_dir():
        pytest.skip("no real images: LORAREC_REAL_IMAGES does not name a folder")
    # A background and three figures are begun apart, for 4 of 16 steps each, laid over each other and finished by one
    # sampler with a prompt for the whole. The background's alone ("sky clouds nature ...") names no figure at all.
    found = read_generation(read_metadata(REAL / COMPOSED))
    assert found is not None
    assert found.prompt == (
        "girl (flat chest:0.9), (fennec ears:1.0)\xa0 (fox ears:1.0), (messy hair), (highlights), blue eyes, (hoodie), "
        "open jacket, running (school uniform), holding hands\n"
        "sky clouds nature national park beautiful winter snow scenery HDR landscape (sunset)\n"
    )
    assert (found.negative, found.checkpoint, found.loras) == (COMFYUI_UNWANTED, "Anything-V3.0.ckpt", ())
    assert (found.steps, found.width, found.height, found.host) == (16, 1280, 704, "comfyui")


def test_every_real_image_has_an_expectation() -> None:
    if not REAL.is_dir():
        pytest.skip("no real images: LORAREC_REAL_IMAGES does not name a folder")
    assert {path.name for path in REAL.iterdir()} == {*EXPECTED, COMPOSED}
