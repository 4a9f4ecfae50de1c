"""What citizens do in the window and what they see there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PHONE, SMALL_PHONE, DESKTOP = (390, 844), (320, 640), (1280, 800)
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

# What a browser says by itself when a network is gone or a site is not allowed in.
NETWORK = r"net::ERR_INTERNET_DISCONNECTED|WebSocket connection to .* failed"
REFUSED = r"the server responded with a status of 4\d\d"
FOREIGN = r"blocked by CORS policy|net::ERR_FAILED"


@dataclass
class Complaints:
    """Errors and warnings of the console, and exceptions nobody caught."""

    rows: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.rows.append(f"exception: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.rows.append(f"{message.type}: {message.text} at {message.location.get('url')}")

    def expected(self, pattern: str) -> None:
        self.rows = [row for row in self.rows if not re.search(pattern, row)]


class Citizen:
    """One person before one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def visits(self, path: str) -> Citizen:
        self.page.goto(path)
        return self

    def opens(self) -> Citizen:
        """The window, until the greeting stands there and the line lives."""
        self.page.locator(".launcher").click()
        return self.greeted()

    def reloads(self) -> Citizen:
        """On a phone the window is folded after that."""
        self.page.reload()
        expect(self.page.locator(".chat, .launcher").first).to_be_attached()
        if self.page.locator(".launcher").is_visible():
            self.page.locator(".launcher").click()
        return self.greeted()

    def greeted(self) -> Citizen:
        expect(self.letters.first).to_be_visible()
        self.connected()
        return self

    def connected(self) -> None:
        expect(self.page.locator(".banner")).to_have_text("")

    def asks(self, text: str) -> Locator:
        """Writes, sends, waits for the answer, and gives it."""
        before = self.letters.count()
        self.writes(text)
        expect(self.letters).to_have_count(before + 1)
        return self.letters.nth(before)

    def writes(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def presses(self, name: str) -> None:
        self.page.get_by_role("button", name=name).last.click()

    @property
    def box(self) -> Locator:
        return self.page.locator("#say")

    @property
    def letters(self) -> Locator:
        """What the service wrote, the greeting first."""
        return self.page.locator(".msg--bot .letter")

    @property
    def bubbles(self) -> Locator:
        """What the citizen said."""
        return self.page.locator(".msg--me .bubble")

    @property
    def said(self) -> list[str]:
        """All of the talk, top to bottom."""
        rows: list[str] = self.page.locator(".chat__lines :is(.bubble, .letter__text, .divider)").all_inner_texts()
        return rows

    @property
    def remembered(self) -> dict[str, Any]:
        kept = self.page.evaluate("localStorage.getItem('shebao-yida.conversation')")
        found: dict[str, Any] = json.loads(kept) if kept else {}
        return found

    @property
    def focused(self) -> str:
        """What has the focus in the window: its id, else its class, else its kind."""
        found: str = self.page.evaluate(
            "(() => { const e = document.querySelector('shebao-chat').shadowRoot.activeElement;"
            " return e ? e.id || e.className || e.localName : ''; })()"
        )
        return found

    @property
    def sideways(self) -> int:
        """Pixels that page or talk can be scrolled sideways."""
        found: int = self.page.evaluate(
            """(() => {
              const root = document.scrollingElement;
              const log = document.querySelector('shebao-chat').shadowRoot.querySelector('.chat__log');
              return Math.max(root.scrollWidth - root.clientWidth, log.scrollWidth - log.clientWidth);
            })()"""
        )
        return found
