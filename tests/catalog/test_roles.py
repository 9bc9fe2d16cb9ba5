"""Roles: most of all, that a lightning goddess is not a sampler distillation."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from lorarec.catalog.roles import guess_roles, words_of
from lorarec.types import Role

BENCH = Path(os.environ.get("LORAREC_BENCH", Path(__file__).resolve().parents[3] / "shared/data/lorabench"))


def role(title: str = "", stem: str = "", **more: object) -> str:
    found = guess_roles(title, stem, **more)  # type: ignore[arg-type]
    return found[0]["role"] if found else "unknown"


@pytest.mark.parametrize(
    "stem",
    [
        "pytorch_lora_weights_lcm",
        "lcm-lora-sdv1-5",
        "AnimateLCM_sd15_t2v_lora",
        "sdxl_lightning_4step_lora",
        "Hyper-SDXL-8steps-lora",
        "Hyper-SD15-4steps-lora",
        "dmd2_sdxl_4step_lora_fp16",
        "FLUX.1-Turbo-Alpha",
        "Qwen-Image-Lightning-8steps-V1.1",
        "Wan21_CausVid_14B_T2V_lora_rank32",
        "Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank32",
        "Wan2.1_T2V_14B_FusionX_LoRA",
        "wan-2.1-14b-self-forcing-t2v-v1",
        "pcm_sd15_smallcfg_2step",
        "Wan21_AccVid_I2V_480P_14B_lora_rank32",
    ],
)
def test_accelerators_by_name(stem: str) -> None:
    assert role(stem=stem) == Role.ACCELERATOR.value


@pytest.mark.parametrize(
    ("title", "stem", "tags", "description"),
    [
        ("Lightning Farron", "lightning_ff", ["character", "game character"], "Character from a game, 20 steps"),
        ("Lightning VFX", "LightningVFXV1", ["effect", "lightning"], "Makes lightning more consistent"),
        ("Twin Turbo", "TwinTurbo", ["anime", "character"], ""),
        ("Porsche 911 Turbo", "porsche_turbo", ["vehicle"], "Use weight 0.8, sampler Euler, 30 steps"),
        ("Hyper realistic skin", "hyper_realistic_skin", ["style"], ""),
        ("Hyperdimension heroine", "nepu", ["character"], ""),
        ("The Flash", "flash_hero", ["character"], "only 10 steps away"),
        ("2 step dance", "two_step_dance", [], ""),
        ("Z-Image Turbo anime style", "zit_anime_style", ["style"], ""),
    ],
)
def test_what_only_sounds_like_an_accelerator(title: str, stem: str, tags: list[str], description: str) -> None:
    assert role(title, stem, tags=tags, description=description) != Role.ACCELERATOR.value


def test_a_bare_lightning_is_one_if_its_description_talks_of_few_steps() -> None:
    assert role("Lightning", "lightning", description="Generates in 4-8 steps at CFG 1.") == Role.ACCELERATOR.value
    assert role("Lightning", "lightning", description="A storm over the sea.") != Role.ACCELERATOR.value


@pytest.mark.parametrize(
    ("title", "stem", "tags", "expected"),
    [
        ("Age Slider", "age_slider_v20", ["tool"], Role.SLIDER),
        ("", "weight-slider-v1.0", [], Role.SLIDER),
        ("Detail Tweaker LoRA", "add_detail", ["detailed", "concept"], Role.DETAIL),
        ("Add More Details", "more_details", [], Role.DETAIL),
        ("epi_noiseoffset", "epi_noiseoffset2", [], Role.DETAIL),
        ("Contrast Fix", "to8contrast", ["style"], Role.DETAIL),
        ("Kira Stone", "kira", ["character", "anime"], Role.CHARACTER),
        ("Watercolour Style", "wc_style", ["style"], Role.STYLE),
        ("Surgical scrubs", "scrubs", ["clothing", "uniform"], Role.CLOTHING),
        ("Dynamic sitting pose", "sit", ["poses"], Role.POSE),
        ("Vending machine", "vending", ["objects"], Role.CONCEPT),
    ],
)
def test_roles_by_tags_and_names(title: str, stem: str, tags: list[str], expected: Role) -> None:
    assert role(title, stem, tags=tags) == expected.value


def test_evidence_names_its_source_and_probabilities_stay_below_one() -> None:
    found = guess_roles("Kira", "kira", tags=["character"], user_tags=["style"])
    assert sum(entry["probability"] for entry in found) < 1
    assert {entry["evidence"] for entry in found} == {'tag "character"', 'user tag "style"'}


def test_nothing_known_is_no_role() -> None:
    assert guess_roles("", "abc_v1") == []


def test_a_signed_range_and_training_metadata_speak_for_a_slider() -> None:
    assert role(stem="age_v1", signed=True) == Role.SLIDER.value
    assert role(stem="age_v1", metadata={"training_info": '{"type": "slider"}'}) == Role.SLIDER.value


def test_file_names_become_words() -> None:
    assert words_of("AnimateLCM_sd15-4step") == "Animate LCM sd15 4step"
    assert words_of("SDXLLightning") == "SDXL Lightning"


@pytest.mark.skipif(not (BENCH / "corpus.jsonl.gz").exists(), reason="needs lorabench")
def test_roles_of_the_corpus_agree_with_its_own_tags() -> None:
    agree = total = accelerators = 0
    with gzip.open(BENCH / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        for lora in map(json.loads, file):
            stem = lora["files"][0]["file"] if lora["files"] else ""
            names = guess_roles(lora["name"], stem, (), (), lora["description"])
            top = names[0]["role"] if names else "unknown"
            accelerators += top == "accelerator"
            kinds = {"character", "style", "clothing", "poses"} & set(lora["tags"])
            if len(kinds) == 1 and top != "unknown":
                total += 1
                agree += top == kinds.pop().removesuffix("s")
    assert accelerators == 0  # from July 2023: before the first of them
    assert agree / total > 0.75, (agree, total)
