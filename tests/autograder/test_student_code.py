"""A learner's function at work: right answers come back, and nothing that it does harms the check or lasts."""

import json
import math
import os
import re
import time
from pathlib import Path

import psutil
import pytest

from autograder import sandbox, student_child, system_calls
from autograder.student_code import Answer, Call, LearnerFunction, Limits, StudentCode, tensor
from shared.safe_files import ArtifactError

PLAIN = LearnerFunction(cell="answer", name="f", setup="import json")
TORCH = LearnerFunction(cell="answer", name="f", setup="import torch")
# To whatever the process holds open, its answers among it.
WRITE_TO_ALL = """
import os
for handle in range(3, 20):
    try:
        os.write(handle, {said})
    except OSError:
        pass
"""
TINY = Limits(seconds=5, memory_bytes=2**30, file_bytes=2**20)
NOTHING = Call(())


def run(source: str, *calls: Call, function: LearnerFunction = PLAIN, limits: Limits = TINY) -> list[Answer]:
    """Return what the cell `source` answers to `calls` (to one without arguments by default)."""
    with StudentCode(function, source, list(calls) or [NOTHING], limits) as code:
        return code.answers()


def returning(expression: str) -> str:
    return f"def f(*a):\n    return {expression}"


def refusal(source: str, **options) -> str:
    """Return the one line with which the cell is refused."""
    with pytest.raises(ArtifactError) as caught:
        run(source, **options)
    line = str(caught.value)
    assert line.startswith("f: ") and line.isprintable() and "Traceback" not in line
    return line


@pytest.mark.parametrize("value", ["text", "", 3, 10**30, 0.5, True, None, "ü—\n"])
def test_a_plain_value_comes_back(value):
    answer = run(returning("a[0]"), Call((value,)))[0]
    assert (answer.kind, answer.value, answer.type_name) == ("value", value, type(value).__name__)
    assert answer.fault() is None


def test_each_call_has_its_answer_in_order():
    answers = run("def f(a, b):\n    return a * b", *(Call((n, 2)) for n in range(5)))
    assert [answer.value for answer in answers] == [0, 2, 4, 6, 8]


def test_a_failing_call_leaves_the_others_their_chance():
    first, second, third = run("def f(a):\n    return 1 / a", Call((1,)), Call((0,)), Call((2,)))
    assert (first.value, third.value) == (1, 0.5)
    assert second.kind == "error" and "ZeroDivisionError: division by zero, line 2 of the cell" in second.fault()


def test_tensors_and_gradients_come_back():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], "float32")
    source = "def f(x, how):\n    return {'sum': (x * x).sum(), 'same': x, 'cut': (x.detach() * x.detach()).sum()}[how]"
    calls = [Call((x, "sum"), gradient_of=0), Call((x, "same")), Call((x, "cut"), gradient_of=0), Call((x, "sum"))]
    summed, same, cut, plain = run(source, *calls, function=TORCH, limits=Limits())
    assert (summed.values, summed.shape, summed.gradient) == ([30.0], [], [2.0, 4.0, 6.0, 8.0])
    assert (same.values, same.shape) == ([1.0, 2.0, 3.0, 4.0], [2, 2])
    assert cut.values == [30.0] and cut.gradient is None and plain.gradient is None


def test_odd_tensors_are_answers_that_can_be_judged():
    source = """
def f(name):
    return {"nan": lambda: torch.tensor(float("nan")), "inf": lambda: torch.tensor([1.0, float("inf")]),
            "huge": lambda: torch.zeros(10**6), "complex": lambda: torch.tensor(1j), "meta":
            lambda: torch.zeros(2, device="meta"), "int": lambda: torch.tensor(3), "dict": lambda: {"a": 1}}[name]()
"""
    names = ["nan", "inf", "huge", "complex", "meta", "int", "dict"]
    answers = run(source, *(Call((name,)) for name in names), function=TORCH, limits=Limits())
    found = dict(zip(names, answers, strict=True))
    assert found["nan"].fault() == "returned nan, expected a finite number"
    assert found["inf"].fault() == "returned inf, expected a finite number"
    assert (found["huge"].kind, found["huge"].type_name) == ("object", "Tensor with 1000000 numbers")
    assert found["meta"].kind == "error" and found["complex"].kind in ("error", "tensor")
    assert found["int"].values == [3.0]
    assert (found["dict"].kind, found["dict"].type_name) == ("object", "dict")


