"""A page that cannot be served: what stands in its way is named."""

import pytest

from messages import ServingFailed
from tests.support.addresses import fixed_addresses, occupied, port_of
from tests.support.served_page import Served

pytestmark = pytest.mark.asyncio


async def test_a_port_in_use_is_named_with_who_uses_it(serve):
    [address] = fixed_addresses(1)
    port = port_of(address)
    with occupied(address):
        served = await serve(port=port)
        assert isinstance(served.started, ServingFailed)
        assert f"127.0.0.1:{port}: the port is in use by process" in served.started.reason
        other = await serve(port=port, free_port_if_in_use=True)
        assert other.base.startswith("http://127.0.0.1:")
        assert other.base != f"http://127.0.0.1:{port}"


async def test_a_certificate_that_is_none_is_named(serve, tmp_path):
    (tmp_path / "cert.pem").write_text("nonsense")
    for name in ("cert.pem", "none.pem"):
        served: Served = await serve(certfile=tmp_path / name)
        assert isinstance(served.started, ServingFailed)
        assert "certificate" in served.started.reason
