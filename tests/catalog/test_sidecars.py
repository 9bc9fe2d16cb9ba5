"""Sidecars of every writer -> claims with their source and origin."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorarec.catalog.describe import Described, describe
from lorarec.catalog.files import LoraFile
from lorarec.types import Origin, Safety

DescribeLora = Callable[..., Described]
REAL = Path(os.environ.get("LORAREC_REAL", Path(__file__).resolve().parents[3] / "shared/data/real/sidecars"))

VERSION: dict[str, Any] = {
    "id": 222,
    "modelId": 111,
    "name": "v2.0",
    "baseModel": "Pony",
    "trainedWords": ["kira, red dress,", "kira, armor"],
    "description": "<p>Smaller file.<br/>Use weight 0.6-0.8 &amp; enjoy</p>",
    "stats": {"downloadCount": 1200, "thumbsUpCount": 300, "rating": 4.9, "ratingCount": None},
    "publishedAt": "2024-05-05T11:12:15.112Z",
    "nsfwLevel": 31,
    "model": {
        "name": "Kira Stone",
        "type": "LORA",
        "nsfw": False,
        "description": "<b>A knight</b>",
        "tags": ["character", "knight"],
    },
    "files": [
        {"name": "other.safetensors", "type": "Model", "hashes": {"SHA256": "AA" * 32}},
        {
            "name": "robot.safetensors",
            "type": "Model",
            "hashes": {"SHA256": "BB" * 32, "AutoV1": "E3B0C442", "CRC32": "12345678"},
        },
        {"name": "data.zip", "type": "Training Data", "hashes": {"SHA256": "CC" * 32}},
    ],
    "images": [
        {
            "nsfwLevel": 1,
            "meta": {"prompt": "kira in a castle <lora:robot:0.7>", "negativePrompt": "blurry", "Model": "mixXL"},
        },
        {
            "nsfwLevel": 1,
            "meta": {"prompt": "kira, forest", "resources": [{"type": "lora", "name": "robot", "weight": 0.9}]},
        },
        {"nsfwLevel": 4, "meta": {"prompt": "two <lora:first:0.3> <lora:second:0.4>"}},
        {"nsfwLevel": 1, "meta": None},
    ],
}


def sources(found: Described, field: str) -> dict[str, Origin]:
    return {claim.source: claim.origin for claim in found.claims if claim.field == field}


def test_civitai_info(describe_lora: DescribeLora) -> None:
    found = describe_lora(sidecars={".civitai.info": VERSION})
    lora = found.lora
    assert found.problems == ()
    assert (lora.title, lora.version, lora.model_id, lora.version_id) == ("Kira Stone", "v2.0", "111", "222")
    assert lora.trigger_sets == (("kira", "red dress"), ("kira", "armor"))
    assert lora.base_model is not None and lora.base_model.name == "Pony" and lora.base_model.probability > 0.9
    assert lora.base_model.evidence == "civitai.info:baseModel"
    assert lora.description == "A knight\nSmaller file.\nUse weight 0.6-0.8 & enjoy"
    assert lora.tags == ("character", "knight")
    assert (lora.stats.downloads, lora.stats.likes, lora.stats.rating, lora.stats.rating_count) == (
        1200,
        300,
        4.9,
        None,
    )
    assert lora.hashes == ("bb" * 32,)
    assert lora.created == pytest.approx(1714907535.0)
    assert lora.safety is Safety.SAFE  # the typical image, not the boldest, and not the mask of all
    assert [(e.prompt[:4], e.strength) for e in lora.examples] == [("kira", 0.7), ("kira", 0.9), ("two ", None)]
    assert (lora.examples[0].negative, lora.examples[0].base_model) == ("blurry", "mixXL")
    assert [(h.origin, h.model, h.low, h.high) for h in lora.strengths] == [
        (Origin.AUTHOR, 0.7, 0.6, 0.8),
        (Origin.GUESS, 0.8, 0.75, 0.85),
    ]
    assert lora.strengths[1].source == "example images (n=2)"
    assert sources(found, "trigger_sets") == {"civitai.info:trainedWords": Origin.AUTHOR}


def test_a_model_marked_explicit_is_never_safe(describe_lora: DescribeLora) -> None:
    version = {**VERSION, "model": {**VERSION["model"], "nsfw": True}}
    assert describe_lora(sidecars={".civitai.info": version}).lora.safety is Safety.MATURE


@pytest.mark.parametrize(
    ("images", "level"),
    [
        ([{"nsfw": "None"}, {"nsfw": "None"}, {"nsfw": "X"}], Safety.SAFE),
        ([{"nsfw": "X"}, {"nsfw": "X"}], Safety.EXPLICIT),
        ([{"nsfwLevel": 2}], Safety.SUGGESTIVE),
        ([{"nsfwLevel": 16}], Safety.EXPLICIT),
        ([], None),
    ],
)
def test_safety_is_the_typical_level_of_the_images(
    describe_lora: DescribeLora, images: list[Any], level: Safety | None
) -> None:
    assert describe_lora(sidecars={".civitai.info": {"images": images}}).lora.safety is level


def test_api_info_finds_the_version_of_this_file(describe_lora: DescribeLora) -> None:
    model = {
        "id": 111,
        "name": "Kira Stone",
        "description": "<p>A knight</p>",
        "tags": ["character"],
        "nsfw": False,
        "creator": {"username": "painter"},
        "modelVersions": [
            {
                "id": 1,
                "name": "SDXL",
                "baseModel": "SDXL 1.0",
                "trainedWords": ["wrong"],
                "files": [{"name": "kira_xl.safetensors"}],
            },
            {
                "id": 2,
                "name": "1.5",
                "baseModel": "SD 1.5",
                "trainedWords": ["right"],
                "files": [{"name": "robot.safetensors"}],
            },
        ],
    }
    lora = describe_lora(sidecars={".api_info.json": model}).lora
    assert (lora.author, lora.model_id, lora.version_id, lora.trigger_sets) == ("painter", "111", "2", (("right",),))
    assert lora.base_model is not None and lora.base_model.name == "SD 1.5"


def test_lora_manager(describe_lora: DescribeLora) -> None:
    data = {
        "file_name": "robot",
        "model_name": "Robot",
        "sha256": "ab" * 32,
        "base_model": "Illustrious",
        "preview_nsfw_level": 4,
        "favorite": True,
        "exclude": False,
        "notes": "for backgrounds",
        "modelDescription": "<p>Robots</p>",
        "tags": ["style"],
        "usage_tips": json.dumps({"strength": 0.65, "strength_min": 0.4, "strength_max": 0.9, "clip_strength": 0.5}),
        "civitai": {"id": 5, "modelId": 6, "trainedWords": ["r0bot"], "images": [{"meta": {"prompt": "a robot"}}]},
    }
    found = describe_lora(sidecars={".metadata.json": data})
    lora = found.lora
    assert found.problems == ()
    assert (lora.notes, lora.favorite, lora.excluded) == ("for backgrounds", True, False)
    assert (lora.title, lora.model_id, lora.trigger_sets) == ("Robot", "6", (("r0bot",),))
    first = lora.strengths[0]
    assert (first.source, first.origin) == ("metadata.json:usage_tips", Origin.USER)
    assert (first.model, first.clip, first.low, first.high) == (0.65, 0.5, 0.4, 0.9)
    assert lora.safety is Safety.MATURE  # one preview counts while nothing else is known
    assert sources(found, "notes") == {"metadata.json:notes": Origin.USER}


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("0.5-0.7", (0.5, 0.7)),
        (" .5 ~ 0.7 ", (0.5, 0.7)),
        ("-1.0-1.0", (-1.0, 1.0)),
        ("-2–-1", (-2.0, -1.0)),
        ("−1 - +1.5", (-1.0, 1.5)),
    ],
)
def test_lora_manager_strength_range_as_text(
    text: str, bounds: tuple[float, float], describe_lora: DescribeLora
) -> None:
    data = {"file_name": "robot", "usage_tips": json.dumps({"strength_range": text})}
    found = describe_lora(sidecars={".metadata.json": data})
    hint = found.lora.strengths[0]
    assert (hint.model, hint.low, hint.high) == (pytest.approx(sum(bounds) / 2), *bounds) and found.problems == ()


@pytest.mark.parametrize("text", ["a-b", "0.5", "1-2-3", "-"])
def test_lora_manager_strength_range_that_is_none(text: str, describe_lora: DescribeLora) -> None:
    data = {"file_name": "robot", "usage_tips": json.dumps({"strength_range": text})}
    found = describe_lora(sidecars={".metadata.json": data})
    assert found.lora.strengths == () and "no range" in found.problems[0].message


@pytest.mark.parametrize("name", ["robot.sft", "Robot.BIN", "x/robot.pt", "robot"])
def test_a_resource_is_known_by_its_file_whatever_the_extension(name: str, describe_lora: DescribeLora) -> None:
    listed = [{"type": "lora", "name": "other.sft", "weight": 0.3}, {"type": "lora", "name": name, "weight": 0.9}]
    data = {"images": [{"url": "", "meta": {"prompt": "a hall", "resources": listed}}]}
    assert describe_lora(sidecars={".civitai.info": data}).lora.examples[0].strength == 0.9


def test_another_tools_metadata_json_is_left_alone(describe_lora: DescribeLora) -> None:
    found = describe_lora(sidecars={".metadata.json": {"name": "Robots", "weight": {"value": 1}, "version": "flux1"}})
    assert found.problems == () and found.lora.title == ""


def test_rgthree(describe_lora: DescribeLora) -> None:
    data = {
        "name": "Robot - v1",
        "baseModel": "SDXL 1.0",
        "sha256": "cd" * 32,
        "userNote": "mine",
        "userTags": ["machines"],
        "strengthMin": 0.9,
        "strengthMax": 0.4,
        "trainedWords": [
            {"word": "civ", "civitai": True, "count": 9},
            {"word": "tagonly", "metadata": True, "count": 50},
        ],
        "images": [{"positive": "robot army <lora:robot:0.5>", "negative": "bad", "nsfwLevel": 2, "model": "mix"}],
    }
    lora = describe_lora(sidecars={".rgthree-info.json": data}).lora
    assert (lora.notes, lora.user_tags, lora.trigger_sets) == ("mine", ("machines",), (("civ",),))
    assert (lora.strengths[0].low, lora.strengths[0].high) == (0.4, 0.9)
    assert (lora.examples[0].prompt[:5], lora.examples[0].strength) == ("robot", 0.5)
    assert lora.safety is Safety.SUGGESTIVE
    data["trainedWords"].append({"word": "myword", "user": True})
    assert describe_lora(sidecars={".rgthree-info.json": data}).lora.trigger_sets == (("myword",),)


def test_a1111_card(describe_lora: DescribeLora) -> None:
    card = {
        "description": "my robots",
        "sd version": "SD1",
        "activation text": "r0bot, metal || r0bot, rust",
        "preferred weight": 0.55,
        "negative text": "",
        "notes": "good at night",
    }
    lora = describe_lora(sidecars={".json": card}).lora
    assert lora.trigger_sets == (("r0bot", "metal"), ("r0bot", "rust"))
    assert (lora.strengths[0].model, lora.strengths[0].origin) == (0.55, Origin.USER)
    assert (lora.notes, lora.description) == ("good at night", "my robots")
    assert lora.base_model is not None and lora.base_model.name == "SD 1.5"


def test_a1111_unset_values_say_nothing(describe_lora: DescribeLora) -> None:
    lora = describe_lora(
        sidecars={".json": {"sd version": "Unknown", "preferred weight": 0, "activation text": ""}}
    ).lora
    assert (lora.base_models, lora.strengths, lora.trigger_sets) == ((), (), ())


def test_a_card_filled_in_by_a_tool_yields_to_the_page_but_the_users_words_win(describe_lora: DescribeLora) -> None:
    tool = {"activation text": "kira, red dress, armor", "extensions": {"sd_civitai_helper": {"version": "1"}}}
    lora = describe_lora(sidecars={".civitai.info": VERSION, ".json": tool}).lora
    assert lora.trigger_sets == (("kira", "red dress"), ("kira", "armor"))
    tool["activation text"] = "kira, my own words"
    lora = describe_lora(sidecars={".civitai.info": VERSION, ".json": tool}).lora
    assert lora.trigger_sets == (("kira", "my own words"),)


def test_a_tools_sd_version_names_an_architecture_only(describe_lora: DescribeLora) -> None:
    tool = {"sd version": "SDXL", "extensions": {"sd_civitai_helper": {"version": "1"}}}
    alone = describe_lora(sidecars={".json": tool}).lora.base_models
    assert alone[0].name == "SDXL" and "Pony" in {guess.name for guess in alone}
    named = describe_lora(path="robot_pony.safetensors", sidecars={".json": tool}).lora.base_models
    assert named[0].name == "Pony"
    page = describe_lora(sidecars={".civitai.info": VERSION, ".json": tool}).lora.base_models
    assert [guess.name for guess in page] == ["Pony"]


def test_somebody_elses_json_is_left_alone(describe_lora: DescribeLora) -> None:
    found = describe_lora(sidecars={".json": {"learning_rate": 1e-4, "epochs": [1, 2]}})
    assert found.problems == () and all(claim.origin is Origin.GUESS for claim in found.claims)


def test_stability_matrix(describe_lora: DescribeLora) -> None:
    data = {
        "ModelName": "Robot",
        "ModelDescription": "<p>Robots</p>",
        "VersionName": "v1",
        "BaseModel": "Flux.1 D",
        "AuthorUsername": "painter",
        "Tags": ["style"],
        "TrainedWords": ["r0bot"],
        "Nsfw": True,
        "Hashes": {"SHA256": "EF" * 32, "CRC32": "12345678"},
        "Stats": {"DownloadCount": 5, "Rating": 0},
        "ModelId": 7,
    }
    lora = describe_lora(sidecars={".cm-info.json": data}).lora
    assert (lora.title, lora.author, lora.version, lora.model_id) == ("Robot", "painter", "v1", "7")
    assert lora.base_model is not None and lora.base_model.name == "Flux.1"
    assert (lora.hashes, lora.safety) == (("ef" * 32,), Safety.MATURE)
    assert (lora.stats.downloads, lora.stats.rating) == (5, None)


def test_swarm(describe_lora: DescribeLora) -> None:
    data = {
        "modelspec.title": "Rusty Robot",
        "modelspec.architecture": "Flux.1-dev/lora",
        "modelspec.trigger_phrase": "r0bot, metal",
        "modelspec.lora_default_weight": "0.8",
        "modelspec.tags": "style, robots",
        "modelspec.is_negative_embedding": False,
    }
    found = describe_lora(sidecars={".swarm.json": data})
    lora = found.lora
    assert found.problems == (), "what is none of our business is no problem"
    assert (lora.title, lora.trigger_sets, lora.tags) == ("Rusty Robot", (("r0bot", "metal"),), ("style", "robots"))
    assert lora.strengths[0].model == 0.8
    assert lora.base_model is not None and lora.base_model.name == "Flux.1"


def test_a_text_file_is_a_weak_note(describe_lora: DescribeLora) -> None:
    found = describe_lora(sidecars={".txt": b"works well with rain"})
    assert found.lora.notes == "works well with rain"
    assert set(sources(found, "notes").values()) == {Origin.GUESS}
    assert describe_lora(path="a/b.safetensors", sidecars={".txt": b"x" * 5000}).lora.notes == ""
    assert describe_lora(path="c/d.safetensors", sidecars={".txt": bytes(range(256))}).lora.notes == ""


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + b'{"notes": "x", "preferred weight": 0.5}',
        '{"notes": "x", "preferred weight": 0.5}'.encode("utf-16"),
        b'{"notes": "x", "preferred weight": 0.5, "a": NaN}',
        b'{"notes": "x", "preferred weight": 0.5, "description": "\\ud800"}',
        b'{"notes": "x", "preferred weight": "0.5", "description": "\xff\xfe\xfa"}',
    ],
)
def test_encodings_and_nan_are_forgiven(describe_lora: DescribeLora, content: bytes) -> None:
    lora = describe_lora(sidecars={".json": content}).lora
    assert (lora.notes, lora.strengths[0].model) == ("x", 0.5)
    lora.description.encode("utf-8")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no valid JSON"),
        (b"{broken", "no valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[1, 2]", "no JSON object"),
        (b'{"a": "' + b"x" * (9 << 20) + b'"}', "larger than 8 MiB"),
    ],
)
def test_a_bad_sidecar_is_one_line_and_the_others_are_read(
    describe_lora: DescribeLora, content: bytes, says: str
) -> None:
    found = describe_lora(sidecars={".civitai.info": content, ".json": {"notes": "kept"}})
    assert found.lora.notes == "kept"
    assert [problem.path for problem in found.problems] == ["folder/robot.civitai.info"]
    assert says in found.problems[0].message


def test_wrong_types_are_named_and_the_rest_is_kept(describe_lora: DescribeLora) -> None:
    version = {
        **VERSION,
        "name": ["v2"],
        "trainedWords": {"a": 1},
        "stats": "many",
        "images": [3, {"nsfwLevel": "?", "meta": {"prompt": 5, "resources": [1]}}],
    }
    found = describe_lora(sidecars={".civitai.info": version})
    assert found.lora.title == "Kira Stone" and found.lora.tags == ("character", "knight")
    named = " ".join(problem.message for problem in found.problems)
    assert all(f"field {name} " in named for name in ("name", "trainedWords", "stats", "images"))
    assert all("\n" not in problem.message for problem in found.problems)


def test_html_is_read_but_lora_tags_stay(describe_lora: DescribeLora) -> None:
    text = "<script>alert(1)</script><p>Use &lt;lora:robot:0.7&gt;<br>now\u200b</p><style>p{}</style> 3 < 4"
    lora = describe_lora(sidecars={".civitai.info": {"description": text}}).lora
    assert lora.description == "Use <lora:robot:0.7>\nnow\n3 < 4"
    assert lora.strengths[0].model == 0.7


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real sidecars")
def test_real_sidecars_are_read_without_complaint() -> None:
    described = []
    for folder in ("one_library", "civitai_info"):
        names = sorted(os.listdir(REAL / folder))
        for name in names:
            if name.endswith(".civitai.info"):
                stem = name.removesuffix(".civitai.info")
                beside = tuple(other for other in names if other in (name, f"{stem}.json"))
                described.append(describe(LoraFile(str(REAL / folder), f"{stem}.pt", 1, 0, beside)))
    assert len(described) > 100
    assert [problem for found in described for problem in found.problems] == []
    assert all(found.lora.title and found.lora.base_models for found in described)
    assert sum(found.lora.safety is not None for found in described) > 100
