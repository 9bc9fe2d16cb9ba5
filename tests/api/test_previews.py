"""Previews: by id, shrunk and kept, never anything but a picture, never from outside the LoRA folders."""

from __future__ import annotations

import base64
import io
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorarec.api.previews import SIZES, Previews, kind_of, shrunk
from lorarec.api.wire import Refused
from lorarec.types import Lora

ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6368000000820081"
    "77cd72b60000000049454e44ae426082"
)


def picture(width=800, height=600, kind="PNG", mode="RGB", frames=1):
    """A picture of red, each further frame bluer."""
    image = pytest.importorskip("PIL.Image")
    made = [image.new(mode, (width, height), (255, 0, 60 * n, 255)[: len(mode)]) for n in range(frames)]
    out = io.BytesIO()
    more = {"save_all": True, "append_images": made[1:]} if frames > 1 else {}
    made[0].save(out, kind, **more)
    return out.getvalue()


def opened(data):
    return pytest.importorskip("PIL.Image").open(io.BytesIO(data))


def lora(root, preview, path="a.safetensors"):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch()
    return Lora(id="0" * 16, root=str(root), path=path, size=1, modified=0.0, preview=preview)


def ask(client, name, size=None, **headers):
    query = {} if size is None else {"size": [str(size)]}
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return client("GET", f"/loras/{client.id(name)}/preview", query=query, headers=sent)


def test_the_original(client, mini_library):
    reply = ask(client, "moon_priestess")
    assert reply.status == 200 and reply.headers["Content-Type"] == "image/png"
    assert reply.response.body == (mini_library / "characters" / "moon_priestess.preview.png").read_bytes()
    assert reply.headers["Lorarec-Safety"] == "unknown" and reply.headers["Cache-Control"].startswith(
        "private, max-age="
    )


def test_none_says_so(client):
    reply = ask(client, "red_knight")
    assert (reply.status, reply.code) == (404, "no_preview")


def test_a_browser_that_has_it_is_not_sent_it_again(client, mini_library):
    file = mini_library / "characters" / "moon_priestess.preview.png"
    tag = ask(client, "moon_priestess").headers["ETag"]
    again = ask(client, "moon_priestess", if_none_match=tag)
    assert again.status == 304 and again.response.body == b"" and again.headers["ETag"] == tag
    assert ask(client, "moon_priestess", 96, if_none_match=tag).status == 200, "another size is another picture"
    os.utime(file, (1e9, 1e9))
    assert ask(client, "moon_priestess", if_none_match=tag).status == 200


@pytest.mark.parametrize(("size", "side"), [(1, 96), (96, 96), (97, 192), (384, 384), (700, 768), (2000, 800)])
def test_a_size_is_rounded_up_to_one_that_is_made(client, mini_library, size, side):
    (mini_library / "characters" / "moon_priestess.preview.png").write_bytes(picture())
    reply = ask(client, "moon_priestess", size)
    assert reply.headers["Content-Type"] == ("image/png" if side == 800 else "image/webp")
    assert max(opened(reply.response.body).size) == side


@pytest.mark.parametrize("size", ["0", "-1", "5000", "x", "1.5"])
def test_no_size(client, size):
    reply = ask(client, "moon_priestess", size)
    assert reply.status == 400 and reply.json["error"]["field"] == "size"


@pytest.mark.parametrize(
    ("kind", "mode", "frames"),
    [
        ("JPEG", "RGB", 1),
        ("PNG", "RGBA", 1),
        ("PNG", "L", 1),
        ("WEBP", "RGB", 1),
        ("GIF", "RGB", 3),
        ("WEBP", "RGB", 3),
    ],
)
def test_every_kind_becomes_a_small_still_webp(kind, mode, frames):
    small = opened(shrunk(picture(400, 300, kind, mode, frames), 96))
    assert (small.format, small.size, getattr(small, "n_frames", 1)) == ("WEBP", (96, 72), 1)
    red, green, blue = small.convert("RGB").getpixel((50, 30))
    assert red > 200 and (mode == "L" or (green < 60 and blue < 60)), "the first frame"


def test_a_moving_picture_is_stilled_even_if_it_is_small():
    small = opened(shrunk(picture(64, 64, "GIF", "RGB", 2), 96))
    assert small.size == (64, 64) and getattr(small, "n_frames", 1) == 1


def test_a_turned_photograph_stands_upright():
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.new("RGB", (400, 200)).save(out, "JPEG", exif=exif)
    assert opened(shrunk(out.getvalue(), 96)).size == (48, 96)


