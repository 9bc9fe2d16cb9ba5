"""What a newer answer leaves alone: elements whose content stays, the focus, and cards that nobody looks at."""

from __future__ import annotations

import json
from typing import Any

import pytest

FIRST = ".lr-card:first-child"
RECORD = """(() => {
  globalThis.changes = [];
  const watch = new MutationObserver((found) => {
    globalThis.changes.push(...found.map((one) => `${one.type} ${one.target.className}`));
  });
  for (const part of document.querySelectorAll(".lr-list, .lr-uses, .lr-hints, .lr-encoder")) {
    watch.observe(part, {subtree: true, childList: true, attributes: true, characterData: true});
  }
})()"""
# The server's word for an index that is being built, further at each look.
INDEXING = """(() => {
  const real = globalThis.fetch;
  let done = 0;
  globalThis.fetch = (path, init) => {
    if (!String(path).endsWith("/index")) return real(path, init);
    const progress = {stage: "scan", done: (done += 10), total: 3000, seconds_left: 20};
    const job = {job: "index", state: "running", progress, error: ""};
    return Promise.resolve(Response.json({stage: "empty", version: "x", loras: 0, folders: 1, notices: [], job}));
  };
})()"""


@pytest.fixture
def many(written: Any, idle: Any) -> Any:
    """More cards than can be seen."""
    written.click(".lr-icon-button[aria-expanded]")
    written.run(
        "(() => { const top = document.querySelector('.lr-options input[max=\"200\"]'); top.value = 40;"
        "top.dispatchEvent(new Event('change')); })()"
    )
    written.click(".lr-icon-button[aria-expanded]")
    written.wait("document.querySelectorAll('.lr-card').length === 40")
    return written


def test_the_same_answer_changes_nothing(written: Any, idle: Any) -> None:
    written.type(", <lora:impasto_knife_xl:0.65>")
    idle()
    written.run(RECORD)
    written.click('[aria-label="Suggest now"]')
    idle()
    assert written.run("globalThis.changes") == []


def test_another_answer_keeps_cards_and_focus(written: Any, idle: Any, ids: Any) -> None:
    before = ids()
    written.run("document.querySelectorAll('.lr-card').forEach((card) => { card.lastChild.mine = card.dataset.id; })")
    written.run(f"document.querySelector('{FIRST} .lr-chip').focus()")
    box = written.box(FIRST)
    written.run(
        "(() => { const box = document.querySelector('#prompt'); box.value += ', a red dragon over snow, watercolor';"
        "box.dispatchEvent(new Event('input')); })()"
    )
    idle()
    after = ids()
    assert after != before and len(set(after) & set(before)) > 1
    kept = written.run("[...document.querySelectorAll('.lr-card')].map((card) => card.lastChild.mine ?? '')")
    assert kept == [one if one in before else "" for one in after]
    assert written.run("document.activeElement.className") == "lr-chip" and written.box(FIRST) == box


def test_a_card_with_the_focus_is_moved_while_the_pointer_is_on_another(written: Any, idle: Any, ids: Any) -> None:
    first, second = ids()[:2]
    written.move(f'.lr-card[data-id="{second}"]')
    written.run(f"document.querySelector('{FIRST} .lr-chip').focus()")
    written.run(
        "(() => { const box = document.querySelector('#prompt'); box.value = 'loose watercolor wash, oil painting';"
        "box.dispatchEvent(new Event('input')); })()"
    )
    idle()
    assert ids().index(first) > 1 == ids().index(second)
    if written.run("'moveBefore' in document.body"):
        assert written.run("document.activeElement.closest('.lr-card')?.dataset.id") == first


def test_cards_out_of_sight_hold_their_names_until_they_come_near(many: Any) -> None:
    assert many.count(".lr-card .lr-name") == 40
    assert 6 < many.count(".lr-card .lr-primary") < 40
    last = ".lr-card:last-child"
    assert not many.count(f"{last} button") and many.run(f"document.querySelector('{last} .lr-name').textContent")
    height = many.box(last)["height"]
    many.run(f"document.querySelector('{last}').scrollIntoView()")
    many.wait(f"document.querySelector('{last} .lr-primary')")
    assert many.box(last)["height"] == height == many.box(FIRST)["height"]


def test_the_focus_goes_on_into_what_was_out_of_sight(many: Any, ids: Any) -> None:
    many.run(f"document.querySelector('{FIRST} .lr-primary').focus()")
    for _ in range(400):
        many.press("Tab", 9)
        at = many.run("document.activeElement.closest('.lr-card')?.dataset.id ?? ''")
        if not at:
            break
    assert many.count(".lr-card .lr-primary") == 40, "every card was passed"
    assert many.run("document.activeElement.closest('.lr-panel') !== null")


def test_the_way_to_stop_stays_under_the_pointer(browser: Any, server: Any) -> None:
    page = browser.page("about:blank")
    page.call("Page.addScriptToEvaluateOnNewDocument", source=INDEXING)
    page.go(server.url)
    page.wait("document.querySelector('.lr-message .lr-small')")
    page.run("document.querySelector('.lr-message .lr-small').focus()")
    page.run("globalThis.stop = document.activeElement; 0")
    said = page.text(".lr-message div p")
    page.wait(f"document.querySelector('.lr-message div p').innerText !== {json.dumps(said)}")
    assert page.run("document.activeElement === globalThis.stop")
    page.close()
