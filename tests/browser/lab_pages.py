"""JupyterLab as a learner uses it: run a cell, write an answer, save. Waits for states, not for time."""

import re
from typing import TYPE_CHECKING

import nbformat

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

RUN_MS = 180_000  # importing PyTorch takes seconds, minutes on a machine under heavy load
HAS_RUN = re.compile(r"^\[\d+\]:$")


class OpenNotebook:
    """A notebook on a page of JupyterLab; its cells by their ids, which the file has and the page does not show."""

    def __init__(self, page: "Page", path: "Path"):
        self.page, self.path = page, path
        self._order = [cell.id for cell in nbformat.read(path, as_version=4).cells]
        page.locator(".jp-Notebook .jp-Cell").nth(len(self._order) - 1).wait_for(state="attached")

    def cell(self, name: str) -> "Locator":
        """Return the cell with this id."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self._order.index(name))

    def wait_for_kernel(self) -> None:
        """Wait until the kernel says that it is idle."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=RUN_MS)

    def run(self, name: str) -> str:
        """Run a cell with Shift+Enter, and return all that it shows when it has run."""
        cell = self.cell(name)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-InputArea-editor .cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        cell.locator(".jp-InputPrompt").filter(has_text=HAS_RUN).wait_for(timeout=RUN_MS)
        return cell.locator(".jp-Cell-outputWrapper").inner_text()

    def write(self, name: str, source: str) -> None:
        """Put `source` in the place of all that stands in a cell, as one pastes it."""
        self.cell(name).scroll_into_view_if_needed()
        self.cell(name).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source.strip())

    def save(self) -> None:
        """Save with Ctrl+S, and wait until the tab's mark of unsaved changes has gone."""
        self.page.keyboard.press("Control+s")
        self.page.locator(".lm-DockPanel-tabBar .lm-mod-current:not(.jp-mod-dirty)").wait_for()

    def show_from(self, name: str) -> None:
        """Scroll until a cell stands at the top of the page."""
        self.cell(name).evaluate("cell => cell.scrollIntoView({block: 'start'})")

    def pictures(self, name: str) -> list[dict]:
        """Return each picture under a cell: its description, and its width, 0 where it was not loaded."""
        images = self.cell(name).locator(".jp-OutputArea img")
        images.first.wait_for()
        return images.evaluate_all("found => found.map(one => ({alt: one.alt, width: one.naturalWidth}))")
