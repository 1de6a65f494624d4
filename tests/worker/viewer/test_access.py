"""Who is let in, and from where."""

import asyncio
import base64
import json
import socket
from contextlib import AsyncExitStack
from urllib.parse import quote, urlsplit

import aiohttp
import pytest

from actors.worker.viewer.access import (
    ORIGIN_HEADER,
    TOKEN_HEADER,
    Access,
    Role,
    host_name,
    new_token,
    token_of,
)
from actors.worker.viewer.viewers import ARRIVALS
from messages import EVENTS_PROTOCOL, PAGES_PROTOCOL, ServingFailed
from tests.support.addresses import fixed_addresses, occupied, parts_of, port_of
from tests.support.served_page import TOKEN, WATCH, Served

pytestmark = pytest.mark.asyncio

FILES = ["/", "/viewer.js", "/viewer.css"]
PATHS = ["/session", "/digest", "/ws", "/none"]
EVIL = "http://evil.example"
ODD = '100%25 sure + "quoted" / #1 & ?token=x; ~'
"""A token that must not be taken apart anywhere."""


def as_protocol(token: str) -> str:
    return "token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize("token", [TOKEN, ODD])
async def test_the_link_has_the_token_where_no_server_sees_it(serve, token):
    served = await serve(access=Access(token, WATCH))
    for link, mine in ((served.started.link, token), (served.started.read_only_link, WATCH)):
        where = urlsplit(link)
        assert (where.path, where.query) == ("/", "")
        assert where.fragment == f"token={quote(mine, safe='')}"
        assert parts_of(link) == (served.base, mine)


@pytest.mark.parametrize("token", [TOKEN, WATCH, ODD])
async def test_a_link_of_the_former_kind_is_moved_there(serve, token):
    served = await serve(access=Access(token if token == ODD else TOKEN, WATCH))
    query = {"a": "1 & 2", "token": token, "transport": "ws"}
    async with served.visitor(None) as session:
        for path in ("/", "/?"):
            async with session.get(path, params=query, allow_redirects=False) as r:
                assert r.status == 303
                # It is relative: behind a proxy the page's path is another one.
                assert r.headers["Location"] == (
                    f"./?a=1+%26+2&transport=ws#token={quote(token, safe='')}"
                )
                assert r.headers["Cache-Control"] == "no-store"
                assert "Set-Cookie" not in r.headers
        async with session.get("/", params={"token": token}, allow_redirects=False) as r:
            assert r.headers["Location"] == f"./#token={quote(token, safe='')}"


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "\xff", "\r\nX: y"])
async def test_a_query_with_somebody_elses_token_is_left_alone(served, token):
    """As that of a Jupyter server before the worker: the page's own is behind it."""
    query = {"token": token}
    async with (
        served.visitor(None) as session,
        session.get("/", params=query, allow_redirects=False) as r,
    ):
        assert r.status == 200
        assert "<html" in await r.text()


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("token", [None, "wrong"])
async def test_the_pages_own_files_need_no_token(served, path, token):
    async with served.visitor(token) as session, session.get(path) as r:
        assert r.status == 200
        body = await r.read()
        for secret in (TOKEN, WATCH, served.base, "a run"):
            assert secret.encode() not in body


async def test_no_answer_sets_a_cookie_and_a_cookie_permits_nothing(served):
    async with served.visitor() as session:
        for path in (*FILES, "/session", "/none"):
            async with session.get(path) as r:
                assert "Set-Cookie" not in r.headers
    cookie = {"Cookie": f"sleap_progress_12345678={TOKEN}; token={TOKEN}"}
    async with served.visitor(None, headers=cookie) as session, session.get("/session") as r:
        assert r.status == 401


async def test_a_read_only_link_may_watch_alone(served):
    async with served.visitor(WATCH) as session, session.get("/session") as r:
        assert (await r.json())["may_control"] is False


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "\xff" * 20])
@pytest.mark.parametrize("kind", ["header", "protocol", "bearer"])
async def test_without_the_token_there_is_nothing_of_the_run(served, path, token, kind):
    headers = {}
    if token is not None:
        headers = {
            "header": {TOKEN_HEADER: token},
            "protocol": {"Sec-WebSocket-Protocol": f"{EVENTS_PROTOCOL}, {as_protocol(token)}"},
            "bearer": {"Authorization": f"Bearer {token}"},
        }[kind]
    async with served.visitor(None, headers=headers) as session, session.get(path) as r:
        assert r.status == 401
        error = (await r.json())["error"]
        assert error.startswith("open the link that the worker has printed")
        assert ("earlier start" in error) is bool(token)


