"""A slow line: a TCP proxy that passes on so many bits a second."""

from __future__ import annotations

import asyncio
from typing import Final, Self

PORTION: Final = 1400
"""Bytes that pass at once: those of a packet."""


class SlowLine:
    """Passes on to the port ``target``, at ``rate`` bits a second for all connections together."""

    def __init__(self, target: int, rate: float) -> None:
        self._target, self._rate = target, rate
        self._free_at = 0.0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(self._copy(reader, other_writer), self._copy(other_reader, writer))
        except OSError:
            pass  # one side is gone
        finally:
            writer.close()
            other_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(PORTION):
            self._free_at = max(self._free_at, loop.time()) + 8 * len(data) / self._rate
            await asyncio.sleep(self._free_at - loop.time())
            writer.write(data)
            await writer.drain()
        writer.close()
