"""From a node's inputs to chosen rows: the only place of the nodes that asks the core for suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..lorarec.errors import NotIndexed, UsageError
from . import capture, library
from .graph import checkpoint_name
from .resolve import stem, with_slashes
from .selection import Row
from .texts import trigger_text
from .widgets import AUTO, ROLES

if TYPE_CHECKING:
    from ..lorarec.recommender import Recommender
    from ..lorarec.types import Role, Suggestion, Suggestions

# ComfyUI's model configurations and the base model they come closest to. A weak hint, used only where the checkpoint's
# name tells nothing: families that were fine-tuned from SDXL (Pony, Illustrious) have its very class.
MODEL_CLASSES = {
    "SD15": "SD 1.5",
    "SD20": "SD 2.1",
    "SSD1B": "SSD-1B",
    "Segmind_Vega": "",
    "KOALA_700M": "",
    "KOALA_1B": "",
    "SDXL": "SDXL",
    "Stable_Cascade_C": "Stable Cascade",
    "SD3": "SD 3",
    "AuraFlow": "AuraFlow",
    "PixArtAlpha": "PixArt",
    "HunyuanDiT": "Hunyuan-DiT",
    "FluxSchnell": "Flux.1 Schnell",
    "Flux": "Flux.1",
    "Flux2": "Flux.2",
    "Chroma": "Chroma",
    "LTXV": "LTX",
    "HunyuanImage21": "HunyuanImage 2.1",
    "HunyuanVideo": "HunyuanVideo",
    "Lumina2": "Lumina 2",
    "WAN22_T2V": "Wan 2.2 5B",
    "WAN21_T2V": "Wan 2.1",
    "HiDream": "HiDream",
    "Omnigen2": "OmniGen 2",
    "QwenImage": "Qwen-Image",
}


class Choice(NamedTuple):
    """What was chosen for a prompt, with sentences for the report."""

    rows: tuple[Row, ...]
    lines: tuple[str, ...]


class NotReady(NamedTuple):
    """There is no index yet to choose from."""

    reason: str


class Wish(NamedTuple):
    """The node's inputs that decide what is suggested."""

    prompt: str
    negative: str = ""
    stack: Sequence[tuple[str, float, float]] = ()
    base_model: str | None = None
    top: int = 5
    min_score: float = 0.05
    roles: str = ""
    folders: str = ""
    safety: str = AUTO


def split_filter(text: str) -> tuple[list[str], list[str]]:
    """Split "style, -nsfw" into what is wanted and what is not; commas or lines separate."""
    parts = [part.strip() for part in text.replace("\n", ",").split(",")]
    wanted = [part for part in parts if part and not part.startswith("-")]
    return wanted, [part[1:].strip() for part in parts if part.startswith("-") and part[1:].strip()]


def check_roles(text: str) -> None:
    """Raise `UsageError` for a word that is no role."""
    for word in [part for side in split_filter(text) for part in side]:
        if word.lower() not in ROLES:
            raise UsageError(f'roles: "{word}" is no role; choose from {", ".join(ROLES)}')


def base_model_of(wish: str, prompt: Any, node_id: str | None, model: Any) -> str | None:
    """The base model to recommend for, as a base model or checkpoint name; None if nothing tells.

    What the widget says; else the file name of the checkpoint behind the MODEL link; else, where that name tells
    nothing, MODEL's class beside it.
    """
    if wish.strip() and wish.strip().lower() != AUTO:
        return wish.strip()
    name = checkpoint_name(prompt, str(node_id)) if node_id is not None else None
    family = "" if name and is_telling(name) else model_family(model)
    if name and family:
        return f"{stem(name)} {family}"
    return with_slashes(name) if name else family or None


def is_telling(checkpoint: str) -> bool:
    """Whether a checkpoint's file name tells its base model."""
    from ..lorarec.base_models import guess_checkpoint

    return guess_checkpoint(checkpoint) is not None


