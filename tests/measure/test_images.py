"""Laid images carry what they say they carry, of the size that real ones have."""

from __future__ import annotations

import json
from pathlib import Path

from lorarec.history.harvest.metadata import read_metadata
from lorarec.history.harvest.readers import read_generation
from lorarec.measure.images import NEWEST, SPAN, lay_images, png


def test_images_in_turn_by_comfyui_and_a1111(tmp_path: Path) -> None:
    paths = lay_images(tmp_path, 40, loras=["one", "two", "three"])
    assert len({path.read_bytes() for path in paths}) == 40
    sizes: dict[str, list[int]] = {"prompt": [], "workflow": [], "parameters": []}
    for number, path in enumerate(paths):
        texts = read_metadata(path)
        assert set(texts) == ({"parameters"} if number % 2 else {"prompt", "workflow"})
        for key, text in texts.items():
            sizes[key].append(len(text))
    assert 2_000 < sum(sizes["prompt"]) / 20 < 4_000
    assert 9_000 < sum(sizes["workflow"]) / 20 < 15_000
    assert 900 < sum(sizes["parameters"]) / 20 < 1_500
    times = [path.stat().st_mtime for path in paths]
    assert times == sorted(times) and times[-1] == NEWEST and times[0] > NEWEST - SPAN


def test_what_they_carry_reads_right(tmp_path: Path) -> None:
    paths = lay_images(tmp_path, 30, loras=["one", "two", "three"])
    for number, path in enumerate(paths):
        texts = read_metadata(path)
        made = read_generation(texts)
        assert made is not None and made.seed == number and made.steps == 28 and made.prompt
        if "prompt" in texts:
            loaders = [
                node["inputs"] for node in json.loads(texts["prompt"]).values() if "LoraLoader" in node["class_type"]
            ]
            expected = [(f"{inputs['lora_name']}", inputs["strength_model"]) for inputs in loaders]
        else:
            tags = [part.partition(">")[0] for part in texts["parameters"].split("<lora:")[1:]]
            expected = [(tag.split(":")[0], float(tag.split(":")[1])) for tag in tags]
        assert sorted((use.name, use.strength) for use in made.loras) == sorted(expected)


def test_the_same_arguments_write_the_same_files(tmp_path: Path) -> None:
    one, two = lay_images(tmp_path / "a", 6), lay_images(tmp_path / "b", 6)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert lay_images(tmp_path / "c", 6, seed=1)[1].read_bytes() != one[1].read_bytes()


def test_texts_beyond_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png({"parameters": "雨の街"}))
    assert read_metadata(path) == {"parameters": "雨の街"}
