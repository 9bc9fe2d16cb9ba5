"""Text -> terms: the words that lexical search and coverage count.

Folded: case, full-width forms, underscores, booru counters (``1girl``), plain plurals. Chinese and Japanese have no
spaces: a run becomes its overlapping pairs, and common words of it also their English tags, since most LoRA pages are
English.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TERM = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?", re.U)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々〆ヶ]+")
_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})", re.U)

# Words of a prompt's grammar, not of its content.
STOP = frozenset(
    """a an the of and or in on at to by for from with without into onto over under is are be was were being been it its
    this that these those as her his him she he they them their your you my i me we us our very so such some any no not
    has have having had do does can will would who which what where when while there here up down out off than then too
    lora loras lyco locon lycoris safetensors""".split()
)

# Booru tags and their everyday words, both ways round: each key is also counted as its value.
ALIASES: dict[str, tuple[str, ...]] = {
    "1girl": ("girl",),
    "2girls": ("girl",),
    "3girls": ("girl",),
    "1boy": ("boy",),
    "2boys": ("boy",),
    "1woman": ("woman",),
    "1man": ("man",),
    "1other": ("other",),
    "women": ("woman",),
    "men": ("man",),
    "photorealistic": ("realistic", "photo"),
    "photography": ("photo",),
    "photograph": ("photo",),
    "realism": ("realistic",),
    "hyperrealistic": ("realistic",),
    "scifi": ("sci", "fi"),
    "colour": ("color",),
    "grey": ("gray",),
    "armour": ("armor",),
    "manga": ("anime",),
    "feet": ("foot",),
    "teeth": ("tooth",),
}

_CJK_WORDS: dict[str, tuple[str, ...]] = {
    word: tuple(english.split())
    for word, english in (
        pair.split("=")
        for pair in """女孩=girl 少女=girl 女の子=girl 女性=woman 女人=woman 男孩=boy 少年=boy 男の子=boy 男性=man
        男人=man 美女=beautiful/woman 猫=cat 犬=dog 狗=dog 龙=dragon 龍=dragon 竜=dragon 花=flower 樱花=cherry/blossom
        桜=cherry/blossom 海=sea 天空=sky 空=sky 夜=night 城市=city 街=street 森林=forest 森=forest 山=mountain
        水墨=ink/wash 国风=chinese/style 中国风=chinese/style 汉服=hanfu 旗袍=cheongsam/qipao 和服=kimono 着物=kimono
        制服=uniform 校服=school/uniform 水手服=sailor/uniform 裙=dress 连衣裙=dress 婚纱=wedding/dress 盔甲=armor
        鎧=armor 机甲=mecha 机器人=robot 機械=mechanical 机械=mechanical 眼睛=eyes 瞳=eyes 目=eyes 头发=hair 髪=hair
        長髪=long/hair 长发=long/hair 短发=short/hair 金发=blonde/hair 金髪=blonde/hair 黑发=black/hair
        黒髪=black/hair 白发=white/hair 白髪=white/hair 红发=red/hair 微笑=smile 笑顔=smile 写实=realistic
        真实=realistic リアル=realistic 写真=photo 照片=photo 摄影=photo 动漫=anime 动画=anime 二次元=anime
        アニメ=anime 漫画=manga 插画=illustration 插图=illustration 水彩=watercolor 油画=oil/painting
        油絵=oil/painting 素描=sketch 像素=pixel 赛博朋克=cyberpunk サイバーパンク=cyberpunk 科幻=science/fiction
        奇幻=fantasy 魔法=magic 天使=angel 恶魔=demon 悪魔=demon 翅膀=wings 翼=wings 剑=sword 剣=sword 刀=katana
        雨=rain 雪=snow 月=moon 月亮=moon 太阳=sun 光=light 建筑=architecture 风景=landscape 風景=landscape 房间=room
        室内=indoors 盲盒=blindbox/chibi 手办=figure 可爱=cute 萌=cute 细节=detail 细节调整=detail/tweaker 风格=style
        画风=style 画風=style 角色=character 人物=character 服装=clothing 衣服=clothing 姿势=pose 背景=background
        丝袜=stockings 高跟鞋=high/heels 眼镜=glasses 眼鏡=glasses 耳=ears 猫耳=cat/ears 狐=fox 兔=rabbit 車=car
        汽车=car 食物=food""".replace("/", "\x00").split()
    )
    for english in (english.replace("\x00", " "),)
}
_CJK_LONGEST = max(map(len, _CJK_WORDS))


def terms(text: str, *, split_case: bool = False) -> list[str]:
    """All terms of a text in order, with repeats. ``split_case`` also splits file names such as ``CuteGirlMix4``.

    Stop words are left out; a term is 1 to 40 characters.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if split_case:
        text = _CASE.sub(" ", text)
    found: list[str] = []
    for word in _TERM.findall(text.lower()):
        found.extend(_fold(word))
    return found


@lru_cache(maxsize=65536)
def _fold(word: str) -> tuple[str, ...]:
    """One written word -> the terms it counts as."""
    if not word.isascii() and _CJK.search(word):
        return tuple(_cjk(word))
    word = word.replace("’", "'")
    if word.endswith("'s"):
        word = word[:-2]
    word = word.replace("'", "")
    if not word or word in STOP or len(word) > 40:
        return ()
    folded = _singular(word)
    return (folded, *(alias for alias in ALIASES.get(word, ()) if alias != folded))


def _singular(word: str) -> str:
    """Fold plain English plurals; wrong stems are harmless because both sides are folded alike."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def _cjk(word: str) -> list[str]:
    """Pairs of a Chinese or Japanese run, and the English tags of the longest known words in it."""
    out: list[str] = []
    for part in re.split(f"({_CJK.pattern})", word):
        if not part:
            continue
        if not _CJK.match(part):
            out.extend(_fold(part))
            continue
        out.extend([part] if len(part) == 1 else [part[at : at + 2] for at in range(len(part) - 1)])
        at = 0
        while at < len(part):
            for length in range(min(_CJK_LONGEST, len(part) - at), 0, -1):
                english = _CJK_WORDS.get(part[at : at + length])
                if english:
                    out.extend(map(_singular, english))  # as the same words of an English page are folded
                    at += length - 1
                    break
            at += 1
    return out
