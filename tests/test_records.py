"""Packed LoRAs: each comes back as it was packed, also from disk, and columns agree with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lorarec import mapped
from lorarec.records import ROLES, Records
from lorarec.types import BaseModelGuess, Lora, Role, RoleGuess, Safety, StrengthHint

SDXL = (BaseModelGuess("SDXL 1.0", 0.9, "header"), BaseModelGuess("Pony", 0.1, "header"))


def lora(number: int, **more: object) -> Lora:
    made = {"id": f"{number:016x}", "root": "/r", "path": f"a/{number}.safetensors", "size": number, "modified": 1.5}
    return Lora(**made | more)  # type: ignore[arg-type]


LORAS = [
    lora(1, title="Ein Löwe 🦁", base_models=SDXL, roles=(RoleGuess(Role.STYLE, 0.8, "tag"),), fingerprint="f1"),
    lora(2, strengths=(StrengthHint("notes", 1, model=0.7),), safety=Safety.EXPLICIT),
    lora(3, base_models=SDXL, trigger_sets=(("one", "two"), ("three",)), created=12.25),
]


@pytest.fixture(params=["made", "saved"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    made = Records.of(LORAS)
    if request.param == "made":
        return made
    mapped.save(made, tmp_path, "records")
    back = mapped.load(tmp_path, "records", Records)
    assert back is not None
    return back


def test_every_lora_comes_back_as_it_was(records: Records) -> None:
    assert len(records) == 3
    assert list(records) == LORAS
    assert [records[row] for row in (2, 0, -1)] == [LORAS[2], LORAS[0], LORAS[2]]


def test_columns_say_what_the_records_say(records: Records) -> None:
    for row, expected in enumerate(LORAS):
        assert records.place[expected.id] == row
        found = (records.ids[row], records.paths[row], records.titles[row], records.fingerprints[row])
        assert found == (expected.id, expected.path, expected.title, expected.fingerprint)
        assert records.modified[row] == expected.modified
        assert ROLES[records.roles[row]] is expected.role
        assert records.bases[records.base[row]] == expected.base_models
    assert len(records.bases) == 2  # equal ones are kept once
    np.testing.assert_array_equal(records.of_roles((Role.STYLE,)), [True, False, False])
    assert not records.of_roles(()).any()


def test_a_row_is_decoded_when_it_is_first_asked_for_and_once(records: Records) -> None:
    assert records[1] is records[1]


def test_there_is_no_row_beyond_the_last(records: Records) -> None:
    with pytest.raises(IndexError):
        records[3]


def test_no_loras() -> None:
    none = Records.of(())
    assert (len(none), list(none), bool(none)) == (0, [], False)
