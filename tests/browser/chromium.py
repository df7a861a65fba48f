"""A headless Chromium that reaches this machine alone, keeps what its pages complain of, and can be photographed."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

EXECUTABLE = shutil.which("chromium")
SCREENSHOTS = "COURSE_SCREENSHOTS"  # a folder for pictures of the pages that the tests come through
VIEWPORT = {"width": 1280, "height": 900}
PATIENCE = 60_000  # milliseconds for a page to come into a state; a machine under load is many times slower


def why_not() -> str:
    """Return what is missing for tests in a browser, in one line, or nothing."""
    if find_spec("playwright") is None:
        return "needs playwright: pip install --editable '.[test]'"
    return "" if EXECUTABLE else "needs Debian's browser: apt-get install chromium"


needs_browser = pytest.mark.skipif(bool(why_not()), reason=why_not() or "nothing is missing")


class Visitor:
    """One visitor's browser: opens pages and remembers them, what they asked for outside, and their errors."""

    def __init__(self, browser: "Browser", home: str):
        self._context = browser.new_context(viewport=VIEWPORT)
        self._context.set_default_timeout(PATIENCE)
        self._context.route("**/*", self._only_here)
        self.home, self.pages = home, []
        self.outside: set[str] = set()
        self.errors: list[str] = []

    def open(self, address: str) -> "Page":
        """Return a new page at an address."""
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.pages.append(page)
        page.goto(address)
        return page

    def leave(self) -> None:
        """Close all pages."""
        self._context.close()

    def _only_here(self, route: "Route") -> None:
        address = route.request.url
        if address.startswith((self.home, "data:", "blob:", "file:")):
            route.continue_()
        else:
            self.outside.add(address)
            route.abort()


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Chromium, and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def photograph(page: "Page", name: str) -> None:
    """Keep a picture of what is to be seen, if somebody asked for pictures."""
    if folder := os.environ.get(SCREENSHOTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def photograph_failure(visitor: Visitor, folder: Path, test: str) -> Iterator[str]:
    """Write a picture of each page that is open; yield where it is, and what the pages complained of."""
    name = re.sub(r"\W+", "-", test)
    for number, page in enumerate(page for page in visitor.pages if not page.is_closed()):
        path = folder / f"{name}-{number}.png"
        page.screenshot(path=path, timeout=10_000)
        yield f"{page.url}: {path}"
    yield from (f"the page: {error}" for error in visitor.errors)
    yield from (f"refused: {address}" for address in sorted(visitor.outside))
