"""Authorization: tokens, and where a request may come from. Pure functions."""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(enum.Enum):
    """What a token permits."""

    CONTROL = "control"
    WATCH = "watch"


def new_token() -> str:
    """A random token, which fits into a link."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens, and the names under which the server may be asked for.

    An address in the Host header cannot be the work of DNS rebinding, which needs a name: beside
    addresses and localhost, ``names`` are this machine's.
    """

    token: str
    read_only_token: str | None = None
    names: frozenset[str] = field(default_factory=lambda: own_names())

    @property
    def cookie(self) -> str:
        """The name of the cookie: two workers behind one tunnel's host do not share it."""
        return f"sleap_progress_{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"

    def role_of(self, token: str | None) -> Role | None:
        """What ``token`` permits, compared in constant time; None for a wrong one."""
        given = (token or "").encode(errors="surrogatepass")
        role = None
        if self.read_only_token and hmac.compare_digest(given, self.read_only_token.encode()):
            role = Role.WATCH
        if hmac.compare_digest(given, self.token.encode()):
            role = Role.CONTROL
        return role

    def host_is_known(self, host: str | None) -> bool:
        """Whether a request to ``host``, as its header says, is meant for this server."""
        name = _name(host)
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self.names
        return True

    @staticmethod
    def is_own_page(headers: Mapping[str, str]) -> bool:
        """Whether a request comes from a page of this server, or from no page at all.

        Browsers tell where a WebSocket or a POST comes from; programs need not.
        """
        origin = headers.get("Origin")
        if origin is not None and _site(origin) != headers.get("Host", ""):
            return False
        return headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


def own_names() -> frozenset[str]:
    """The names of this machine."""
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def is_loopback(host: str) -> bool:
    """Whether a server at ``host`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str | None) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname if host else None
    except ValueError:
        return None


def _site(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
