"""What a user sees and does on the page: real clicks and keys, the real server, nothing called from inside."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

FIRST = ".lr-card:first-child"
PHASE = "document.querySelector('.lr-panel')?.dataset.phase"


def test_suggestions_come_after_a_pause_and_the_focus_stays(written: Any) -> None:
    assert written.run("document.activeElement.id") == "prompt"
    assert written.count(".lr-card") == 6
    assert written.text(f"{FIRST} .lr-name") == "Grim Fantasy Oil"
    assert written.text(f"{FIRST} .lr-badge") == "SDXL"
    assert 1 <= written.count(f"{FIRST} .lr-reasons li") <= 3
    assert written.run(f"document.querySelector('{FIRST} .lr-slider').value") == "0.75"
    assert written.count(f'{FIRST} .lr-chip[aria-pressed="true"]') == 1


def test_tab_and_enter_stay_the_prompts(written: Any) -> None:
    written.press("Enter", 13, text="\r")
    assert written.value("#prompt").endswith("\n")
    written.press("Tab", 9)
    assert written.run("document.activeElement.id") == "negative"
    assert written.count(".lr-in-use") == 0


def test_insert_removes_and_undoes(written: Any, idle: Any) -> None:
    before = written.value("#prompt")
    written.click(f"{FIRST} .lr-primary")
    written.wait("document.querySelector('#prompt').value.includes('<lora:')")
    assert written.value("#prompt") == f"{before}, <lora:grim_fantasy_oil:0.75>, grim fantasy oil painting"
    assert "Remove" in written.run("document.activeElement.innerText"), "the focus stays at the button"
    assert written.text(".lr-use").startswith("Grim Fantasy Oil")
    idle()
    assert written.text(f"{FIRST} .lr-name") == "Grim Fantasy Oil", "it stays under the pointer"
    written.click(f"{FIRST} .lr-primary")
    assert written.value("#prompt") == before, "its trigger words leave with it"
    written.click("#prompt")
    written.undo()
    assert "<lora:grim_fantasy_oil:0.75>, grim" in written.value("#prompt")
    written.undo()
    assert written.value("#prompt") == before


def test_only_lit_words_and_the_chosen_strength_are_inserted(written: Any) -> None:
    written.click(f"{FIRST} .lr-chip")
    assert written.count(f'{FIRST} .lr-chip[aria-pressed="true"]') == 0
    written.run(f"document.querySelector('{FIRST} .lr-slider').focus()")
    written.press("ArrowRight", 39)
    written.press("ArrowRight", 39)
    assert written.text(f"{FIRST} .lr-value") == "0.85"
    written.click(f"{FIRST} .lr-primary")
    written.wait("document.querySelector('#prompt').value.endsWith('castle, <lora:grim_fantasy_oil:0.85>')")


def test_the_strength_of_one_in_use_follows_its_slider(written: Any, idle: Any) -> None:
    written.click(f"{FIRST} .lr-primary")
    idle()
    written.run(f"document.querySelector('{FIRST} .lr-slider').focus()")
    written.press("ArrowLeft", 37)
    written.wait("document.querySelector('#prompt').value.includes('<lora:grim_fantasy_oil:0.7>')")
    assert written.text(".lr-use .lr-badge") == "0.7"


def test_nothing_moves_under_the_pointer(written: Any, ids: Any, idle: Any) -> None:
    third = ids()[2]
    selector = f'.lr-card[data-id="{third}"]'
    written.move(selector)
    before = written.box(selector)
    written.type(", a red dragon over snow, watercolor")
    idle()
    written.wait(f"document.querySelectorAll('.lr-card')[0].dataset.id !== '{third}'")
    assert written.box(selector) == before
    assert ids()[2] == third
    written.move_to(5, 5)
    time.sleep(0.2)
    assert len(set(ids())) == 6


def test_typed_tags_are_in_use(written: Any, server: Any, idle: Any) -> None:
    written.type(", <lora:impasto_knife_xl:0.65> <lora:nobody_has_this:1>")
    idle()
    assert written.count(".lr-use") == 2
    assert written.text(".lr-use").split() == ["Impasto", "Palette", "Knife", "0.65"]
    assert written.text(".lr-unknown .lr-use-name") == "nobody_has_this"
    written.click(".lr-unknown button")
    assert "nobody" not in written.value("#prompt")


def test_what_was_seen_is_told(written: Any, server: Any) -> None:
    before = server.ask("/history")["counts"]["impressions"]
    time.sleep(2.4)
    assert server.ask("/history")["counts"]["impressions"] == before + 1


def test_why_not(written: Any) -> None:
    written.click(".lr-why-box input")
    written.type("watercolor wash")
    written.wait("document.querySelector('.lr-why-row')?.innerText.includes('Place')")
    assert "Loose Watercolor Wash" in written.text(".lr-why-row")
    written.click(".lr-why-row .lr-small")
    written.wait("document.querySelector('#prompt').value.includes('<lora:watercolor_wash_sd15:')")


def test_details_are_opened_and_closed_by_keyboard(written: Any) -> None:
    written.run(f"document.querySelector('{FIRST} [aria-label=\"Details\"]').focus()")
    written.press("Enter", 13, text="\r")
    written.wait("document.querySelector('.lr-sources')")
    assert "grim_fantasy_oil.safetensors" in written.text(".lr-facts")
    assert "usage_tips" in written.text(".lr-sources")
    assert written.run("document.querySelector('.lr-list').inert")
    inside = "document.querySelector('.lr-drawer').contains(document.activeElement)"
    for _ in range(3):
        written.press("Tab", 9)
        assert written.run(f"{inside} || !document.querySelector('.lr-panel').contains(document.activeElement)")
    written.run("document.querySelector('.lr-drawer [aria-label=\"Close\"]').focus()")
    written.press("Escape", 27)
    assert not written.run("document.querySelector('.lr-drawer').offsetParent")
    assert not written.run("document.querySelector('.lr-list').inert")
    assert written.run("document.activeElement.getAttribute('aria-label')") == "Details"


def test_of_a_pair_it_is_said_that_a_tag_inserts_one_half(page: Any) -> None:
    page.click("#prompt")
    page.type("slow orbit shot around a statue, cinematic video")
    page.wait(f"document.querySelector('{FIRST} .lr-name')?.innerText === 'Slow Orbit Camera'")
    assert page.text(f"{FIRST} .lr-reasons .lr-alert").startswith("Only its high-noise half is inserted")
    assert "slow_orbit_wan22_low_noise" in page.run(f"document.querySelector('{FIRST} .lr-reasons .lr-alert').title")
    page.click(f"{FIRST} .lr-primary")
    page.wait("document.querySelector('#prompt').value.includes('<lora:slow_orbit_wan22_high_noise:')")
    assert "low_noise" not in page.value("#prompt")
    page.wait("document.querySelector('.lr-status').title.includes('Only its high-noise half')")


def test_similar_and_back(written: Any, ids: Any) -> None:
    before = ids()
    written.click(f'{FIRST} [aria-label="Similar LoRAs"]')
    written.wait(f"{PHASE} === 'similar'")
    assert written.text(".lr-summary") == "Similar to Grim Fantasy Oil"
    assert before[0] not in ids(), "it is not like itself, though the pointer is where its card was"
    visible = "checkVisibility({visibilityProperty: true})"
    assert not written.run(f"document.querySelector('.lr-score').{visible}"), "likeness is no fit"
    assert written.run("document.activeElement.getAttribute('aria-label')") == "Back to suggestions"
    written.click('[aria-label="Back to suggestions"]')
    written.move_to(5, 5)
    written.wait(f"{PHASE} === 'ready'")


def test_an_emptied_prompt_empties_the_panel(written: Any) -> None:
    written.press("a", 65, modifiers=2, commands=("selectAll",))
    written.press("Backspace", 8)
    written.wait(f"{PHASE} === 'empty'")
    assert written.count(".lr-card") == 0


def test_an_emptied_prompt_waits_for_no_answer(written: Any) -> None:
    written.run(
        "(() => { const real = fetch; globalThis.fetch = (path, init) => path.endsWith('/suggestions')"
        "? new Promise((_, no) => init.signal.addEventListener('abort', () => no(init.signal.reason)))"
        ": real(path, init); })()"
    )
    written.type(", night")
    written.wait("document.querySelector('.lr-panel[aria-busy]')")
    written.press("a", 65, modifiers=2, commands=("selectAll",))
    written.press("Backspace", 8)
    written.wait(f"{PHASE} === 'empty'")
    assert not written.count("[aria-busy]")


def test_nothing_fits(page: Any) -> None:
    page.click("#prompt")
    page.type("quarterly sales spreadsheet")
    page.wait(f"['nothing', 'none'].includes({PHASE})")
    assert "Nothing really fits" in page.text(".lr-panel")


def test_without_encoder_it_says_so(page: Any) -> None:
    page.wait("document.querySelector('.lr-encoder').innerText.includes('Matching by words only')")
    assert page.text(".lr-encoder .lr-primary") == "Fetch the encoder"


def test_narrow_panels_hold_everything(written: Any) -> None:
    written.look(width=260 + 24 + 2, height=900)
    assert written.box(".lr-panel")["width"] == 260
    inside = "[...document.querySelectorAll('.lr-panel *:not(.lr-chips *)')]"
    wide = f"{inside}.filter((one) => one.getBoundingClientRect().right > 275)"
    assert written.run(f"{wide}.map((one) => one.className)") == []


def test_every_text_can_be_read(written: Any) -> None:
    for dark in (False, True):
        written.look(dark=dark)
        assert written.pale("body") == []
    written.run("document.querySelector('.lr-panel').style.setProperty('--lr-muted', '#888')")
    assert written.pale("body"), "what is too pale is found"


def test_every_control_has_a_name(written: Any) -> None:
    controls = "[...document.querySelectorAll('button, input, select, textarea, [role=meter]')]"
    nameless = f"{controls}.filter((one) => !(one.ariaLabel || one.innerText || one.labels?.length || one.title))"
    assert written.run(f"{nameless}.map((one) => one.outerHTML)") == []


def test_an_error_names_its_remedy_and_can_be_tried_again(browser: Any, start: Any, loras: Path) -> None:
    server = start(loras)
    page = browser.page(server.url)
    page.wait(f"{PHASE} === 'empty'")
    server.stop()
    page.click("#prompt")
    page.type("a knight")
    page.wait(f"{PHASE} === 'error'")
    assert "Is its server still running?" in page.text(".lr-message")
    assert page.text(".lr-message button") == "Try again"
    assert page.run("document.activeElement.id") == "prompt"


def test_a_token_is_asked_for_once(browser: Any, start: Any, loras: Path) -> None:
    page = browser.page(start(loras, "--token", "a-long-enough-token").url)
    page.wait("document.querySelector('.lr-page-token')")
    around, field, button = (page.box(f".lr-page-token{part}") for part in ("", " input", " button"))
    assert field["x"] + field["width"] <= around["x"] + around["width"]
    assert max(field["height"], button["height"]) < 50
    page.type("wrong")  # nothing was clicked: that is all there is to do
    page.press("Enter", 13, text="\r")
    page.wait("document.querySelector('.lr-page-token input')?.value === ''")
    page.click(".lr-page-token input")
    page.type("a-long-enough-token")
    page.press("Enter", 13, text="\r")
    page.wait(f"{PHASE} === 'empty'")
    page.click("#prompt")
    page.type("a knight in armor, castle")
    page.wait("document.querySelector('.lr-preview img')?.src.startsWith('blob:')")


def test_a_browser_that_closes_its_storage_shows_the_page(browser: Any, server: Any) -> None:
    page = browser.page("about:blank")
    closed = "{get() { throw new DOMException('closed', 'SecurityError'); }}"
    scripts = (f"Object.defineProperty(window, '{name}Storage', {closed});" for name in ("local", "session"))
    page.call("Page.addScriptToEvaluateOnNewDocument", source="".join(scripts))
    page.go(server.url)
    page.wait(f"{PHASE} === 'empty'")
    page.click("#prompt")
    page.type("a knight in armor")
    page.wait("document.querySelectorAll('.lr-card').length > 2")


def test_what_does_not_reach_the_least_never_says_that_it_does(page: Any, idle: Any) -> None:
    page.click("#prompt")
    page.type("a knight in armor, oil painting of a castle, a red dragon in the sky")
    idle()
    shares = "[...document.querySelectorAll('.lr-hardly .lr-percent')].map((one) => parseFloat(one.innerText))"
    page.wait(f"{shares}.length > 0")
    assert "below 5%" in page.text(".lr-summary") and max(page.run(shares)) < 5
    styles = "((card) => [card.borderTopStyle, card.borderTopColor])(getComputedStyle(document.querySelector('%s')))"
    dashed, solid = page.run(styles % ".lr-hardly"), page.run(styles % ".lr-card:not(.lr-hardly)")
    assert dashed[0] == "dashed" and dashed[1] != solid[1], "dashes in the usual colour can hardly be seen"


def test_indexing_shows_its_progress(browser: Any, start: Any, make_lora: Any, tmp_path: Path) -> None:
    for number in range(2500):
        make_lora(tmp_path / f"lora_{number}.safetensors", {"ss_output_name": f"lora {number}"}, seed=number)
    page = browser.page(start(tmp_path).url)
    page.wait(f"{PHASE} === 'indexing' || {PHASE} === 'empty'")
    page.wait(f"{PHASE} === 'empty'", 60)
