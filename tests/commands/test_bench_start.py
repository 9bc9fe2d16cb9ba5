"""What surrounds an answer is measured on its own: no other measurement need have run before."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lorarec.commands import bench_start
from lorarec.commands.bench_suite import Suite
from lorarec.settings import Settings


@pytest.mark.slow
def test_a_busy_host_is_measured_on_a_collection_that_nobody_indexed(tmp_path: Path) -> None:
    from lorarec.encode import models
    from lorarec.encode.profiles import MINILM

    if models.find(MINILM, tmp_path) is None or importlib.util.find_spec("torch") is None:
        pytest.skip("no encoder model or no torch on this machine")
    suite = Suite(tmp_path, tmp_path, Settings(), lambda step: None, 4)
    [row] = bench_start.beside_sampling(suite, 40, 2)
    assert (row.unit, row.limit) == ("%", 5) and row.value < 100 and "median of 2 turns" in row.detail
