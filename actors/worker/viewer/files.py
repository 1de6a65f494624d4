"""The files of the viewers' page, as aiohttp handlers on the event loop's thread.

They are those of the room's folder ``page``, and nothing comes from another server: no library.
They hold no secret and are served to everybody, so that each costs little however often it is asked
for: it is packed once, and sent as it is taken.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import gzip
import hashlib
import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web

_JS: Final = "text/javascript"
_KINDS: Final = {"html": "text/html", "css": "text/css", "js": _JS}

STYLE: Final = "viewer.css"
SCRIPT: Final = "viewer.js"

_IMPORT: Final = re.compile(rb'from "\./([a-z]+\.js)"')

_PAGE: Final = importlib.resources.files("actors.worker.viewer") / "page"

CHUNK: Final = 64 * 1024
"""Bytes that are written at once: more would wait in memory for who reads slowly."""


@dataclass(frozen=True, slots=True)
class _Content:
    plain: bytes
    packed: bytes
    etag: str


async def page(request: web.Request) -> web.StreamResponse:
    """The page itself."""
    return await _send(request, "index.html")


async def file(request: web.Request) -> web.StreamResponse:
    """A file that the page loads: the one of ``names`` that the request's ``file`` is."""
    return await _send(request, request.match_info["file"])


def names() -> list[str]:
    """The files that the page loads."""
    found = (item.name for item in _PAGE.iterdir())
    return sorted(name for name in found if _kind(name) and name != "index.html")


def _modules() -> list[str]:
    return [name for name in names() if _kind(name) == _JS]


async def _send(request: web.Request, name: str) -> web.StreamResponse:
    """Send a file, unless the browser has it: it asks each time whether that is still the same."""
    sent = await asyncio.to_thread(content, name)
    response = web.StreamResponse(headers={"Cache-Control": "no-cache", "Vary": "Accept-Encoding"})
    response.etag = sent.etag
    if sent.etag in (etag.value for etag in request.if_none_match or ()):
        response.set_status(304)
        await response.prepare(request)
        return response
    response.content_type, response.charset = _kind(name) or "", "utf-8"
    body = sent.plain
    if "gzip" in request.headers.get("Accept-Encoding", "").lower():
        response.headers["Content-Encoding"] = "gzip"
        body = sent.packed
    response.content_length = len(body)
    await response.prepare(request)
    if request.method != "HEAD":
        for start in range(0, len(body), CHUNK):
            await response.write(body[start : start + CHUNK])
    await response.write_eof()
    return response


@functools.cache
def content(name: str) -> _Content:
    """A file as it is sent; blocks the first time. Raises OSError."""
    body = (_PAGE / name).read_bytes()
    if name == "index.html":
        body = body.replace(b"</head>", f"{_preloads()}</head>".encode(), 1)
    return _Content(body, gzip.compress(body, mtime=0), hashlib.sha256(body).hexdigest()[:16])


def page_with(run: bytes) -> bytes:
    """The whole page in one HTML file, with a ``run`` (JSON) in it that it shows.

    Modules import each other by names that stand in a map: there is nothing beside the file.
    """
    addresses = {name: f"data:{_JS};base64,{_module(name)}" for name in _modules()}
    style = _PAGE.joinpath(STYLE).read_text("utf-8")
    page = _PAGE.joinpath("index.html").read_text("utf-8")
    parts = {
        f'<link rel="stylesheet" href="{STYLE}" />': f"<style>{style}</style>",
        f'<script type="module" src="{SCRIPT}"></script>': (
            '<script type="application/json" id="kept-run">RUN</script>'
            f'<script type="importmap">{json.dumps({"imports": addresses})}</script>'
            f'<script type="module">import "{SCRIPT}";</script>'
        ),
    }
    for part, replacement in parts.items():
        assert part in page, part
        page = page.replace(part, replacement, 1)
    # In a script no text ends it, or begins another.
    return page.encode().replace(b"RUN", run.replace(b"<", b"\\u003c"), 1)


def _module(name: str) -> str:
    """A module in base64 whose imports are names."""
    return base64.b64encode(_IMPORT.sub(rb'from "\1"', _PAGE.joinpath(name).read_bytes())).decode()


def _preloads() -> str:
    """All modules are asked for at once, not each when another one that imports it has come."""
    return "".join(f'<link rel="modulepreload" href="{name}">' for name in _modules())


def _kind(name: str) -> str | None:
    return _KINDS.get(name.rpartition(".")[2])
