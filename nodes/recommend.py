"""Node "Recommend LoRAs": the user's own LoRAs for a prompt, kept in the workflow so that it can be run again."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ..lorarec.errors import LorarecError, NotIndexed, UnknownLora
from . import host, library
from .graph import checkpoint_name, fill_prompt, fill_workflow
from .resolve import Resolver, with_slashes
from .selection import Row, is_blank
from .selection import dump as dump_selection
from .selection import parse as parse_selection
from .suggest import NotReady, Wish, base_model_of, check_roles, choose, is_telling
from .texts import Stack, describe, lora_tags, read_stack, trigger_text, with_trigger_words
from .widgets import ALWAYS, AUTO, EMPTY, ERROR, FILL, HIDDEN, SKIP, SOCKETS, WIDGETS

NODE_ID = "LorarecRecommend"


class RecommendLoras:
    """Chooses LoRAs for a prompt. What was chosen is written into the workflow before images are saved."""

    CATEGORY = "loaders/lorarec"
    DESCRIPTION = (
        "Finds those of your own LoRAs that fit the prompt, with strengths, trigger words and reasons. "
        "The choice is kept in the selection, so that the saved workflow gives the same image again."
    )
    SEARCH_ALIASES: ClassVar = ["lorarec", "suggest lora", "lora recommender", "auto lora", "lora finder", "lora stack"]
    RETURN_TYPES = ("LORA_STACK", "STRING", "STRING", "STRING", "STRING", "LORA_STACK")
    RETURN_NAMES = ("LORA_STACK", "prompt", "trigger_words", "lora_tags", "report", "LORA_STACK_LOW")
    OUTPUT_TOOLTIPS = (
        "The incoming stack followed by the chosen LoRAs; of a high/low noise pair the high-noise half.",
        "The prompt with the trigger words of the chosen LoRAs appended.",
        "The trigger words alone, separated by commas.",
        "The whole stack as <lora:name:strength> text for metadata; do not feed it to a text encoder.",
        "What was chosen and why.",
        "The low-noise halves of the chosen pairs (Wan 2.2), for the low-noise model.",
    )
    FUNCTION = "run"
    OUTPUT_NODE = True  # so that it shows its choice without being connected to anything

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Widgets and sockets. ComfyUI also asks on page load and on refresh: a sign to look for new files."""
        library.rescan_soon()
        optional = {name: spec for name, spec in WIDGETS.items() if name != "prompt"}
        return {
            "required": {"prompt": WIDGETS["prompt"]},
            "optional": {**optional, **SOCKETS},
            "hidden": dict(HIDDEN),
        }

    @classmethod
    def VALIDATE_INPUTS(cls, selection: str | None = None, roles: str | None = None) -> bool | str:
        """Refuse a broken selection or role before anything runs.

        Naming an input switches ComfyUI's own checks off for it, so only free texts are named.
        """
        try:
            parse_selection(selection or "")
            check_roles(roles or "")
        except LorarecError as error:
            return str(error)
        return True

    @classmethod
    def IS_CHANGED(cls, **inputs: Any) -> str:
        """Short hash of the inputs; the index counts in mode always only, else cached sampling would be lost."""
        import hashlib

        told = {name: value for name, value in inputs.items() if name in WIDGETS}
        if told.get("mode") == ALWAYS:
            shared = library.recommender()
            told["index"] = f"{shared.version}:{shared.stage}"
        elif told.get("not_ready") == EMPTY and _must_choose(told) and not library.is_ready():
            told["index"] = "not ready"  # an empty answer must not be kept once there is an index
        text = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def check_lazy_status(self, **inputs: Any) -> list[str]:
        """Ask for the model to be loaded only if a choice is due and the checkpoint's name does not tell its base."""
        wish = str(inputs.get("base_model", AUTO)).strip().lower()
        if "model" not in inputs or inputs["model"] is not None or wish not in ("", AUTO) or not _must_choose(inputs):
            return []
        name = checkpoint_name(inputs.get("graph"), str(inputs.get("unique_id")))
        return [] if name and is_telling(name) else ["model"]

    def run(
        self,
        prompt: str,
        mode: str = FILL,
        selection: str = "",
        negative: str = "",
        base_model: str = AUTO,
        count: int = 5,
        min_score: float = 0.05,
        roles: str = "",
        folders: str = "",
        safety: str = AUTO,
        missing: str = ERROR,
        not_ready: str = ERROR,
        lora_stack: Any = None,
        model: Any = None,
        graph: Any = None,
        extra_pnginfo: Any = None,
        unique_id: str | None = None,
    ) -> dict[str, Any]:
        """Choose or read the selection, and turn it into a stack, a prompt and a report.

        Raises:
            UsageError: the selection or a filter cannot be read.
            UnknownLora: a LoRA of the selection is not installed and ``missing`` is "error".
            NotIndexed: there is no index yet and ``not_ready`` is "error".
        """
        incoming = read_stack(lora_stack)
        ui: dict[str, list[str]] = {}
        lines: list[str] = []
        if mode == ALWAYS or (mode == FILL and is_blank(selection)):
            told = base_model_of(base_model, graph, unique_id, model)
            wish = Wish(prompt, negative, incoming, told, count, min_score, roles, folders, safety)
            choice = choose(wish, unique_id)
            if isinstance(choice, NotReady):
                if not_ready == ERROR:
                    raise NotIndexed(choice.reason)
                rows: list[Row] = []
                lines = [f"No LoRAs: {choice.reason}."]
            else:
                rows, lines = list(choice.rows), list(choice.lines)
                text = dump_selection(rows)
                ui["selection"] = [text]
                remember(text, graph, extra_pnginfo, unique_id)
        else:
            rows = parse_selection(selection)
            lines = [_line(row) for row in rows] or ["The selection is empty."]
        stack, low, words, warnings = assemble(rows, missing)
        twice = {name for name, _, _ in incoming} & {name for name, _, _ in stack}
        warnings += [f"{with_slashes(name)} is in the incoming stack as well" for name in sorted(twice)]
        for warning in warnings:
            host.warn(warning)
        report = "\n".join([*lines, *(f"Warning: {warning}" for warning in warnings)])
        ui["text"] = [report]
        everything = incoming + stack
        result = (
            everything,
            with_trigger_words(prompt, words),
            ", ".join(words),
            lora_tags(everything),
            report,
            low,
        )
        return {"ui": ui, "result": result}


