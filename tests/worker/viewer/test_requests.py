"""Requests that are refused whoever sends them: they make no sense, or there are too many."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
from yarl import URL

from actors.worker.viewer.access import TOKEN_HEADER
from actors.worker.viewer.viewers import ARRIVALS
from tests.support.served_page import WATCH

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"client": "abcdefgh", "after": "0", "instance": "another"}, 409),
        ({"client": "abcdefgh", "after": "0"}, 400),
        ({"after": "0", "instance": None}, 400),
        ({"client": "short", "after": "0", "instance": None}, 400),
        ({"client": "x" * 65, "after": "0", "instance": None}, 400),
        ({"client": "../../etc", "after": "0", "instance": None}, 400),
        ({"client": "abcdefgh", "after": "-1", "instance": None}, 400),
        ({"client": "abcdefgh", "after": "many", "instance": None}, 400),
        ({"client": "abcdefgh", "after": "9" * 5000, "instance": None}, 400),
    ],
)
async def test_a_connection_that_makes_no_sense_is_refused_with_a_reason(served, query, status):
    async with served.visitor() as session:
        instance = await served.instance(session)
        fields = {name: instance if value is None else value for name, value in query.items()}
        async with session.get("/ws", params=fields) as r:
            assert (r.status, bool((await r.json())["error"])) == (status, True)
        async with session.post("/offer", json={"sdp": "", "type": "offer", **fields}) as r:
            assert r.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'"offer"',
        b"\xff",
        b"[" * 50_000,
        json.dumps({"sdp": 3, "type": "offer"}).encode(),
        b'{"sdp": "", "type": "offer", "client": "viewer-1", "after": Infinity}',
    ],
)
async def test_an_offer_that_is_none_is_refused(served, body):
    async with served.visitor() as session, session.post("/offer", data=body) as r:
        assert r.status == 400


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/x; charset=none-such"}, {"Content-Encoding": "gzip"}]
)
async def test_an_offer_in_an_unknown_encoding_is_refused(served, headers, caplog):
    async with (
        served.visitor() as session,
        session.post("/offer", data=b"{}", headers=headers) as r,
    ):
        assert r.status == 400
        assert "Content-Security-Policy" in r.headers
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer \udcff"},
        {TOKEN_HEADER: "\udcff"},
        {TOKEN_HEADER: "%ff%zz%"},
        {"Sec-WebSocket-Protocol": "token.\udcff"},
        {"Sec-WebSocket-Protocol": "token.=, token.!!!"},
        {"Origin": "http://["},
        {"Origin": "http://\udcff"},
    ],
)
async def test_headers_that_are_no_text_are_refused_like_any_others(served, headers, caplog):
    host = served.base.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    lines = [f"POST /offer HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    writer.write("".join([*lines, "\r\n"]).encode(errors="surrogateescape"))
    assert (await reader.readline()).split()[1] in (b"401", b"403")
    writer.close()
    await writer.wait_closed()
    assert caplog.text == ""


async def test_a_body_that_is_too_large_is_refused(served):
    async with served.visitor() as session, session.post("/offer", data=b"x" * 100_000) as r:
        assert r.status == 413


async def test_other_methods_and_paths_are_refused(served):
    async with served.visitor() as session:
        for method, path, status in (
            ("POST", "/", 405),
            ("DELETE", "/session", 405),
            ("GET", "/offer", 405),
            ("GET", "/../setup.cfg", 404),
            ("GET", "/viewer/index.html", 404),
            ("OPTIONS", "/session", 405),
            ("HEAD", "/", 200),
            ("HEAD", "/viewer.js", 200),
            ("HEAD", "/session", 200),
            ("HEAD", "/ws", 400),
        ):
            async with session.request(method, path) as r:
                assert r.status == status


@pytest.mark.parametrize("prefix", ["/", "/kept/", "/node/gpu-node-17/8765/", "/runs/"])
async def test_a_prefix_that_a_proxy_keeps_is_passed_over(served, prefix):
    async with served.visitor(None) as stranger, served.visitor() as session:
        for path in ("", "viewer.js", "access.js"):
            async with stranger.get(prefix + path) as r:
                assert (r.status, r.url.path) == (200, prefix + path)
        for path in ("session", "digest", "batches", "ws", "runs/20261127-120000"):
            async with stranger.get(prefix + path) as r:
                assert r.status == 401, path
        for path, status in (("session", 200), ("digest", 200), ("batches", 400), ("ws", 400)):
            async with session.get(prefix + path) as r:
                assert r.status == status, path


@pytest.mark.parametrize(
    "path", ["/kept%2Fviewer.js", "/runs/a%2Fviewer.js", "/session/viewer", "/viewer.js/session"]
)
async def test_what_only_looks_like_a_file_of_the_page_needs_the_token(served, path):
    async with (
        served.visitor(None) as stranger,
        stranger.get(URL(served.base + path, encoded=True)) as r,
    ):
        assert r.status == 401


async def test_viewers_are_limited_in_number(serve):
    served = await serve(max_viewers=2)
    async with (
        served.visitor() as session,
        served.websocket(session, "viewer-1"),
        served.websocket(session, "viewer-2"),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with served.websocket(session, "viewer-3"):
                pass
        assert refusal.value.status == 503


async def test_who_may_only_watch_does_not_keep_out_who_may_stop(serve):
    served = await serve(max_viewers=4)
    async with AsyncExitStack() as stack:
        watcher = await stack.enter_async_context(served.visitor(WATCH))
        for number in range(3):
            await stack.enter_async_context(served.websocket(watcher, f"watcher-{number}"))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await stack.enter_async_context(served.websocket(watcher, "watcher-3"))
        assert refusal.value.status == 503
        owner = await stack.enter_async_context(served.visitor())
        await stack.enter_async_context(served.websocket(owner, "the-owner"))


async def test_connections_that_are_made_without_end_are_refused_those_of_their_kind(served):
    async with AsyncExitStack() as stack:
        watcher = await stack.enter_async_context(served.visitor(WATCH))
        query = {
            "client": "again-and-again",
            "after": "0",
            "instance": await served.instance(watcher),
        }
        for _ in range(100 * ARRIVALS):
            async with watcher.get("/ws", params=query) as r:
                if r.status == 429:
                    assert "wait a moment" in (await r.json())["error"]
                    break
        assert r.status == 429
        owner = await stack.enter_async_context(served.visitor())
        await stack.enter_async_context(served.websocket(owner, "the-owner"))
