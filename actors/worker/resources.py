"""The resources' actor: what the trainer's process tree uses, sampled now and then."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

import psutil
import pynvml

from actors.runtime import ThreadActor, TypedRef, reply, starter
from messages import (
    ChildDown,
    GpuUse,
    Mailbox,
    ResourcesMessage,
    ResourcesUsed,
    StopWatching,
    WatchProcess,
)

if TYPE_CHECKING:
    from actors.runtime import Cancellable, Scheduler

log = logging.getLogger(__name__)

FIRST: Final = 1.0
INTERVAL: Final = 10.0
"""Seconds to the first sample, and from one to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SampleDue:
    """It is time for a sample of the process that was watched as number ``watch``."""

    watch: int


_Inbox: TypeAlias = ResourcesMessage | _SampleDue


class ResourcesActor(ThreadActor[ResourcesMessage]):
    """Takes ``ResourcesMessage``; tells ``ResourcesUsed`` as long as the process is there."""

    name = "resources"

    def __init__(self, *, parent: Mailbox[ChildDown], scheduler: Scheduler | None = None) -> None:
        super().__init__()
        self.parent = parent
        self._scheduler = scheduler or self.actor_inbox
        self._me: TypedRef[_Inbox] = TypedRef(self.actor_ref)
        self._watch = 0
        self._watched: WatchProcess | None = None
        self._processes: dict[int, psutil.Process] = {}
        self._timer: Cancellable | None = None
        self._gpus = _Gpus()

    def on_receive(self, message: _Inbox) -> None:
        """Handle one message."""
        match message:
            case WatchProcess():
                self._end_watch()
                self._watched = message
                self._sample_or_skip(message.pid)  # a percentage is since the sample before
                self._sample_in(FIRST)
            case StopWatching():
                self._end_watch()
            case _SampleDue():
                if message.watch == self._watch and self._watched is not None:
                    self._tell_sample(self._watched)
            case _:
                assert_never(message)

    def release(self) -> None:
        """Release the process and the GPUs."""
        self._end_watch()
        self._gpus.close()

    def _end_watch(self) -> None:
        self._watch += 1
        self._watched = None
        self._processes = {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sample_in(self, delay: float) -> None:
        due = _SampleDue(watch=self._watch)
        self._timer = self._scheduler.after(delay, lambda: self._me.tell(due))

    def _tell_sample(self, watched: WatchProcess) -> None:
        used, there = self._sample_or_skip(watched.pid)
        if there:
            self._sample_in(INTERVAL)
        if used is not None:
            reply(watched.reply_to, used)

    def _sample_or_skip(self, pid: int) -> tuple[ResourcesUsed | None, bool]:
        """What is used, as far as the system tells at the moment; whether the process is there."""
        try:
            used = self._sample(pid)
        except OSError as error:  # as when no file descriptor is left
            log.warning("what the training uses is not known for %.0f s: %s", INTERVAL, error)
            return None, True
        return used, used is not None

    def _sample(self, pid: int) -> ResourcesUsed | None:
        """What is used; None when the process has ended."""
        try:
            root = self._processes.get(pid) or psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            return None
        self._processes = {p.pid: self._processes.get(p.pid, p) for p in tree}
        percent, memory = 0.0, 0
        for process in self._processes.values():
            try:
                percent += process.cpu_percent()
                memory += process.memory_info().rss
            except psutil.Error:
                continue
        return ResourcesUsed(
            percent=round(percent, 1),
            memory=memory,
            memory_total=psutil.virtual_memory().total,
            cores=psutil.cpu_count() or 1,
            processes=len(self._processes),
            gpus=self._gpus.use(),
        )


class _Gpus:
    """The machine's NVIDIA GPUs; none where there is no driver."""

    def __init__(self) -> None:
        self._handles: list[Any] | None = None

    def use(self) -> tuple[GpuUse, ...]:
        """What each of them is used for by all programs."""
        try:
            if self._handles is None:
                self._handles = []
                pynvml.nvmlInit()
                count = range(pynvml.nvmlDeviceGetCount())
                self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in count]
            return tuple(map(_gpu_use, self._handles))
        except pynvml.NVMLError as error:
            log.debug("no GPU is watched: %s", error)
            return ()

    def close(self) -> None:
        """Release the driver."""
        if self._handles:
            try:
                pynvml.nvmlShutdown()
            except pynvml.NVMLError:
                pass


def _gpu_use(handle: Any) -> GpuUse:
    memory = _memory(handle)
    name = pynvml.nvmlDeviceGetName(handle)
    return GpuUse(
        name=name if isinstance(name, str) else name.decode(errors="replace"),
        memory=int(memory.used),
        memory_total=int(memory.total),
        percent=int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
    )


def _memory(handle: Any) -> Any:
    """As nvidia-smi says it: what is used is without what the driver keeps, some 600 MiB."""
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except pynvml.NVMLError:  # an older driver knows the first version alone
        return pynvml.nvmlDeviceGetMemoryInfo(handle)


spawn = starter(ResourcesActor)
