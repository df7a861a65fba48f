"""The rows of nbgrader's gradebook that one student's grade on one assignment is made of: read, copied, merged back.

A copy of these rows, in a gradebook of its own, is all that nbgrader sees while it grades. `merge` then carries what
it changed into the real gradebook, within one transaction of the caller's.
"""

from collections.abc import Mapping

from nbgrader.api import Base
from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from autograder.grading.settings import GradingError

Row = dict[str, object]
Rows = dict[str, list[Row]]  # table -> rows

PATIENCE = 60  # seconds to wait for SQLite's lock: other workers write for milliseconds

# table, its column, and the table whose ids the column holds; the starting points are the course's own rows.
DEFINITION = (
    ("notebook", "assignment_id", "assignment"),
    ("base_cell", "notebook_id", "notebook"),
    ("grade_cells", "id", "base_cell"),
    ("solution_cells", "id", "base_cell"),
    ("task_cells", "id", "base_cell"),
    ("source_cell", "notebook_id", "notebook"),
)
WORK = (
    ("submitted_notebook", "assignment_id", "submitted_assignment"),
    ("grade", "notebook_id", "submitted_notebook"),
    ("comment", "notebook_id", "submitted_notebook"),
)
OF_A_STUDENT = ("student", "submitted_assignment", "submitted_notebook", "grade", "comment")
BY_HAND = {"manual_score", "extra_credit", "manual_comment", "flagged"}  # what a human sets in formgrader


def open_engine(url: str, name: str = "") -> Engine:
    """Return an engine for the gradebook at `url`; PostgreSQL shows the connection as `name`."""
    try:
        backend = make_url(url).get_backend_name()
        if backend == "sqlite":
            return create_engine(url, connect_args={"timeout": PATIENCE})
        return create_engine(url, pool_pre_ping=True, connect_args={"application_name": name} if name else {})
    except Exception as error:  # an address that cannot be read, a driver that is missing
        raise GradingError(f"the gradebook cannot be opened ({type(error).__name__}). Check --db or db_url") from None


def is_sqlite(engine: Engine) -> bool:
    """Return whether the gradebook is a file on this machine."""
    return engine.dialect.name == "sqlite"


def read_definition(connection: Connection, assignment: str) -> Rows:
    """Return the rows that define the assignment: its notebooks, cells and points. Raises GradingError without any."""
    found = _select(connection, "assignment", "name", [assignment])
    if not found:
        raise GradingError(
            f"the gradebook has no assignment {assignment}. Release it first: nbgrader generate_assignment {assignment}"
        )
    rows = {"course": _select(connection, "course"), "assignment": found}
    return _follow(connection, rows, DEFINITION)


def read_work(connection: Connection, definition: Rows, student: str) -> Rows:
    """Return what the gradebook holds of one student's work on the assignment: five tables, empty before the first."""
    assignments = [row["id"] for row in definition["assignment"]]
    submitted = _select(connection, "submitted_assignment", "assignment_id", assignments, student_id=student)
    rows = {"student": _select(connection, "student", "id", [student]), "submitted_assignment": submitted}
    return _follow(connection, rows, WORK)


def fill(connection: Connection, rows: Mapping[str, list[Row]]) -> None:
    """Write rows into an empty gradebook."""
    for table in Base.metadata.sorted_tables:
        if rows.get(table.name):
            connection.execute(insert(table), rows[table.name])


def create_staged(url: str, rows: Rows) -> Engine:
    """Create a gradebook that holds `rows` and nothing else. It is thrown away if the machine fails: no disk waits."""
    engine = create_engine(url)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        fill(connection, rows)
    return engine


def merge(connection: Connection, before: Rows, after: Rows) -> None:
    """Carry into the gradebook what grading changed between `before` and `after`, one student's rows.

    What a human has set in formgrader meanwhile stays, and stays waiting for that human. Raises GradingError when
    rows have vanished meanwhile.
    """
    for name in OF_A_STUDENT:
        table = Base.metadata.tables[name]
        known = {row["id"]: row for row in before[name]}
        now = _locked(connection, table, list(known))
        if known.keys() - now.keys():
            raise GradingError(f"the gradebook's rows in {name} were removed while grading. Grade again")
        for row in after[name]:
            if row["id"] not in known:
                _insert(connection, table, row)
            elif changed := _changes(known[row["id"]], row, now[row["id"]]):
                connection.execute(update(table).where(table.c.id == row["id"]).values(**changed))


def _changes(before: Row, after: Row, now: Row) -> Row:
    """Return which columns to set: those that grading changed, but never what a human has changed meanwhile."""
    changed = {name: value for name, value in after.items() if value != before[name] and value != now[name]}
    touched = {name for name in BY_HAND if name in now and now[name] != before[name]}
    kept = {name: value for name, value in changed.items() if name not in touched}
    if "manual_score" in touched and now["manual_score"] is not None:
        kept["needs_manual_grade"] = True  # as nbgrader does when it grades again what a human has graded
    return kept


def _locked(connection: Connection, table: Table, ids: list[object]) -> dict[object, Row]:
    """Return rows by id, held until the transaction ends (SQLite holds the whole gradebook anyway)."""
    chosen = connection.execute(select(table).where(table.c.id.in_(ids)).with_for_update())
    return {row.id: dict(row._mapping) for row in chosen}


def _insert(connection: Connection, table: Table, row: Row) -> None:
    """Insert a row; a student whom another worker has entered meanwhile is there already."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(**row)
    connection.execute(statement.on_conflict_do_nothing() if table.name == "student" else statement)


def _follow(connection: Connection, rows: Rows, tables: tuple) -> Rows:
    """Add the rows of `tables` that belong to those already in `rows`."""
    for name, column, parent in tables:
        rows[name] = _select(connection, name, column, [row["id"] for row in rows[parent]])
    return rows


def _select(connection: Connection, name: str, column: str = "", values: list | None = None, **equal: str) -> list[Row]:
    table = Base.metadata.tables[name]
    query = select(table).filter_by(**equal).order_by(table.c.id)
    if column:
        query = query.where(table.c[column].in_(values))
    return [dict(row._mapping) for row in connection.execute(query)]
