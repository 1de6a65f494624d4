"""The page behind a real nginx, asked as a browser asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from actors.worker.viewer import Access
from actors.worker.viewer.access import ORIGIN_HEADER, TOKEN_HEADER
from tests.support.addresses import port_of
from tests.support.proxies import WAYS, Nginx, needs_nginx
from tests.support.served_page import TOKEN, WATCH
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.asyncio, needs_nginx]

NAME = "gpu.localhost"


@pytest_asyncio.fixture
async def behind(serve, tmp_path) -> AsyncIterator:
    """Serves a page behind an nginx."""
    with contextlib.ExitStack() as stack:

        async def behind(**settings):
            served = await serve(**settings)
            nginx = Nginx(tmp_path / "nginx", port_of(served.base))
            await asyncio.to_thread(stack.enter_context, nginx)
            return served, nginx

        yield behind


@contextlib.asynccontextmanager
async def browser(base: str, token: str | None = TOKEN):
    """A session that sends what the page at ``base`` sends, and finds its name."""
    where = urlsplit(base)
    headers = {"Host": where.netloc, "Origin": f"{where.scheme}://{where.netloc}"}
    headers |= {"Sec-Fetch-Site": "same-origin", ORIGIN_HEADER: headers["Origin"]}
    headers |= {TOKEN_HEADER: quote(token)} if token is not None else {}
    reached = base.replace(where.hostname or "", "127.0.0.1", 1)
    async with aiohttp.ClientSession(
        reached,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        connector=aiohttp.TCPConnector(ssl=False),
    ) as session:
        yield session


async def refusal(base: str, path: str) -> tuple[int, str]:
    async with browser(base) as session, session.get(path) as r:
        return r.status, (await r.json())["error"]


async def test_all_of_the_page_comes_by_each_way_and_no_log_has_the_token(behind):
    served, nginx = await behind(access=Access(TOKEN, WATCH, names=frozenset({NAME})))
    async with served.training() as trainer:
        trainer.send("a report")
        for number, way in enumerate(WAYS, start=100):
            async with browser(nginx.base(way, NAME)) as session:
                for path in ("", "viewer.js", "viewer.css", "session", "digest"):
                    async with session.get(path) as r:
                        assert r.status == 200, (way, path)
                async with session.post("offer", json={}) as r:
                    assert (r.status, "not an offer" in await r.text()) == (400, True), way
                async with served.websocket(session, f"viewer-{number}") as ws:
                    assert await ws.messages(1) == ["a report"], way
    logs = nginx.logs()
    assert "GET /session" in logs
    assert quote(TOKEN) not in logs
    assert TOKEN not in logs


@pytest.mark.parametrize("way", WAYS)
async def test_a_link_of_the_former_kind_leads_to_the_page_behind_the_proxy(behind, way):
    _, nginx = await behind(access=Access(TOKEN, names=frozenset({NAME})))
    base = nginx.base(way, NAME)
    async with browser(base, None) as session, session.get("", params={"token": TOKEN}) as r:
        assert (r.status, r.url.path, r.url.query_string) == (200, urlsplit(base).path, "")
        assert r.history[0].headers["Location"].endswith(f"#token={quote(TOKEN)}")


@pytest.mark.parametrize("way", WAYS)
async def test_a_name_that_is_not_allowed_is_told_with_the_option_for_it(behind, way):
    _, nginx = await behind()
    status, error = await refusal(nginx.base(way, NAME), "session")
    # Only a Host that the proxy passes on can be refused as such.
    assert status == (403 if WAYS[way][2] == "$proxy_host" else 421)
    assert f"--allow-host {NAME}" in error


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_token_there_is_nothing_behind_the_proxy(behind, way):
    _, nginx = await behind()
    for token in (None, "wrong"):
        async with browser(nginx.base(way), token) as session, session.get("session") as r:
            assert r.status == 401
            assert "the link that the worker has printed" in (await r.json())["error"]
