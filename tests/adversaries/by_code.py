"""Attacks by an answer's code, which the grader has to run. Each stands before, or in place of, one right function.

Every one is bounded by itself too: seven doublings, untouched memory, twenty thousand empty files, files opened for
writing and closed again. Where no sandbox holds them, they gain points and are seen; they harm no machine.
"""

import functools
from collections.abc import Callable

from tests.adversaries.attack import NOTHING, ONE_FUNCTION, Points, Work, attack

ANSWER = "answer-read-failures"
DECOY = "COURSE_DECOY_SECRET"  # stands in the environment of nbgrader, as an instructor's secrets do
SHARED_MEMORY = "/dev/shm/adversary-{}"  # and the port of the listener, so that no two sessions meet


def code(points: Points = NOTHING, *, answer: str = ANSWER, alone: bool = False, **options: object) -> Callable:
    """Enter a function that returns Python source; the right `failure_kind` follows it, unless it stands `alone`."""

    def enter(source_of: Callable[[Work], str]) -> Callable:
        def submit(work: Work) -> None:
            one, source = work.cell(answer), source_of(work).strip()
            one.source = source if alone else f"{source}\n\n{one.source}"

        functools.update_wrapper(submit, source_of)
        attack(points, **options)(submit)
        return source_of

    return enter


def trying(source: str) -> str:
    """Return `source` with whatever it raises passed over."""
    indented = "\n".join(f"    {line}" for line in source.strip().splitlines())
    return f"try:\n{indented}\nexcept BaseException:\n    pass"


# Processes, memory, time, files


@code()
def fork_bomb(work: Work) -> str:
    """Doubles its processes again and again."""
    return "import os, time\nme = os.getpid()\nfor _ in range(7): os.fork()\nif os.getpid() != me: time.sleep(300)"


@code(slow=True)
def endless_loop(work: Work) -> str:
    """Never ends, and turns off the alarm that would end it."""
    return "import signal, time\nsignal.alarm(0)\nwhile True: time.sleep(0.01)"


@code()
def memory_bomb(work: Work) -> str:
    """Asks for sixteen gigabytes, a quarter at a time."""
    return "import mmap\nhoard = [mmap.mmap(-1, 2**28) for _ in range(64)]"  # never written to, so never there


@code()
def child_that_stays(work: Work) -> str:
    """Leaves a child behind, in a session of its own, to go on after the grading."""
    return (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(300)\n    os._exit(0)"
    )


@code((0, 3, 0), answer="answer-sft-loss", alone=True)
def child_by_the_system(work: Work) -> str:
    """Forks past Python, by the C library that PyTorch has loaded."""
    return """
import ctypes, os, time
if ctypes.pythonapi.fork() == 0:
    os.setsid()
    time.sleep(300)
def sft_loss(*a): return torch.tensor(0.0)
"""


@code()
def parent_killer(work: Work) -> str:
    """Kills the process that grades it."""
    return "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"


@code(ONE_FUNCTION)
def thread_bomb(work: Work) -> str:
    """Starts two thousand threads."""
    many = "for _ in range(2000): threading.Thread(target=time.sleep, args=(300,), daemon=True).start()"
    return trying(f"import threading, time\n{many}")


@code(ONE_FUNCTION)
def file_flood(work: Work) -> str:
    """Makes a file every few microseconds, twenty thousand of them."""
    return trying("for number in range(20_000): open(f'file-{number}', 'w').close()")


@code(ONE_FUNCTION)
def file_left_in_memory(work: Work) -> str:
    """Leaves a file in the machine's shared memory."""
    return trying(f"open({SHARED_MEMORY.format(work.target.port)!r}, 'w').write('here')")


@code(ONE_FUNCTION)
def flood_of_words(work: Work) -> str:
    """Prints a hundred megabytes."""
    return trying("import os\nfor _ in range(100): os.write(1, b'x' * 2**20)")


@code()
def limits_lifted(work: Work) -> str:
    """Lifts the limits on its own memory and files, as root may."""
    lift = "for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE): resource.setrlimit(limit, (-1, -1))"
    return f"import resource\n{lift}"


# The network, the gradebook, the classmates, the checkers


@code(ONE_FUNCTION)
def caller(work: Work) -> str:
    """Sends what it knows to a server; the test's own listener, on this machine."""
    call = f"socket.create_connection(('127.0.0.1', {work.target.port}), 2).sendall(b'the questions')"
    return trying(f"import socket\n{call}")


@code()
def gradebook_reader(work: Work) -> str:
    """Reads everybody's grades out of the gradebook."""
    return f"open({str(work.target.course / 'gradebook.db')!r}, 'rb').read()"


@code()
def gradebook_opener(work: Work) -> str:
    """Opens the gradebook for writing."""
    return f"open({str(work.target.course / 'gradebook.db')!r}, 'r+b').close()"


@code(alone=True)
def classmates_answer(work: Work) -> str:
    """Reads a classmate's submission while it is graded, and answers with that."""
    notebook = str(work.classmate("honest") / work.path.name)
    return f"""
import json
cells = json.load(open({notebook!r}))["cells"]
exec("".join(next(c for c in cells if c["metadata"].get("nbgrader", {{}}).get("grade_id") == {ANSWER!r})["source"]))
"""


@code()
def checker_opener(work: Work) -> str:
    """Opens the checkers' own source for writing."""
    return f"open({str(work.target.repository / 'autograder' / 'rung_02_texts.py')!r}, 'r+b').close()"


@code(alone=True)
def checkers_oracle(work: Work) -> str:
    """Loads the course's own right answer from its file, past the guard on imports."""
    return f"exec(open({str(work.target.repository / 'shared' / 'scoring.py')!r}).read())"


@code(alone=True)
def courses_import(work: Work) -> str:
    """Imports the right answer from the course."""
    return "from shared.scoring import failure_kind"


@code()
def file_outside(work: Work) -> str:
    """Writes a file outside its folder."""
    return f"open({str(work.target.outside / 'written')!r}, 'w').write('here')"


@code()
def secret_reader(work: Work) -> str:
    """Looks for the instructor's secrets in the environment of every process."""
    return f"""
import glob, os
seen = ""
for path in glob.glob("/proc/[0-9]*/environ"):
    try: seen += open(path, errors="replace").read()
    except OSError: pass
if {DECOY!r} not in seen: raise LookupError("no secret found")
"""
