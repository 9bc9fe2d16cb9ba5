"""What the user says of LoRAs in the panel, looks at again and takes back."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

FIRST = ".lr-card:first-child"
STATUS = "document.querySelector('.lr-status').innerText"
UNDO = ".lr-line .lr-small"


def test_an_insertion_is_undone_in_the_status_line(written: Any) -> None:
    before = written.value("#prompt")
    assert written.run(f"document.querySelector('{UNDO}').hidden")
    written.click(f"{FIRST} .lr-primary")
    written.wait("document.querySelector('#prompt').value.includes('<lora:')")
    written.click(UNDO)
    written.wait("!document.querySelector('#prompt').value.includes('<lora:')")
    assert written.value("#prompt") == before
    assert written.run(f"document.querySelector('{UNDO}').hidden")


def test_not_for_this_prompt_is_taken_back(written: Any, server: Any, ids: Any, leave: Any) -> None:
    gone = ids()[1]
    top = written.box(FIRST)["y"]
    written.click(f'.lr-card[data-id="{gone}"] [aria-label="Not for this prompt"]')
    written.wait(f"{STATUS}.startsWith('Not for this prompt')")
    leave()
    written.wait(f"!document.querySelector('[data-id=\"{gone}\"]')")
    assert written.box(FIRST)["y"] == top, "the line above the cards keeps its height"
    written.click(UNDO)
    written.wait(f"document.querySelector('[data-id=\"{gone}\"]:not(.lr-gone)')")
    assert written.run("document.activeElement.className") == "lr-status", "the focus is not lost with the button"


def test_a_hide_is_taken_back(written: Any, server: Any, ids: Any, leave: Any) -> None:
    gone = ids()[1]
    written.click(f'.lr-card[data-id="{gone}"] [aria-label="Never suggest it"]')
    written.wait(f"{STATUS}.startsWith('Hidden')")
    leave()
    written.wait(f"!document.querySelector('[data-id=\"{gone}\"]')")
    assert server.ask("/feedback")["hidden"] == [gone]
    written.click(UNDO)
    written.wait(f"document.querySelector('[data-id=\"{gone}\"]')")
    assert server.ask("/feedback")["hidden"] == []


def test_favourites_and_hidden_without_any_prompt(page: Any, server: Any) -> None:
    liked, hidden = (one["id"] for one in server.ask("/loras?limit=2&favorite=false")["loras"])
    elsewhere = server.ask("/loras?favorite=true")["total"]  # marked in another manager
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
    assert server.ask("/feedback") == {"liked": [], "disliked": [], "hidden": []}


def test_likes_and_hides_reach_the_server(written: Any, server: Any, ids: Any) -> None:
    first, second = ids()[:2]
    written.click(f'.lr-card[data-id="{first}"] [aria-label="Like"]')
    written.wait(
        "document.querySelector('[aria-label=\"Liked; take it back\"]')?.getAttribute('aria-pressed') === 'true'"
    )
    written.click(f'.lr-card[data-id="{second}"] [aria-label="Never suggest it"]')
    written.wait("document.querySelector('[aria-label=\"Suggest it again\"]')")
    assert server.ask("/feedback") == {"liked": [first], "disliked": [], "hidden": [second]}
    assert second in ids(), "what was hidden stays until the pointer leaves"
    written.click('[aria-label="Suggest it again"]')
    written.click('[aria-label="Liked; take it back"]')
    written.wait("!document.querySelector('[aria-label=\"Liked; take it back\"]')")
    assert server.ask("/feedback") == {"liked": [], "disliked": [], "hidden": []}
