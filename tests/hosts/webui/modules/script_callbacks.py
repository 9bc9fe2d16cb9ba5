"""Callbacks of the oldest kind: they take no ``name=``. One that raises is reported and the others go on."""

import traceback

EVENTS = ("ui_settings", "ui_tabs", "after_component", "image_saved", "app_started", "script_unloaded")
_callbacks = {event: [] for event in (*EVENTS, "before_process")}
failures = []


class ImageSaveParams:
    def __init__(self, image, p, filename, pnginfo):
        self.image, self.p, self.filename, self.pnginfo = image, p, filename, pnginfo


def _registrar(event):
    def register(callback):
        _callbacks[event].append(callback)

    return register


for _event in EVENTS:
    globals()[f"on_{_event}"] = _registrar(_event)


def as_sdnext():
    """SD.Next's callback for the beginning of a generation, in whatever tab."""
    globals()["on_before_process"] = _registrar("before_process")


def clear_callbacks():
    for registered in _callbacks.values():
        registered.clear()


def fire(event, *given, **named):
    answers = []
    for callback in _callbacks[event]:
        try:
            answers.append(callback(*given, **named))
        except Exception:
            failures.append(f"{event}: {traceback.format_exc()}")
    return answers
