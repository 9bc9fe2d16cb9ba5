"""The tab inside a host's own Blocks, as `on_ui_tabs` of the WebUI family has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def host(gradio, browser, loras, tmp_path_factory, served_by):
    data = tmp_path_factory.mktemp(f"host-{gradio}")
    (data / "settings.json").write_text('{"encoder_semantic": "absent/encoder"}', encoding="utf-8")
    served = served_by(gradio, str(Path(__file__).with_name("host.py")), str(loras), str(data))
    served.facts = json.loads(served.process.stdout.readline())
    yield served
    assert "Traceback" not in served.stop()


def test_building_it_opens_nothing_and_keeps_to_its_own_names(host):
    assert host.facts == {"opened": False, "foreign": [], "saved": [], "queued": [], "named": []}


def test_it_fills_and_follows_the_index_without_a_load_event(host, browser, tab_of):
    page = browser.page(host.url, width=1400, height=1000)
    page.wait("document.querySelector('#lorarec_tab')", 30)
    tab = tab_of(page)
    page.run("[...document.querySelectorAll('#tabs button')].find(b => b.textContent.includes('Recommender')).click()")
    page.wait("document.querySelector('#lorarec_recommend_go').getClientRects().length")
    tab.write("recommend_prompt", "a knight in armor")
    tab.press("recommend_go")
    tab.says("recommend_note", "index")  # there is none yet, and the sentence says so
    tab.open("Index")
    tab.says("job_index_state", "nothing yet")
    tab.press("job_index_start")
    tab.says("job_index_state", "found 61")
    tab.open("Settings")
    tab.says("settings_elsewhere", "loras, ")
    assert page.count("#lorarec_settings_loras") == 0, "folders of the machine are not offered to whoever sees the page"
    page.close()
