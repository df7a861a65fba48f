"""The README's table is the one that course.yml gives."""

import pytest

from shared.course import load_course
from shared.readme import README, with_rung_table


def test_the_readme_is_up_to_date():
    text = README.read_text()
    assert with_rung_table(text, load_course()) == text, "run make readme"


def test_missing_markers_are_one_clear_line():
    with pytest.raises(ValueError, match="expected the markers"):
        with_rung_table("# A readme", load_course())
