"""Drives Chromium without a window over the DevTools protocol: the few calls that tests of pages need.

The protocol goes through two pipes (`--remote-debugging-pipe`): Chromium reads commands from file descriptor 3, and
writes answers and events to 4, each as JSON that ends with a zero byte. Commands and events:
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_SECONDS = 60.0


def find_browser() -> str | None:
    """Path of a Chromium or Chrome if one is installed."""
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)


@dataclass
class Page:
    """One page of a browser."""

    commands: int
    answers: int
    events: list[dict[str, Any]] = field(default_factory=list)
    """All events received, in order: `method` and `params`."""
    _session: str | None = None
    _number: int = 0
    _unread: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends one command and gives its answer; events that come first are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") != self._number:
                self.events.append(answer)
                continue
            assert "error" not in answer, f"{method}: {answer['error']}"
            return dict(answer["result"])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def settle(self) -> None:
        """Waits until the page has been drawn and its transitions are over."""
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            ".then(() => Promise.all(document.getAnimations().map(each => each.finished)))"
        )

    def resize(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path: Path) -> None:
        """Loads a local file and waits for its `load` event."""
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())
        self.settle()

    def drag(self, points: list[tuple[float, float]]) -> None:
        """Presses the mouse at the first point, moves it over the others, and releases it at the last."""
        for kind, (x, y) in [("mousePressed", points[0]), *(("mouseMoved", each) for each in points[1:])]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = points[-1]
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def swipe(self, points: list[tuple[float, float]]) -> None:
        """Does with a finger what `drag` does with the mouse."""
        for kind, (x, y) in [("touchStart", points[0]), *(("touchMove", each) for each in points[1:])]:
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str, code: int, text: str = "") -> None:
        """Presses one key, given by its name and its Windows virtual key code."""
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the screen, or of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def of(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all events of one kind since the page was opened."""
        self.evaluate("0")  # pending events come before the answer
        return [event["params"] for event in self.events if event.get("method") == method]

    def complaints(self) -> list[str]:
        """Uncaught errors, and everything that the console shows, since the page was opened."""
        return [
            *(event["exceptionDetails"]["exception"]["description"] for event in self.of("Runtime.exceptionThrown")),
            *(str(event["args"]) for event in self.of("Runtime.consoleAPICalled")),
            *(event["entry"]["text"] for event in self.of("Log.entryAdded")),
        ]

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + TIMEOUT_SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self.answers], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"the browser did not answer within {TIMEOUT_SECONDS:.0f} s"
            chunk = os.read(self.answers, 1 << 20)
            assert chunk, "the browser has ended"
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))

    def attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")


@contextlib.contextmanager
def browser_page(program: str) -> Iterator[Page]:
    """A page of a new browser, which has its own temporary profile."""
    to_browser, commands = _pipe()
    answers, from_browser = _pipe()
    with tempfile.TemporaryDirectory(prefix="tinymnist-browser-", ignore_cleanup_errors=True) as profile:
        arguments = [
            program,
            "--headless",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "--no-sandbox",  # containers do not allow the sandbox; all pages opened here are our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
        ]
        process = os.posix_spawn(
            program,
            arguments,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, to_browser, 3),
                (os.POSIX_SPAWN_DUP2, from_browser, 4),
            ],
        )
        os.close(to_browser)
        os.close(from_browser)
        page = Page(commands, answers)
        try:
            page.attach()
            yield page
        finally:
            os.close(commands)  # the browser ends when its pipe closes
            os.close(answers)
            _wait(process)


def _pipe() -> tuple[int, int]:
    """A pipe whose file descriptors are above those that they become in the browser."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _wait(process: int) -> None:
    end = time.monotonic() + 10.0
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.02)
