"""Base models: canonical names, the many ways tools write them, and which of them a LoRA fits.

A LoRA fits a checkpoint of the same architecture to a degree that depends on how far the two were trained apart; on
another architecture its tensors do not apply at all. Names follow Civitai where it has one, shortened ("SDXL",
"Flux.1").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .types import BaseModelGuess

# architecture -> canonical names; the first one is meant where only the architecture is known
ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "sd1": ("SD 1.5", "SD 1.4"),
    "sd2": ("SD 2.1", "SD 2.0"),
    "sdxl": ("SDXL", "Illustrious", "Pony", "NoobAI"),
    "ssd": ("SSD-1B",),
    "cascade": ("Stable Cascade",),
    "sd3": ("SD 3",),
    "sd35l": ("SD 3.5",),
    "sd35m": ("SD 3.5 Medium",),
    "flux1": ("Flux.1", "Flux.1 Schnell", "Flux.1 Krea", "Flux.1 Kontext", "Flux.1 Fill", "Chroma"),
    "flux2": ("Flux.2",),
    "flux2-4b": ("Flux.2 Klein 4B",),
    "flux2-9b": ("Flux.2 Klein 9B",),
    "auraflow": ("AuraFlow", "Pony V7"),
    "qwen": ("Qwen-Image", "Qwen-Image-Edit"),
    "zimage": ("Z-Image", "Z-Image Turbo"),
    "wan14": ("Wan 2.1", "Wan 2.2"),
    "wan1": ("Wan 2.1 1.3B",),
    "wan5": ("Wan 2.2 5B",),
    "hyvid": ("HunyuanVideo", "FramePack"),
    "hyvid15": ("HunyuanVideo 1.5",),
    "hydit": ("Hunyuan-DiT",),
    "hyimage": ("HunyuanImage 2.1",),
    "lumina": ("Lumina 2", "NetaYume"),
    "ltx": ("LTX",),
    "ltx2": ("LTX 2",),
    "hidream": ("HiDream",),
    "kolors": ("Kolors",),
    "pixart": ("PixArt",),
    "playground": ("Playground v2",),
    "mochi": ("Mochi",),
    "cogvideo": ("CogVideoX",),
    "svd": ("Stable Video Diffusion",),
    "omnigen": ("OmniGen 2",),
    "anima": ("Anima",),
    "kandinsky5": ("Kandinsky 5",),
    "cosmos": ("Cosmos",),
}
_ARCHITECTURE = {name: key for key, names in ARCHITECTURES.items() for name in names}
NAMES: tuple[str, ...] = tuple(_ARCHITECTURE)

# Spellings of Civitai, kohya, musubi, ai-toolkit, OneTrainer, ModelSpec, A1111, Forge, InvokeAI; letters and digits
# only.
_ALIASES: dict[str, str] = {
    "SD 1.5": "sd1 sdv1 sd15 sd1x sd15lcm sd15hyper stablediffusion1 stablediffusionv1 stablediffusion15 "
    "stablediffusionv15 v15 sd1512",
    "SD 1.4": "sd14 stablediffusion14 stablediffusionv14",
    "SD 2.1": "sd2 sdv2 sd21 sd21768 sd21unclip sd2x sdv2768v stablediffusion2 stablediffusionv2 "
    "stablediffusionv2512 stablediffusionv2768v "
    "stablediffusion21 sd2512 sd2768",
    "SD 2.0": "sd20 sd20768 stablediffusion20",
    "SDXL": "xl sdxl10 sdxl09 sdxl1 sdxlbase sdxlbasev09 sdxlbasev10 sdxl10lcm sdxldistilled sdxlturbo "
    "sdxllightning sdxlhyper sdxlrefiner "
    "stablediffusionxl stablediffusionxlv1 stablediffusionxlv1base stablediffusionxlv09 stablediffusionxlbase",
    "Illustrious": "illustriousxl illustriousxlv01 illustriousxl10 illust ilxl illustriousv01",
    "Pony": "ponyxl ponyv6 ponyv6xl ponydiffusion ponydiffusionv6 ponydiffusionv6xl pdxl",
    "NoobAI": "noob noobai noobaixl noobxl noobaixlvpred noobaivpred",
    "SSD-1B": "ssd1b segmindssd1b",
    "Stable Cascade": "cascade stablecascade wuerstchen",
    "SD 3": "sd3 sd3medium sd3m stablediffusion3 stablediffusion3medium sd32b",
    "SD 3.5": "sd35 sd35large sd35l sd35largeturbo stablediffusion35 stablediffusion35large sd3large",
    "SD 3.5 Medium": "sd35medium sd35m stablediffusion35medium sd3medium35",
    "Flux.1": "flux flux1 flux1d flux1dev fluxdev fluxd flux1ddev fluxdev1",
    "Flux.1 Schnell": "flux1s flux1schnell fluxschnell fluxs",
    "Flux.1 Krea": "flux1krea flux1kreadev fluxkrea",
    "Flux.1 Kontext": "flux1kontext flux1kontextdev fluxkontext kontext",
    "Flux.1 Fill": "flux1fill flux1filldev fluxfill",
    "Chroma": "chroma chroma1 chroma1hd chroma1base chromahd chromaradiance",
    "Flux.2": "flux2 flux2d flux2dev",
    "Flux.2 Klein 4B": "flux2klein4b flux2klein4bbase flux24b fluxklein4b",
    "Flux.2 Klein 9B": "flux2klein9b flux2klein9bbase flux29b flux2klein fluxklein9b fluxklein",
    "AuraFlow": "auraflow auraflowv1 aura",
    "Pony V7": "ponyv7",
    "Qwen-Image": "qwen qwenimage qwen2 qwenimage2 qwenimage2512 qwenimage1",
    "Qwen-Image-Edit": "qwenimageedit qwenedit qwenimageeditplus qwenimageedit2509 qwenimageedit2511 qwenedit2509 "
    "qwenedit2511",
    "Z-Image": "zimage zimagebase zimagedeturbo zimagede zimageomni",
    "Z-Image Turbo": "zimageturbo zit",
    "Wan 2.1": "wan wan21 wanvideo wanvideo14b wan2114b wan21t2v wan21i2v wan21t2v14b wan21i2v14b "
    "wan21i2v14b480p wan21i2v14b720p "
    "wanvideo14bt2v wanvideo14bi2v480p wanvideo14bi2v720p wan2114bt2v wan2114bi2v wan14b",
    "Wan 2.1 1.3B": "wan2113b wanvideo13bt2v wan21t2v13b wan13b wanvideo13b",
    "Wan 2.2": "wan22 wan2214b wan2214bt2v wan2214bi2v wanvideo22t2va14b wanvideo22i2va14b wan22t2v14b "
    "wan22i2v14b wan22a14b wanvideo22 "
    "wan22t2va14b wan22i2va14b",
    "Wan 2.2 5B": "wan225b wan22ti2v5b wanvideo22ti2v5b wan225bti2v",
    "HunyuanVideo": "hunyuanvideo hyvideo hyvid hunyuanvideot2v hunyuanvideoi2v hunyuanvideo10",
    "HunyuanVideo 1.5": "hunyuanvideo15 hv15",
    "FramePack": "framepack fpackhunyuan framepackf1",
    "Hunyuan-DiT": "hunyuan1 hunyuandit",
    "HunyuanImage 2.1": "hunyuanimage hunyuanimage21",
    "Lumina 2": "lumina lumina2 luminaimage20",
    "NetaYume": "neta netayume netalumina netayumelumina",
    "LTX": "ltx ltxv ltxvideo ltxv095 ltxv13b ltxvideo097",
    "LTX 2": "ltx2 ltxv2 ltx23 ltxv23 ltx219b ltx2322b",
    "HiDream": "hidream hidreami1 hidreamfull hidreame1 hidreami1full hidreami1dev",
    "Kolors": "kolors kwaikolors",
    "PixArt": "pixart pixarta pixarte pixartalpha pixartsigma",
    "Playground v2": "playground playgroundv2 playgroundv25",
    "Mochi": "mochi mochi1",
    "CogVideoX": "cogvideo cogvideox",
    "Stable Video Diffusion": "svd svdxt stablevideodiffusion",
    "OmniGen 2": "omnigen omnigen2",
    "Anima": "anima",
    "Kandinsky 5": "kandinsky5 kandinsky",
    "Cosmos": "cosmos cosmospredict2",
}
_SQUEEZE = re.compile(r"[^a-z0-9]+")
_BY_KEY: dict[str, str] = {_SQUEEZE.sub("", name.lower()): name for name in NAMES}
for _name, _spellings in _ALIASES.items():
    for _spelling in _spellings.split():
        _BY_KEY.setdefault(_spelling, _name)

# Degrees of fit inside one architecture. Estimates: Pony was trained far from SDXL, Illustrious and NoobAI are close to
# each other.
_NEAR: dict[frozenset[str], float] = {
    frozenset(pair): fit
    for *pair, fit in (
        ("SD 1.5", "SD 1.4", 0.95),
        ("SD 2.1", "SD 2.0", 0.9),
        ("Illustrious", "NoobAI", 0.88),
        ("Illustrious", "Pony", 0.45),
        ("NoobAI", "Pony", 0.4),
        ("SDXL", "Illustrious", 0.5),
        ("SDXL", "NoobAI", 0.4),
        ("SDXL", "Pony", 0.4),
        ("Flux.1", "Flux.1 Krea", 0.85),
        ("Flux.1", "Flux.1 Kontext", 0.75),
        ("Flux.1", "Flux.1 Schnell", 0.75),
        ("Wan 2.1", "Wan 2.2", 0.75),
        ("Qwen-Image", "Qwen-Image-Edit", 0.8),
        ("Z-Image", "Z-Image Turbo", 0.85),
        ("HunyuanVideo", "FramePack", 0.75),
    )
}
_NEAR_DEFAULT = 0.4  # the same architecture, nothing else known
_SAME = 0.98
_OTHER_ARCHITECTURE = 0.01
_UNKNOWN_MASS = 0.4  # fit of the part of a distribution that names no base model

_P = re.compile
# First match wins. Searched in the lower-case name with "_", "-", "." and spaces turned into "-", and with
# ".safetensors" cut off.
_CHECKPOINTS: tuple[tuple[re.Pattern[str], str, float], ...] = (
    (_P(r"flux-?2-?klein-?4b|klein-?4b"), "Flux.2 Klein 4B", 0.97),
    (_P(r"flux-?2-?klein|klein-?9b"), "Flux.2 Klein 9B", 0.9),
    (_P(r"flux-?2(?!\d)"), "Flux.2", 0.95),
    (_P(r"kontext"), "Flux.1 Kontext", 0.95),
    (_P(r"flux.*krea|krea.*flux"), "Flux.1 Krea", 0.93),
    (_P(r"flux.*schnell"), "Flux.1 Schnell", 0.93),
    (_P(r"flux.*fill"), "Flux.1 Fill", 0.9),
    (_P(r"flux"), "Flux.1", 0.92),
    (_P(r"(?:^|-)chroma(?!.*xl)(?:-|\d|$)"), "Chroma", 0.85),
    (_P(r"qwen.*edit"), "Qwen-Image-Edit", 0.95),
    (_P(r"qwen"), "Qwen-Image", 0.93),
    (_P(r"z-?image.*turbo|(?:^|-)zit(?:-|$)"), "Z-Image Turbo", 0.95),
    (_P(r"z-?image"), "Z-Image", 0.93),
    (_P(r"wan-?(?:video-?)?2-?2.*(?<!\d)5b"), "Wan 2.2 5B", 0.95),
    (_P(r"wan-?(?:video-?)?2-?2"), "Wan 2.2", 0.95),
    (_P(r"wan-?(?:video)?.*(?<!\d)1-?3b"), "Wan 2.1 1.3B", 0.95),
    (_P(r"wan-?(?:video-?)?2-?1|(?:^|-)wan-?(?:video|14b|t2v|i2v)"), "Wan 2.1", 0.93),
    (_P(r"framepack"), "FramePack", 0.95),
    (_P(r"hunyuan-?video-?1-?5"), "HunyuanVideo 1.5", 0.95),
    (_P(r"hunyuan-?image"), "HunyuanImage 2.1", 0.9),
    (_P(r"hunyuan-?dit"), "Hunyuan-DiT", 0.9),
    (_P(r"hunyuan|hyvid"), "HunyuanVideo", 0.8),
    (_P(r"(?:^|-)ltx(?:v|-video)?-?2(?:-|$)"), "LTX 2", 0.92),
    (_P(r"(?:^|-)ltx"), "LTX", 0.92),
    (_P(r"hidream"), "HiDream", 0.95),
    (_P(r"neta-?(?:yume|lumina)"), "NetaYume", 0.9),
    (_P(r"lumina"), "Lumina 2", 0.85),
    (_P(r"pony.*v7|aura-?flow"), "Pony V7", 0.6),
    (_P(r"cosmos-?predict"), "Cosmos", 0.9),
    (_P(r"pixart"), "PixArt", 0.93),
    (_P(r"kolors"), "Kolors", 0.93),
    (_P(r"stable-?cascade"), "Stable Cascade", 0.93),
    (_P(r"(?:sd|diffusion)-?3-?5.*medium|sd35m"), "SD 3.5 Medium", 0.95),
    (_P(r"(?:sd|diffusion)-?3-?5"), "SD 3.5", 0.93),
    (_P(r"(?:^|-)sd-?3(?:-|$)|diffusion-?3"), "SD 3", 0.9),
    (_P(r"noob"), "NoobAI", 0.92),
    (
        _P(
            r"il?lustrious|(?:^|-)il?lust(?:-|mix|$)|illus(?:xl|-|$)|wai-?(?:nsfw-?)?(?:ill|il-)|(?:^|-)ilxl|(?:^"
            r"|-)il-?v?\d|(?:^|-)il(?:-|$)|-ilv"
        ),
        "Illustrious",
        0.9,
    ),
    (_P(r"(?<!little-)pony|pdxl|autismmix|score-?9"), "Pony", 0.9),
    (_P(r"novaanime-?xl|hassaku-?xl|prefectillu|plantmilk|obsession.*xl|janku"), "Illustrious", 0.75),
    (_P(r"sdxl|sd-?xl|stable-?diffusion-?xl"), "SDXL", 0.85),
    (_P(r"xl(?:-|\d|v\d|turbo|lightning|vae|base|$)|(?:^|-)xl"), "SDXL", 0.75),
    (
        _P(r"(?:^|-)(?:sd-?)?v?2-?1(?:-768|-512|-ema|-nonema|-base|$)|sd-?2(?:-?1|-?0)?(?:-|$)|768-?v?-?ema|wd-?1-?5"),
        "SD 2.1",
        0.85,
    ),
    (_P(r"sd-?(?:v)?1-?4|v1-4"), "SD 1.4", 0.9),
    (_P(r"sd-?v?1-?5|(?:^|-)v?1-5(?:-|$)|v1-?5-?(?:pruned|ema)|(?:^|-)sd-?1(?:-|$)|sd15"), "SD 1.5", 0.93),
    (
        _P(
            r"anything-?v?[345]|^anything|animefull|novelai|(?:^|-)nai(?:-|$)|any-?lora|abyss-?orange|(?:^"
            r"|-)aom[23]|orangemix|chillout"
            r"|majicmix|counterfeit|meina(?:mix|hentai|pastel|unreal)|rev-?animated|deliberate|dreamshaper"
            r"|epic-?realism|realistic-?vision"
            r"|cyber-?realistic|pastel-?mix|ghostmix|lyriel|absolutereality|toonyou|perfectworld|dark-?sushi"
            r"|henmix|cetus-?mix"
            r"|openjourney|protogen|basil-?mix|grapefruit|7th-?anime|hassaku|dalcefo|camelliamix|f222"
            r"|analog-?diffusion|epicphotogasm"
        ),
        "SD 1.5",
        0.8,
    ),
    (_P(r"animagine|juggernaut|zavychroma|realvis|nightvision|proteus|kohaku"), "SDXL", 0.7),
)
# Training services name the checkpoint by its Civitai version id or are recognised by the file's SHA-256.
_KNOWN_FILES = {
    "290640": "Pony",
    "889818": "Illustrious",
    "128078": "SDXL",
    "126601": "SDXL",
    "691639": "Flux.1",
    "618692": "Flux.1",
    "67ab2fd8ec439a89b3fedb15cc65f54336af163c7eb5e4f2acc98f090a29b0b3": "Pony",
    "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b": "SDXL",
    "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa": "SD 1.5",
}
_EXTENSION = re.compile(r"\.(?:safetensors|ckpt|pt|bin|gguf|sft|pth)$", re.I)
_SEPARATORS = re.compile(r"[\s_.\-,:;()\[\]{}+|]+")
_NO_EVIDENCE = frozenset({"", "other", "unknown", "none", "any", "null", "upscaler", "na"})
_TAILS = re.compile(r"(?:lora|locon|lycoris|adapter|base|dev|fp8|bf16|fp16|gguf|pruned|full)$")


def architecture(name: str) -> str:
    """The architecture of a canonical name, e.g. "sdxl"; "" if the name is not canonical."""
    return _ARCHITECTURE.get(name, "")


@lru_cache(maxsize=4096)
def canonical(text: str) -> str | None:
    """Canonical name of a base model as any tool writes it, or None ("Other" and "Unknown" are None).

    Understands Civitai's ``baseModel``, ``ss_base_model_version``, ``modelspec.architecture`` and A1111's ``sd
    version``, not checkpoint file names: for those see `guess_checkpoint`.
    """
    text = text[:200].lower().partition("/")[0]
    key = _SQUEEZE.sub("", text)
    if key in _NO_EVIDENCE:
        return None
    while key:
        if name := _BY_KEY.get(key):
            return name
        shorter = _TAILS.sub("", key)
        if shorter == key:
            break
        key = shorter
    # "wan2.1:14b", "qwen_image:2", "zimage:turbo"
    head, colon, _ = text.partition(":")
    return canonical(head) if colon and head else None


def named(text: str | None) -> str:
    """Canonical base model that the name of a base model or checkpoint tells, "" if it tells none."""
    if not text:
        return ""
    guess = None if canonical(text) else guess_checkpoint(text)
    return canonical(text) or (guess.name if guess else "")


@lru_cache(maxsize=4096)
def guess_checkpoint(name: str) -> BaseModelGuess | None:
    """Guess the base model of a checkpoint from its file name, title, SHA-256 or Civitai version id; None if nothing in
    it tells.

    The probability is how often such a name is right; it is an estimate, since authors name files as they like.
    """
    evidence = f"checkpoint name {name[:80]}"
    stem = _EXTENSION.sub("", name[-300:].replace("\\", "/").rsplit("/", 1)[-1].strip())
    if known := _KNOWN_FILES.get(stem.lower()):
        return BaseModelGuess(known, 0.97, evidence)
    if exact := canonical(stem):
        return BaseModelGuess(exact, 0.97, evidence)
    text = _SEPARATORS.sub("-", stem.lower()).strip("-")
    for pattern, base, probability in _CHECKPOINTS:
        if pattern.search(text):
            return BaseModelGuess(base, probability, evidence)
    return None


def compatibility(lora: str, wanted: str) -> float:
    """Probability 0..1 that a LoRA made for one canonical base model works with another."""
    if lora == wanted:
        return _SAME
    if architecture(lora) != architecture(wanted) or not architecture(lora):
        return _OTHER_ARCHITECTURE
    return _NEAR.get(frozenset((lora, wanted)), _NEAR_DEFAULT)


def fit(loras: Sequence[BaseModelGuess], wanted: str) -> float | None:
    """Probability 0..1 that a LoRA works with the wanted base model; None if either is unknown.

    ``loras`` is the distribution over the LoRA's base models, ``wanted`` a base model or checkpoint name. A LoRA whose
    metadata names another architecture gets at most 0.05.
    """
    name = canonical(wanted)
    target = BaseModelGuess(name, 1.0, "") if name else guess_checkpoint(wanted)
    if target is None or not loras:
        return None
    known = min(1.0, sum(guess.probability for guess in loras))
    if known <= 0:
        return None
    matched = sum(guess.probability * compatibility(guess.name, target.name) for guess in loras)
    value = matched + (1 - known) * _UNKNOWN_MASS
    # A doubtful checkpoint name is in doubt among its relatives ("...XL" may be Pony), hardly ever about the
    # architecture.
    related = sum(guess.probability for guess in loras if architecture(guess.name) == architecture(target.name))
    doubtful = related * _NEAR_DEFAULT + (known - related) * _OTHER_ARCHITECTURE + (1 - known) * _UNKNOWN_MASS
    return min(1.0, target.probability * value + (1 - target.probability) * doubtful)
