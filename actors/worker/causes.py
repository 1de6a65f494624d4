"""What the lines of a failed training's output say of its cause. Pure functions.

All is bounded by the number of lines: each is cut, is looked at for words that stand for a cause,
and only where one is found a pattern is tried, which does not go through a line more than once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors.worker.outputs import plain
from actors.worker.trainer import INSTALL_ADVICE, INTERPRETER_ADVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 1000
"""Characters of a line that are looked at."""

MEMORY_ADVICE: Final = (
    "give the job more memory, or use fewer data loading workers, smaller images or no cache"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """``cause`` says why in words, ``advice`` in one line what to do; None where nothing shows."""

    cause: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class _Cause:
    """Of a line that has one of ``signs`` in it, ``pattern`` has to be found, if there is one.

    {} in ``words`` is what the pattern's group has found.
    """

    signs: tuple[str, ...]
    words: str
    advice: str
    pattern: re.Pattern[str] | None = None

    def said_by(self, line: str) -> Failure | None:
        """The failure, if this line tells of it."""
        if not any(sign in line for sign in self.signs):
            return None
        found = () if self.pattern is None else self.pattern.search(line)
        if found is None:
            return None
        groups = found.groups() if found else ()
        return Failure(self.words.format(*(group.strip() for group in groups)), self.advice)


def _raised(names: str, text: str) -> re.Pattern[str]:
    """An exception in a traceback's last line: a warning may name one that was handled."""
    return re.compile(rf"^(?:[\w.]{{1,200}}\.)?(?:{names}): {text}")


_PLACE: Final = "CUDA_LAUNCH_BLOCKING=1 in its environment shows where"
_PATHS: Final = "check the paths in the configuration, as this machine sees them"
_PERMISSIONS: Final = "check whose files they are, and where the training may write"

