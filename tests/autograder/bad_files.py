"""Faults of files: what a submission may hold in place of what it should. Each is a change of the file at a path."""

import json
import os
import pickle
import shutil


class Evil:
    """Leaves a mark when unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def put(data: bytes):
    return lambda path: path.write_bytes(data)


def instead(make):
    """Return a change that removes the file and makes something else in its place."""

    def change(path):
        path.unlink()
        make(path)

    return change


def as_link(path):
    """Move the file out of the submission and put a link to it in its place."""
    outside = next(folder for folder in path.parents if folder.name.startswith("rung-")).parent
    path.symlink_to(shutil.move(path, outside / f"outside-{path.name}"))


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def oversized(path):
    with path.open("r+b") as file:
        file.truncate(60_000_000)


FILE_FAULTS = {
    "missing": (lambda path: path.unlink(), "no such"),
    "empty": (put(b""), "the file is empty"),
    "truncated": (truncated, ""),
    "oversized": (oversized, "bytes, expected at most"),
    "not JSON": (put(b"hello\n"), "not "),
    "binary": (put(bytes(range(256))), ""),
    "a pickle": (put(pickle.dumps(Evil())), ""),
    "nested too deeply": (put(b"[" * 90_000), ""),
    "a link out of the folder": (as_link, "expected a real file or folder, found a link. Copy the file here"),
    "a dangling link": (instead(lambda path: path.symlink_to("nowhere")), "found a link"),
    "a link to a device": (instead(lambda path: path.symlink_to("/dev/zero")), "found a link"),
    "a FIFO": (instead(os.mkfifo), "expected an ordinary file, found something else"),
    "a folder": (instead(lambda path: path.mkdir()), "expected an ordinary file, found something else"),
}


def header(change=None, length: int | None = None, raw: bytes | None = None):
    """Return a change of a safetensors file: its header changed, or its length stated otherwise."""

    def apply(path):
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        entries, text = json.loads(data[8 : 8 + size]), data[8 : 8 + size]
        if change is not None:
            change(entries)
            text = json.dumps(entries).encode()
        text = raw if raw is not None else text
        path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data[8 + size :])

    return apply


NORM = "model.norm.weight"


def twice(path):
    """Let the header name one tensor twice, with other bytes each time."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    text = data[8 : 8 + size].rstrip()[:-1] + f', "{NORM}": {entry}}}'.encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
