"""What the user says of LoRAs in the panel, looks at again and takes back."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

FIRST = ".lr-card:first-child"
STATUS = "document.querySelector('.lr-status').innerText"
UNDO = ".lr-line .lr-small"


def ask(server: Any, path: str) -> Any:
    with urllib.request.urlopen(f"{server.url}lorarec/v1{path}", timeout=10) as response:
        return json.load(response)


def ids(page: Any) -> list[str]:
    found: list[str] = page.run("[...document.querySelectorAll('.lr-card')].map((card) => card.dataset.id)")
    return found


def leave(page: Any) -> None:
    """Take focus and pointer away from the cards."""
    page.run("document.activeElement.blur()")
    page.move_to(5, 5)


def test_an_insertion_is_undone_in_the_status_line(written: Any) -> None:
    before = written.value("#prompt")
    assert written.run(f"document.querySelector('{UNDO}').hidden")
    written.click(f"{FIRST} .lr-primary")
    written.wait("document.querySelector('#prompt').value.includes('<lora:')")
    written.click(UNDO)
    written.wait("!document.querySelector('#prompt').value.includes('<lora:')")
    assert written.value("#prompt") == before
    assert written.run(f"document.querySelector('{UNDO}').hidden")


def test_not_for_this_prompt_is_taken_back(written: Any, server: Any) -> None:
    gone = ids(written)[1]
    top = written.box(FIRST)["y"]
    written.click(f'.lr-card[data-id="{gone}"] [aria-label="Not for this prompt"]')
    written.wait(f"{STATUS}.startsWith('Not for this prompt')")
    leave(written)
    written.wait(f"!document.querySelector('[data-id=\"{gone}\"]')")
    assert written.box(FIRST)["y"] == top, "the line above the cards keeps its height"
    written.click(UNDO)
    written.wait(f"document.querySelector('[data-id=\"{gone}\"]:not(.lr-gone)')")
    assert written.run("document.activeElement.className") == "lr-status", "the focus is not lost with the button"


def test_a_hide_is_taken_back(written: Any, server: Any) -> None:
    gone = ids(written)[1]
    written.click(f'.lr-card[data-id="{gone}"] [aria-label="Never suggest it"]')
    written.wait(f"{STATUS}.startsWith('Hidden')")
    leave(written)
    written.wait(f"!document.querySelector('[data-id=\"{gone}\"]')")
    assert ask(server, "/feedback")["hidden"] == [gone]
    written.click(UNDO)
    written.wait(f"document.querySelector('[data-id=\"{gone}\"]')")
    assert ask(server, "/feedback")["hidden"] == []


def test_favourites_and_hidden_without_any_prompt(page: Any, server: Any) -> None:
    liked, hidden = (one["id"] for one in ask(server, "/loras?limit=2&favorite=false")["loras"])
    elsewhere = ask(server, "/loras?favorite=true")["total"]  # marked in another manager
    buttons = "[...document.querySelectorAll('.lr-shelf > div .lr-small')]"
    rows = "document.querySelectorAll('.lr-shelf .lr-why-row').length"
    mine = "[...document.querySelectorAll('.lr-shelf .lr-why-row')].find((row) => row.innerText.includes('No longer'))"
    page.run(f"{buttons}[1].click()")
    page.wait("document.querySelector('.lr-shelf .lr-why').innerText.includes('Nothing is hidden')")
    for kind, lora in (("like", liked), ("hide", hidden)):
        body = json.dumps({"kind": kind, "lora": lora}).encode()
        call = urllib.request.Request(f"{server.url}lorarec/v1/events", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(call).close()
    page.run(f"{buttons}[0].click()")
    page.wait(f"{rows} === {elsewhere} + 1")
    page.run(f"{mine}.querySelector('.lr-small').click()")
    page.wait("document.querySelector('#prompt').value.startsWith('<lora:')")
    page.run(f"{mine}.querySelectorAll('.lr-small')[1].click()")
    page.wait(f"{rows} === {elsewhere}")
    page.run(f"{buttons}[1].click()")
    page.wait(f"{rows} === 1")
    page.click(".lr-shelf .lr-why-row .lr-small")
    page.wait("document.querySelector('.lr-shelf .lr-why').innerText.includes('Nothing is hidden')")
    assert ask(server, "/feedback") == {"liked": [], "disliked": [], "hidden": []}


def choose(page: Any, place: int, value: str) -> None:
    """Choose in one of the option form's lists: 0 level, 1 what becomes of more explicit ones, 2 language."""
    if page.run("document.querySelector('.lr-options').hidden"):
        page.click(".lr-icon-button[aria-expanded]")
    page.run(
        f"(() => {{ const field = document.querySelectorAll('.lr-option select')[{place}]; field.value = '{value}';"
        "field.dispatchEvent(new Event('change')); })()"
    )


def test_more_explicit_ones_are_left_out_as_set(written: Any) -> None:
    written.wait("document.querySelector('.lr-covered')")
    armor = written.run("document.querySelector('.lr-covered').closest('.lr-card').dataset.id")
    choose(written, 1, "omit")
    written.wait(f"document.querySelector('[data-id=\"{armor}\"] .lr-no-preview')")
    assert written.count(".lr-covered") == 0
    choose(written, 1, "exclude")
    written.wait("document.querySelectorAll('.lr-card').length > 2")
    written.wait(f"!document.querySelector('[data-id=\"{armor}\"]')")


def test_the_drawer_keeps_the_focus_and_gives_it_back(written: Any) -> None:
    written.run(f"document.querySelector('{FIRST} [aria-label=\"Details\"]').focus()")
    written.press("Enter", 13, text="\r")
    written.wait("document.querySelector('.lr-sources')")
    assert written.run("document.querySelector('.lr-list').inert")
    inside = "document.querySelector('.lr-drawer').contains(document.activeElement)"
    for _ in range(3):
        written.press("Tab", 9)
        assert written.run(f"{inside} || !document.querySelector('.lr-panel').contains(document.activeElement)")
    written.run("document.querySelector('.lr-drawer [aria-label=\"Close\"]').focus()")
    written.press("Escape", 27)
    assert not written.run("document.querySelector('.lr-list').inert")
    assert written.run("document.activeElement.getAttribute('aria-label')") == "Details"
