"""Serving: where the page is to be served and to whom, as the command line asks for it.

It imports what serves a page: whoever serves none leaves it alone.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from actors.worker.command_line import RANDOM, PlanError, version
from actors.worker.options import DEFAULT_PORT
from actors.worker.viewer import Access, ViewerSettings, host_name, new_token, own_names

if TYPE_CHECKING:
    import argparse


def viewers_of(options: argparse.Namespace, title: str) -> ViewerSettings:
    """Where the page is served, and to whom. Raises PlanError."""
    host = options.host.strip("[]")
    watch = options.read_only_token
    names = own_names()
    names |= {host.lower(), *map(_allowed, options.allow_host)}
    return ViewerSettings(
        access=Access(
            options.token or new_token(),
            new_token() if watch == RANDOM else watch,
            names=names,
        ),
        host=host,
        port=DEFAULT_PORT if options.port is None else options.port,
        free_port_if_in_use=options.port is None,
        ice_servers=tuple(options.ice_server),
        certfile=options.certfile,
        keyfile=options.keyfile,
        title=title,
        host_name=socket.gethostname(),
        version=version(),
        replay=options.replay is not None,
    )


def _allowed(text: str) -> str:
    """The name of a host, out of what somebody may write for it. Raises PlanError."""
    try:
        address = text.count(":") > 1 and not {"[", "/"} & {*text}
        where = f"[{text}]" if address else urlsplit(text if "//" in text else f"//{text}").netloc
        name = host_name(where.encode("idna").decode())  # as browsers write it
    except ValueError:
        name = None
    if name is None or "*" in name:
        raise PlanError(f"--allow-host takes the whole name of a host, and {text!r} is none")
    return name