def assemble(rows: list[Row], missing: str) -> tuple[Stack, Stack, list[str], list[str]]:
    """Resolve the rows that are on: main stack, low-noise stack, trigger words, warnings."""
    stack: Stack = []
    low: Stack = []
    words: list[str] = []
    warnings: list[str] = []
    used = [row for row in rows if row.on]
    names = host.lora_names() if used else []
    resolver = Resolver(names, library.ContentIndex(names))
    for row in used:
        files = [(stack, row.name, row.fingerprint)] + ([(low, row.partner, "")] if row.partner else [])
        for target, name, fingerprint in files:
            try:
                target.append((resolver.resolve(name, fingerprint), row.model, row.clip))
            except UnknownLora as error:
                if missing == ERROR:
                    raise UnknownLora(f'{error} or set missing to "{SKIP}"') from None
                warnings.append(f"left out: {error}")
            else:
                words += row.trigger_words
    return stack, low, trigger_text(words), warnings


def remember(text: str, graph: Any, extra_pnginfo: Any, node_id: str | None) -> None:
    """Write a computed selection where image savers will find it.

    That is the workflow as the browser sent it, the API graph (all there is in a call without a browser), and a
    field of its own in the image's metadata.
    """
    if node_id is None:
        return
    fill_prompt(graph, str(node_id), "selection", text)
    if not isinstance(extra_pnginfo, dict):
        return
    position = list(WIDGETS).index("selection")
    fill_workflow(extra_pnginfo.get("workflow"), str(node_id), NODE_ID, "selection", position, text)
    ours = extra_pnginfo.setdefault("lorarec", {})
    if isinstance(ours, dict):
        ours[str(node_id)] = {"selection": json.loads(text)}


def _must_choose(inputs: dict[str, Any]) -> bool:
    mode = inputs.get("mode", FILL)
    return mode == ALWAYS or (mode == FILL and is_blank(inputs.get("selection") or ""))


def _line(row: Row) -> str:
    text = describe(row.name, row.model, row.clip)
    if row.trigger_words:
        text += f"  ({', '.join(row.trigger_words)})"
    return text if row.on else f"off: {text}"
