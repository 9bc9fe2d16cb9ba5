"""The tab on a page of its own, behind the same checks as the API, with nothing loaded from elsewhere."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from ..api.guard import Guard, Hosts
from ..api.wire import Refused, Request
from . import page

if TYPE_CHECKING:
    from ..api.context import Context

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Gradio's page asks for fonts and a script from other servers; with this it cannot, and works without.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Door:
    """ASGI around Gradio's app: refuses foreign pages and unknown host names, and keeps the page to itself.

    Gradio lets pages of every site ask (3.41 answers every Origin), and any site could have its name point here.
    """

    def __init__(self, app: Any, hosts: Hosts) -> None:
        self._app = app
        # A page of Gradio asks for a hundred small files at once.
        self._guard = Guard(hosts, rate=1000.0, burst=4000.0)

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._guard.check(_request(scope))
        except Refused as refused:
            await _refuse(scope, send, refused)
            return

        async def answered(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, answered)


def _request(scope: Scope) -> Request:
    """A request as the guard knows it. Whether a body is JSON is Gradio's own affair: it takes forms and files too."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    peer = (scope.get("client") or ("",))[0]
    return Request(method="GET", path=scope["path"], headers=headers, peer=str(peer))


async def _refuse(scope: Scope, send: Send, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": refused.status, "headers": [kind, *HEADERS]})
    await send({"type": "http.response.body", "body": str(refused).encode()})


def launch(
    context: Context,
    *,
    title: str,
    host: str,
    port: int,
    hosts: Hosts,
    auth: tuple[str, str] | None = None,
    language: str = "en",
    machine: bool = False,
    inbrowser: bool = False,
) -> Any:
    """Start the page's server in a thread; returns Gradio's Blocks, whose ``close()`` ends it.

    Args:
        context: of the API.
        title: of the page.
        host: address to listen on.
        port: a free one.
        hosts: names under which it may be asked.
        auth: user and password that are asked for.
        language: as for `page.build`.
        machine: as for `page.build`.
        inbrowser: open the page in the browser.

    Raises:
        OSError: the address cannot be listened on.
        ImportError: Gradio is not installed.
    """
    import gradio

    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = gradio.themes.Default(**fonts)
    look: dict[str, Any] = {"theme": theme, "css": "footer {display: none !important}"}
    # Gradio 6 takes theme and style when the server starts, older ones when the page is made.
    late = "theme" in inspect.signature(gradio.Blocks.launch).parameters
    with gradio.Blocks(title=title, analytics_enabled=False, **({} if late else look)) as blocks:
        page.build(context, language=language, machine=machine)
    wished: dict[str, Any] = {
        "server_name": host,
        "server_port": port,
        "auth": auth,
        "inbrowser": inbrowser,
        "share": False,
        "quiet": True,
        "show_api": False,
        "show_error": False,
        "prevent_thread_lock": True,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,
        "pwa": False,
        "app_kwargs": {"middleware": [_middleware(hosts)]},
        **(look if late else {}),
    }
    known = inspect.signature(blocks.launch).parameters
    with contextlib.redirect_stdout(io.StringIO()):  # Gradio 3 announces itself however quiet it is told to be
        blocks.launch(**{name: value for name, value in wished.items() if name in known})
    return blocks


def _middleware(hosts: Hosts) -> Any:
    from starlette.middleware import Middleware  # Gradio's own server

    return Middleware(Door, hosts=hosts)
