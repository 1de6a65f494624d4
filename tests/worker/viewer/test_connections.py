"""Connections of people who have no token: few, not for long, and none behind a refusal."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from actors.worker.viewer import connections, server, viewers
from actors.worker.viewer.access import TOKEN_HEADER
from actors.worker.viewer.connections import MAX_OF_A_KIND
from tests.support.addresses import has_ipv6
from tests.support.certificates import certificate
from tests.support.served_page import TOKEN, WATCH, Served
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

MANY = 400

ESTABLISHED = 1
"""A connection's state in ``linux/tcp_states.h``."""


class Crowd:
    """Connections that a test makes; all are closed behind it."""

    def __init__(self, served: Served, stack: contextlib.ExitStack) -> None:
        self._where = served.base.partition("://")[2].split(":")
        self._stack = stack
        self.sockets: list[socket.socket] = []

    async def join(self, first: bytes = b"", times: int = MANY) -> None:
        """Connect so often, each time with ``first`` as the first bytes."""
        loop = asyncio.get_running_loop()
        for _ in range(times):
            one = self._stack.enter_context(socket.socket())
            one.setblocking(False)
            await loop.sock_connect(one, (self._where[0], int(self._where[1])))
            self.sockets.append(one)
            if first:
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(one, first)

    def join_over_tls(self, first: bytes, times: int) -> None:
        """The same with a TLS handshake; blocks."""
        for _ in range(times):
            plain = socket.create_connection((self._where[0], int(self._where[1])), PATIENCE)
            one = self._stack.enter_context(trust().wrap_socket(plain))
            self.sockets.append(
                self._stack.enter_context(socket.socket(fileno=os.dup(one.fileno())))
            )
            self.sockets[-1].setblocking(False)
            one.sendall(first)

    def open(self) -> int:
        """How many the other side has not closed."""
        return sum(map(_is_open, self.sockets))


def is_connected(one: socket.socket) -> bool:
    """The same without reading, which would make room for more."""
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) == ESTABLISHED


