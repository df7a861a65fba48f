"""Same thing, same fingerprint; another thing, another one. And headers of files that claim to be weights."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared.fingerprints import (
    ArtifactError,
    TensorInfo,
    fingerprint_model,
    fingerprint_rows,
    read_weights_header,
)

ROWS = [
    {"prompt": "a", "completion": "ü"},
    {"prompt": "b", "completion": "d", "ticket": {"count": 2, "item": "x"}},
]


def test_rows_do_not_depend_on_key_order_but_on_everything_else():
    swapped = [dict(reversed(row.items())) for row in ROWS]
    assert fingerprint_rows(swapped) == fingerprint_rows(iter(ROWS)) == fingerprint_rows(ROWS)
    others = [
        ROWS[:1],
        ROWS[::-1],
        [],
        [ROWS[0], ROWS[1] | {"completion": "e"}],
        [ROWS[0] | {"more": None}, ROWS[1]],
    ]
    assert len({fingerprint_rows(rows) for rows in [ROWS, *others]}) == 6


def make_model(folder, tensors, **config):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 8} | config))
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture
def tensors():
    """Return weights of 3 MiB, so that head and tail do not cover the middle."""
    return {"a": np.arange(3 * 2**18, dtype=np.float32), "b": np.ones(3, np.float32)}


def test_a_copy_of_a_model_agrees_whatever_saved_it(tmp_path, tensors):
    one = make_model(tmp_path / "one", tensors, transformers_version="5.0", use_cache=True)
    two = make_model(tmp_path / "two", tensors, transformers_version="5.23.0")
    assert fingerprint_model(one) == fingerprint_model(two)


def test_a_hub_snapshot_made_of_links_agrees(tmp_path, tensors):
    one = make_model(tmp_path / "one", tensors)
    shutil.copytree(one, tmp_path / "blobs")
    (tmp_path / "snapshot").mkdir()
    for path in (tmp_path / "blobs").iterdir():
        (tmp_path / "snapshot" / path.name).symlink_to(path)
    assert fingerprint_model(tmp_path / "snapshot") == fingerprint_model(one)


@pytest.mark.parametrize("place", [0, -1])
def test_changed_weights_or_architecture_differ(tmp_path, tensors, place):
    one = fingerprint_model(make_model(tmp_path / "one", tensors))
    tensors["a"][place] += 1
    assert fingerprint_model(make_model(tmp_path / "two", tensors)) != one
    tensors["a"][place] -= 1
    assert fingerprint_model(make_model(tmp_path / "three", tensors, hidden_size=16)) != one
    renamed = {"c": tensors["a"], "b": tensors["b"]}
    assert fingerprint_model(make_model(tmp_path / "four", renamed)) != one


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ArtifactError, match=r"expected a model: config.json and \*.safetensors"):
        fingerprint_model(tmp_path)


def test_truncated_weights_have_no_fingerprint(tmp_path):
    folder = make_model(tmp_path / "one", {"b": np.ones(3, np.float32)})
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:20])
    with pytest.raises(ArtifactError, match="not a complete safetensors file"):
        fingerprint_model(folder)


def test_a_header_gives_names_types_and_shapes(tmp_path):
    path = tmp_path / "adapter_model.safetensors"
    save_file({"lora_A": np.ones((2, 3), np.float32), "lora_B": np.ones((3, 2), np.float16)}, path)
    assert read_weights_header(path, 10_000) == {
        "lora_A": TensorInfo("F32", (2, 3)),
        "lora_B": TensorInfo("F16", (3, 2)),
    }


@pytest.mark.parametrize("name", ["adapter_model.bin", "model.pt", "x.PTH", "w.ckpt", "w.pkl"])
def test_pickle_is_refused_unread(tmp_path, name):
    """The file does not even exist: the refusal must come before any look at it."""
    with pytest.raises(ArtifactError, match="pickled weights are never opened"):
        read_weights_header(tmp_path / name, 10_000)


def test_what_is_not_safetensors(tmp_path):
    good = tmp_path / "good.safetensors"
    save_file({"b": np.ones(300, np.float32)}, good)
    data = good.read_bytes()
    path = tmp_path / "model.safetensors"
    for content in (
        b"\x80\x04pickle in disguise",
        data[:-1],
        data[:100],
        data + b"tail",
        b"\xff" * 8 + data[8:],
    ):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"model.safetensors: not a safetensors file \(.+\)\. Save"):
            read_weights_header(path, 10_000)


def test_links_and_sizes_are_checked_first(tmp_path):
    good = tmp_path / "good.safetensors"
    save_file({"b": np.ones(300, np.float32)}, good)
    (tmp_path / "link.safetensors").symlink_to(good)
    with pytest.raises(ArtifactError, match="found a link"):
        read_weights_header(tmp_path / "link.safetensors", 10_000)
    with pytest.raises(ArtifactError, match="expected at most 1,000"):
        read_weights_header(good, 1000)
