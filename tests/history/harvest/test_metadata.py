"""Texts out of image files: every place a generator writes them, and every way a file can be broken."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorarec.errors import BadFile
from lorarec.history.harvest.metadata import read_metadata
from lorarec.history.harvest.window import HEAD

Write = Callable[..., Path]

INFOTEXT = "a cat, 猫, <lora:ink:0.8>\nNegative prompt: müde\nSteps: 20, Sampler: Euler a, Seed: 1"
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt-compressed"])
@pytest.mark.parametrize("after_idat", [False, True])
def test_png_texts_of_every_chunk_before_and_after_the_image(
    tmp_path: Path, write_png: Write, kind: str, after_idat: bool
) -> None:
    path = write_png(tmp_path / "a.png", {"parameters": INFOTEXT, "Title": "x"}, kind=kind, after_idat=after_idat)
    assert read_metadata(path) == {"parameters": INFOTEXT, "Title": "x"}


def test_png_text_behind_many_chunks_of_image_data(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "a.png", {"parameters": INFOTEXT}, after_idat=True, pixels=40)
    assert path.stat().st_size > 5 * HEAD
    assert read_metadata(path) == {"parameters": INFOTEXT}


def test_png_text_longer_than_the_first_read(tmp_path: Path, write_png: Write) -> None:
    workflow = '{"nodes": "' + "x" * (3 * HEAD) + '"}'
    path = write_png(tmp_path / "a.png", {"prompt": "{}", "workflow": workflow})
    assert read_metadata(path) == {"prompt": "{}", "workflow": workflow}


def test_png_is_not_read_to_its_end_once_the_texts_are_found(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "a.png", {"parameters": INFOTEXT}, pixels=40)
    path.write_bytes(path.read_bytes()[: HEAD + 10_000])  # walking on would find the end missing
    assert read_metadata(path) == {"parameters": INFOTEXT}


def test_comfyuis_own_chunks_behind_the_frames_of_an_animated_png(tmp_path: Path, write_png: Write) -> None:
    texts = {"prompt": '{"1": {}}', "workflow": '{"nodes": []}', "lorarec": '{"1": {}}'}
    path = write_png(tmp_path / "a.png", texts, kind="comf", after_idat=True, pixels=40)
    assert read_metadata(path) == texts


def test_png_text_behind_a_long_one_is_read_too(tmp_path: Path, write_png: Write) -> None:
    """As what our own node notes stands behind the workflow."""
    texts = {"prompt": "{}", "workflow": "x" * (3 * HEAD), "lorarec": "{}"}
    assert read_metadata(write_png(tmp_path / "a.png", texts)) == texts


def test_png_latin_1_as_the_format_says(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "a.png", {"parameters": "déjà vu"}, encoding="latin-1")
    assert read_metadata(path) == {"parameters": "déjà vu"}


def test_the_first_text_of_a_key_stands(tmp_path: Path, write_png: Write) -> None:
    first = write_png(tmp_path / "a.png", {"parameters": "first"}).read_bytes()
    second = write_png(tmp_path / "b.png", {"parameters": "second"}).read_bytes()
    start = first.index(b"IDAT") - 4
    (tmp_path / "c.png").write_bytes(first[:start] + second[second.index(b"tEXt") - 4 :])
    assert read_metadata(tmp_path / "c.png") == {"parameters": "first"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("comment", ["unicode-be", "unicode-le", "ascii", "utf-8", "first"])
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif"])
def test_exif_texts_in_every_format_and_byte_order(
    tmp_path: Path, request: pytest.FixtureRequest, exif_of: Callable[..., bytes], ending: str, comment: str, order: str
) -> None:
    texts = {"Make": 'workflow:{"nodes": []}', "Model": 'prompt:{"1": {}}', "Software": "x", "UserComment": INFOTEXT}
    write = request.getfixturevalue({"jpg": "write_jpeg"}.get(ending, f"write_{ending}"))
    path = write(tmp_path / f"a.{ending}", exif=exif_of(texts, order=order, comment=comment))
    assert read_metadata(path) == texts


def test_utf_8_under_the_label_unicode(tmp_path: Path, write_jpeg: Write, exif_of: Callable[..., bytes]) -> None:
    block = exif_of({"UserComment": "a cat of odd size"}, comment="ascii").replace(b"ASCII\0\0\0", b"UNICODE\0")
    assert read_metadata(write_jpeg(tmp_path / "a.jpg", exif=block)) == {"UserComment": "a cat of odd size"}


def test_xmp_and_comment(tmp_path: Path, write_jpeg: Write, write_webp: Write) -> None:
    assert read_metadata(write_jpeg(tmp_path / "a.jpg", xmp="<x/>", comment="hello")) == {
        "XMP": "<x/>",
        "Comment": "hello",
    }
    assert read_metadata(write_webp(tmp_path / "a.webp", xmp="<x/>", pixels=100_001)) == {"XMP": "<x/>"}


def test_images_without_texts(tmp_path: Path, write_png: Write, write_jpeg: Write, write_webp: Write) -> None:
    assert read_metadata(write_png(tmp_path / "a.png")) == {}
    assert read_metadata(write_jpeg(tmp_path / "a.jpg")) == {}
    assert read_metadata(write_webp(tmp_path / "a.webp")) == {}


def test_the_content_counts_not_the_name(tmp_path: Path, write_png: Write) -> None:
    assert read_metadata(write_png(tmp_path / "a.jpg", {"parameters": "x"})) == {"parameters": "x"}


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"hello", b"\x89PNG", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"\0" * 40]
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no image"
    path.write_bytes(content)
    with pytest.raises(BadFile, match="no image") as caught:
        read_metadata(path)
    assert "leave it out" in str(caught.value)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(BadFile, match="cannot be read") as caught:
            read_metadata(path)
        assert str(path) in str(caught.value)
    with pytest.raises(BadFile):
        read_metadata("a\0b.png")


def test_a_text_that_would_fill_the_memory_is_refused(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "bomb.png", {"a": "x"})
    bomb = zlib.compress(b"\0" * (65 * 1024 * 1024), 9)
    content = path.read_bytes().replace(b"tEXt", b"zTXt").replace(b"a\0x", b"a\0\0" + bomb)
    path.write_bytes(content.replace(struct.pack(">I", 3) + b"zTXt", struct.pack(">I", 3 + len(bomb)) + b"zTXt"))
    with pytest.raises(BadFile, match="64 MiB"):
        read_metadata(path)


def test_texts_that_would_fill_the_memory_together_are_refused(tmp_path: Path, write_png: Write) -> None:
    texts = {f"key {number}": "x" * (9 << 20) for number in range(10)}
    for kind in ("zTXt", "iTXt-compressed", "tEXt"):
        found = read_metadata(write_png(tmp_path / "a.png", texts, kind=kind))
        assert list(found) == list(texts)[:7], "seven fit into 64 MiB"


def test_damaged_compressed_texts_cost_no_more_than_whole_ones(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "a.png", {"parameters": INFOTEXT}, kind="zTXt")
    content = path.read_bytes()
    at = content.index(b"zTXt") - 4
    bad = b"x\0\0" + zlib.compress(b"\0" * (1 << 20), 9)[:-4] + b"xxxx"  # the checksum is wrong
    path.write_bytes(content[:at] + (struct.pack(">I", len(bad)) + b"zTXt" + bad + b"\0" * 4) * 2000 + content[at:])
    begun = time.process_time()
    with pytest.raises(BadFile, match="compressed text"):
        read_metadata(path)
    assert time.process_time() - begun < 1.0, "2 GB would take longer"


def test_exif_entries_that_share_one_text_are_not_each_read(
    tmp_path: Path, write_webp: Write, exif_of: Callable[..., bytes]
) -> None:
    shared, size, first = struct.pack("<HHII", 0x010E, 2, 20 << 20, 8 + 2 + 12 * 1000), 20 << 20, {"Make": "camera"}
    block = b"II*\0" + struct.pack("<IH", 8, 1000) + shared * 1000 + b" " * size
    begun = time.process_time()
    with pytest.raises(BadFile, match="overlap"):
        read_metadata(write_webp(tmp_path / "a.webp", exif=block))
    assert time.process_time() - begun < 1.0, "20 GB would take longer"
    block = exif_of({**first, "Model": "x" * 50, "Software": "y" * 50})
    at = block.index(struct.pack("<HHI", 0x0131, 2, 51))
    pointer = block.index(struct.pack("<HHI", 0x0110, 2, 51)) + 8
    block = block[: at + 4] + struct.pack("<I", 200) + block[pointer : pointer + 4] + block[at + 12 :]
    assert read_metadata(write_webp(tmp_path / "a.webp", exif=block)).items() >= first.items(), "what came before stays"


def test_items_that_share_one_place_are_not_each_read(tmp_path: Path, write_avif: Write) -> None:
    path = write_avif(tmp_path / "a.avif", exif=b" " * (10 << 20), shared=2000)
    begun = time.process_time()
    with pytest.raises(BadFile, match="64 MiB"):
        read_metadata(path)
    assert time.process_time() - begun < 1.0, "20 GB would take longer"


def test_a_size_that_cannot_be_is_refused_but_what_stood_before_is_kept(tmp_path: Path, write_png: Write) -> None:
    path = write_png(tmp_path / "a.png", {"first": "1", "second": "2"})
    content = path.read_bytes()
    at = content.index(b"tEXtsecond")
    path.write_bytes(content[: at - 4] + struct.pack(">I", 2**31 - 1) + content[at:])
    assert read_metadata(path) == {"first": "1"}
    at = content.index(b"tEXtfirst")
    path.write_bytes(content[: at - 4] + struct.pack(">I", 65 << 20) + content[at:])
    with pytest.raises(BadFile, match="MiB"):
        read_metadata(path)


def test_one_damaged_text_does_not_hide_the_next(
    tmp_path: Path, write_png: Write, exif_of: Callable[..., bytes]
) -> None:
    path = write_png(tmp_path / "a.png", {"bad": "x" * 50, "parameters": INFOTEXT}, kind="zTXt", exif=b"no exif")
    content = bytearray(path.read_bytes())
    content[content.index(b"zTXtbad") + 12] ^= 0xFF
    path.write_bytes(content)
    assert read_metadata(path) == {"parameters": INFOTEXT}
    with pytest.raises(BadFile, match="EXIF"):
        read_metadata(write_png(tmp_path / "b.png", exif=b"no exif"))


def write_any(tmp_path: Path, request: pytest.FixtureRequest, ending: str) -> tuple[bytes, dict[str, str]]:
    """A file of some format with all it can hold, and its texts."""
    texts = {"Make": "camera", "UserComment": INFOTEXT}
    exif = request.getfixturevalue("exif_of")(texts)
    write = request.getfixturevalue({"jpg": "write_jpeg"}.get(ending, f"write_{ending}"))
    if ending == "png":
        path = write(tmp_path / "a", {"parameters": INFOTEXT, "Title": "x"}, exif=exif)
    elif ending == "avif":
        path = write(tmp_path / "a", exif=exif)
    else:
        path = write(tmp_path / "a", exif=exif, xmp="<x/>")
    return path.read_bytes(), read_metadata(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif"])
def test_a_file_cut_anywhere_gives_some_of_its_texts_or_is_named(
    tmp_path: Path, request: pytest.FixtureRequest, ending: str
) -> None:
    content, texts = write_any(tmp_path, request, ending)
    path = tmp_path / "cut"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            found = read_metadata(path)
        except BadFile as error:
            assert str(path) in str(error)
        else:
            assert found.items() <= texts.items()


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif"])
@quick
@given(data=st.data())
def test_a_file_changed_anywhere_never_raises_anything_else(
    tmp_path: Path, request: pytest.FixtureRequest, ending: str, data: st.DataObject
) -> None:
    content = bytearray(write_any(tmp_path, request, ending)[0])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
    path = tmp_path / "changed"
    path.write_bytes(content)
    try:
        assert all(isinstance(text, str) for text in read_metadata(path).values())
    except BadFile:
        pass


def test_a_list_of_countless_empty_pieces_is_passed_over(
    tmp_path: Path, write_avif: Write, exif_of: Callable[..., bytes]
) -> None:
    """65,535 pieces of no bytes cost an item none: 3,000 such items were 200 million steps."""
    path = write_avif(tmp_path / "a", exif=exif_of({"UserComment": INFOTEXT}), empty=3000)
    began = time.process_time()
    assert read_metadata(path) == {}
    assert time.process_time() - began < 5


@quick
@given(
    start=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1", b"RIFF\0\1\0\0WEBP", b"\0\0\0\x10ftypavif", b""]),
    rest=st.binary(max_size=300),
)
def test_any_bytes(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(start + rest)
    try:
        read_metadata(path)
    except BadFile:
        pass
