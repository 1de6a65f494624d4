"""Who is let in, and from where."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest

from actors.worker.viewer.access import Access, Role, is_loopback, new_token
from actors.worker.viewer.connections import MAX_SILENT
from actors.worker.viewer.server import ARRIVALS
from messages import ServingFailed
from tests.support.addresses import fixed_addresses, occupied, port_of
from tests.support.served_page import TOKEN, WATCH, Served
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.asyncio

PATHS = ["/", "/viewer.js", "/viewer.css", "/plotly.min.js", "/session", "/ws"]
EVIL = "http://evil.example"


async def test_the_link_gives_a_cookie_and_leaves_the_address_bar(served):
    async with served.visitor(None) as session:
        async with session.get(
            "/", params={"token": TOKEN, "transport": "ws"}, allow_redirects=False
        ) as r:
            assert (r.status, r.headers["Location"]) == (303, "/?transport=ws")
            cookie = r.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        async with session.get("/session") as r:
            assert r.status == 200
            assert (await r.json())["may_control"] is True


async def test_a_read_only_link_may_watch_alone(served):
    async with served.visitor(WATCH) as session, session.get("/session") as r:
        assert (await r.json())["may_control"] is False


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "\xff" * 20])
async def test_without_the_token_nothing_is_served(served, path, token):
    async with served.visitor(None) as session:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with session.get(path, headers=headers) as r:
            assert r.status == 401
            assert "Set-Cookie" not in r.headers
            assert "link that the worker has printed" in await r.text()


async def test_without_the_token_no_offer_is_answered(served):
    async with served.visitor(None) as session, session.post("/offer", json={}) as r:
        assert r.status == 401


@pytest.mark.parametrize("path", PATHS[1:])
async def test_a_token_in_the_address_counts_for_the_page_alone(served, path):
    async with served.visitor(None) as session, session.get(path, params={"token": TOKEN}) as r:
        assert r.status == 401


async def test_a_program_may_send_the_token_as_a_header(served):
    async with served.visitor(None) as session:
        for scheme in ("Bearer", "token"):
            async with session.get("/session", headers={"Authorization": f"{scheme} {TOKEN}"}) as r:
                assert r.status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
        ("localhost:9999", 200),
        ("127.0.0.1", 200),
        ("[::1]:8765", 200),
        ("192.0.2.7:80", 200),
    ],
)
async def test_a_name_that_is_not_this_machines_is_refused(served, host, status):
    """As DNS rebinding would have a browser ask."""
    async with served.visitor() as session, session.get("/session", headers={"Host": host}) as r:
        assert r.status == status


async def test_a_proxys_name_may_be_allowed(serve):
    served = await serve(access=Access(TOKEN, names=frozenset({"gpu.example"})))
    headers = {"Host": "gpu.example:443"}
    async with served.visitor() as session, session.get("/session", headers=headers) as r:
        assert r.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_sites_page_reaches_nothing_that_acts(served, headers):
    async with served.visitor() as session:
        async with session.post("/offer", json={}, headers=headers) as r:
            assert r.status == 403
        query = {"client": "abcdefgh", "after": "0", "instance": await served.instance(session)}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await session.ws_connect("/ws", params=query, headers=headers)
        assert refusal.value.status == 403


async def test_the_page_itself_may(served):
    headers = {"Origin": served.base}
    async with served.visitor(headers=headers) as session, served.websocket(session, "abcdefgh"):
        pass


@pytest.mark.parametrize("path", ["/", "/session", "/none", "/viewer.js", "/plotly.min.js"])
async def test_every_answer_says_what_a_browser_may_do_with_it(served, path):
    for token in (TOKEN, None):
        async with served.visitor(token) as session, session.get(path) as r:
            policy = r.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-eval" not in policy
            assert r.headers["X-Content-Type-Options"] == "nosniff"
            assert r.headers["Referrer-Policy"] == "no-referrer"
            if path == "/session":
                assert r.headers["Cache-Control"] == "no-store"


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


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer \udcff"}, {"Origin": "http://["}])
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


async def test_who_connects_and_says_nothing_does_not_keep_others_out(served):
    host, port = served.base.removeprefix("http://").split(":")
    silent = [await asyncio.open_connection(host, port) for _ in range(MAX_SILENT + 20)]
    reader, _ = silent[0]
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""  # the oldest one is closed
    async with served.visitor() as session, session.get("/session") as r:
        assert r.status == 200
    for _, writer in silent:
        writer.close()


async def test_who_connects_and_says_nothing_is_closed(serve):
    served = await serve(request_timeout=0.01)
    host, port = served.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    try:
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    except ConnectionResetError:
        pass
    writer.close()


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
        ):
            async with session.request(method, path) as r:
                assert r.status == status


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


async def test_a_port_in_use_is_named_with_who_uses_it(serve):
    [address] = fixed_addresses(1)
    port = port_of(address)
    with occupied(address):
        served = await serve(port=port)
        assert isinstance(served.started, ServingFailed)
        assert f"127.0.0.1:{port}: the port is in use by process" in served.started.reason
        other = await serve(port=port, free_port_if_in_use=True)
        assert other.base.startswith("http://127.0.0.1:")
        assert other.base != f"http://127.0.0.1:{port}"


async def test_a_certificate_that_is_none_is_named(serve, tmp_path):
    (tmp_path / "cert.pem").write_text("nonsense")
    for name in ("cert.pem", "none.pem"):
        served: Served = await serve(certfile=tmp_path / name)
        assert isinstance(served.started, ServingFailed)
        assert "certificate" in served.started.reason


async def test_random_tokens_differ_and_fit_into_a_link():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(t) >= 43 and t.replace("-", "").replace("_", "").isalnum() for t in tokens)


async def test_a_token_permits_what_it_was_made_for():
    access = Access(TOKEN, WATCH)
    assert access.role_of(TOKEN) is Role.CONTROL
    assert access.role_of(WATCH) is Role.WATCH
    for wrong in (None, "", "x", TOKEN.upper()):
        assert access.role_of(wrong) is None
        assert Access(TOKEN, "").role_of(wrong) is None
    assert Access(TOKEN).cookie != Access(WATCH).cookie


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("gpu", False)],
)
async def test_a_server_that_others_can_reach_is_known(host, loopback):
    assert is_loopback(host) is loopback
