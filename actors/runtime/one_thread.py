"""OneThread: a thread pool executor of one daemon thread.

With the standard library's, an interpreter that exits waits for what runs, and nothing more can be
submitted once the main thread has ended, though a host may go on for days on its other threads.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class OneThread(Executor):
    """Its thread begins with what is submitted first. Each method may be called from any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = False

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

        with self._changing:
            if self._is_over:
                raise RuntimeError(f"the thread {self._name} has been told to end")
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._jobs.put(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End behind what was submitted, or with ``cancel_futures`` behind what runs. Idempotent.

        The futures of what is left out are not done; ``wait`` says to wait for the end.
        """
        with self._changing:
            self._is_over = True
            with suppress(Empty):
                while cancel_futures:
                    self._jobs.get_nowait()
            self._jobs.put(None)
        if wait and self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # what it holds is not to wait here for the next one
