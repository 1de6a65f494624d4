"""Names and addresses of this machine, and how somebody elsewhere gets to it.

Functions that may ask the system, which can take long where a name server does not answer: those
that are no coroutines are not for an event loop's thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psutil

from actors.worker.bounded import begin
from actors.zmq_sockets import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

LOOKUP: Final = 2.0
"""Seconds that the look-up of a name may take; with a name server that answers, milliseconds."""

EVERYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - who asks to be served everywhere
"""The hosts that stand for every interface."""

_SSH_PORT: Final = 22

_FOREIGN: Final = (
    (socket.AF_INET, "192.0.2.1"),
    (socket.AF_INET6, "2001:db8::1"),
)
"""Addresses for documentation (RFC 5737, RFC 3849): nothing is sent to them."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A name that a shell takes as it is."""

_T = TypeVar("_T")


def own_addresses() -> frozenset[str]:
    """The addresses of this machine's interfaces, without the scopes of link-local ones."""
    return frozenset(
        address.address.partition("%")[0].lower()
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    )


def own_names() -> set[str]:
    """The names of this machine, and its addresses; its full name joins them when it is known."""
    names = {*own_addresses(), socket.gethostname().lower()}
    begin(lambda: names.add(socket.getfqdn().lower()))
    return names


async def look_up(ask: Callable[[], _T], what: str) -> _T:
    """What ``ask`` returns, which may ask a name server for ``what``. Raises OSError."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(begin(ask)), LOOKUP)
    except TimeoutError:
        raise TimeoutError(f"no name server has told {what} within {LOOKUP:g} s") from None


async def addresses_to_listen_at(host: str, port: int) -> list[tuple[Any, ...]]:
    """What ``getaddrinfo`` tells of them. Raises OSError."""

    def ask() -> list[tuple[Any, ...]]:
        try:
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except UnicodeError as error:
            raise OSError(f"{host} is not a name of a host: {error}") from error
        return list(found)

    if host in EVERYWHERE or is_address(host):
        return ask()  # nobody is asked
    return await look_up(ask, f"the address of {host}")


def host_for_others(host: str) -> str:
    """What stands in a link for ``host``, so that it opens on other machines too.

    Every interface: the machine's full name where that leads to it, or else the address that it
    uses towards other networks. Names without a dot are known to few.
    """
    if host not in EVERYWHERE:
        return host
    name = socket.getfqdn()
    own = [address for address in sorted(own_addresses()) if _is_for_others(address)]
    if host != "::":
        own = [address for address in own if ":" not in address]
    if "." in name and not is_address(name) and set(_addresses_of(name)) & set(own):
        return name
    used = [address for address in _used_towards_others() if address in own]
    return next(iter([*used, *own]), socket.gethostname())


def way_to(host: str, port: int) -> str | None:
    """The ``ssh_command`` for this machine and process."""
    node = socket.gethostname()
    return ssh_command(os.environ, node=node, own=own_addresses(), host=host, port=port)


def ssh_command(
    environment: Mapping[str, str], *, node: str, own: Collection[str], host: str, port: int
) -> str | None:
    """The command that brings a page at ``host`` and ``port`` to where its reader sits.

    To be run there; the link then works as it is. None where the page can be reached without it,
    or where nothing says that its reader sits elsewhere, as a SLURM job or an SSH login do in
    ``environment``. ``node`` is this machine's name, and ``own`` are its addresses.

    A machine that can be reached only through another one is known by the host on which the job
    was submitted, or by an SSH login (handed down to the job) that led to another machine.
    """
    login = environment.get("SSH_CONNECTION", "").split()
    is_job = "SLURM_JOB_ID" in environment
    if not (is_job or login) or not is_loopback(host) or not _PLAIN.fullmatch(node):
        return None
    server, server_port = (login[2], login[3]) if len(login) == 4 else ("", "")
    submitted = environment.get("SLURM_SUBMIT_HOST", "") if is_job else ""
    words = ["ssh"]
    if _PLAIN.fullmatch(submitted):
        if _short(submitted) != _short(node):
            words += ["-J", submitted]
    elif is_address(server) and server_port.isdecimal():
        on = "" if server_port == str(_SSH_PORT) else server_port
        if server.partition("%")[0] not in own:
            words += ["-J", _with_port(server, on)]
        elif on:
            words += ["-p", on]
    words += ["-L", f"{port}:{bracketed(host)}:{port}", node]
    return " ".join(words)


def is_loopback(host: str) -> bool:
    """Whether a server at ``host`` can be reached from this machine alone."""
    return ipaddress.ip_address(host).is_loopback if is_address(host) else host == "localhost"


def bracketed(host: str) -> str:
    """``host`` as it stands before a colon and a port."""
    return f"[{host}]" if ":" in host else host


def _with_port(host: str, port: str) -> str:
    return f"{bracketed(host)}:{port}" if port else bracketed(host)


def _short(name: str) -> str:
    return name.partition(".")[0].lower()


def _used_towards_others() -> list[str]:
    """The address of this machine in the packets to other networks, for each kind of address."""
    found = []
    for family, foreign in _FOREIGN:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((foreign, 9))  # sends nothing: it looks into the table of routes
            found.append(str(asked.getsockname()[0]))
    return found


def _addresses_of(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


def _is_for_others(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
