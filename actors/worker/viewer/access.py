"""Authorization: tokens, and where a request may come from. Pure functions."""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from actors.worker.viewer.addresses import is_loopback, own_names
from actors.zmq_sockets import is_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

TOKEN_HEADER: Final = "X-Sleap-Progress-Token"  # noqa: S105 - the header's name
"""Holds the token as the link has it; ``Authorization`` may be that of a proxy in between."""

TOKEN_PROTOCOL: Final = "token."  # noqa: S105 - a prefix
"""Before the same in base64url, as an entry of a WebSocket's sub-protocols: a browser lets a page
set no header of a WebSocket. The server never selects it, so it is never sent back."""

ORIGIN_HEADER: Final = "X-Sleap-Progress-Origin"
"""Where a page says that it comes from, where the browser does not: at a GET of its own origin."""

_HOST: Final = re.compile(
    r"""
    (?: \[ (?P<address> [0-9A-Fa-f:.]+ (?: % [\w.~-]+ )? ) \]
      | (?P<name> [^\s:/?\#@\\\[\]]+ )
    )
    (?: : \d* )?
    """,
    re.VERBOSE,
)


class Role(enum.Enum):
    """What a token permits."""

    CONTROL = "control"
    WATCH = "watch"


class RefusedError(Exception):
    """The request is refused with ``status``; the message says why and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def new_token() -> str:
    """A random token, which fits into a link."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens, and the ``names`` that are this server's: of this machine, and those allowed."""

    token: str
    read_only_token: str | None = None
    names: AbstractSet[str] = field(default_factory=own_names)

    def role_of(self, token: str | None) -> Role | None:
        """What ``token`` permits, compared in constant time; None for a wrong one."""
        given = (token or "").encode(errors="surrogatepass")
        role = None
        if self.read_only_token and hmac.compare_digest(given, self.read_only_token.encode()):
            role = Role.WATCH
        if hmac.compare_digest(given, self.token.encode()):
            role = Role.CONTROL
        return role

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raise RefusedError, 421, unless the request is meant for this server.

        The port does not count: a proxy may leave it out or have another. An address is no work of
        DNS rebinding, which needs a name, and may be one that a router or a container translates.
        """
        name = host_name(headers.get("Host"))
        if name is None or not (is_address(name) or self._is_own(name)):
            raise RefusedError(421, f"this server is not known under this name: {_let_in(name)}")

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raise RefusedError, 403, unless the request comes from a page of this server, or none.

        Browsers tell where a WebSocket or a POST comes from, and whether that is the same origin;
        programs need not. The port does not count, since a proxy may have another: who can be
        reached at another port of this machine is told apart by ``Sec-Fetch-Site``, and has no
        token anyhow.
        """
        if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise RefusedError(403, "the request comes from another site's page")
        for header in ("Origin", ORIGIN_HEADER):
            origin = headers.get(header)
            if origin is None:
                continue
            name = _origin_name(origin)
            if name is None:
                raise RefusedError(403, "the request comes from a page of no known site")
            if not self._is_own(name) and name != host_name(headers.get("Host")):
                raise RefusedError(
                    403, f"the page's address has a name that is not known here: {_let_in(name)}"
                )

    def check_token(self, headers: Mapping[str, str]) -> Role:
        """What the request's token permits. Raises RefusedError, 401."""
        token = token_of(headers)
        role = self.role_of(token)
        if role is None:
            what = "carries the token"
            if token:
                what = "has the token of this start, and one of an earlier start does not work"
            raise RefusedError(401, f"open the link that the worker has printed: it {what}")
        return role

    def _is_own(self, name: str) -> bool:
        return is_loopback(name) or name in self.names


def token_of(headers: Mapping[str, str]) -> str | None:
    """The token of a request: of its own header, of a WebSocket's sub-protocols, or a Bearer's.

    The first that is there counts alone.
    """
    token = headers.get(TOKEN_HEADER)
    if token is not None:
        return unquote(token)
    for protocol in offered_protocols(headers):
        if protocol.startswith(TOKEN_PROTOCOL):
            return _decoded(protocol.removeprefix(TOKEN_PROTOCOL))
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() in ("bearer", "token") else None


def offered_protocols(headers: Mapping[str, str]) -> list[str]:
    """The sub-protocols that a WebSocket's client offers."""
    return [part.strip() for part in headers.get("Sec-WebSocket-Protocol", "").split(",")]


def host_name(host: str | None) -> str | None:
    """The name, or the address, in a ``Host`` header or the like, in one spelling; None if none."""
    found = _HOST.fullmatch(host or "")
    if found is None:
        return None
    name = (found["address"] or found["name"]).lower().removesuffix(".")
    return str(ipaddress.ip_address(name)) if is_address(name) else name or None


def _let_in(name: str | None) -> str:
    known = name is not None and re.fullmatch(r"[\w.:-]{1,253}", name, re.ASCII)
    return f"start the worker with --allow-host {name if known else 'NAME'}"


def _origin_name(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return host_name(parts.netloc) if parts.scheme in ("http", "https") else None


def _decoded(text: str) -> str:
    """``text``, of base64url without padding; nothing if it is none."""
    try:
        return unquote(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (binascii.Error, ValueError):
        return ""
