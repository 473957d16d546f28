"""Tensors are written whole or not at all, and nothing but safetensors is read."""

import pickle

import pytest
import torch

from musiclm.checkpoint import atomic_path, fingerprint, load_tensors, load_weights, save_tensors
from musiclm.errors import UserError


def test_there_and_back(tmp_path):
    tensors = {"a": torch.randn(3, 2), "b": torch.arange(4)}
    save_tensors(tmp_path / "x.safetensors", tensors, {"noun": "codec"})
    back, metadata = load_tensors(tmp_path / "x.safetensors")
    assert metadata == {"noun": "codec"}
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_damaged_pickled_and_missing_files_are_named(tmp_path):
    save_tensors(tmp_path / "whole.safetensors", {"a": torch.randn(100)})
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:200])
    (tmp_path / "pickled.safetensors").write_bytes(pickle.dumps({"a": 1}))
    for name in ("cut.safetensors", "pickled.safetensors", "missing.safetensors"):
        with pytest.raises(UserError, match=name):
            load_tensors(tmp_path / name)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(UserError, match="there does not fit"):
        load_weights(torch.nn.Linear(2, 2), {"weight": torch.zeros(3, 3)}, "there")


def test_fingerprint_sees_values_names_and_shapes_but_not_precision():
    weight = torch.randn(4, 4).half()
    assert fingerprint({"a": weight}) == fingerprint({"a": weight.float()})
    others = ({"b": weight}, {"a": weight.T}, {"a": weight.reshape(2, 8)}, {"a": weight + 1})
    assert len({fingerprint(other) for other in ({"a": weight}, *others)}) == 5
