"""The signal table: every signal has a place, and what is not known is NaN."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.rank.blend import shipped
from lorarec.rank.facts import Facts
from lorarec.rank.signals import FAMILIES, FAMILY_OF, SIGNALS, signal_table
from lorarec.rank.train import UNLEARNED
from lorarec.types import Candidates, Lora, Stats


def test_every_signal_belongs_to_one_family() -> None:
    assert len(SIGNALS) == len(set(SIGNALS)) == len(FAMILY_OF)
    assert all(FAMILY_OF[name] == family for family, names in FAMILIES.items() for name in names)


def test_what_the_blend_reads_is_in_the_table_and_what_it_must_not_learn_is_not_in_the_blend() -> None:
    read = {feature.signal for feature in shipped().features}
    assert read <= set(SIGNALS) and not read & UNLEARNED
    assert not read & {"recency", "favorite", "base_model_fit"}


def test_columns_are_laid_out_by_name() -> None:
    loras = [
        Lora(id=str(at), root="/r", path=f"{at}.pt", size=1, modified=0.0, stats=Stats(downloads=at)) for at in range(3)
    ]
    column = np.asarray([0.25, np.nan], np.float32)
    found = Candidates(np.asarray([0, 2]), {"semantic": column}, np.zeros(2, np.int64))
    fit, recency = np.asarray([np.nan, 1.0]), np.asarray([0.5, 0.0])
    table = signal_table(found, Facts.of(loras), prompt_terms=3, base_model_fit=fit, recency=recency)
    assert table.names == SIGNALS and table.values.shape == (2, len(SIGNALS))
    assert table.column("semantic").tolist() == pytest.approx([0.25, np.nan], nan_ok=True)
    assert table.column("popularity").tolist() == pytest.approx([0.1, 0.95])
    assert table.column("prompt_terms").tolist() == pytest.approx([np.log(4)] * 2)
    assert table.column("base_model_fit").tolist() == pytest.approx([np.nan, 1.0], nan_ok=True)
    assert np.isnan(table.column("bm25_names")).all()
    with pytest.raises(ValueError):
        table.column("no_such_signal")
