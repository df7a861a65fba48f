"""Inside the sandbox: a process that has imported what learners' functions need, and forks a child for each of them.

Started by `autograder.warm_sandbox`, never imported by anything else. It never runs a learner's code itself: what it
forks does, as `autograder.student_child`, once it can no longer reach a sibling or leave anything to the next.
"""

import gc
import json
import os
import select
import signal
import socket
import sys

from autograder import student_child
from autograder.processes import end_with_parent, keep_to_ourselves

LARGEST_MESSAGE = 100_000  # bytes


def main() -> None:
    """Import what the first message on stdin, a socket, asks for; then serve what follows until the socket closes."""
    with socket.socket(fileno=0) as asked:
        keep_to_ourselves()
        for setup in json.loads(asked.recv(LARGEST_MESSAGE)):
            exec(compile(setup, "<setup>", "exec"), {"__name__": "setup"})
        _practise()
        gc.freeze()  # or the first collection in each child would copy all that was imported
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries the guardians
        while _serve(asked):
            pass


def _practise() -> None:
    """Call a function of our own as learners' are called: PyTorch imports hundreds of modules at the first gradient."""
    if "torch" in sys.modules:
        student_child.answer(lambda x: x, [{"tensor": [1.0], "dtype": "float32"}], gradient_of=0)


def _serve(asked: socket.socket) -> bool:
    """Fork a guardian for the next request. Return False when the socket has closed."""
    message, handles, _, _ = socket.recv_fds(asked, LARGEST_MESSAGE, 3)
    if not message:
        return False
    if os.fork() == 0:
        try:
            asked.close()
            _guard(*handles)
        finally:
            os._exit(0)
    for handle in handles:
        os.close(handle)
    return True


def _guard(request: int, answers: int, status: int) -> None:
    """Fork the child, end it when nobody waits for it any more, and tell how it ended."""
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        try:
            os.close(status)
            _become_child(request, answers)
        finally:
            os._exit(1)
    ended, waiting = os.pidfd_open(child), select.poll()
    waiting.register(ended, select.POLLIN)
    waiting.register(status, 0)  # no event but the error that its reader has gone
    if ended not in dict(waiting.poll()):
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(status, str(code).encode())


def _become_child(request: int, answers: int) -> None:
    """Serve the one request as a process that was started for it would."""
    for standard, handle in enumerate((request, answers)):
        os.dup2(handle, standard)
        os.close(handle)
    student_child.main()
    os._exit(0)


if __name__ == "__main__":
    main()
