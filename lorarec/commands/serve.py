"""Serve suggestions to other programs on this machine: the REST API of docs/api.md. Ctrl-C ends it.

It answers requests of this machine only, unless --host says otherwise; then a token is needed, which clients send as
`Authorization: Bearer TOKEN`. The environment variable LORAREC_TOKEN keeps it out of the list of processes.
"""

from __future__ import annotations

import argparse
import os
import secrets
from typing import Any

from ..errors import UsageError
from ..present import remark, remarks
from .arguments import add_address
from .common import check_folders, own_command, told_to_stop

PORT = 8177
SHORTEST = 16  # characters of a token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_address(parser, PORT)
    parser.add_argument("--token", metavar="TEXT", help="answer only those who send it")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        UsageError: the address cannot be listened on, or the token is missing or too short.
    """
    from ..api import assets
    from ..api.app import Api
    from ..api.context import Context
    from ..api.guard import Bearer, Guard, Hosts, is_loopback
    from ..api.keeper import Keeper
    from ..api.server import Server
    from ..recommender import Recommender

    token = args.token or os.environ.get("LORAREC_TOKEN", "")
    if not token and not is_loopback(args.host):
        raise UsageError(
            f"--host {args.host} can be reached from other machines; choose a token, for instance "
            f"`{own_command()} serve --host {args.host} --token {secrets.token_urlsafe(18)}`"
        )
    if token and not (len(token) >= SHORTEST and token.isascii() and token.isprintable()):
        raise UsageError(f"a token has at least {SHORTEST} characters, all of them plain ASCII")
    check_folders(args)
    keeper = Keeper(lambda: Recommender.open(args.loras, args.data), scan=True)
    guard = Guard(Hosts([args.host], args.allow_host), Bearer(token) if token else None)
    try:
        recommender = keeper.get()
        try:
            server = Server(Api(Context(keeper), guard), args.host, args.port, assets.pages())
        except OSError as error:
            raise UsageError(
                f"cannot listen on {args.host} port {args.port} ({error.strerror}); choose another --port or --host"
            ) from error
        remarks(recommender.notices)
        print(server.url, flush=True)
        with told_to_stop():
            _serve(server)
    finally:
        keeper.close()
    return 0


def _serve(server: Any) -> None:
    """Serve in a thread, so that the signal finds this one free; stop when it comes."""
    import threading

    worker = threading.Thread(target=server.serve_forever, name="lorarec-serve", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(0.5)  # Windows delivers Ctrl-C only between waits
    except KeyboardInterrupt:
        remark("stopping")
    finally:
        server.close()
