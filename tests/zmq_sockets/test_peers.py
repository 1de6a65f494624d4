"""Who is at the other end of a connection."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest

from actors.zmq_sockets import processes
from actors.zmq_sockets.connections import ends_of, has_spoken
from actors.zmq_sockets.processes import find_peer
from messages import Peer
from tests.support.paths import ROOT
from tests.support.processes import ends, python
from tests.support.strangers import NOBODY, needs_root

CONNECT = """
import encodings.idna, os, socket, sys  # another user may not be allowed to read the library
if sys.argv[3:]: os.setuid(int(sys.argv[3]))
connected = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connected.sendall(b"me")
os.read(0, 1)
"""

FORK_AND_STAY = """
import os, socket, sys
connected = socket.create_connection((sys.argv[1], int(sys.argv[2])))
if os.fork() and os.fork():
    connected.sendall(b"me")
os.read(0, 1)
"""

FORK_AND_LEAVE = FORK_AND_STAY.replace("os.read", "os.getpid() in [os.getsid(0)] or os.read")

ASK_FOR_ITSELF = """
import json, os, socket
from actors.zmq_sockets import ends_of, find_peer
with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as accepted:
        peer = find_peer(ends_of(accepted.fileno()))
        print(json.dumps([os.getpid(), peer.pid, peer.user, sorted(peer.kin)]))
"""


@contextmanager
def peer_that(
    script: str, *arguments: str, host: str = "127.0.0.1", at: str = ""
) -> Iterator[tuple[int, socket.socket]]:
    """The pid of a process that connects by ``script``, and the accepted connection.

    It listens at ``at``, and leads a session of its own. At the end of the block its stdin ends.
    """
    at = at or host
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    with socket.create_server((at, 0), family=family, dualstack_ipv6=at == "::") as server:
        command = python(script, host, str(server.getsockname()[1]), *arguments)
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
            with server.accept()[0] as accepted:
                assert accepted.recv(2) == b"me"
                yield process.pid, accepted
            assert process.stdin is not None
            process.stdin.close()


def peer_of(accepted: socket.socket) -> Peer:
    found = ends_of(accepted.fileno())
    assert found is not None
    return find_peer(found)


@pytest.mark.parametrize(
    ("host", "at"), [("127.0.0.1", ""), ("127.0.0.1", "0.0.0.0"), ("::1", ""), ("127.0.0.1", "::")]
)
def test_a_process_is_known_by_its_pid_name_start_user_and_ancestors(host, at):
    before = time.time()
    with peer_that(CONNECT, host=host, at=at) as (pid, accepted):
        peer = peer_of(accepted)
    assert (peer.pid, peer.user) == (pid, os.geteuid())
    assert peer.name.startswith("python")
    assert peer.started is not None
    assert before - 1 < peer.started < time.time() + 1
    assert {pid, os.getpid(), os.getppid()} <= peer.kin


def test_two_look_ups_of_a_process_are_equal():
    with peer_that(CONNECT) as (_, accepted):
        assert peer_of(accepted) == peer_of(accepted)


def test_a_connection_that_forks_hold_too_is_of_the_one_that_was_first_and_kin_to_all():
    with peer_that(FORK_AND_STAY) as (pid, accepted):
        peer = peer_of(accepted)
        holders = {pid, *(child.pid for child in psutil.Process(pid).children())}
    assert peer.pid == pid
    assert len(holders) == 3
    assert holders <= peer.kin


def test_a_connection_that_a_fork_alone_holds_is_the_forks_and_kin_to_the_session():
    with peer_that(FORK_AND_LEAVE) as (pid, accepted):
        assert ends(pid)
        peer = peer_of(accepted)
    assert peer.pid not in (None, pid)
    assert pid in peer.kin


def test_a_connection_that_has_ended_is_nobodys():
    with peer_that(CONNECT) as (_, accepted):
        found = ends_of(accepted.fileno())
        descriptor = accepted.fileno()
    assert found is not None
    assert find_peer(found).pid is None
    assert ends_of(descriptor) is None
    assert has_spoken(descriptor)  # nobody knows


def test_what_is_no_tcp_connection_has_no_ends(tmp_path):
    one, other = socket.socketpair()
    with one, other, (tmp_path / "file").open("w") as file:
        assert ends_of(one.fileno()) is None
        assert ends_of(file.fileno()) is None
        one.sendall(b"still open")
        assert other.recv(20) == b"still open"


@needs_root
def test_another_users_process_is_known_by_its_user():
    with peer_that(CONNECT, str(NOBODY)) as (pid, accepted):
        peer = peer_of(accepted)
    assert (peer.pid, peer.user) == (pid, NOBODY)


def test_a_process_that_may_not_be_seen_is_known_by_its_user_alone(monkeypatch):
    monkeypatch.setattr(processes, "_holders", lambda inode: iter(()))
    with peer_that(CONNECT) as (_, accepted):
        peer = peer_of(accepted)
    assert (peer, peer.kin) == (Peer(user=os.geteuid()), frozenset())


@pytest.mark.parametrize("own_proc", [False, True])
def test_in_a_namespace_of_processes_its_own_numbers_alone_are_believed(own_proc):
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        pytest.skip("root and unshare are needed")
    command = (unshare, "-fp", *(["--mount-proc"] if own_proc else []))
    run = subprocess.run(
        [*command, sys.executable, "-c", ASK_FOR_ITSELF], cwd=ROOT, capture_output=True, check=True
    )
    own, pid, user, kin = json.loads(run.stdout)
    assert own == 1
    assert user == 0
    assert (pid, kin) == ((1, [1]) if own_proc else (None, []))


def test_elsewhere_psutil_tells_if_it_is_installed(monkeypatch):
    with peer_that(FORK_AND_STAY) as (pid, accepted):
        on_linux = peer_of(accepted)
        assert psutil.LINUX  # imported before
        monkeypatch.setattr(sys, "platform", "darwin")
        elsewhere = peer_of(accepted)
        monkeypatch.setattr(processes, "_psutil", lambda: None)
        without = peer_of(accepted)
    assert (elsewhere.pid, elsewhere.name) == (pid, on_linux.name)
    assert elsewhere.kin == on_linux.kin
    assert elsewhere.started == pytest.approx(on_linux.started, abs=1)
    assert (without, without.kin) == (Peer(), frozenset())


def test_the_users_of_a_tree_are_those_of_all_that_it_has_started():
    assert processes.users_of([os.getpid()]) == {os.geteuid()}
    if os.geteuid() == 0:
        with peer_that(CONNECT, str(NOBODY)) as (pid, _):
            assert processes.users_of([os.getpid()]) == {0, NOBODY}
            assert processes.users_of([pid]) == {NOBODY}
    assert processes.users_of([]) == frozenset()


def test_whoever_looks_through_all_processes_rests_as_long_as_it_works(monkeypatch):
    naps: list[float] = []
    clock = SimpleNamespace(**vars(time) | {"sleep": naps.append})
    monkeypatch.setattr(processes, "time", clock)
    monkeypatch.setattr(processes, "BREATH", 1e-9)
    assert processes.users_of([os.getpid()]) == {os.geteuid()}
    assert len(naps) >= len(psutil.pids()) // 2
