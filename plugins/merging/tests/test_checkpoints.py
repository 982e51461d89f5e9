"""Safetensors and shards: what is read is what was written, and what is wrong is named."""

import hashlib
import json

import pytest
import torch

from bench_merging.checkpoints import Checkpoint, SafeTensors, write
from bench_merging.state import WeightsError


@pytest.fixture
def model():
    return {
        "a": torch.randn(3, 4),
        "half": torch.randn(5).to(torch.bfloat16),
        "ids": torch.arange(6),
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 2),
    }


def same(a, b):
    assert set(a) == set(b)
    assert all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in b)


def test_what_is_written_is_read(tmp_path, model):
    write(tmp_path / "model.safetensors", model)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        checkpoint = Checkpoint(path)
        same(checkpoint, model)
        assert checkpoint.sha256() == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()


def test_writing_to_a_tensor_changes_no_file(tmp_path, model):
    write(tmp_path / "m.safetensors", model)
    Checkpoint(tmp_path / "m.safetensors")["a"].zero_()
    same(Checkpoint(tmp_path / "m.safetensors"), model)


def shards(folder, model, index=None):
    folder.mkdir()
    places = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(model)}
    for shard in set(places.values()):
        write(folder / shard, {name: model[name] for name in model if places[name] == shard})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places | (index or {})}))


def test_shards_are_one_model_and_their_order_does_not_matter(tmp_path, model):
    shards(tmp_path / "s", model)
    same(Checkpoint(tmp_path / "s"), model)
    digests = [hashlib.sha256((tmp_path / "s" / f"model-{i}.safetensors").read_bytes()).hexdigest() for i in (0, 1)]
    assert Checkpoint(tmp_path / "s").sha256() == hashlib.sha256("\n".join(digests).encode()).hexdigest()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"extra": "model-0.safetensors"}, "model-0.safetensors: lacks the tensor 'extra'"),
        ({"extra": "../m.safetensors"}, "'extra' is not in a file of its folder"),
        ({"extra": "gone.safetensors"}, "gone.safetensors: cannot be read"),
    ],
)
def test_a_wrong_index_is_named(tmp_path, model, index, message):
    shards(tmp_path / "s", model, index)
    with pytest.raises(WeightsError, match=message):
        Checkpoint(tmp_path / "s")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-3], "is cut off: '"),
        (lambda data: data[:20], "cut off in its header"),
        (lambda data: b"", "cannot be read"),
        (lambda data: b"\x80\x04pickled", "is no safetensors file"),
        (lambda data: data.replace(b'"F32"', b'"F99"'), "of the type F99"),
        (lambda data: data.replace(b"[3, 4]", b"[3, 5]"), "'a' takes 60 bytes"),
        (lambda data: data.replace(b'{"a"', b'{{"a'), "header that is no JSON"),
        (lambda data: data.replace(b'"shape"', b'"shapo"'), "is malformed"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, model, spoil, message):
    path = tmp_path / "m.safetensors"
    write(path, model)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WeightsError, match=message) as caught:
        SafeTensors(path)
    assert "m.safetensors" in str(caught.value)
