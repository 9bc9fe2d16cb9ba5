"""Videos: by id, in pieces, only where there is no still, never from outside the LoRA folders."""

from __future__ import annotations

import pytest

from lorarec.api.videos import PIECE, kind_of

WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 10
MP4 = b"\0\0\0\x18ftypmp42" + bytes(PIECE * 2)


def client_with(start, make_lora, root, files):
    make_lora(root / "a.safetensors", {"ss_output_name": "a"})
    for name, data in files.items():
        (root / name).write_bytes(data)
    client = start(root)
    client.recommender.refresh()
    return client


def ask(client, **headers):
    return client("GET", f"/loras/{client.id('a')}/video", headers=headers)


def test_a_still_of_any_kind_goes_before_a_video(start, make_lora, tmp_path):
    client = client_with(
        start, make_lora, tmp_path / "l", {"a.preview.mp4": MP4, "a.example.1.png": b"\x89PNG\r\n\x1a\n"}
    )
    card = client.get(f"/loras/{client.id('a')}")["card"]
    assert card["preview"] == "image"
    assert client("GET", f"/loras/{client.id('a')}/preview").headers["Content-Type"] == "image/png"
    assert ask(client).code == "no_preview"


def test_a_picture_in_the_header_goes_before_a_video(start, make_lora, tmp_path):
    make_lora(tmp_path / "l" / "a.safetensors", {"modelspec.thumbnail": "data:image/png;base64,iVBORw0KGgo="})
    (tmp_path / "l" / "a.webm").write_bytes(WEBM)
    client = start(tmp_path / "l")
    client.recommender.refresh()
    assert client.get(f"/loras/{client.id('a')}")["card"]["preview"] == "image"


def test_a_video_whole_and_in_pieces(start, make_lora, tmp_path):
    client = client_with(start, make_lora, tmp_path / "l", {"a.webm": WEBM})
    assert client.get(f"/loras/{client.id('a')}")["card"]["preview"] == "video"
    assert client("GET", f"/loras/{client.id('a')}/preview").code == "no_preview"
    whole = ask(client)
    assert (whole.status, whole.headers["Content-Type"], whole.headers["Accept-Ranges"]) == (200, "video/webm", "bytes")
    assert b"".join(whole.response.chunks) == WEBM
    part = ask(client, range="bytes=4-9")
    assert (part.status, part.response.body) == (206, WEBM[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(WEBM)}"
    assert ask(client, range="bytes=100-").response.body == WEBM[100:]
    assert ask(client, range="bytes=0-99999999").response.body == WEBM
    assert ask(client, **{"if-none-match": whole.headers["ETag"]}).status == 304


def test_a_piece_has_a_bound(start, make_lora, tmp_path):
    client = client_with(start, make_lora, tmp_path / "l", {"a.mp4": MP4})
    part = ask(client, range="bytes=0-")
    assert len(part.response.body) == PIECE and part.headers["Content-Range"] == f"bytes 0-{PIECE - 1}/{len(MP4)}"
    assert part.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("wanted", ["bytes=3000-", "bytes=9-4", "bytes=99999999999999-"])
def test_what_is_not_there_cannot_be_had(start, make_lora, tmp_path, wanted):
    client = client_with(start, make_lora, tmp_path / "l", {"a.webm": WEBM})
    reply = ask(client, range=wanted)
    assert (reply.status, reply.code) == (416, "no_such_range")
    assert reply.headers["Content-Range"] == f"bytes */{len(WEBM)}"


@pytest.mark.parametrize("wanted", ["bytes=-5", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=\u0661-", "x" * 500])
def test_other_ranges_are_ignored(start, make_lora, tmp_path, wanted):
    client = client_with(start, make_lora, tmp_path / "l", {"a.webm": WEBM})
    reply = ask(client, range=wanted)
    assert reply.status == 200
    reply.response.chunks.close()


@pytest.mark.parametrize("content", [b"", b"<script>", b"\0\0\0\x18ftypavif", b"\x89PNG\r\n\x1a\n", b"MZ"])
def test_only_videos_are_sent(start, make_lora, tmp_path, content):
    client = client_with(start, make_lora, tmp_path / "l", {"a.mp4": content})
    assert ask(client).code == "no_preview" and kind_of(content) == ""


def test_no_link_leads_out_of_the_folders(start, make_lora, tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(MP4)
    client = client_with(start, make_lora, tmp_path / "l", {})
    try:
        (tmp_path / "l" / "a.mp4").symlink_to(secret)
    except OSError:
        pytest.skip("links cannot be made here")
    client.recommender.refresh()
    assert ask(client).code == "no_preview"
