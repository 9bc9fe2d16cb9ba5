"""Real graphs of image editing and video, with subgraphs, switches and named wires; what a person reads out of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorarec.history_types import Generation, Use

FAMILIES = ("yameprogrammer",)
WAN_UNWANTED = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
STILL_UNWANTED = f"still image, slowmotion, {WAN_UNWANTED}, "
GLOSSY_UNWANTED = "bright, high contrast, glossy plastic skin, blurry, oversaturated"
DALMATIAN = "Replace the cat with a dalmatian, keeping the environment and scene consistent"
IDOL = (
    "Proportional portrait photo, middle shot of a female Korean idol, in front of a tteokbokki restaurant, a plate of "
    "tteokbokki in front, the female idol is looking at the tteokbokki with a delicious expression"
)
QUALITY = (
    "high quality, sharp details, clean motion, natural textures, preserve original composition and identity, "
    "crisp anime lines"
)
QWEN_2511 = r"QwenImage\qwen-image-edit-2511-Q4_K_M.gguf"
QWEN_LIGHTNING = r"QwenImage\Qwen-Image-Edit-2511-Lightning-4steps-V1.0-bf16.safetensors"
QWEN_ANGLES = r"QwenImage\qwen-image-edit-2511-multiple-angles-lora.safetensors"
KREA = r"Krea2Turbo\krea2_turbo_fp8_scaled.safetensors"
MOODY = r"ZImageTurbo\moodyRealMix_zitV6DPO.safetensors"
WAN_HIGH = r"Wan2.2\Wan_2_2_I2V_A14B_HIGH_lightx2v_4step_lora_260412_rank_64_fp16.safetensors"
WAN_LOW = r"Wan2.2\Wan_2_2_I2V_A14B_LOW_lightx2v_4step_lora_260412_rank_64_fp16.safetensors"
WAN_T2V_LOW = r"Wan2.2\Wan2.2-T2V-A14B-LowNoise-Q4_K_M.gguf"
WAN_I2V_HIGH = r"Wan2.2\Wan2.2-I2V-A14B-HighNoise-Q4_K_M.gguf"
KIJAI_LOW = "Wan2_2-T2V-A14B-LOW_fp8_e4m3fn_scaled_KJ.safetensors"
KIJAI_HIGH = r"WAN2.2\Wan2_2-I2V-A14B-HIGH_fp8_e4m3fn_scaled_KJ.safetensors"
LTX_DISTILLED = r"LTX2.3\LTX-2.3-22B-distilled-1.1-Q4_K_M.gguf"


def api(**fields: Any) -> Generation:
    return Generation(host="comfyui", reader="comfyui:prompt", **fields)


def saved(**fields: Any) -> Generation:
    return Generation(host="comfyui", reader="comfyui:workflow", **fields)


def lora(name: str, strength: float = 1.0, clip: float | None = None) -> Use:
    return Use(name=name, strength=strength, clip=clip)


def edited(make: Any, prompt: str | None, checkpoint: str, seed: int, *loras: str) -> Any:
    """A picture edited in four steps."""
    return make(
        prompt=prompt,
        negative="",
        loras=tuple(lora(name) for name in loras),
        checkpoint=checkpoint,
        seed=seed,
        steps=4,
        sampler="euler",
        cfg=1.0,
    )


def restored(make: Any, checkpoint: str, *loras: Use) -> Any:
    """A video made larger or sharper: a captioning model writes the prompt, a node counts the steps."""
    return make(
        prompt=None,
        negative=GLOSSY_UNWANTED,
        loras=loras,
        checkpoint=checkpoint,
        seed=0,
        sampler="lcm",
        cfg=1.0,
    )


def lake(make: Any, **fields: Any) -> Any:
    """Two models one after the other, each with its half of a pair."""
    return make(
        prompt="old man gets up and jumps into the lake",
        negative=WAN_UNWANTED,
        loras=(lora(WAN_HIGH), lora(WAN_LOW)),
        checkpoint=WAN_I2V_HIGH,
        seed=43,
        steps=6,
        sampler="dpm++_sde",
        **fields,
    )


def moody(prompt: str, **fields: Any) -> Generation:
    return saved(prompt=prompt, negative="", seed=320187269393257, steps=20, sampler="res_multistep", cfg=1.0, **fields)


def speaking(prompt: str, seed: int) -> Generation:
    """The model, its text and its noise come over named wires, from switches, into a subgraph."""
    return saved(
        prompt=prompt,
        negative="animation, cartoon, text",
        loras=(
            lora(r"LTX2.3\ltx-2.3-22b-distilled-1.1_lora-dynamic_fro09_avg_rank_111_bf16.safetensors", 0.7),
            lora(r"LTX2.3\ltx2.3_upscale_ic-lora_06250.safetensors", 0.45),
            lora(r"LTX2.3\LTX-2.3-OmniNFT-RL-Lora_bf16.safetensors", 0.45),
            lora(r"LTX2.3\ltx-2-19b-ic-lora-detailer.safetensors", 0.55),
        ),
        checkpoint=r"LTX2.3\ltx-2.3-22b-dev-Q6_K.gguf",
        seed=seed,
        sampler="euler_ancestral",
        cfg=1.0,
    )


def enlarged(make: Any) -> Any:
    """All settings in pipes of the sampler's own."""
    return make(
        prompt=QUALITY,
        loras=(lora(r"LTX2.3\ltx2.3_upscale_ic-lora_06250.safetensors", 0.75),),
        checkpoint=LTX_DISTILLED,
        seed=42,
        steps=4,
        sampler="euler_cfg_pp",
    )


