"""Base-model names as every tool writes them, checkpoint names, and which LoRA fits which checkpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.base_models import NAMES, architecture, canonical, compatibility, fit, guess_checkpoint
from lorarec.types import BaseModelGuess


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SD 1.5", "SD 1.5"),
        ("SD1", "SD 1.5"),
        ("sd_v1", "SD 1.5"),
        ("stable-diffusion-v1/lora", "SD 1.5"),
        ("SD 2.1 768", "SD 2.1"),
        ("sd_v2_768_v", "SD 2.1"),
        ("sdxl_", "SDXL"),
        ("sdxl_base_v1-0", "SDXL"),
        ("SDXL Lightning", "SDXL"),
        ("stable-diffusion-xl-v1-base/lora", "SDXL"),
        ("Pony", "Pony"),
        ("Illustrious", "Illustrious"),
        ("NoobAI", "NoobAI"),
        ("Flux.1 D", "Flux.1"),
        ("flux-1-dev/lora", "Flux.1"),
        ("flux.1_kontext", "Flux.1 Kontext"),
        ("flux2_klein_9b", "Flux.2 Klein 9B"),
        ("chroma", "Chroma"),
        ("qwen_image", "Qwen-Image"),
        ("ZImageTurbo", "Z-Image Turbo"),
        ("zimage", "Z-Image"),
        ("wan_2.2_14b", "Wan 2.2"),
        ("Wan Video 14B i2v 480p", "Wan 2.1"),
        ("Wan Video 1.3B t2v", "Wan 2.1 1.3B"),
        ("Hunyuan Video", "HunyuanVideo"),
        ("lumina-2/lora", "Lumina 2"),
        ("LTXV2", "LTX 2"),
    ],
)
def test_spellings_of_all_tools(text: str, name: str) -> None:
    assert canonical(text) == name


@pytest.mark.parametrize("text", ["", "Other", "Unknown", "other", "none", "/lora", "my great model", "Krea"])
def test_what_names_no_base_model_is_none(text: str) -> None:
    assert canonical(text) is None


def test_every_canonical_name_is_its_own_spelling() -> None:
    for name in NAMES:
        assert canonical(name) == name
        assert architecture(name)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ponyDiffusionV6XL.safetensors", "Pony"),
        ("SDXL/cyberrealisticPony_v8.safetensors", "Pony"),
        ("waiIllustrious", "Illustrious"),
        ("waiNSFWIllustrious_v140.safetensors", "Illustrious"),
        ("hassakuXLIllustrious_v2", "Illustrious"),
        ("noobaiXLNAIXL_vPred10", "NoobAI"),
        ("juggernautXL_v9", "SDXL"),
        ("zavychromaxl_v80", "SDXL"),
        ("sd_xl_base_1.0.safetensors", "SDXL"),
        ("v1-5-pruned-emaonly.ckpt", "SD 1.5"),
        ("C:\\models\\anyloraCheckpoint_bakedvaeFp16NOT", "SD 1.5"),
        ("dreamshaper_8", "SD 1.5"),
        ("v2-1_768-ema-pruned", "SD 2.1"),
        ("flux1-dev-fp8.safetensors", "Flux.1"),
        ("z_image_turbo_bf16", "Z-Image Turbo"),
        ("wan2.2_t2v_high_noise_14B_fp8_scaled", "Wan 2.2"),
        ("qwen_image_edit_2509_fp8", "Qwen-Image-Edit"),
        ("290640.safetensors", "Pony"),
    ],
)
def test_checkpoint_names(file: str, name: str) -> None:
    guess = guess_checkpoint(file)
    assert guess is not None and guess.name == name and 0.5 < guess.probability <= 0.97


@pytest.mark.parametrize("file", ["model.safetensors", "my_mix", "silver_v3", ""])
def test_checkpoint_names_that_tell_nothing(file: str) -> None:
    assert guess_checkpoint(file) is None


def _only(name: str, probability: float = 0.97) -> list[BaseModelGuess]:
    return [BaseModelGuess(name, probability, "civitai.info:baseModel")]


def test_fit_of_the_same_base_is_high_and_of_another_architecture_is_nothing() -> None:
    same, other = fit(_only("SD 1.5"), "SD 1.5"), fit(_only("SD 1.5"), "SDXL")
    assert same is not None and same > 0.9
    assert other is not None and other <= 0.05


def test_a_certain_architecture_in_a_doubtful_checkpoint_name_still_excludes() -> None:
    value = fit(_only("SD 1.5"), "juggernautXL_v9.safetensors")
    assert value is not None and value <= 0.05


def test_relatives_fit_in_between_and_near_ones_better() -> None:
    near, far = fit(_only("Illustrious"), "NoobAI"), fit(_only("Illustrious"), "Pony")
    assert near is not None and far is not None
    assert 0.2 < far < near < 0.95


def test_unknown_stays_unknown() -> None:
    assert fit([], "SDXL") is None
    assert fit(_only("Pony"), "my mix") is None
    assert fit(_only("Pony"), "") is None


@given(first=st.sampled_from(NAMES), second=st.sampled_from(NAMES))
def test_compatibility_is_symmetric_and_a_probability(first: str, second: str) -> None:
    assert 0 <= compatibility(first, second) <= 1
    assert compatibility(first, second) == compatibility(second, first)


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    assert canonical(text) in (None, *NAMES)
    guess = guess_checkpoint(text)
    assert guess is None or guess.name in NAMES
