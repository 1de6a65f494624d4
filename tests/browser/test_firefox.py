"""The page's main way in Firefox: the run, live, and a stop."""

from collections.abc import Iterator

import pytest

from tests.support.firefox import FIREFOX, Firefox
from tests.support.visits import BOTH, NAMES, served

pytestmark = pytest.mark.skipif(
    FIREFOX is None, reason="needs Debian's firefox-esr (apt install firefox-esr)"
)


@pytest.fixture
def firefox(tmp_path) -> Iterator[Firefox]:
    """A window of a browser that knows nothing."""
    firefox = Firefox(tmp_path / "profile")
    yield firefox
    firefox.close()


@BOTH
def test_a_run_is_shown_and_stopped(firefox, transport):
    with served("--epochs", "1000") as worker:
        firefox.open(f"{worker.link()}&transport={transport}")
        firefox.wait("window.viewer?.counts().connected && window.viewer.counts().epochs >= 3")
        firefox.wait(f"document.querySelector('#transport').textContent == '{NAMES[transport]}'")
        firefox.wait("window.viewer.counts().curves >= 3")
        firefox.value("document.querySelector('#stop').click() ?? null")
        firefox.value("document.querySelector('#confirm-yes').click() ?? null")
        assert worker.ends() == 0, worker.output
        firefox.wait("document.querySelector('#state').textContent.includes('stopped early')")
    assert firefox.value("window.viewer.counts().reports") == worker.count(
        "received from the trainer"
    )
