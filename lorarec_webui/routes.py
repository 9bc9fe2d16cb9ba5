"""The REST API on the WebUI's own server, behind the WebUI's own login.

Gradio's login guards its own routes only; those of extensions are open. So the endpoint of its ``/login_check`` is
asked about each request. Without a page (``--nowebui``) there is none: then users of ``--api-auth`` count.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from lorarec.api.asgi import Admission, Scope

    from .door import Door

CHECK = "/login_check"


def mount(app: Any, page: Any, door: Door) -> None:
    """Put the one route before all others: a page may have one that takes every path."""
    from starlette.routing import Route

    from lorarec.api.asgi import ROUTE, Asgi

    def ending() -> bool:
        # "Reload UI" closes Gradio's server, and Gradio 3 waits for ever until its last answer has ended.
        return bool(getattr(getattr(page, "server", None), "should_exit", False))

    endpoint = Asgi(door.api, door.lanes, Login(app), ending)
    app.router.routes.insert(0, Route(ROUTE, endpoint, include_in_schema=False))


class Login:
    """Whether the WebUI's login lets a request in."""

    def __init__(self, app: Any) -> None:
        """Find the login of an application, if it has one."""
        routes = app.router.routes
        self._check = next((route for route in routes if getattr(route, "path", None) == CHECK), None)
        self._app = app

    async def __call__(self, scope: Scope) -> Admission:
        """Ask it. Whoever may use the WebUI's own API may use ours."""
        from lorarec.api.asgi import Admission

        if _knows(scope, host.logins()):
            return Admission(admitted=True, logged_in=True)
        if self._check is None:
            return Admission(admitted=not host.logins(), logged_in=False)
        passed = await _passes(self._check, scope)
        # Without any login its endpoint lets everybody pass.
        needed = any(getattr(self._app, name, None) is not None for name in ("auth", "auth_dependency"))
        return Admission(admitted=passed, logged_in=passed and needed)


async def _passes(check: Any, scope: Scope) -> bool:
    """What Gradio's own endpoint says, asked with the cookies of a request."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(message["status"])

    asked = {"method": "GET", "path": CHECK, "raw_path": CHECK.encode(), "query_string": b"", "path_params": {}}
    try:
        await check.app({**scope, **asked}, receive, send)
    except Exception as error:  # older FastAPI raises what newer ones answer; whatever else goes wrong lets nobody in
        if not hasattr(error, "status_code"):
            host.warn(f"the WebUI's login could not be asked ({type(error).__name__}: {error})")
        return False
    return status == 200


def _knows(scope: Scope, logins: list[tuple[str, str]]) -> bool:
    """Whether a request names a user and the right password, as RFC 7617 has it."""
    given = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
    kind, _, secret = given.partition(b" ")
    try:
        user, _, password = base64.b64decode(secret, validate=True).partition(b":")
    except ValueError:
        return False
    known = [
        hmac.compare_digest(user, name.encode()) & hmac.compare_digest(password, word.encode()) for name, word in logins
    ]
    return kind.lower() == b"basic" and any(known)
