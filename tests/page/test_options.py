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
    page.wait("document.querySelector('.lr-option:not([hidden]) input[type=checkbox]')")
    page.click(".lr-options input[type=checkbox]")
    page.wait("document.querySelector('.lr-hints').innerText.includes('History is off')")
    assert server.ask("/history")["enabled"] is False
    page.run("[...document.querySelectorAll('.lr-hint .lr-small')].at(-1).click()")
    page.wait("!document.querySelector('.lr-hints').innerText.includes('History is off')")
    assert server.ask("/history")["enabled"] is True
    assert page.run("document.querySelector('.lr-options input[type=checkbox]').checked"), "the box follows the hint"


def test_a_switch_that_fails_is_not_shown_as_done(page: Any) -> None:
    page.click(".lr-icon-button[aria-expanded]")
    page.wait("document.querySelector('.lr-option:not([hidden]) input[type=checkbox]')")
    page.run(
        "(() => { const real = fetch; globalThis.fetch = (path, init) => init?.method === 'PUT'"
        "? Promise.resolve(Response.json({error: {code: 'x', message: 'no room'}}, {status: 507}))"
        ": real(path, init); })()"
    )
    page.click(".lr-options input[type=checkbox]")
    page.wait("document.querySelector('.lr-status').innerText === 'no room'")
    assert page.run("document.querySelector('.lr-options input[type=checkbox]').checked")


def test_options_leave_what_is_shown(written: Any, ids: Any) -> None:
    written.click('.lr-card:last-child [aria-label="Not for this prompt"]')
    written.wait("document.querySelector('.lr-status').innerText.startsWith('Not for this prompt')")
    written.click('.lr-card [aria-label="Similar LoRAs"]')
    written.wait(f"{PHASE} === 'similar'")
    written.look(width=320)
    assert written.box(".lr-summary")["width"] > 100, "what is shown is said in little room too, beside an Undo"
    written.look()
    written.click(".lr-icon-button[aria-expanded]")
    before = ids()
    written.run("globalThis.kept = document.querySelector('.lr-card'); 0")
    for place, value in ((0, "explicit"), (1, "omit"), (2, "zh")):
        written.run(f"document.querySelectorAll('.lr-option select')[{place}].focus()")
        choose(written, place, value)
        if place < 2:
            assert written.run("globalThis.kept.isConnected")
        assert written.run(f"document.activeElement === document.querySelectorAll('.lr-option select')[{place}]")
        assert not written.run("document.querySelector('.lr-options').hidden")
        assert written.run(PHASE) == "similar" and ids() == before
    assert "与" in written.text(".lr-summary"), "it speaks another language at once"
    assert written.run("document.querySelector('.lr-status').innerText").startswith("Not for this prompt")
    written.click(".lr-line .lr-small")  # Undo
    written.wait("document.querySelector('.lr-status').innerText.startsWith('已恢复推荐')")


def test_chinese(written: Any) -> None:
    choose(written, 2, "zh")
    written.wait("document.querySelector('.lr-title').innerText === 'LoRA 推荐'")
    written.wait("document.querySelector('.lr-card .lr-primary')?.innerText === '插入'")
    written.wait("document.querySelector('.lr-reasons').innerText.includes('示例提示词同样有')")
    assert written.text("#copy") == "复制提示词", "the page around the panel too"
    written.click('.lr-card [aria-label="详情"]')
    written.wait("document.querySelector('.lr-source')")
    fields = written.run("[...document.querySelectorAll('.lr-source dt')].map((one) => one.innerText)")
    assert "标题" in fields and not [field for field in fields if field.isascii()]
    assert "probability" not in written.text(".lr-sources")
    written.press("Escape", 27)
    choose(written, 2, "en")
    written.wait("document.querySelector('.lr-reasons').innerText.includes('example prompts')")
    assert written.text("#copy") == "Copy prompt"
