"""Which encoder is lent for which lens, also when memory is short, and what nobody may wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lorarec.encode import bulk, measured, onnx_export, profiles
from lorarec.encode import levels as levels_module
from lorarec.encode.bulk import BulkEncoder
from lorarec.encode.encoders import OnnxEncoder, TorchEncoder
from lorarec.encode.lender import Lender
from lorarec.encode.loans import Head
from lorarec.errors import BadFile, MissingPart, NotReady
from lorarec.settings import Settings

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

NOBODY = "nobody/has-this-model"
Save = Callable[..., Path]


def chosen(semantic: object, artistic: object, technical: object, **more: Any) -> Settings:
    names = {"encoder_semantic": semantic, "encoder_artistic": artistic, "encoder_technical": technical}
    return Settings(**{lens: str(name) for lens, name in names.items()}, **more)


def patient(lender: Lender, lens: str = "semantic") -> np.ndarray:
    with lender.lend_bulk(lens, 1) as encoder:
        return encoder.encode(["a red fox"])


@pytest.fixture
def profiled(tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Profiles of tiny models that all are on this machine: "quality" and "balanced" need two, "speed" one."""
    paths = {name: save(tmp_path / name, seed=number) for number, name in enumerate(("mini", "large", "other"))}
    mini, large, other = (str(path) for path in paths.values())
    made = {
        "speed": {"semantic": mini, "artistic": mini, "technical": mini},
        "balanced": {"semantic": large, "artistic": mini, "technical": mini},
        "quality": {"semantic": large, "artistic": other, "technical": large},
    }
    monkeypatch.setattr(profiles, "PROFILES", made)
    return paths


def with_room_for(lender: Lender, models: float, **patches: Any) -> Lender:
    """Let all models together take so many times the size of one."""
    size = next(iter(lender._folders.values())).size
    lender._loans.budget = int(models * size)
    lender._loans._resident = lambda: 0  # sizes are those of the weights
    return lender


def test_lenses_that_share_a_model_share_its_encoder(tmp_path: Path, save: Save, no_torch_check: None) -> None:
    one, two = save(tmp_path / "one"), save(tmp_path / "two", seed=1)
    lender = Lender(chosen(one, two, one), tmp_path)
    assert lender.available and lender.problems == [] and lender.loaded == frozenset()
    ids = lender.model_ids()
    assert ids["semantic"] == ids["technical"] != ids["artistic"]
    lender.prepare()
    with lender.lend("semantic") as first, lender.lend("technical") as second, lender.lend(ids["semantic"]) as third:
        assert first is second is third and isinstance(first, OnnxEncoder)
        assert lender.loaded == {ids["semantic"]}
    with lender.lend("artistic") as other:
        assert other is not first and lender.loaded == set(ids.values())
    assert lender.unload() > 0 and lender.loaded == frozenset()


def test_a_missing_lens_borrows_the_semantic_model_and_says_so(tmp_path: Path, save: Save) -> None:
    lender = Lender(chosen(save(tmp_path / "one"), NOBODY, NOBODY), tmp_path)
    assert len(set(lender.model_ids().values())) == 1 and NOBODY in lender.problems[0] and len(lender.problems) == 1


def test_without_a_semantic_model_there_is_none(tmp_path: Path, save: Save) -> None:
    lender = Lender(chosen(NOBODY, save(tmp_path / "one"), NOBODY), tmp_path)
    assert not lender.available and lender.model_ids() == {}
    with pytest.raises(MissingPart, match=NOBODY), lender.lend("artistic"):
        pass


def test_a_damaged_model_is_a_problem_not_an_error(tmp_path: Path, save: Save) -> None:
    damaged = save(tmp_path / "one")
    (damaged / "config.json").write_text("{")
    lender = Lender(chosen(damaged, damaged, damaged), tmp_path)
    assert not lender.available and len(lender.problems) == 1 and "config.json" in lender.problems[0]


def test_giving_up_is_final_and_said_once(tmp_path: Path, save: Save) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)
    (one / "model.safetensors").write_bytes((one / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(BadFile, match="cut short"):
        patient(lender)
    lender.give_up("weights are damaged")
    lender.give_up("weights are damaged")
    assert lender.problems == ["weights are damaged"] and not lender.available
    with pytest.raises(MissingPart, match="weights are damaged"), lender.lend("semantic"):
        pass


def test_a_live_query_never_waits_for_an_onnx_file(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch, no_torch_check: None
) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)
    may_go_on, real, made = threading.Event(), onnx_export.export, []

    def slow(*arguments: Any) -> Path:
        made.append(threading.current_thread().name)
        may_go_on.wait(30)
        return real(*arguments)

    monkeypatch.setattr(onnx_export, "export", slow)
    for _ in range(3):
        with pytest.raises(NotReady, match="being prepared"), lender.lend("semantic"):
            pass
    before = lender.changes
    may_go_on.set()
    for _ in range(500):
        if lender.changes > before:
            break
        time.sleep(0.02)
    assert made == ["lorarec-prepare"], "once, in the background"
    with lender.lend("semantic") as encoder:
        assert encoder.encode(["a red fox"]).shape == (1, encoder.dim)


def test_a_deleted_or_damaged_onnx_file_is_made_anew(tmp_path: Path, save: Save, no_torch_check: None) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)
    expected = patient(lender)
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(bytes(path.stat().st_size))):
        [path] = (tmp_path / "onnx").glob("*.onnx")
        lender.unload()
        spoil(path)
        np.testing.assert_array_equal(patient(lender), expected)


