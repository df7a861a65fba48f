"""Reach the next submission's verdict while nbgrader writes down the last one's.

A verdict takes most of the time and touches nothing. What nbgrader does with it takes a fifth of the time and one core.
A verdict that was reached ahead counts only if nothing in its submission has changed since it was begun.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import NamedTuple

from autograder.criteria import Report
from autograder.nbgrader_batch import Changed, State, state_of, verdict_on
from autograder.sandbox import Policy


class Asked(NamedTuple):
    """What `nbgrader_batch.verdict_on` is asked."""

    assignment: str
    submission: Path
    sandbox: Policy


class _Begun(NamedTuple):
    """A verdict under way: of what, in which state, and what comes of it."""

    asked: Asked
    state: State
    verdict: Future[tuple[Report | None, str]]

    @property
    def holds(self) -> bool:
        """Whether there is a verdict, and it is of what is there now."""
        wait([self.verdict])
        return self.verdict.exception() is None and state_of(self.asked.submission) == self.state


class Ahead:
    """Verdicts, one at a time, on what is asked for and then, unasked, on what `next` tells, if anything."""

    def __init__(self):
        self.next: Callable[[], Asked | None] | None = None
        self._thread, self._early = ThreadPoolExecutor(1, "verdicts"), None

    def verdict_on(self, assignment: str, submission: Path, sandbox: Policy) -> tuple[Report | None, str]:
        """As `nbgrader_batch.verdict_on`. Raises what that raises, and Changed where the submission has gone."""
        asked, early = Asked(assignment, submission, sandbox), self._early
        if early is None or early.asked != asked or not early.holds:
            early = self._begin(asked)
        self._early, verdict = None, early.verdict.result()
        if self.next and (following := self.next()):
            with suppress(Changed):  # gone again: its own turn will tell
                self._early = self._begin(following)
        return verdict

    def _begin(self, asked: Asked) -> _Begun:
        return _Begun(asked, state_of(asked.submission), self._thread.submit(copy_context().run, verdict_on, *asked))

    def close(self) -> None:
        """Wait for a verdict that nobody will ask for. Whoever gives it should have been told to end."""
        self._thread.shutdown(cancel_futures=True)
