"""A worker that is a Pykka actor: two jobs in a row, watched and stopped over WebRTC.

    python -m examples.pykka_worker

The main thread runs the event loop, which aiortc needs. The worker has a thread of its own; it is
told what to do, and never waits.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import pykka

from actors import (
    ControlEncoding,
    PortConflict,
    ReporterSettings,
    SupervisorRef,
    TypedRef,
    attach,
    spawn_supervisor,
)
from examples.client import TIMEOUT, Client, connect, trainer_command
from messages import (
    AttachClient,
    ClientGone,
    ClientMessageReceived,
    JobOutcome,
    OwnerEvent,
    ReportingBypassed,
    ReportingDegraded,
    ReportingFailed,
    ReportingReady,
    ReportingStopped,
    StartReporting,
    StopReporting,
    StrangerConnected,
    SwitchJob,
    TrainerConnected,
    TrainerDisconnected,
)

SETTINGS: Final = ReporterSettings(
    control_encoding=ControlEncoding.SLEAP_NN,  # a bare STOP would crash sleap-nn
    on_port_conflict=PortConflict.FREE,  # another worker may have the usual ports
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJobs:
    """Run these jobs, one after the other."""

    job_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainerExited:
    exit_code: int


WorkerMessage: TypeAlias = (
    RunJobs
    | _TrainerExited
    | AttachClient
    | ReportingReady
    | ReportingBypassed
    | ReportingStopped
    | OwnerEvent
)


class Worker(pykka.ThreadingActor):
    """Takes ``RunJobs`` once, and ``AttachClient`` at any time; ``finished`` is done at the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, finished: Future[None]) -> None:
        super().__init__()
        self._loop, self._finished = loop, finished
        self._supervisor: SupervisorRef
        self._job_ids: list[str] = []
        """The job that runs, and those that are to come."""

    def on_start(self) -> None:
        """On the worker's own thread, as all that follows."""
        self._supervisor = spawn_supervisor(loop=self._loop, owner=self._me(), settings=SETTINGS)

    def on_receive(self, message: WorkerMessage) -> None:
        """Do one step."""
        match message:
            case RunJobs(job_ids=job_ids):
                self._job_ids = list(job_ids)
                self._supervisor.tell(
                    StartReporting(job_id=job_ids[0], gui=True, reply_to=self._me())
                )
            case AttachClient():
                self._supervisor.tell(message)
            case ReportingReady():
                self._train(message)
            case _TrainerExited(exit_code=exit_code):
                self._go_on(exit_code)
            case ReportingStopped(job_id=job_id, outcome=outcome, summary=summary):
                counts = f"{summary.received} reports received, {summary.forwarded} forwarded"
                print(f"{job_id} {outcome.value}: {counts}")
                if not self._job_ids:
                    self._finished.set_result(None)
            case ReportingFailed(reason=reason):
                self._finished.set_exception(RuntimeError(reason))
            case ReportingDegraded() | StrangerConnected() | ClientGone() | ClientMessageReceived():
                print(message)
            case TrainerConnected() | TrainerDisconnected() | ReportingBypassed():
                pass
            case _:
                assert_never(message)

    def on_stop(self) -> None:
        """Nothing of the reporter is left when this returns; its end is bounded."""
        self._supervisor.stop(timeout=5.0)

    def _train(self, ready: ReportingReady) -> None:
        command = trainer_command(ready.job_id, ready.control_address, ready.progress_address)
        trainer = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        me = self._me()
        # A thread waits, so that the worker can be told other things meanwhile.
        threading.Thread(
            target=lambda: me.tell(_TrainerExited(exit_code=trainer.wait())), name="trainer-wait"
        ).start()

    def _go_on(self, exit_code: int) -> None:
        job_id = self._job_ids.pop(0)
        outcome = JobOutcome.FAILED if exit_code else JobOutcome.COMPLETED
        if self._job_ids:
            self._supervisor.tell(
                SwitchJob(
                    job_id=job_id,
                    outcome=outcome,
                    next_job_id=self._job_ids[0],
                    reply_to=self._me(),
                )
            )
        else:
            self._supervisor.tell(
                StopReporting(job_id=job_id, outcome=outcome, reply_to=self._me())
            )

    def _me(self) -> TypedRef[WorkerMessage]:
        return TypedRef(self.actor_ref)


async def main() -> None:
    """Run two jobs with one client."""
    finished: Future[None] = Future()
    client = Client()
    ref = Worker.start(asyncio.get_running_loop(), finished)
    worker: TypedRef[WorkerMessage] = TypedRef(ref)
    connection = await connect(
        client, lambda channel: attach(worker, client_id="alice", channel=channel)
    )
    try:
        worker.tell(RunJobs(job_ids=("job-1", "job-2")))
        async with asyncio.timeout(TIMEOUT):
            await client.watch()
            await asyncio.wrap_future(finished)
        print("the client received", len(client.events), "reports")
    finally:
        await asyncio.to_thread(worker.stop, timeout=10.0)
        await connection.close()
        await client.peer.close()


if __name__ == "__main__":
    asyncio.run(main())
