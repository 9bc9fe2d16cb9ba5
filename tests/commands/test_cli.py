"""The command line as a user and a script meet it: answers, exit codes, streams, odd consoles."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from lorarec.commands.query import active
from lorarec.types import Active

PROMPT = "1girl, (white hair:1.2), grey coat, holding brass lantern, snow, night"
CONTRACT = ["lora", "name", "score", "strength", "trigger_words", "base_model", "reasons", "signals"]
MIRA = "characters/mira_lanternkeeper_v2.safetensors"


def test_reading_the_command_line_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'rich', 'msgspec', 'sqlalchemy', 'torch', 'onnxruntime', 'faiss', 'sqlite3'}"
    code = f"import sys, lorarec.cli; lorarec.cli.build_parser(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- suggest ----------------------------------------------------------------------------------------------------------


def test_suggest_prints_a_table_with_reasons(call, collection) -> None:
    done = call("suggest", PROMPT, *collection.flags)
    assert done.code == 0
    assert "Mira the Lantern Keeper" in done.out
    assert MIRA in done.out
    assert "Illustrious" in done.out and "0.70 to 0.90" in done.out
    assert "\x1b" not in done.out + done.err, "no colour where there is no terminal"


def test_suggest_json_keeps_the_contract(call, collection) -> None:
    answer = call("suggest", PROMPT, "--json", *collection.flags).json
    assert list(answer)[:5] == ["suggestions", "abstained", "took_ms", "stage", "notes"]
    assert answer["stage"] == "lexical" and answer["abstained"] is False
    first = answer["suggestions"][0]
    assert list(first)[:8] == CONTRACT
    assert first["lora"] == MIRA
    assert 0 <= first["score"] <= 1
    assert list(first["strength"]) == ["model", "clip", "low", "high", "source"]
    assert first["strength"]["low"] <= first["strength"]["model"] <= first["strength"]["high"]
    assert "grey coat" in first["trigger_words"]
    assert list(first["base_model"]) == ["name", "probability"]
    assert first["base_model"]["name"] == "Illustrious"
    assert 1 <= len(first["reasons"]) <= 3
    assert all(list(reason) == ["signal", "text", "contribution"] for reason in first["reasons"])
    assert all(value is None or isinstance(value, (int, float)) for value in first["signals"].values())
    assert first["versions"] == ["characters/mira_lanternkeeper_v1.safetensors"]


def test_words_without_quotes_are_one_prompt(call, collection) -> None:
    quoted = call("suggest", "floating islands, waterfalls", "--json", *collection.flags).json
    loose = call("suggest", "floating", "islands,", "waterfalls", "--json", *collection.flags).json
    names = [[one["lora"] for one in answer["suggestions"]] for answer in (quoted, loose)]
    assert names[0] == names[1] and names[0][0] == "concepts/floating_islands_xl.safetensors"


def test_nothing_fits_is_an_answer(call, collection) -> None:
    prompt = "quarterly tax spreadsheet, office printer, invoice"
    done = call("suggest", prompt, "--min-score", "0.9", "--json", *collection.flags)
    assert done.code == 0
    assert done.json["abstained"] is True
    assert done.json["suggestions"]
    table = call("suggest", prompt, "--min-score", "0.9", *collection.flags)
    assert table.code == 0
    assert table.out.startswith("Nothing in your library fits well; closest:")


def test_what_falls_below_the_threshold_is_only_counted(call, collection) -> None:
    answer = call("suggest", PROMPT, "--json", "--diversity", 0, *collection.flags).json["suggestions"]
    between = (answer[0]["score"] + answer[1]["score"]) / 2
    table = call("suggest", PROMPT, "--min-score", between, "--diversity", 0, *collection.flags).out
    assert MIRA in table and answer[1]["lora"] not in table
    assert f"and {len(answer) - 1} less likely" in table


def test_an_active_lora_is_not_suggested_again(call, collection) -> None:
    answer = call("suggest", PROMPT, "--active", "mira_lanternkeeper_v2:0.9", "--json", *collection.flags).json
    assert not [one for one in answer["suggestions"] if "mira" in one["lora"]]


def test_an_unknown_active_lora_is_remarked_on_stderr(call, collection) -> None:
    done = call("suggest", PROMPT, "--active", "no-such-lora", "--json", *collection.flags)
    assert done.code == 0 and done.json["suggestions"]
    assert "no-such-lora" in done.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rain", Active("rain", 1.0)),
        ("rain:0.6", Active("rain", 0.6)),
        ("rain:-1", Active("rain", -1.0)),
        ("<lora:styles/rain:.5>", Active("styles/rain", 0.5)),
        ("odd:name", Active("odd:name", 1.0)),
        (r"C:\loras\rain.safetensors", Active(r"C:\loras\rain.safetensors", 1.0)),
    ],
)
def test_active_loras_carry_strengths(text: str, expected: Active) -> None:
    assert active(text) == expected


def test_roles_and_folders_filter(call, collection) -> None:
    def found(*options: str) -> list[dict]:
        return call("suggest", PROMPT, "--top", 1000, "--json", *options, *collection.flags).json["suggestions"]

    assert {one["role"] for one in found("--role", "style")} == {"style"}
    everything = found()
    assert "accelerator" not in {one["role"] for one in everything}
    assert {one["role"] for one in found("--role", "accelerator")} == {"accelerator"}
    assert "style" not in {one["role"] for one in found("--exclude-role", "style")}
    assert all(one["lora"].startswith("clothing/") for one in found("--folder", "clothing"))
    assert not [one for one in found("--exclude-folder", "characters") if one["lora"].startswith("characters/")]


def test_top_up_to_1000_returns_all_that_qualifies_ranked(call, collection) -> None:
    options = ("--top", 1000, "--diversity", 0, "--json", *collection.flags)
    answer = call("suggest", PROMPT, *options).json["suggestions"]
    scores = [one["score"] for one in answer]
    assert len(answer) > 20 and scores == sorted(scores, reverse=True)
    assert len({one["lora"] for one in answer}) == len(answer)


def test_versions_collapse_unless_asked(call, collection) -> None:
    options = (PROMPT, "--top", 1000, "--json", *collection.flags)
    together = {one["lora"] for one in call("suggest", *options).json["suggestions"]}
    apart = {one["lora"] for one in call("suggest", *options, "--no-collapse").json["suggestions"]}
    assert apart - together >= {"characters/mira_lanternkeeper_v1.safetensors"}


def test_a_pair_is_one_suggestion(call, collection) -> None:
    answer = call("suggest", "slow orbit shot, video", "--top", 1000, "--json", *collection.flags).json["suggestions"]
    [pair] = [one for one in answer if "slow_orbit" in one["lora"]]
    assert pair["lora"] == "video/slow_orbit_wan22_high_noise.safetensors"
    assert pair["partner"] == "video/slow_orbit_wan22_low_noise.safetensors"


def test_the_base_model_decides(call, collection) -> None:
    answer = call("suggest", PROMPT, "--base-model", "flux1-dev.safetensors", "--json", *collection.flags).json
    assert "Illustrious" not in {(one["base_model"] or {}).get("name") for one in answer["suggestions"]}


def test_the_same_question_gets_the_same_answer(call, collection) -> None:
    first, second = (call("suggest", PROMPT, "--json", *collection.flags).json for _ in range(2))
    assert first["suggestions"] == second["suggestions"]


# -- folders and settings ---------------------------------------------------------------------------------------------


def test_folders_before_and_after_the_verb_or_from_the_environment(call, collection, monkeypatch) -> None:
    before = call(*collection.flags, "suggest", PROMPT, "--json").json
    mixed = call("--data", collection.data, "suggest", "--loras", collection.loras, PROMPT, "--json").json
    monkeypatch.setenv("LORAREC_LORAS", str(collection.loras))
    monkeypatch.setenv("LORAREC_DATA", str(collection.data))
    named = call("suggest", PROMPT, "--json").json
    assert before["suggestions"] == mixed["suggestions"] == named["suggestions"] != []


def test_the_first_index_makes_its_folders_the_default(call, mini_library, data) -> None:
    first = call("index", "--loras", mini_library, "--data", data, "--json")
    assert (first.code, first.json["found"], first.json["added"]) == (0, 6, 6)
    again = call("index", "--data", data, "--json")
    assert (again.code, again.json["found"], again.json["added"]) == (0, 6, 0)
    assert call("settings", "show", "loras", "--data", data, "--json").json == {"loras": [str(mini_library.resolve())]}


def test_suggest_indexes_first(call, mini_library, data) -> None:
    done = call("suggest", "watercolor painting of a harbour", "--loras", mini_library, "--json", "--data", data)
    assert done.code == 0
    assert done.json["suggestions"][0]["lora"] == "styles/watercolor_wash.safetensors"


def test_no_refresh_needs_an_index(call, mini_library, data) -> None:
    done = call("suggest", "x", "--no-refresh", "--loras", mini_library, "--data", data)
    assert (done.code, done.out) == (1, "")
    assert "no index yet" in done.err


def test_new_files_are_found_and_broken_ones_are_named(call, mini_library, data) -> None:
    flags = ("--loras", mini_library, "--data", data)
    assert call("index", *flags).code == 0
    shutil.copy(mini_library / "add_detail.safetensors", mini_library / "purple_unicorn.safetensors")
    (mini_library / "broken.safetensors").write_bytes(b"\xff" * 64)
    answer = call("suggest", "purple unicorn", "--json", *flags).json
    assert answer["suggestions"][0]["lora"] == "purple_unicorn.safetensors"
    index = call("index", *flags)
    assert index.code == 0 and "8 LoRAs" in index.out
    [line] = [line for line in index.err.splitlines() if "broken.safetensors" in line]
    assert "Traceback" not in index.err and len(line) < 400
    report = call("doctor", *flags, "--json").json
    assert any(problem["path"].endswith("broken.safetensors") for problem in report["problems"])


def test_damaged_settings_are_named_and_kept_when_one_is_changed(call, collection, tmp_path) -> None:
    (tmp_path / "settings.json").write_text("{", encoding="utf-8")
    flags = ("--loras", collection.loras, "--data", tmp_path)
    report = call("doctor", *flags, "--json")
    assert report.code == 1
    assert {check["topic"]: check["state"] for check in report.json["checks"]}["settings"] == "error"
    done = call("settings", *flags)
    assert done.code == 0 and "settings.json is not valid" in done.err and "nothing is remembered" in done.err
    assert call("index", *flags).code == 0
    assert (tmp_path / "settings.json").read_text(encoding="utf-8") == "{", "nobody asked to change it"
    done = call("settings", "set", "top", 7, *flags)
    (kept,) = tmp_path.glob("settings.json.broken-*")
    assert done.code == 0 and kept.name in done.err and kept.read_text(encoding="utf-8") == "{"
    assert "the history is off, since nobody knows" in done.err
    assert call("settings", *flags, "--json").json["top"] == 7


# -- other verbs ------------------------------------------------------------------------------------------------------


def test_similar(call, collection) -> None:
    done = call("similar", "styles/grim_fantasy_oil", "--top", 5, "--json", *collection.flags)
    names = [one["lora"] for one in done.json["suggestions"]]
    assert done.code == 0 and "styles/grim_fantasy_oil.safetensors" not in names
    assert "styles/impasto_knife_xl.safetensors" in names[:3]
    assert call("similar", "grim_fantasy_oil", *collection.flags).code == 0


def test_show_names_every_source(call, collection) -> None:
    done = call("show", "captain_orsolya_pdxl", *collection.flags)
    assert done.code == 0
    for text in ("Captain Orsolya Vance", "metadata.json:model_name (author)", "header:ss_tag_frequency (trainer)"):
        assert text in " ".join(done.out.split())
    record = call("show", "captain_orsolya_pdxl", "--json", *collection.flags).json
    assert record["lora"]["title"] == "Captain Orsolya Vance, sky pirate"
    assert {"field", "value", "source", "origin"} == set(record["claims"][0])


def test_show_names_the_partner_by_its_file(call, collection) -> None:
    done = call("show", "slow_orbit_wan22_high_noise", *collection.flags)
    assert "video/slow_orbit_wan22_low_noise.safetensors" in done.out


def test_hash_reads_every_byte_once(call, mini_library, data) -> None:
    flags = ("--loras", mini_library, "--data", data)
    assert call("hash", "--json", *flags).json["hashed"] == 6
    assert call("hash", "--json", *flags).json["hashed"] == 0
    digest = hashlib.sha256((mini_library / "unknown_thing.safetensors").read_bytes()).hexdigest()
    assert digest in call("show", "unknown_thing", "--json", *flags).json["lora"]["hashes"]


def test_doctor_tells_what_is_there(call, collection) -> None:
    done = call("doctor", *collection.flags, "--json")
    assert done.code == 0
    found = {check["topic"]: check for check in done.json["checks"]}
    assert found["Python"]["text"].split()[1] == sys.version.split()[0]
    assert found["LoRA folder"]["text"] == str(collection.loras)
    assert found["index"]["text"].startswith("60 LoRAs")
    assert found["database"]["state"] == "ok"
    assert "absent/encoder" in found["encoder (semantic)"]["text"]
    assert found["encoder (semantic)"]["state"] == "warning"
    assert "60 LoRAs" in call("doctor", *collection.flags).out


def test_doctor_makes_no_index(call, tmp_path) -> None:
    done = call("doctor", "--data", tmp_path / "new", "--json")
    assert done.code == 0
    assert {check["topic"]: check["state"] for check in done.json["checks"]}["index"] == "warning"
    assert not list(tmp_path.rglob("*.sqlite3"))


# -- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["no-such-verb"],
        ["suggest"],
        ["suggest", "   "],
        ["suggest", "x", "--top", "0"],
        ["suggest", "x", "--top", "1001"],
        ["suggest", "x", "--top", "many"],
        ["suggest", "x", "--min-score", "2"],
        ["suggest", "x", "--min-score", "nan"],
        ["suggest", "x", "--role", "hero"],
        ["suggest", "x", "--safety", "any"],
        ["suggest", "x", "--no-such-option"],
        ["suggest", "x", "--batch", "-"],
        ["suggest", "--batch", "no-such-file.jsonl"],
        ["suggest", "x", "--loras", "no-such-folder"],
        ["suggest", "x"],
        ["similar"],
        ["show"],
        ["models"],
        ["models", "use"],
        ["models", "use", "quality", "--lens", "semantic"],
        ["models", "use", "./no-such-folder"],
        ["models", "list", "something"],
        ["settings", "set"],
        ["settings", "set", "no_such_setting", "1"],
        ["settings", "set", "top", "2000"],
        ["settings", "set", "top", "1", "2"],
        ["settings", "set", "collapse", "perhaps"],
        ["settings", "unset", "top", "1"],
        ["demo", "--loras", "."],
    ],
)
def test_wrong_usage_is_2_with_a_sentence_and_no_result(call, argv) -> None:
    done = call(*argv)
    assert (done.code, done.out) == (2, "")
    assert done.err.strip() and "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["similar", "show"])
def test_an_unknown_lora_is_1_with_one_sentence(call, collection, verb) -> None:
    done = call(verb, "no-such-lora", *collection.flags)
    assert (done.code, done.out) == (1, "")
    assert "no-such-lora" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_an_ambiguous_name_lists_the_candidates(call, mini_library, data) -> None:
    (mini_library / "old").mkdir()
    shutil.copy(mini_library / "add_detail.safetensors", mini_library / "old" / "add_detail.safetensors")
    (mini_library / "add_detail.safetensors").rename(mini_library / "styles" / "add_detail.safetensors")
    done = call("show", "add_detail", "--loras", mini_library, "--data", data)
    assert done.code == 1
    assert "old/add_detail.safetensors" in done.err and "styles/add_detail.safetensors" in done.err


def test_an_empty_folder_is_1(call, tmp_path, data) -> None:
    (tmp_path / "empty").mkdir()
    done = call("index", "--loras", tmp_path / "empty", "--data", data)
    assert done.code == 1 and "no LoRA files" in done.err
    assert done.out.startswith("0 LoRAs; indexed: nothing;")


@pytest.mark.parametrize("verb", [("suggest", "a castle"), ("similar", "red_knight"), ("show", "red_knight")])
def test_loras_that_are_gone_are_no_answer(call, mini_library, data, verb) -> None:
    flags = ["--loras", mini_library, "--data", data]
    assert call("index", *flags).code == 0
    mini_library.rename(mini_library.with_name("unplugged"))
    done = call(*verb, "--data", data)
    assert (done.code, done.out) == (1, "") and f"no LoRA files were found below {mini_library}" in done.err
    assert f"{mini_library}: LoRA folder cannot be read" in done.err
    assert call("profile", "--data", data).code == 0, "what was made is known all the same"


def test_one_lora_folder_of_two_that_is_gone_is_named(call, mini_library, data, tmp_path) -> None:
    flags = ["--loras", mini_library, "--loras", tmp_path, "--data", data]
    assert call("index", *flags).code == 0
    settings = json.loads((data / "settings.json").read_text("utf-8"))
    (data / "settings.json").write_text(json.dumps({**settings, "loras": [str(mini_library), str(tmp_path / "gone")]}))
    done = call("suggest", "a red knight", "--data", data)
    assert done.code == 0 and f"{tmp_path / 'gone'}: LoRA folder cannot be read" in done.err


def test_an_unknown_option_is_told_with_the_usage_of_its_verb(call) -> None:
    done = call("suggest", "a castle", "--minscore", "1")
    assert done.code == 2 and "usage: lorarec suggest" in done.err and "did you mean --min-score?" in done.err
    assert call("suggest", "a castle", "--zzz").err.splitlines()[-1].endswith("unrecognized arguments: --zzz")


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="needs permissions that bind")
def test_an_unwritable_data_folder_is_1(call, collection, tmp_path) -> None:
    tmp_path.chmod(0o500)
    done = call("suggest", "x", "--loras", collection.loras, "--data", tmp_path / "d")
    tmp_path.chmod(0o700)
    assert (done.code, done.out) == (1, "")


def test_a_file_in_place_of_the_data_folder_is_1(call, collection, tmp_path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = call("suggest", "x", "--loras", collection.loras, "--data", tmp_path / "file")
    assert (done.code, done.out) == (1, "")
    assert f"{tmp_path / 'file'} cannot be made, for a file is in its way" in done.err


def test_ctrl_c_is_130_with_one_line(call, collection, monkeypatch) -> None:
    from lorarec.recommender import Recommender

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Recommender, "refresh", interrupted)
    done = call("index", *collection.flags)
    assert (done.code, done.out) == (130, "")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "verb", ["suggest", "index", "similar", "show", "hash", "models", "settings", "doctor", "demo"]
)
def test_help_explains_every_verb(call, verb) -> None:
    done = call(verb, "--help")
    assert done.code == 0
    assert "--loras DIR" in done.out and "--data DIR" in done.out and "--json" in done.out


def test_without_rich_there_is_json_and_a_remedy(call, collection, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    for verb in (["suggest", PROMPT], ["show", "sumi_brush_xl"], ["settings"], ["models", "list"]):
        done = call(*verb, *collection.flags)
        assert (done.code, done.out) == (1, "") and "--json" in done.err
        assert call(*verb, *collection.flags, "--json").code == 0
    assert "60 LoRAs" in call("doctor", *collection.flags).out


def test_a_missing_package_is_named(call, collection, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    done = call("suggest", PROMPT, *collection.flags)
    assert (done.code, done.out) == (1, "")
    assert "sqlalchemy" in done.err and "install.py" in done.err


def test_version(call) -> None:
    from lorarec import __version__

    assert call("--version").out.strip() == f"lorarec {__version__}"


# -- consoles ---------------------------------------------------------------------------------------------------------

Spawn = Callable[..., subprocess.Popen[bytes]]


def test_a_console_that_knows_ascii_only(spawn: Spawn, collection) -> None:
    flags = (*collection.flags, "--top", 3)
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    table = spawn("suggest", "sumi brush, ink wash painting", *flags, **ascii_only)
    out, err = table.communicate(timeout=60)
    assert table.returncode == 0, err.decode()
    assert rb"\u6c34\u58a8" in out.replace(b"\n", b"") and out.isascii()
    plain = spawn("suggest", "sumi brush, ink wash painting", "--json", *flags, **ascii_only)
    out, _ = plain.communicate(timeout=60)
    assert "水墨" in json.loads(out.decode("ascii"))["suggestions"][0]["name"]


def test_a_reader_that_leaves_is_no_failure(spawn: Spawn, collection) -> None:
    process = spawn("suggest", PROMPT, "--json", "--top", 1000, *collection.flags)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    assert (process.wait(timeout=60), b"Traceback" in errors, b"BrokenPipe" in errors) == (0, False, False)


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_narrow_terminals(call, collection, monkeypatch, columns) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = call("suggest", PROMPT + ", sumi brush, ink wash painting", *collection.flags)
    assert max(cell_len(line) for line in done.out.splitlines()) <= columns
    assert "Mira" in done.out and "Lantern" in done.out
    for verb in (["show", "sumi_brush_xl"], ["doctor"], ["settings"], ["models", "list"]):
        wide = [line for line in call(*verb, *collection.flags).out.splitlines() if cell_len(line) > columns]
        assert wide == []


def test_control_characters_of_a_page_do_not_reach_the_terminal(call, make_lora, tmp_path, data) -> None:
    page = {"model": {"name": "evil\x1b[31m dragon\x07", "tags": ["dragon"]}, "trainedWords": ["dragon\x1b]0;x\x07"]}
    make_lora(tmp_path / "loras" / "dragon.safetensors", sidecars={".civitai.info": page})
    flags = ("--loras", tmp_path / "loras", "--data", data)
    outputs = [call("suggest", "dragon", *flags), call("show", "dragon", *flags)]
    assert all(done.code == 0 and "dragon" in done.out and "\x1b" not in done.out for done in outputs)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_unicode(call, make_lora, tmp_path, data) -> None:
    made = make_lora(tmp_path / "loras" / "dragon.safetensors", {"modelspec.title": "Dragon"})
    Path(os.fsdecode(os.fsencode(made.parent) + b"/drag\xff.safetensors")).write_bytes(made.read_bytes())
    flags = ("--loras", tmp_path / "loras", "--data", data)
    for options in ((), ("--json",)):
        done = call("suggest", "dragon", *options, *flags)
        assert done.code == 0 and "Traceback" not in done.err
