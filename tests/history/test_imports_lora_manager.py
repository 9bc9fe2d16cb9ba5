"""LoRA Manager's statistics and recipes, as its source writes them, and as anybody may have mangled them."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.errors import BadFile
from lorarec.history.adding import UsageCount
from lorarec.history.imports import lora_manager
from lorarec.history.imports.load import load
from lorarec.history_types import Generation, Use

REAL = Path(os.environ.get("LORAREC_REAL", Path(__file__).resolve().parents[3] / "shared/data/real/sidecars"))
ONE, TWO = "ab" * 32, "cd" * 32
RECIPE: dict[str, Any] = {
    "id": "1",
    "title": "a fox",
    "created_date": 1_700_000_000.5,
    "base_model": "SDXL 1.0",
    "loras": [
        {"file_name": "ink", "hash": ONE.upper(), "strength": 0.7, "modelVersionId": 11, "modelName": "Ink lines"},
        {"file_name": "", "hash": "", "strength": "1.2", "modelVersionId": 0, "modelName": "Owl style"},
        {"file_name": "left out", "hash": TWO, "strength": 1, "exclude": True},
    ],
    "gen_params": {
        "prompt": "a fox",
        "negative_prompt": "blurry",
        "steps": "20",
        "sampler": "Euler a",
        "cfg_scale": 6.5,
        "seed": 4294967296,
        "size": "832x1216",
    },
    "checkpoint": {"type": "checkpoint", "file_name": "dreamshaper_8"},
}


def noon(day: str) -> float:
    return datetime.fromisoformat(f"{day}T12:00:00").timestamp()


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_statistics_give_counts_by_day_and_what_no_day_holds(tmp_path: Path) -> None:
    stats = {
        "checkpoints": {TWO: {"total": 9, "history": {"2024-01-01": 9}}},
        "loras": {ONE: {"total": 7, "history": {"2024-05-01": 2, "2024-05-03": 4}}, TWO: {"total": 3, "history": {}}},
        "total_executions": 10,
    }
    [found] = load(write(tmp_path / "renamed.json", stats))
    one, two = Use(name="", hashes=(ONE,)), Use(name="", hashes=(TWO,))
    assert found.source == "lora-manager usage"
    assert found.usage == (
        UsageCount(one, 2, noon("2024-05-01")),
        UsageCount(one, 4, noon("2024-05-03")),
        UsageCount(one, 1),
        UsageCount(two, 3),
    )


def test_statistics_of_older_versions_are_bare_counts(tmp_path: Path) -> None:
    [found] = load(write(tmp_path / "lora_manager_stats.json", {"loras": {ONE: 5, TWO: 0}, "checkpoints": {}}))
    assert found.usage == (UsageCount(Use(name="", hashes=(ONE,)), 5),)


def test_a_recipe_is_a_generation() -> None:
    assert lora_manager.recipe(RECIPE) == Generation(
        prompt="a fox",
        negative="blurry",
        loras=(
            Use(name="ink", strength=0.7, hashes=(ONE, ONE[:10]), version_id="11"),
            Use(name="Owl style", strength=1.2),
        ),
        checkpoint="dreamshaper_8",
        base_model="SDXL",
        seed=4294967296,
        steps=20,
        sampler="Euler a",
        cfg=6.5,
        width=832,
        height=1216,
        made=1_700_000_000.5,
        host="lora-manager",
        reader="lora-manager:recipe",
    )


def test_a_recipe_without_base_model_has_that_of_its_checkpoint() -> None:
    found = lora_manager.recipe({**RECIPE, "base_model": "Other", "checkpoint": "ponyDiffusionV6XL.safetensors"})
    assert found and (found.checkpoint, found.base_model) == ("ponyDiffusionV6XL.safetensors", "Pony")


def test_dates_in_milliseconds_are_understood() -> None:
    found = lora_manager.recipe({**RECIPE, "created_date": 1_700_000_000_500})
    assert found and found.made == 1_700_000_000.5


def test_a_recipe_that_tells_nothing_is_none() -> None:
    assert lora_manager.recipe({"loras": [], "gen_params": {"prompt": "  ", "seed": 1}}) is None


def test_a_folder_of_recipes_is_read_whole_and_a_broken_one_named(tmp_path: Path) -> None:
    write(tmp_path / "a.recipe.json", RECIPE)
    write(tmp_path / "sub" / "b.recipe.json", {**RECIPE, "gen_params": {"prompt": "an owl"}})
    write(tmp_path / "sub" / "c.recipe.json", {"loras": "?"})
    (tmp_path / "d.recipe.json").write_text('{"loras": [', encoding="utf-8")
    write(tmp_path / "notes.json", {"loras": []})
    write(tmp_path / ".trash" / "e.recipe.json", RECIPE)
    parts = list(load(tmp_path))
    assert [made.prompt for part in parts for made, image in part.generations] == ["a fox", "an owl"]
    problems = [problem for part in parts for problem in part.problems]
    assert {Path(problem.path).name for problem in problems} == {"c.recipe.json", "d.recipe.json"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"loras": 3}', "no json", "[" * 100_000, '{"loras": ["x"]}'])
def test_what_it_is_not_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadFile, match=r"x\.json"):
        list(load(path))


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def scandir(place: str) -> Any:
        if str(place).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(BadFile, match="locked: folder cannot be read"):
        list(load(tmp_path))
    write(tmp_path / "a.recipe.json", RECIPE)
    [part] = load(tmp_path)
    assert len(part.generations) == 1
    assert [(problem.path, problem.message) for problem in part.problems] == [
        (str(tmp_path / "locked"), "folder cannot be read (Permission denied); check its permissions")
    ]


def test_a_folder_without_anything_to_import_is_an_error_that_says_what_could_be(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"iib\.db"):
        list(load(tmp_path))
    with pytest.raises(BadFile, match="cannot be read"):
        list(load(tmp_path / "absent"))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([ONE, "2024-05-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["file_name", "hash", "strength", "modelVersionId", "exclude", "prompt", "size", "total", "history"]
)


@given(
    st.dictionaries(
        st.sampled_from(["loras", "gen_params", "checkpoint", "base_model", "created_date", "modified"]),
        VALUES | st.lists(st.dictionaries(KEYS, VALUES)) | st.dictionaries(KEYS, VALUES),
    )
)
def test_whatever_a_recipe_holds_it_is_read_or_left(data: dict[str, Any]) -> None:
    found = lora_manager.recipe(data)
    assert found is None or found.loras or found.prompt


@given(st.dictionaries(st.sampled_from([ONE, "x", "", "2024-05-01"]), VALUES | st.dictionaries(KEYS, VALUES)))
def test_whatever_statistics_hold_counts_are_positive(data: dict[str, Any]) -> None:
    assert all(row.count > 0 and row.use.hashes for row in lora_manager.usage(data))


def test_a_real_recipe() -> None:
    path = REAL / "lora_manager" / "recipe.json"
    if not path.is_file():
        pytest.skip("no real samples: LORAREC_REAL does not name their folder")
    [part] = load(path)
    [(made, image)] = part.generations
    digest = "1b5b763d83961bb5745f3af8271ba83f1d4fd69c16278dae6d5b4e194bdde97a"
    assert image is None
    assert made.loras == (
        Use(name="Pony: People's Works +", strength=1.0, hashes=(digest, digest[:10]), version_id="2007092"),
    )
    assert made.prompt and made.prompt.startswith("masterpiece, best quality, amazing quality, very aesthetic,")
    assert made.prompt.endswith("half-closed eyes,")
    assert made.negative == "shiny skin,"
    assert (made.base_model, made.checkpoint) == ("Illustrious", "")
    assert (made.seed, made.steps, made.sampler, made.cfg) == (1765271748, 19, "Euler a", 5.0)
    assert (made.width, made.height, made.made) == (832, 1216, 1754897325.0507245)
