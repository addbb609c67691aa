"""A real Chromium for tests of the page, driven over WebDriver (a W3C standard) without a library in between.

The few calls that the tests need are a page of code; Selenium would bring ten packages for them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DEADLINE = 20.0
KEYS = {
    "Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Delete": "\ue017",
    "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015",
}  # fmt: skip


class BrowserError(Exception):
    """The browser refused a command."""


class Browser:
    """One window."""

    def __init__(self, address: str, session: str) -> None:
        self._address = f"{address}/session/{session}"

    def open(self, url: str) -> None:
        """Loads the address again, even when only its hash is another."""
        self.call("POST", "url", {"url": "about:blank"})
        self.call("POST", "url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What the script returns; it sees `arguments`."""
        return self.call("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script: str, *arguments: Any) -> Any:
        """What the script gives to `done`."""
        text = f"const done = arguments[arguments.length - 1]; {script}"
        return self.call("POST", "execute/async", {"script": text, "args": list(arguments)})

    def text(self, selector: str = "body") -> str:
        """What a person reads there; an empty text when it is not there."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def wait(self, script: str, *arguments: Any, deadline: float = DEADLINE) -> Any:
        """Until the script returns something true."""
        end = time.monotonic() + deadline
        while not (found := self.run(script, *arguments)):
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {deadline} s: {script} {arguments}; the page says: {self.text()[:1500]}"
                )
            time.sleep(0.05)
        return found

    def wait_for(self, text: str, selector: str = "body", deadline: float = DEADLINE) -> None:
        """Until the text is read there."""
        self.wait(
            "return (document.querySelector(arguments[1])?.innerText ?? '').includes(arguments[0])",
            text,
            selector,
            deadline=deadline,
        )

    def wait_until_gone(self, text: str, selector: str = "body", deadline: float = DEADLINE) -> None:
        self.wait(
            "return !(document.querySelector(arguments[1])?.innerText ?? '').includes(arguments[0])",
            text,
            selector,
            deadline=deadline,
        )

    def click(self, text: str, selector: str = "button, a, [role=tab]") -> None:
        """Clicks what has this text, or this name for people who do not see it."""
        script = """
            return [...document.querySelectorAll(arguments[1])].find((one) =>
                one.getClientRects().length && [one.innerText.trim(), one.getAttribute('aria-label') ?? ''].some((name) => name.startsWith(arguments[0])))
        """
        found = self.wait(script, text, selector)
        self.call("POST", f"element/{found[ELEMENT]}/click", {})

    def write(self, selector: str, text: str) -> None:
        """As a person does who has marked what is there."""
        found = self.call("POST", "element", {"using": "css selector", "value": selector})
        self.run("arguments[0].select()", found)
        self.call("POST", f"element/{found[ELEMENT]}/value", {"text": text})

    def press(self, key: str) -> None:
        """Presses a key where the focus is."""
        value = KEYS.get(key, key)
        keys = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.call("POST", "actions", {"actions": [{"type": "key", "id": "keys", "actions": keys}]})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Presses the pointer at one place of the view and lets it go at another."""
        (x, y), (to_x, to_y) = ((round(one), round(two)) for one, two in (start, end))
        moves = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": (x + to_x) // 2, "y": (y + to_y) // 2, "duration": 20},
            {"type": "pointerMove", "x": to_x, "y": to_y, "duration": 20},
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "actions": moves}
        self.call("POST", "actions", {"actions": [pointer]})

    def resize(self, width: int, height: int) -> None:
        """The size of the page itself, not of the window around it."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.call("POST", "goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.call("GET", "screenshot"))

    def log(self) -> list[str]:
        """Errors that the browser has noted since the last call."""
        return [
            entry["message"]
            for entry in self.call("POST", "se/log", {"type": "browser"})
            if entry["level"] == "SEVERE"
        ]

    def close(self) -> None:
        self.call("DELETE", "")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return _call(method, f"{self._address}/{path}".rstrip("/"), body)


def _call(method: str, url: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise BrowserError(json.load(error)["value"]["message"]) from None


@contextmanager
def chromium(
    folder: Path, *, width: int = 1280, height: int = 800, trusted: Path | None = None
) -> Iterator[Browser]:
    """A browser with an empty profile in the folder. Files that the page gives go there too.

    `trusted`: the certificate of one server that no authority of the system has signed.
    """
    driver, binary = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not binary:
        raise BrowserError("chromium and chromedriver are missing; run: make prerequisites-web")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for_driver(address, process)
        options = {
            "binary": binary,
            "args": [
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                f"--window-size={width},{height}",
                *([f"--ignore-certificate-errors-spki-list={_pin(trusted)}"] if trusted else []),
            ],
            "prefs": {"download.default_directory": str(folder)},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        session = _call("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
        browser = Browser(address, session["sessionId"])
        browser.resize(width, height)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        process.wait(10)


def _pin(certificate: Path) -> str:
    """The digest of its public key."""
    key = load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def _wait_for_driver(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        try:
            if _call("GET", f"{address}/status", None)["ready"]:
                return
        except OSError:
            time.sleep(0.05)
    raise BrowserError(f"chromedriver does not answer at {address}")
