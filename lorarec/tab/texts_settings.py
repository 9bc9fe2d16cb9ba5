"""Texts about settings and long work whose English is said elsewhere, with their Chinese; `texts` explains."""

from __future__ import annotations

from .. import chinese
from ..progress import STAGES
from ..settings import OPTIONS

# setting: its help in 简体中文
_HELP: dict[str, str] = {
    "loras": "要建立索引的 LoRA 文件夹，靠前者优先",
    "include": "仅索引这些文件夹（相对于 LoRA 文件夹；留空则全部）",
    "exclude": "从不索引这些文件夹（相对于 LoRA 文件夹）",
    "top": "推荐多少个 LoRA",
    "min_score": "低于此概率的 LoRA 不算合适",
    "diversity": "0 仅按相关度排序，1 使推荐尽可能不同",
    "explore": "留给新的或未用过的 LoRA 的比例",
    "collapse": "同一模型仅显示最佳版本",
    "safety": "推荐的最高级别；“自动”随提示词而定",
    "profile": "使用哪些编码器",
    "encoder_semantic": "您自己的编码器，用于 LoRA 所描绘的内容：文件夹或 Hugging Face 名称",
    "encoder_artistic": "同上，用于画风",
    "encoder_technical": "同上，用于技术信息",
    "threads": "一次查询使用的 CPU 线程数",
    "gpu": "宿主空闲时用显卡批量编码文本；“自动”：仅 NVIDIA",
    "precision": "显卡上的数值精度；“自动”：向量足够精确时用半精度",
    "query_int8": "以 8 位编码提示词：内存不到一半，分数略有不同",
    "memory_mb": "所有编码器合计可占用的内存（MB）",
    "idle_minutes": "编码器闲置多久后卸载；0：从不",
    "wait_seconds": "节点等待首次索引的时间",
    "mirror": "下载编码器所用的 Hugging Face 镜像，如 https://hf-mirror.com",
    "proxy": "下载编码器所用的 HTTP 代理",
    "history": "记住您的创作并从中学习；关闭后不记录也不使用",
    "history_exclude": "从不记住匹配这些模式（正则表达式）的提示词",
    "images": "用于学习的图片文件夹，见 `lorarec harvest`",
    "project": "当前项目的名称；其历史权重最高（留空：无）",
}
_CHOICES = {
    "auto": "自动",
    "on": "开启",
    "off": "关闭",
    "speed": "快速",
    "balanced": "均衡",
    "quality": "质量",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
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
    **{f"setting_{name}": (name.replace("_", " "), called) for name, called in chinese.SETTINGS.items()},
    **{f"setting_{name}_help": (OPTIONS[name].help, help) for name, help in _HELP.items()},
    **{f"choice_{name}": (name, said) for name, said in _CHOICES.items()},
    **{f"step_{name}": (STAGES[name], said) for name, said in _STEPS.items()},
    **{f"figure_{name}": (name.replace("_", " "), said) for name, said in _FIGURES.items()},
}
