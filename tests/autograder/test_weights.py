"""Weights are read as they were stored, in 32 and in 16 bits; nothing else is."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from autograder.weights import rounded_to, tensors
from shared.artifacts import read_weights_header
from shared.safe_files import ArtifactError

VALUES = np.array([[0.0, -0.0, 1.0], [-2.5, 3.14159, 1e-3]], dtype=np.float32)


def read(path) -> dict[str, np.ndarray]:
    return dict(tensors(path, read_weights_header(path, 10**6)))


def save_raw(path, entries: dict, data: bytes):
    """Write a safetensors file by hand: header length, header, data."""
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """Return values stored as bfloat16 by PyTorch, as bits."""
    import torch

    return torch.tensor(values).to(torch.bfloat16).view(torch.int16).numpy().astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_floats_come_back_as_stored(tmp_path, dtype):
    save_file({"b": VALUES.astype(dtype), "a": VALUES[0].astype(dtype)}, tmp_path / "w.safetensors")
    found = read(tmp_path / "w.safetensors")
    assert set(found) == {"a", "b"} and found["b"].dtype == np.float32
    np.testing.assert_array_equal(found["b"], VALUES.astype(dtype).astype(np.float32))
    np.testing.assert_array_equal(found["a"], found["b"][0])


def test_bfloat16_is_the_upper_half_of_a_float(tmp_path):
    bits = (VALUES.view(np.uint32) >> 16).astype("<u2")
    entry = {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}
    found = read(save_raw(tmp_path / "w.safetensors", {"w": entry}, bits.tobytes()))["w"]
    np.testing.assert_array_equal(found, (bits.astype(np.uint32) << 16).view(np.float32))
    np.testing.assert_allclose(found, VALUES, rtol=2**-7)


def test_another_type_is_one_line(tmp_path):
    save_file({"w": np.arange(3)}, tmp_path / "w.safetensors")
    with pytest.raises(ArtifactError, match="w is stored as I64, expected F32, BF16 or F16"):
        read(tmp_path / "w.safetensors")


def test_rounding_to_32_bits_changes_nothing_and_to_16_as_numpy_does():
    values = np.random.default_rng(0).normal(0, 0.1, 1_000).astype(np.float32)
    assert rounded_to(values, "F32") is values
    np.testing.assert_array_equal(rounded_to(values, "F16"), values.astype(np.float16).astype(np.float32))


def test_rounding_to_bfloat16_by_hand():
    """1 + 2^-8 lies half-way between 1 and 1 + 2^-7 and goes to the even one, 1; 1 + 3 * 2^-8 goes up, to 1 + 2^-6."""
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 2**-8], dtype=np.float32)
    np.testing.assert_array_equal(rounded_to(values, "BF16"), np.float32([1, 1 + 2**-6, 1 + 2**-7, -1]))


def test_rounding_to_bfloat16_is_pytorchs():
    values = np.random.default_rng(0).normal(0, 0.1, 10_000).astype(np.float32)
    bits = rounded_to(values, "BF16").view(np.uint32) >> 16
    np.testing.assert_array_equal(bits.astype(np.uint16), bfloat16_bits(values))
