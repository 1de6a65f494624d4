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


CONNECTED = "window.viewer?.counts().connected && window.viewer.counts().epochs >= 3"

ASKED = """(() => {
  window.asked = 0;
  Notification.requestPermission = async () => (window.asked += 1, "granted");
})()"""

TOLD_AT_ONCE = "performance.getEntriesByName(new URL('digest', location).href).length == 1"

PNG = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
"""How such a file begins and ends."""


@BOTH
def test_a_run_is_shown_again_after_f5_taken_away_and_stopped(firefox, transport):
    with served("--epochs", "1000") as worker:
        firefox.open(f"{worker.link()}&transport={transport}")
        firefox.wait(CONNECTED)
        firefox.wait(f"document.querySelector('#transport').textContent == '{NAMES[transport]}'")
        assert "token" not in firefox.value("location.href")

        firefox.wait("!document.querySelector('#notify').hidden")
        firefox.value(ASKED)
        firefox.press("#notify-yes")
        assert firefox.value("window.asked") == 1
        assert firefox.value("document.querySelector('#notify').hidden")

        before = firefox.value("window.viewer.counts().reports")
        firefox.reload()
        firefox.wait(CONNECTED)
        assert firefox.value(TOLD_AT_ONCE)
        assert firefox.value("window.viewer.counts().reports") >= before
        assert firefox.value("document.querySelector('#notify').hidden")

        firefox.wait("window.viewer.counts().curves >= 3")
        firefox.press("#save-values")
        values = firefox.downloaded("the-embedded-trainer.csv", b"\r\n").decode().split("\r\n")
        assert values[0].startswith("model,epoch,train/loss,val/loss,")
        assert [row.split(",")[1] for row in values[1:4]] == ["1", "2", "3"]
        firefox.press("#save-picture")
        begin, end = PNG
        assert firefox.downloaded("the-embedded-trainer.png", end).startswith(begin)

        firefox.press("#stop")
        firefox.press("#confirm-yes")
        assert worker.ends() == 0, worker.output
        firefox.wait("document.querySelector('#state').textContent.includes('stopped early')")
    assert firefox.value("window.viewer.counts().reports") == worker.count(
        "received from the trainer"
    )
