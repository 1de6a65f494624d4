"""What lies between and beside a browser and a worker: a TCP proxy, and another site."""

import asyncio
from typing import Self

from tests.support.event_loop import LoopThread


class _Server:
    """Listens at ``port``, from entering on; ``go_away`` breaks all connections."""

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()
        self._thread.close()

    def come_back(self) -> None:
        """Listen, where it did before."""
        self._thread.run(self._listen())

    def go_away(self) -> None:
        """Break all connections and take no more."""
        self._thread.run(self._close())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        raise NotImplementedError


class Network(_Server):
    """Passes on to the port ``target``."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy both ways, until one end closes."""
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(other_writer)
        await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))
        self._writers.discard(other_writer)


class Site(_Server):
    """Answers each request with one page.

    Any number of connections at once: a browser opens some that it sends nothing over.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        body = page.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        self._answer = head.encode() + b"Connection: close\r\n\r\n" + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        writer.close()
        await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.CancelledError):
        pass
    finally:
        writer.transport.abort()
