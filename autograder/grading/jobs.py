"""Share students out to worker processes of this machine."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from autograder.grading.settings import Outcome, Settings
from autograder.grading.worker import Worker

MOST_THREADS = 2  # that a verdict has work for

Report = Callable[[Outcome], None]


def run_jobs(settings: Settings, students: Sequence[str], jobs: int, report: Report) -> None:
    """Grade the students with `jobs` workers; call `report` with each outcome, in the order in which they come.

    Whoever another run has at the moment comes once more at the end, and then is waited for. Leaving early, by an
    exception out of `report` or by Ctrl-C, ends all workers at once.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for student in students:
        waiting.put((student, False))
    done: queue.SimpleQueue = queue.SimpleQueue()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings = replace(settings, threads=max(1, min(MOST_THREADS, cores // jobs)))
    workers = [Worker(settings) for _ in range(min(jobs, len(students)))]
    arguments = [(worker, waiting, done, len(workers)) for worker in workers]
    threads = [threading.Thread(target=_serve, args=each, daemon=True) for each in arguments]
    try:
        for thread in threads:
            thread.start()
        left = len(students)
        while left:
            outcome, waited = done.get()
            if outcome.state == "busy" and not waited:
                waiting.put((outcome.student, True))
                continue
            left -= 1
            report(outcome)
    finally:
        for worker in workers:
            worker.stop()
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()


def _serve(worker: Worker, waiting: queue.SimpleQueue, done: queue.SimpleQueue, workers: int) -> None:
    """Take students from the queue until None comes. While there is enough for all workers, take one ahead."""
    following: list = []
    while (item := following.pop() if following else waiting.get()) is not None:
        student, wait = item
        if waiting.qsize() >= workers:
            with contextlib.suppress(queue.Empty):
                following.append(waiting.get_nowait())
        then = following[0][0] if following and following[0] else ""
        done.put((worker.grade(student, wait, then), wait))
    worker.close()
