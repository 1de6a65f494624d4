"""Both transports carry the same run, from its first message, and go on where they were."""

import asyncio
import json
from contextlib import suppress

import pytest
from aiohttp import WSMsgType
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription

from actors.client_channel.text_limit import TEXTS
from actors.worker.viewer import this_run
from actors.worker.viewer.access import RefusedError, Role
from actors.worker.viewer.peers import MAX_CANDIDATES
from actors.worker.viewer.viewers import Viewers
from messages import (
    EVENTS_PROTOCOL,
    AddToLog,
    ClientMessageReceived,
    LogEntry,
    RunState,
    StateChanged,
    decode_report,
    encode_event,
)
from tests.support.logs import errors
from tests.support.probe import Probe
from tests.support.recorded_runs import recorded_run
from tests.support.served_page import TOKEN, WATCH
from tests.support.texts import reports
from tests.support.trainer import paced
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

STATE = encode_event(StateChanged(state=RunState.TRAINING, text="training"))


EMPTY = "80 00000000"
"""Behind a frame's first byte: masked, of no bytes (RFC 6455, section 5.2)."""

FRAMES = {
    what: (bytes.fromhex(first), bytes.fromhex(more))
    for what, (first, more) in {
        "binary": ("", f"82 {EMPTY}"),
        "ping": ("", f"89 {EMPTY}"),
        "pong": ("", f"8a {EMPTY}"),
        "endless text": (f"01 {EMPTY}", f"00 {EMPTY}"),
    }.items()
}


class Peer:
    """A viewer over WebRTC, as a page makes one."""

    def __init__(self):
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("training", protocol=EVENTS_PROTOCOL)
        self.texts = []
        self.more = ""  # behind its offer
        self.channel.on("message", self.texts.append)

    async def connect(self, served, session, client, after=0):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        local = self.peer.localDescription
        offer = {
            "sdp": local.sdp + self.more,
            "type": local.type,
            "client": client,
            "after": after,
            "instance": await served.instance(session),
        }
        async with session.post("/offer", json=offer) as response:
            assert response.status == 200, await response.text()
            answer = await response.json()
        await self.peer.setRemoteDescription(RTCSessionDescription(**answer))
        await until(lambda: self.channel.readyState == "open")

    def messages(self):
        found = [decode_report(text) for text in self.texts]
        return [m for m in found if '"event": "clock"' not in m and '"event": "alive"' not in m]


async def test_a_run_is_the_same_over_both_transports(served):
    run = recorded_run("sleap_nn_full_run")
    peer = Peer()
    async with served.visitor() as session, served.training() as trainer:
        await peer.connect(served, session, "over-webrtc")
        async with served.websocket(session, "over-websocket") as live:
            served.supervisor.tell(AddToLog(entries=(LogEntry(text=STATE, note=True),)))
            assert await live.messages(1) == [STATE]
            await asyncio.to_thread(paced, run, trainer)
            assert await live.messages(len(run)) == run
            await until(lambda: len(peer.messages()) == len(run) + 1)
            assert peer.messages() == [STATE, *run]
        async with served.websocket(session, "comes-late") as late:
            assert await late.messages(len(run) + 1) == [STATE, *run]
            assert late.position == len(run) + 1
        await peer.peer.close()


async def test_a_viewer_goes_on_where_it_was_whichever_transport_it_comes_back_with(served):
    peer = Peer()
    async with served.visitor() as session, served.training() as trainer:
        async with served.websocket(session, "the-viewer") as viewer:
            trainer.send(*reports(10))
            assert await viewer.messages(10) == reports(10)
        trainer.send(*reports(10, first=10))
        await peer.connect(served, session, "the-viewer", after=viewer.position)
        await until(lambda: len(peer.messages()) == 10)
        assert peer.messages() == reports(10, first=10)
        # The network is away: what was sent last may not have come.
        async with served.websocket(session, "the-viewer", after=15) as again:
            trainer.send("the last one")
            assert await again.messages(6) == [*reports(5, first=15), "the last one"]
        await peer.peer.close()


async def test_a_viewer_that_leaves_is_no_error_whichever_way_it_came(served, caplog):
    peer = Peer()
    async with served.visitor() as session, served.training() as trainer:
        async with served.websocket(session, "over-websocket") as viewer:
            await peer.connect(served, session, "over-webrtc")
            trainer.send("a report")
            assert await viewer.messages(1) == ["a report"]
            assert len(await served.clients()) == 2
        peer.channel.close()
        for _ in range(1000):
            if not await served.clients():
                break
            await asyncio.sleep(0.01)
        trainer.send(*reports(10))
        async with served.websocket(session, "comes-late") as late:
            assert await late.messages(11) == ["a report", *reports(10)]
        await peer.peer.close()
    assert errors(caplog) == []