def test_small_pictures_are_kept_and_made_once(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(picture())
    previews, made = Previews(), []
    monkeypatch.setattr("lorarec.api.previews.shrunk", lambda data, side: made.append(side) or b"x" * 100)
    for _ in range(3):
        assert previews.get(lora(tmp_path, "a.png"), 96).data == b"x" * 100
    previews.get(lora(tmp_path, "a.png"), 200)
    assert made == [96, 384]


def test_kept_pictures_stay_within_their_room(tmp_path, monkeypatch):
    monkeypatch.setattr("lorarec.api.previews.MEMORY", 250)
    monkeypatch.setattr("lorarec.api.previews.shrunk", lambda data, side: b"x" * 100)
    previews = Previews()
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(ONE_PIXEL + bytes(number))
        previews.get(lora(tmp_path, f"{number}.png"), 96)
    assert previews._bytes == 200 == sum(len(one.data) for one in previews._kept.values())


def test_without_pillow_the_original_is_sent(tmp_path, monkeypatch):
    data = picture()
    (tmp_path / "a.png").write_bytes(data)
    monkeypatch.setitem(sys.modules, "PIL", None)
    found = Previews().get(lora(tmp_path, "a.png"), 96)
    assert (found.data, found.type) == (data, "image/png")


def test_a_damaged_picture_is_sent_as_it_is(tmp_path):
    (tmp_path / "a.png").write_bytes(ONE_PIXEL[:40])
    assert Previews().get(lora(tmp_path, "a.png"), 96).data == ONE_PIXEL[:40]


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload='alert(1)'>", b"<html><script>", b"\x89PNX", b"root:x:0:0:", b"MZ\x90", b"RIFF0000WAVE"],
)
def test_what_is_no_picture_is_not_sent(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(Refused, match="no picture"):
        Previews().get(lora(tmp_path, "a.png"), None)


def test_a_video_is_no_picture(tmp_path):
    (tmp_path / "a.preview.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    with pytest.raises(Refused):
        Previews().get(lora(tmp_path, "a.preview.mp4"), None)


@pytest.mark.parametrize(
    "metadata",
    [
        {"modelspec.thumbnail": "data:image/png;base64," + base64.b64encode(ONE_PIXEL).decode()},
        {"ssmd_cover_images": [base64.b64encode(ONE_PIXEL).decode()]},
    ],
)
def test_a_picture_inside_the_header(start, tmp_path, make_lora, metadata):
    make_lora(tmp_path / "loras" / "inside.safetensors", metadata)
    client = start(tmp_path / "loras")
    client.recommender.refresh()
    assert client.get("/loras")["loras"][0]["preview"] == "image"
    reply = ask(client, "inside")
    assert (reply.headers["Content-Type"], reply.response.body) == ("image/png", ONE_PIXEL)


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,!!!", "data:text/html,<b>", "[]", "data:image/svg+xml;base64,PHN2Zz4="]
)
def test_nonsense_inside_the_header(tmp_path, make_lora, text):
    make_lora(tmp_path / "a.safetensors", {"modelspec.thumbnail": text, "ssmd_cover_images": text})
    place = Lora(
        id="0" * 16, root=str(tmp_path), path="a.safetensors", size=1, modified=0.0, preview="header:thumbnail"
    )
    with pytest.raises(Refused, match="no picture"):
        Previews().get(place, 96)


@pytest.mark.parametrize("preview", ["../secret.png", "sub/../../secret.png", "secret_link.png", "/etc/passwd.png"])
def test_nothing_outside_the_folder_is_sent_even_if_a_record_names_it(tmp_path, preview):
    root = tmp_path / "loras"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(ONE_PIXEL)
    try:
        (root / "secret_link.png").symlink_to(tmp_path / "secret.png")
    except OSError:
        pytest.skip("no right to make links")
    with pytest.raises(Refused, match="no picture"):
        Previews().get(lora(root, preview), None)


def test_folders_that_are_links_work(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "loras").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(ONE_PIXEL)
    try:
        (tmp_path / "loras" / "sub").symlink_to(tmp_path / "disk", target_is_directory=True)
    except OSError:
        pytest.skip("no right to make links")
    found = Previews().get(lora(tmp_path / "loras", "sub/a.png", "sub/a.safetensors"), None)
    assert found.data == ONE_PIXEL


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_none(data):
    assert kind_of(data) in ("", "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(SIZES))
def test_broken_pictures_break_nothing(data, side):
    whole = bytearray(picture(120, 90, data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    made = shrunk(bytes(whole[: data.draw(st.integers(0, len(whole)))]), side)
    assert made is None or kind_of(made) == "image/webp"
