"""The tab of the real `lorarec ui` in each Gradio: typing, clicking, reading."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

PROMPT = "a knight in armor, oil painting of a castle"


def test_similar_ones_of_a_lora_that_is_searched_for(tab):
    tab.open("Similar")
    tab.press("similar_go")
    tab.says("similar_note", "find a LoRA first")
    tab.write("similar_search", "lantern keeper")
    tab.press("similar_find")
    tab.page.wait("document.querySelector('#lorarec_similar_which input').value.includes('mira')")
    tab.press("similar_go")
    tab.wait("similar_table", "table.lrt-results tbody tr:nth-child(3)")
    assert not tab.page.count("#lorarec_similar_table .lrt-measure"), "likeness is no fit"
    assert [one for one in tab.page.pale("#lorarec_similar_table") if "lrt-dim" in one] == []


def test_suggestions_are_chosen_and_give_a_text(tab):
    tab.write("recommend_prompt", PROMPT)
    tab.press("recommend_go")
    tab.wait("recommend_table", "table.lrt-results tbody tr:nth-child(2)")
    first = tab.page.text("#lorarec_recommend_table tbody tr:first-child")
    assert "Grim Fantasy Oil" in first and "%" in first and "knight" in first, "name, fit and reasons"
    tab.wait("recommend_gallery", "img")
    tab.page.click("#lorarec_recommend_chosen label:first-of-type input")
    tab.page.wait("document.querySelector('#lorarec_recommend_text textarea').value.includes('<lora:')")
    chosen = tab.page.value("#lorarec_recommend_text textarea")
    assert chosen == "<lora:grim_fantasy_oil:0.75>, grim fantasy oil painting"
    tab.page.click("#lorarec_recommend_gallery img, #lorarec_recommend_gallery .thumbnail-item")
    tab.page.wait("document.querySelector('#lorarec_recommend_text textarea').value === ''")


def test_details_open_from_a_name_and_lead_to_similar_ones(tab):
    tab.write("recommend_prompt", PROMPT)
    tab.press("recommend_go")
    tab.wait("recommend_table", ".lrt-link")
    tab.page.click("#lorarec_recommend_table .lrt-link")
    tab.wait("recommend_details", "section")
    shown = tab.text("recommend_details")
    assert "Grim Fantasy Oil" in shown and "grim fantasy oil painting, knight kneeling" in shown
    assert tab.page.count("#lorarec_recommend_details svg circle") == 10, "a dot for each own use"
    tab.page.click("#lorarec_recommend_details section button")
    tab.says("similar_note", "Similar to Grim Fantasy Oil")
    tab.page.wait("document.querySelector('#lorarec_similar_table table')?.getClientRects().length")


def test_disliking_what_is_shown_takes_it_away(tab):
    tab.write("recommend_prompt", "sumi brush ink wash painting, mountain")
    tab.press("recommend_go")
    tab.says("recommend_table", "Sumi Brush")
    tab.press("recommend_hide")
    tab.says("recommend_note", "choose one or more LoRAs first")
    tab.page.click("#lorarec_recommend_chosen label:first-of-type input")
    tab.page.wait("document.querySelector('#lorarec_recommend_text textarea').value.includes('sumi')")
    tab.press("recommend_hide")
    tab.says("recommend_note", "Never suggested again: Sumi Brush")
    assert "Sumi Brush" not in tab.text("recommend_table")


def test_an_error_is_a_sentence_in_its_place(tab):
    tab.write("recommend_prompt", "")
    tab.press("recommend_go")
    tab.says("recommend_note", "write a prompt first")
    tab.open("History")
    tab.write("history_since", "yesterday-ish")
    tab.press("history_show")
    tab.says("history_note", "is no date like 2026-01-31")
    tab.write("history_since", "")
    tab.write("history_pattern", "(")
    tab.press("history_show")
    tab.says("history_note", "no regular expression")
    tab.write("history_pattern", "")


def test_the_catalogue_is_searched_and_paged_and_texts_stay_texts(tab):
    tab.open("Catalogue")
    tab.says("catalogue_note", "1 to 25 of 61")
    assert "<img src=x onerror" in tab.text("catalogue_table"), "shown as it is written"
    assert tab.page.count("#lorarec_catalogue_table img[src=x]") == 0
    tab.press("catalogue_onward")
    tab.says("catalogue_note", "26 to 50 of 61")
    tab.write("catalogue_search", "zebra")
    tab.page.press("Enter", 13, text="\r")
    tab.says("catalogue_note", "1 to 1 of 1")
    tab.page.click("#lorarec_catalogue_table .lrt-link")
    tab.wait("catalogue_details", "section")
    tab.page.click("#lorarec_catalogue_details details:last-of-type summary")
    assert tab.text("catalogue_details").count("<script>") >= 3, "name, description and sources"


def test_the_index_is_built_and_says_how_far_it_is(tab):
    tab.open("Index")
    tab.says("job_index_state", "61")
    before = tab.page.run("document.querySelector('#lorarec_job_index_state [data-active]').innerText")
    assert "found 61" in before
    tab.page.run(
        "(() => { window.seen = []; new MutationObserver(() => {"
        "const s = document.querySelector('#lorarec_job_index_state [data-active]'); if (s) seen.push(s.innerText); })"
        ".observe(document.querySelector('#lorarec_job_index_state'), {childList: true, subtree: true}); })()"
    )
    tab.press("job_index_start")
    tab.page.wait("window.seen.some(text => !text.startsWith('Done')) && window.seen.at(-1).startsWith('Done')")


def test_settings_stay_and_bounds_are_told(tab, data):
    tab.open("Settings")
    tab.page.wait("document.querySelector('#lorarec_settings_safety input').value === 'explicit'")
    tab.write("settings_top", "5000")
    tab.press("settings_save")
    tab.says("settings_note", "top is 5000; it must lie between 1 and 1000")
    file = data / "settings.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "wait_seconds": 11}))  # by another program
    tab.write("settings_top", "7")
    tab.press("settings_save")
    tab.says("settings_note", "Saved")
    stored = json.loads(file.read_text())
    assert (stored["top"], stored["wait_seconds"], stored["safety"]) == (7, 11, "explicit")
    tab.open("Statistics")
    tab.open("Settings")
    tab.page.wait("document.querySelector('#lorarec_settings_top input').value === '7'")


def test_profile_and_statistics_are_drawn(tab):
    tab.open("Profile")
    tab.says("profile_page", "Favourites")
    assert "Grim Fantasy Oil" in tab.text("profile_page") or "grim_fantasy_oil" in tab.text("profile_page")
    assert tab.page.count("#lorarec_profile_page svg[role=img]") > 0
    tab.open("Statistics")
    tab.says("statistics_page", "SDXL")
    assert tab.page.count("#lorarec_statistics_page .lrt-bar") > 10


def test_the_history_is_shown_taken_along_switched_and_deleted(tab):
    tab.open("History")
    tab.press("history_show")
    tab.says("history_table", "a ruined abbey")
    tab.write("history_pattern", "SECRET")
    tab.press("history_show")
    tab.page.wait("!document.querySelector('#lorarec_history_table').innerText.includes('abbey')")
    assert tab.page.count("#lorarec_history_table tbody tr") == 2

    tab.press("history_export")
    tab.wait("history_file", "a[href]")
    link = tab.page.run("document.querySelector('#lorarec_history_file a[href]').href")
    with urllib.request.urlopen(link, timeout=10) as response:
        kinds = [json.loads(line)["kind"] for line in response.read().splitlines()]
    assert kinds.count("generation") == 11

    tab.press("history_switch")
    tab.says("history_state", "The history is off")
    tab.press("history_switch")
    tab.says("history_state", "The history is on")

    tab.write("history_of_lora", "giant_cat_xl")
    tab.press("history_delete")
    tab.says("history_question", "This deletes 1 generations")
    tab.press("history_keep")
    tab.says("history_note", "Nothing was deleted")
    tab.press("history_delete")
    tab.says("history_question", "This deletes 1 generations")
    tab.press("history_sure")
    tab.says("history_note", "Deleted: 1 generations")
    tab.write("history_of_lora", "")
    tab.press("history_show")
    tab.page.wait("document.querySelectorAll('#lorarec_history_table tbody tr').length === 1")
    assert "secret garden" in tab.text("history_table")


def test_delete_needs_to_be_told_what(tab):
    tab.open("History")
    for name in ("since", "until", "of_lora", "pattern"):
        tab.write(f"history_{name}", "")
    tab.press("history_delete")
    tab.says("history_note", "say what to delete")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)
def test_foreign_pages_and_names_are_refused(served, headers):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(served.url, headers=headers), timeout=10)
    assert refused.value.code == 403


def test_the_page_may_load_nothing_from_elsewhere(served):
    with urllib.request.urlopen(served.url, timeout=10) as response:
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "http" not in policy


@pytest.fixture(scope="module")
def chinese(gradio, browser, loras, tmp_path_factory, served_by):
    data = tmp_path_factory.mktemp(f"chinese-{gradio}")
    (data / "settings.json").write_text('{"encoder_semantic": "absent/encoder", "safety": "mature"}', encoding="utf-8")
    command = ("-m", "lorarec", "ui", "--port", "0", "--language", "zh", "--loras", loras, "--data", data)
    served = served_by(gradio, *command)
    served.settings = data / "settings.json"
    yield served
    served.stop()


def test_in_chinese_and_in_little_room(chinese, browser, tab_of):
    page = browser.page(chinese.url, width=1100, height=1000)
    page.wait("document.querySelector('button#lorarec_recommend_go')", 30)
    tab = tab_of(page)
    tab.write("recommend_prompt", PROMPT)
    tab.press("recommend_go")
    tab.wait("recommend_table", ".lrt-reasons")
    assert "示例提示词同样有" in tab.text("recommend_table"), "reasons too are Chinese"
    tab.says("recommend_note", "仅按词语匹配：本机没有编码器 absent/encoder")
    tab.open("目录")
    tab.wait("catalogue_table", "tbody tr")
    for tab_name, place in (("推荐", "recommend"), ("目录", "catalogue")):
        tab.open(tab_name)
        scroll = f"document.querySelector('#lorarec_{place}_table .lrt-scroll')"
        for width in (900, 1000, 1100, 1200, 1300, 1400):
            page.look(width=width, height=1000)
            assert page.run(f"{scroll}.scrollWidth <= {scroll}.clientWidth"), f"{place}: a column is out of sight"
    tab.open("设置")
    page.wait("document.querySelector('#lorarec_settings_safety input').value === '成人'")
    tab.write("settings_top", "5000")
    tab.press("settings_save")
    tab.says("settings_note", "数量为 5000，应在 1 到 1000 之间")
    tab.write("settings_top", "7")
    tab.press("settings_save")
    tab.says("settings_note", "已保存")
    assert json.loads(chinese.settings.read_text())["safety"] == "mature", "what it is called changes no value"
    page.close()
