"""Formgrader in a real browser: graded from the button, read, graded by hand, graded again, returned to the learner."""

import formgrader_pages as form
import pytest
from browser_class import PROSE_CELL, PROSE_POINTS, RUBRIC
from chromium import needs_browser, photograph
from example_work import RUNG
from lab_server import jupyter_lab

from autograder.nbgrader_course import nbgrader

pytestmark = [pytest.mark.slow, needs_browser]

BY_HAND, COMMENT = 4.5, "Clear. Which cell of your notebook shows the one in six?"


@pytest.fixture(scope="module")
def server(course, browser, tmp_path_factory):
    """An instructor's JupyterLab in the course folder."""
    with jupyter_lab(course.folder, tmp_path_factory.mktemp("instructor"), **course.environment) as one:
        yield one


@pytest.fixture(scope="module")
def page(server, visitor):
    """Formgrader in a tab of its own; the token in the first address is kept as a cookie."""
    return visitor.open(server.opened("/formgrader/manage_assignments"))


@pytest.fixture(scope="module")
def graded(page, server):
    """All submissions autograded from the button; what formgrader said."""
    form.submissions(page, server.url)
    return {student: form.press(page, student, "autograde") for student in ("ada", "ben", "eve")}


@pytest.fixture(scope="module")
def by_hand(page, server, graded):
    """Ada's prose graded by hand, with a comment."""
    form.submission(page, server.url, "ada")
    form.set_score(page, PROSE_CELL, BY_HAND)
    form.set_comment(page, PROSE_CELL, COMMENT)


def test_lab_has_formgrader_in_its_menu(server, visitor):
    page = visitor.open(server.opened("/lab"))
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    frame = page.frame_locator("iframe[src*='/formgrader']")
    frame.get_by_role("heading", name="Manage Assignments").wait_for()
    frame.get_by_role("link", name=RUNG).wait_for()
    page.close()


def test_assignments(page, server, graded):
    page.goto(f"{server.url}/formgrader/manage_assignments")
    line = form.row(page, RUNG)
    line.wait_for()
    assert line.locator("td.num-submissions").inner_text() == "3"
    photograph(page, "assignments")


def test_the_button_grades(page, server, course, graded):
    for student in ("ada", "ben"):
        assert f"Successfully autograded '{RUNG}' for student '{student}'." in graded[student]
    form.submissions(page, server.url)
    ada, ben = (form.row(page, student) for student in ("ada", "ben"))
    assert "needs manual grading" in ada.inner_text()
    assert "needs autograding" not in ben.inner_text()
    photograph(page, "submissions")


@pytest.mark.parametrize("student", ["ada", "ben"])
def test_the_report_stands_in_the_graded_cells(page, server, course, graded, student):
    form.submission(page, server.url, student)
    points = getattr(course, student)
    assert {name: form.automatic(page, name) for name in points} == points
    for name, most in {"sft-loss": 4, "read-failures": 3, "done-when": 13}.items():
        said = form.graded_cell(page, name).inner_text()
        assert f"{'Done' if points[name] == most else 'Not done'}: {points[name]} of {most} points." in said
        assert "observed: " in said and "\x1b" not in said


def test_the_rubric_stands_beside_the_prose_answer(page, server, graded):
    form.submission(page, server.url, "ada")
    answer = form.graded_cell(page, PROSE_CELL)
    assert "masked, the whole loss lies on the ticket" in answer.inner_text()
    above, below = (answer.locator(f"xpath={side}-sibling::*[1]").inner_text() for side in ("preceding", "following"))
    assert RUBRIC in above and "Rubric." in below
    box = page.locator(f"input#{PROSE_CELL}")
    assert "needs_manual_grade" in box.get_attribute("class")
    assert f"/ {PROSE_POINTS:.1f}" in answer.inner_text()
    assert page.locator(f"#{PROSE_CELL}-comment").get_attribute("placeholder")


def test_a_learners_own_plots_are_shown(page, server, graded):
    form.submission(page, server.url, "ada")
    shown = form.pictures(page)
    assert len(shown) >= 2 and all(one["width"] > 0 for one in shown), shown
    assert page.locator("div.output img").first.evaluate("one => getComputedStyle(one).borderTopWidth") == "0px"
    assert any("fine-tuning: from" in one["alt"] for one in shown) and all(len(one["alt"]) > 20 for one in shown)


def test_the_pages_work_without_a_network(page, server, visitor, graded):
    form.submission(page, server.url, "ada")
    page.wait_for_function("formgrader.loaded")
    page.locator("input#sft-loss").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "sft-loss_extra_credit"
    assert visitor.errors == []
    assert all("mathjax" in address for address in visitor.outside)


