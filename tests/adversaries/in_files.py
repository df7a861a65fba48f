"""Attacks by the files of a submission: what lies there, what it is called, and what it would do when opened."""

import io
import json
import os
import pickle
import socket
import stat
import tarfile
import zipfile

import numpy as np

from tests.adversaries.attack import NOTHING, ONE_FUNCTION, TRAINED, TRAINED_MODEL, Work, attack

MODEL = "artifacts/model"
WEIGHTS, RUN, CURVE = f"{MODEL}/model.safetensors", f"{MODEL}/run.json", f"{MODEL}/loss_curve.json"
GIB = 2**30
BRACKETS = 90_000


class Mark:
    """Makes a folder when unpickled."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.path,)


def pickled(work: Work) -> bytes:
    """Return a pickle that leaves a folder outside the course."""
    return pickle.dumps(Mark(str(work.target.outside / "unpickled")))


@attack()
def modules_beside_it(work: Work) -> None:
    """Leaves modules and configuration of its own where a careless grader would load them."""
    names = ("autograder", "json", "torch", "numpy", "nbgrader_config", "jupyter_config", "sitecustomize", "conftest")
    for name in names:
        (work.folder / f"{name}.py").write_text(work.mark("raise SystemExit(0)"))


@attack()
def linked_files(work: Work) -> None:
    """Links to the gradebook and to what a classmate has trained."""
    (work.folder / "artifacts").symlink_to(work.classmate("honest") / "artifacts")
    (work.folder / "gradebook.json").symlink_to(work.target.course / "gradebook.db")
    (work.folder / "deep").mkdir()
    (work.folder / "deep" / "[x]*.json").symlink_to("../../../../gradebook.db")


@attack(NOTHING, waits=())
def linked_notebook(work: Work) -> None:
    """Submits a classmate's notebook by a link."""
    work.path.symlink_to(work.classmate("honest") / work.path.name)
    work.notebook = None


@attack(ONE_FUNCTION, start=TRAINED)
def linked_weights(work: Work) -> None:
    """Links to the weights, out of the submission."""
    (work.folder / WEIGHTS).rename(work.target.course.parent / "elsewhere.safetensors")
    (work.folder / WEIGHTS).symlink_to(work.target.course.parent / "elsewhere.safetensors")


@attack()
def hard_linked_gradebook(work: Work) -> None:
    """Hard-links the gradebook into the submission, for a grader that writes there."""
    (work.folder / "artifacts").mkdir()
    os.link(work.target.course / "gradebook.db", work.folder / "artifacts" / "eval.json")
    os.link(work.target.course / "gradebook.db", work.folder / "gradebook.db")


