"""Share students out over a Dask cluster: the same workers as on one machine, started beside Dask's own.

Dask's scheduler says who grades whom and gives a student to another machine when one fails. What it carries holds two
secrets, the hidden seed and perhaps the gradebook's password: they are in no log, and travel encrypted or not at all,
unless the instructor says that the network is private.
"""

import secrets
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Client, Future, as_completed
from sqlalchemy import make_url

from autograder.grading.fingerprint import course_version
from autograder.grading.jobs import Report
from autograder.grading.settings import GradingError, Outcome, Settings
from autograder.grading.worker import Worker
from shared.world.splits import HIDDEN_SEED_VARIABLE

SECONDS_TO_CONNECT = 20
ENCRYPTED = ("tls", "inproc")
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_workers: dict[int, Worker] = {}  # on a cluster's machine: Dask's thread -> the worker that it talks to


def run_cluster(
    settings: Settings, students: Sequence[str], address: str, report: Report, *, private_network: bool = False
) -> None:
    """Grade the students on the cluster at `address`; call `report` with each outcome, in the order they come.

    As `run_jobs` does. Raises GradingError when the cluster cannot be reached or its machines cannot grade.
    """
    if not private_network:
        _require_privacy(settings, address)
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise GradingError(f"--scheduler {address}: no scheduler answers ({type(error).__name__})") from None
    with client:
        _require_fit_machines(client, settings)
        try:
            _share_out(client, settings, students, report)
        finally:
            client.run(end_workers)


def _share_out(client: Client, settings: Settings, students: Sequence[str], report: Report) -> None:
    def send(student: str, wait: bool) -> Future:
        name = f"{settings.assignment}-{'again' if wait else 'grade'}-{secrets.token_hex(4)}"
        future = client.submit(grade_there, settings, student, wait, key=name, pure=False)
        asked[future.key] = student, wait
        return future

    asked: dict[str, tuple[str, bool]] = {}
    futures = [send(student, False) for student in students]
    coming = as_completed(futures, loop=client.loop)
    try:
        for future in coming:
            student, waited = asked[future.key]
            outcome = _outcome(future, student)
            if outcome.state == "busy" and not waited:
                futures.append(send(student, True))
                coming.add(futures[-1])
            else:
                report(outcome)
    finally:
        client.cancel(futures)


def _outcome(future: Future, student: str) -> Outcome:
    """Return what became of a student; that Dask has given up is told like any other failure."""
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome(student, "failed", f"the cluster gave up ({type(error).__name__})")


def grade_there(settings: Settings, student: str, wait: bool) -> Outcome:
    """On a cluster's machine: grade one student with the worker that belongs to this thread of Dask's."""
    place = threading.get_ident()
    worker = _workers.get(place)
    if worker is None or worker.settings != settings:
        if worker is not None:
            worker.close()
        worker = _workers[place] = Worker(settings)
    return worker.grade(student, wait)


def end_workers() -> None:
    """On a cluster's machine: end what this run has started there."""
    while _workers:
        _, worker = _workers.popitem()
        worker.stop()


def unfit(settings: Settings) -> str:
    """On a cluster's machine: return why it cannot grade this run, or nothing."""
    if not Path(settings.root).is_dir():
        return f"does not see the course folder {settings.root}: share it, under the same path"
    if course_version() != settings.version:
        return "has another version of the course: install the same one"
    return ""


def _require_privacy(settings: Settings, address: str) -> None:
    """Raise GradingError where a secret would travel so that others on the network can read it."""
    where = urlsplit(address)
    carried = {"the hidden seed": settings.environment.get(HIDDEN_SEED_VARIABLE)}
    carried["the gradebook's password"] = make_url(settings.db_url).password
    secret = next((name for name, value in carried.items() if value), None)
    if secret and where.scheme not in ENCRYPTED and where.hostname not in LOOPBACK:
        raise GradingError(
            f"--scheduler {address}: {secret} would travel unencrypted. Set up TLS (docs/grading-a-class.md), or, on a "
            "network that nobody else is on, add --private-network"
        )


def _require_fit_machines(client: Client, settings: Settings) -> None:
    """Raise GradingError when there is no machine, or one that cannot grade."""
    hosts = client.run(socket.gethostname)
    if not hosts:
        raise GradingError("the cluster has no workers yet. Start some, and try again")
    for address, reason in client.run(unfit, settings).items():
        if reason:
            raise GradingError(f"{hosts[address]} {reason}")
    machines = Counter(hosts.values()).keys() | {socket.gethostname()}
    if make_url(settings.db_url).get_backend_name() == "sqlite" and len(machines) > 1:
        names = ", ".join(sorted(machines))
        raise GradingError(f"SQLite serves one machine, and there are {len(machines)} ({names}). Use PostgreSQL")