async def test_without_the_token_no_offer_is_answered(served):
    async with served.visitor(None) as session, session.post("/offer", json={}) as r:
        assert r.status == 401


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_in_the_address_counts_for_nothing(served, path):
    async with served.visitor(None) as session, session.get(path, params={"token": TOKEN}) as r:
        assert r.status == 401


@pytest.mark.parametrize("token", [TOKEN, ODD])
async def test_a_token_may_come_in_three_ways(serve, token):
    served = await serve(access=Access(token))
    for headers in (
        {TOKEN_HEADER: quote(token)},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"token {token}"},
        {"Sec-WebSocket-Protocol": f"{EVENTS_PROTOCOL}, {as_protocol(quote(token))}"},
        {TOKEN_HEADER: quote(token), "Authorization": "Basic YWxpY2U6c2VjcmV0"},
        {TOKEN_HEADER: quote(token), "Authorization": "Bearer of-the-proxy-before-it"},
    ):
        async with served.visitor(None, headers=headers) as session, session.get("/session") as r:
            assert r.status == 200, headers


@pytest.mark.parametrize(
    "spoken", [(EVENTS_PROTOCOL,), (PAGES_PROTOCOL, EVENTS_PROTOCOL), ("unknown", PAGES_PROTOCOL)]
)
async def test_a_websocket_gets_its_token_as_a_protocol_and_never_back(served, spoken):
    protocols = (*spoken, as_protocol(TOKEN))
    async with served.visitor() as session:
        query = {"client": "abcdefgh", "after": "0", "instance": await served.instance(session)}
    async with (
        served.visitor(None) as session,
        session.ws_connect("/ws", params=query, protocols=protocols) as socket,
    ):
        assert socket.protocol == next(each for each in spoken if each != "unknown")
        shown = str(socket._response.headers)
        assert as_protocol(TOKEN) not in shown
        assert TOKEN not in shown


async def test_a_websocket_with_the_token_as_its_only_protocol_is_refused_and_logged_nowhere(
    served, caplog
):
    async with served.visitor() as session:
        query = {"client": "abcdefgh", "after": "0", "instance": await served.instance(session)}
    async with served.visitor(None) as session:
        for protocols in ([as_protocol(TOKEN)], [as_protocol(TOKEN), "another"]):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await session.ws_connect("/ws", params=query, protocols=protocols)
            assert refusal.value.status == 400
    assert as_protocol(TOKEN) not in caplog.text


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
        ("LOCALHOST:1", 200),
        ("localhost.", 200),
        ("localhost.:8765", 200),
        ("localhost:", 200),
        ("localhost..", 421),
        ("[::ffff:127.0.0.1]", 200),
        ("[fe80::1%25eth0]:80", 200),
        ("[fe80::1%eth0]:80", 200),
        ("::1", 421),
        ("[localhost]", 421),
        ("evil.example@localhost", 421),
        ("localhost/evil.example", 421),
        ("localhost:x", 421),
        ("2130706433", 421),
        (f"{socket.gethostname().upper()}:443", 200),
        (f"{socket.gethostname()}.", 200),
        ("x" * 5000, 421),
    ],
)
async def test_a_name_that_is_not_this_machines_is_refused(served, host, status):
    """As DNS rebinding would have a browser ask."""
    async with served.visitor() as session, session.get("/session", headers={"Host": host}) as r:
        assert r.status == status


@pytest.mark.parametrize("host", ["gpu.example", "gpu.example:443", "GPU.example.:8443"])
async def test_a_proxys_name_may_be_allowed(serve, host):
    served = await serve(access=Access(TOKEN, names=frozenset({"gpu.example"})))
    async with served.visitor(headers={"Host": host}) as session, session.get("/session") as r:
        assert r.status == 200


@pytest.mark.parametrize("path", ["/", "/session", "/none"])
async def test_a_name_that_is_refused_is_told_with_the_option_for_it(served, path):
    for host, option in (
        ("gpu.example:8443", "--allow-host gpu.example"),
        ("<script>alert(1)</script>", "--allow-host NAME"),
    ):
        headers = {"Host": host}
        async with served.visitor(headers=headers) as session, session.get(path) as r:
            text = await r.text()
            assert (r.status, option in text) == (421, True)
            assert "<script" not in text
            if path == "/":
                assert "<h1>No access</h1>" in text


