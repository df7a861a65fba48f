"""What has been graded, in which state: a table of the course's own in the gradebook.

An entry is written in the transaction that changes the grades. It says what was graded (`fingerprint`), which folder
holds the result (`token`) and which scores were given. Whether a student can be passed over, and what an interrupted
run has left to finish, is told by it alone.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, DateTime, Engine, MetaData, String, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from autograder.grading.gradebook import Rows

TABLE = Table(
    "course_grading",
    MetaData(),
    Column("assignment", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("token", String(32), nullable=False),
    Column("scores", Text, nullable=False),
    Column("graded_at", DateTime, nullable=False),
)


class Entry(NamedTuple):
    """One student's last grading: the digest of what was graded, the result's folder, the automatic scores."""

    fingerprint: str
    token: str
    scores: str


def create_ledger(engine: Engine) -> None:
    """Create the table where it is missing. Two runs may do so at once; the second finds it made."""
    try:
        TABLE.metadata.create_all(engine)
    except SQLAlchemyError:
        TABLE.metadata.create_all(engine)


def read_entry(connection: Connection, assignment: str, student: str) -> Entry | None:
    """Return the entry of one student's last grading, if there is one."""
    chosen = select(TABLE.c.fingerprint, TABLE.c.token, TABLE.c.scores)
    row = connection.execute(chosen.where(TABLE.c.assignment == assignment, TABLE.c.student == student)).one_or_none()
    return None if row is None else Entry(*row)


def write_entry(connection: Connection, assignment: str, student: str, entry: Entry) -> None:
    """Write the entry in the place of the last one."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    values = {**entry._asdict(), "graded_at": datetime.now(UTC).replace(tzinfo=None)}
    statement = dialect.insert(TABLE).values(assignment=assignment, student=student, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["assignment", "student"], set_=values))


def scores_of(work: Rows) -> str:
    """Return the automatic scores among one student's rows, by the id of the cell, as text that compares."""
    return json.dumps({str(row["cell_id"]): row["auto_score"] for row in work["grade"]}, sort_keys=True)
