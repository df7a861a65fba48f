"""What has been graded, and in which state: a table of the course's own in the gradebook.

An entry is written after the grades. It says what was graded (a digest) and which scores were given, so whoever still
finds both can be passed over. Without an entry, or with one that does not fit any more, a submission is graded again:
no harm is done when a run ends between the grades and the entry.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple, Self

from nbgrader.api import Base
from sqlalchemy import Column, DateTime, MetaData, String, Table, Text, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autograder.criteria import one_line
from autograder.grading.settings import GradingError
from autograder.nbgrader_transaction import patient

TABLE = Table(
    "course_grading",
    MetaData(),
    Column("assignment", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("scores", Text, nullable=False),
    Column("graded_at", DateTime, nullable=False),
)


class Entry(NamedTuple):
    """A digest of what was graded, and the automatic scores that it got."""

    fingerprint: str
    scores: str


class Ledger:
    """The table in the gradebook at `db_url`, and what it is compared with: one assignment of the gradebook's."""

    def __init__(self, db_url: str, assignment: str):
        self.assignment = assignment
        try:
            self._engine = create_engine(patient(db_url), pool_pre_ping=True)
        except (SQLAlchemyError, ImportError) as error:  # an address that cannot be read, a driver that is missing
            line = one_line(str(error).partition("\n")[0], 150)
            raise GradingError(f"the gradebook's address cannot be used ({line}). Check --db or db_url") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gradebook's connections."""
        self._engine.dispose()

    def create(self) -> None:
        """Create the table where it is missing. Raises GradingError when the assignment has not been released."""
        try:
            self.definition()
            try:
                TABLE.metadata.create_all(self._engine)
            except SQLAlchemyError:  # another run has just made it
                TABLE.metadata.create_all(self._engine)
        except DBAPIError as error:
            cause = one_line(str(error.orig).partition("\n")[0], 150)
            raise GradingError(f"no gradebook to read ({cause}). Release the rung first, or check --db") from None

    def definition(self) -> list[list[str]]:
        """Return the cells of the assignment, their text and points. Raises GradingError when there is none."""
        assignment, notebook, cell, points = (
            Base.metadata.tables[name] for name in ("assignment", "notebook", "source_cell", "grade_cells")
        )
        base = Base.metadata.tables["base_cell"]
        cells = (
            select(notebook.c.name, cell.c.name, cell.c.cell_type, cell.c.locked, cell.c.source)
            .join_from(assignment, notebook)
            .join(cell)
            .where(assignment.c.name == self.assignment)
        )
        graded = (
            select(notebook.c.name, base.c.name, points.c.max_score)
            .join_from(assignment, notebook)
            .join(base)
            .join(points)
            .where(assignment.c.name == self.assignment)
        )
        with self._engine.connect() as connection:
            rows = [*connection.execute(cells), *connection.execute(graded)]
        if not rows:
            name = self.assignment
            raise GradingError(f"the gradebook has no {name}. Release it first: nbgrader generate_assignment {name}")
        return sorted([str(value) for value in row] for row in rows)

    def read(self, student: str) -> Entry | None:
        """Return the entry of one student's last grading, if there is one."""
        chosen = select(TABLE.c.fingerprint, TABLE.c.scores)
        with self._engine.connect() as connection:
            row = connection.execute(chosen.where(*self._key(student))).one_or_none()
        return None if row is None else Entry(*row)

    def write(self, student: str, entry: Entry) -> None:
        """Write the entry in the place of the last one."""
        values = {**entry._asdict(), "graded_at": datetime.now(UTC).replace(tzinfo=None)}
        with self._engine.begin() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            statement = dialect.insert(TABLE).values(assignment=self.assignment, student=student, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["assignment", "student"], set_=values))

    def scores(self, student: str) -> str:
        """Return the student's automatic scores in the gradebook, as text that can be compared."""
        tables = ("assignment", "submitted_assignment", "submitted_notebook", "grade")
        assignment, submitted, notebook, grade = (Base.metadata.tables[name] for name in tables)
        chosen = (
            select(grade.c.cell_id, grade.c.auto_score)
            .join_from(grade, notebook)
            .join(submitted, notebook.c.assignment_id == submitted.c.id)
            .join(assignment, submitted.c.assignment_id == assignment.c.id)
            .where(assignment.c.name == self.assignment, submitted.c.student_id == student)
        )
        with self._engine.connect() as connection:
            return json.dumps({cell: score for cell, score in connection.execute(chosen)}, sort_keys=True)  # noqa: C416

    def _key(self, student: str) -> tuple:
        return TABLE.c.assignment == self.assignment, TABLE.c.student == student
