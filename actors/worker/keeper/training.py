"""Training: the processes of a training, which are started, waited for and signalled here alone.

Who waits also signals. The process that was started is waited for without being reaped, so its
number stays its own until ``reap``; all others are signalled by a handle on the very process.
A plain object: nothing in it waits, ``step`` is called again and again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Final, NamedTuple

from actors.proc import Process
from actors.worker.keeper.processes import (
    become_subreaper,
    descendants,
    every_process,
    reap,
    send,
)
from actors.worker.keeper.talk import Refused, Signalled

LOOK: Final = 0.1
"""Seconds between two looks at the system's processes, while the training is being ended."""

REAPING: Final = 5.0
"""Seconds between two looks for ended processes that the training has left behind."""

TERMS: Final = 5
"""Times that TERM is sent to what has been started while it was being sent."""

KILLS: Final = 10.0
"""Seconds for which KILL is sent again and again, to what is started meanwhile. What is there then
cannot be killed."""

LINGER: Final = 1.0
"""Seconds that what the training has started may take to end after it, without being named."""

_GROUP: Final = -1
"""The number that stands for the process group, where the system does not tell its processes."""


class _Pursuit(NamedTuple):
    """TERM has been sent; KILL is due, or has been sent since ``kill_at`` (monotonic seconds)."""

    kill_at: float
    killed: bool = False


