"""Random bytes, huge texts and half-valid requests at the page's server."""

import asyncio
import json
import random
from contextlib import contextmanager

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from tests.support.addresses import parts_of, port_of
from tests.support.garbage import broken, broken_texts, throw_at
from tests.support.page_client import PageClient
from tests.support.running_worker import PAGE, RunningWorker
from tests.support.texts import reports
from tests.support.trainer_process import trainer

REFUSALS = {400, 401, 403, 404, 405, 409, 413, 415, 421, 431, 503}


@contextmanager
def bombarded(new_gate):
    """The page of a worker, at which things are thrown in mid-run; the run must not notice."""
    gate = new_gate()
    steps = trainer("send:300", f"read:{gate.path}", "send:300", "leave", "exit:3")
    with RunningWorker(*PAGE, "--", *steps) as worker:
        with PageClient(worker.link(), "a-client") as client:
            client.wait_for_reports(300)
            yield worker.link(), client
            gate.open()
            assert worker.ends() == 3, worker.output
            assert client.reports == reports(600)
        assert worker.leaves_nothing()
    # aiohttp itself logs what is no HTTP, with a traceback; no part of the worker has failed.
    assert "Unhandled exception" not in worker.output
    assert " failed" not in worker.output.partition("outcome ")[0]


def test_bytes_that_are_no_request_are_refused_and_the_run_goes_on(new_gate):
    chance, request = random.Random(12), b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=b\r\n\r\n"
    upgrade = request.replace(b"GET /", b"GET /ws").replace(
        b"Cookie: a=b", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
    )
    with bombarded(new_gate) as (link, _):
        for _ in range(60):
            for pieces in (
                [chance.randbytes(chance.randrange(1, 20_000))],
                [broken(chance.choice([request, upgrade]), chance)],
                [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 99_999],
                [request[:9], request[9:20]],
            ):
                answer = throw_at(port_of(link), *pieces)
                assert not answer or int(answer.split()[1]) in REFUSALS, answer


async def ask(link: str, method: str, path: str, **options) -> int:
    base, token = parts_of(link)
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    async with (
        aiohttp.ClientSession(base, headers=headers) as session,
        session.request(method, path, **options) as response,
    ):
        await response.read()
        return response.status


def test_requests_that_nobody_expects_are_refused_and_the_run_goes_on(new_gate):
    chance = random.Random(3)
    paths = ["/", "/ws", "/offer", "/session", "/none", "/../etc/passwd", "/viewer.js", "/%00"]
    with bombarded(new_gate) as (link, _):

        async def throw() -> set[int]:
            found = set()
            for _ in range(150):
                path, method = chance.choice(paths), chance.choice(["PUT", "POST", "DELETE", "X"])
                data = chance.randbytes(chance.choice([0, 10, 1_000, 200_000]))
                headers = {"Content-Type": chance.choice(["application/json", "text/plain", "x"])}
                found.add(await ask(link, method, path, data=data, headers=headers))
            return found

        assert asyncio.run(throw()) <= REFUSALS


def test_a_wrong_token_and_an_unknown_name_are_refused_and_the_run_goes_on(new_gate):
    wrong = ["", "x", "\xe9" * 40, "y" * 4_000]
    with bombarded(new_gate) as (link, _):
        for token in wrong:
            headers = {"Authorization": f"Bearer {token}"}
            assert asyncio.run(ask(link, "GET", "/session", headers=headers)) == 401
        for host in ("evil.example", "", "[", "127.0.0.1.evil.example", "x" * 999):
            code = asyncio.run(ask(link, "GET", "/session", headers={"Host": host}))
            assert code in (400, 421), host


async def real_offer() -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("training")
    await peer.setLocalDescription(await peer.createOffer())
    sdp = peer.localDescription.sdp
    await peer.close()
    return str(sdp)


def test_broken_offers_are_refused_or_come_to_nothing_and_the_run_goes_on(new_gate):
    with bombarded(new_gate) as (link, client):

        async def throw() -> set[int]:
            good = {
                "sdp": await real_offer(),
                "type": "offer",
                "client": "thrown-in",
                "after": 0,
                "instance": client.instance,
            }
            found = set()
            for sdp in broken_texts(good["sdp"], 60, seed=4):
                found.add(await ask(link, "POST", "/offer", json={**good, "sdp": sdp}))
            for text in broken_texts(json.dumps(good), 60, seed=5):
                found.add(await ask(link, "POST", "/offer", data=text))
            return found

        assert asyncio.run(throw()) <= {200, *REFUSALS}


def test_offers_with_a_wrong_field_are_refused_and_the_run_goes_on(new_gate):
    wrong = (None, [], {}, 1e999, -1, "x" * 70_000, "\ud800", "[" * 50_000)
    with bombarded(new_gate) as (link, client):

        async def throw() -> set[int]:
            good = {"sdp": await real_offer(), "type": "offer", "client": "thrown-in", "after": 0}
            found = set()
            for name in ("instance", *good):
                for value in wrong:
                    offer = {**good, "instance": client.instance, name: value}
                    found.add(await ask(link, "POST", "/offer", json=offer))
            return found

        assert asyncio.run(throw()) <= REFUSALS


def test_broken_websockets_are_refused_or_closed_and_the_run_goes_on(new_gate):
    chance = random.Random(6)
    with bombarded(new_gate) as (link, client):

        async def throw() -> None:
            base, token = parts_of(link)
            headers = {"Authorization": f"Bearer {token}"}
            good = {"client": "thrown-in", "after": "0", "instance": client.instance}
            async with aiohttp.ClientSession(base, headers=headers) as session:
                for name in good:
                    for value in ("", "-1", "x" * 4_000, "9" * 5_000, "é", "\x00", "1e3"):
                        query = {**good, name: value}
                        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                            await session.ws_connect("/ws", params=query)
                        assert refused.value.status in REFUSALS
                for _ in range(40):
                    async with session.ws_connect("/ws", params=good) as socket:
                        data = chance.randbytes(chance.choice([1, 100, 50_000, 100_000]))
                        await chance.choice([socket.send_bytes, socket.ping])(data[:100])
                        await socket.send_str(data.decode(errors="replace"))

        asyncio.run(throw())
