"""Our settings on the WebUI's page of settings.

Each has one home. How the panel looks and behaves is the WebUI's to keep, in its ``config.json``. What the core goes by
lives in our ``settings.json``, which the shell and other hosts share: the page shows a copy, made anew whenever ours
change, and what the user changes there is written home by the worker thread.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from lorarec.settings import Settings

    from .door import Door

PREFIX = "lorarec_"
SHARED = (
    *("top", "min_score", "safety", "profile", "diversity", "explore", "collapse", "threads", "history", "project"),
)
STEPS = {"min_score": 0.01, "diversity": 0.05, "explore": 0.05}
HIGHEST = {"top": 50, "threads": 16}  # that a slider offers; the core takes more
PLACES = ("below the prompt", "beside the page", "not at all")
LEVELS = ("safe", "suggestive", "mature", "explicit")
LANGUAGES = ("automatic", "English", "简体中文")


class HostSettings:
    """Keeps the page and our file the same."""

    def __init__(self, door: Door) -> None:
        """Nothing is read yet."""
        self._door = door
        self._lock = threading.Lock()
        self._changed: set[str] = set()

    def show(self) -> None:
        """Put all settings on the page; called while the WebUI builds it."""
        import gradio as gr

        def panel(name: str, default: Any, label: str, component: Any, **arguments: Any) -> None:
            host.add_option(PREFIX + name, default, label, component, arguments, None)

        panel("place", PLACES[0], "Suggestions stand", gr.Radio, choices=list(PLACES))
        panel("auto", True, "Suggest by itself after a pause in typing", gr.Checkbox)
        panel("pause", 400, "Pause (milliseconds)", gr.Slider, minimum=100, maximum=3000, step=50)
        panel("panel_top", 6, "Suggestions in the panel", gr.Slider, minimum=1, maximum=50, step=1)
        panel("blur", LEVELS[1], "Most explicit preview that is shown uncovered", gr.Radio, choices=list(LEVELS))
        panel("language", LANGUAGES[0], "Language of the panel", gr.Radio, choices=list(LANGUAGES))
        for name in SHARED:
            self._show_shared(name)
        self.mirror()

    def mirror(self) -> None:
        """Show what counts: of a file with mistakes, what is right in it."""
        from lorarec import settings

        found = settings.read(host.WebuiHost().data_dir())
        if found.problem:
            host.warn(found.problem)
        with self._lock:
            waiting = set(self._changed)
        host.show_options({PREFIX + name: getattr(found.settings, name) for name in SHARED if name not in waiting})

    def _show_shared(self, name: str) -> None:
        """Put one of the core's settings on the page."""
        import gradio as gr

        from lorarec.settings import OPTIONS, Settings

        described, default = OPTIONS[name], getattr(Settings(), name)
        label = described.help[:1].upper() + described.help[1:]
        changed = partial(self._note, name)
        if described.choices:
            host.add_option(PREFIX + name, default, label, gr.Radio, {"choices": list(described.choices)}, changed)
        elif isinstance(default, bool):
            host.add_option(PREFIX + name, default, label, gr.Checkbox, {}, changed)
        elif isinstance(default, str):
            host.add_option(PREFIX + name, default, label, gr.Textbox, {}, changed)
        else:
            ends = {"minimum": described.low, "maximum": HIGHEST.get(name, described.high), "step": STEPS.get(name, 1)}
            host.add_option(PREFIX + name, default, label, gr.Slider, ends, changed)

    def _note(self, name: str) -> None:
        """The user changed one on the page: "Apply" tells of each by itself, they are written as one."""
        with self._lock:
            self._changed.add(name)
        self._door.worker.put(self._store)

    def _store(self) -> None:
        from msgspec.structs import replace

        from lorarec.api.settings import store
        from lorarec.errors import LorarecError

        with self._lock:
            names, self._changed = self._changed, set()
        if not names:
            return

        def changed(now: Settings) -> Settings:
            kinds = {name: type(getattr(now, name)) for name in names}
            return replace(now, **{name: kind(host.option(PREFIX + name)) for name, kind in kinds.items()})

        try:
            store(self._door.context(), changed)
        except LorarecError as error:  # e.g. our file is damaged: the page must not show what does not count
            host.warn(f"the settings were not stored: {error}")
            self.mirror()
