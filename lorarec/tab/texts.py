"""Every text of the tab, in English and simplified Chinese. ``{name}`` is filled in."""

from __future__ import annotations

from ..chinese import FIELDS, ROLES, chinese
from .texts_records import RECORDS
from .texts_settings import SETTINGS

# name: (English, 简体中文)
TEXTS: dict[str, tuple[str, str]] = {
    # Sub-tabs
    "tab_recommend": ("Recommend", "推荐"),
    "tab_similar": ("Similar", "相似"),
    "tab_catalogue": ("Catalogue", "目录"),
    "tab_index": ("Index", "索引"),
    "tab_profile": ("Profile", "画像"),
    "tab_statistics": ("Statistics", "统计"),
    "tab_history": ("History", "历史"),
    "tab_settings": ("Settings", "设置"),
    # Everywhere
    "broken": (
        "That did not work ({error}); the log of the program tells more.",
        "出错了（{error}），详情见程序日志。",
    ),
    "any": ("any", "不限"),
    "unknown": ("unknown", "未知"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "refresh": ("Refresh", "刷新"),
    "show": ("Show", "显示"),
    "stop": ("Stop", "停止"),
    "lora": ("LoRA", "LoRA"),
    "loras": ("LoRAs", "LoRA"),
    "base_model": ("Base model", "基础模型"),
    "role": ("Role", "类型"),
    "folder": ("Folder", "文件夹"),
    "tag": ("Tags, all of these", "标签（须全部具备）"),
    "tags": ("Tags", "标签"),
    "safety": ("Safety level", "安全级别"),
    "size": ("Size", "大小"),
    "date": ("Date", "日期"),
    "liked": ("liked", "喜欢"),
    "disliked": ("disliked", "不喜欢"),
    "hidden": ("hidden", "已隐藏"),
    "favorite": ("favourite", "收藏"),
    "preview_of": ("Preview of {name}", "{name} 的预览图"),
    "blur": ("Blur previews above", "模糊高于此级别的预览图"),
    "blur_safe": ("safe", "安全"),
    "blur_suggestive": ("suggestive", "暗示"),
    "blur_mature": ("mature", "成人"),
    "blur_explicit": ("explicit (never blur)", "露骨（从不模糊）"),
    **{f"role_{name}": (name, called) for name, called in ROLES.items()},
    "role_unknown": ("unknown role", "未知类型"),
    "safety_auto": ("auto: as the prompt", "自动：随提示词"),
    "safety_safe": ("safe", "安全"),
    "safety_suggestive": ("suggestive", "暗示"),
    "safety_mature": ("mature", "成人"),
    "safety_explicit": ("explicit", "露骨"),
    "safety_unknown": ("unknown", "未知"),
    "safety_most": ("Most explicit level", "最高级别"),
    # Recommend
    "prompt": ("Prompt", "提示词"),
    "prompt_placeholder": ("a lighthouse on a cliff in a storm, oil painting…", "暴风雨中悬崖上的灯塔，油画…"),
    "negative": ("Negative prompt", "反向提示词"),
    "active": ("LoRAs in use", "使用中的 LoRA"),
    "active_help": (
        "<lora:name:0.8> or name:0.8, with commas between; tags in the prompt count by themselves.",
        "<lora:名称:0.8> 或 名称:0.8，用逗号分隔；提示词中的标签会自动计入。",
    ),
    "base_model_help": (
        "A base model or the file name of a checkpoint; empty: any.",
        "基础模型或检查点文件名；留空不限。",
    ),
    "more_about_prompt": ("Negative prompt, LoRAs in use", "反向提示词、使用中的 LoRA"),
    "which": ("Which LoRAs", "哪些 LoRA"),
    "roles": ("Only these roles", "仅这些类型"),
    "exclude_roles": ("Not these roles", "排除这些类型"),
    "folders": ("Only below these folders", "仅这些文件夹"),
    "exclude_folders": ("Not below these folders", "排除这些文件夹"),
    "folders_help": ("Relative to the LoRA folder, with commas between.", "相对于 LoRA 文件夹，用逗号分隔。"),
    "dials": ("Dials", "调节"),
    "own_dials": ("Use the dials below instead of the settings", "使用下面的值而不是设置"),
    "top": ("How many", "数量"),
    "min_score": ("Least score", "最低分"),
    "diversity": ("Diversity", "多样性"),
    "explore": ("Exploration", "探索"),
    "collapse": ("Only the best version of one model", "同一模型仅显示最佳版本"),
    "suggest": ("Suggest LoRAs", "推荐 LoRA"),
    "prompt_first": ("write a prompt first", "请先输入提示词"),
    "recommend_hint": (
        "Write a prompt and press “Suggest LoRAs”: those of your own LoRAs that fit it appear here, with reasons.",
        "输入提示词并点击“推荐 LoRA”，这里会显示合适的已安装 LoRA 及理由。",
    ),
    "none": (
        "None of your LoRAs can be suggested for this prompt. Another base model, or fewer restrictions, may help.",
        "没有可推荐的 LoRA。可换一个基础模型或放宽限制。",
    ),
    "nothing": ("Nothing really fits; these come closest.", "没有真正合适的，以下最为接近。"),
    "results": ("Suggestions", "推荐"),
    "score": ("Fit", "契合度"),
    "strength": ("Strength", "强度"),
    "trigger_words": ("Trigger words", "触发词"),
    "reasons": ("Reasons", "理由"),
    "range": ("{low} to {high}", "{low} 至 {high}"),
    "from_source": ("Source: {source}", "来源：{source}"),
    "versions": ("other versions: {names}", "其他版本：{names}"),
    "partner": ("goes with {name}", "与 {name} 成对使用"),
    "same_name": (
        "Several of your files are called {name}; a tag may mean another one.",
        "有多个文件名为 {name}，标签可能指向另一个。",
    ),
    "exploring": ("to explore", "探索"),
    "gallery": ("Pictures: click one to choose it", "图片：点击即可选择"),
    "chosen": ("Chosen", "已选"),
    "text": ("To add to the prompt", "可加入提示词的文本"),
    "text_help": (
        "For the chosen LoRAs, with trigger words that the prompt lacks.",
        "所选 LoRA 的标签及提示词中缺少的触发词。",
    ),
    "choose_first": ("choose one or more LoRAs first", "请先选择 LoRA"),
    "like": ("Like the chosen", "喜欢所选"),
    "hide": ("Never suggest the chosen", "不再推荐所选"),
    "dismiss": ("Not for this prompt", "不适合此提示词"),
    "like_done": ("Liked: {names}", "已喜欢：{names}"),
    "hide_done": ("Never suggested again: {names}", "不再推荐：{names}"),
    "dismiss_done": ("Not for this prompt: {names}", "不适合此提示词：{names}"),
    # Similar
    "find": ("Find a LoRA", "查找 LoRA"),
    "find_help": ("Part of its name, path, author, tags or trigger words.", "名称、路径、作者、标签或触发词的一部分。"),
    "find_go": ("Find", "查找"),
    "find_none": ("No installed LoRA is like that.", "没有符合的 LoRA。"),
    "find_more": ("There are {count} more; write more of the name.", "还有 {count} 个，请输入更多。"),
    "find_first": ("find a LoRA first and choose it", "请先查找并选择一个 LoRA"),
    "similar": ("Similar LoRAs", "相似的 LoRA"),
    "similar_hint": (
        "Find one of your LoRAs and see which others are like it.",
        "查找一个 LoRA，查看与之相似的其他 LoRA。",
    ),
    "similar_to": ("Similar to {name}", "与 {name} 相似"),
    # Catalogue
    "search": ("Search", "搜索"),
    "search_help": (
        "Words of name, path, author, tags or trigger words; Enter begins.",
        "名称、路径、作者、标签或触发词；按回车搜索。",
    ),
    "mark": ("Marked", "标记"),
    "mark_any": ("all", "全部"),
    "mark_liked": ("liked", "喜欢"),
    "mark_hidden": ("hidden", "已隐藏"),
    "mark_favorite": ("favourite in another tool", "其他工具中收藏"),
    "sort": ("Order", "排序"),
    "sort_name": ("name", "名称"),
    "sort_path": ("path", "路径"),
    "sort_modified": ("file date", "文件日期"),
    "sort_created": ("publication date", "发布日期"),
    "sort_downloads": ("downloads", "下载量"),
    "sort_rating": ("rating", "评分"),
    "sort_size": ("size", "大小"),
    "reverse": ("The other way round", "反向"),
    "page": ("{first} to {last} of {total}", "{first}–{last}，共 {total} 个"),
    "page_back": ("◀ Back", "◀ 上一页"),
    "page_onward": ("Onward ▶", "下一页 ▶"),
    # Details
    "version": ("Version", "版本"),
    "author": ("Author", "作者"),
    "strengths": ("Strengths", "强度"),
    "downloads": ("Downloads", "下载量"),
    "rating": ("Rating", "评分"),
    "network": ("Network", "网络"),
    "created": ("Published", "发布"),
    "modified": ("File date", "文件日期"),
    "notes": ("Your notes", "您的备注"),
    "description": ("Description", "说明"),
    "examples": ("Example prompts ({count})", "示例提示词（{count}）"),
    "own_use": ("Your use ({count} times)", "您的使用（{count} 次）"),
    "own_use_chart": ("Strengths of {count} uses by date", "{count} 次使用的强度（按日期）"),
    "own_use_none": ("Not in your history.", "不在您的历史记录中。"),
    "sources": ("Fields and their sources", "字段及其来源"),
    "field": ("Field", "字段"),
    **{f"field_{name}": (name.replace("_", " "), called) for name, called in FIELDS.items()},
    "value": ("Value", "值"),
    "source": ("Source", "来源"),
    "says": ("Said by", "出自"),
    "origin_user": ("you", "您"),
    "origin_author": ("author", "作者"),
    "origin_trainer": ("trainer", "训练者"),
    "origin_guess": ("guess", "推测"),
    **RECORDS,
    **SETTINGS,
}


class Say:
    """Speaks a language: simplified Chinese for "zh…", English for all else."""

    def __init__(self, language: str) -> None:
        """Choose it."""
        self._chinese = language.lower().startswith("zh")

    def __call__(self, name: str, /, **values: object) -> str:
        """A text of the page: ``say("page", first=1, last=25, total=60)``."""
        return TEXTS[name][self._chinese].format(**values)

    def told(self, sentence: str) -> str:
        """What the core says."""
        return chinese(sentence) if self._chinese else sentence