_CAUSES: Final = (
    _Cause(
        (
            *(
                "CUDA out of memory",
                "CUDA error: out of memory",
                "CUDA driver error: out of memory",
            ),
            *("OutOfMemoryError", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"),
            *("OOM when allocating", "Resource exhausted: OOM", "MPS backend out of memory"),
        ),
        "the GPU ran out of memory",
        "use a smaller batch size or input scale, or end what else runs on this GPU (nvidia-smi)",
    ),
    _Cause(
        ("No space left on device", "[Errno 28]", "Disk quota exceeded", "[Errno 122]"),
        "no space is left on the disk",
        "free some space, or save the model elsewhere",
    ),
    _Cause(
        ("Address already in use", "[Errno 98]", "EADDRINUSE", "[Errno 48]"),
        "a port that the training needs is in use",
        "end the program that uses it, or start the worker with --any-port",
    ),
    _Cause(
        (
            *("DefaultCPUAllocator: can't", "DefaultCPUAllocator: not enough"),
            *("Cannot allocate memory", "[Errno 12]", "is killed by signal: Killed"),
        ),
        "the machine ran out of memory",
        MEMORY_ADVICE,
    ),
    _Cause(
        ("MemoryError",),
        "the machine ran out of memory",
        MEMORY_ADVICE,
        re.compile(r"^(?:[\w.]{1,200}\.)?_?(?:Array)?MemoryError\b"),
    ),
    _Cause(
        ("FileNotFoundError",),
        "a file is not there: {}",
        _PATHS,
        _raised("FileNotFoundError", r".{0,200}name = ('[^']+')"),  # h5py's
    ),
    _Cause(
        ("FileNotFoundError",),
        "a file is not there: {}",
        _PATHS,
        _raised("FileNotFoundError", r"(?:\[Errno 2\] )?(?:No such file or directory: )?(.+)"),
    ),
    _Cause(
        ("can't open file",),
        "a file is not there: {}",
        "check the path of the script, as this machine sees it",
        re.compile(r": can't open file ('[^']+'): \[Errno 2\]"),  # Python's, of its script
    ),
    _Cause(
        ("PermissionError",),
        "permission is denied: {}",
        _PERMISSIONS,
        _raised("PermissionError", r".{0,200}name = ('[^']+')"),
    ),
    _Cause(
        ("PermissionError",),
        "permission is denied: {}",
        _PERMISSIONS,
        _raised("PermissionError", r"(?:\[Errno 13\] )?(?:Permission denied: )?(.+)"),
    ),
    _Cause(
        ("open file (file signature not found", "open file (truncated file"),
        "a file is damaged, or is not an HDF5 file",
        "copy it again, and compare the sizes; a file of git-lfs may not have been fetched",
    ),
    _Cause(
        ("cannot open shared object file",),
        "a library of the system is missing: {}",
        "install its package (on Debian and Ubuntu, libgl1 has libGL.so.1 and libglib2.0-0 has "
        "libgthread-2.0.so.0), or opencv-python-headless in place of opencv-python",
        re.compile(r"\b(lib[\w.+-]{1,100}\.so[\w.]{0,20}): cannot open shared object file"),
    ),
    _Cause(
        ("ModuleNotFoundError",),
        "the Python package {} is not installed",
        "start the worker in the environment that the training runs in",
        _raised("ModuleNotFoundError", r"No module named '?([\w.-]+)"),
    ),
    _Cause(
        ("failed to map segment from shared object",),
        "a library could not be loaded into memory: {}",
        "give the job more memory, or raise its limit (ulimit -v); a disk that is mounted noexec "
        "does the same",
        re.compile(r"(?:^|[ /])([\w.+-]{1,100}): failed to map segment"),
    ),
    _Cause(
        ("ImportError",),
        "something cannot be imported: {}",
        "its packages may not fit each other: install the environment anew",
        _raised("ImportError", "(.+)"),
    ),
    _Cause(
        ("not found",),
        "there is no command {}",
        INSTALL_ADVICE,
        re.compile(r"^(?:[^:]{1,200}: ){1,2}([^\s:]{1,200}): (?:command )?not found$"),
    ),
    _Cause(
        ("cannot execute: required file not found",),
        "the first line of {} names what is not there",
        INTERPRETER_ADVICE,
        re.compile(
            r"^(?:[^:]{1,200}: ){1,2}([^\s:]{1,200}): cannot execute: required file not found$"
        ),
    ),
    _Cause(
        ("Exec format error",),
        "{} was built for another kind of machine, or does not say what runs it",
        "install it for this one; a script has #!/bin/sh or the like in its first line",
        re.compile(r"([^\s:]{1,200}): (?:cannot execute binary file: )?Exec format error$"),
    ),
    _Cause(
        ("execve(): ",),
        "{} may not be executed",
        "make it executable with chmod +x, or name what runs it before it",
        re.compile(r"execve\(\): ([^:]{1,200}): Permission denied$"),
    ),
    _Cause(
        ("execve(): ",),
        "there is no command {}",
        INSTALL_ADVICE,
        re.compile(r"execve\(\): ([^:]{1,200}): No such file or directory$"),
    ),
    _Cause(
        ("device-side assert triggered", "cudaErrorAssert"),
        "the GPU was given a value out of range (device-side assert)",
        f"check that the labels fit the skeleton and classes of the configuration; {_PLACE}",
    ),
    _Cause(
        ("illegal memory access", "misaligned address", "CUDA error: an illegal instruction"),
        "a computation on the GPU read or wrote where it must not (illegal memory access)",
        f"start it again; if it fails again, update torch and the GPU's driver; {_PLACE}",
    ),
    _Cause(
        ("no kernel image is available",),
        "the installed torch was not built for this GPU",
        "install one that supports it (pytorch.org/get-started), or train on another GPU",
    ),
    _Cause(
        (
            *("No CUDA GPUs are available", "no CUDA-capable device is detected"),
            *("Found no NVIDIA driver", "no NVIDIA driver", "CUDAAccelerator` can not run"),
        ),
        "no GPU is there for the training",
        "ask the scheduler for one (--gres=gpu:1), look at nvidia-smi and at CUDA_VISIBLE_DEVICES, "
        "or train on the CPU",
    ),
    _Cause(
        ("Torch not compiled with CUDA enabled",),
        "the installed torch cannot use a GPU",
        "install one with CUDA (pytorch.org/get-started), or train on the CPU",
    ),
    _Cause(
        ("CUDA error", "CUDA driver", "CUDA unknown error", "CUDA initialization"),
        "the GPU or its driver failed",
        "look at nvidia-smi; another training on this GPU may have crashed it",
    ),
)

_AFTER_CUDA: Final = (
    "CUDA kernel errors might be asynchronously reported",
    "For debugging consider passing CUDA_LAUNCH_BLOCKING",
    "to enable device-side assertions",
    "Device-side assertion",
    "Search for `cudaError",
)
"""What torch writes below each CUDA error, whichever it was."""

_RANK: Final = re.compile(r"^(?:\[(?:rank|default|rank: ) ?\d{1,4}\]:? ?|\d{1,4}: )")
"""Which process of several has written a line: torch's, torchrun's and srun's mark."""

_LAUNCHER_LINE: Final = re.compile(r"^[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ .{0,100}torch/distributed/")
_TABLE_EDGE: Final = re.compile(r"^={20,}\s*$")
_CHILD_SIGNAL: Final = re.compile(r"^\s+exitcode +: -(\d{1,2}) ")

_HYDRA: Final = re.compile(r"Cannot find primary config '([^']{1,500})'")
_HYDRA_FOLDER: Final = re.compile(r"Check that the config directory '([^']{1,500})' exists")
_HYDRA_PATH: Final = re.compile(r"provider=main, path=(?:file://)?(.{1,500})")
_HYDRA_LINES: Final = 6

_OVERRIDE: Final = re.compile(r"Could not override '([^']{1,500})'")
_KEY: Final = re.compile(r"^omegaconf\.errors\.Config\w{1,30}Error: Key '([^']{1,500})' ")
_FULL_KEY: Final = re.compile(r"^\s+full_key: (\S{1,500})")
_VALUE: Final = re.compile(r"^omegaconf\.errors\.\w{0,50}ValidationError: (.+)")
_YAML: Final = re.compile(r"^yaml\.(?:parser|scanner|composer|constructor|reader)\.\w{1,30}Error: ")
_YAML_PLACE: Final = re.compile(r'^\s+in "(.{1,500})", line (\d{1,9}), column \d')
_LINES_BELOW: Final = 8
"""Lines below the one that names an exception of OmegaConf's or PyYAML's that belong to it."""

_SPELLING: Final = "check how it is spelled"
_VALUES: Final = "https://nn.sleap.ai/config/ says which values it may have"

_EXCEPTION: Final = re.compile(r"^(?:[\w.]{1,200}\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b")


def bare(lines: tuple[str, ...]) -> tuple[str, ...]:
    """``lines`` without colours and marks of ranks, each cut."""
    return tuple(_RANK.sub("", plain(line[:LONGEST])).rstrip() for line in lines)


def own_lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    """``lines`` without what torchrun says when one of its processes has failed."""
    kept: list[str] = []
    edges = 0  # of its table that are still to come
    for line in lines:
        if line.startswith("torch.distributed.elastic") and "ChildFailedError" in line:
            edges = 2
            del kept[_last_traceback(kept) :]
        elif edges:
            edges -= bool(_TABLE_EDGE.match(line))
        elif not _LAUNCHER_LINE.match(line):
            kept.append(line)
    return tuple(kept)


def _last_traceback(lines: list[str]) -> int:
    return next(
        (at for at in range(len(lines) - 1, -1, -1) if lines[at].startswith("Traceback (most")),
        len(lines),
    )


def signal_of_child(lines: tuple[str, ...]) -> int | None:
    """The signal that has ended the first process of torchrun's that failed, as its table says."""
    number = _first(_CHILD_SIGNAL, reversed(lines))
    return None if number is None else int(number)


def cause_in(lines: tuple[str, ...]) -> Failure | None:
    """The last cause that ``lines``, which are bare, show."""
    for at in range(len(lines) - 1, -1, -1):
        failure = _cause_of(lines, at)
        if failure is not None:
            return failure
    return None


def exception_in(lines: tuple[str, ...]) -> str | None:
    """The last of ``lines``, which are bare, that is the end of a traceback."""
    return next((line.strip() for line in reversed(lines) if _EXCEPTION.match(line)), None)


def _cause_of(lines: tuple[str, ...], at: int) -> Failure | None:
    line = lines[at]
    if any(words in line for words in _AFTER_CUDA):
        return None
    return (
        _missing_config(lines, at)
        or _wrong_config(lines, at)
        or next(filter(None, (cause.said_by(line) for cause in _CAUSES)), None)
    )


def _missing_config(lines: tuple[str, ...], at: int) -> Failure | None:
    folder = _HYDRA_FOLDER.search(lines[at])
    if folder:
        return Failure(f"the configuration's folder is not there: {folder[1]}", _PATHS)
    config = _HYDRA.search(lines[at])
    if not config:
        return None
    path = _first(_HYDRA_PATH, lines[at : at + _HYDRA_LINES])
    where = f" in {path}" if path else ""
    return Failure(f"the configuration {config[1]} is not there{where}", _PATHS)


def _wrong_config(lines: tuple[str, ...], at: int) -> Failure | None:
    """A key that is not known, or a file that is not YAML."""
    line, below = lines[at], lines[at + 1 : at + 1 + _LINES_BELOW]
    override = _OVERRIDE.search(line)
    if override:
        return Failure(
            f"the configuration has no {override[1]}", f"{_SPELLING}; with + before it, it is added"
        )
    value, key = _VALUE.match(line), _KEY.match(line)
    full = _first(_FULL_KEY, below) if value or key else None
    if value and full:
        return Failure(f"the value of {full} in the configuration is wrong: {value[1]}", _VALUES)
    if key:
        full = full or key[1]
        return Failure(
            f"the configuration has a key that sleap-nn does not know: {full}", _SPELLING
        )
    if not _YAML.match(line):
        return None
    places = [found for found in map(_YAML_PLACE.match, below) if found]
    where = f": line {places[-1][2]} of {places[-1][1]}" if places else ""
    return Failure(
        f"the configuration is not YAML{where}",
        "look there and at the line before: indentation is of spaces, and a space follows a colon",
    )


def _first(pattern: re.Pattern[str], lines: Iterable[str]) -> str | None:
    """What ``pattern`` finds in the first of ``lines`` in which it finds something."""
    return next((found[1] for found in map(pattern.search, lines) if found), None)
