"""A worker in asyncio code: two trainings in a row, watched and stopped over WebRTC.

    python -m examples.asyncio_worker [CONTROL_ADDRESS PROGRESS_ADDRESS]

All of it is on one event loop. The addresses are tcp://127.0.0.1:9000 and 9001 by default.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from actors import ProgressReporter
from examples.client import Client, connect, trainer_command
from messages.wire import ControlText, parse_client_text

if TYPE_CHECKING:
    from aiortc import RTCDataChannel


async def train(job: str, reporter: ProgressReporter) -> None:
    """Run one trainer, and wait for its end."""
    command = trainer_command(job, reporter.control_address, reporter.progress_address)
    trainer = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    print(job, "exited with", await trainer.wait())


async def main(*addresses: str) -> None:
    """Report two trainings to one client."""
    client, reporter = Client(), ProgressReporter(*addresses)
    channels: list[RTCDataChannel] = []

    def obey(text: str) -> None:
        """The host parses what its client sends; this one passes on control messages alone."""
        message = parse_client_text(text)
        if isinstance(message, ControlText):
            reporter.send_control_message(message.command)

    def announced(channel: RTCDataChannel) -> None:
        channel.on("message", obey)
        channels.append(channel)

    worker = await connect(client, announced)
    watching = asyncio.create_task(client.watch())
    try:
        async with reporter:  # binds the control socket; OSError says why it cannot
            reporter.start_progress_listener_task(channels[0])
            await train("job-1", reporter)
            # Returns when all reports of job-1 have been handed to the channel.
            await reporter.restart_progress_listener(channels[0])
            await train("job-2", reporter)
        # All reports are with the channel; they are with the client before the connection closes.
        await watching
        print("the client received", len(client.events), "reports")
    finally:
        watching.cancel()
        await worker.close()
        await client.peer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
