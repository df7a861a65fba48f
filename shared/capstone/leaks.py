"""What must not leave this machine: paths, and the private name of a base."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.capstone import CapstoneError
from shared.capstone.source import Source
from shared.course import ROOT

# A place in a file system where people keep their things, on Linux, macOS and Windows; a URL's path is none.
PERSONAL_PATH = re.compile(
    rb"(?<![\w.:/-])/(?:home|root|Users|mnt|media|data|scratch|srv|tmp|var|opt|work|workspace|content|kaggle)/[\w./-]+"
    rb"|\b[A-Za-z]:\\{1,2}Users\\"
)
VOCABULARIES = ("tokenizer.json", "vocab.json", "merges.txt")  # every name in the world may be a token


def refuse_leaks(folder: Path, source: Source) -> None:
    """Raise CapstoneError, one line, when a file below `folder` names this machine's places or a private name."""
    places = {ROOT, Path.home(), Path(tempfile.gettempdir()), source.stage, source.stage.parents[2], folder}
    texts = [
        str(place.absolute()).encode() for place in places if len(place.absolute().parts) > 2
    ]  # /tmp is a word of many texts
    name = source.private_name
    word = (
        re.compile(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)") if name and name not in source.base.id else None
    )
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for found in _leaks(path, texts, word):
            shown = found.decode("utf-8", "replace")
            raise CapstoneError(
                f"{path.relative_to(folder)}: names {shown!r}, which belongs to this machine. Take it out of the run's "
                "files and make the capstone again"
            )


def _leaks(path: Path, texts: list[bytes], word: re.Pattern | None) -> Iterator[bytes]:
    content = _readable(path)
    yield from (text for text in texts if text in content)
    if path.name not in VOCABULARIES:
        yield from (found[0] for pattern in (PERSONAL_PATH, word) if pattern for found in pattern.finditer(content))


def _readable(path: Path) -> bytes:
    """Return a file's bytes; of weights the header alone, where names and notes stand."""
    with path.open("rb") as file:
        if path.suffix != ".safetensors":
            return file.read()
        return file.read(int.from_bytes(file.read(8), "little"))
