"""The reading list names files that exist: those of the package are looked for in it."""

from importlib.util import find_spec
from pathlib import Path

from shared.course import load_course
from shared.ecosystem.reading import EXAMPLES


def test_the_packages_scripts_are_there():
    package = Path(find_spec("trl").origin).parent
    named = [example.path for example in EXAMPLES if example.path.startswith("trl/")]
    assert len(named) >= 7
    assert all((package.parent / path).is_file() for path in named)


def test_every_example_continues_a_rung():
    rungs = {rung.id for rung in load_course().rungs}
    assert {example.rung for example in EXAMPLES} <= rungs
    assert len({example.path for example in EXAMPLES}) == len(EXAMPLES)
