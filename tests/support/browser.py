"""A headless Chromium, kept on this machine, and what a person sees in it."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

PICTURES = ROOT / "artifacts"
"""Screenshots, to be looked at."""

LOOKS_IN_VAIN = tuple(
    f"/{path} - Failed to load resource: net::ERR_CONNECTION_REFUSED"
    for path in ("session", "digest")
)
"""The ends of the console's lines when the page looks for a worker that has ended."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebRTC without a STUN server, mDNS or any other machine.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


class Browser:
    """One window; leaving the test closes it."""

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = CHROMIUM or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.accept_insecure_certs = True  # the tests sign their own
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_page_load_timeout(PATIENCE)
        self.size(1280, 900)

    def size(self, width: int, height: int) -> None:
        self.driver.set_window_size(width, height)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def close(self) -> None:
        self.driver.quit()

    def run(self, script: str) -> Any:
        """The value of a script's ``return``."""
        return self.driver.execute_script(script)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is written there."""
        return " ".join(self.find(selector).text.split())

    def viewer(self) -> dict[str, Any]:
        """What the page counts."""
        found = self.run("return window.viewer ? JSON.stringify(window.viewer.counts()) : null")
        return json.loads(found) if found else {}

    def wait(self, condition: Callable[[], Any], what: str = "") -> Any:
        """What ``condition`` gives, as soon as that is something."""
        deadline = time.monotonic() + 3 * PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what or condition}: {self.seen()}"
            time.sleep(0.05)
        return found

    def wait_for(self, selector: str, part: str) -> str:
        """The text there, as soon as ``part`` is in it, in any case."""

        def there() -> str:
            text = self.text(selector)
            return text if part.casefold() in text.casefold() else ""

        return str(self.wait(there, f"{part!r} in {selector}"))

    def press(self, selector: str) -> None:
        self.wait(lambda: self.find(selector).is_enabled(), f"{selector} enabled")
        self.find(selector).click()

    def seen(self) -> str:
        """All text of the page and the console's, for a failure."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        return f"{self.text('body')[:2000]}\nconsole: {console}\n{self.viewer()}"

    def complaints(self) -> list[str]:
        """What the console says that is worse than information.

        Except that nobody listens any more: after a training's end the page looks for another one.
        """
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
            and not entry["message"].endswith(LOOKS_IN_VAIN)
        ]

    def picture(self, name: str) -> None:
        """Keep a screenshot."""
        PICTURES.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(PICTURES / f"{name}.png"))
