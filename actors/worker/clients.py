"""Clients: whoever a run is shown to or kept by. Each is attached to its log here, in its order.

A plain object on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from actors.worker import archive, digest, notices
from actors.worker.bounded import ANSWER
from actors.worker.outputs import JournalCap, LocalChannel, spawn_journal
from actors.worker.parts import answer, end
from actors.worker.plan import SPARE, replay_of
from messages import (
    EVENTS_PROTOCOL,
    PAGES_PROTOCOL,
    AttachClient,
    ServingFailed,
    ServingStarted,
    ServingStopped,
    StartServing,
    StopServing,
)

if TYPE_CHECKING:
    from rich.console import Console

    from actors.runtime import TypedRef
    from actors.worker.outputs import LiveFile, LocalClient
    from actors.worker.parts import Parts
    from actors.worker.plan import Plan
    from messages import ArchiveMessage, DigestMessage, Mailbox, TextsForwarded, TrainingOver

log = logging.getLogger(__name__)

STALLED: Final = 8.0
"""Seconds after the training's end for which a file may take nothing: then its disk is given up.
What else is done there at the end is bounded too, so that all of it takes some 15 s at most."""

SERVE_TIMEOUT: Final = ANSWER + 10.0
"""Seconds that the page may take to be served, of which the certificate's file system may take its
own."""

CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the files may take to be closed, and the archive to end what it reads."""


_IN_A_FILE: Final = (
    "is in a file that other users may read: take that from them with chmod, or start with umask "
    "077"
)
FOR_OTHERS: Final = f"the link, which can stop the training, {_IN_A_FILE}"
FOR_OTHERS_A_REPLAY: Final = f"the link {_IN_A_FILE}"
MOVED: Final = "--replay FILE shows it, where FILE is what was {} until somebody moved it"


class NotServedError(Exception):
    """The page cannot be served."""


def is_for_others(stream: IO[str]) -> bool:
    """Whether ``stream`` is written to a file that other users of this machine may read."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # it has no descriptor, or is closed
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Who writes the run to ``file``."""

    channel: LocalChannel
    actor: TypedRef[TextsForwarded]
    file: IO[str]