def test_memory_that_runs_out_while_loading_is_no_fault_of_the_file(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch, no_torch_check: None
) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)
    real = onnx_export.runtime()

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("Exception during initialization: std::bad_alloc")

    fake = SimpleNamespace(**{name: getattr(real, name) for name in ("SessionOptions", "RunOptions")})
    fake.InferenceSession = full
    with monkeypatch.context() as patch:
        patch.setattr(onnx_export, "runtime", lambda: fake)
        lender.prepare()
        assert lender.available and lender.problems == [], "the model is not given up"
    expected = patient(lender)
    lender.unload()
    with monkeypatch.context() as patch:
        patch.setattr(onnx_export, "runtime", lambda: fake)
        with pytest.raises(NotReady, match="memory ran out"), lender.lend("semantic"):
            pass
        with pytest.raises(NotReady, match="memory ran out"):
            patient(lender)
    monkeypatch.setattr(onnx_export, "export", lambda *_: pytest.fail("the file was thrown away"))
    np.testing.assert_array_equal(patient(lender), expected)


def test_where_no_onnx_file_can_be_made_torch_does_the_work(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)

    def fail(*_: object) -> Path:
        raise MissingPart("no exporter")

    monkeypatch.setattr(onnx_export, "export", fail)
    patient(lender)
    with lender.lend("semantic") as encoder:
        assert isinstance(encoder, TorchEncoder)


def test_further_heads_share_the_memory(tmp_path: Path, save: Save, no_torch_check: None) -> None:
    one = save(tmp_path / "one")
    lender = with_room_for(Lender(chosen(one, one, one), tmp_path), 1.5)
    size = lender._folders[lender.model_ids()["semantic"]].size
    lender.register(Head(name="previews", open=lambda: "a model of images", size=size))
    with lender.lend("previews") as model:
        assert model == "a model of images"
        with pytest.raises(NotReady, match="memory_mb"):
            patient(lender)
    patient(lender)
    assert "previews" not in lender.loaded, "the one in use all the time pushes the other out"
    with pytest.raises(NotReady), lender.lend("previews"):
        pass


def test_steps_down_only_to_what_the_index_can_have(profiled: Any, tmp_path: Path, no_torch_check: None) -> None:
    lender = with_room_for(Lender(Settings(profile="quality"), tmp_path), 5)
    ids = {level.profile: level.model_ids for level in lender._levels}
    assert list(ids) == ["quality", "balanced", "speed"]
    lender.settle(lambda models: pytest.fail("everything fits: nobody needs to know"))
    assert lender.model_ids() == ids["quality"] and lender.stepped_down == ""
    with_room_for(lender, 1.5)
    lender.settle(lambda models: False)
    assert lender.model_ids() == ids["quality"], "no other vectors are there: by words, and no mixing"
    lender.settle(lambda models: models == ids["speed"])
    assert lender.model_ids() == ids["speed"] and "speed is used instead of quality" in lender.stepped_down
    patient(lender)


def test_steps_up_when_there_is_room_and_not_back_and_forth(profiled: Any, tmp_path: Path) -> None:
    lender = with_room_for(Lender(Settings(profile="balanced"), tmp_path), 1.5)
    lender.settle(lambda models: True)
    small = lender.model_ids()
    with_room_for(lender, 2.1)  # it would fit, barely
    lender.settle(lambda models: True)
    assert lender.model_ids() == small and not lender.may_step_up
    with_room_for(lender, 2.6)
    assert lender.may_step_up
    lender.settle(lambda models: True)
    assert lender.model_ids() != small and lender.stepped_down == "" and not lender.may_step_up


def test_whoever_asks_while_another_thread_gives_up_gets_an_answer(profiled: Any, tmp_path: Path) -> None:
    asked: list[bool] = []

    class Watched(Lender):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name in ("_level", "_levels") and getattr(self, "problems", ()):
                asked.append(self.may_step_up)

    lender = Watched(Settings(profile="balanced"), tmp_path)
    lender.give_up("weights are damaged")
    assert len(asked) == 2 and not lender.available and not lender.may_step_up


