"""Libraries of a benchmark are asked by meaning from the first prompt on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorarec.commands.laid import Laid
from lorarec.measure.bench_data import Bench
from lorarec.measure.protocol import Setup
from lorarec.settings import Settings
from lorarec.types import Query

pytest.importorskip("sqlalchemy")
pytest.importorskip("onnxruntime")


def test_vectors_of_an_earlier_run_do_not_stand_in_for_the_encoder_s_file(
    bench: Bench, tmp_path: Path, save: Any
) -> None:
    work, model = tmp_path / "work", str(save(tmp_path / "tiny", "bert"))
    settings = Settings(encoder_semantic=model, encoder_artistic=model, encoder_technical=model)
    laid, setup = Laid(bench, work, settings, None, None), Setup("all", tuple(bench.corpus))
    with laid.open(setup) as opened:
        assert opened.recommender.stage == "full"
    for file in (work / "onnx").iterdir():  # as after an update that writes them differently
        file.unlink()
    with laid.open(setup) as opened:
        assert not opened.recommender.recommend(Query(prompt="ink wash of a fox")).notes
