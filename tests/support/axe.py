"""axe-core, which finds what somebody cannot see, read or reach."""

import pytest

from tests.support.browser import Browser
from tests.support.paths import ROOT

_SCRIPT = ROOT / "node_modules" / "axe-core" / "axe.min.js"

needs_axe = pytest.mark.skipif(not _SCRIPT.exists(), reason="needs axe-core (npm ci)")

_PHONE = {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}

_FOUND = """
const done = arguments[0];
const named = ({ id, help, nodes }) =>
  nodes.map((node) => `${id} (${help}) at ${node.target.join(" ")}: ${node.failureSummary}`);
axe.run(document, { resultTypes: ["violations"] })
  .then(({ violations }) => done(violations.flatMap(named)), (error) => done([String(error)]));
"""


class Looks:
    """At states of the page: what axe finds in them is in ``found``."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.found: dict[str, list[str]] = {}

    def at(self, state: str) -> None:
        """Look at the page, which is in ``state``: in light and dark, on a desk and a phone."""
        if not self._browser.run("return 'axe' in window"):
            self._browser.run(_SCRIPT.read_text(encoding="utf-8"))
        self._look(f"{state}, light on a desk")
        self._scheme("dark")
        self._look(f"{state}, dark on a desk")
        self._command("Emulation.setDeviceMetricsOverride", **_PHONE)
        self._look(f"{state}, dark on a phone")
        self._scheme("light")
        self._look(f"{state}, light on a phone")
        self._command("Emulation.clearDeviceMetricsOverride")

    def _look(self, name: str) -> None:
        found = self._browser.driver.execute_async_script(_FOUND)
        if found:
            self.found[name] = found

    def _scheme(self, name: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": name}
        self._command("Emulation.setEmulatedMedia", features=[feature])

    def _command(self, name: str, **parameters: object) -> None:
        self._browser.driver.execute_cdp_cmd(name, parameters)
