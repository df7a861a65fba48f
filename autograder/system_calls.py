"""The system calls that are left to a learner's function: it may read, compute and write to what it holds open.

A list of what is allowed, because what is forgotten in it is refused. It says no to new processes and threads (the real
root, as in most containers, is above RLIMIT_NPROC), other programs, connections, namespaces, signals to others, a look
into other processes, and to making, opening for writing or removing files. What is refused fails with ENOSYS, as on a
system that does not know the call, so that the C library falls back to an older one where there is one.

The parent compiles the list with libseccomp, and the child loads it once it has imported what it needs
(`autograder.processes.refuse_system_calls`).
"""

import errno
import fcntl
import functools
import os
import tempfile
from typing import NamedTuple

MEMORY = "brk mmap munmap mprotect mremap madvise mincore membarrier"
FILES = (
    "read readv pread64 preadv lseek stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat "
    "getdents getdents64 getcwd dup dup2 dup3 close poll ppoll select pselect6 write writev pwrite64"
)
TIME = "time gettimeofday clock_gettime clock_getres nanosleep clock_nanosleep"
ITSELF = (
    "getpid getppid gettid getuid geteuid getgid getegid getgroups uname sysinfo times getrusage getrlimit getcpu "
    "sched_getaffinity sched_yield futex rseq set_robust_list arch_prctl getrandom rt_sigaction rt_sigprocmask "
    "rt_sigpending rt_sigreturn sigaltstack restart_syscall exit exit_group"
)
WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC  # in a file's open mode: none of these, so only reading
TCGETS, FIOCLEX = 0x5401, 0x5451  # asm-generic/ioctls.h: is it a terminal, and close it in another program
HANDLES = (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_DUPFD_CLOEXEC)


class Refusal(NamedTuple):
    """A compiled filter (an array of struct sock_filter) and the number of the call that loads it, seccomp(2)."""

    program: bytes
    loader: int


@functools.cache
def refusal() -> Refusal | None:
    """Return the filter for this machine, or None where there is no libseccomp (it is Linux's own)."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError, AttributeError, TypeError):  # what it says where the library is not
        return None
    filtered = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    for name in " ".join((MEMORY, FILES, TIME, ITSELF)).split():
        _allow(filtered, name)
    reading = (pyseccomp.MASKED_EQ, WRITING, 0)
    _allow(filtered, "open", pyseccomp.Arg(1, *reading))
    _allow(filtered, "openat", pyseccomp.Arg(2, *reading))
    for name, values in (("ioctl", (TCGETS, FIOCLEX)), ("fcntl", HANDLES)):
        for value in values:
            _allow(filtered, name, pyseccomp.Arg(1, pyseccomp.EQ, value))
    # One's own limits may be read; a process number would reach others, and new values lift them for the real root.
    _allow(filtered, "prlimit64", pyseccomp.Arg(0, pyseccomp.EQ, 0), pyseccomp.Arg(2, pyseccomp.EQ, 0))
    with tempfile.TemporaryFile() as compiled:
        filtered.export_bpf(compiled)
        compiled.seek(0)
        return Refusal(compiled.read(), pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "seccomp"))


def _allow(filtered: object, name: str, *conditions: object) -> None:
    """Allow a call. Processors differ in which older calls they know, and these are passed over."""
    import pyseccomp

    try:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    except ValueError:
        return
    if number >= 0:
        filtered.add_rule(pyseccomp.ALLOW, number, *conditions)