async def test_what_a_viewer_sends_is_told_to_the_owner_and_not_published(served):
    peer = Peer()
    async with served.visitor() as session, served.training() as trainer:
        await peer.connect(served, session, "over-webrtc")
        async with served.websocket(session, "over-websocket") as viewer:
            for send in (viewer.socket.send_str, peer.channel.send):
                sent = send('CONTROL_COMMAND::{"command": "stop"}')
                if sent is not None:
                    await sent
            heard = {
                await asyncio.to_thread(served.owner.wait_for, ClientMessageReceived)
                for _ in range(2)
            }
        assert {message.client_id for message in heard} == {
            "control-over-webrtc",
            "control-over-websocket",
        }
        assert not trainer.has_command()
        await peer.peer.close()


async def test_nobody_is_told_what_who_may_only_watch_sends(served):
    peer = Peer()
    async with served.visitor(WATCH) as session, served.training() as trainer:
        await peer.connect(served, session, "over-webrtc")
        async with served.websocket(session, "over-websocket") as viewer:
            for _ in range(10):
                await viewer.socket.send_str("JOB_CANCEL")
                peer.channel.send("JOB_CANCEL")
            trainer.send("a report")
            assert await viewer.messages(1) == ["a report"]
            await until(lambda: peer.messages() == ["a report"])
        await peer.peer.close()
    assert not [m for m in served.owner.drain() if isinstance(m, ClientMessageReceived)]


@pytest.mark.parametrize("token", [TOKEN, WATCH])
async def test_a_viewer_that_sends_without_end_is_closed_and_no_other(served, token, caplog):
    async with (
        served.visitor(token) as session,
        served.training() as trainer,
        served.websocket(session, "the-flood") as flood,
        served.websocket(session, "another-one") as other,
    ):
        with suppress(ConnectionError):
            for _ in range(5_000):
                await flood.socket.send_str("x" * 60_000)
        async with asyncio.timeout(PATIENCE):
            while not flood.socket.closed:
                await flood.socket.receive()
        trainer.send("a report")
        assert await other.messages(1) == ["a report"]
        assert len(await served.clients()) == 1
    assert "sends far too much" in caplog.text


async def test_a_peer_that_sends_without_end_is_closed_and_no_other(served):
    peer = Peer()
    async with (
        served.visitor(WATCH) as session,
        served.training() as trainer,
        served.websocket(session, "another-one") as other,
    ):
        await peer.connect(served, session, "the-flood")
        for _ in range(2 * TEXTS):
            peer.channel.send("JOB_CANCEL")
        await until(lambda: peer.channel.readyState == "closed")
        trainer.send("a report")
        assert await other.messages(1) == ["a report"]
        assert len(await served.clients()) == 1
        await peer.peer.close()


@pytest.mark.parametrize("what", FRAMES)
async def test_frames_without_content_count_and_their_end_is_no_error(served, what, caplog):
    async with (
        served.visitor(WATCH) as session,
        served.training() as trainer,
        served.websocket(session, "the-flood") as flood,
        served.websocket(session, "another-one") as other,
    ):
        first, more = FRAMES[what]
        transport = flood.socket._writer.transport
        transport.write(first)
        async with asyncio.timeout(PATIENCE):
            while not transport.is_closing():
                if transport.get_write_buffer_size() < 2**20:
                    transport.write(more * 10_000)
                await asyncio.sleep(0)
        trainer.send("a report")
        assert await other.messages(1) == ["a report"]
        assert len(await served.clients()) == 1
    assert "sends far too much" in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_viewer_that_pings_is_answered(served):
    async with served.visitor(WATCH) as session:
        query = {"client": "the-viewer", "after": "0", "instance": await served.instance(session)}
        async with session.ws_connect(
            "ws", params=query, protocols=(EVENTS_PROTOCOL,), autoping=False
        ) as socket:
            await socket.ping(b"are you there")
            message = await socket.receive(PATIENCE)
            assert (message.type, message.data) == (WSMsgType.PONG, b"are you there")


async def test_a_peer_with_a_second_channel_is_closed(served):
    peer = Peer()
    async with served.visitor(WATCH) as session:
        await peer.connect(served, session, "has-two-channels")
        peer.peer.createDataChannel("more")
        await until(lambda: peer.channel.readyState == "closed")
        await peer.peer.close()


async def test_a_message_that_is_too_large_closes_the_connection_of_its_sender_alone(served):
    async with (
        served.visitor() as session,
        served.training() as trainer,
        served.websocket(session, "too-much") as sender,
        served.websocket(session, "another-one") as other,
    ):
        await sender.socket.send_str("x" * 100_000)
        message = await sender.socket.receive(PATIENCE)
        assert message.data == 1009  # message too big
        trainer.send("goes on")
        assert await other.messages(1) == ["goes on"]


