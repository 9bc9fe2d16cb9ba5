"""Gradio as the tab uses it: one way of doing things over its releases 3.41 to 6. No other file knows of differences.

Three rules hold for whatever the tab does. Handlers run outside Gradio's queue, in a thread: nothing of ours waits for
an image that is being made, and no image waits for us. Nothing depends on the page's `load` event, which tabs inside a
WebUI do not get everywhere. And an error is a sentence in the place kept for it, never a traceback.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import LorarecError
from . import markup
from .markup import PREFIX
from .texts import Say

_log = logging.getLogger(__name__)
# Presses a button of the page again and again while the job beside it is at work: each look is one short request, and
# no thread of the server waits. It ends by itself once the job has.
_POLL = """() => {
  const root = typeof gradioApp === "function" ? gradioApp() : document;
  const polls = (window.lorarecPolls = window.lorarecPolls || {});
  let idle = 0;
  clearInterval(polls["%(state)s"]);
  polls["%(state)s"] = setInterval(() => {
    const state = root.querySelector("#%(state)s [data-active]");
    const button = root.querySelector("#%(button)s");
    if (!state || !button) return;
    idle = state.dataset.active === "true" ? 0 : idle + 1;
    if (idle > 4) clearInterval(polls["%(state)s"]);
    else if (button.getClientRects().length) button.click();
  }, 700);
  return [];
}"""


class Ui:
    """Makes components and connects them. Components are made inside the current `gr.Blocks`."""

    def __init__(self, say: Say, public: Callable[[str], str], *, machine: bool = False) -> None:
        """Look at the Gradio that is installed.

        Args:
            say: speaks the user's language.
            public: a sentence as those may read it who see the page, see `Context.public`.
            machine: whether those who see the page may change what names folders, models and addresses of this machine.

        Raises:
            ImportError: Gradio is not installed.
        """
        import gradio

        self.gr: Any = gradio
        self.say = say
        self._public = public
        self.machine = machine
        self.major = int(gradio.__version__.split(".")[0])
        self.tabs: Any = None  # the sub-tabs, to switch between them
        self._js = "_js" if self.major < 4 else "js"
        self._private: dict[str, Any] = {"api_visibility": "private"} if self.major >= 6 else {"api_name": False}

    # -- components -----------------------------------------------------------------------------------------------

    def make(self, kind: str, name: str = "", **options: Any) -> Any:
        """A component, e.g. ``make("Textbox", "prompt", label=…)``; options that this Gradio lacks are left out."""
        cls = getattr(self.gr, kind)
        known = inspect.signature(cls.__init__).parameters
        if "buttons" in known:  # Gradio 6 names what older ones switch on one by one
            given = [word for word in ("copy", "download") if options.pop(f"show_{word}_button", False)]
            options.setdefault("buttons", given)
        if kind == "Button" and options.get("size") == "sm":
            options = {"scale": 0, "min_width": 170, **options}
        values = self._labels(kind, options)
        if name:
            options["elem_id"] = PREFIX + name
        made = cls(**{option: value for option, value in options.items() if option in known})
        made.lorarec_values = values
        made.do_not_save_to_config = True  # A1111 would keep today's values in ui-config.json as defaults for ever
        return made

    def _labels(self, kind: str, options: dict[str, Any]) -> dict[Any, Any]:
        """What Gradio 3's drop-downs mean by their labels: it knows no values beside them."""
        choices = options.get("choices", ())
        if self.major >= 4 or kind != "Dropdown" or not any(isinstance(one, tuple) for one in choices):
            return {}
        values = dict(choices)
        options["choices"] = list(values)
        if "value" in options and not options.get("multiselect"):
            options["value"] = next((label for label, value in choices if value == options["value"]), None)
        return values

    def choices(self, pairs: Sequence[tuple[str, str]]) -> list[Any]:
        """New choices of a drop-down, (label, value) each; Gradio 3 shows the values."""
        return [value for _, value in pairs] if self.major < 4 else list(pairs)

    def shown(self, component: Any, value: Any) -> Any:
        """A value as a component shows it: Gradio 3's drop-downs by its label."""
        return next((label for label, meant in component.lorarec_values.items() if meant == value), value)

    def html(self, name: str, value: str = "") -> Any:
        """A place for HTML of ours."""
        return self.make("HTML", name, value=value, padding=False)

    def note(self, name: str) -> Any:
        """The place for sentences of one sub-tab."""
        return self.html(f"{name}_note")

    def tab(self, name: str, label: str) -> Any:
        """A sub-tab, for ``with``."""
        return self.make("Tab", f"tab_{name}", label=label, id=PREFIX + name)

    def update(self, **changes: Any) -> Any:
        """Changes of a component, as a handler returns them."""
        return self.gr.update(**changes)

    def go_to(self, name: str) -> Any:
        """The change of `tabs` that shows a sub-tab."""
        return self.update(selected=PREFIX + name)

    # -- events ---------------------------------------------------------------------------------------------------

    def on(
        self,
        event: Any,
        handler: Callable[..., Any],
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        *,
        quiet: bool = False,
    ) -> None:
        """Let a handler answer an event.

        Args:
            event: e.g. ``button.click``.
            handler: gets the values of ``inputs`` and returns those of ``outputs`` in their order.
            inputs: components.
            outputs: components; the last is the place for sentences, where an error goes while the others stay.
            quiet: show no sign of being at work.
        """
        self._connect(event, self._guarded(handler, len(outputs)), inputs, outputs, quiet)

    def on_pick(
        self, event: Any, handler: Callable[..., Any], inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()
    ) -> None:
        """The same for ``gallery.select``; the handler gets the number of what was picked before its inputs."""
        guarded = self._guarded(handler, len(outputs))

        def picked(event, *values):  # type: ignore[no-untyped-def] # Gradio looks for its type below
            return guarded(event.index, *values)

        picked.__annotations__ = {"event": self.gr.SelectData}
        self._connect(event, picked, inputs, outputs, True)

    def channel(
        self, name: str, handler: Callable[..., Any], inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()
    ) -> None:
        """Let a handler answer buttons that `markup.button` makes; it gets what the button tells before its inputs."""
        box = self.make("Textbox", name, label=name, show_label=False, elem_classes=["lorarec-hidden"])

        def told(text: str, *values: Any) -> Any:
            if not text:  # some releases call a component changed when it appears
                return [self.update() for _ in outputs]
            return handler(text.partition(" ")[0], *values)

        # Not `input`: Gradio 6 then hands over the value that the box had before.
        self.on(box.change, told, [box, *inputs], outputs)

    def poll(self, event: Any, state: str, button: str) -> None:
        """From an event on, press a button while the job shown in ``state`` is at work."""
        script = _POLL % {"state": PREFIX + state, "button": PREFIX + button}
        event(None, [], [], queue=False, show_progress="hidden", **{self._js: script}, **self._private)

    def _guarded(self, handler: Callable[..., Any], outputs: int) -> Callable[..., Any]:
        def answer(*values: Any) -> Any:
            try:
                return handler(*values)
            except LorarecError as error:
                sentence = markup.note(self.say.told(self._public(str(error))), "error")
            except Exception as error:  # the page is the boundary: anything else would be a traceback on it
                _log.exception("the tab failed")
                said = self._public(f"{type(error).__name__}: {error}")
                sentence = markup.note(self.say("broken", error=said), "error")
            return sentence if outputs == 1 else [*[self.update() for _ in range(outputs - 1)], sentence]

        return answer

    def _connect(
        self, event: Any, answer: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any], quiet: bool
    ) -> None:
        progress = "hidden" if quiet else "minimal"
        maps = [getattr(one, "lorarec_values", {}) for one in inputs]
        if any(maps):
            answer = _translated(answer, maps)
        event(answer, list(inputs), list(outputs), queue=False, show_progress=progress, **self._private)


def _translated(answer: Callable[..., Any], maps: Sequence[dict[Any, Any]]) -> Callable[..., Any]:
    """A handler that gets the values of labels; what stands before the inputs is left as it is."""

    def translate(*values: Any) -> Any:
        lead = len(values) - len(maps)
        meant = [
            value
            if not known
            else [known.get(one, one) for one in value]
            if isinstance(value, list)
            else known.get(value, value)
            for known, value in zip(maps, values[lead:], strict=True)
        ]
        return answer(*values[:lead], *meant)

    return translate
