"""ProgressReporter: the reporter for plain asyncio code, in place of messages.

All of it is used on the event loop's thread. Two supervisors do the work, each with one of the two
sockets, so that the one can fail, or be started and stopped, without the other. Hosts make
subclasses of it: no public method calls another one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from actors.client_channel import attach, data_channel
from actors.reporter.reporting import TIMEOUT, BoundSocket, Reporting
from actors.runtime import FutureMailbox
from actors.settings import ReporterSettings, settings_of
from messages import SendControl, TrainEndReceived

if TYPE_CHECKING:
    from types import TracebackType

    from actors.supervisor import SupervisorRef
    from messages import ControlReply, DataChannel

log = logging.getLogger(__name__)

CLIENT: Final = "client"
"""The id of the one client, whichever channel it has."""


class ProgressReporter:
    """Forwards a trainer's progress to a client's channel and publishes control messages to it.

    A drop-in for the class of that name in sleap-rtc. It can be made without an event loop, and
    used again after a cleanup. Further settings may be given; the addresses are these. What makes
    no sense raises TypeError or ValueError.
    """

    def __init__(
        self,
        control_address: str = "tcp://127.0.0.1:9000",
        progress_address: str = "tcp://127.0.0.1:9001",
        *,
        settings: ReporterSettings | None = None,
    ) -> None:
        # The host waits for its trainer to connect, and the sockets need no time of their own.
        settings = replace(settings_of(settings), connect_wait=0.0)
        if control_address is None or progress_address is None:
            raise TypeError("control_address and progress_address must be addresses, not None")
        self._control_address, self._progress_address = control_address, progress_address
        self._control = Reporting(
            replace(settings, control_address=control_address, progress_address=None)
        )
        self._progress = Reporting(
            replace(settings, control_address=None, progress_address=progress_address),
            control=self._control,
        )
        self._attached: tuple[object, object] = None, None
        """The supervisor that forwards progress, and the channel that it does so to."""
        self._wanted: object = None
        """The channel of the last listener that was started."""
        self.listener_task: asyncio.Task[None] | None = None
        """The task of the last listener that was started; None before that and after a cleanup."""

    # What the sockets are

    @property
    def control_address(self) -> str:
        """Where the control socket is bound, or will be."""
        socket = self._control.socket
        return self._control_address if socket is None else socket.address

    @property
    def progress_address(self) -> str:
        """Where the progress socket is bound, or will be."""
        socket = self._progress.socket
        return self._progress_address if socket is None else socket.address

    @property
    def ctrl_socket(self) -> BoundSocket | None:
        """The control socket; None unless it is bound."""
        return self._control.socket

    @property
    def progress_socket(self) -> BoundSocket | None:
        """The progress socket; None unless it is bound."""
        return self._progress.socket

    @property
    def context(self) -> SupervisorRef | None:
        """What owns the ZeroMQ context, as long as there is one."""
        return self._control.supervisor or self._progress.supervisor

    def is_control_socket_active(self) -> bool:
        """Whether control messages can be published, or held for a trainer that is to come."""
        return self._control.socket is not None

    def is_progress_listener_running(self) -> bool:
        """Whether a listener has been started and has not ended."""
        return self.listener_task is not None and not self.listener_task.done()

    # Control

    def start_control_socket(self) -> None:
        """Bind the control socket; returns when it is bound. One that is bound stays as it is.

        Raises OSError, with the address and what to do, when it cannot be bound.
        """
        self._control.start_and_block()

    def send_control_message(self, message: str) -> None:
        """Publish ``message`` to the trainer, or hold it until one has joined. Never raises.

        Its outcome is in the log: ``Sent control message to Trainer``, or why not.
        """
        supervisor = self._control.supervisor
        if supervisor is None or not isinstance(message, str):
            what = "the control socket is not initialized" if supervisor is None else "no text"
            log.error("control message not published: %s (%.100r)", what, message)
            return
        reply: FutureMailbox[ControlReply] = FutureMailbox()
        supervisor.tell(SendControl(command=message, reply_to=reply))

    # Progress

    def start_progress_listener_task(self, channel: Any) -> asyncio.Task[None]:
        """Forward reports to ``channel`` from now on, in place of a former one.

        A channel that comes after another one goes on after the last report that the other took;
        when the other's task has ended, the other is given nothing more. The task runs until it is
        cancelled, by ``stop_progress_listener`` or by whoever has it; it ends with an OSError,
        which is in the log too, when the progress socket cannot be bound. Raises TypeError for a
        ``channel`` that cannot send.
        """
        return self._start_listener(channel)

    async def start_progress_listener(self, channel: Any) -> None:
        """The same, waited for: returns when the listener is stopped."""
        task = self._start_listener(channel)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled():
            task.result()

    def stop_progress_listener(self) -> None:
        """Release the channel; what comes meanwhile is kept for the next one.

        When the task has ended, the channel is given nothing more.
        """
        _cancel(self.listener_task)

    async def restart_progress_listener(self, channel: Any) -> None:
        """Between two models: deliver all reports of the former one, then go on with ``channel``.

        The sockets stay bound, and no report is lost. What comes when this has returned is for
        ``channel``. A stop that was published does not reach the next model; a control message that
        no trainer has taken is held for it.
        """
        data_channel(channel)  # raises before anything is switched
        former, listening = self._progress.supervisor, self.listener_task
        await self._progress.switch_job()
        self._control.tell(TrainEndReceived())
        if former is not None and self._progress.supervisor is None:
            return  # it has been cleaned up meanwhile
        self._start_listener(channel)
        await _ended(listening)

    def _start_listener(self, channel: Any) -> asyncio.Task[None]:
        usable = data_channel(channel)
        former, self._wanted = self.listener_task, channel
        self.listener_task = asyncio.create_task(
            self._listen(channel, usable, former), name="progress-reporter"
        )
        _cancel(former)
        return self.listener_task

    async def _listen(
        self, channel: Any, usable: DataChannel, former: asyncio.Task[None] | None
    ) -> None:
        try:
            await _ended(former)
            del former  # each task would keep the one before it
            await self._progress.start()
        except OSError as error:
            log.error("progress is not listened to: %s", error)
            raise
        supervisor = self._progress.supervisor
        assert supervisor is not None
        if self._attached[0] is not supervisor or self._attached[1] is not channel:
            attach(
                supervisor,
                client_id=CLIENT,
                channel=usable,
                accept_texts=False,  # the host reads what the client sends
            )
            self._attached = supervisor, channel
        try:
            reason = await asyncio.shield(self._progress.failed)
        finally:
            replaced = self.listener_task not in (None, asyncio.current_task())
            if not replaced or self._wanted is not channel:
                self._attached = None, None
                if supervisor is self._progress.supervisor:  # else it has ended
                    await self._progress.detach(CLIENT)
        raise OSError(reason)

    # The end

    def cleanup(self) -> None:
        """Deliver what is left and close everything, in the background. Idempotent.

        The addresses are free a moment later; ``async_cleanup`` waits for that.
        """
        self._clean_up()

    async def async_cleanup(self) -> None:
        """Deliver what is left and close everything; by then the addresses are free."""
        await self._clean_up_and_wait()

    def _clean_up(self) -> None:
        self._control.stop()
        self._progress.stop()
        task, self.listener_task = self.listener_task, None
        _cancel(task)

    async def _clean_up_and_wait(self) -> None:
        self._clean_up()
        await asyncio.gather(self._control.ended(), self._progress.ended())

    async def __aenter__(self) -> Self:
        """Start the control socket. Raises OSError when it cannot be bound."""
        try:
            self._control.start_and_block()
        except OSError:
            await self._control.ended()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Clean up."""
        await self._clean_up_and_wait()


def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.get_loop().is_closed():
        task.cancel()


async def _ended(task: asyncio.Task[None] | None) -> None:
    """Wait for the end of ``task``, which has been cancelled, if it is this event loop's."""
    if task is not None and task.get_loop() is asyncio.get_running_loop():
        await asyncio.wait({task}, timeout=TIMEOUT)
