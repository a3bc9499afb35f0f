"""Chromium without a window, driven by its debugging pipe: pages as a reader has them, with no library."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--remote-debugging-pipe",
)  # fmt: skip
SECONDS = 60.0
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""), " ": (32, " ")}


class Page:
    """One page; ``errors`` holds what its console says of errors, and exceptions."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session, self.errors = browser, session, browser.errors

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **values)

    def evaluate(self, code: str) -> Any:
        """The value of an expression of JavaScript; a promise is waited for."""
        made = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in made, made
        return made["result"].get("value")

    def wait_for(self, code: str) -> None:
        end = time.monotonic() + SECONDS
        while not self.evaluate(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        number, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            own = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=number, **own)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def show(self, width: int = 1100, height: int = 900, *, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def width_of_content(self) -> int:
        return int(self.evaluate("document.documentElement.scrollWidth"))


class Browser:
    """A browser; messages are JSON that ends with a zero byte."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write, self._buffer, self._numbers = read, write, b"", itertools.count(1)
        self.errors: list[str] = []

    def open(self, path: Path, **shown: Any) -> Page:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        self.errors.clear()
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.show(**shown)
        page.call("Page.navigate", url=path.as_uri())
        page.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")
        return page

    def call(self, method: str, session: str = "", **values: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": values} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], SECONDS)[0], "the browser does not answer"
            data = os.read(self._read, 1 << 20)
            assert data, "the browser ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        values = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(values["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.errors.append(json.dumps(values["args"]))
        elif event.get("method") == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.errors.append(values["entry"]["text"])


@contextmanager
def started(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile; the test is skipped where none is on the path."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or os.name != "posix":
        pytest.skip(f"needs a browser on the path: one of {', '.join(NAMES)}")
    (theirs, write), (read, answers) = os.pipe(), os.pipe()

    def as_three_and_four() -> None:
        first, second = os.dup(theirs), os.dup(answers)
        for given, wanted in ((first, 3), (second, 4)):
            os.dup2(given, wanted)
            os.set_inheritable(wanted, True)  # also where it was the same before

    command = [found, *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command, preexec_fn=as_three_and_four, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(theirs), os.close(answers)
    try:
        yield Browser(read, write)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        os.close(read), os.close(write)
