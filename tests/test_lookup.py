"""Names as hosts and people write them -> the LoRA meant, never a guess."""

from __future__ import annotations

import pytest

from lorarec.errors import UnknownLora
from lorarec.lookup import Lookup
from lorarec.paths import EXTENSIONS
from lorarec.records import Records
from lorarec.types import Lora


def lora(path: str, root: str = "/one", **fields: str) -> Lora:
    return Lora(id=f"{root}{path}"[:40], root=root, path=path, size=1, modified=0.0, **fields)


KNIGHT = lora("chars/Red Knight.safetensors", title="The Red Knight", fingerprint="f1")
OWL = lora("owl.safetensors", title="Owls", fingerprint="f2")
OWL_2 = lora("birds/owl.safetensors", title="Owls", fingerprint="f3")
COPY = lora("birds/copy.safetensors", fingerprint="f3")
LOOKUP = Lookup(Records.of([KNIGHT, OWL, OWL_2, COPY]))


@pytest.mark.parametrize(
    "name",
    [
        "chars/Red Knight.safetensors",
        "chars\\Red Knight.safetensors",
        "CHARS/red knight",
        "/chars/Red Knight",
        "Red Knight",
        "red knight.safetensors",
        "old folder/Red Knight.safetensors",
        "the red knight",
        KNIGHT.id,
        "  Red Knight ",
    ],
)
def test_one_lora_by_many_names(name: str) -> None:
    assert LOOKUP.find(name) == KNIGHT


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_kind_of_file_is_found_with_and_without_its_extension(extension: str) -> None:
    known = lora(f"a/Caf\u00e9{extension}", title="Stra\u00dfe")
    lookup = Lookup(Records.of([known, lora("a/other.pt")]))
    for name in ("cafe\u0301", f"old/CAF\u00c9{extension.upper()}", f"A\\cafe\u0301{extension}", "STRASSE"):
        assert lookup.find(name) == known
    assert not lookup.shares_stem(known.id)


def test_a_path_beats_a_shared_file_name() -> None:
    assert LOOKUP.find("owl") == OWL and LOOKUP.find("birds/owl") == OWL_2


def test_a_fingerprint_finds_a_renamed_file_but_only_one() -> None:
    assert LOOKUP.find("gone/renamed.safetensors", "f1") == KNIGHT
    with pytest.raises(UnknownLora):
        LOOKUP.find("gone/renamed.safetensors", "f3")
    assert LOOKUP.find("owl.safetensors", "f1") == OWL  # the path is the better witness


def test_a_name_that_several_share_is_an_error_that_lists_them() -> None:
    with pytest.raises(UnknownLora, match=r"several.*owl\.safetensors.*birds/owl\.safetensors"):
        LOOKUP.find("elsewhere/owl")
    with pytest.raises(UnknownLora, match="several"):
        LOOKUP.find("owls")


def test_an_unknown_name_is_an_error_that_helps() -> None:
    with pytest.raises(UnknownLora, match=r"did you mean chars/Red Knight\.safetensors"):
        LOOKUP.find("knight")
    for name in ("zebra", "", "/", ".safetensors"):
        with pytest.raises(UnknownLora, match="no installed LoRA"):
            LOOKUP.find(name)


def test_the_first_root_wins() -> None:
    first, second = lora("a/x.safetensors"), lora("a/x.safetensors", "/two")
    lookup = Lookup(Records.of([first, second]))
    assert lookup.find("a/x.safetensors") == first and lookup.find("x") == first
    assert lookup.find(second.id) == second and lookup.row(second.id) == 1


def test_files_that_differ_in_extension_or_case_are_told_apart() -> None:
    old, new, upper = lora("x.pt"), lora("x.safetensors"), lora("X.safetensors")
    lookup = Lookup(Records.of([old, new, upper]))
    assert lookup.find("x.safetensors") == new and lookup.find("x.pt") == old
    assert lookup.find("X.safetensors") == upper
    with pytest.raises(UnknownLora, match="several"):
        lookup.find("x")


def test_an_empty_catalogue_knows_nothing() -> None:
    with pytest.raises(UnknownLora):
        Lookup(Records.of([])).find("x")


def test_the_rows_that_a_name_may_mean_are_told_without_looking_for_what_is_near() -> None:
    lookup = Lookup(Records.of([KNIGHT, OWL, OWL_2, COPY]))
    assert lookup.rows("elsewhere/owl") == [1, 2]
    assert lookup.rows("red knight") == lookup.rows(KNIGHT.id) == [0]
    assert lookup.rows("gone", "f1") == [0] and lookup.rows("gone", "f3") == []
    lookup.find = None  # a prompt may name hundreds that are not here, and `find` looks at every path for each
    assert lookup.rows("knight") == []
