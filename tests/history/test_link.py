"""What an image says of a LoRA -> the installed file, with the evidence; what is in doubt stays open."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.history.link import LEAST, Links, usable
from lorarec.history_types import Linked, Use
from lorarec.types import Lora

SHA = "ab" * 32
AUTOV3 = "0123456789ab"
OTHER_SHA = "cd" * 32
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def lora(id_: str, path: str, **fields: object) -> Lora:
    base = {"root": "/loras", "size": 1, "modified": 0.0, "fingerprint": f"print of {id_}"}
    return Lora(id=id_, path=path, **{**base, **fields})  # type: ignore[arg-type]


KNIGHT = lora("knight", "chars/Red Knight.safetensors", title="The Red Knight", hashes=(SHA, AUTOV3), version_id="7")
OWL = lora("owl", "owl.safetensors", title="Owls")
OWL_2 = lora("owl2", "birds/owl.safetensors", title="Owls")
DOTS = lora("dots", "styles/ink_v1.5.safetensors")
ACCENT = lora("accent", "styles/Café.safetensors", hashes=(OTHER_SHA,))
LINKS = Links([KNIGHT, OWL, OWL_2, DOTS, ACCENT])


def link(links: Links = LINKS, name: str = "", *hashes: str, version: str = "") -> tuple[str, str]:
    found = links(Use(name=name, hashes=hashes, version_id=version))
    return found.lora, found.how


@pytest.mark.parametrize(
    ("name", "meant", "how"),
    [
        ("chars/Red Knight.safetensors", "knight", "path"),
        ("chars\\Red Knight.safetensors", "knight", "path"),
        ("CHARS/red knight", "knight", "path"),
        ("Red Knight", "knight", "name"),
        ("red knight.safetensors", "knight", "name"),
        ("old folder/Red Knight", "knight", "name"),
        ("the red knight", "knight", "alias"),
        ("owl.safetensors", "owl", "path"),  # a loader's list shows the path, so that this one lies at the root
        ("birds/owl.safetensors", "owl2", "path"),
        ("D:\\ai\\models\\Lora\\birds\\owl.safetensors", "owl2", "path"),
        ("owl", "", "ambiguous"),  # <lora:owl:1> may be either
        ("elsewhere/owl", "", "ambiguous"),
        ("Owls", "", "ambiguous"),
        ("ink_v1.5", "dots", "name"),
        ("ink_v1", "", ""),
        ("styles/Cafe\u0301.safetensors", "accent", "path"),  # as macOS spells it
        ("", "", ""),
        ("unknown", "", ""),
        ("/", "", ""),
    ],
)
def test_names(name: str, meant: str, how: str) -> None:
    assert link(LINKS, name) == (meant, how)


@pytest.mark.parametrize(
    "digest", [SHA, SHA.upper(), SHA[:10], SHA[:12], SHA[:LEAST], AUTOV3, f"{AUTOV3}ffff", f"sha256:{SHA}", f"0x{SHA}"]
)
def test_any_hash_prefix_links_whatever_the_name_says(digest: str) -> None:
    assert link(LINKS, "owl", digest) == ("knight", "hash")


@pytest.mark.parametrize("digest", [SHA[: LEAST - 1], "", "not a hash", "zzzzzzzzzzzz", "ffffffffffff"])
def test_what_is_no_known_hash_leaves_the_word_to_the_name(digest: str) -> None:
    assert link(LINKS, "ink_v1.5", digest) == ("dots", "name")


@pytest.mark.parametrize("digest", [NOTHING, NOTHING[:12], NOTHING[:10], NOTHING[:8]])
def test_the_hash_of_nothing_is_no_evidence(digest: str) -> None:
    hollow = Links([lora("a", "a.safetensors", hashes=(NOTHING,)), lora("b", "b.safetensors", hashes=(AUTOV3,))])
    assert link(hollow, "b", digest) == ("b", "name")
    assert link(hollow, "", digest) == ("", "")


def test_a_civitai_version_outweighs_a_name() -> None:
    assert link(LINKS, "ink_v1.5", version="7") == ("knight", "version")
    assert link(LINKS, "ink_v1.5", version="8") == ("dots", "name"), "nothing is known of that file's version"


@pytest.mark.parametrize(
    ("own", "stated", "linked"),
    [
        ((AUTOV3,), "ffffffffffff", False),
        ((SHA[:10],), "ffffffffff", False),
        ((SHA, SHA[:10]), OTHER_SHA, True),  # that may be a BLAKE3
        ((SHA, AUTOV3), "ffffffffff", False),
        ((SHA,), "ffffffffffff", True),  # nothing is known of its AutoV3
        ((SHA[:10],), "ffffffffffff", True),
        ((SHA,), "ffffffffff", True),  # that may be the hash of its tensors, from the header
        ((), "ffffffffffff", True),
    ],
)
def test_a_name_is_no_proof_where_a_hash_of_the_same_kind_differs(
    own: tuple[str, ...], stated: str, linked: bool
) -> None:
    links = Links([lora("a", "a.safetensors", title="Title of a", hashes=own)])
    for name, how in (("a", "name"), ("a.safetensors", "path"), ("title of a", "alias")):
        assert link(links, name, stated) == (("a", how) if linked else ("", ""))


def test_a_name_is_no_proof_where_the_version_differs() -> None:
    assert link(LINKS, "Red Knight", version="8") == ("", "")


def test_one_matching_hash_outweighs_one_that_differs() -> None:
    assert link(LINKS, "Red Knight", "ffffffffffff", SHA) == ("knight", "hash")


def test_a_name_chooses_among_files_of_one_hash() -> None:
    """A resized LoRA keeps the hash in its header."""
    links = Links([lora("full", "x.safetensors", hashes=(SHA,)), lora("small", "x-r8.safetensors", hashes=(SHA,))])
    assert link(links, "x-r8", SHA[:12]) == ("small", "name")
    assert link(links, "renamed", SHA[:12]) == ("", "ambiguous")


def test_a_version_chooses_among_files_of_one_hash() -> None:
    links = Links(
        [lora("one", "x.safetensors", hashes=(SHA,), version_id="1"), lora("two", "y.safetensors", hashes=(SHA,))]
    )
    assert link(links, "", SHA, version="1") == ("one", "version")


def test_of_copies_the_first_is_meant_unless_a_path_names_the_other() -> None:
    links = Links([lora(i, p, fingerprint="same", hashes=(SHA,)) for i, p in (("1", "a/x.pt"), ("2", "b/x.pt"))])
    assert link(links, "x") == ("1", "name")
    assert link(links, "", SHA) == ("1", "hash")
    assert link(links, "b/x.pt", SHA) == ("2", "hash")


def test_unreadable_files_are_no_copies_of_each_other() -> None:
    links = Links([lora("1", "a/x.pt", fingerprint=""), lora("2", "b/x.pt", fingerprint="")])
    assert link(links, "x") == ("", "ambiguous")


def test_the_first_root_wins_as_in_the_hosts_but_hashes_reach_the_other() -> None:
    links = Links([lora("1", "x.pt", root="/one"), lora("2", "x.pt", root="/two", hashes=(SHA,))])
    assert link(links, "x.pt") == ("1", "path")
    assert link(links, "x") == ("1", "name")
    assert link(links, "x.pt", SHA) == ("2", "hash")


def test_missing_files_are_linked_to_but_stand_behind_present_ones() -> None:
    links = Links(
        [lora("old", "x.pt", missing=True, hashes=(SHA,)), lora("new", "x.pt"), lora("gone", "y.pt", missing=True)]
    )
    assert link(links, "x.pt") == ("new", "path")
    assert link(links, "x.pt", SHA) == ("old", "hash")
    assert link(links, "y") == ("gone", "name")


def test_files_that_differ_in_case_or_extension_are_told_apart() -> None:
    links = Links([lora("1", "a/x.pt"), lora("2", "a/x.safetensors"), lora("3", "a/X.safetensors")])
    assert link(links, "a/X.safetensors") == ("3", "path")
    assert link(links, "a/x.pt") == ("1", "path")
    assert link(links, "a/x") == ("", "ambiguous")


def test_known_are_paths_and_file_names_not_titles() -> None:
    for name in ("owl", "birds/owl.safetensors", "RED KNIGHT", "chars\\Red Knight.safetensors", "ink_v1.5"):
        assert LINKS.known(name)
    for text in ("The Red Knight", "Owls", "", "a prompt about an owl", "owl " * 200, "ink_v1", "owl, ink_v1.5"):
        assert not LINKS.known(text)


@given(
    st.lists(st.sampled_from([KNIGHT, OWL, OWL_2, DOTS, ACCENT]), unique=True),
    st.text(alphabet="abo./\\e3wl", max_size=12) | st.sampled_from(["owl", "Red Knight", "Owls", "styles/Café"]),
    st.lists(st.sampled_from([SHA, SHA[:9], AUTOV3, OTHER_SHA[:12], NOTHING, "ffffffffffff", "x"]), max_size=3),
    st.sampled_from(["", "7", "8"]),
)
def test_every_answer_says_how_and_names_a_lora_of_the_catalogue(
    loras: list[Lora], name: str, hashes: list[str], version: str
) -> None:
    links = Links(loras)
    found = links(Use(name=name, hashes=tuple(hashes), version_id=version))
    if found.lora:
        assert found.lora in {one.id for one in loras}
        assert found.how in ("path", "name", "alias", "hash", "version")
    else:
        assert found in (Linked("", ""), Linked("", "ambiguous"))
    assert found == links(Use(name=name, hashes=tuple(reversed(hashes)), version_id=version, strength=0.3))


@given(st.lists(st.text(max_size=70)))
def test_usable_hashes_are_lower_case_hex(texts: list[str]) -> None:
    for digest in usable(texts):
        assert len(digest) >= LEAST and set(digest) <= set("0123456789abcdef")


def test_ten_thousand_loras_are_indexed_in_no_time() -> None:
    loras = [
        lora(str(n), f"folder {n % 50}/some name {n}.safetensors", title=f"Title {n}", hashes=(f"{n:08x}{n:056x}",))
        for n in range(10_000)
    ]
    begun = time.process_time()
    links = Links(loras)
    built = time.process_time() - begun
    assert link(links, "some name 77") == ("77", "name")
    assert link(links, "", f"{4321:08x}") == ("4321", "hash")
    assert built < 1.0, f"{built:.2f} s; about 0.05 s where nothing else runs"
