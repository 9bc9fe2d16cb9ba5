"""`lorarec harvest` and `lorarec import`, as a user types them."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from lorarec.measure.images import lay_images, png

SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {}, Size: 512x768"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with an image of a sample LoRA, one of unknown LoRAs, and a photo."""
    folder = tmp_path / "my images"
    folder.mkdir()
    prompts = ("a tower <lora:sample_ink:0.6>", "an owl <lora:nowhere:1> <lora:nowhere else:1>")
    for number, prompt in enumerate(prompts):
        text = f"{prompt}\nNegative prompt: blurry\n{SETTINGS.format(number)}"
        (folder / f"{number}.png").write_bytes(png({"parameters": text}))
    (folder / "photo.png").write_bytes(png({}))
    return folder


@pytest.fixture
def loras(tmp_path: Path, make_lora) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path / "loras"
    make_lora(folder / "styles" / "sample_ink.safetensors", {"ss_output_name": "sample_ink"})
    return folder


def test_it_reads_links_and_says_what_it_saw(call, data: Path, images: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    done = call("harvest", images, "--loras", loras, "--data", data)
    assert done.code == 0, done.err
    first = done.out.splitlines()[0]
    assert first.startswith("3 images, 3 new; 2 generations learned; ")
    lines = {" ".join(line.split()) for line in done.out.splitlines()}
    assert {"a1111:parameters 2", "no generator's metadata 1", "name 1", "nowhere 1", "nowhere else 1"} <= lines
    assert "lorarec hash" in done.err


def test_json_holds_the_report(call, data: Path, images: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    done = call("harvest", images, "--json", "--loras", loras, "--data", data)
    assert done.code == 0, done.err
    report = done.json
    assert (report["found"], report["new"], report["generations"], report["bare"]) == (3, 3, 2, 1)
    assert report["linked"] == {"name": 1}
    assert report["unknown"] == {"uses": 2, "names": 2, "most": {"nowhere": 1, "nowhere else": 1}}
    assert report["problems"] == [] and report["cancelled"] is False


def test_folders_given_once_become_the_default(call, data: Path, images: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    assert "settings set images" in call("harvest", images, "--loras", loras, "--data", data).err
    assert json.loads((data / "settings.json").read_text(encoding="utf-8"))["images"] == [str(images.resolve())]
    again = call("harvest", "--json", "--loras", loras, "--data", data)
    assert (again.json["found"], again.json["new"]) == (3, 0)
    other = images.parent / "other"
    lay_images(other, 2)
    assert "default" not in call("harvest", other, "--loras", loras, "--data", data).err, "nothing is overwritten"


def test_a_folder_of_the_settings_that_is_not_there_is_named(call, data: Path, images: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    gone = images.parent / "unplugged"
    call("settings", "set", "images", images, gone, "--data", data)
    done = call("harvest", "--loras", loras, "--data", data)
    assert done.code == 0 and f"{gone}: folder cannot be read" in done.err
    assert done.err.count("cannot be read") == 1


def test_without_loras_names_are_kept(call, data: Path, images: Path) -> None:  # type: ignore[no-untyped-def]
    done = call("harvest", images, "--json", "--data", data)
    assert done.code == 0 and "stay names" in done.err
    assert done.json["generations"] == 2 and done.json["linked"] == {}


def test_without_any_folder_the_remedy_is_named(call, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = call("harvest", "--data", data)
    assert done.code == 2 and "lorarec harvest DIR" in done.err
    done = call("harvest", tmp_path / "absent", "--data", data)
    assert done.code == 2 and "is no folder" in done.err


def test_with_the_history_off_it_says_how_to_turn_it_on(call, data: Path, images: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    assert call("settings", "set", "history", "off", "--data", data).code == 0
    for verb in ("harvest", "import"):
        done = call(verb, images, "--loras", loras, "--data", data)
        assert done.code == 2 and "history" in done.err and "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_stopped_with_ctrl_c_it_goes_on_from_there(call, spawn, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "many"
    lay_images(folder, 3_000)
    process = spawn("harvest", folder, "--data", data)
    assert process.stderr
    for line in process.stderr:
        if b"Reading images" in line:
            break
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    code = process.wait(20)
    process.stdout.close()
    process.stderr.close()
    rest = call("harvest", folder, "--json", "--data", data).json
    assert (code, rest["found"]) in ((130, 3_000), (0, 3_000))
    assert rest["new"] < 3_000, "what was read before is not read again"


# -- import ------------------------------------------------------------------------------------------------------------


def test_import_recognises_by_content(call, data: Path, tmp_path: Path, loras: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = {"loras": [{"file_name": "sample_ink", "strength": 0.8}], "gen_params": {"prompt": "a tower"}}
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "1.recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    (folder / "2.recipe.json").write_text("{", encoding="utf-8")
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"loras": {"ab" * 32: {"total": 3, "history": {"2024-05-01": 3}}}}), encoding="utf-8")
    done = call("import", folder, stats, "--json", "--loras", loras, "--data", data)
    assert done.code == 0, done.err
    assert done.json["sources"] == {"lora-manager recipes": 1, "lora-manager usage": 1}
    assert (done.json["generations"], done.json["usage"], done.json["linked"]) == (1, 1, {"name": 1})
    [problem] = done.json["problems"]
    assert problem["path"].endswith("2.recipe.json")
    shown = call("import", folder, stats, "--loras", loras, "--data", data)
    assert shown.out.startswith("0 generations learned, 1 counts taken over")
    assert "2.recipe.json" in shown.err


def test_import_names_what_it_understands(call, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = call("import", tmp_path, "--data", data)
    assert done.code == 1 and "iib.db" in done.err
    done = call("import", tmp_path / "absent", "--data", data)
    assert done.code == 2 and "is not there" in done.err
