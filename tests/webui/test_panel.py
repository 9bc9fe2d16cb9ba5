"""Contract harness: the panel beside the prompts, used as people do, on Gradio 3 and 4."""

from __future__ import annotations

import json
from typing import Any

import pytest

PROMPT = "a knight in armor, oil painting of a castle"
BOX = "#txt2img_prompt textarea"
INSIDE = "#lorarec_txt2img .lorarec-body >>> "
ELSEWHERE = ("NAME_NOT_RESOLVED",)  # Gradio's fonts


def inside(script: str, tab: str = "txt2img") -> str:
    """An expression about what is in the panel's shadow tree."""
    return f"((panel) => panel && {script})(document.querySelector('#lorarec_{tab} .lorarec-body')?.shadowRoot)"


def cards(number: str = "> 1", tab: str = "txt2img") -> str:
    return inside(f"panel.querySelectorAll('.lr-card').length {number}", tab)


@pytest.fixture
def open_page(browser: Any, host: Any) -> Any:
    """Open the host's page: ``open_page("?__theme=dark", width=500)``; nothing of ours went wrong in it."""
    pages = []

    def open_page(query: str = "", **look: Any) -> Any:
        page = browser.page(host.url + query, **look)
        pages.append(page)
        page.wait(inside("panel.querySelector('.lr-panel')"), 30)
        return page

    yield open_page
    for page in pages:
        wrong = page.complaints(*ELSEWHERE)
        page.close()
        assert wrong == []


@pytest.fixture
def page(open_page: Any) -> Any:
    return open_page()


def write(page: Any, text: str, box: str = BOX) -> None:
    page.click(box)
    page.type(text)


def test_typing_is_followed_by_suggestions_and_nothing_below_moves(page: Any) -> None:
    page.wait(inside("panel.querySelector('.lr-panel').dataset.phase === 'empty'"))
    before = page.box("#txt2img_settings")
    write(page, PROMPT)
    page.wait(cards())
    assert page.box("#txt2img_settings") == before
    assert page.run(f"document.activeElement === document.querySelector({json.dumps(BOX)})")
    assert page.count("#lorarec_txt2img") == page.count("#lorarec_img2img") == 1
    assert page.count("#img2img_prompt_container #lorarec_img2img") == 1, "each tab has its own"


def test_insert_is_one_undo_step_that_gradio_hears_of(page: Any, host: Any) -> None:
    write(page, PROMPT)
    page.wait(cards())
    name = page.text(INSIDE + ".lr-card .lr-name")
    page.click(INSIDE + ".lr-card .lr-primary")
    separator = " " if host.ask("options").get("extra_networks_add_text_separator") == " " else ", "
    page.wait(
        f"document.querySelector({json.dumps(BOX)}).value.startsWith({json.dumps(PROMPT + separator + '<lora:')})"
    )
    inserted = page.value(BOX)
    page.wait(inside("panel.querySelector('.lr-card.lr-in-use')"))
    page.click("#txt2img_generate")  # Gradio hands on what it knows, not what the box shows
    page.wait("document.querySelector('#txt2img_result textarea').value.endsWith('.png')")
    made = host.home / page.value("#txt2img_result textarea")
    assert inserted.encode() in made.read_bytes()
    page.click(BOX)
    page.undo()
    assert page.value(BOX) == PROMPT, name
    page.wait(inside("!panel.querySelector('.lr-card.lr-in-use')"))
    # Removing it by its card leaves the prompt as it was, too.
    page.click(INSIDE + ".lr-card .lr-primary")
    page.wait(inside("panel.querySelector('.lr-card.lr-in-use')"))
    assert "<lora:" in page.value(BOX)
    page.click(INSIDE + ".lr-card.lr-in-use .lr-primary")
    page.wait(f"document.querySelector({json.dumps(BOX)}).value === {json.dumps(PROMPT)}")


