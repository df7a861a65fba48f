"""One transaction for one submission: the gradebook holds all that a grading says of it, or nothing.

nbgrader opens the gradebook anew in each of its steps and commits after each cell. A grader that ends between two of
them would leave a submission half of whose scores are new. Within `one_transaction` all of these steps work in one
session: what they call a commit makes their changes visible to one another, and the last line makes them last.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

LOCK_SECONDS = 30  # how long to wait for a SQLite gradebook that another process is writing to


def patient(db_url: str) -> str:
    """Return the address of the gradebook with the time to wait for a lock in it, where it names none (SQLite: 5 s)."""
    url = make_url(db_url)
    if url.get_backend_name() != "sqlite" or "timeout" in url.query:
        return db_url
    return url.update_query_dict({"timeout": str(LOCK_SECONDS)}).render_as_string(hide_password=False)


def gradebook_at(db_url: str, course_id: str) -> Gradebook:
    """Return the gradebook, to be closed after use. SQLAlchemy need not compile its statements for each use anew."""
    file, inode = make_url(db_url).database, None
    with suppress(OSError, TypeError):  # no SQLite, or no file yet
        inode = Path(file).stat().st_ino
    return _made(db_url, course_id, inode)


@functools.lru_cache(maxsize=1)
def _made(db_url: str, course_id: str, inode: int | None) -> Gradebook:  # of another file nothing is known
    return Gradebook(db_url, course_id)


class _PastNbgrader(Exception):
    """Carries trouble with the database past nbgrader, which would log a traceback and call it an invalid entry."""


@contextmanager
def one_transaction(db_url: str, course_id: str) -> Iterator[Gradebook]:
    """Let every Gradebook that is opened at `db_url` meanwhile share one session, and commit it at the end.

    An exception takes back everything. For one thread: nbgrader itself changes the folder of the whole process.
    """
    gradebook = gradebook_at(db_url, course_id)
    try:
        with _shared(gradebook, db_url):
            yield gradebook
        gradebook.db().commit()
    except _PastNbgrader as error:
        raise error.__cause__ from None
    finally:
        gradebook.close()


@contextmanager
def _shared(gradebook: Gradebook, db_url: str) -> Iterator[None]:
    """Make `gradebook` what `Gradebook(db_url)` opens, and a commit of its session, and its closing, no end of it."""
    session, opened, closed = gradebook.db, Gradebook.__init__, Gradebook.close

    def join(self: Gradebook, url: str, *settings: object, **more: object) -> None:
        if url == db_url:
            vars(self).update(vars(gradebook))
        else:
            opened(self, url, *settings, **more)

    def leave(self: Gradebook) -> None:
        if self.db is not session:
            closed(self)

    def settle() -> None:
        try:
            session.flush()
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise _PastNbgrader from error
        session.expire_all()  # as after a commit: sums that the database computes are read afresh

    Gradebook.__init__, Gradebook.close, session.commit = join, leave, settle
    try:
        yield
    finally:
        Gradebook.__init__, Gradebook.close = opened, closed
        del session.commit
