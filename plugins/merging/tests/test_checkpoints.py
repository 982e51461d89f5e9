"""Safetensors, shards, pools from folders: what is read is what was written, and what is wrong is named."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from bench_merging.checkpoints import Checkpoint, SafeTensors, write
from bench_merging.clip import CLIPVision
from bench_merging.folder import read_folder
from bench_merging.state import WeightsError

CONFIG = {
    "projection_dim": 6,
    "vision_config": {
        "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 4,
        "image_size": 8,
    },
}  # fmt: skip


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


def test_the_tower_is_torch_s_own_encoder():
    """With plain gelu in place of quick_gelu, a block is torch's pre-norm encoder layer with the same weights."""
    torch.manual_seed(0)
    block = CLIPVision(CONFIG).vision_model.encoder["layers"][0]
    block.mlp.forward = lambda x: block.mlp.fc2(torch.nn.functional.gelu(block.mlp.fc1(x)))
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    attention = block.self_attn
    with torch.no_grad():
        for part in ("weight", "bias"):
            stacked = [getattr(getattr(attention, f"{p}_proj"), part) for p in "qkv"]
            getattr(layer.self_attn, f"in_proj_{part}").copy_(torch.cat(stacked))
            getattr(layer.self_attn.out_proj, part).copy_(getattr(attention.out_proj, part))
            getattr(layer.linear1, part).copy_(getattr(block.mlp.fc1, part))
            getattr(layer.linear2, part).copy_(getattr(block.mlp.fc2, part))
        x = torch.randn(3, 5, 8)
        torch.testing.assert_close(block(x), layer(x), rtol=1e-4, atol=1e-5)
        assert CLIPVision(CONFIG)(torch.randn(2, 3, 8, 8)).shape == (2, 6)


@pytest.fixture
def folder(tmp_path):
    """A pool of two small towers, and the function that writes its description anew."""
    torch.manual_seed(1)
    base = CLIPVision(CONFIG).state_dict()
    others = {"logit_scale": torch.tensor(4.6), "text_model.x": torch.ones(2)}
    ids = {"vision_model.embeddings.position_ids": torch.arange(5)}
    entries = []
    for name in ("base", "one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(CONFIG))
        moved = {n: t + (name != "base") * 0.05 * torch.randn_like(t) for n, t in base.items()}
        write(tmp_path / name / "model.safetensors", {n: t.half() for n, t in moved.items()} | others | ids)
        entries.append({"path": name, "sha256": Checkpoint(tmp_path / name).sha256()})
        for split in ("train", "val", "test"):
            np.save(tmp_path / name / f"{split}_inputs.npy", np.random.default_rng(0).normal(size=(12, 3, 8, 8)))
            np.save(tmp_path / name / f"{split}_targets.npy", np.arange(12) % 3)
        np.save(tmp_path / name / "head.npy", np.random.default_rng(1).normal(size=(3, 6)))
    experts = [
        entry | {"task": e["path"], "data": e["path"], "head": f"{e['path']}/head.npy"}
        for e in entries[1:]
        for entry in [e]
    ]

    def describe(**changes):
        text = yaml.safe_dump({"kind": "clip-vision", "base": entries[0], "experts": experts} | changes)
        (tmp_path / "pool.yaml").write_text(text)
        return tmp_path / "pool.yaml"

    return describe


def test_a_folder_is_read_without_what_is_no_weight_of_the_tower(folder):
    pool = read_folder(folder())
    assert len(pool.experts) == 2
    assert set(pool.base) == set(CLIPVision(CONFIG).state_dict())
    assert pool.base["visual_projection.weight"].dtype == torch.float16
    assert pool.splits["test"][0][0].shape == (12, 3, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "vit"}, "'kind' has to be one of clip-vision, not 'vit'"),
        ({"base": {"path": "one", "sha256": "0"}}, "one: is another checkpoint than pool.yaml says"),
        ({"base": {"path": "nowhere", "sha256": "0"}}, "nowhere/config.json"),
        ({"experts": [{"path": "one"}]}, "is no description of a pool: KeyError"),
        ({"experts": 3}, "is no description of a pool"),
    ],
)
def test_a_wrong_description_is_named(folder, changes, message):
    with pytest.raises(WeightsError, match=message):
        read_folder(folder(**changes))


def test_a_swapped_checkpoint_is_named(folder, tmp_path):
    path = folder()
    (tmp_path / "one" / "model.safetensors").write_bytes((tmp_path / "two" / "model.safetensors").read_bytes())
    with pytest.raises(WeightsError, match=r"one: is another checkpoint than pool\.yaml says"):
        read_folder(path)


def test_folders_are_merged_through_the_command_line(folder, bench, tmp_path):
    path = folder()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    suite = """\
pack: 10
tasks:
  - {task: merge-data-free-folder, params: {path: pool.yaml, sha256: DIGEST}}
  - {task: merge-unlabelled-train-folder, params: {path: pool.yaml, sha256: DIGEST}}
methods: [average, slerp, ties, tsv-m, regmean, experts]
"""
    bench.write("s.yaml", suite.replace("DIGEST", digest))
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "s")
    assert table["run"].nunique() == 6
    assert set(table["status"]) == {"done"}
    path.write_text(path.read_text() + "\n")
    done = bench("run", "s.yaml")
    assert done.returncode == 0, "runs that are done are not done again"
    bench.write("t.yaml", suite.replace("DIGEST", "f" * 64))
    done = bench("run", "t.yaml")
    assert done.returncode == 1
    assert "its sha256 is" in pd.read_parquet(tmp_path / "results" / "t")["reason"].iloc[0]
