"""What polling a socket consists of, recorded while it really happens."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from actors import TypedRef
from messages import Mailbox, ProgressListenerMessage, ProgressPage, ReadProgress
from tests.support.event_loop import LoopThread
from tests.support.waiting import PATIENCE


@dataclass(frozen=True)
class Entry:
    """``what`` was done on the thread ``thread``, with ``detail``."""

    what: str
    detail: Any
    thread: int


class Journal:
    """Entries from any thread, in order."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = threading.Condition()

    def note(self, what: str, detail: Any = None) -> None:
        with self._changed:
            self._entries.append(Entry(what, detail, threading.get_ident()))
            self._changed.notify_all()

    def entries(self, what: str = "") -> list[Entry]:
        """All entries, or those of one kind."""
        with self._changed:
            return [entry for entry in self._entries if what in ("", entry.what)]

    def wait_for(self, condition: Callable[[list[Entry]], bool]) -> list[Entry]:
        """All entries, as soon as ``condition`` holds of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self._entries), PATIENCE), (
                f"only this was recorded: {self._entries[-10:]}"
            )
            return list(self._entries)

    def wait_for_count(self, what: str, count: int) -> list[Entry]:
        """The entries of one kind, as soon as they are ``count``."""
        self.wait_for(lambda entries: sum(e.what == what for e in entries) >= count)
        return self.entries(what)


class RecordingSocket(zmq.Socket[bytes]):
    """A ZeroMQ socket; a SUB socket's uses are noted in its context's journal."""

    kind = -1
    context: "RecordingContext"

    def __init__(self, context: "RecordingContext", kind: int, **options: Any) -> None:
        super().__init__(context, kind, **options)
        self.kind = kind
        self._note("made")

    def _note(self, what: str, detail: Any = None) -> None:
        if self.kind == zmq.SUB:
            self.context.journal.note(what, detail)

    def bind(self, address: str) -> Any:
        self._note("bind", address)
        return super().bind(address)

    def subscribe(self, topic: str | bytes) -> None:
        self._note("subscribe", topic)
        super().subscribe(topic)

    def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str:
        self._note("recv_string", flags)
        self.context.gate.wait(PATIENCE)
        try:
            text = super().recv_string(flags, encoding)
        except zmq.ZMQError as error:
            self._note("raised", type(error))
            raise
        self._note("received", text)
        return text

    def close(self, linger: int | None = None) -> None:
        if not self.closed:
            self._note("close")
        super().close(linger)


class RecordingContext(zmq.Context[RecordingSocket]):
    """A ZeroMQ context whose sockets note in ``journal``; a closed ``gate`` stops a receive."""

    _socket_class = RecordingSocket
    journal: Journal = None  # type: ignore[assignment]
    gate: threading.Event = None  # type: ignore[assignment]

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal
        self.gate = threading.Event()
        self.gate.set()


class _RecordingLoop(asyncio.SelectorEventLoop):
    """Notes the delays that its tasks sleep for, and sleeps them."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def call_later(  # type: ignore[override]
        self, delay: float, *arguments: Any, **options: Any
    ) -> asyncio.TimerHandle:
        task = asyncio.current_task(self)
        if task is not None and task.get_name() == "progress-listener":
            self._journal.note("sleep", delay)
        return super().call_later(delay, *arguments, **options)


class RecordingLoopThread(LoopThread):
    """An event loop on a thread that notes how long the polling task sleeps."""

    def __init__(self, journal: Journal) -> None:
        self.loop = _RecordingLoop(journal)
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop")
        self._thread.start()


@dataclass
class Polling:
    """A listener that polls, and the record of it."""

    listener: TypedRef[ProgressListenerMessage]
    journal: Journal
    context: RecordingContext
    loop_thread: RecordingLoopThread
    address: str

    def read(self, after: int) -> ProgressPage:
        """The next page after the position ``after``."""

        def request(reply_to: Mailbox[ProgressPage]) -> ReadProgress:
            return ReadProgress(after=after, limit=100, reply_to=reply_to)

        return self.listener.ask(request, timeout=PATIENCE)
