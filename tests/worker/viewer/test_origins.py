"""From where the page may be asked: the names of this machine, and no other site's page."""

import socket

import aiohttp
import pytest

from actors.worker.viewer.access import ORIGIN_HEADER, Access, host_name
from tests.support.served_page import TOKEN

pytestmark = pytest.mark.asyncio

EVIL = "http://evil.example"


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
