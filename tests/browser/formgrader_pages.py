"""Formgrader as an instructor uses it: its pages, their buttons, what they say. Waits for states, not for time."""

from typing import TYPE_CHECKING

from example_work import RUNG

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

GRADING_MS = 180_000  # the checker's own limit; a check takes seconds


def row(page: "Page", *texts: str) -> "Locator":
    """Return the row of the page's table that holds all these texts."""
    found = page.locator("#main-table tr")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def submissions(page: "Page", address: str) -> None:
    """Go to the list of the rung's submissions."""
    page.goto(f"{address}/formgrader/manage_submissions/{RUNG}")
    page.locator("td.autograde a").first.wait_for()


def press(page: "Page", student: str, button: str) -> str:
    """Press `autograde` or `generate-feedback` in a student's row; return what formgrader says when it is done."""
    row(page, student).locator(f"td.{button} a").click()
    box = page.locator(".modal.in")
    box.wait_for(timeout=GRADING_MS)
    said = box.inner_text()
    box.get_by_role("button", name="OK").click()
    page.locator(".modal").wait_for(state="detached")
    row(page, student).locator(f"td.{button} a").wait_for()  # the row comes back when its new state is there
    return said


def manual_grading(page: "Page", address: str) -> None:
    """Go to the list for manual grading and let it show the students' names."""
    page.goto(f"{address}/formgrader/gradebook/{RUNG}/{RUNG}")
    page.locator("#main-table a[href*='/submissions/']").first.wait_for()  # the button names only rows that are there
    page.get_by_role("button", name="Show All Names").click()


def submission(page: "Page", address: str, student: str) -> None:
    """Go to a student's submission by the list for manual grading, and wait until its scores are there."""
    manual_grading(page, address)
    row(page, student).locator("a:visible").first.click()
    page.wait_for_url("**/formgrader/submissions/**")
    page.wait_for_function("formgrader.grades && formgrader.grades.loaded && formgrader.comments.loaded")


def graded_cell(page: "Page", name: str) -> "Locator":
    """Return the whole of a graded cell: its heading with the score, its source, what stands under it."""
    return page.locator(".cell").filter(has=page.locator(f"input#{name}"))


def show_from(page: "Page", name: str) -> None:
    """Scroll until a graded cell stands at the top of the page, below the bar that is fixed there."""
    page.wait_for_function("$(':animated').length === 0")  # formgrader scrolls by itself to what was selected last
    page.evaluate("name => scrollTo(0, $('#' + name).closest('.cell').offset().top - 60)", name)


def automatic(page: "Page", name: str) -> float:
    """Return the score that the checker gave: what stands in the box as long as nobody writes another."""
    return float(page.locator(f"input#{name}").get_attribute("placeholder"))


def set_score(page: "Page", name: str, points: float) -> None:
    """Write a score into a graded cell's box, leave the box, and wait until the server has it."""
    with page.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT") as sent:
        page.locator(f"input#{name}").fill(str(points))
        page.locator(f"input#{name}").press("Tab")
    assert sent.value.ok


def set_comment(page: "Page", name: str, text: str) -> None:
    """Write a comment on an answer, leave the box, and wait until the server has it."""
    with page.expect_response(lambda answer: "/api/comment/" in answer.url and answer.request.method == "PUT") as sent:
        page.locator(f"#{name}-comment").fill(text)
        page.locator(f"#{name}-comment").press("Tab")
    assert sent.value.ok


def pictures(page: "Page") -> list[dict]:
    """Return each picture of the submission: its description, and its width, 0 where it was not loaded."""
    page.wait_for_function("[...document.images].every(image => image.complete)")
    return page.evaluate("[...document.images].map(one => ({alt: one.alt, width: one.naturalWidth}))")
