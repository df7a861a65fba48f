"""The child process in which a learner's function runs. Reads a request on stdin, writes its answers to its stdout.

Started by `autograder.student_code`, never imported by anything else. It knows inputs only. What the learner's code
prints goes nowhere near the answers.

Before that code runs, the child gives up what it does not need. The limits and the filter of system calls hold whatever
the code does; Python's audit events, which a determined one gets around, are there to say in words what is refused.
"""

import ast
import functools
import itertools
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from autograder.processes import end_with_parent, refuse_system_calls

LONGEST_TEXT = 2_000  # characters of a returned string or of an error
LARGEST_TENSOR = 100_000  # numbers
LARGEST_INTEGER = 10**1_000  # JSON is read back with a limit on digits
NEW_PROCESS = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OURS = {"autograder", "shared"}  # packages that hold right answers


class Refused(Exception):
    """The cell does not give a function that can be called. One line."""


def main() -> None:
    """Serve the one request on stdin."""
    answers = os.fdopen(os.dup(1), "wb")
    request = json.load(sys.stdin)
    for standard in (0, 1):  # nothing more to read, and what is printed goes where errors go: nowhere
        os.dup2(2, standard)
    end_with_parent()
    _limit(**request["limits"])
    try:
        setup, source, name = request["setup"], request["source"], request["function"]
        function = _define(setup, source, name, lambda: _refuse(request["refusal"], demanded=request["confined"]))
        reply = {"answers": [answer(function, **call) for call in request["calls"]]}
    except Refused as error:
        reply = {"error": str(error)}
    answers.write(json.dumps(reply).encode())
    answers.close()


def _limit(seconds: int, memory_bytes: int, file_bytes: int, open_files: int) -> None:
    """Take away what the function does not need. `alarm` ends the process even when its parent is gone."""
    signal.alarm(seconds + 5)
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        # The processor's limit speaks first (SIGXCPU, which the parent can tell from any other end) and kills later.
        _lower(limit, value, spare=1 if limit == resource.RLIMIT_CPU else 0)


def _lower(limit: int, value: int, spare: int = 0) -> None:
    hard = resource.getrlimit(limit)[1]
    soft, hard = (v if hard == resource.RLIM_INFINITY else min(v, hard) for v in (value, value + spare))
    try:
        resource.setrlimit(limit, (soft, hard))
    except (ValueError, OSError):  # a system that does not know this limit (macOS and address space)
        pass


def _watch(filtered: bool, event: str, arguments: tuple) -> None:
    """Refuse new processes, writing files and our own right answers, by Python's audit events.

    An import is an event only while the module is not loaded, so what `setup` has imported stays at hand. With the
    filter of system calls (`filtered`) a library of another language may be opened: it can do no more than Python.
    """
    if event in NEW_PROCESS:
        raise PermissionError(f"{event}: a new process is not allowed here")
    if event in ("os.kill", "os.killpg") or (event == "ctypes.dlopen" and not filtered):
        raise PermissionError(f"{event}: not allowed here")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        raise PermissionError("open: no file can be written here. Return the result")
    if event == "import" and str(arguments[0]).partition(".")[0] in OURS:
        raise PermissionError(f"import {arguments[0]}: the course's own code is not an answer. Write it yourself")


def _refuse(refusal: list | None, *, demanded: bool) -> None:
    """Refuse what is left to refuse once the imports are made: system calls, processes, and what `_watch` names.

    A kernel without filters is no obstacle to a self-check outside the sandbox. Inside, the function does not run.
    """
    _lower(resource.RLIMIT_NPROC, 0)
    filtered = refusal is not None
    try:
        if filtered:
            refuse_system_calls(bytes.fromhex(refusal[0]), refusal[1])
    except OSError:
        if demanded:
            raise
        filtered = False
    sys.addaudithook(functools.partial(_watch, filtered))


def _define(setup: str, source: str, name: str, refuse: Callable[[], None]) -> Callable:
    """Return the function `name` that the cell defines; raises Refused. `refuse` is called after `setup`."""
    _look_at(source, name)
    namespace: dict = {"__name__": "answer"}
    exec(compile(setup, "<setup>", "exec"), namespace)
    refuse()
    try:
        exec(compile(source, "<cell>", "exec"), namespace)
    except BaseException as error:
        raise Refused(f"the cell stops with {_said(error)}. {_advice(error)}") from None
    function = namespace.get(name)
    if not callable(function):
        raise Refused(f"the cell defines no function of this name. Keep the line 'def {name}(...)'")
    return function


