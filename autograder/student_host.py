"""Inside the sandbox: a process that has imported what learners' functions need, and forks a child for each of them.

Started by `autograder.warm_sandbox`, never imported by anything else. It never runs a learner's code itself: what it
forks does, as `autograder.student_child`, once it can no longer reach a sibling or leave anything to the next.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import NamedTuple

from autograder import student_child
from autograder.processes import keep_to_ourselves

LARGEST_MESSAGE = 100_000  # bytes
FIRST_OWN_HANDLE = 3  # after stdin, stdout and stderr


def main() -> None:
    """Import what the first message on stdin, a socket, asks for; then serve what follows until the socket closes."""
    with socket.socket(fileno=0) as asked:
        keep_to_ourselves()
        for setup in json.loads(asked.recv(LARGEST_MESSAGE)):
            exec(compile(setup, "<setup>", "exec"), {"__name__": "setup"})
        _practise()
        gc.freeze()  # or the first collection in each child would copy all that was imported
        _serve(asked)


def _practise() -> None:
    """Call a function of our own as learners' are called: PyTorch imports hundreds of modules at the first gradient."""
    if "torch" in sys.modules:
        student_child.answer(lambda x: x, [{"tensor": [1.0], "dtype": "float32"}], gradient_of=0)


class Child(NamedTuple):
    """What the host has forked. `ended` can be read once the process has; `status` is where that is told, and has an
    error once nobody listens."""

    process: int
    ended: int
    status: int


def _serve(asked: socket.socket) -> None:
    """Fork a child for each request, until the socket closes. End a child that nobody waits for any more."""
    waiting, children = select.poll(), {}
    waiting.register(asked, select.POLLIN)
    while True:
        handle = waiting.poll()[0][0]
        if handle == asked.fileno():
            if (child := _fork(asked)) is None:
                return
            children |= {child.ended: child, child.status: child}
            waiting.register(child.ended, select.POLLIN)
            waiting.register(child.status, 0)  # for its error
        else:
            child = children[handle]
            if handle == child.status:
                os.kill(child.process, signal.SIGKILL)
            for known in (child.ended, child.status):
                waiting.unregister(known)
                del children[known]
            _bury(child)


def _fork(asked: socket.socket) -> Child | None:
    """Fork a child for the next request; return None when the socket has closed."""
    message, handles, _, _ = socket.recv_fds(asked, LARGEST_MESSAGE, 3)
    if not message:
        return None
    request, answers, status = handles
    process = os.fork()
    if process == 0:
        try:
            _become_child(request, answers)
        finally:
            os._exit(1)
    os.close(request)
    os.close(answers)
    return Child(process, os.pidfd_open(process), status)


def _bury(child: Child) -> None:
    """Tell how the child has ended, if anybody waits for that."""
    code = os.waitstatus_to_exitcode(os.waitpid(child.process, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(child.status, str(code).encode())
    os.close(child.status)
    os.close(child.ended)


def _become_child(request: int, answers: int) -> None:
    """Serve the one request as a process that was started for it would."""
    for standard, handle in enumerate((request, answers)):
        os.dup2(handle, standard)
    os.closerange(FIRST_OWN_HANDLE, os.sysconf("SC_OPEN_MAX"))  # the socket, and what tells of its siblings
    student_child.main()
    os._exit(0)


if __name__ == "__main__":
    main()
