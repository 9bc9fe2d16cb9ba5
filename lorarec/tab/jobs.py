"""Long work as the page shows it: a progress bar, a report, a button that starts it and one that stops it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..api import work
from ..api.fields import Nothing
from ..jobs import JobState
from ..readable import minute
from . import markup
from .compat import Ui
from .markup import Html, Part, tag
from .texts import TEXTS, Say

if TYPE_CHECKING:
    from ..api.context import Context

PROBLEMS = 20  # of a report


class JobView:
    """One job: its state with the buttons to start, stop and refresh it."""

    def __init__(self, ui: Ui, context: Context, job: str, above: Callable[[], Part] = lambda: "") -> None:
        """Make it inside the current sub-tab.

        Args:
            ui: the page.
            context: of the API.
            job: its name in the API.
            above: what is shown above its state, drawn anew each time.
        """
        say = ui.say
        self._context, self._job, self._above, self._say = context, job, above, say
        name = f"job_{job}"
        note = ui.note(name)
        self.place = ui.html(f"{name}_state")
        with ui.make("Row"):
            start = ui.make("Button", f"{name}_start", value=label(say, job, "start"), variant="primary", size="sm")
            stop = ui.make("Button", f"{name}_stop", value=say("stop"), size="sm")
            again = ui.make("Button", f"{name}_refresh", value=say("refresh"), size="sm")
        self.outputs = [self.place, note]
        ui.on(start.click, lambda: self._after(work.start), [], self.outputs)
        ui.on(stop.click, lambda: self._after(work.cancel), [], self.outputs)
        ui.on(again.click, self.shown, [], self.outputs, quiet=True)
        self._watch = (ui, f"{name}_state", f"{name}_refresh")
        self.poll(start.click)

    def poll(self, event: Any) -> None:
        """Follow the job from an event on."""
        ui, state, button = self._watch
        ui.poll(event, state, button)

    def shown(self) -> Any:
        """Values of `outputs`."""
        return self._drawn(work.job(self._context, self._job, Nothing())), ""

    def _after(self, act: Callable[[Any, str, Nothing], JobState]) -> Any:
        return self._drawn(act(self._context, self._job, Nothing())), ""

    def _drawn(self, state: JobState) -> Html:
        return markup.join((self._above(), job(state, self._say)))


def label(say: Say, job: str, what: str) -> str:
    """A text about a job; one that the API offers and this file does not know gets a plain one."""
    own = f"{job}_{what}"
    return say(own) if own in TEXTS else say(f"job_{what}", job=job) if f"job_{what}" in TEXTS else ""


def job(state: JobState, say: Say) -> Html:
    """How a job stands."""
    head = tag("b", say(f"state_{state.state}"))
    if state.ended is not None:
        head = markup.join((head, " · ", minute(state.ended)))
    parts: list[Part] = [tag("p", head)]
    if state.active:
        parts.append(_bar(state, say))
    if state.error and state.state == "failed":
        parts.append(markup.note(say.told(state.error), "error"))
    if state.report and not state.active:
        parts.append(_report(state.report, say))
    return tag("div", *parts, class_="lrt-job", data_active="true" if state.active else "false", aria_live="polite")


def _bar(state: JobState, say: Say) -> Html:
    step = state.progress
    if step is None:
        return tag("div", tag("span", class_="lrt-moving"), class_="lrt-progress", role="progressbar")
    stage = _known(say, f"step_{step.stage}", step.stage)
    share = min(step.done / step.total, 1.0) if step.total else None
    if share is None:
        said = say("progress_open", stage=stage, done=f"{step.done:,}")
    else:
        said = say("progress", stage=stage, done=f"{step.done:,}", total=f"{step.total:,}")
    if step.seconds_left is not None:
        said += f" · {say('seconds_left', seconds=round(step.seconds_left))}"
    width = {"class_": "lrt-moving"} if share is None else {"style": f"width:{100 * share:.1f}%"}
    percent = None if share is None else f"{100 * share:.0f}"
    bar = tag(
        "div",
        tag("span", **width),
        class_="lrt-progress",
        role="progressbar",
        aria_valuenow=percent,
        aria_valuemin="0",
        aria_valuemax="100",
        aria_label=stage,
    )
    return markup.join((bar, tag("p", said, " ", tag("span", step.note, class_="lrt-dim"))))


def _report(report: dict[str, Any], say: Say) -> Html:
    """A report of any job: its figures, then its problems."""
    shown = {name: _figure(value) for name, value in report.items() if name != "more_problems"}
    figures = tag(
        "p", " · ".join(f"{_known(say, f'figure_{name}', name)} {value}" for name, value in shown.items() if value)
    )
    problems: Sequence[dict[str, Any]] = report.get("problems") or ()
    lines = [tag("li", _problem(one)) for one in problems[:PROBLEMS]]
    if not lines:
        return figures
    count = len(problems) + int(report.get("more_problems") or 0)
    return markup.join((figures, markup.more(say("problems", count=count), tag("ul", *lines))))


def _known(say: Say, name: str, otherwise: str) -> str:
    """A text, or a plain word for what this file does not know."""
    return say(name) if name in TEXTS else otherwise.replace("_", " ")


def _figure(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dict) and "most" in value:  # LoRAs that could not be linked, see `Names`
        return _figure(value["uses"] or None)
    if isinstance(value, dict):
        return ", ".join(f"{key} {amount}" for key, amount in value.items())
    return value if isinstance(value, str) else ""


def _problem(one: Any) -> str:
    # The message names what is wrong; the file's name is enough to find it, its folder is nobody else's business.
    if not isinstance(one, dict):
        return str(one)
    name = str(one.get("path", "")).replace("\\", "/").rpartition("/")[2]
    return f"{name}: {one.get('message', '')}"
