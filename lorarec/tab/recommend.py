"""Suggestions for a prompt: as a table and as pictures, with the text to add to the prompt for the chosen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from msgspec import to_builtins

from .. import base_models
from ..api import feedback, suggestions
from ..api.feedback import Did, Seen, ShownOne
from ..api.fields import RoleName
from ..api.suggestions import Answer, Ask
from ..api.wire import decode_body, encode
from ..errors import UsageError
from ..settings import OPTIONS, Settings
from . import markup, prompts
from .compat import Ui
from .details import Details
from .markup import Html, tag
from .results import Chosen, level, result_table
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

DIALS = ("top", "min_score", "diversity", "explore")
ROLES = get_args(RoleName)


def build(ui: Ui, context: Context) -> None:
    """Make the sub-tab."""
    say = ui.say
    with ui.make("Row", equal_height=False):
        with ui.make("Column", scale=2, min_width=300):
            asked = _form(ui)
            go = ui.make("Button", "recommend_go", value=say("suggest"), variant="primary")
        with ui.make("Column", scale=5, min_width=320):
            note = ui.note("recommend")
            table = ui.html("recommend_table", tag("p", say("recommend_hint"), class_="lrt-empty"))
    blur = asked["blur"]
    chosen = Chosen(ui, context, "recommend", blur)
    with ui.make("Row"):
        buttons = {
            kind: ui.make("Button", f"recommend_{kind}", value=say(kind), size="sm")
            for kind in ("like", "hide", "dismiss")
        }
    details = Details(ui, context, "recommend", blur)
    names = tuple(asked)
    shown = [table, *chosen.outputs, note]

    def suggest(*values: Any) -> Any:
        given = dict(zip(names, values, strict=True))
        answer = suggestions.suggest(context, question(given, say))
        impression = seen(context, given["prompt"], answer)
        drawn = result_table(answer, context, details.link, given["blur"], say)
        return [drawn, *chosen.filled(answer, given["prompt"], given["blur"], impression), _remarks(answer, ui)]

    ui.on(go.click, suggest, list(asked.values()), shown)
    for kind, button in buttons.items():

        def tell(state: Any, ids: list[str], *values: Any, kind: Any = kind) -> Any:
            if not ids:
                raise UsageError(say("choose_first"))
            for id_ in ids:
                prompt, impression = (state or {}).get("prompt", ""), (state or {}).get("impression")
                feedback.did(context, Did(kind=kind, lora=id_, prompt=prompt, impression=impression))
            names_ = ", ".join(context.lora(id_).name for id_ in ids)
            done = markup.note(say(f"{kind}_done", names=names_), "good")
            *again, remarks = suggest(*values)
            return [*again, markup.join((done, remarks))]

        ui.on(button.click, tell, [chosen.state, chosen.ids, *asked.values()], shown)


def _form(ui: Ui) -> dict[str, Any]:
    """The fields of the question, by name."""
    say = ui.say
    form: dict[str, Any] = {
        "prompt": ui.make(
            "Textbox",
            "recommend_prompt",
            label=say("prompt"),
            lines=4,
            max_lines=16,
            placeholder=say("prompt_placeholder"),
        ),
        "base_model": ui.make(
            "Dropdown",
            "recommend_base_model",
            label=say("base_model"),
            info=say("base_model_help"),
            choices=["", *base_models.NAMES],
            value="",
            allow_custom_value=True,
        ),
    }
    with ui.make("Accordion", "recommend_more", label=say("more_about_prompt"), open=False):
        form["negative"] = ui.make("Textbox", "recommend_negative", label=say("negative"), lines=2)
        form["active"] = ui.make(
            "Textbox", "recommend_active", label=say("active"), info=say("active_help"), lines=1, max_lines=6
        )
    with ui.make("Accordion", "recommend_which", label=say("which"), open=False):
        choices = [(say(f"role_{name}"), name) for name in ROLES]
        for name in ("roles", "exclude_roles"):
            form[name] = ui.make(
                "Dropdown", f"recommend_{name}", label=say(name), choices=choices, value=[], multiselect=True
            )
        for name in ("folders", "exclude_folders"):
            form[name] = ui.make("Textbox", f"recommend_{name}", label=say(name), info=say("folders_help"), max_lines=4)
        levels = [(say(f"safety_{name}"), name) for name in OPTIONS["safety"].choices]
        form["safety"] = ui.make("Dropdown", "recommend_safety", label=say("safety_most"), choices=levels, value="auto")
        form["blur"] = level(ui, "recommend_blur")
    with ui.make("Accordion", "recommend_dials", label=say("dials"), open=False):
        form["own"] = ui.make("Checkbox", "recommend_own", label=say("own_dials"), value=False)
        usual = Settings()
        form["top"] = ui.make(
            "Slider", "recommend_top", label=say("top"), minimum=1, maximum=100, step=1, value=usual.top
        )
        for name in DIALS[1:]:
            option = OPTIONS[name]
            form[name] = ui.make(
                "Slider",
                f"recommend_{name}",
                label=say(name),
                info=say(f"setting_{name}_help"),
                minimum=option.low,
                maximum=option.high,
                step=0.01,
                value=getattr(usual, name),
            )
        form["collapse"] = ui.make("Checkbox", "recommend_collapse", label=say("collapse"), value=usual.collapse)
    return form


def question(given: dict[str, Any], say: Say) -> Ask:
    """The form as the API takes it; dials count only where the user set them here.

    Raises:
        UsageError: there is no prompt.
        Refused: a value is out of bounds.
    """
    if not (given["prompt"] or "").strip():
        raise UsageError(say("prompt_first"))
    asked: dict[str, Any] = {name: given[name] or "" for name in ("prompt", "negative", "base_model")}
    asked["active"] = [to_builtins(one) for one in prompts.active(given["active"] or "")]
    asked["roles"], asked["exclude_roles"] = given["roles"] or [], given["exclude_roles"] or []
    for name in ("folders", "exclude_folders"):
        asked[name] = [part.strip() for part in (given[name] or "").replace("\n", ",").split(",") if part.strip()]
    asked["safety"] = None if given["safety"] in (None, "auto") else given["safety"]
    if given["own"]:
        asked.update({name: given[name] for name in (*DIALS, "collapse")})
        asked["top"] = None if given["top"] is None else int(given["top"])
    return decode_body(encode(asked), Ask)


def seen(context: Context, prompt: str, answer: Answer) -> int | None:
    """Remember that the user saw an answer; its number, where the history takes it."""
    if not answer.suggestions:
        return None
    shown = tuple(ShownOne(id=one.id, score=one.score, propensity=one.propensity) for one in answer.suggestions[:200])
    active = tuple(one.id for one in answer.active if one.id)
    return feedback.seen(context, Seen(prompt=prompt, shown=shown, active=active)).number


def _remarks(answer: Answer, ui: Ui) -> Html:
    say = ui.say
    found = [markup.notes(map(say.told, answer.notes))]
    if not answer.suggestions:
        found.insert(0, markup.note(say("none"), "warning"))
    elif answer.abstained:
        found.insert(0, markup.note(say("nothing"), "warning"))
    return markup.join(found)
