"""What happens when the WebUI loads its scripts: one `Door` is made and registered, the one before is shut.

"Reload UI" runs the scripts again, while packages stay loaded. The extension's folder is on the import path only while
scripts load: hence the import of the core here, though nothing of it is used before somebody asks.
"""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING, Any

import lorarec  # noqa: F401 (see above)

from . import host

if TYPE_CHECKING:
    from lorarec.api.app import Api
    from lorarec.api.context import Context
    from lorarec.recommender import Recommender

NEEDED = ("numpy", "msgspec", "sqlalchemy", "bm25s")

_entered: Door | None = None


def enter() -> type | None:
    """Register everything with the WebUI; what was registered before is let go.

    Returns:
        What the file that the WebUI runs must hold, see `host.before_generation`.
    """
    global _entered
    leave()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        host.warn(f"{', '.join(missing)} is not installed; restart the WebUI, whose start runs our install.py")
        return None
    _entered = Door()
    return _entered.register()


def leave() -> None:
    """Shut what is open: threads end, encoders and files are let go."""
    global _entered
    door, _entered = _entered, None
    if door is not None:
        door.close()


class Door:
    """All that belongs to one load of the WebUI's scripts. Nothing is opened before it is needed."""

    def __init__(self) -> None:
        """Make the parts that cost nothing."""
        from lorarec.api.keeper import Keeper
        from lorarec.api.lanes import Lanes
        from lorarec.worker import Worker

        from .capture import Capture
        from .hearing import Hearing
        from .settings import HostSettings

        self.lanes = Lanes()
        self.worker = Worker(host.warn)
        self.settings = HostSettings(self)
        self.keeper = Keeper(self._open, scan=True, reopened=self.settings.mirror)
        self.hearing = Hearing()
        self.capture = Capture(self)
        self.names: tuple[str, ...] = ()  # under which browsers reach us besides our address
        self.several = False  # people log in here, and nobody knows whose image it is
        self._lock = threading.RLock()
        self._context: Context | None = None
        self._api: Api | None = None
        self._closed = False

    def register(self) -> type | None:
        """Register for the WebUI's callbacks; see `enter`."""
        from . import tab

        host.listen("ui_settings", self.settings.show)
        host.listen("ui_tabs", lambda: tab.build(self))
        host.listen("after_component", self.hearing.component)
        host.listen("image_saved", self.capture.saved)
        host.listen("app_started", self.started)
        host.listen("script_unloaded", leave)
        return host.before_generation(self.make_way)

    def started(self, page: Any, app: Any) -> None:
        """The WebUI's server runs: mount the API on it. ``page`` is None where there is none (``--nowebui``)."""
        from urllib.parse import urlsplit

        from . import routes

        shared = urlsplit(str(getattr(page, "share_url", None) or "")).hostname
        self.names = (shared,) if shared else ()
        people = getattr(app, "auth", None)
        self.several = len(people) > 1 if isinstance(people, dict) else people is not None
        if self.several:
            self.keeper.reopen()  # if the tab opened one already
        if page is not None:  # else Gradio 4 serves what lies in the WebUI's data folder
            page.blocked_paths = [*(page.blocked_paths or ()), str(host.WebuiHost().data_dir())]
        routes.mount(app, page, self)

    def make_way(self) -> None:
        """A generation begins: nothing of ours stays in graphics memory. Waits for a batch in flight."""
        opened = self.keeper.opened
        if opened is not None:
            opened.encoders.make_way()

    def context(self) -> Context:
        """What the API and the tab work with."""
        from lorarec.api.context import Context

        with self._lock:
            if self._context is None:
                self._context = Context(self.keeper, host.output_folders)
            return self._context

    def api(self) -> Api:
        """The API, made when it is first asked."""
        from lorarec.api.app import Api
        from lorarec.api.guard import Guard, Hosts

        with self._lock:
            if self._api is None:
                self._api = Api(self.context(), Guard(Hosts(host.bound_to(), self.names)))
            return self._api

    def close(self) -> None:
        """Let everything go; returns at once, running work ends by itself."""
        with self._lock:
            context = self._context
        self.worker.close()
        self.lanes.close()
        if context is not None:
            context.close()
        threading.Thread(target=self.keeper.close, name="lorarec-close", daemon=True).start()

    def _open(self) -> Recommender:
        from lorarec.recommender import Recommender

        return Recommender.open(host=host.WebuiHost(), user=None if self.several else "local")
