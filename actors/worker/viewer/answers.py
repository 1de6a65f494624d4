"""What the answers to several kinds of requests have in common."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from actors.worker.viewer.access import RefusedError, Role

ROLE: Final = web.RequestKey("role", Role)
"""What the token of a request permits: of each but those for the page's own files."""


def error(status: int, text: str) -> web.Response:
    """A refusal; ``text`` says why and what to do."""
    return web.json_response({"error": text}, status=status)


def packed(json: bytes, headers: dict[str, str] | None = None) -> web.Response:
    """JSON that is packed with gzip."""
    return web.Response(
        body=json,
        content_type="application/json",
        charset="utf-8",
        headers={"Content-Encoding": "gzip", **(headers or {})},
    )


def fields_of(request: web.Request) -> dict[str, str]:
    """What a GET asks for: fields of the query, or parts of the path.

    The page has them in the path. Open OnDemand's proxy loses the query.
    """
    return {**request.query, **request.match_info}


def check_instance(given: object, own: str) -> None:
    """Raise RefusedError, 409, where a page asks that another start of the worker has told."""
    if given != own:
        raise RefusedError(409, "the worker has been started again")