def model_family(model: Any) -> str:
    """Base model that a MODEL's class stands for; "" if unknown."""
    config = getattr(getattr(model, "model", None), "model_config", None)
    families = (MODEL_CLASSES[cls.__name__] for cls in type(config).__mro__ if cls.__name__ in MODEL_CLASSES)
    return next(families, "")


def choose(wish: Wish, node_id: str | None) -> Choice | NotReady:
    """Choose LoRAs for a prompt, waiting for the first index as long as the settings say."""
    shared = library.recommender()
    from msgspec.structs import replace

    from ..lorarec.types import Active, Query, Safety

    if not library.wait_until_ready(node_id):
        return NotReady(not_ready_because(shared))
    if not shared.loras():
        return NotReady("there are no LoRAs in your LoRA folders")
    wanted, unwanted = _roles(wish.roles)
    folders, without = split_filter(with_slashes(wish.folders))
    query = Query(
        prompt=wish.prompt,
        negative=wish.negative,
        active=tuple(Active(with_slashes(name), model) for name, model, _ in wish.stack),
        base_model=wish.base_model,
        roles=wanted,
        exclude_roles=unwanted,
        folders=tuple(folders),
        exclude_folders=tuple(without),
        safety=None if wish.safety == AUTO else Safety[wish.safety.upper()],
        min_score=wish.min_score,
    )
    try:
        answer = shared.recommend(query, top=wish.top)
    except NotIndexed as error:
        return NotReady(str(error))
    fitting = [one for one in answer.suggestions if one.score >= wish.min_score] if not answer.abstained else []
    lines = [line for one in fitting for line in _explain(one)]
    if fitting:
        capture.shown(query, replace(answer, suggestions=tuple(fitting)))
    else:
        lines.append("Nothing fits this prompt well enough.")
        if answer.suggestions:
            best = answer.suggestions[0]
            lines.append(f"Nearest: {best.lora} ({best.score:.2f}, wanted at least {wish.min_score:g}).")
    return Choice(tuple(_row(one) for one in fitting), (*lines, *answer.notes))


def similar(name: str, count: int, node_id: str | None) -> tuple[Suggestion, ...]:
    """The LoRAs most like an installed one.

    Raises:
        NotIndexed: the first index is not there after the wait.
        UnknownLora: the catalogue does not know the LoRA.
    """
    shared = library.recommender()
    if not library.wait_until_ready(node_id):
        raise NotIndexed(not_ready_because(shared))
    answer: Suggestions = shared.similar(with_slashes(name), top=count)
    return answer.suggestions


def not_ready_because(shared: Recommender) -> str:
    """Why there is no index: the refresh failed, or it takes longer than a node waits."""
    if shared.failure:
        return f"the LoRA folders cannot be indexed: {shared.failure}"
    seconds = f"{shared.settings.wait_seconds:g}"
    return f"the LoRA folders are not indexed yet after a wait of {seconds} s; run the workflow again soon"


def _roles(text: str) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
    from ..lorarec.types import Role

    check_roles(text)
    wanted, unwanted = split_filter(text)
    return tuple(Role(word.lower()) for word in wanted), tuple(Role(word.lower()) for word in unwanted)


def _row(one: Suggestion) -> Row:
    return Row(
        name=one.lora,
        model=round(one.strength.model, 3),
        clip=round(one.strength.clip, 3),
        fingerprint=one.fingerprint,
        partner=one.partner,
        trigger_words=tuple(trigger_text(one.trigger_words)),
    )


def _explain(one: Suggestion) -> list[str]:
    strength = one.strength
    lines = [f"{one.score:.2f}  {one.lora}  at {round(strength.model, 3):g} ({strength.source})"]
    if one.trigger_words:
        lines.append(f"      trigger words: {', '.join(one.trigger_words)}")
    lines += [f"      {reason.text}" for reason in one.reasons]
    if one.base_model_doubt:
        lines.append(f"      {one.base_model_doubt}")
    return lines