class Clients:
    """Those that ``plan`` asks for. ``live`` is told the page's link.

    With a quiet ``console`` the link is shown on ``errors``.
    """

    def __init__(
        self,
        plan: Plan,
        parts: Parts,
        *,
        live: LiveFile | None,
        console: Console,
        errors: Console,
    ) -> None:
        self._plan = plan
        self._parts = parts
        self._live = live
        self._console = console
        self._errors = errors
        self._loop = asyncio.get_running_loop()
        self._notifier: notices.Notifier | None = None
        self._writers: list[_Writer] = []
        self.has_training = True
        """Whether there is a run to keep: its training has begun, as far as it is known."""
        self.link = ""
        """The page's, while it is served."""

    def tell(self, message: TrainingOver, /) -> None:
        """The training is over: who keeps the run is waited for no longer than its disk answers."""
        self._loop.call_soon_threadsafe(self._training_over, message.begun)

    def _training_over(self, begun: bool) -> None:
        self.has_training = begun
        if not begun and self._notifier is not None:
            self._notifier.say(see_again="")
        self.hurry()

    def hurry(self) -> None:
        """The worker ends: as for ``tell``, on the event loop."""
        for writer in self._writers:
            writer.channel.hurry(STALLED, f"its disk has not answered for {STALLED:g} s")

    def again(self) -> str | None:
        """How the run is seen again, or why it is not."""
        if not self.has_training:
            return None
        for writer in self._writers:  # the folder, which the plan has named, is the first
            if writer.channel.failure is None:
                moved_to = writer.channel.moved_to
                if moved_to is not None:
                    return replay_of(Path(moved_to)) if moved_to else MOVED.format(writer.file.name)
                is_named = writer is self._writers[0]
                return self._plan.again if is_named else replay_of(Path(writer.file.name))
        if not self._writers:
            return self._plan.again
        writer = self._writers[0]
        has_some = writer.channel.has_taken or self._plan.keeping.earlier is not None
        if has_some and not writer.channel.is_lost:
            return f"{self._plan.again} (its end is missing: {writer.channel.failure})"
        return f"it was not kept: {writer.channel.failure}"

    async def attach(self, after: int) -> LocalClient | None:
        """Attach those on this machine; the one that demonstrates the run, if there is one.

        What stands in the log up to the position ``after`` is of an earlier worker.
        """
        plan, parts = self._plan, self._parts
        files = {"record": plan.keeping.record, "journal": plan.keeping.journal}
        for name, file in files.items():
            if file is not None:
                cap = JournalCap(plan.run_size // 2, SPARE) if name == "record" else None
                actor = spawn_journal(file=file, parent=parts.aside, cap=cap)
                what = "the journal" if name == "journal" else "the run's folder"
                channel = self._attach(name, actor, after if file.tell() else 0, what=what)
                self._writers.append(_Writer(channel=channel, actor=actor, file=file))
        parts.stack.push_async_callback(self._end_writers)
        self._follow(after)
        for warning in plan.keeping.warnings:
            parts.warn(warning)
        shown = LocalChannel(parts.screen, loop=self._loop)
        if not plan.demonstrate:
            parts.supervisor.tell(AttachClient(channel=shown, client_id="terminal", after=0))
            return None
        from actors.worker.outputs import LocalClient  # aiortc, which no other run needs

        client = LocalClient(client_id="local", screen=shown)
        parts.stack.push_async_callback(client.close)
        await client.connect(parts.supervisor)
        return client

    def _follow(self, after: int) -> None:
        """Keep the run in short, and tell of it whoever wants to be told."""
        plan, parts = self._plan, self._parts
        run = plan.keeping.run
        if plan.replay is not None or (run is None and plan.notify_command is None):
            return
        if plan.notify_command is not None:
            self._notifier = notices.Notifier(
                plan.notify_command,
                {
                    "host": socket.gethostname(),
                    "run": run.name if run is not None else "",
                    "see_again": plan.again or "",
                    "link": "",
                },
            )
            # Behind all that the follower tells at its end.
            parts.stack.push_async_callback(asyncio.to_thread, self._notifier.close)
        follower = parts.begin(
            notices.spawn(
                parent=parts.aside,
                keep=None if self._live is None else self._live.keep,
                notifier=self._notifier,
                after=after,
            )
        )
        self._attach("notices", follower, 0, PAGES_PROTOCOL)

    def _attach(
        self,
        client_id: str,
        taker: Mailbox[TextsForwarded],
        after: int,
        protocol: str = EVENTS_PROTOCOL,
        what: str = "",
    ) -> LocalChannel:
        channel = LocalChannel(taker, loop=self._loop, protocol=protocol)

        def moved() -> None:
            if self._notifier is not None:
                self._notifier.say(see_again=self.again() or "")

        def closed() -> None:
            if channel.failure is not None:
                self._parts.warn(f"{what} is not written any more: {channel.failure}")
                moved()

        channel.on("close", closed)
        channel.on("moved", moved)
        # In the summary are the clients that show the run to somebody.
        self._parts.supervisor.tell(
            AttachClient(channel=channel, client_id=client_id, after=after, is_counted=False)
        )
        return channel

    async def _end_writers(self) -> None:
        """End them all at once; who stands still is not waited for."""
        ending = []
        for writer in self._writers:
            if writer.channel.is_awaited:
                writer.actor.request_stop()
            else:
                ending.append(end(writer.actor, within=CLOSE_TIMEOUT))
        if len(ending) < len(self._writers):
            self._parts.show("the system may keep this process until that disk answers")
        await asyncio.gather(*ending)

    # The page

    async def serve(self, *, after: int = 0) -> TypedRef[DigestMessage] | None:
        """Serve the page, if it is wanted; what is told of the run with it.

        The terminal shows its link behind an earlier part of the run, up to the position ``after``.
        Raises NotServedError when it cannot be served and there is nothing else.
        """
        plan, parts = self._plan, self._parts
        if plan.viewers is None:
            return None
        from actors.worker import viewer  # the plan has imported it, for whoever serves a page

        taker = parts.begin(digest.spawn(parent=parts.aside, earlier=plan.replay is not None))
        if plan.replay is None:
            self._attach("digest", taker, 0, PAGES_PROTOCOL)
        server = parts.begin(
            viewer.spawn(
                loop=self._loop,
                parent=parts.aside,
                supervisor=parts.supervisor,
                digest=taker,
                archive=self._archive(),
                settings=plan.viewers,
            )
        )
        told: ServingStarted | ServingFailed
        try:
            told = await answer(
                lambda to: server.tell(StartServing(reply_to=to)), within=SERVE_TIMEOUT
            )
        except TimeoutError as error:
            server.request_stop()
            told = ServingFailed(reason=f"the page is not served in time: {error}")
        if isinstance(told, ServingFailed):
            if plan.replay is not None:
                raise NotServedError(told.reason)
            parts.warn(f"{told.reason}; the training runs without a page")
            return None
        if not viewer.is_loopback(plan.viewers.host) and plan.viewers.certfile is None:
            log.warning(
                "the page is served at %s without TLS: whoever sees the traffic can read the token "
                "and stop the training; use --certfile, or 127.0.0.1 and an ssh tunnel",
                plan.viewers.host,
            )
        self.link = told.link
        if self._live is not None:
            self._live.say(link=told.link)
        if self._notifier is not None:
            self._notifier.say(link=told.link.partition("#")[0])  # without the token
        parts.stack.push_async_callback(self._stop_serving, server)
        is_replay = plan.replay is not None
        lines = [("watch it at " if is_replay else "watch and stop it at ") + told.link]
        if told.read_only_link is not None:
            lines.append(f"watch it at {told.read_only_link}")
        if is_for_others(self._errors.file if self._console.quiet else self._console.file):
            lines.append(f"warning: {FOR_OTHERS_A_REPLAY if is_replay else FOR_OTHERS}")
        self._show_link(*lines, after=after)
        way = await asyncio.to_thread(viewer.way_to, plan.viewers.host, told.port)
        if way is not None:
            how = "to open it on your own machine, run this there first:"
            self._show_link(how, f"    {way}", after=after)
        return taker

    def _archive(self) -> TypedRef[ArchiveMessage] | None:
        """What reads the other runs, where there is a place for them."""
        plan = self._plan
        if plan.runs is None:
            return None
        shown = ""
        if plan.replay is not None and plan.replay.absolute().parent.parent == plan.runs.folder:
            shown = plan.replay.absolute().parent.name
        elif plan.keeping.run is not None:
            shown = plan.keeping.run.name
        reader = archive.spawn(parent=self._parts.aside, runs=plan.runs, shown=shown)
        self._parts.stack.push_async_callback(end, reader, within=CLOSE_TIMEOUT)
        return reader

    def _show_link(self, *lines: str, after: int) -> None:
        for text in lines:
            self._parts.show(text, after=after)
            if self._console.quiet:
                self._errors.print(text, soft_wrap=True, highlight=False)

    async def _stop_serving(self, server: TypedRef[Any]) -> None:
        with suppress(TimeoutError):
            _stopped: ServingStopped = await answer(
                lambda to: server.tell(StopServing(reply_to=to))
            )