@attack()
def device_files(work: Work) -> None:
    """Puts a device, a pipe and a socket where files are read, to hang the reader."""
    (work.folder / MODEL).mkdir(parents=True)
    os.mkfifo(work.folder / RUN)
    with socket.socket(socket.AF_UNIX) as one:
        here = os.open(work.folder, os.O_RDONLY)  # a socket's path may have 107 bytes
        one.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    try:
        os.mknod(work.folder / CURVE, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:  # only root may
        os.mkfifo(work.folder / CURVE)


@attack(NOTHING, waits=())
def pipe_for_notebook(work: Work) -> None:
    """Puts a pipe in the notebook's place, at whose other end nobody writes."""
    os.mkfifo(work.path)
    work.notebook = None


@attack()
def zip_bomb(work: Work) -> None:
    """Brings a zip of 200 KB that unpacks to 200 MB, and names that lead out of the folder."""
    with zipfile.ZipFile(work.folder / "artifacts.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("artifacts/eval.json", bytes(200 * 2**20))
        file.writestr("../../../../outside/zipped", "x")


@attack()
def tar_bomb(work: Work) -> None:
    """Brings a tar whose members carry absolute names and names with `..`."""
    with tarfile.open(work.folder / "artifacts.tar.gz", "w:gz") as file:
        for name in ("../../../../outside/tarred", str(work.target.outside / "tarred")):
            member = tarfile.TarInfo(name)
            member.size = 1
            file.addfile(member, io.BytesIO(b"x"))


@attack(ONE_FUNCTION, start=TRAINED)
def header_of_5_gb(work: Work) -> None:
    """States a safetensors header of five gigabytes."""
    data = (work.folder / WEIGHTS).read_bytes()
    (work.folder / WEIGHTS).write_bytes((5 * GIB).to_bytes(8, "little") + data[8:])


@attack(ONE_FUNCTION, start=TRAINED)
def weights_of_5_gb(work: Work) -> None:
    """Submits five gigabytes of holes as weights, to fill the disk with the grader's copy."""
    os.truncate(work.folder / WEIGHTS, 5 * GIB)


@attack(ONE_FUNCTION, start=TRAINED)
def pickled_weights(work: Work) -> None:
    """Submits weights whose loading runs a command."""
    (work.folder / WEIGHTS).unlink()
    for name in ("pytorch_model.bin", "model.pt", "model.pkl"):
        (work.folder / MODEL / name).write_bytes(pickled(work))


@attack((0, 3, 10), start=TRAINED)
def pickle_for_claims(work: Work) -> None:
    """Submits a pickle and NumPy object arrays under the names of JSON files."""
    (work.folder / "artifacts" / "eval.json").write_bytes(pickled(work))
    objects = np.array([Mark(str(work.target.outside / "unpickled"))], dtype=object)
    with (work.folder / CURVE).open("wb") as file:
        np.save(file, objects, allow_pickle=True)


@attack((0, 3, 12), start=TRAINED)
def brackets_in_json(work: Work) -> None:
    """Nests brackets ninety thousand deep in eval.json."""
    (work.folder / "artifacts" / "eval.json").write_text("[" * BRACKETS + "]" * BRACKETS)


@attack()
def folders_too_deep(work: Work) -> None:
    """Nests folders, a file in each, until their path is longer than the system allows."""
    here = os.open(work.folder, os.O_RDONLY)
    for _ in range(30):
        os.close(os.open("f" * 250, os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


@attack()
def names_that_command(work: Work) -> None:
    """Gives files names that a shell, a glob or a web page would act on."""
    for name in (
        "-rf",
        "$(touch executed)",
        "`touch executed`",
        "a\nb",
        "[x]*",
        "..%2f..%2fgradebook.db",
        "<img src=x>",
    ):
        (work.folder / name).write_text("x")


@attack(ONE_FUNCTION, start=TRAINED)
def names_with_dots(work: Work) -> None:
    """Names its weights by a path with `..` into a classmate's folder, as a sharded model may name files."""
    (work.folder / WEIGHTS).unlink()
    elsewhere = os.path.relpath(work.classmate("honest") / WEIGHTS, work.folder / MODEL)
    (work.folder / f"{MODEL}/model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"model.norm.weight": elsewhere}})
    )
    work.edit(RUN, lambda run: run.update(stage="../../../honest/rung-02-sft/artifacts/model"))


@attack(NOTHING, waits=())
def look_alike_notebook(work: Work) -> None:
    """Names the notebook with a Cyrillic letter, beside a folder of the right name."""
    work.save().rename(work.folder / work.path.name.replace("s", "ѕ"))


@attack((0, 3, 11), start=TRAINED)
def look_alike_file(work: Work) -> None:
    """Names the loss curve with a Cyrillic letter."""
    (work.folder / CURVE).rename(work.folder / CURVE.replace("loss", "lоss"))


REMOTE = {
    "auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config", "AutoTokenizer": "evil.Tokens"}
}


@attack(TRAINED_MODEL, start=TRAINED)
def remote_code(work: Work) -> None:
    """Lets configuration and tokenizer name Python of its own, for a loader that trusts remote code."""
    (work.folder / MODEL / "evil.py").write_text(work.mark())
    work.edit(f"{MODEL}/config.json", lambda config: config.update(REMOTE, trust_remote_code=True))
    work.edit(f"{MODEL}/tokenizer_config.json", lambda config: config.update(REMOTE, tokenizer_class="Tokens"))


@attack(TRAINED_MODEL, start=TRAINED)
def chat_template(work: Work) -> None:
    """Brings a chat template that reaches for the operating system when it is rendered."""
    attack = "{{ cycler.__init__.__globals__.os.system('touch " + str(work.target.outside / "executed") + "') }}"
    (work.folder / MODEL / "chat_template.jinja").write_text(attack)
    work.edit(f"{MODEL}/tokenizer_config.json", lambda config: config.update(chat_template=attack))


@attack(TRAINED_MODEL, start=TRAINED)
def tokenizer_that_knows(work: Work) -> None:
    """Brings a tokenizer of its own, whose every token reads as something else."""
    work.edit(f"{MODEL}/tokenizer.json", lambda content: content.update(normalizer={"type": "Lowercase"}))
