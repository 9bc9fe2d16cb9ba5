"""Open the page with everything: suggestions, catalogue, index, profile, history, settings. Ctrl-C ends it.

It answers this machine only, unless --host says otherwise; then a user and a password are needed. The environment
variable LORAREC_AUTH keeps them out of the list of processes. Nothing is sent anywhere, and the page loads nothing from
elsewhere.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import tempfile
import threading
from typing import Any

from ..errors import MissingPart, UsageError
from ..present import remark, remarks
from .arguments import add_address
from .common import check_folders, own_command, told_to_stop

PORT = 8178
SHORTEST = 8  # characters of a password
_TITLE = "LoRA Recommender"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_address(parser, PORT)
    parser.add_argument("--inbrowser", action="store_true", help="open the page in the browser")
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="ask for them before anything is shown")
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="of the page (default: en)")


def run(args: argparse.Namespace) -> int:
    """Show the page until told to stop.

    Raises:
        UsageError: the address cannot be listened on, or user and password are missing or too short.
        MissingPart: Gradio is not installed.
    """
    from ..api.context import Context
    from ..api.guard import is_loopback
    from ..api.keeper import Keeper
    from ..recommender import Recommender

    auth = _auth(args, is_loopback(args.host))
    check_folders(args)
    with tempfile.TemporaryDirectory(prefix="lorarec-ui-") as cache:
        _gradio(cache)
        keeper = Keeper(lambda: Recommender.open(args.loras, args.data), scan=True)
        try:
            recommender = keeper.get()
            context = Context(keeper)
            page = _launch(context, args, auth)
            remarks(recommender.notices)
            print(page.local_url, flush=True)
            try:
                with told_to_stop():
                    _wait()
            finally:
                page.close(verbose=False)
                context.close()
        finally:
            keeper.close()
    return 0


def _auth(args: argparse.Namespace, loopback: bool) -> tuple[str, str] | None:
    given = args.auth or os.environ.get("LORAREC_AUTH", "")
    if not given:
        if loopback:
            return None
        raise UsageError(
            f"--host {args.host} can be reached from other machines; choose a user and a password, for instance "
            f"`{own_command()} ui --host {args.host} --auth me:{secrets.token_urlsafe(12)}`"
        )
    user, colon, password = given.partition(":")
    if not (user and colon and len(password) >= SHORTEST):
        raise UsageError(f"--auth is USER:PASSWORD, the password with at least {SHORTEST} characters")
    return user, password


def _gradio(cache: str) -> None:
    """Bring Gradio in, silent and with a cache of its own that ends with the program.

    Raises:
        MissingPart: it is not installed.
    """
    # Read when Gradio is imported; what a user set otherwise would still phone home.
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_SHARE", "GRADIO_MCP_SERVER", "GRADIO_SSR_MODE"):
        os.environ[name] = "False"
    os.environ.update(GRADIO_TEMP_DIR=cache, HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        if error.name and error.name.partition(".")[0] != "gradio":
            raise MissingPart(f"gradio cannot be loaded ({error}); reinstall it with `pip install gradio`") from error
        raise MissingPart("the page needs the package gradio: `pip install gradio`") from error


def _launch(context: Any, args: argparse.Namespace, auth: tuple[str, str] | None) -> Any:
    """Start the page's server in a thread of its own.

    Raises:
        UsageError: the address cannot be listened on.
    """
    from ..api.guard import Hosts, is_loopback
    from ..tab import standalone

    number = _free(args.host, args.port)
    hosts = Hosts([args.host], args.allow_host)
    try:
        return standalone.launch(
            context,
            title=_TITLE,
            host=args.host,
            port=number,
            hosts=hosts,
            auth=auth,
            language=args.language,
            machine=is_loopback(args.host) and not hosts.named,  # by a further name a proxy lets others in
            inbrowser=args.inbrowser,
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {args.host} port {number} ({error}); choose another --port") from error


def _free(host: str, number: int) -> int:
    """The port, or any free one for 0; tried out here, since Gradio would take another one in silence.

    Raises:
        UsageError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0 if os.name == "nt" else 1)
            probe.bind((host, number))
            found: int = probe.getsockname()[1]
            return found
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {number} ({error.strerror}); choose another --port or --host"
        ) from error


def _wait() -> None:
    """Until Ctrl-C or a signal."""
    try:
        while True:
            threading.Event().wait(0.5)  # Windows delivers Ctrl-C only between waits
    except KeyboardInterrupt:
        remark("stopping")
