"""One file with all its sources -> one merged LoRA: who wins, what is united, and that nothing ever raises."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorarec.catalog.describe import Described, describe
from lorarec.catalog.files import LoraFile
from lorarec.catalog.merge import merge
from lorarec.types import Claim, Lora, Origin, Role, Safety

DescribeLora = Callable[..., Described]
KOHYA = {
    "ss_output_name": "robot",
    "modelspec.title": "robot",
    "ss_base_model_version": "sdxl_base_v1-0",
    "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    "ss_sd_model_name": "290640.safetensors",
    "ss_network_module": "networks.lora",
    "ss_network_dim": "32",
    "ss_network_args": '{"conv_dim": "8"}',
    "ss_resolution": "(768, 1024)",
    "ss_training_started_at": "1726066908.24",
    "ss_training_comment": "None",
    "ss_tag_frequency": json.dumps({"10_r0bot": {"1girl": 9, "robot": 20, " metal ": 3}, "5_more": {"robot": 5}}),
    "sshs_model_hash": "ab" * 32,
}


def test_kohya_header(describe_lora: DescribeLora) -> None:
    found = describe_lora(metadata=KOHYA)
    lora = found.lora
    assert found.problems == () and len(found.digest) == 16
    assert lora.title == "" and lora.name == "robot"  # an output name is only the file name again
    assert (lora.rank, lora.resolution, lora.network) == (32, 1024, "locon")
    assert lora.training_tags == (("robot", 25), ("1girl", 9), ("metal", 3))
    assert lora.trigger_sets == (("r0bot",), ("more",))
    assert lora.created == pytest.approx(1726066908.24)
    assert lora.hashes == ("ab" * 32,)
    assert lora.description == ""
    assert lora.base_model is not None
    assert lora.base_model.name == "Pony" and lora.base_model.probability > 0.8  # the checkpoint tells, SDXL is general
    assert lora.id == "" and lora.fingerprint == ""


def test_sdxl_alone_is_a_distribution_over_its_finetunes(describe_lora: DescribeLora) -> None:
    lora = describe_lora(metadata={"ss_base_model_version": "sdxl_base_v1-0"}).lora
    names = {guess.name: guess.probability for guess in lora.base_models}
    assert lora.base_models[0].name == "SDXL" and {"Pony", "Illustrious"} <= set(names)
    assert sum(names.values()) <= 1
    early = describe_lora(
        path="b.safetensors",
        metadata={"ss_base_model_version": "sdxl_base_v1-0", "ss_training_started_at": "1693000000"},
    ).lora
    assert early.base_models[0].probability > 0.8


def test_a_name_sharpens_but_never_changes_the_architecture(describe_lora: DescribeLora) -> None:
    tuned = describe_lora(path="a/robot_pony.safetensors", metadata={"ss_base_model_version": "sdxl_base_v1-0"}).lora
    assert tuned.base_models[0].name == "Pony"
    other = describe_lora(path="b/robot_pony.safetensors", metadata={"ss_base_model_version": "sd_v1"}).lora
    assert [guess.name for guess in other.base_models] == ["SD 1.5"]


def test_page_and_header_that_contradict_each_other_leave_doubt(describe_lora: DescribeLora) -> None:
    lora = describe_lora(
        metadata={"ss_base_model_version": "sdxl_base_v1-0"}, sidecars={".civitai.info": {"baseModel": "SD 1.5"}}
    ).lora
    assert {guess.name for guess in lora.base_models} == {"SD 1.5", "SDXL"}
    assert max(guess.probability for guess in lora.base_models) < 0.6


def test_other_is_no_evidence_and_the_tensors_are_asked(describe_lora: DescribeLora) -> None:
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
    lora = describe_lora(tensors={name: (16, 768)}, sidecars={".civitai.info": {"baseModel": "Other"}}).lora
    assert lora.base_model is not None and lora.base_model.name == "SD 1.5"
    assert "768" in lora.base_model.evidence and lora.rank == 16


def test_ai_toolkit_trigger_and_captions_of_sentences(describe_lora: DescribeLora) -> None:
    fake = {"ss_base_model_version": "zimage", "ss_tag_frequency": json.dumps({"1_k1ra": {"k1ra": 1}})}
    lora = describe_lora(metadata=fake).lora
    assert lora.trigger_sets == (("k1ra",),) and lora.training_tags == ()
    captions = {"10_img": {"a red robot is standing in the rain": 2, "the red robot walks over a bridge": 1}}
    lora = describe_lora(path="b.safetensors", metadata={"ss_tag_frequency": json.dumps(captions)}).lora
    assert lora.training_tags[:2] == (("red", 3), ("robot", 3))
    assert "the" not in dict(lora.training_tags)


def test_user_wins_over_author_over_trainer_over_guess(describe_lora: DescribeLora) -> None:
    found = describe_lora(
        metadata={**KOHYA, "modelspec.trigger_phrase": "fromheader"},
        sidecars={
            ".json": {"activation text": "mine", "preferred weight": 0.4},
            ".civitai.info": {"trainedWords": ["author"], "model": {"name": "Page Title"}, "description": "weight 0.9"},
        },
    )
    lora = found.lora
    assert lora.trigger_sets == (("mine",),)
    assert [hint.model for hint in lora.strengths] == [0.4, 0.9]
    assert lora.title == "Page Title"
    said = {claim.source for claim in found.claims if claim.field == "trigger_sets"}
    assert {"json:activation text", "civitai.info:trainedWords", "header:modelspec.trigger_phrase"} <= said


def test_of_equal_origin_the_first_source_wins_and_lists_are_united() -> None:
    file = LoraFile("/r", "a.safetensors", 1, 0)
    lora = merge(
        file,
        [
            Claim("title", "guessed", "x", Origin.GUESS),
            Claim("title", "first", "y", Origin.AUTHOR),
            Claim("title", "second", "z", Origin.AUTHOR),
            Claim("tags", ["b", "C"], "y", Origin.AUTHOR),
            Claim("tags", ["c", "d"], "z", Origin.AUTHOR),
            Claim("tags", ["a"], "u", Origin.USER),
            Claim("stats", {"downloads": 1}, "y", Origin.AUTHOR),
            Claim("stats", {"downloads": 9, "likes": 2}, "z", Origin.AUTHOR),
        ],
    )
    assert (lora.title, lora.tags) == ("first", ("a", "b", "C", "d"))
    assert (lora.stats.downloads, lora.stats.likes) == (1, 2)


def test_template_defaults_are_no_evidence(describe_lora: DescribeLora) -> None:
    metadata = {
        "modelspec.title": "my_lora",
        "modelspec.author": "Unknown",
        "name": "lora",
        "ss_training_comment": "None",
    }
    lora = describe_lora(metadata=metadata).lora
    assert (lora.title, lora.author, lora.description) == ("", "", "")


def test_preview_from_file_or_header(describe_lora: DescribeLora) -> None:
    lora = describe_lora(sidecars={".preview.png": b"png", ".png": b"png"}).lora
    assert lora.preview == "folder/robot.preview.png"
    lora = describe_lora(path="x.safetensors", metadata={"modelspec.thumbnail": "data:image/png;base64,AAAA"}).lora
    assert lora.preview == "header:thumbnail"


def test_pickles_are_never_opened(describe_lora: DescribeLora, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real_open = open

    def spy(path: Any, *args: Any, **kwargs: Any) -> Any:
        opened.append(str(path))
        return real_open(path, *args, **kwargs)

    monkeypatch.setattr("builtins.open", spy)
    found = describe_lora(path="old.pt", content=b"\x80\x04junk", sidecars={".json": {"notes": "old one"}})
    assert found.lora.notes == "old one" and found.problems == () and found.digest == ""
    assert not any(path.endswith("old.pt") for path in opened)


def test_a_broken_header_is_one_line_and_the_sidecars_are_read(describe_lora: DescribeLora) -> None:
    found = describe_lora(content=struct.pack("<Q", 1 << 30) + b"x", sidecars={".json": {"notes": "kept"}})
    assert found.lora.notes == "kept"
    assert len(found.problems) == 1 and found.problems[0].path == "folder/robot.safetensors"


def test_a_vanished_file_is_one_line() -> None:
    found = describe(LoraFile("/nowhere", "a.safetensors", 1, 0, ("a.json",)))
    assert [problem.path for problem in found.problems] == ["a.json", "a.safetensors"]


def test_safety_is_warned_by_words_and_training_tags(describe_lora: DescribeLora) -> None:
    assert describe_lora(path="nude_figures.safetensors").lora.safety is Safety.MATURE
    explicit = {"ss_tag_frequency": json.dumps({"1_x": {"1girl": 50, "nipples": 40, "sex": 30}})}
    assert describe_lora(path="y.safetensors", metadata=explicit).lora.safety is Safety.EXPLICIT
    assert describe_lora(path="z.safetensors", metadata=KOHYA).lora.safety is None
    assert describe_lora(path="analog_film.safetensors").lora.safety is None


def test_a_slider_keeps_its_signed_range_and_gets_its_role(describe_lora: DescribeLora) -> None:
    text = "Use a weight from -2 to 2; negative makes it younger."
    lora = describe_lora(path="age_slider.safetensors", sidecars={".civitai.info": {"description": text}}).lora
    assert lora.role is Role.SLIDER
    assert (lora.strengths[0].model, lora.strengths[0].low, lora.strengths[0].high) == (None, -2.0, 2.0)


def test_limits(describe_lora: DescribeLora) -> None:
    metadata = {"ss_tag_frequency": json.dumps({"1_x": {f"tag {n}": n + 1 for n in range(900)}})}
    version = {
        "description": "word " * 9_000,
        "images": [{"meta": {"prompt": f"prompt {n}"}} for n in range(90)],
        "trainedWords": [f"w{n}x" for n in range(500)],
    }
    lora = describe_lora(metadata=metadata, sidecars={".civitai.info": version}).lora
    assert len(lora.training_tags) == 200 and lora.training_tags[0] == ("tag 899", 900)
    assert len(lora.examples) == 24 and len(lora.description) <= 8_000 and len(lora.trigger_sets) <= 64


_KEYS = st.sampled_from(
    [
        *"""name model baseModel trainedWords description stats images meta prompt resources weight nsfwLevel
        files hashes id modelId publishedAt file_name usage_tips tags notes favorite civitai
        modelDescription preview_nsfw_level userNote strengthMin strengthMax word user positive
        sha256 ModelName Tags Nsfw Hashes Stats modelVersions downloadCount rating modelspec.title
        modelspec.lora_default_weight extensions""".split(),
        "sd version",
        "activation text",
        "preferred weight",
    ]
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        ["\ud800", "weight 0.6-0.8", "<lora:x:0.7>", "a, b || c", '{"strength": "x"}', "SDXL", "2024-01-01", "<p>"]
    )
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=20
)
_ENDINGS = (".civitai.info", ".metadata.json", ".json", ".api_info.json", ".cm-info.json", ".swarm.json")
_HEADER_KEYS = st.sampled_from(
    [*KOHYA, "ss_datasets", "ss_dataset_dirs", "modelspec.trigger_phrase", "training_info", "ss_v2"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metadata=st.dictionaries(_HEADER_KEYS, _VALUES.map(lambda value: json.dumps(value)) | _LEAVES, max_size=8),
    sidecars=st.dictionaries(
        st.sampled_from([*_ENDINGS, ".rgthree-info.json", ".txt"]),
        st.dictionaries(_KEYS, _VALUES, max_size=8).map(lambda value: json.dumps(value).encode())
        | st.binary(max_size=60),
        max_size=4,
    ),
)
def test_nothing_makes_it_raise(describe_lora: DescribeLora, metadata: Any, sidecars: dict[str, bytes]) -> None:
    found = describe_lora(metadata=metadata, sidecars=sidecars)
    encoded = msgspec.json.encode(found.lora)
    assert msgspec.json.decode(encoded, type=Lora) == found.lora  # encodable, of the right types, no NaN
    msgspec.json.encode(found.claims)
    assert math.fsum(guess.probability for guess in found.lora.base_models) <= 1.0001
    assert all(words and all(words) for words in found.lora.trigger_sets)
    for problem in found.problems:
        assert "\n" not in problem.message and problem.message.encode("utf-8")


def test_names_that_are_not_unicode_do_no_harm(tmp_path: Path) -> None:
    found = describe(LoraFile(str(tmp_path), "bad\udcff/name\udcfe.safetensors", 1, 0))
    assert len(found.problems) == 1
    found.problems[0].message.encode("utf-8")
    json.dumps([guess.evidence for guess in found.lora.base_models]).encode("utf-8")
