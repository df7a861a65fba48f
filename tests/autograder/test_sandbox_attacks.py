"""What a learner's function may try inside the sandbox: it reads nothing, changes nothing, reaches nobody.

Each attack is bounded from outside as well: loops have an end, listeners are the test's own, files lie in its folder.
"""

import json
import os
import socket
import sys
from pathlib import Path

import pytest
from sandboxes import ATTACKER, NEEDS_SANDBOX, attack, number_of, running, soon, works

from autograder.student_code import Limits
from autograder.warm_sandbox import WarmSandbox
from shared.course import ROOT
from shared.safe_files import ArtifactError

pytestmark = NEEDS_SANDBOX

SECRET = "a-secret-of-the-grader"


@pytest.fixture(scope="module")
def warm():
    with WarmSandbox([ATTACKER.setup]) as opened:
        yield opened


@pytest.fixture(params=["a sandbox of its own", "a warm one"])
def room(request, warm):
    """The two rooms; whatever was done in one, an honest function still works there and nothing of it still runs."""
    yield (room := warm if request.param == "a warm one" else True)
    assert works(room)
    if room is warm:
        assert soon(lambda: len(running(warm._process.pid)) == 3)  # bubblewrap's two, and the host


@pytest.fixture
def grader(tmp_path, monkeypatch):
    """A grader's folder with what is nobody's business, some of it in the environment."""
    for name in ("gradebook.db", "submitted/ada/rung-02-sft/rung-02-sft.ipynb", ".ssh/id_ed25519"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SECRET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("COURSE_HIDDEN_SEED", SECRET)
    return tmp_path


READ = """
found = []
for path in a[0]:
    try:
        found.append(path + ': ' + open(path, 'rb').read(20).decode('latin-1'))
    except OSError as error:
        found.append(errno.errorcode[error.errno])
return json.dumps([len(found), sorted(set(found))])
"""


def test_nothing_of_the_grader_is_there_to_be_read(room, grader):
    mine = [path for path in grader.rglob("*") if path.is_file()] + [Path.home() / ".netrc"]
    course = [ROOT / "course.yml", ROOT / "shared/scoring.py", *ROOT.glob("autograder/rung_*.py")]
    processes = [f"/proc/{pid}/{name}" for pid in (os.getpid(), 1, "self") for name in ("environ", "mem", "maps")]
    paths = [str(path) for path in (*mine, *course, *processes, "/etc/passwd", "/etc/shadow", "/dev/mem", "/dev/kmsg")]
    assert json.loads(attack(room, READ, paths).value) == [len(paths), ["ENOENT"]]


def test_the_environment_holds_no_secret(room, grader):
    body = "return json.dumps([dict(os.environ), ctypes.string_at(libc.getenv(b'HOME') or b'').decode()])"
    said = attack(room, f"libc.getenv.restype = ctypes.c_char_p\n{body}").value
    fixed = "HOME TMPDIR MPLCONFIGDIR TORCHINDUCTOR_CACHE_DIR PWD LANG CUDA_VISIBLE_DEVICES TORCHDYNAMO_DISABLE".split()
    threads = "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS".split()
    assert SECRET not in said and set(json.loads(said)[0]) == {*fixed, *threads}


WALK = """
libraries, expected = a
seen = []
for folder, folders, files in os.walk('/'):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in libraries]
    seen += [os.path.join(folder, name) for name in files]
return json.dumps([len(seen), sorted(set(seen) - set(expected))])
"""


def test_all_that_is_seen_besides_libraries_is_a_handful_of_files(room, grader):
    prefixes = ("", "/usr", "/usr/local", sys.base_prefix, sys.prefix)
    libraries = [f"{prefix}/{part}" for prefix in prefixes for part in ("bin", "lib", "lib64")]
    ours = [
        f"{ROOT}/autograder/{part}.py" for part in "__init__ in_notebook processes student_child student_host".split()
    ]
    devices = [f"/dev/{name}" for name in ("null", "zero", "random", "urandom")]
    expected = [*ours, *devices, "/etc/ld.so.cache", "/proc/cpuinfo", f"{sys.prefix}/pyvenv.cfg"]
    number, others = json.loads(attack(room, WALK, libraries, expected).value)
    assert others == [] and len(expected) - 1 <= number <= len(expected)


CHANGES = """
numbers, targets, new = a
done = []
for target in (target.encode() for target in targets):
    for name, arguments in {
        'openat': (-100, target, os.O_WRONLY | os.O_TRUNC), 'truncate': (target, 0), 'unlinkat': (-100, target, 0),
        'fchmodat': (-100, target, 0o777), 'fchownat': (-100, target, 0, 0, 0), 'utimensat': (-100, target, 0, 0),
        'renameat2': (-100, target, -100, target + b'.x', 0), 'linkat': (-100, target, -100, target + b'.x', 0),
        'setxattr': (target, b'user.x', b'x', 1, 0), 'mount': (target, target, 0, 4096, 0),
    }.items():
        done.append(system(numbers[name], *arguments))
for place in (place.encode() for place in new):
    for name, arguments in {
        'openat': (-100, place, os.O_WRONLY | os.O_CREAT, 0o666), 'mkdirat': (-100, place, 0o777),
        'symlinkat': (b'/etc', -100, place), 'mknodat': (-100, place, 0o20666, 0x0101),
    }.items():
        done.append(system(numbers[name], *arguments))
return json.dumps([len(done), sorted(set(done))])
"""
CHANGING = (
    "openat truncate unlinkat fchmodat fchownat utimensat renameat2 linkat setxattr mount mkdirat symlinkat mknodat"
)


def test_nothing_can_be_changed_or_made(room, grader):
    checker, library = ROOT / "autograder" / "rung_02_sft.py", Path(pytest.__file__)
    child, submission = ROOT / "autograder" / "student_child.py", next(grader.rglob("*.ipynb"))
    targets = [str(path) for path in (checker, library, child, submission, grader / "gradebook.db")]
    before = [Path(path).read_bytes() for path in targets]
    new = [
        f"{folder}/new" for folder in ("", "/answer", "/tmp", "/dev", "/dev/shm", library.parent, child.parent, grader)
    ]
    numbers = {name: number_of(name) for name in CHANGING.split()}
    done = json.loads(attack(room, CHANGES, numbers, targets, new).value)
    assert done == [10 * len(targets) + 4 * len(new), ["ENOSYS"]]
    assert [Path(path).read_bytes() for path in targets] == before
    assert not any(Path(path).exists() for path in new)


REACHING = """
fork clone clone3 execve execveat socket socketpair connect bind sendmsg ptrace process_vm_readv process_vm_writev
process_madvise kcmp pidfd_open pidfd_getfd pidfd_send_signal kill tkill tgkill rt_sigqueueinfo setpriority prctl
sched_setaffinity sched_setscheduler setrlimit unshare setns mount umount2 pivot_root chroot bpf perf_event_open keyctl
add_key request_key io_uring_setup userfaultfd memfd_create memfd_secret shmget msgget semget mq_open pipe2 eventfd2
inotify_init1 fanotify_init openat2 open_by_handle_at name_to_handle_at setuid setgid setgroups capset personality
timer_create setitimer alarm ftruncate fallocate sendfile splice copy_file_range flock ioprio_set swapon reboot syslog
init_module finit_module kexec_load iopl modify_ldt quotactl acct seccomp
""".split()


@pytest.mark.parametrize("filtered", ["with the wall", "without it"])
def test_what_reaches_others_is_no_system_call_here(filtered):
    """Each layer holds alone: the filter is the same where there is no bubblewrap."""
    numbers = {name: number_of(name) for name in REACHING if number_of(name) is not None}
    body = "return json.dumps([name for name in a[0] if system(a[0][name], 0, 0, 0, 0, 0, 0) != 'ENOSYS'])"
    assert len(numbers) > 70 and attack(filtered == "with the wall", body, numbers).value == "[]"


@pytest.mark.parametrize(
    "call",
    [
        "system(a[0]['fcntl'], 3, 8, 1)",  # F_SETOWN: signals about a file go to process 1
        "system(a[0]['fcntl'], 3, 10, 9)",  # F_SETSIG: and they kill it
        "system(a[0]['ioctl'], 3, 0x8901, 0)",  # FIOSETOWN
        "system(a[0]['prlimit64'], 1, 0, 0, 0)",  # another's limits
        "system(a[0]['prlimit64'], 0, 1, (ctypes.c_ulong * 2)(-1, -1) and 1, 0)",  # new limits of one's own
    ],
)
def test_calls_that_are_needed_reach_nobody_else(room, call):
    numbers = {name: number_of(name) for name in ("fcntl", "ioctl", "prlimit64")}
    assert attack(room, f"return {call}", numbers).value == "ENOSYS"


BOMBS = {
    "processes": ("return json.dumps([*{system(a[0], 17, 0, 0, 0, 0) for _ in range(20)}])", "clone"),
    "a file per microsecond": (
        "names = (b'/answer/%d' % n for n in range(100_000))\n"
        "return json.dumps([*{system(a[0], -100, name, 0o101, 0o666) for name in names}])",
        "openat",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_does_not_go_off(room, bomb):
    body, name = BOMBS[bomb]
    assert attack(room, body, number_of(name)).value == '["ENOSYS"]'


def test_threads_cannot_be_started(room):
    answer = attack(room, "for _ in range(20):\n    threading.Thread(target=time.sleep, args=(60,)).start()")
    assert "can't start new thread" in answer.fault()


def test_memory_has_an_end(room):
    answer = attack(room, "kept = []\nfor _ in range(64):\n    kept.append(bytearray(2 ** 25))\nreturn len(kept)")
    assert "MemoryError" in answer.fault()


def test_a_flood_of_output_goes_nowhere(room):
    assert (
        attack(
            room, "for _ in range(500):\n    os.write(1, bytes(10 ** 6)), os.write(2, bytes(10 ** 6))\nreturn 1"
        ).value
        == 1
    )


def test_a_flood_of_answers_is_cut_off(room):
    flood = """
for handle in range(3, 20):
    try:
        for _ in range(64):
            os.write(handle, bytes(2 ** 20))
    except OSError:
        pass
return 1
"""
    with pytest.raises(ArtifactError, match="without a usable answer"):
        attack(room, flood)


IGNORE_SIGNALS = """
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
"""


@pytest.mark.parametrize("endless", ["while True: pass", "time.sleep(60)"])
def test_an_endless_function_is_stopped_whatever_signals_it_ignores(room, endless):
    with pytest.raises(ArtifactError, match="no answer within 1 s"):
        attack(room, IGNORE_SIGNALS + endless, limits=Limits(seconds=1))


CONNECT = """
try:
    socket.create_connection(('127.0.0.1', a[0]), timeout=2)
except OSError as error:
    return errno.errorcode[error.errno]
"""


def test_no_connection_gets_out(room):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert attack(room, CONNECT, listener.getsockname()[1]).value == "ENOSYS"
        with pytest.raises(BlockingIOError):
            listener.accept()


TRICKS = {
    "an object that equals everything": "type('All', (), {'__eq__': lambda *_: True, '__hash__': lambda _: 1})()",
    "a number of its own kind": "type('Float', (float,), {'__eq__': lambda *_: True})(3.0)",
    "a text of its own kind": "type('Text', (str,), {'__eq__': lambda *_: True})('x')",
    "an object that says it is a number": "type('N', (), {'__float__': lambda _: 1.0, '__index__': lambda _: 1})()",
    "a fake of NumPy": "type('ndarray', (), {'__module__': 'numpy', 'tolist': lambda _: [A()] * 9})()",
    "a fake that never ends": "type('ndarray', (), {'__module__': 'numpy', 'tolist': lambda _: [0.0] * 10 ** 7})()",
    "a list that lies about its length": "type('L', (list,), {'__len__': lambda _: 1})([1.0] * 10 ** 6)",
    "an array of objects": "__import__('numpy').array([A()] * 3, dtype=object)",
    "a huge text": "'x' * 10 ** 8",
    "a huge list": "[0.5] * 10 ** 6",
    "a deep list": "(lambda d: [d := [d] for _ in range(10 ** 5)][-1])([])",
}
CLASS_A = "class A:\n    __float__ = lambda self: 0.5\n    __eq__ = lambda *_: True\n"


@pytest.mark.parametrize("trick", TRICKS)
def test_what_is_returned_comes_out_as_plain_numbers_and_text(trick):
    answer = attack(True, f"{CLASS_A}return {TRICKS[trick]}", limits=Limits(seconds=20))
    assert type(answer.value) in (type(None), str) and {type(value) for value in answer.values} <= {float}
    assert len(answer.values) <= 100_000 and len(str(answer.value)) <= 2_000
    assert works(True)
