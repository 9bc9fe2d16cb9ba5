"""Texts about settings and long work whose English is said elsewhere, with their Chinese; `texts` explains."""

from __future__ import annotations

from ..progress import STAGES
from ..settings import OPTIONS

# setting: (name, help) in 简体中文
_SETTINGS: dict[str, tuple[str, str]] = {
    "loras": ("LoRA 文件夹", "要建立索引的 LoRA 文件夹，靠前者优先"),
    "include": ("仅包含", "仅索引这些文件夹（相对于 LoRA 文件夹；留空则全部）"),
    "exclude": ("排除", "从不索引这些文件夹（相对于 LoRA 文件夹）"),
    "top": ("数量", "推荐多少个 LoRA"),
    "min_score": ("最低分", "低于此概率的 LoRA 不算合适"),
    "diversity": ("多样性", "0 仅按相关度排序，1 使推荐尽可能不同"),
    "explore": ("探索", "留给新的或未用过的 LoRA 的比例"),
    "collapse": ("合并版本", "同一模型仅显示最佳版本"),
    "safety": ("安全级别", "推荐的最高级别；auto 随提示词而定"),
    "profile": ("编码器方案", "使用哪些编码器"),
    "encoder_semantic": ("内容编码器", "您自己的编码器，用于 LoRA 所描绘的内容：文件夹或 Hugging Face 名称"),
    "encoder_artistic": ("画风编码器", "同上，用于画风"),
    "encoder_technical": ("技术编码器", "同上，用于技术信息"),
    "threads": ("线程数", "一次查询使用的 CPU 线程数"),
    "gpu": ("显卡", "宿主空闲时用显卡批量编码文本；auto：仅 NVIDIA"),
    "precision": ("精度", "显卡上的数值精度；auto：向量足够精确时用半精度"),
    "query_int8": ("8 位编码提示词", "以 8 位编码提示词：内存不到一半，分数略有不同"),
    "memory_mb": ("内存上限", "所有编码器合计可占用的内存（MB）"),
    "idle_minutes": ("空闲分钟数", "编码器闲置多久后卸载；0：从不"),
    "wait_seconds": ("等待秒数", "节点等待首次索引的时间"),
    "mirror": ("镜像", "下载编码器所用的 Hugging Face 镜像，如 https://hf-mirror.com"),
    "proxy": ("代理", "下载编码器所用的 HTTP 代理"),
    "history": ("历史记录", "记住您的创作并从中学习；关闭后不记录也不使用"),
    "history_exclude": ("不记录的提示词", "从不记住匹配这些模式（正则表达式）的提示词"),
    "images": ("图片文件夹", "用于学习的图片文件夹，见 `lorarec harvest`"),
    "project": ("项目", "当前项目的名称；其历史权重最高（留空：无）"),
}
_STEPS = {
    "scan": "读取 LoRA",
    "lexical": "建立词语索引",
    "encode": "编码文本",
    "hash": "计算哈希",
    "harvest": "读取图片",
    "import": "导入",
    "download": "下载",
    "export": "准备编码器",
}
_FIGURES = {  # of reports
    "found": "共",
    "added": "新增",
    "changed": "变化",
    "moved": "移动",
    "missing": "缺失",
    "seconds": "用时（秒）",
    "new": "新图片",
    "bare": "无生成信息",
    "unreadable": "无法读取",
    "gone": "已消失",
    "generations": "次生成",
    "excluded": "按设置排除",
    "readers": "来源",
    "linked": "已关联",
    "ambiguous": "无法确定",
    "unknown": "未安装",
}

SETTINGS: dict[str, tuple[str, str]] = {
    **{f"setting_{name}": (name.replace("_", " "), called) for name, (called, _) in _SETTINGS.items()},
    **{f"setting_{name}_help": (OPTIONS[name].help, help) for name, (_, help) in _SETTINGS.items()},
    **{f"step_{name}": (STAGES[name], said) for name, said in _STEPS.items()},
    **{f"figure_{name}": (name.replace("_", " "), said) for name, said in _FIGURES.items()},
}
