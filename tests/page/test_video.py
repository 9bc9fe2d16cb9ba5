"""A LoRA whose only preview is a video: a real one, recorded by the browser itself."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

RECORD = """(async () => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 160, height: 120});
  const pen = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: "video/webm"});
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const ended = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (let k = 0; k < 15; k += 1) {
    pen.fillStyle = `rgb(200, ${k * 8}, 40)`;
    pen.fillRect(0, 0, 160, 120);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  recorder.stop();
  await ended;
  const data = new Uint8Array(await new Blob(pieces).arrayBuffer());
  return btoa(String.fromCharCode(...data));
})()"""


@pytest.fixture
def moving(browser: Any, server: Any, make_lora: Any, tmp_path: Path) -> Path:
    """A LoRA folder in which one LoRA has a video beside it."""
    page = browser.page(server.url)
    data = base64.b64decode(page.run(RECORD))
    page.close()
    make_lora(tmp_path / "l" / "castle_siege.safetensors", {"ss_output_name": "castle siege"})
    (tmp_path / "l" / "castle_siege.webm").write_bytes(data)
    return tmp_path / "l"


def test_a_video_stands_still_on_its_card(browser: Any, start: Any, moving: Path) -> None:
    page = browser.page(start(moving).url)
    page.click("#prompt")
    page.type("castle siege")
    page.wait("document.querySelector('.lr-preview video')?.readyState >= 2")
    video = "document.querySelector('.lr-preview video')"
    assert page.run(f"[{video}.paused, {video}.muted, {video}.controls, {video}.tabIndex]") == [True, True, False, -1]
    colour = page.run(
        f"(() => {{ const pen = document.createElement('canvas').getContext('2d'); pen.drawImage({video}, 0, 0);"
        "return [...pen.getImageData(20, 20, 1, 1).data]; })()"
    )
    assert colour[0] > 150 and colour[2] < 90, "a frame of it is shown"
    assert page.complaints() == []
    page.close()
