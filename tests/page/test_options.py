"""What the user chooses for the panel itself."""

from __future__ import annotations

import time
from typing import Any

PHASE = "document.querySelector('.lr-panel')?.dataset.phase"


def choose(page: Any, place: int, value: str) -> None:
    """Choose in one of the option form's lists: 0 level, 1 what becomes of more explicit ones, 2 language."""
    if page.run("document.querySelector('.lr-options').hidden"):
        page.click(".lr-icon-button[aria-expanded]")
    page.run(
        f"(() => {{ const field = document.querySelectorAll('.lr-option select')[{place}]; field.value = '{value}';"
        "field.dispatchEvent(new Event('change')); })()"
    )


def test_previews_above_the_level_are_blurred(written: Any) -> None:
    written.wait("document.querySelector('.lr-covered img')?.complete")
    assert "blur" in written.run("getComputedStyle(document.querySelector('.lr-covered img')).filter")
    assert written.run(
        "document.querySelector('.lr-covered').closest('.lr-card').innerText.includes('Ornate Plate Armor')"
    )
    written.click(".lr-uncover")
    assert written.count(".lr-covered") == 0


def test_more_explicit_ones_are_left_out_as_set(written: Any) -> None:
    written.wait("document.querySelector('.lr-covered')")
    armor = written.run("document.querySelector('.lr-covered').closest('.lr-card').dataset.id")
    choose(written, 1, "omit")
    written.wait(f"document.querySelector('[data-id=\"{armor}\"] .lr-no-preview')")
    assert written.count(".lr-covered") == 0
    choose(written, 1, "exclude")
    written.wait("document.querySelectorAll('.lr-card').length > 2")
    written.wait(f"!document.querySelector('[data-id=\"{armor}\"]')")


def test_auto_off_waits_to_be_asked(page: Any) -> None:
    page.click(".lr-switch")
    page.click("#prompt")
    page.type("a knight")
    time.sleep(0.8)
    assert page.run(PHASE) == "paused"
    page.click('[aria-label="Suggest now"]')
    page.wait("document.querySelectorAll('.lr-card').length > 0")


def test_history_can_be_switched_off_and_on(page: Any, server: Any) -> None:
    page.click(".lr-icon-button[aria-expanded]")
    page.wait("document.querySelector('.lr-options input[type=checkbox]')")
    page.click(".lr-options input[type=checkbox]")
    page.wait("document.querySelector('.lr-hints').innerText.includes('History is off')")
    assert server.ask("/history")["enabled"] is False
    page.run("[...document.querySelectorAll('.lr-hint .lr-small')].at(-1).click()")
    page.wait("!document.querySelector('.lr-hints').innerText.includes('History is off')")
    assert server.ask("/history")["enabled"] is True


def test_chinese(written: Any) -> None:
    choose(written, 2, "zh")
    written.wait("document.querySelector('.lr-title').innerText === 'LoRA 推荐'")
    written.wait("document.querySelector('.lr-card .lr-primary')?.innerText === '插入'")
