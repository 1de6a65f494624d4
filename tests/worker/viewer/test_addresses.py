"""What the printed link names, and the command that leads to it from elsewhere."""

import socket
from ipaddress import ip_address

import pytest

from actors.worker.viewer import addresses
from actors.worker.viewer.addresses import host_for_others, is_loopback, own_addresses, ssh_command

NODE, OWN = "gpu-node-17", frozenset({"127.0.0.1", "198.51.100.17", "2001:db8::17"})
TUNNEL = f"-L 8765:127.0.0.1:8765 {NODE}"


def login(server: str, port: int = 22) -> dict[str, str]:
    return {"SSH_CONNECTION": f"203.0.113.9 50022 {server} {port}"}


JOB = {"SLURM_JOB_ID": "1"}


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, None),
        ({"SLURM_SUBMIT_HOST": "login"}, None),  # left over: it is no job
        ({"SSH_CONNECTION": ""}, None),
        (login("198.51.100.17"), f"ssh {TUNNEL}"),
        (login("2001:db8::17"), f"ssh {TUNNEL}"),
        (login("198.51.100.17", 2222), f"ssh -p 2222 {TUNNEL}"),
        (login("198.51.100.1"), f"ssh -J 198.51.100.1 {TUNNEL}"),
        (login("198.51.100.1", 2222), f"ssh -J 198.51.100.1:2222 {TUNNEL}"),
        (login("2001:db8::1", 2222), f"ssh -J [2001:db8::1]:2222 {TUNNEL}"),
        ({"SSH_CONNECTION": "no such thing"}, f"ssh {TUNNEL}"),
        ({"SSH_CONNECTION": "1 2 $(reboot) 22"}, f"ssh {TUNNEL}"),
        (JOB, f"ssh {TUNNEL}"),
        ({**JOB, "SLURM_SUBMIT_HOST": "login.example"}, f"ssh -J login.example {TUNNEL}"),
        ({**JOB, "SLURM_SUBMIT_HOST": "gpu-node-17.example"}, f"ssh {TUNNEL}"),
        ({**JOB, "SLURM_SUBMIT_HOST": "a; reboot"}, f"ssh {TUNNEL}"),
        ({**JOB, "SLURM_SUBMIT_HOST": "-oProxyCommand=reboot"}, f"ssh {TUNNEL}"),
        ({**JOB, **login("198.51.100.1")}, f"ssh -J 198.51.100.1 {TUNNEL}"),
        (
            {**JOB, **login("198.51.100.1"), "SLURM_SUBMIT_HOST": "login"},
            f"ssh -J login {TUNNEL}",
        ),
    ],
)
def test_the_command_leads_to_the_page_by_the_way_that_the_job_came(environment, command):
    assert ssh_command(environment, node=NODE, own=OWN, host="127.0.0.1", port=8765) == command


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "8765:[::1]:8765"), ("localhost", "8765:localhost:8765")]
)
def test_the_command_names_the_address_that_is_served(host, shown):
    command = ssh_command(JOB, node=NODE, own=OWN, host=host, port=8765)
    assert command == f"ssh -L {shown} {NODE}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "gpu-node-17", "198.51.100.17"])
def test_a_page_that_others_reach_needs_no_command(host):
    assert ssh_command(JOB, node=NODE, own=OWN, host=host, port=8765) is None


def test_a_name_that_a_shell_would_not_take_as_it_is_gives_no_command():
    assert ssh_command(JOB, node="a;b", own=OWN, host="127.0.0.1", port=8765) is None


@pytest.fixture
def machine(monkeypatch):
    """Another machine: its name, what that leads to, and what it uses towards other networks."""

    def becomes(name: str, leads_to: list[str], *uses: str) -> None:
        monkeypatch.setattr(addresses, "own_addresses", lambda: OWN | {"fe80::1"})
        monkeypatch.setattr(socket, "getfqdn", lambda: name)
        monkeypatch.setattr(socket, "gethostname", lambda: NODE)
        monkeypatch.setattr(addresses, "_addresses_of", lambda _: leads_to)
        monkeypatch.setattr(addresses, "_used_towards_others", lambda: list(uses))

    return becomes


@pytest.mark.parametrize(
    ("name", "leads_to", "uses", "shown"),
    [
        ("gpu.example", ["198.51.100.17"], ["198.51.100.17"], "gpu.example"),
        ("gpu.example", ["127.0.1.1"], ["198.51.100.17"], "198.51.100.17"),  # as Debian has it
        ("gpu.example", [], ["198.51.100.17"], "198.51.100.17"),
        ("gpu.example", ["198.51.100.99"], ["198.51.100.17"], "198.51.100.17"),
        (NODE, ["198.51.100.17"], ["198.51.100.17"], "198.51.100.17"),  # known to few
        (NODE, [], [], "198.51.100.17"),
        (NODE, [], ["203.0.113.5"], "198.51.100.17"),
    ],
)
def test_the_link_of_every_interface_names_what_others_know(machine, name, leads_to, uses, shown):
    machine(name, leads_to, *uses)
    assert host_for_others("0.0.0.0") == shown


@pytest.mark.parametrize("uses", [["198.51.100.17"], ["2001:db8::17"], []])
def test_the_link_of_every_interface_of_both_kinds_names_one_of_them(machine, uses):
    machine(NODE, [], *uses)
    assert host_for_others("::") in (uses or ["198.51.100.17", "2001:db8::17"])


def test_a_machine_without_a_network_is_named(machine, monkeypatch):
    machine(NODE, [])
    monkeypatch.setattr(addresses, "own_addresses", lambda: frozenset({"127.0.0.1", "::1"}))
    assert host_for_others("0.0.0.0") == NODE


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "gpu.example", "198.51.100.17"])
def test_the_link_names_what_is_asked_for(host):
    assert host_for_others(host) == host


def test_the_addresses_are_this_machines():
    assert "127.0.0.1" in own_addresses()
    assert all(ip_address(address) for address in own_addresses())


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("gpu", False)],
)
def test_a_server_that_others_can_reach_is_known(host, loopback):
    assert is_loopback(host) is loopback
