"""Why the system does not start a command, and what to do. It looks at the command's file."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Final, NamedTuple

from actors.worker.bounded import regular

_BEGINNING: Final = 512
"""Bytes of a file that are looked at: what the system reads of its first line is shorter."""

_BINARY: Final = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")
"""How programs begin on Linux, macOS and Windows."""

INSTALL_ADVICE: Final = (
    "is the environment activated? Activate the one that it is installed in, or give its full path"
)
INTERPRETER_ADVICE: Final = (
    "was its environment moved or removed? Install it again, or correct that line"
)


class Unstarted(NamedTuple):
    """``cause`` says why in words, ``advice`` in one line what to do; None where nothing shows."""

    cause: str | None = None
    advice: str | None = None


_RESOURCES: Final = {
    errno.E2BIG: Unstarted(
        "its arguments are longer than the system takes", "put them into a configuration file"
    ),
    errno.EAGAIN: Unstarted(
        "the system starts no more processes for you", "end some of them, or raise ulimit -u"
    ),
    errno.ENOMEM: Unstarted(
        "the system has no memory for another process", "end others, or ask for more memory"
    ),
    errno.ETXTBSY: Unstarted("its file is being written", "start it again when it is whole"),
}


class _Script(NamedTuple):
    """What the first line of a script names, and how that ends."""

    interpreter: str
    ends_as_on_windows: bool


def why_not_started(program: str, number: int) -> Unstarted:
    """Why ``program`` was not started, by the error's ``number``; on a thread that may block."""
    if number in _RESOURCES:
        return _RESOURCES[number]
    try:
        return _looked_at(program, number)
    except OSError:  # what may not be looked at says nothing
        return Unstarted()


def _looked_at(program: str, number: int) -> Unstarted:
    """The same, by the file; raises OSError."""
    path = _file_of(program)
    match number:
        case errno.ENOENT | errno.ENOTDIR | errno.ELOOP:
            return _missing(program) if path is None else _without_interpreter(program, path)
        case errno.EACCES | errno.EPERM:
            return _not_allowed(program, path)
        case errno.ENOEXEC:
            return _not_a_program(program, path)
        case _:
            return Unstarted()


def _file_of(program: str) -> Path | None:
    """The file, or folder, that the system finds by this name, whether or not it may be run."""
    if os.sep in program:
        return Path(program) if os.path.lexists(program) else None
    for folder in os.get_exec_path():
        path = Path(folder, program)
        if os.path.isfile(path):  # noqa: PTH113 - it passes over folders that may not be entered
            return path
    return None


def _missing(program: str) -> Unstarted:
    cause = f"there is no command {program}"
    words = program.split()
    if len(words) > 1 and shutil.which(words[0]):
        return Unstarted(cause, "its words are one here: leave out the quotes around all of them")
    if os.sep not in program and Path(program).is_file():
        return Unstarted(
            f"{cause}, but a file of that name in this folder",
            f"name the folder as well, ./{program}, or {_with_interpreter(program)}",
        )
    return Unstarted(cause, INSTALL_ADVICE)


def _without_interpreter(program: str, path: Path) -> Unstarted:
    """The file is there, and what it needs is not."""
    if not path.exists():
        target = path.readlink() if path.is_symlink() else "nothing"
        return Unstarted(f"{program} is a link to {target}, which is not there", INSTALL_ADVICE)
    script = _script_in(_beginning_of(path))
    if script is None:
        return Unstarted(
            f"what {program} needs to run is not there: it was built for another system",
            "install it for this one",
        )
    if script.ends_as_on_windows:
        return Unstarted(
            f"the lines of {program} end as on Windows, so that its interpreter is not found",
            f"run: sed -i 's/\\r$//' {program}",
        )
    return Unstarted(
        f"the first line of {program} names {script.interpreter}, which is not there",
        INTERPRETER_ADVICE,
    )


def _not_allowed(program: str, path: Path | None) -> Unstarted:
    if path is None:
        return Unstarted(f"you may not look for {program} there", "ask whoever owns its folder")
    if path.is_dir():
        return Unstarted(f"{program} is a folder", "name the program in it")
    if not path.stat().st_mode & 0o111:
        return Unstarted(
            f"{program} may not be executed",
            f"run: chmod +x {path}; or {_with_interpreter(program)}",
        )
    script = _script_in(_beginning_of(path))
    if script is not None and not _may_be_executed(script.interpreter):
        return Unstarted(
            f"the first line of {program} names {script.interpreter}, which may not be executed",
            "correct that line",
        )
    return Unstarted(
        f"the system does not allow that {program} is executed",
        "is it yours to execute, and its file system not mounted with noexec? Else "
        + _with_interpreter(program),
    )


def _may_be_executed(interpreter: str) -> bool:
    """Whether it is a file that somebody may execute."""
    try:
        found = Path(interpreter).stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(found) and bool(found & 0o111)


def _not_a_program(program: str, path: Path | None) -> Unstarted:
    beginning = b"" if path is None else _beginning_of(path)
    if beginning.startswith(_BINARY):
        return Unstarted(
            f"{program} was built for another kind of machine: this one is {os.uname().machine}",
            "install it for this one",
        )
    if path is not None and not beginning:
        return Unstarted(f"{program} is empty, or cannot be read", "see what became of it")
    return Unstarted(
        f"{program} does not say what runs it: its first line has no #!",
        f"put #!/bin/sh or the like there, or {_with_interpreter(program)}",
    )


def _with_interpreter(program: str) -> str:
    interpreter = "python" if program.endswith(".py") else "bash"
    return f"name what runs it before it: {interpreter} {program}"


def _beginning_of(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=regular) as file:
            return file.read(_BEGINNING)
    except OSError:
        return b""


def _script_in(beginning: bytes) -> _Script | None:
    """What a script's first line says; None of what is no script."""
    if not beginning.startswith(b"#!"):
        return None
    line = beginning[2:].partition(b"\n")[0]
    words = line.decode(errors="replace").split()
    return _Script(words[0] if words else "nothing", line.endswith(b"\r"))
