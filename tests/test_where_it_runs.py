"""The reporter's rooms use nothing that a system lacks on which they are to run, as Windows."""

import ast
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES = {
    "os": {
        *("fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg"),
        *("mkfifo", "pidfd_open", "register_at_fork", "setpgid", "setsid", "statvfs", "sysconf"),
        *("uname", "wait", "waitid", "WNOHANG", "WNOWAIT"),
    },
    "select": {"epoll", "kqueue", "poll"},
    "signal": {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGUSR2"},
    "socket": {"AF_UNIX", "SO_PEERCRED", "SO_REUSEPORT"},
    "loop": {"add_reader", "add_signal_handler", "add_writer"},
}
"""What Python on Windows has not; on a loop, what its event loop there has not."""

FILES = [
    path
    for room in ("actors", "messages")
    for path in sorted((ROOT / room).rglob("*.py"))
    if (ROOT / "actors" / "worker") not in path.parents
]
WORKER_BEFORE_ITS_REFUSAL = [
    *(ROOT / name for name in ("run_worker.py", "actors/worker/__init__.py")),
    *(ROOT / "actors" / "worker" / name for name in ("command_line.py", "options.py")),
]


def guarded(node: ast.If) -> str:
    """The name that a condition asks for, as in ``if hasattr(os, "fork")``."""
    calls = [call for call in ast.walk(node.test) if isinstance(call, ast.Call)]
    names = [
        call.args[1].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "hasattr"
        and isinstance(call.args[1], ast.Constant)
    ]
    return str(names[0]) if names else ""


def is_answered(node: ast.Try) -> bool:
    """Whether it goes on where a loop says that it has no such thing."""
    return any(
        isinstance(handler.type, ast.Name)
        and handler.type.id in ("NotImplementedError", "Exception")
        for handler in node.handlers
    )


def missing_on_windows(tree: ast.Module) -> set[str]:
    """What a file imports or uses of that without having asked whether it is there."""
    names = {  # as they are called here, as in ``import socket as socketlib``
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found: set[str] = set()

    def look(node: ast.AST, allowed: frozenset[str]) -> None:
        if isinstance(node, ast.Import):
            found.update({alias.name for alias in node.names} & MODULES)
        elif isinstance(node, ast.ImportFrom):
            lacking = NAMES.get(node.module or "", set())
            found.update({alias.name for alias in node.names} & lacking)
            found.update({node.module or ""} & MODULES)
        elif isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            of = node.value.attr if isinstance(node.value, ast.Attribute) else of
            lacking = NAMES.get(names.get(of, of.lstrip("_")), set())
            found.update({node.attr} & (lacking - allowed))
        if isinstance(node, ast.If):
            allowed |= {guarded(node)}
        if isinstance(node, ast.Try) and is_answered(node):
            allowed |= NAMES["loop"]
        for child in ast.iter_child_nodes(node):
            look(child, allowed)

    look(tree, frozenset())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_reporter_uses_nothing_that_windows_lacks(path: Path) -> None:
    assert missing_on_windows(ast.parse(path.read_text())) == set()


@pytest.mark.parametrize("path", WORKER_BEFORE_ITS_REFUSAL, ids=lambda path: path.name)
def test_the_worker_imports_nothing_that_windows_lacks_before_it_refuses(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported: list[ast.stmt] = [
        node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert missing_on_windows(ast.Module(imported, [])) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fcntl", {"fcntl"}),
        ("from signal import SIGKILL", {"SIGKILL"}),
        ("import os\nos.fork()", {"fork"}),
        ("import socket as s\ns.socket(s.AF_UNIX)", {"AF_UNIX"}),
        ("class A:\n def f(self):\n  self._loop.add_reader(1, f)", {"add_reader"}),
        ("try:\n loop.add_reader(1, f)\nexcept NotImplementedError:\n pass", set()),
        ("try:\n loop.add_reader(1, f)\nexcept OSError:\n pass", {"add_reader"}),
        ("import os\nif hasattr(os, 'fork'):\n os.fork()", set()),
        ("import socket as s\nif x and hasattr(s, 'AF_UNIX'):\n s.socket(s.AF_UNIX)", set()),
        ("import os\nos.getpid()", set()),
    ],
)
def test_it_is_found_and_a_question_before_it_is_seen(source: str, found: set[str]) -> None:
    assert missing_on_windows(ast.parse(source)) == found
