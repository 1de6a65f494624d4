"""The files of the viewers' page, as aiohttp handlers on the event loop's thread.

They are those of the room's folder ``page`` and the plotting library that the package plotly
ships: nothing comes from another server.
"""

from __future__ import annotations

import asyncio
import importlib.resources
from typing import Final

from aiohttp import web

_KINDS: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

_PAGE: Final = importlib.resources.files("actors.worker.viewer") / "page"

PLOT_LIBRARY: Final = "plotly.min.js"


def page() -> web.Response:
    """The page itself."""
    return _read("index.html")


def routes() -> list[web.RouteDef]:
    """A route for each file that the page loads."""
    names = sorted(file.name for file in _PAGE.iterdir() if file.name != "index.html")
    return [
        web.get(f"/{PLOT_LIBRARY}", _plot_library),
        *(web.get(f"/{name}", _file) for name in names if _kind(name) is not None),
    ]


async def _file(request: web.Request) -> web.StreamResponse:
    return _read(request.path.removeprefix("/"))


async def _plot_library(request: web.Request) -> web.StreamResponse:
    del request
    file = importlib.resources.files("plotly") / "package_data" / PLOT_LIBRARY
    body = await asyncio.to_thread(file.read_bytes)
    response = web.Response(body=body, content_type=_KINDS["js"], charset="utf-8")
    response.enable_compression()
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _read(name: str) -> web.Response:
    text = (importlib.resources.files("actors.worker.viewer") / "page" / name).read_text(
        encoding="utf-8"
    )
    return web.Response(text=text, content_type=_kind(name))


def _kind(name: str) -> str | None:
    return _KINDS.get(name.rpartition(".")[2])
