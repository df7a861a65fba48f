"""The pictures of the instructor's page: small enough to be looked at over a slow line, and there."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from shared.course import ROOT

SPEC = importlib.util.spec_from_file_location("screenshots", ROOT / "scripts" / "screenshots.py")
screenshots = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(screenshots)


def noise(path, size: int, colours: int):
    """Write a picture that no compression makes small."""
    values = np.random.default_rng(0).integers(0, colours, (size, size, 3)) * (255 // (colours - 1))
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_the_pictures_are_there_and_small(name):
    path = ROOT / "docs" / f"{name}.png"
    assert 10_000 < path.stat().st_size <= screenshots.LARGEST_BYTES
    assert Image.open(path).size == (1280, 900)


def test_a_picture_has_as_many_colours_as_fit(tmp_path):
    size = screenshots.save_small(noise(tmp_path / "a.png", 360, 256), tmp_path / "b.png")
    saved = Image.open(tmp_path / "b.png")
    assert size == (tmp_path / "b.png").stat().st_size <= screenshots.LARGEST_BYTES
    assert 32 <= len(saved.getcolors()) <= 256


def test_a_picture_that_cannot_be_made_small_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="expected at most 150000"):
        screenshots.save_small(noise(tmp_path / "a.png", 900, 256), tmp_path / "b.png")
