"""OutputRelay: a process's output, on a way that outlives whoever reads it.

A trainer that writes into a pipe whose reader was killed dies of it at its next line. So a small
process of its own stands between: it hands on what it reads, and reads on when nobody takes it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import IO, Final, Self

_COMMAND: Final = ("sh", "-c", "trap '' INT TERM HUP; cat; exec cat >/dev/null")
"""The first cat ends with the reader, or with the output; the second one with the output."""


@dataclass(frozen=True, slots=True)
class OutputRelay:
    """``inlet`` is a descriptor for the process to write to, ``outlet`` is read from."""

    inlet: int
    outlet: IO[bytes]
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Self:
        """Start the process between. Raises OSError."""
        source, inlet = os.pipe()
        try:
            process = subprocess.Popen(
                _COMMAND,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            os.close(inlet)
            raise
        finally:
            os.close(source)
        assert process.stdout is not None
        return cls(inlet, process.stdout, process)

    def close_inlet(self) -> None:
        """Whoever writes has the inlet by now, or will never have it; called once."""
        os.close(self.inlet)

    def end(self) -> None:
        """Release the outlet; waits for the process, which ends with the last that writes."""
        self.outlet.close()
        self._process.wait()
