"""Fixtures of the tests in a browser. Each module has a browser and a server of its own.

Not one browser for all: Playwright keeps an event loop running in this thread, in which nothing else could run one.
"""

import sys
from pathlib import Path

import pytest
from chromium import Visitor, chromium, photograph_failure

sys.path.append(str(Path(__file__).parents[1] / "autograder"))  # made submissions come from there

from browser_class import make_course

LOG_LINES = 60


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A course folder with rung 02 released and two submissions, one of them half done."""
    return make_course(tmp_path_factory.mktemp("browser") / "course")


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def visitor(browser, server):
    """Somebody who looks at the pages of the module's `server`."""
    one = Visitor(browser, server.url)
    yield one
    one.leave()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add to a failed test's report where its pictures are, and the end of the server's log."""
    report = yield
    used = getattr(item, "funcargs", {})
    if report.failed and isinstance(visitor := used.get("visitor"), Visitor):
        folder = item.config._tmp_path_factory.getbasetemp()
        report.sections.append(("pages", "\n".join(photograph_failure(visitor, folder, item.name))))
    if report.failed and "server" in used:
        lines = used["server"].log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        report.sections.append(("server", "\n".join(lines)))
    return report
