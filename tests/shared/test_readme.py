"""The README's tables are those that course.yml and the measurements give."""

import pytest

from shared.course import load_course
from shared.readme import README, with_tables


def test_the_readme_is_up_to_date():
    text = README.read_text()
    assert with_tables(text, load_course()) == text, "run make readme"


def test_missing_markers_are_one_clear_line():
    with pytest.raises(ValueError, match="expected the markers"):
        with_tables("# A readme", load_course())