def test_pasted_generation_data_are_heard_though_no_event_tells(page: Any, host: Any) -> None:
    page.run(f"document.querySelector({json.dumps(BOX)}).addEventListener('input', () => (window.typed = true))")
    for text in ("watercolor painting of boats in a harbour", PROMPT):
        host.ask("paste", prompt=text, negative="blurry")
        page.click("#txt2img_paste")
        page.wait(f"document.querySelector({json.dumps(BOX)}).value === {json.dumps(text)}")
        page.wait(cards())
        page.wait(inside(f"!panel.querySelector('[aria-busy]') && {json.dumps(text)}"))
    assert not page.run("window.typed"), "the harness must not send the event that real hosts do not send"
    facts = host.ask("facts")
    assert ("txt2img_prompt" in facts["made_again"]) == host.gradio4, "Gradio 4 makes components anew, and so must this"
    assert [text for text in facts["failures"] if "after_component" in text] == []
    assert facts["changes"] == 5, "each prompt and the checkpoint, once"


def test_each_tab_asks_for_its_own_prompt(page: Any) -> None:
    write(page, PROMPT)
    page.wait(cards())
    page.run("[...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'img2img').click()")
    page.wait(inside("panel.querySelector('.lr-panel')?.dataset.phase === 'empty'", "img2img"))
    write(page, "watercolor painting of boats", "#img2img_prompt textarea")
    page.wait(cards(tab="img2img"))
    page.click("#lorarec_img2img .lorarec-body >>> .lr-card .lr-primary")
    assert "<lora:" in page.value("#img2img_prompt textarea") and page.value(BOX) == PROMPT


def test_the_checkpoint_says_the_base_model(page: Any) -> None:
    write(page, PROMPT)
    page.wait(cards())
    page.wait(inside("panel.querySelector('.lr-list').innerText.includes('SD 1.5')"))
    page.click("#setting_sd_model_checkpoint input")
    page.press("a", 65, modifiers=2, commands=("selectAll",))
    page.type("illus")
    page.press("Enter", 13, text="\r")
    page.wait("document.querySelector('#setting_sd_model_checkpoint input').value.includes('illustrious')")
    page.click(BOX)
    page.wait(inside("/Illustrious|SDXL/.test(panel.querySelector('.lr-list').innerText)"))


def test_two_of_one_name_are_said_so(page: Any) -> None:
    write(page, PROMPT)
    page.wait(inside("panel.querySelector('.lr-shared')"))
    said = "[card.querySelector('.lr-name').textContent, card.querySelector('.lr-shared') === null]"
    shown = page.run(inside(f"[...panel.querySelectorAll('.lr-card')].map((card) => {said})"))
    assert [name for name, single in shown if not single] == ["hedgehog_knight-000012"] and len(shown) > 1


def test_in_little_room_a_name_stays_readable(open_page: Any) -> None:
    page = open_page(width=420)
    write(page, PROMPT)
    page.wait(inside("panel.querySelector('.lr-shared')"))
    widths = page.run(inside("[...panel.querySelectorAll('.lr-name')].map((one) => one.clientWidth)"))
    assert min(width for width in widths if width) >= 100


def test_it_folds_and_remembers_that_and_asks_nothing_meanwhile(page: Any, host: Any) -> None:
    page.click("#lorarec_txt2img summary")
    page.wait("localStorage.getItem('lorarec.open')?.includes('no')")
    page.go(host.url)
    page.wait("document.querySelector('#lorarec_txt2img') && !document.querySelector('#lorarec_txt2img').open", 30)
    write(page, PROMPT)
    asked = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/lorarec/v1')).length"
    assert page.run(f"new Promise((done) => setTimeout(() => done({asked}), 700))") == 0
    page.click("#lorarec_txt2img summary")
    page.wait(cards())


@pytest.mark.parametrize(("query", "light"), [("?__theme=dark", False), ("?__theme=light", True)])
def test_its_colours_are_the_hosts(open_page: Any, query: str, light: bool) -> None:
    page = open_page(query, dark=light)  # the browser's wish is the opposite of the host's
    colour = page.run(inside("getComputedStyle(panel.querySelector('.lr-panel')).backgroundColor"))
    red = int(colour.partition("(")[2].partition(",")[0])
    assert (red > 128) == light
    assert page.run("document.querySelector('#lorarec_txt2img').style.colorScheme") == ("light" if light else "dark")
    write(page, PROMPT)
    page.wait(cards())
    assert page.pale("#lorarec_txt2img .lorarec-body >>> .lr-panel") == []


