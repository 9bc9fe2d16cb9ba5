"""Who may ask at all: the same checks for every door.

A server on this machine can be reached by every page that its user's browser shows. So requests are refused that come
from another site's page (``Origin``, ``Sec-Fetch-Site``), that name a host which is not ours (a page whose name was
made to point here: DNS rebinding), and changes that a plain HTML form could send (anything but JSON).
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from .wire import JSON, Refused, Request

HOSTS = "LORAREC_HOSTS"  # environment: further names under which browsers may reach us, separated by commas
SAFE = ("GET", "HEAD")  # methods that change nothing
RATE = 100.0  # requests per second of one address, on average
BURST = 400.0  # and at once: a page of previews
_ADDRESSES = 1024  # remembered for the rate
_HANDED_ON = ("forwarded", "via", "x-real-ip")  # headers that proxies add; RFC 7239, RFC 9110, nginx


class Hosts:
    """The names under which a door may be asked."""

    def __init__(self, bound: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """Say where the door listens.

        Args:
            bound: addresses it is bound to. "0.0.0.0" and "::" are all of this machine's: then any address may be
                named, and this machine's own name, but no other name.
            names: further names that lead here, e.g. of a proxy before it; those of `HOSTS` are added.
        """
        given = [*names, *os.environ.get(HOSTS, "").split(",")]
        self.named = frozenset(_plain(_name(name) or name) for name in given if name.strip())
        self._bound = frozenset(_plain(address) for address in bound)
        self._any = any(_is(address, "is_unspecified") for address in self._bound)

    def __contains__(self, host: str) -> bool:
        """Whether a host name or address, without port, is ours."""
        host = _plain(host)
        if host == "localhost" or _is(host, "is_loopback") or host in self.named or host in self._bound:
            return True
        return self._any and (_address(host) is not None or host in _own_names())


class Bearer:
    """Lets those in who send a secret: ``Authorization: Bearer <token>``."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    def __call__(self, request: Request) -> bool:
        """Whether the request has it; takes as long for a nearly right one as for a wrong one."""
        return hmac.compare_digest(request.headers.get("authorization", "").encode("utf-8", "replace"), self._expected)


Authorise = Callable[[Request], bool]


class Guard:
    """Refuses what may not be answered. Safe from many threads."""

    def __init__(
        self,
        hosts: Hosts,
        authorise: Authorise | None = None,
        *,
        rate: float = RATE,
        burst: float = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the rules.

        Args:
            hosts: names under which we may be asked.
            authorise: whether this client may ask at all, by a token; None: everybody may whom the door admitted.
            rate: requests per second that one address may make on average.
            burst: and at once.
            clock: seconds that never run backwards.
        """
        self._hosts = hosts
        self._authorise = authorise
        self._rate, self._burst, self._clock = rate, burst, clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> requests left, and when

    def check(self, request: Request) -> None:
        """Raise `Refused` if the request may not be answered."""
        headers = request.headers
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            raise Refused(
                403,
                "unknown_host",
                f"lorarec does not go by the name {host!r} here; if it should, name it in the environment variable "
                f"{HOSTS} and start again",
            )
        origin = headers.get("origin")
        if headers.get("sec-fetch-site") == "cross-site" or (origin is not None and not self._own(origin, host)):
            raise Refused(403, "foreign_origin", "requests from pages of other sites are refused")
        self._spend(request.peer)
        if not request.admitted or (self._authorise is not None and not self._authorise(request)):
            raise Refused(
                401, "unauthorised", "log in, or send the token", headers={"WWW-Authenticate": 'Bearer realm="lorarec"'}
            )
        if request.method not in SAFE and headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(415, "not_json", f"changes are made with Content-Type: {JSON}", field="Content-Type")
        if request.body is None:
            raise Refused(413, "too_large", "the body is too large")

    def trusts(self, request: Request) -> bool:
        """Whether a request that passed `check` comes from this machine, or from somebody who had to log in.

        A proxy on this machine hands on what others ask, and not every one says so: where we go by further names than
        our address, or a header speaks of a proxy, nobody counts as from here.
        """
        if self._authorise is not None or request.logged_in:
            return True
        handed_on = any(name in _HANDED_ON or name.startswith("x-forwarded-") for name in request.headers)
        asked = _name(request.headers.get("host", ""))
        return is_loopback(request.peer) and is_loopback(asked) and not handed_on and not self._hosts.named

    def _own(self, origin: str, host: str) -> bool:
        """Whether an Origin is the page's own server."""
        try:
            place = urlsplit(origin)
            name = place.hostname or ""
        except ValueError:
            return False
        if place.scheme not in ("http", "https") or not name:
            return False
        return place.netloc.lower() == host.strip().lower() or _plain(name) in self._hosts.named

    def _spend(self, peer: str) -> None:
        """Count a request against its address's allowance (a token bucket)."""
        now = self._clock()
        with self._lock:
            left, then = self._left.pop(peer, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            self._left[peer] = (max(left - 1, 0.0), now)
            while len(self._left) > _ADDRESSES:
                self._left.popitem(last=False)
        if left < 1:
            raise Refused(429, "too_many_requests", "too many requests; slow down", headers={"Retry-After": "1"})


def is_loopback(address: str) -> bool:
    """Whether an address or a name, without port, is this machine's for itself alone."""
    return _plain(address) == "localhost" or _is(_plain(address), "is_loopback")


def _name(host: str) -> str:
    """The name or address of a Host header, without port; "" if it is none."""
    try:
        place = urlsplit(f"//{host.strip()}")
        place.port  # noqa: B018 (raises for what is no port)
    except ValueError:
        return ""
    return "" if place.username is not None or place.path or place.query or place.fragment else place.hostname or ""


def _plain(name: str) -> str:
    return name.strip().lower().rstrip(".").strip("[]")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is(host: str, what: str) -> bool:
    address = _address(host)
    return address is not None and bool(getattr(address, what))


def _own_names() -> frozenset[str]:
    import socket

    name = _plain(socket.gethostname())
    return frozenset({name, f"{name.partition('.')[0]}.local"} - {"", ".local"})
