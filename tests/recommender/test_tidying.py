"""Which vectors leave the database when an index is complete, and which never do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from letters import LetterEncoder
from lorarec.catalog.store import Catalog
from lorarec.history_types import Generation
from lorarec.index.vector_store import VectorStore, text_hash
from lorarec.library import texts_of
from lorarec.recommender import Recommender
from lorarec.tidying import Tidying

Make = Callable[..., Path]
Open = Callable[..., Recommender]
JUNK = [f"junk {number}" for number in range(100)]


def describe(root: Path, name: str, text: str) -> None:
    side = root / f"{name}.civitai.info"
    side.write_text(json.dumps(json.loads(side.read_text()) | {"description": text}))


def kept(recommender: Recommender, texts: list[str], model: str = LetterEncoder.model_id) -> set[str]:
    store = VectorStore(recommender._database)
    missing = set(store.missing(map(text_hash, texts), model))
    return {text for text in texts if text_hash(text) not in missing}


def litter(recommender: Recommender, texts: list[str], model: str = LetterEncoder.model_id) -> None:
    vectors = np.ones((len(texts), LetterEncoder.dim), np.float32)
    VectorStore(recommender._database).put(model, [text_hash(text) for text in texts], vectors)


def test_texts_that_changed_leave_once_they_are_many(
    roots: Path, recommender: Recommender, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    prune = VectorStore.prune
    monkeypatch.setattr(VectorStore, "prune", lambda self, *args: looked.append(1) or prune(self, *args))
    describe(roots, "cake", "A cake with a candle on it")
    recommender.refresh()
    assert looked == [] and kept(recommender, letters.texts) == set(letters.texts)  # one text is not worth a look
    for name in ("cake", "snow_owl", "red_knight"):
        describe(roots, name, f"Quite another {name}")
    recommender.refresh()
    now = {text for lora in Catalog(recommender._database).loras() for text in texts_of(lora).examples}
    assert now <= kept(recommender, letters.texts)
    gone = set(letters.texts) - kept(recommender, letters.texts)
    assert len(gone) == 4 and any("candle" in text for text in gone) and not any("another" in text for text in gone)
    recommender.refresh()
    assert looked == [1]


def test_what_anybody_could_need_stays(
    opened: Open, roots: Path, tmp_path: Path, make_lora: Make, letters: LetterEncoder
) -> None:
    """LoRAs of another host's folder, one whose file is missing, another user's prompts, texts by another encoder."""
    make_lora(tmp_path / "other" / "ship.safetensors", seed=9)
    with Recommender.open([tmp_path / "other"], tmp_path / "data", user="anna") as other:
        other.refresh()
        assert other.memory.record_generation(Generation(prompt="a lighthouse at dusk", made=1.0, seed=1))
        other.learn()
    with opened() as recommender:
        recommender.refresh()
        (roots / "snow_owl.safetensors").unlink()
        needed = list(letters.texts)
        assert any("ship" in text for text in needed) and "a lighthouse at dusk" in needed
        litter(recommender, needed, "another-encoder")
        litter(recommender, JUNK)
        litter(recommender, JUNK, "another-encoder")
        recommender.refresh()
        for model in (LetterEncoder.model_id, "another-encoder"):
            assert kept(recommender, needed, model) == set(needed) and kept(recommender, JUNK, model) == set()


def test_what_another_process_read_anew_meanwhile_stays(opened: Open, roots: Path, letters: LetterEncoder) -> None:
    with opened(keep_vectors=True) as recommender:
        recommender.refresh()
        store, catalog = VectorStore(recommender._database), Catalog(recommender._database)
        loras = catalog.loras()
        texts = [texts_of(lora) for lora in loras]
        before = len(letters.texts)
        describe(roots, "cake", "A cake with a candle on it")
        recommender.refresh()
        litter(recommender, JUNK)
        assert Tidying(catalog, store, list).tidy(loras, texts, lambda: False) == len(JUNK)
        assert kept(recommender, letters.texts) == set(letters.texts) and len(letters.texts) == before + 1


def test_nothing_leaves_while_an_index_is_not_complete(roots: Path, recommender: Recommender) -> None:
    litter(recommender, JUNK)
    describe(roots, "cake", "A cake with a candle on it")
    seen: list[str] = []
    recommender.refresh(lambda step: seen.append(step.stage), lambda: "lexical" in seen)
    assert kept(recommender, JUNK) == set(JUNK)
    recommender.refresh()
    assert recommender.stage == "full" and kept(recommender, JUNK) == set()


def test_where_all_vectors_are_kept_nothing_leaves(opened: Open, roots: Path, letters: LetterEncoder) -> None:
    with opened(keep_vectors=True) as recommender:
        recommender.refresh()
        litter(recommender, JUNK)
        assert recommender.memory.record_generation(Generation(prompt="a lighthouse at dusk", made=1.0, seed=1))
        recommender.learn()
        recommender.memory.delete(everything=True)
        describe(roots, "cake", "A cake with a candle on it")
        recommender.refresh()
        assert recommender.stage == "full"
        assert kept(recommender, [*JUNK, "a lighthouse at dusk"]) == {*JUNK, "a lighthouse at dusk"}


def test_a_prompt_that_runs_stops_it_at_any_point(recommender: Recommender, letters: LetterEncoder) -> None:
    litter(recommender, JUNK)
    store, catalog = VectorStore(recommender._database), Catalog(recommender._database)
    loras = catalog.loras()
    texts = [texts_of(lora) for lora in loras]
    tidying = Tidying(catalog, store, lambda: ["a", "b"])
    for allowed in range(len(loras) + 2 + 1):  # asked before each LoRA, each prompt and each transaction
        answers = iter([False] * allowed)
        assert tidying.tidy(loras, texts, lambda answers=answers: next(answers, True)) == 0  # type: ignore[misc]
        assert kept(recommender, JUNK) == set(JUNK)
    assert tidying.tidy(loras, texts, lambda: False) == len(JUNK)
    assert kept(recommender, letters.texts) == set(letters.texts)
