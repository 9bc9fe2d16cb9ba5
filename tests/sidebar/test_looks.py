"""How the sidebar looks in the newest frontend: its theme, its language, in little room."""

from __future__ import annotations

from typing import Any

APP = "window.comfyAPI.app.app"
FIRST = "Grim Fantasy Oil"


def test_the_language_is_comfyuis(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.page.run(f"{APP}.extensionManager.setting.set('Comfy.Locale', 'zh')")
    newest.page.wait("document.querySelector('.lr-title')?.innerText === 'LoRA 推荐'")
    newest.page.run(f"{APP}.extensionManager.setting.set('lorarec.language', 'en')")
    newest.page.wait("document.querySelector('.lr-title')?.innerText === 'LoRA suggestions'")
    newest.page.run(f"{APP}.extensionManager.setting.set('lorarec.language', 'auto')")
    newest.page.run(f"{APP}.extensionManager.setting.set('Comfy.Locale', 'en')")
    newest.page.wait("document.querySelector('.lr-title')?.innerText === 'LoRA suggestions'")


def test_all_of_it_speaks_what_is_chosen_in_the_panel(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.first(FIRST)
    choose = (
        "((value) => { const field = document.querySelector('.lr-options [name=language]'); field.value = value;"
        "field.dispatchEvent(new Event('change')); })"
    )
    for value, label, reason in (("zh", "提示词", "居前"), ("", "Prompt", "most downloaded")):
        newest.page.run(f"{choose}('{value}')")
        newest.page.wait(f"document.querySelector('.lorarec-sidebar select').ariaLabel === '{label}'")
        newest.page.wait(f"document.querySelector('.lr-reasons').innerText.includes('{reason}')")
        assert newest.page.count(".lorarec-sidebar") == 1


def test_empty_boxes_of_the_node_say_in_comfyuis_language_what_they_are_for(newest: Any) -> None:
    node = f"{APP}.graph.nodes.find((one) => one.comfyClass === 'LorarecRecommend')"
    said = f"{node}.widgets.map((one) => one.element?.placeholder).filter(Boolean)"
    for language, texts in (
        ("zh", ["提示词", "已选的 LoRA（留空则在工作流运行时选择）", "反向提示词"]),
        ("en", ["Prompt", "Chosen LoRAs (empty: choose when the workflow runs)", "Negative prompt"]),
    ):
        newest.page.run(f"{APP}.extensionManager.setting.set('Comfy.Locale', '{language}')")
        title = {"zh": "LoRA 推荐", "en": "LoRA suggestions"}[language]
        newest.load(newest.text_to_image())
        newest.page.wait(f"document.querySelector('.lr-title')?.innerText === '{title}'")
        flow = newest.flow()
        flow.node("LorarecRecommend")
        newest.load(flow)
        assert newest.page.run(said) == texts


def test_the_theme_is_comfyuis(newest: Any) -> None:
    newest.load(newest.text_to_image())
    for palette, scheme in (("light", "light"), ("dark", "dark")):
        newest.page.run(f"{APP}.extensionManager.setting.set('Comfy.ColorPalette', '{palette}')")
        newest.page.wait(f"document.querySelector('.lorarec-sidebar')?.style.colorScheme === '{scheme}'")
        newest.first(FIRST)
        assert newest.page.pale(".lorarec-sidebar") == []


def test_a_narrow_sidebar_holds_everything(newest: Any) -> None:
    newest.load(newest.text_to_image())
    newest.first(FIRST)
    newest.page.run("document.querySelector('.lorarec-sidebar').style.width = '210px'; 0")
    newest.page.wait("document.querySelector('.lr-panel').clientWidth === 210")
    inside = "[...document.querySelectorAll('.lorarec-sidebar *:not(.lr-chips *)')]"
    edge = "document.querySelector('.lorarec-sidebar').getBoundingClientRect().right"
    wide = f"{inside}.filter((one) => one.getBoundingClientRect().right > {edge} + 0.5).map((one) => one.className)"
    assert newest.page.run(wide) == []
    newest.page.run("document.querySelector('.lorarec-sidebar').style.width = ''; 0")
