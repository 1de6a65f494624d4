"""A headless Firefox, by WebDriver BiDi, which it speaks without a driver."""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.event_loop import LoopThread
from tests.support.waiting import PATIENCE, settled

FIREFOX = shutil.which("firefox-esr")

_PREFERENCES: dict[str, bool | int | str] = {
    # WebRTC without a STUN server, mDNS or any other machine, and nobody else is asked anything.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.normandy.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    # What is taken away goes where the test finds it, without a question.
    "browser.download.folderList": 2,
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.download.alwaysOpenPanel": False,
}


class Firefox:
    """One window with a profile in ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.downloads = folder / "downloads"
        preferences = {**_PREFERENCES, "browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
        (folder / "user.js").write_text("\n".join(lines))
        self._said = folder / "said.txt"
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [
                    *(FIREFOX or "firefox-esr", "--headless", "--no-remote"),
                    *("--profile", str(folder), "--remote-debugging-port", "0"),
                ],
                stdout=said,
                stderr=said,
                env={**os.environ, "HOME": str(folder), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
                start_new_session=True,
            )
        self._thread = LoopThread()
        self._numbers = itertools.count(1)
        assert settled(lambda: self._address), self._said.read_text()
        self._thread.run(self._connect())

    @property
    def _address(self) -> str:
        _, _, after = self._said.read_text().partition("WebDriver BiDi listening on ")
        return after.partition("\n")[0] if "\n" in after else ""

    async def _connect(self) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{self._address}/session", max_msg_size=0)
        await self._ask("session.new", capabilities={})
        tree = await self._ask("browsingContext.getTree")
        self._window = tree["contexts"][0]["context"]

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            while True:
                answer: dict[str, Any] = await self._socket.receive_json()
                if answer.get("id") == number:
                    assert answer["type"] == "success", answer
                    return dict(answer["result"])

    def open(self, address: str) -> None:
        """Open ``address``, and wait until it is loaded."""
        to = {"context": self._window, "url": address, "wait": "complete"}
        self._thread.run(self._ask("browsingContext.navigate", **to))

    def reload(self) -> None:
        """As F5 does; wait until it is loaded."""
        self._thread.run(self._ask("browsingContext.reload", context=self._window, wait="complete"))

    def press(self, selector: str) -> None:
        """Click what is there."""
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def downloaded(self, name: str, end: bytes) -> bytes:
        """The file that is called so, as soon as it is whole: it has this ``end``."""
        file = self.downloads / name

        def whole() -> bool:
            return file.exists() and file.read_bytes().endswith(end)

        assert settled(whole, every=0.05), list(self.downloads.glob("*"))
        return file.read_bytes()

    def value(self, expression: str) -> Any:
        """What ``expression`` says in the page, as JSON has it."""
        target = {"context": self._window}
        asked = f"JSON.stringify({expression})"
        answer = self._thread.run(
            self._ask("script.evaluate", expression=asked, target=target, awaitPromise=True)
        )
        assert answer["type"] == "success", answer
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    def wait(self, expression: str) -> None:
        """Wait until ``expression`` is true in the page."""
        assert settled(lambda: self.value(expression), every=0.05), (
            f"{expression}: {self.value('document.body.innerText')}"
        )

    def close(self) -> None:
        """End it, and all that it has started."""
        self._thread.run(self._end())
        self._thread.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    async def _end(self) -> None:
        await self._socket.close()
        await self._session.close()
