"""OneThread: a thread pool executor of one daemon thread.

With the standard library's, an interpreter that exits waits for what runs, and nothing more can be
submitted once the main thread has ended, though a host may go on for days on its other threads.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class OneThread(Executor):
    """Its thread begins with what is submitted first. Each method may be called from any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_busy = self._is_over = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Have ``fn`` called behind what was submitted before.

        Raises RuntimeError after ``shutdown``, or when the system gives no thread.
        """
        future: Future[_T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = fn(*args, **kwargs)
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)

        self.run(job)
        return future

    def run(self, job: Callable[[], None]) -> bool:
        """The same of a ``job`` that raises nothing; whether there is something before it."""
        with self._changed:
            if self._is_over:
                raise RuntimeError(f"the thread {self._name} has been told to end")
            if self._thread is None:
                thread = threading.Thread(target=self._run_all, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            waits = self._is_busy or self.is_wanted()
            self._jobs.append(job)
            self._changed.notify()
        return waits

    def is_wanted(self, *, within: float = 0.0) -> bool:
        """Whether there is something behind what runs, or comes ``within`` so many seconds."""
        if not self._jobs and within > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs, within)
        return bool(self._jobs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End behind what was submitted, or with ``cancel_futures`` behind what runs. Idempotent.

        The futures of what is left out are not done; ``wait`` says to wait for the end.
        """
        with self._changed:
            self._is_over = True
            if cancel_futures:
                self._jobs.clear()
            self._changed.notify()
        if wait and self._thread is not None:
            self._thread.join()

    def _run_all(self) -> None:
        while (job := self._next()) is not None:
            job()
            del job  # what it holds is not to wait here for the next one

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._is_busy = False
            self._changed.wait_for(lambda: self._jobs or self._is_over)
            if not self._jobs:
                return None
            self._is_busy = True
            return self._jobs.popleft()