@pytest.mark.parametrize("width", [420, 300])
def test_narrow(open_page: Any, width: int) -> None:
    page = open_page(width=width)
    write(page, PROMPT)
    page.wait(cards())
    edge = "panel.host.getBoundingClientRect().right"
    within = "[...panel.querySelectorAll('.lr-panel, .lr-panel *:not(.lr-chips *)')]"
    out = f"{within}.filter((one) => one.getBoundingClientRect().right > {edge} + 0.5).map((one) => one.className)"
    assert page.run(inside(out)) == []
    title, switch = page.box("#lorarec_txt2img summary"), page.box(INSIDE + ".lr-switch")
    assert title["x"] + title["width"] <= switch["x"], "the title covers no button"
    assert page.run("document.documentElement.scrollWidth") <= width + 20


def test_the_page_of_settings_moves_it_and_speaks_for_it(page: Any, host: Any) -> None:
    dock = "document.querySelector('#lorarec_txt2img')"
    was = {"lorarec_place": "below the prompt", "lorarec_language": "automatic", "lorarec_auto": True}
    try:
        host.ask("set", name="lorarec_place", value="beside the page")
        host.ask("set", name="lorarec_language", value="简体中文")
        page.go(host.url)
        page.wait(f"{dock} && getComputedStyle({dock}).position === 'fixed'", 30)
        page.wait(f"{dock}.querySelector('summary').innerText.includes('推荐')")
        edge = f"{dock}.getBoundingClientRect().left"
        room = f"document.querySelector('#txt2img_generate').getBoundingClientRect().right < {edge}"
        page.wait(room)
        for tab in ("img2img", "txt2img"):  # to another tab and back
            page.run(
                f"[...document.querySelectorAll('button')].find((one) => one.innerText.trim() === '{tab}').click()"
            )
            page.wait(f"document.querySelector('#lorarec_{tab}').getClientRects().length")
            page.run("new Promise((done) => setTimeout(done, 300))")  # both tabs are told
            page.wait("document.body.classList.contains('lorarec-made-room')")
        page.wait(room)
        host.ask("set", name="lorarec_place", value="not at all")
        page.go(host.url)
        page.wait(f"document.querySelector({json.dumps(BOX)}) && opts.lorarec_place === 'not at all'", 30)
        page.wait(f"!{dock}")
    finally:
        for name, value in was.items():
            host.ask("set", name=name, value=value)


def test_of_panel_and_page_of_settings_the_later_word_counts(page: Any, host: Any) -> None:
    auto = inside("panel.querySelector('.lr-switch')?.checked")

    def reload_with(value: bool) -> None:
        host.ask("set", name="lorarec_auto", value=value)
        page.go(host.url)
        page.wait(f"typeof opts !== 'undefined' && opts.lorarec_auto === {json.dumps(value)} && {auto} !== null", 30)

    page.wait(auto)
    try:
        page.click(INSIDE + ".lr-auto")
        page.wait(f"{auto} === false")
        reload_with(True)
        page.wait(f"{auto} === false")  # the page of settings says what it said then
        reload_with(False)
        reload_with(True)
        page.wait(f"{auto} === false")  # the same again
        page.click(INSIDE + ".lr-auto")
        page.wait(f"{auto} === true")
        reload_with(False)
        page.wait(f"{auto} === false")  # something new: it counts
    finally:
        host.ask("set", name="lorarec_auto", value=True)


def test_loaded_twice_it_starts_once(page: Any) -> None:
    again = "import(document.querySelector('script[src*=\"lorarec.mjs\"]').src + '&again').then(() => true)"
    assert page.run(again)
    assert page.count("#lorarec_txt2img") == 1