def test_an_index_of_a_smaller_profile_is_adopted_and_no_other(profiled: Any, tmp_path: Path) -> None:
    lender = Lender(Settings(profile="balanced"), tmp_path)
    assert [level.profile for level in lender._levels] == ["balanced", "speed"]
    ids = lender._levels[1].model_ids
    assert lender.adopt(ids) and lender.model_ids() == ids
    assert not lender.adopt({**ids, "artistic": "stranger"}) and lender.model_ids() == ids


def test_many_texts_go_to_the_device_and_queries_do_not(
    tmp_path: Path, save: Save, no_torch_check: None, fake_graphics: Any
) -> None:
    pytest.importorskip("transformers")
    one, graphics = save(tmp_path / "one"), fake_graphics()
    lender = Lender(chosen(one, one, one), tmp_path, graphics)
    texts = [f"a red fox, {n}" for n in range(bulk.WORTH)]
    with lender.lend_bulk("semantic", len(texts) - 1) as few:
        assert isinstance(few, OnnxEncoder)
    with lender.lend_bulk("semantic", len(texts)) as encoder:
        assert isinstance(encoder, BulkEncoder)
        encoder.encode(texts[:50])
        [there] = [model for model in lender.residents() if model.precision == "float16"]
        assert there.device == "cpu" and there.bytes == encoder.bytes > 0 and there.lent == 1
        with lender.lend("semantic") as query, lender.lend_bulk("semantic", 10_000) as second:
            assert isinstance(query, OnnxEncoder) and second is query, "one model at a time on the device"
        assert graphics.there and lender.waiting(lambda: False)() is False and graphics.there
        assert lender.waiting(lambda: True)() is True and graphics.there == [], "whoever waits for the host leaves it"
        encoder._down_since = float("-inf")
        encoder.encode(texts[:50])
        assert graphics.there
        lender.unload(timeout=0)
        assert graphics.there == [], "unload means the device too"
        encoder._down_since = float("-inf")
        encoder.encode(texts[:50])
        lender.make_way()
        assert graphics.there == [] and all(model.precision == "float32" for model in lender.residents())
    with lender.lend_bulk("semantic", len(texts)) as encoder:
        encoder.encode(texts[:50])
        assert graphics.there
    assert graphics.there == [], "nothing stays after the job"
    off = Lender(chosen(one, one, one, gpu="off"), tmp_path, graphics)
    with off.lend_bulk("semantic", len(texts)) as encoder:
        assert isinstance(encoder, OnnxEncoder)


def test_what_was_measured_is_kept_for_other_processes(tmp_path: Path, save: Save, no_torch_check: None) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one), tmp_path)
    patient(lender)
    [(name, entry)] = measured.load(tmp_path).items()
    [resident] = lender.residents()
    assert name == resident.name and entry == {"bytes": resident.bytes, "device": "cpu", "precision": "float32"}
    (tmp_path / "models" / measured.FILE).write_text("nonsense")
    assert measured.load(tmp_path) == {}


def test_profiles_are_compared_by_their_models(tmp_path: Path, save: Save) -> None:
    one = save(tmp_path / "one")
    found, problems = levels_module.levels(chosen(one, one, one, profile="quality"), tmp_path)
    assert len(found) == 1 and problems == [], "with encoders of the user's own all profiles are the same"


def test_prompts_in_8_bits_on_request_and_never_what_is_stored(
    tmp_path: Path, save: Save, no_torch_check: None
) -> None:
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one, query_int8=True), tmp_path)
    with lender.lend_bulk("semantic", 1) as exact:
        expected = exact.encode(["a red fox", "long hair, snow"])
    with pytest.raises(NotReady), lender.lend("semantic"):
        pass
    lender.prepare()
    with lender.lend("semantic") as small:
        assert small.model_id != exact.model_id, "what it gives can never be taken for the index's own"
        vectors = small.encode(["a red fox", "long hair, snow"])
    cosines = (vectors * expected).sum(1)
    assert float(cosines.min()) > 0.98 and float(cosines.max()) < 1 - 1e-7
    assert {model.precision for model in lender.residents() if model.loaded} == {"float32", "int8"}
    sizes = {path.name.endswith("-int8.data"): path.stat().st_size for path in (tmp_path / "onnx").glob("*.data")}
    assert sizes[True] < sizes[False]


def test_what_8_bits_would_spoil_stays_exact(
    tmp_path: Path, save: Save, no_torch_check: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "MIN_COSINE_INT8", 1.1)
    one = save(tmp_path / "one")
    lender = Lender(chosen(one, one, one, query_int8=True), tmp_path)
    lender.prepare()
    with lender.lend("semantic") as encoder:
        assert encoder.model_id == lender.model_ids()["semantic"]