def test_nothing_is_wider_than_the_page(page, server, graded):
    form.submission(page, server.url, "ada")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_manual_grading_lists_the_prose_that_waits(page, server, course, graded):
    form.manual_grading(page, server.url)
    for student in ("ada", "ben"):
        cells = form.row(page, student).locator("td")
        score = sum(getattr(course, student).values())
        assert f"{score} / 20" in cells.all_inner_texts()
    assert form.row(page, "ada").locator("td.needs-manual-grade .glyphicon-ok").count() == 1
    photograph(page, "manual-grading")


def test_nothing_of_a_submission_runs_in_the_graders_browser(page, server, course, graded):
    with page.expect_request_finished(lambda request: "/api/comments" in request.url):
        form.submission(page, server.url, "eve")
    assert len(form.pictures(page)) >= 1  # all that loads has been loaded, or has failed to
    assert page.evaluate("window.owned") is None
    assert page.locator("a[href$='my-plots.html']").count() == 0
    assert not (course.folder / "autograded" / "eve" / RUNG / "my-plots.html").exists()
    form.submission(page, server.url, "eve")
    boxes = page.locator("input.score").evaluate_all("boxes => boxes.map(one => one.value)")
    assert boxes == [""] * 4


def test_nothing_of_a_submission_stands_in_the_place_of_a_box(page, server, graded):
    form.submission(page, server.url, "eve")
    assert page.locator(f"#{PROSE_CELL}").count() == 1
    assert "needs_manual_grade" in page.locator(f"input#{PROSE_CELL}").get_attribute("class")
    assert "my_plots()" in page.locator("body").inner_text()


def test_a_score_and_a_comment_by_hand_are_kept(page, server, course, by_hand):
    form.submission(page, server.url, "ada")
    page.locator(f"input#{PROSE_CELL}").focus()
    form.show_from(page, "read-failures")
    photograph(page, "formgrader-report")
    assert page.locator(f"input#{PROSE_CELL}").input_value() == str(BY_HAND)
    assert page.locator(f"#{PROSE_CELL}-comment").input_value() == COMMENT
    form.submissions(page, server.url)
    assert f"{sum(course.ada.values()) + BY_HAND} / 25" in form.row(page, "ada").inner_text()


def test_they_stay_when_the_button_grades_again(page, server, course, by_hand):
    form.submissions(page, server.url)
    assert "Successfully autograded" in form.press(page, "ada", "autograde")
    _stayed(page, server, course)


def test_they_stay_when_all_are_graded_again_with_force(page, server, course, by_hand, monkeypatch):
    for name, value in {"COURSE_PROFILE": "pocket", **course.environment}.items():
        monkeypatch.setenv(name, value)
    nbgrader(course.folder, "autograde", RUNG, "--force")
    _stayed(page, server, course)


def _stayed(page, server, course):
    form.submission(page, server.url, "ada")
    assert page.locator(f"input#{PROSE_CELL}").input_value() == str(BY_HAND)
    assert page.locator(f"#{PROSE_CELL}-comment").input_value() == COMMENT
    assert {name: form.automatic(page, name) for name in course.ada} == course.ada


def test_the_gradebook_and_the_students_add_up(page, server, course, by_hand):
    score = sum(course.ada.values()) + BY_HAND
    page.goto(f"{server.url}/formgrader/manage_students")
    form.row(page, "ada").wait_for()
    assert f"{score} / 25" in form.row(page, "ada").inner_text()
    assert f"{sum(course.ben.values())} / 25" in form.row(page, "ben").inner_text()
    eve = float(form.row(page, "eve").locator("td.score").inner_text().partition("/")[0])
    assert eve <= PROSE_POINTS  # whatever is proposed for her prose
    page.goto(f"{server.url}/formgrader/manage_students/ada")
    form.row(page, RUNG).wait_for()
    assert f"{score} / 25" in form.row(page, RUNG).inner_text()
    page.goto(f"{server.url}/formgrader/gradebook")
    form.row(page, RUNG).wait_for()
    mean = (score + sum(course.ben.values()) + eve) / 3
    assert f"{round(mean, 2):g} / 25" in form.row(page, RUNG).inner_text()
    photograph(page, "gradebook")


def test_feedback_comes_from_the_button_and_tells_the_learner_all(page, server, course, visitor, by_hand):
    form.submissions(page, server.url)
    assert "Successfully generated feedback" in form.press(page, "ada", "generate-feedback")
    path = course.folder / "feedback" / "ada" / RUNG / f"{RUNG}.html"
    page.goto(path.as_uri())
    said = page.locator("body").inner_text()
    assert page.evaluate("window.owned") is None
    assert f"(Score: {sum(course.ada.values()) + BY_HAND} / 25.0)" in said
    assert COMMENT in said and "Done: 4 of 4 points." in said
    assert all(one["width"] > 0 for one in form.pictures(page))
    photograph(page, "feedback")