def _look_at(source: str, name: str) -> None:
    """Refuse a cell that cannot be read, or whose function is still as released, before anything is imported."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused(f"the cell is not Python ({_said(error)}). Notebook commands (%, !) do not run here") from None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name and isinstance(node.body[-1], ast.Raise):
            statements = [part for part in node.body if not isinstance(part, ast.Expr)]
            if len(statements) == 1 and "NotImplementedError" in ast.dump(node.body[-1]):
                raise Refused("not written yet. Replace 'raise NotImplementedError()' with your solution and save")


def answer(function: Callable, arguments: list, gradient_of: int | None) -> dict:
    """Return what one call gives, or with what error it stops: the fields of an `autograder.student_code.Answer`."""
    try:
        values = [_decode(argument) for argument in arguments]
        watched = None if gradient_of is None else values[gradient_of].requires_grad_()
        if watched is not None:
            values[gradient_of] = watched.clone()  # as logits are in training: no leaf, so working in place is allowed
        result = function(*values)
        given = _encode(result)
        if watched is not None and given["kind"] == "tensor" and result.requires_grad:
            result.backward(_weights_of(result))
            given["gradient"] = None if watched.grad is None else watched.grad.double().flatten().tolist()
        return given
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the next call gets its chance
        return {"kind": "error", "value": f"stops with {_said(error)}. {_advice(error)}"}


def _weights_of(result):
    """Return what the gradient of a result that is no scalar is weighted with: 1 to 2 in equal steps, so that no two
    numbers of the result may be exchanged."""
    import torch

    return torch.linspace(1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)


def _decode(argument: object) -> object:
    if isinstance(argument, dict) and "tensor" in argument:
        import torch

        return torch.tensor(argument["tensor"], dtype=getattr(torch, argument["dtype"]))
    return argument


def _encode(result: object) -> dict:
    name = type(result).__name__[:80]
    if isinstance(result, str):
        return {"kind": "value", "type_name": "str", "value": _text(str.__str__(result))}
    if type(result) is int and abs(result) >= LARGEST_INTEGER:
        return {"kind": "object", "type_name": f"int of {result.bit_length()} bits"}
    if result is None or type(result) in (bool, int, float):
        return {"kind": "value", "type_name": name, "value": result}
    if type(result) in (Fraction, Decimal):
        return {"kind": "value", "type_name": name, "value": float(result)}
    if "torch" in sys.modules and isinstance(result, sys.modules["torch"].Tensor):
        return _encode_tensor(result)
    return {"kind": "object", "type_name": name, "values": _numbers(result)}


def _numbers(result) -> list[float]:
    """Return the numbers of a flat list, tuple or NumPy array, or of one NumPy number; none for anything else."""
    values = result.tolist() if type(result).__module__ == "numpy" else result
    if type(result).__module__ == "numpy" and isinstance(values, (int, float)):
        values = [values]
    if not isinstance(values, (list, tuple)):
        return []
    try:
        numbers = [float(value) for value in itertools.islice(values, LARGEST_TENSOR + 1)]  # its len() may be made up
    except (TypeError, ValueError, OverflowError):
        return []
    return numbers if len(numbers) <= LARGEST_TENSOR else []


def _encode_tensor(result) -> dict:
    if result.numel() > LARGEST_TENSOR:
        return {"kind": "object", "type_name": f"Tensor with {result.numel()} numbers"}
    values = result.detach().double().flatten().tolist()
    return {"kind": "tensor", "type_name": "Tensor", "values": values, "shape": list(result.shape)}


def _said(error: BaseException) -> str:
    """Return the error as one line, with the line of the cell that raised it."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<cell>" else line
        trace = trace.tb_next
    where = f", line {line} of the cell" if line else ""
    return _text(" ".join(f"{type(error).__name__}: {error}".split())) + where


def _text(text: str) -> str:
    """Return the beginning of `text`, with what UTF-8 cannot hold replaced: half a pair would spoil all answers."""
    return text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def _advice(error: BaseException) -> str:
    if isinstance(error, NotImplementedError):
        return "Write the missing part and save"
    if isinstance(error, NameError):
        return "The cell is run on its own: define or import what it needs inside it"
    return "Run it in the notebook on a small example"


if __name__ == "__main__":
    main()