@pytest.mark.parametrize(
    ("expression", "kind", "words"),
    [
        ("float('nan')", "value", "returned nan, expected a finite number"),
        ("-float('inf')", "value", "returned -inf, expected a finite number"),
        ("object()", "object", None),
        ("[1, 2]", "object", None),
        ("f", "object", None),
        ("type('Text', (str,), {'__str__': lambda s: 1 / 0})('x')", "value", None),
        ("__import__('enum').StrEnum('Kind', {'A': 'wrong-team'}).A", "value", None),
        ("[f] * 10 ** 9 and f(*a)", "error", "MemoryError"),
        ("f(*a)", "error", "RecursionError"),
        ("print('x' * 10 ** 5) or 'fine'", "value", None),
        ("'x' * 10 ** 7", "value", None),
        ("undefined", "error", "is not defined, line 2 of the cell. The cell is run on its own"),
        ("exit(0)", "error", "SystemExit: 0"),
        ("__import__('sys').exit(0)", "error", "SystemExit: 0"),
        ("(_ for _ in ()).throw(KeyboardInterrupt)", "error", "KeyboardInterrupt"),
        ("(_ for _ in ()).throw(NotImplementedError)", "error", "Write the missing part and save"),
        ("10 ** 5000", "object", None),
        ("(_ for _ in ()).throw(ValueError('\\ud800'))", "error", "ValueError: ?"),
        ("'\\ud800'", "value", None),
        ("10 ** 999", "value", None),
    ],
)
def test_what_a_call_can_do_instead_of_answering(expression, kind, words):
    first, second = run(returning(f"7 if a else ({expression})"), NOTHING, Call((1,)))
    assert first.kind == kind and second.value == 7
    assert words is None or words in first.fault()
    assert len(str(first.value)) <= 4_100


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(:", "the cell is not Python (SyntaxError"),
        ("%matplotlib inline\ndef f(): return 1", "Notebook commands (%, !) do not run here"),
        ("def f(): return '\0'", "the cell is not Python"),
        ("x = '\ud800'\ndef f(): return x", "the cell is not Python"),
        ("(" * 10_000, "the cell is not Python"),
        ("-" * 50_000 + "1", "the cell is not Python"),
        ("", "the cell defines no function of this name. Keep the line 'def f(...)'"),
        ("def g(): return 1", "the cell defines no function of this name"),
        ("f = 3", "the cell defines no function of this name"),
        ("def f():\n    raise NotImplementedError()", "not written yet"),
        ("def f():\n    '''Says what.'''\n    raise NotImplementedError", "not written yet"),
        ("import no_such_module\ndef f(): return 1", "the cell stops with ModuleNotFoundError"),
        ("raise SystemExit(0)", "the cell stops with SystemExit: 0, line 1 of the cell"),
        ("import sys\nsys.exit(0)", "the cell stops with SystemExit"),
        ("import os\nos._exit(0)", "without a usable answer (exit code 0)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the cell stops with PermissionError: os.kill"),
        ("import ctypes\nctypes.string_at(0)", "ended by signal SIGSEGV"),
        ("import os\ndef f(): os._exit(3)", "without a usable answer (exit code 3)"),
        ("x = bytearray(2 ** 33)\ndef f(): return 1", "the cell stops with MemoryError"),
        (f"{WRITE_TO_ALL.format(said='bytes(2 ** 22)')}\ndef f(): return 1", "without a usable answer (exit code 1)"),
        ("files = [open('/dev/null') for _ in range(999)]", "OSError: [Errno 24] Too many open files"),
        (
            "open('new', 'w')",
            "the cell stops with PermissionError: open: no file can be written here. Return the result",
        ),
    ],
)
def test_a_cell_that_gives_no_function_is_refused_in_one_line(source, words):
    assert words in refusal(source)


@pytest.mark.parametrize("source", ["while True: pass", "def f():\n    while 1: pass", "import time\ntime.sleep(99)"])
def test_an_endless_loop_is_stopped_in_time(source):
    started = time.monotonic()
    assert "no answer within 1 s: an endless loop?" in refusal(source, limits=Limits(seconds=1))
    assert time.monotonic() - started < 20  # on a busy machine too; a loop that is not stopped takes for ever


def test_an_endless_loop_that_meets_the_processor_limit_first_is_named_too():
    with StudentCode(PLAIN, "while True: pass", [NOTHING], Limits(seconds=1)) as code:
        code._process.wait(timeout=60)  # asked late: the system has ended it by then
        with pytest.raises(ArtifactError, match="an endless loop"):
            code.answers()


@pytest.mark.parametrize(
    "start",
    [
        "__import__('os').fork()",
        "__import__('os').system('true')",
        "__import__('os').execv('/bin/true', ['true'])",
        "__import__('os').posix_spawn('/bin/true', ['true'], {})",
        "__import__('subprocess').run(['true'])",
        "__import__('multiprocessing').Process(target=print).start()",
    ],
)
def test_no_process_can_be_started(start):
    answer = run(returning(start))[0]
    assert answer.kind == "error" and "Error" in answer.fault(), answer


def test_a_fork_bomb_is_one_error():
    assert "the cell stops with PermissionError" in refusal("import os\nwhile True: os.fork()")


