"""A browser for each test; without Chromium the tests of this folder are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM, DRIVER, Browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none."""
    if CHROMIUM and DRIVER:
        return
    reason = "needs Debian's chromium and chromium-driver (apt install chromium chromium-driver)"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    """A window of a browser that knows nothing."""
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()