class Training:
    """One training. ``alone`` says that this process has, and will have, no other children."""

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone and os.getpid() != 1 and not _children() and become_subreaper()
        self._process: subprocess.Popen[bytes] | None = None
        self._pursuit: _Pursuit | None = None
        self._termed: set[tuple[int, int]] = set()
        self._looked = self._reaped = float("-inf")
        self._living: list[Process] = []
        self._ended_at: float | None = None
        self._given_up = False
        self.returncode: int | None = None
        self.cancelled = False

    def start(
        self,
        command: tuple[str, ...],
        *,
        output: int | None = None,
        variables: dict[str, str] | None = None,
        ignored: tuple[int, ...] = (),
        blocked: tuple[int, ...] | None = None,
    ) -> int:
        """Start it, in a session of its own; its number. Raises OSError or ValueError.

        ``ignored`` are the signals that it ignores and this process does not, ``blocked`` all that
        it blocks; None are those that the calling thread does.
        """

        def prepare() -> None:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            if blocked is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=variables,
            start_new_session=True,
            # Between fork and exec nothing but this may run in a process with threads.
            preexec_fn=prepare if ignored or blocked is not None else None,
        )
        return self._process.pid

    @property
    def pid(self) -> int:
        """The number of the process that was started."""
        assert self._process is not None
        return self._process.pid

    # What becomes of it

    def step(self, now: float) -> list[Signalled | Refused]:
        """Look at it, at ``now`` (monotonic seconds), and go on with ending it."""
        self._note_end(now)
        if now - self._reaped >= REAPING:
            self._reaped = now
            self._reap_orphans()
        if self._pursuit is None:
            return []
        return self._pursue(self._pursuit, now)

    def _note_end(self, now: float) -> None:
        if self._ended_at is None and self._has_ended():
            self._ended_at, self._looked = now, float("-inf")

    def _has_ended(self) -> bool:
        try:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # somebody else has reaped it
            return True
        if found is None:
            return False
        exited = found.si_code == os.CLD_EXITED
        self.returncode = found.si_status if exited else -found.si_status
        return True

    def is_over(self, now: float, *, silent: bool) -> bool:
        """Whether it has ended, and all that it has started, or what is left goes on by itself.

        ``silent`` says that nobody holds its output any more.
        """
        if self._given_up:
            return True
        if self._ended_at is None or self._pursuit is not None:
            return False
        return now - self._ended_at >= LINGER or (silent and not self._alive(now))

    def left(self, now: float) -> list[str]:
        """What runs of it although it has ended, in words."""
        return [str(one) for one in self._alive(now)]

    def next_step(self, now: float) -> float | None:
        """Seconds until ``step`` is to be called again; None when nothing is due."""
        if self._pursuit is not None:
            return LOOK
        if self._ended_at is not None and not self._given_up:
            return max(0.0, min(LOOK, self._ended_at + LINGER - now))
        return None

    def reap(self) -> None:
        """Reap it: from here on its number may be another's."""
        if self._process is None or self._process.returncode is not None:
            return
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            pass
        self._process.returncode = self.returncode or 0  # subprocess is not to wait for it

    def forget(self) -> None:
        """Leave it alone, also when it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.returncode = 0

    # Its end by order

    def cancel(self, grace: float, now: float) -> list[Signalled | Refused]:
        """TERM, and KILL after ``grace`` seconds; the second time KILL at once."""
        if self._pursuit is not None:
            if self._pursuit.killed:
                return []
            self._pursuit = _Pursuit(now)
            return self._pursue(self._pursuit, now)
        self._note_end(now)
        self._termed.clear()
        sent, refusal = 0, None
        for _ in range(TERMS):
            new = [one for one in self._look(now) if (one.pid, one.began) not in self._termed]
            if not new:
                break
            self._termed |= {(one.pid, one.began) for one in new}
            count, refused = self._signal(new, signal.SIGTERM)
            sent, refusal = sent + count, refusal or refused
        if not sent and refusal is not None:
            return [Refused(refusal)]
        if not sent and self._ended_at is not None:
            return []
        self.cancelled = True
        self._pursuit = _Pursuit(now + grace)
        return [Signalled(signal.SIGTERM.name)] if sent else []

    def _pursue(self, pursuit: _Pursuit, now: float) -> list[Signalled | Refused]:
        alive = self._alive(now)
        if not alive and self._ended_at is not None:
            self._pursuit = None
            return []
        if now < pursuit.kill_at or not alive:
            return []
        sent, refusal = self._signal(self._look(now), signal.SIGKILL)
        if not sent and refusal is not None:
            self._pursuit = None
            self.cancelled = self._ended_at is not None
            return [] if self.cancelled else [Refused(refusal)]
        if now >= pursuit.kill_at + KILLS:
            self._given_up, self._pursuit = True, None
            return []
        first = not pursuit.killed
        self._pursuit = pursuit._replace(killed=True)
        return [Signalled(signal.SIGKILL.name)] if first else []

    def _signal(self, whom: list[Process], number: signal.Signals) -> tuple[int, str | None]:
        """How many have been signalled, and why one was not."""
        sent, refusal = 0, None
        for one in whom:
            try:
                if one.pid == _GROUP:
                    os.killpg(self.pid, number)
                else:
                    send(one, number)
                sent += 1
            except ProcessLookupError:
                continue
            except PermissionError:
                refusal = refusal or f"{one} belongs to another user: the system does not allow it"
        return sent, refusal

    # Its processes

    def _alive(self, now: float) -> list[Process]:
        """Those that lived at the last look, which is not long ago."""
        return self._look(now) if now - self._looked >= LOOK else self._living

    def _look(self, now: float) -> list[Process]:
        known = every_process()
        if known:
            found = descendants(known, self._roots(known))
            self._living = [one for one in found.values() if one.lives or self._is_awaited(one)]
        else:
            self._living = self._group()
        # A look takes long where there are thousands: it is not to take all of the time.
        took = max(0.0, time.monotonic() - now)
        self._looked = now + 4 * took
        return self._living

    def _is_awaited(self, one: Process) -> bool:
        # Its first thread may have ended before the others.
        return one.pid == self.pid and self._ended_at is None

    def _roots(self, known: dict[int, Process]) -> list[int]:
        if self._alone:
            me = os.getpid()
            return [one.pid for one in known.values() if one.parent == me]
        # Of the children that this process has besides, none is touched.
        return [self.pid, *(one.pid for one in known.values() if one.session == self.pid)]

    def _group(self) -> list[Process]:
        """The process group as one, where the system does not tell its processes."""
        if self._ended_at is not None and self._alone:
            try:  # the leader, which has ended, would stand for a group that lives
                while os.waitid(os.P_PGID, self.pid, os.WEXITED | os.WNOHANG) is not None:
                    pass
            except ChildProcessError:
                return []
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            # It has ended, or it may not be signalled; macOS says so of ended ones too.
            if self._ended_at is not None:
                return []
        return [Process(_GROUP, 0, self.pid, "", 0, "the training's process group")]

    def _reap_orphans(self) -> None:
        if self._alone or os.getpid() == 1:
            reap(every_process().values(), but={self.pid})


def _children() -> bool:
    """Whether this process has any, as it may have from the program that it was before."""
    me = os.getpid()
    return any(one.parent == me for one in every_process().values())
