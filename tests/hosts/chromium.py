"""A headless Chromium, driven through the DevTools Protocol with the standard library alone.

``Browser`` starts one with a fresh profile; ``Browser.page`` opens a page whose elements tests click, type into and
look at as a user would: real input events, no calls into the page's own functions.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from waiting import wait_for

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0", "--mute-audio"),
)
OUTDATED = "409 (Conflict)"
SECONDS = 10.0  # that anything may take
# Texts below an element whose contrast with what lies behind them is less than WCAG 2.1 AA wants, as "class: contrast".
# Placeholders count; what is disabled or hidden from assistive programs does not.
PALE = """((root) => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const painted = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return {parts: [red, green, blue], alpha: alpha / 255};
  };
  const over = (top, below) => top.parts.map((part, k) => part * top.alpha + below[k] * (1 - top.alpha));
  const luminance = (parts) => {
    const linear = (part) => (part <= 0.04 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = parts.map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement ?? one.getRootNode().host) {
      layers.unshift(painted(getComputedStyle(one).backgroundColor));
    }
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const found = new Set();
  const look = (element, colour) => {
    const ground = behind(element);
    const [more, less] = [luminance(over(painted(colour), ground)), luminance(ground)].sort((a, b) => b - a);
    const contrast = (more + 0.05) / (less + 0.05);
    if (contrast < 4.5) found.add(`${element.className}: ${contrast.toFixed(2)}`);
  };
  for (const element of root.querySelectorAll("*:not(:disabled, [aria-hidden=true], .lr-uncover)")) {
    if (!element.checkVisibility({contentVisibilityAuto: true})) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (own) look(element, getComputedStyle(element).color);
    if (element.placeholder) look(element, getComputedStyle(element, "::placeholder").color);
  }
  return [...found];
})"""


def find() -> str | None:
    """The program, named by ``LORAREC_CHROMIUM`` or found on the path; None if there is none."""
    named = os.environ.get("LORAREC_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class _Socket:
    """A WebSocket client as RFC 6455 has it: text messages, no extensions."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname or "", place.port or 80), SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        ask = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._socket.sendall(f"{ask}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")
        assert b"101" in self._file.readline()
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text: str) -> None:
        data, mask = text.encode(), os.urandom(4)
        length = len(data)
        head = bytes([0x81])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0xFE]) + struct.pack(">H", length)
        else:
            head += bytes([0xFF]) + struct.pack(">Q", length)
        masked = (int.from_bytes(data, "big") ^ int.from_bytes((mask * (length // 4 + 1))[:length], "big")).to_bytes(
            length, "big"
        )
        self._socket.sendall(head + mask + masked)

    def receive(self) -> str:
        parts = b""
        while True:
            first, second = self._file.read(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._file.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._file.read(8))
            data = self._file.read(length)
            if first & 0x0F in (0, 1):
                parts += data
                if first & 0x80:
                    return parts.decode()
            assert first & 0x0F != 8, "the browser hung up"

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Browser:
    """One running browser; a context manager."""

    def __init__(self, profile: Path) -> None:
        program = find()
        assert program, "no Chromium"
        profile.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port = profile / "DevToolsActivePort"

        def written() -> list[str]:
            lines = port.read_text().split("\n") if port.exists() else []
            return lines if len(lines) > 1 and lines[1] else []

        lines = wait_for(written, 3 * SECONDS, why="the browser starts")
        self._socket = _Socket(f"ws://127.0.0.1:{lines[0]}{lines[1]}")
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Ask for something of the protocol; events that come meanwhile are kept in ``events``."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            answer = json.loads(self._socket.receive())
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def page(self, url: str, **look: Any) -> Page:
        """Open a page in a window of its own; ``look`` as for `Page.look`."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context)
        page.look(**look)
        page.go(url)
        return page


def _element(selector: str, every: bool = False) -> str:
    """The expression of a selector's element; "a >>> b" looks for b in the shadow tree of a."""
    *hosts, last = selector.split(" >>> ")
    found = "document"
    for host in hosts:
        found = f"{found}?.querySelector({json.dumps(host)})?.shadowRoot"
    return f"{found}?.querySelector{'All' if every else ''}({json.dumps(last)})"


class Page:
    """One page: what a user sees and does. Selectors reach into shadow trees with " >>> "."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser, self._session, self._context = browser, session, context
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        """Close it, with all that it stored."""
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
        self._browser.events = [one for one in self._browser.events if one.get("sessionId") != self._session]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something of the protocol."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Load an address."""
        self.call("Page.navigate", url=url)
        wait_for(lambda: self.run("document.readyState") == "complete", SECONDS, url)

    def look(self, width: int = 1200, height: int = 900, dark: bool = False, scale: float = 1) -> None:
        """Size of the window and colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return int(self.run(f"{_element(selector, every=True)}?.length ?? 0"))

    def text(self, selector: str) -> str:
        """The visible text of the first element; "" if there is none."""
        return str(self.run(f"{_element(selector)}?.innerText ?? ''"))

    def value(self, selector: str) -> str:
        """The value of a field."""
        return str(self.run(f"{_element(selector)}.value"))

    def wait(self, condition: str, seconds: float = SECONDS) -> Any:
        """Wait until an expression is true in the page."""
        try:
            return wait_for(lambda: self.run(f"Boolean({condition})"), seconds, condition)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.text('body')[:2000]}") from None

    def box(self, selector: str) -> Mapping[str, float]:
        """Where an element is in the window: x, y, width, height."""
        found = self.run(
            f"(() => {{ const box = {_element(selector)}?.getBoundingClientRect();"
            "return box && {x: box.x, y: box.y, width: box.width, height: box.height}; })()"
        )
        assert found, f"there is no {selector}"
        result: Mapping[str, float] = found
        return result

    def move(self, selector: str) -> None:
        """Point at the middle of an element; scrolls to it if it is out of sight."""
        self.run(f"{_element(selector)}?.scrollIntoView({{block: 'nearest'}})")
        box = self.box(selector)
        self._mouse("mouseMoved", box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def move_to(self, x: float, y: float) -> None:
        """Point at a place of the window."""
        self._mouse("mouseMoved", x, y)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        self.move(selector)
        box = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type into what has the focus, key by key."""
        for character in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=character, key=character)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=character)

    def press(
        self, key: str, code: int = 0, modifiers: int = 0, text: str = "", commands: tuple[str, ...] = ()
    ) -> None:
        """Press one key: ``press("Tab", 9)``; modifiers 2 = Ctrl, 8 = Shift."""
        more = {"text": text} if text else {}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", commands=list(commands), **common, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def undo(self) -> None:
        """Ctrl+Z."""
        self.press("z", 90, modifiers=2, commands=("undo",))

    def pale(self, selector: str) -> list[str]:
        """Texts below an element that can hardly be read (`PALE`)."""
        found: list[str] = self.run(f"{PALE}({_element(selector)})")
        return found

    def screenshot(self, place: Path, clip: Mapping[str, float] | None = None) -> Path:
        """A picture of the window, or of a part of it."""
        part = {"clip": {**clip, "scale": 1}} if clip else {}
        data = self.call("Page.captureScreenshot", format="png", **part)["data"]
        place.write_bytes(base64.b64decode(data))
        return place

    def complaints(self, *but: str) -> list[str]:
        """What the browser found wrong so far: exceptions, refused files, violated policies, requests that left us.

        What contains one of ``but`` is left out, and so is our server's word for a question that a newer one overtook.
        """
        self.run("null")  # reads what came meanwhile
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            method, given = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                details = given["exceptionDetails"]
                found.append(str(details.get("exception", {}).get("description", details["text"])))
            elif method == "Log.entryAdded" and given["entry"]["level"] == "error":
                found.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        return [one for one in found if not any(known in one for known in (*but, OUTDATED))]

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)