def _is_open(one: socket.socket) -> bool:
    try:
        while one.recv(65536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest_asyncio.fixture(params=["plain", "tls"])
async def served(request, serve, tmp_path, monkeypatch) -> Served:
    """A page over HTTP, and over HTTPS; what it waits for the other side is short."""
    monkeypatch.setattr(connections, "TLS_CLOSE_TIMEOUT", 0.3)
    monkeypatch.setattr(server, "LINGER", 0.3)
    if request.param == "plain":
        return await serve()
    cert, key = certificate(tmp_path)
    return await serve(certfile=cert, keyfile=key)


def trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def connect(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    scheme, _, where = served.base.partition("://")
    host, _, port = where.partition(":")
    return await asyncio.open_connection(host, int(port), ssl=trust() if scheme[4:] else None)


def request(*lines: str, head: str = "GET / HTTP/1.1", host: str = "localhost") -> bytes:
    return "\r\n".join([head, f"Host: {host}", *lines, "", ""]).encode()


MINE = f"{TOKEN_HEADER}: {quote(TOKEN)}"

HELLO = bytes.fromhex("16030100ff010000fb0303")  # of a TLS handshake, and no more of it


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: ", HELLO])
async def test_who_says_nothing_whole_is_one_of_few(served, stack, first):
    crowd = Crowd(served, stack)
    await crowd.join(first)
    await until(lambda: crowd.open() <= MAX_OF_A_KIND)
    async with served.visitor() as session, session.get("/session", ssl=trust()) as r:
        assert r.status == 200


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: ", HELLO])
async def test_who_says_nothing_whole_is_closed(serve, stack, first, tmp_path):
    cert, key = certificate(tmp_path)
    for options in ({}, {"certfile": cert, "keyfile": key}):
        served = await serve(head_timeout=0.2, **options)
        crowd = Crowd(served, stack)
        await crowd.join(first, 20)
        await until(lambda crowd=crowd: crowd.open() == 0)


async def test_a_handshake_that_takes_no_end_is_closed(serve, tmp_path, stack):
    """It goes on, byte by byte, and never to the end."""
    cert, key = certificate(tmp_path)
    served = await serve(certfile=cert, keyfile=key, head_timeout=0.2)
    crowd = Crowd(served, stack)
    await crowd.join(HELLO[:1], 1)
    [one] = crowd.sockets
    for byte in HELLO[1:] + bytes(200):
        if not crowd.open():
            break
        with contextlib.suppress(ConnectionError):
            one.send(bytes([byte]))
        await asyncio.sleep(0.01)
    await until(lambda: crowd.open() == 0)


REFUSALS = [
    (400, request("Content-Length: x")),
    (400, b"\x00\x01nonsense\r\n\r\n"),
    (400, request(MINE, head="GET /ws HTTP/1.1")),
    (401, request(head="GET /session HTTP/1.1")),
    (401, request(head="HEAD /session HTTP/1.1")),
    (401, request("Content-Length: 50000", head="POST /offer HTTP/1.1")),
    (401, request("Transfer-Encoding: chunked", head="POST /offer HTTP/1.1")),
    (401, request("Content-Length: 9", "Expect: 100-continue", head="POST /offer HTTP/1.1")),
    (403, request("Origin: http://evil.example", head="GET /session HTTP/1.1")),
    (403, request("Sec-Fetch-Site: cross-site", head="GET /ws HTTP/1.1")),
    (404, request(MINE, head="GET /none HTTP/1.1")),
    (404, request(MINE, "Connection: keep-alive", head="GET /none HTTP/1.0")),
    (405, request(MINE, head="DELETE / HTTP/1.1")),
    (405, request(MINE, head="OPTIONS /session HTTP/1.1")),
    (413, request(MINE, "Content-Length: 99999", head="POST /offer HTTP/1.1") + b"x" * 99999),
    (417, request("Expect: nothing", head="GET / HTTP/1.1")),
    (421, request(host="evil.example")),
    (421, request(host="evil.example", head="GET /session HTTP/1.1")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "asked"), REFUSALS)
async def test_behind_every_refusal_the_connection_is_closed(served, status, asked):
    reader, writer = await connect(served)
    writer.write(asked)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()  # to the end
    answers = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert int(answers.split()[1]) == status, answer
    assert b"connection: close" in answer.lower() or status == 400
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def answers(served: Served, asked: bytes) -> int:
    """The status of the answer to ``asked``, behind which the connection has to end."""
    reader, writer = await connect(served)
    writer.write(asked)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


async def test_behind_the_refusals_of_viewers_too(serve, monkeypatch):
    monkeypatch.setattr(viewers, "ARRIVALS", 2)
    served = await serve(max_viewers=2)
    async with served.visitor() as session:
        instance = await served.instance(session)
        where = f"GET /ws?client=abcdefgh&after=0&instance={instance} HTTP/1.1"
        elsewhere = where.replace(instance, "another")
        assert await answers(served, request(MINE, head=elsewhere)) == 409
        assert await answers(served, request(MINE, head=where)) == 400
        assert await answers(served, request(MINE, head=where)) == 400
        assert await answers(served, request(MINE, head=where)) == 429
    served = await serve(max_viewers=0)
    async with served.visitor() as session:
        where = where.replace(instance, await served.instance(session))
    assert await answers(served, request(MINE, head=where)) == 503


@pytest.mark.parametrize("asked", [request(host="evil.example"), REFUSALS[8][1], REFUSALS[5][1]])
async def test_nobody_who_was_refused_stays(served, stack, asked):
    """Not even who neither closes nor reads, sends no body, and answers no end of TLS."""
    crowd = Crowd(served, stack)
    if served.base.startswith("http:"):
        await crowd.join(asked)
    else:
        await asyncio.to_thread(crowd.join_over_tls, asked, 50)
    await until(lambda: crowd.open() == 0)


async def test_who_reads_nothing_of_a_file_is_closed(serve, monkeypatch, stack):
    monkeypatch.setattr(connections, "FILE_TIMEOUT", 0.2)
    served = await serve()
    crowd = Crowd(served, stack)
    await crowd.join(request(head="GET /chart.js HTTP/1.1") * 2000, 10)
    await until(lambda: not any(is_connected(one) for one in crowd.sockets))


async def test_who_asks_for_nothing_more_is_closed(serve, monkeypatch):
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.1)
    served = await serve()
    for path, token in (("/viewer.css", ()), ("/session", (MINE,))):
        reader, writer = await connect(served)
        writer.write(request(*token, head=f"GET {path} HTTP/1.1"))
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_crowd_without_a_token_costs_who_has_one_nothing(served, stack):
    crowd = Crowd(served, stack)
    connector = aiohttp.TCPConnector(ssl=trust(), limit=1)
    async with (
        served.training() as trainer,
        served.visitor(connector=connector) as session,
        served.websocket(session, "a-viewer") as viewer,
    ):
        reader, writer = await connect(served)
        ask = request(MINE, head="GET /session HTTP/1.1")
        for times in (1, 2):
            writer.write(ask)
            async with asyncio.timeout(PATIENCE):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                await reader.readuntil(b"alive_interval")
                await reader.readuntil(b"}}")
            await crowd.join(times=MANY // times)
        trainer.send("a report")
        assert await viewer.messages(1) == ["a report"]
        writer.close()


async def test_who_has_a_token_does_not_keep_connections_without_end(serve, stack, monkeypatch):
    monkeypatch.setattr(server, "KEEP_ALIVE", PATIENCE)  # none is closed for its silence
    served = await serve()
    watching, owning = (
        request(f"{TOKEN_HEADER}: {quote(token)}", head="GET /session HTTP/1.1")
        for token in (WATCH, TOKEN)
    )
    owner, crowd = Crowd(served, stack), Crowd(served, stack)
    await owner.join(owning, 1)
    async with served.visitor(WATCH) as session, served.websocket(session, "a-viewer"):
        await crowd.join(watching)
        await until(lambda: crowd.open() <= MAX_OF_A_KIND)
        assert owner.open() == 1
        assert len(await served.clients()) == 1


async def test_the_end_of_the_service_closes_all(served, stack):
    crowd = Crowd(served, stack)
    await crowd.join(times=5)
    await crowd.join(HELLO, 5)
    await crowd.join(request(), 5)
    await served.stop()
    await until(lambda: crowd.open() == 0)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("::", ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("::1", ["::1"]),
    ],
)
async def test_a_port_is_served_for_both_kinds_of_addresses(serve, host, addresses):
    if ":" in host and not has_ipv6():
        pytest.skip("needs IPv6")
    served = await serve(host=host)
    for address in addresses:
        reader, writer = await asyncio.open_connection(address, served.started.port)
        writer.write(request("Connection: close"))
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