EXPECTED = {
    "yameprogrammer_0a4de316_image-qwen-image-edit-2509.json": edited(
        saved, DALMATIAN, r"QwenImage\qwen_image_edit_2509_fp8_e4m3fn.safetensors", 973414316252139, QWEN_LIGHTNING
    ),
    "yameprogrammer_0bc05117_I2V-wan22-a14b.json": lake(saved),  # cfg is a list made by a node
    "yameprogrammer_19404a91_ltx23AllInOneWorkflowForRTX-v44-IA2V.json": speaking(
        "카메라를 보며 차분하게 말합니다.", 148752108724612
    ),
    "yameprogrammer_2a79a1b3_-qwen-image.json": edited(  # the prompt is made from a camera's angles
        saved, None, QWEN_2511, 558836632942329, QWEN_LIGHTNING, QWEN_ANGLES
    ),
    "yameprogrammer_3952c060_qwen-edit-2509.api.json": edited(
        api, "edit instruction", r"QwenImage\Qwen-Image-Edit-2509-Q5_K_M.gguf", 0, QWEN_LIGHTNING
    ),
    "yameprogrammer_399d14ee_wan-animate2-motion-transfer.json": saved(
        prompt="Character appearance description: A young woman with fair skin, slender build, a... [524]",
        negative=WAN_UNWANTED,
        loras=(lora("lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"),),
        checkpoint="wan_animate_2_int8_convrot.safetensors",
        seed=42,
        steps=6,
        sampler="lcm",
        cfg=1.0,
        width=480,
        height=832,
    ),
    "yameprogrammer_49dbd0c4_wan22-upscale.json": restored(
        saved, rf"WAN2.2\{KIJAI_LOW}", lora(r"WAN2.2\low_noise_model.safetensors", 0.7)
    ),
    "yameprogrammer_5105752e_qwen-edit-2511.api.json": edited(api, "edit instruction", QWEN_2511, 0, QWEN_LIGHTNING),
    "yameprogrammer_53b15263_image-qwen-image-edit-2511.json": edited(
        saved, DALMATIAN, QWEN_2511, 973414316252139, QWEN_LIGHTNING
    ),
    "yameprogrammer_5a0b0a89_ltx23-latentheart-aio.api.json": api(  # five loaders, none of them wired to the sampler
        prompt="a woman walks slowly through a sunny park, cinematic natural motion, medium shot",
        negative="",
        checkpoint=LTX_DISTILLED,
        seed=42,
        sampler="euler_ancestral_cfg_pp",
        cfg=1.0,
    ),
    "yameprogrammer_5b2825e4_T2I-z-image-turbo.json": moody(  # the only LoRA is switched off
        IDOL, checkpoint=r"z-image-turbo\z-image-turbo-fp8-e4m3fn.safetensors", width=1024, height=1024
    ),
    "yameprogrammer_5c2a296f_krea2-i2i-v10.api.json": api(
        prompt="placeholder",
        negative="",
        checkpoint=KREA,
        seed=1003949590422403,
        steps=8,
        sampler="linear/euler",
        cfg=1.0,
    ),
    "yameprogrammer_60e758b7_krea2-t2i-v10.api.json": api(
        prompt="placeholder",
        negative="",
        checkpoint=KREA,
        seed=1003949590422403,
        steps=8,
        sampler="linear/euler",
        cfg=1.0,
        width=1024,
        height=576,
    ),
    "yameprogrammer_618c7165_image-qwen-image-instantx-inpainting-controlnet.json": saved(  # its loader is bypassed
        prompt="The Queen, on a throne, surrounded by Knights, HD, Realistic, Octane Render, Unreal engine",
        negative=" ",
        checkpoint=QWEN_2511,
        seed=134554158057228,
        steps=20,
        sampler="euler",
        cfg=2.5,
    ),
    # Trigger words of no LoRAs and a comma in front; a node that only takes commas away follows. The seed is random.
    "yameprogrammer_63312029_illustrious-standard-v37.api.json": api(
        prompt=",masterpiece, best quality, amazing quality, absurdres,\n1girl, solo, portrait,",
        negative="bad quality, worst quality, worst detail, sketch, bad hands, bad anatomy, extra fingers, deformed, "
        "artist name, watermark, signature, patreon, twitter username",
        checkpoint=r"Illustrious\fabricatedXL_v70.safetensors",
        steps=28,
        sampler="euler_ancestral",
        cfg=6.0,
    ),
    "yameprogrammer_657cae84_wan22-face-enhance.api.json": restored(api, WAN_T2V_LOW),
    "yameprogrammer_7aaf4f5f_wan22-upscale.api.json": restored(api, WAN_T2V_LOW),
    "yameprogrammer_7e5d7593_MiniMax-LTX-Spatial-Full-Upscale.api.json": enlarged(api),
    "yameprogrammer_80e4b5d6_I2I-moody.json": moody("", checkpoint=MOODY),
    "yameprogrammer_818edc87_I2I-ControlNet-moody.json": moody("", checkpoint=MOODY),
    "yameprogrammer_8b2df36b_wan22-animate.json": saved(  # model and texts come over broadcast links
        prompt="",
        negative=STILL_UNWANTED,
        loras=(
            lora(r"WAN2.2\lightx2v_T2V_14B_cfg_step_distill_v2_lora_rank32_bf16.safetensors"),
            lora(r"WAN2.2\lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"),
        ),
        checkpoint=r"WAN2.2\Wan2.2-Animate-14B-Q5_K_M.gguf",
        seed=0,
        steps=8,
        sampler="lcm",
        cfg=1.0,
        width=480,
        height=832,
    ),
    "yameprogrammer_8eaa70e9_wan22-fun-control-native.json": saved(  # the half with the LoRAs is bypassed
        prompt="On a sunny summer day, there are marshmallow - like clouds, and the sunlight is ... [511]",
        negative=WAN_UNWANTED,
        checkpoint="wan2.2_fun_control_high_noise_14B_fp8_scaled.safetensors",
        seed=909895218860439,
        steps=20,
        sampler="euler",
        cfg=3.5,
        width=640,
        height=640,
    ),
    "yameprogrammer_9ec4b10b_MiniMax-LTX-Spatial-Full-Upscale.json": enlarged(saved),
    "yameprogrammer_a79cc1d0_i2v-wan22-a14b-flf.api.json": lake(api, cfg=1.0),
    "yameprogrammer_a90b15a9_wan22-i2v-lightning-native.json": saved(
        prompt="ultra realistic, super high detail, Cinematic style, Dynamic camera.",
        negative=WAN_UNWANTED,
        loras=(
            lora("Wan2.2-Lightning_I2V-A14B-4steps-lora_HIGH_fp16.safetensors"),
            lora("Wan2.2-Lightning_I2V-A14B-4steps-lora_LOW_fp16.safetensors"),
        ),
        checkpoint="Wan2.2-I2V-A14B-HighNoise-Q5_1.gguf",
        seed=1016692460393436,
        steps=4,
        sampler="euler",
        cfg=1.0,
        width=832,
        height=480,
    ),
    "yameprogrammer_ae773a56_wan22-upscale-face-enhance.json": restored(
        saved, KIJAI_LOW, lora("Lightning_LOW_l250928.safetensors", 0.7)
    ),
    "yameprogrammer_c2e4d40a_qwen-multiangle-image.api.json": edited(
        api, None, QWEN_2511, 0, QWEN_LIGHTNING, QWEN_ANGLES
    ),
    "yameprogrammer_e6d77b19_T2I-moody.json": moody(IDOL, checkpoint=MOODY, width=1024, height=1024),
    "yameprogrammer_e842b2de_krea2-control-v70.api.json": api(
        prompt="placeholder",
        negative="",
        loras=(lora(r"Krea2\depth-control-lora.safetensors", 0.5),),
        checkpoint=KREA,
        seed=42,
        steps=12,
        sampler="euler",
        cfg=1.0,
        width=1024,
        height=1024,
    ),
    "yameprogrammer_eaa5fa9f_i2v-wan22-a14b.api.json": lake(api, cfg=1.0),
    "yameprogrammer_ec90f920_wan22-i2v.json": saved(
        prompt="[Camera Movement] Slow, claustrophobic tracking shot moving forward between the ... [768]",
        negative=STILL_UNWANTED,
        loras=(
            lora(r"WAN2.2\wan2.2_i2v_lightx2v_4steps_lora_v1_high_noise.safetensors"),
            lora(r"WAN2.2\wan2.2_i2v_lightx2v_4steps_lora_v1_low_noise.safetensors"),
        ),
        checkpoint=KIJAI_HIGH,
        seed=20,
        steps=30,
        sampler="unipc",
        cfg=1.0,
    ),
    "yameprogrammer_ef4e7922_ltx23AllInOneWorkflowForRTX-v44.json": speaking(
        "The camera slowly dollies back from the microphone stand in a steady, continuous... [375]", 827682812470250
    ),
    "yameprogrammer_f395a423_wan22-i2v-start-end.json": saved(
        prompt="",
        negative=STILL_UNWANTED,
        loras=(
            lora(r"WAN2.2\wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors"),
            lora(r"WAN2.2\wan2.2_t2v_lightx2v_4steps_lora_v1.1_low_noise.safetensors"),
        ),
        checkpoint=KIJAI_HIGH,
        seed=0,
        steps=8,
        sampler="euler",
        cfg=1.0,
    ),
    "yameprogrammer_f3f9393f_wan22-face-enhance.json": restored(
        saved, rf"WAN2.2\{KIJAI_LOW}", lora(r"WAN2.2\low_noise_model.safetensors", 0.7)
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_reads_as_a_person_does(name: str, read_real: Any) -> None:
    assert read_real(name) == EXPECTED[name]


def test_every_file_is_expected(real_workflows: Path) -> None:
    assert {path.name for path in real_workflows.iterdir() if path.name.startswith(FAMILIES)} == set(EXPECTED)
