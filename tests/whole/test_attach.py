"""``attach`` loses nothing that a channel brings before its actor listens."""

import pytest

from actors import attach
from actors.client_channel import text_limit
from messages import ClientGone, ClientMessageReceived
from tests.support.channel import FakeChannel
from tests.support.reporting import attach_early, start, status, stop, trainer_for
from tests.support.texts import forwarded


def test_texts_that_arrive_before_the_actor_listens_are_told_in_order(
    supervisor, loop_thread, owner
):
    channel = FakeChannel()
    attach_early(loop_thread, supervisor, channel, *(f"early {number}" for number in range(100)))
    for number in range(100):
        owner.expect(ClientMessageReceived(client_id="alice", text=f"early {number}"))
    loop_thread.call(channel.receive, "later")
    owner.expect(ClientMessageReceived(client_id="alice", text="later"))


def test_an_early_control_text_is_published(supervisor, loop_thread):
    commands = "CONTROL_COMMAND::first", "CONTROL_COMMAND::second"
    with trainer_for(start(supervisor)) as trainer:
        attach_early(loop_thread, supervisor, FakeChannel(), *commands)
        assert [trainer.command(), trainer.command()] == ["first", "second"]
    stop(supervisor)


def test_an_early_control_text_of_a_viewer_is_told_to_the_owner(supervisor, loop_thread, owner):
    text = "CONTROL_COMMAND::first"
    who = {"client_id": "viewer", "accept_control": False}
    attach_early(loop_thread, supervisor, FakeChannel(), text, **who)
    owner.expect(ClientMessageReceived(client_id="viewer", text=text))


def test_nobody_hears_what_who_may_only_watch_sends_early(supervisor, loop_thread, owner):
    channel = FakeChannel()
    who = {"client_id": "watcher", "accept_texts": False}
    attach_early(loop_thread, supervisor, channel, "JOB_CANCEL", **who)
    status(supervisor)
    loop_thread.call(channel.receive, "JOB_CANCEL")
    status(supervisor)
    assert owner.drain() == []


def test_what_is_kept_of_early_texts_has_a_limit_of_bytes(
    supervisor, loop_thread, owner, caplog, monkeypatch
):
    monkeypatch.setattr(text_limit, "BYTES_RATE", 0.0)
    attach_early(loop_thread, supervisor, FakeChannel(), *["x" * 60_000] * 900)
    status(supervisor)
    assert len(owner.drain()) == text_limit.BYTES // 60_000
    assert caplog.text.count("client alice sends too much") == 1


def test_a_channel_that_closes_before_the_actor_listens_is_gone(supervisor, loop_thread, owner):
    channel = FakeChannel()

    def announced():
        attach(supervisor, client_id="alice", channel=channel)
        channel.receive("only this")
        channel.close()

    loop_thread.call(announced)
    owner.expect(ClientMessageReceived(client_id="alice", text="only this"))
    assert owner.get() == ClientGone(client_id="alice", reason="its channel is closed")
    status(supervisor)
    assert owner.drain() == []


def test_a_channel_that_opens_before_the_actor_listens_is_given_the_run(supervisor, loop_thread):
    channel = FakeChannel("connecting")

    def announced():
        attach(supervisor, client_id="alice", channel=channel)
        channel.open()

    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
        loop_thread.call(announced)
        assert channel.wait_for_count(1) == forwarded(["one"])
    stop(supervisor)


def test_a_channel_that_fills_up_is_given_the_rest_as_it_empties(supervisor, loop_thread):
    channel = FakeChannel(buffering=True)
    attach_early(loop_thread, supervisor, channel)
    run = [f"{number:03} " + "x" * 1_000 for number in range(100)]
    with trainer_for(start(supervisor)) as trainer:
        trainer.send(*run)
        while len(channel.sent) < len(run):
            status(supervisor)
            loop_thread.call(channel.drain)
        loop_thread.call(channel.drain)
    stop(supervisor)
    assert channel.sent == forwarded(run)


def test_attaching_again_through_attach_replaces_the_channel(supervisor, loop_thread, owner):
    former, current = FakeChannel(), FakeChannel()
    attach_early(loop_thread, supervisor, former)
    with trainer_for(start(supervisor)) as trainer:
        trainer.send("one")
        former.wait_for_count(1)
        attach_early(loop_thread, supervisor, current)
        status(supervisor)
        trainer.send("two")
        assert current.wait_for_count(1) == forwarded(["two"])
        loop_thread.call(former.close)
        trainer.send("three")
        current.wait_for_count(2)
    stop(supervisor)
    assert former.sent == forwarded(["one"])
    assert not [message for message in owner.drain() if isinstance(message, ClientGone)]


@pytest.mark.parametrize("raises_in", ["readyState", "bufferedAmount", "on", "send"])
def test_a_channel_that_raises_is_gone_and_its_host_is_not_disturbed(
    supervisor, loop_thread, owner, raises_in
):
    class Raising(FakeChannel):
        def __getattribute__(self, name):
            if name == raises_in:
                raise OSError("broken")
            return super().__getattribute__(name)

    def announced():
        attach(supervisor, client_id="alice", channel=Raising.__new__(Raising))

    loop_thread.call(announced)
    assert owner.wait_for(ClientGone).client_id == "alice"
