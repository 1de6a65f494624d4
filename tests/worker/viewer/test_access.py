"""Whom a token lets in, how it comes, and what it permits."""

import base64
from urllib.parse import quote, urlsplit

import aiohttp
import pytest

from actors.worker.viewer.access import TOKEN_HEADER, Access, Role, new_token, token_of
from messages import EVENTS_PROTOCOL, PAGES_PROTOCOL
from tests.support.addresses import parts_of
from tests.support.served_page import TOKEN, WATCH

pytestmark = pytest.mark.asyncio

FILES = ["/", "/viewer.js", "/viewer.css"]
PATHS = ["/session", "/digest", "/ws", "/none"]
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
