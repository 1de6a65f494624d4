"""Data from outside that nobody has asked for: seeded, so that it is the same each time."""

import random
import socket
from collections.abc import Iterator

from tests.support.waiting import PATIENCE


def broken(data: bytes, chance: random.Random) -> bytes:
    """``data`` with some bytes changed, cut out, doubled, or all of the rest lost."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(broken) + 1)
        match chance.choice(["change", "cut", "double", "insert", "end"]):
            case "change":
                broken[at : at + 1] = chance.randbytes(1)
            case "cut":
                del broken[at : at + chance.randint(1, 40)]
            case "double":
                broken[at:at] = broken[at : at + chance.randint(1, 200)]
            case "insert":
                broken[at:at] = chance.randbytes(chance.randint(1, 20))
            case "end":
                del broken[at + len(broken) // 2 :]
    return bytes(broken)


def broken_texts(text: str, count: int, seed: int) -> Iterator[str]:
    """``count`` broken versions of ``text``."""
    chance = random.Random(seed)
    for _ in range(count):
        yield broken(text.encode(), chance).decode(errors="replace")


def throw_at(port: int, *pieces: bytes) -> bytes:
    """What a server says to raw bytes, before it hangs up or the thrower does."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                answer += data
        except OSError:
            pass  # it has hung up
    return answer
