"""Guard: what each request passes, and each answer, on the event loop's thread.

The rules themselves are in ``access``; what is refused is closed by ``connections``.
"""

from __future__ import annotations

import html
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from actors.worker.viewer.access import RefusedError
from actors.worker.viewer.answers import ROLE, error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.worker.viewer.access import Access, Role
    from actors.worker.viewer.connections import HttpConnections

log = logging.getLogger(__name__)

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_NO_ACCESS: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="dark light">
<title>No access</title><main><h1>No access</h1><p>{}.</p></main></html>"""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets a request in, or answers with the reason why not.

    ``for_everybody`` are the handlers of the page's own files; all else needs the token.
    """

    access: Access
    connections: HttpConnections
    for_everybody: tuple[Callable[..., object], ...]

    def let_in(self, request: web.Request) -> Role | None:
        """What the request's token permits, where one is needed. Raises RefusedError."""
        role = None
        try:
            self.access.check_host(request.headers)
            if request.match_info.handler not in self.for_everybody:
                self.access.check_origin(request.headers)
                role = self.access.check_token(request.headers)
        finally:
            self.connections.heard(request, role)
        return role

    @web.middleware
    async def answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """The answer of ``handler``, which may raise RefusedError; aiohttp's middleware."""
        try:
            role = self.let_in(request)
            if role is not None:
                request[ROLE] = role
            return await handler(request)
        except RefusedError as refusal:
            if request.path.endswith("/"):
                text = _NO_ACCESS.format(html.escape(str(refusal)))
                return web.Response(status=refusal.status, text=text, content_type="text/html")
            return error(refusal.status, str(refusal))
        except web.HTTPException as exception:
            return error(exception.status, exception.reason)
        except ConnectionError:
            raise  # it is gone
        except Exception as exception:  # what aiohttp raises for a half-valid request is anything
            log.warning("%s %s failed: %r", request.method, request.path, exception)
            return error(400, f"the request cannot be handled: {exception!r:.200}")

    async def complete(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called before an answer is sent: browsers' rules for it, and the end behind a refusal."""
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status >= 400:
            self.connections.refused(request)
            response.force_close()
            response.headers["Connection"] = "close"