async def test_a_viewer_that_does_not_read_holds_up_nobody(served):
    run = reports(20_000)
    async with (
        served.visitor() as session,
        served.training() as trainer,
        served.websocket(session, "reads-nothing"),
        served.websocket(session, "reads-all") as other,
    ):
        sending = asyncio.create_task(asyncio.to_thread(paced, run, trainer))
        assert await other.messages(len(run)) == run
        await sending


async def test_a_silent_connection_gets_a_sign_of_life(serve):
    served = await serve(alive_interval=0.05)
    peer = Peer()
    async with served.visitor() as session, served.websocket(session, "the-viewer") as viewer:
        assert '"alive"' in await viewer.socket.receive_str(timeout=PATIENCE)
        await peer.connect(served, session, "another-one")
        await until(lambda: any('"alive"' in text for text in peer.texts))
        await peer.peer.close()


async def test_the_end_of_the_service_delivers_what_the_channels_hold(served):
    peer, run = Peer(), reports(900)
    async with served.visitor() as session, served.websocket(session, "over-websocket") as viewer:
        await peer.connect(served, session, "over-webrtc")
        async with served.training() as trainer:
            trainer.send(*run)
        await served.stop()
        assert await viewer.messages(900) == run
        assert (await viewer.socket.receive(PATIENCE)).data == 1001  # going away
        await until(lambda: peer.channel.readyState == "closed")
        assert peer.messages() == run
        await peer.peer.close()


async def test_nobody_is_let_in_any_more_when_the_service_ends():
    service = Viewers(Probe(), ice_servers=(), at_most=4, alive_interval=PATIENCE)
    service.start()
    assert service.admit("the-viewer", Role.WATCH, 0).client_id == "watch-the-viewer"
    await service.close()
    with pytest.raises(RefusedError, match="the worker ends"):
        service.admit("comes-late", Role.WATCH, 0)


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "v=0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n",
        "m=application x\r\na=fingerprint:sha-256 zz\r\na=setup:nonsense\r\n" * 50,
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    ],
)
async def test_a_half_valid_offer_is_refused_and_leaves_nothing(served, sdp):
    async with served.visitor() as session:
        offer = {
            "sdp": sdp,
            "type": "offer",
            "client": "abcdefgh",
            "after": 0,
            "instance": await served.instance(session),
        }
        async with session.post("/offer", json=offer) as r:
            assert r.status in (400, 503)
            assert (await r.json())["error"]
        async with served.websocket(session, "goes-on-"):
            pass


@pytest.fixture
def parsed(monkeypatch):
    """The candidates of each offer that aiortc has read."""
    found, parse = [], SessionDescription.parse

    def counted(sdp):
        description = parse(sdp)
        found.append(sum(len(media.ice_candidates) for media in description.media))
        return description

    monkeypatch.setattr(SessionDescription, "parse", counted)
    return found


async def test_of_an_offer_with_hundreds_of_candidates_the_first_are_read(served, parsed):
    peer = Peer()
    async with served.visitor(WATCH) as session:
        peer.more = "".join(
            f"a=candidate:{n} 1 udp {n} 192.0.2.1 {n} typ host\r\n" for n in range(1, 850)
        )
        await peer.connect(served, session, "has-many")
        assert MAX_CANDIDATES in parsed
        assert max(parsed) == MAX_CANDIDATES
        peer.more = "a=x\r\n" * 100
        with pytest.raises(AssertionError, match="more than 64 lines besides its candidates"):
            await peer.connect(served, session, "has-lines")
    await peer.peer.close()


async def test_a_viewer_takes_the_digest_and_goes_on_behind_it(served):
    run = recorded_run("sleap_nn_full_run")
    async with served.visitor(WATCH) as session, served.training() as trainer:
        await asyncio.to_thread(paced, run, trainer)
        position = 0
        while position < len(run):
            async with session.get("/digest") as r:
                assert r.headers["Content-Encoding"] == "gzip"
                taken = await r.json()
                assert int(r.headers["X-Unpacked-Length"]) == len(await r.read())
            position = taken["position"]
        assert json.loads(taken["entries"][-1][1])["event"] == "train_end"
        async with served.websocket(session, "comes-late", after=position) as live:
            trainer.send("more")
            assert await live.messages(1) == ["more"]


async def test_the_digest_needs_the_token(served):
    async with served.visitor(None) as session, session.get("/digest") as r:
        assert r.status == 401


async def test_a_run_that_is_not_told_in_time_is_refused_with_the_reason(serve, monkeypatch):
    monkeypatch.setattr(this_run, "DIGEST_TIMEOUT", 0)
    for replay, reason in ((True, "still reading the run"), (False, "too busy")):
        served = await serve(replay=replay)
        async with served.visitor() as session, session.get("/digest") as r:
            assert r.status == 503
            assert reason in (await r.json())["error"]