def test_what_the_child_holds_knows_no_secret_and_no_right_answer(monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "the-secret")
    monkeypatch.setenv("HF_TOKEN", "another-secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    everything = "json.dumps([dict(os.environ), os.read(0, 99).decode(), os.listdir('.'), __import__('sys').argv])"
    said = run("import os\n" + returning(everything), Call(("an input",)))[0].value
    environment, left_to_read, files, arguments = json.loads(said)
    assert "secret" not in said and "COURSE_" not in said
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert (left_to_read, files, len(arguments)) == ("", [], 1)


IMPORTS = [
    "from shared.scoring import failure_kind",
    "import autograder.rung_02_loss",
    "__import__('autograder.rung_02_sft')",
    "import importlib; importlib.import_module('shared.evaluation')",
]


@pytest.mark.parametrize("statement", IMPORTS)
def test_the_courses_own_answers_cannot_be_imported(statement):
    refused = "PermissionError: import (shared|autograder)[.a-z_0-9]*: the course's own code is not an answer"
    words = f"{refused}|ModuleNotFoundError: No module named '(shared|autograder)"
    assert re.search(words, refusal(f"{statement}\n{returning('1')}"))
    assert re.search(words, run(f"def f():\n    {statement}\n    return 1")[0].fault())


@pytest.mark.slow
@pytest.mark.skipif(system_calls.refusal() is None, reason="without libseccomp, opening such libraries is refused")
@pytest.mark.parametrize("library", ["matplotlib.pyplot", "sklearn.metrics"])
def test_a_cell_may_import_what_is_written_in_other_languages(library):
    assert run(f"import {library}\n{returning('1')}", limits=Limits())[0].value == 1


def test_what_the_setup_imports_may_be_imported_again():
    function = LearnerFunction(cell="answer", name="f", setup="from shared.world.tickets import FIELDS")
    source = "from shared.world.tickets import FIELDS\nfrom shared.world import tickets\n" + returning("len(FIELDS)")
    assert run(source, function=function)[0].value == 4


def test_what_is_sent_to_the_child_is_the_function_and_its_inputs():
    with StudentCode(PLAIN, returning("1"), [Call(("x", 2))], TINY) as code:
        request = code._request(returning("1"))
        assert set(request) == {"setup", "source", "function", "calls", "limits", "refusal", "confined"}
        assert request["calls"] == [{"arguments": ("x", 2), "gradient_of": None}]


def test_the_child_is_isolated_and_in_a_folder_of_its_own():
    source = returning("json.dumps([__import__('sys').flags.isolated, __import__('os').getcwd()])")
    with StudentCode(PLAIN, source, [NOTHING], TINY) as code:
        isolated, folder = json.loads(code.answers()[0].value)
        assert isolated == 1
        assert Path(folder).resolve() == (Path(sandbox.HOME) if code.confined else code.folder.resolve())
    assert not code.folder.exists()


def alive(group: int) -> list[int]:
    """Return the processes of a group that still run; those that were just killed get a moment to end."""
    for _ in range(200):
        running = [process.pid for process in psutil.process_iter(["status"]) if _runs(process, group)]
        if not running:
            break
        time.sleep(0.05)
    return running


def _runs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE
    except ProcessLookupError:
        return False


@pytest.mark.parametrize("source", [returning("1"), "while True: pass", "import os\nos._exit(1)"])
def test_no_process_and_no_file_outlives_the_check(source):
    with StudentCode(PLAIN, source, [NOTHING], Limits(seconds=1)) as code:
        group = code._process.group
        try:
            code.answers()
        except ArtifactError:
            pass
    assert not alive(group)
    assert not code.folder.exists()


def test_leaving_without_asking_ends_the_child():
    with StudentCode(PLAIN, "while True: pass", [NOTHING], TINY) as code:
        group = code._process.group
    assert not alive(group)


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ('{"answers": []}', "0 answers to 1 calls"),
        ('{"answers": [{"kind": "value", "value": 1}, {"kind": "value", "value": 1}]}', "2 answers to 1 calls"),
        ('{"answers": [{"kind": "value", "passed": true}]}', "without a usable answer"),
        ('{"answers": [{"kind": "value", "value": {"a": 1}}]}', "without a usable answer"),
        ('{"answers": 3}', "without a usable answer"),
        ("not JSON", "without a usable answer"),
        ("", "without a usable answer"),
        ("[" * 10_000, "without a usable answer"),
        (" " * 5_000_000, "without a usable answer"),
    ],
)
def test_answers_that_the_cell_wrote_itself_are_checked(forged, words):
    said = f"{forged!r}" if len(set(forged)) > 1 else f"{forged[:1]!r} * {len(forged)}"
    source = f"{WRITE_TO_ALL.format(said=f'({said}).encode()')}\nos._exit(0)"
    assert words in refusal(source, limits=Limits(seconds=5))


def test_an_answer_can_be_judged_by_its_numbers():
    assert Answer(kind="tensor", values=[1.0], gradient=[math.nan]).fault() == "returned nan, expected a finite number"
    assert Answer(kind="tensor", values=[1.0], gradient=[0.0]).fault() is None
    assert Answer(kind="error", value="stops").fault() == "stops"


def test_a_released_cell_is_told_from_one_that_raises_on_purpose():
    real = "def f(a):\n    if a:\n        return 1\n    raise NotImplementedError"
    student_child._look_at(real, "f")
    assert run(real, Call((1,)))[0].value == 1