async def test_what_a_proxy_says_of_itself_is_not_believed(served):
    for name in ("X-Forwarded-Host", "Forwarded", "X-Real-Ip", "X-Forwarded-For"):
        headers = {"Host": "evil.example", name: "localhost", "Origin": EVIL}
        async with served.visitor(headers=headers) as session, session.get("/session") as r:
            assert r.status == 421
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}
    async with (
        served.visitor(None, headers=headers) as session,
        session.get("/", params={"token": TOKEN}, allow_redirects=False) as r,
    ):
        assert r.headers["Location"].startswith("./#token=")


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"Origin": EVIL}, "--allow-host evil.example"),
        ({ORIGIN_HEADER: EVIL}, "--allow-host evil.example"),
        ({"Origin": "null"}, "a page of no known site"),
        ({"Origin": "file://"}, "a page of no known site"),
        ({"Origin": ""}, "a page of no known site"),
        ({"Origin": "chrome-extension://localhost"}, "a page of no known site"),
        ({"Origin": "http://localhost.evil.example"}, "--allow-host localhost.evil.example"),
        ({"Origin": "http://192.0.2.7"}, "--allow-host 192.0.2.7"),
        ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, "another site's page"),
        ({"Sec-Fetch-Site": "cross-site"}, "another site's page"),
        ({"Sec-Fetch-Site": "same-site"}, "another site's page"),
    ],
)
async def test_another_sites_page_reaches_nothing_that_acts(served, headers, says):
    async with served.visitor() as session:
        query = {"client": "abcdefgh", "after": "0", "instance": await served.instance(session)}
        for path in ("/offer", "/session", "/digest", "/ws"):
            method = "POST" if path == "/offer" else "GET"
            async with session.request(method, path, params=query, headers=headers) as r:
                assert (r.status, says in (await r.json())["error"]) == (403, True)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await session.ws_connect("/ws", params=query, headers=headers)
        assert refusal.value.status == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8765", "http://127.0.0.1:1"),  # nginx's default Host
        ("localhost", "https://localhost:8443"),  # its $host, which has no port
        ("127.0.0.1:8765", "https://GPU.example:8443"),
        ("gpu.example", "http://gpu.example.:8080"),
        ("127.0.0.1:8765", f"http://{socket.gethostname()}:81"),
        ("192.0.2.7", "http://192.0.2.7:81"),  # a router translates it
        ("[2001:db8::1]:80", "http://[2001:DB8:0::1]:81"),
    ],
)
async def test_the_names_of_a_page_count_and_not_its_port(serve, host, origin):
    names = frozenset({"gpu.example", socket.gethostname().lower()})
    served = await serve(access=Access(TOKEN, names=names))
    headers = {"Host": host, "Origin": origin, ORIGIN_HEADER: origin}
    async with (
        served.visitor(headers=headers) as session,
        served.websocket(session, "abcdefgh"),
        session.post("/offer", json={}) as r,
    ):
        assert r.status == 400  # it is no offer


async def test_the_page_itself_may(served):
    headers = {"Origin": served.base}
    async with served.visitor(headers=headers) as session, served.websocket(session, "abcdefgh"):
        pass


@pytest.mark.parametrize("path", ["/", "/session", "/none", "/viewer.js"])
async def test_every_answer_says_what_a_browser_may_do_with_it(served, path):
    for token in (TOKEN, None):
        async with served.visitor(token) as session, session.get(path) as r:
            policy = r.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert r.headers["X-Content-Type-Options"] == "nosniff"
            assert r.headers["Referrer-Policy"] == "no-referrer"
            assert "Access-Control-Allow-Origin" not in r.headers
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
            ("OPTIONS", "/session", 405),
            ("HEAD", "/", 200),
            ("HEAD", "/viewer.js", 200),
            ("HEAD", "/session", 200),
            ("HEAD", "/ws", 400),
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


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None),
        ({TOKEN_HEADER: "a%20b", "Authorization": "Bearer c"}, "a b"),
        ({TOKEN_HEADER: "", "Authorization": "Bearer c"}, ""),
        ({"Sec-WebSocket-Protocol": "x ,token.YQ", "Authorization": "Bearer c"}, "a"),
        ({"Sec-WebSocket-Protocol": "token.YQ, token.Yg"}, "a"),
        ({"Sec-WebSocket-Protocol": "x", "Authorization": "Bearer c"}, "c"),
        ({"Authorization": "Basic c"}, None),
        ({"Authorization": "bEARER c d"}, "c d"),
    ],
)
async def test_the_first_token_counts_alone(headers, token):
    assert token_of(headers) == token


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (None, None),
        ("", None),
        (".", None),
        ("[::1]:8765", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("Example.ORG.:80", "example.org"),
        ("a b", None),
        ("a\nb", None),
        ("a\n", None),
    ],
)
async def test_a_name_has_one_spelling(host, name):
    assert host_name(host) == name
