"""What the command line asks for."""

import pytest

import actors.worker.serving  # noqa: F401 - what serves a page starts processes at its import
from actors.worker import PlanError, parse, plan_of


def viewers_of(*arguments):
    found = plan_of(parse([*arguments, "--no-record", "--", "true"])).viewers
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["", "*", "*.example", "a b", "user@gpu", "[::1", "x" * 300])
def test_what_is_no_name_of_a_host_is_refused(name):
    with pytest.raises(PlanError, match="--allow-host takes the whole name of a host"):
        viewers_of("--allow-host", name)


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("GPU.example.", "gpu.example:8443"),
        ("https://gpu.example:8443/run/", "gpu.example"),
        ("gpu.example:8443", "gpu.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("2001:DB8::1", "[2001:db8::1]:80"),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]"),
    ],
)
def test_a_name_may_be_allowed_in_each_way_to_write_it(allowed, asked):
    access = viewers_of("--allow-host", allowed).access
    access.check_host({"Host": asked})
    access.check_origin({"Host": "127.0.0.1", "Origin": f"https://{asked}"})


@pytest.mark.parametrize(
    ("command", "title"),
    [
        (
            ("python", "my.py", "--ports", "{control_port}", "{progress_port}"),
            "python my.py --ports",
        ),
        (("my", "--publish=tcp://127.0.0.1:{progress_port}"), "my"),
        (("bash", "-c", "a {control_port} b"), "bash -c 'a {control_port} b'"),
    ],
)
def test_the_title_has_no_word_that_is_filled_in(command, title):
    assert plan_of(parse(["--no-page", "--no-record", "--", *command])).title == title


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_may_be_given_with_brackets(host):
    assert viewers_of("--host", host).host == "::1"
