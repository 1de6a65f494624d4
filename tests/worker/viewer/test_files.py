"""The files of the page: kept by the browser, packed on their way, and all of them."""

import gzip
import re

import pytest

from tests.support.paths import ROOT
from tests.support.served_page import Served

pytestmark = pytest.mark.asyncio

PAGE = ROOT / "actors" / "worker" / "viewer" / "page"


async def test_a_file_is_kept_and_asked_for_each_time(served: Served):
    async with served.visitor() as session:
        async with session.get("/viewer.js") as response:
            assert await response.text() == (PAGE / "viewer.js").read_text()
            assert response.headers["Cache-Control"] == "no-cache"
            tag = response.headers["ETag"]
        for known, status in ((tag, 304), (f'"other", {tag}', 304), ('"other"', 200)):
            async with session.get("/viewer.js", headers={"If-None-Match": known}) as response:
                assert response.status == status
                assert response.headers["ETag"] == tag
                assert bool(await response.read()) is (status == 200)


async def test_a_file_is_packed_for_whoever_unpacks_it(served: Served):
    plain = (PAGE / "viewer.css").read_bytes()
    async with served.visitor(auto_decompress=False) as session:
        for accepted, packed in (("gzip, br", True), ("identity", False)):
            async with session.get("/viewer.css", headers={"Accept-Encoding": accepted}) as r:
                body = await r.read()
                assert (r.headers.get("Content-Encoding") == "gzip") is packed
                assert (gzip.decompress(body) if packed else body) == plain


async def test_the_page_asks_for_all_of_its_modules_at_once(served: Served):
    async with served.visitor() as session, session.get("/") as response:
        asked = re.findall(r'<link rel="modulepreload" href="([^"]+)">', await response.text())
        assert sorted(asked) == sorted(file.name for file in PAGE.glob("*.js"))
        for name in asked:
            async with session.get(f"/{name}") as file:
                assert file.status == 200


async def test_the_whole_page_is_small(served: Served):
    async with served.visitor(auto_decompress=False) as session:
        total = 0
        for file in PAGE.iterdir():
            path = "/" if file.name == "index.html" else f"/{file.name}"
            headers = {"Accept-Encoding": "gzip"}
            async with session.get(path, headers=headers) as response:
                total += len(await response.read())
    assert total < 100_000  # 0.8 s on a line of 1 Mbit/s
