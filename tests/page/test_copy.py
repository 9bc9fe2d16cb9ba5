"""Copying, also where the page has no clipboard: served by plain http from another machine."""

from __future__ import annotations

from typing import Any

import pytest

SAID = "document.querySelector('#copy').innerText"


@pytest.mark.parametrize("clipboard", ["undefined", "{writeText: () => Promise.reject(new Error('refused'))}"])
def test_without_a_clipboard_the_selection_is_copied(page: Any, clipboard: str) -> None:
    page.click("#prompt")
    page.type("a lighthouse")
    page.run(f"Object.defineProperty(navigator, 'clipboard', {{value: {clipboard}}}); 0")
    page.run("document.addEventListener('copy', () => (globalThis.copied = String(document.activeElement.value))); 0")
    page.click("#copy")
    page.wait(f"{SAID} === 'Copied'")
    assert page.run("globalThis.copied") == "a lighthouse"
    assert page.run("document.activeElement.id") == "copy", "the focus stays"
    page.wait(f"{SAID} === 'Copy prompt'")


def test_what_was_not_copied_is_said_so(page: Any) -> None:
    page.run("Object.defineProperty(navigator, 'clipboard', {value: undefined}); 0")
    page.run("document.execCommand = () => false; 0")
    page.click("#copy")
    page.wait(f"{SAID}.startsWith('Could not copy')")
