"""Pools of real checkpoints, on small ones made here: what is merged, what is frozen, and what is wrong is named."""

import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.checkpoints import Checkpoint, write
from bench_merging.folder import check_accuracies, read_folder
from bench_merging.kinds import KINDS
from bench_merging.methods.adamerging import adamerging
from bench_merging.methods.fisher import fisher
from bench_merging.methods.regmean import grams, regmean
from bench_merging.state import WeightsError
from bench_merging.tasks import check_result

SUITES = Path(__file__).parents[3] / "suites"
SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
T5 = {"vocab_size": 20, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
CONFIGS = {
    "clip-vision": {"projection_dim": 6, "vision_config": {**SIZES, "patch_size": 4, "image_size": 8}},
    "vit": {**SIZES, "patch_size": 4, "image_size": 8},
    "gpt2": {"vocab_size": 20, "n_positions": 12, "n_embd": 8, "n_layer": 1, "n_head": 2, "pad_token_id": 19},
    "t5": T5,
}
TOKENS = {"gpt2", "t5"}
CLASSES = 3
NAMES = ("base", "one", "two")


def stored(kind, state, head):
    """Return a state under the names of its file, with what else is in such files."""
    how = KINDS[kind]
    found = {how.prefix * head + name: t.T.contiguous() if name.endswith(how.transposed) else t for name, t in state}
    if kind == "clip-vision":
        found |= {"logit_scale": torch.tensor(math.log(50.0)), "text_model.x": torch.ones(2)}
        found["vision_model.embeddings.position_ids"] = torch.arange(5)
    if kind == "gpt2":
        found[f"{how.prefix * head}h.0.attn.bias"] = torch.ones(1, 1, 12, 12)  # its mask
    if how.classifier and head:
        found[f"{how.classifier}.weight"] = torch.randn(CLASSES, 8)
        if kind == "vit":
            found["classifier.bias"] = torch.randn(CLASSES)
    return found


class Folder:
    """A pool of a base and two experts of a kind in a folder; files can be spoilt, and are then described anew."""

    def __init__(self, path, kind):
        self.path, self.kind = path, kind
        torch.manual_seed(1)
        trunk = KINDS[kind].trunk(CONFIGS[kind], {})
        states = {n: list(trunk.state_dict().items()) for n in NAMES}
        for name in NAMES[1:]:
            states[name] = [(n, t + 0.1 * torch.randn_like(t)) for n, t in states[name]]
        for name in NAMES:
            (path / name).mkdir()
            (path / name / "config.json").write_text(json.dumps(CONFIGS[kind]))
            self.write(name, stored(kind, states[name], head=name != "base"))
            self._data(path / name, np.random.default_rng(0))

    def _data(self, folder, rng):
        for split in ("train", "val", "test"):
            if self.kind in TOKENS:
                inputs = rng.integers(1, 19, (12, 7))
            else:
                inputs = rng.normal(size=(12, 3, 8, 8)).astype(np.float32)
            np.save(folder / f"{split}_inputs.npy", inputs)
            np.save(folder / f"{split}_targets.npy", np.arange(12) % CLASSES)
        np.save(folder / "head.npy", rng.normal(size=(CLASSES, 6)))

    def read(self, name):
        return dict(Checkpoint(self.path / name))

    def write(self, name, state):
        write(self.path / name / "model.safetensors", {n: t.clone() for n, t in state.items()})

    def spoil(self, name, **tensors):
        """Replace tensors of a checkpoint; those that are None go."""
        state = self.read(name) | tensors
        self.write(name, {n: t for n, t in state.items() if t is not None})

    def entry(self, name):
        entry = {"path": name, "sha256": Checkpoint(self.path / name).sha256()}
        if name != "base":
            entry |= {"task": name, "data": name}
            if self.kind == "clip-vision":
                entry["head"] = f"{name}/head.npy"
            if self.kind == "t5":
                entry["labels"] = [4, 7, 11]
        return entry

    def describe(self, **changes):
        content = {"kind": self.kind, "base": self.entry("base"), "experts": [self.entry(n) for n in NAMES[1:]]}
        (self.path / "pool.yaml").write_text(yaml.safe_dump(content | changes))
        return self.path / "pool.yaml"


@pytest.fixture
def folder(tmp_path):
    return lambda kind="clip-vision": Folder(tmp_path, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_holds_the_weights_of_its_architecture_and_nothing_else(folder, kind):
    made = folder(kind)
    pool = read_folder(made.describe())
    trunk = KINDS[kind].trunk(CONFIGS[kind], {})
    assert set(pool.base) == set(dict(trunk.named_parameters()))
    trunk.load_state_dict(dict(pool.experts[0]))
    x, labels = pool.splits["test"][0]
    torch.testing.assert_close(pool.network.features(pool.experts[0], x), trunk.eval()(x))
    assert pool.network.logits(pool.base, x, 1).shape == (12, CLASSES)
    assert labels.tolist() == [0, 1, 2] * 4
    if kind == "gpt2":  # in the file it is (in, out)
        weight = made.read("one")["transformer.h.0.mlp.c_fc.weight"]
        assert torch.equal(pool.experts[0]["h.0.mlp.c_fc.weight"], weight.T)


def test_heads_are_those_of_the_checkpoints(folder):
    made = folder("vit")
    pool = read_folder(made.describe())
    state, (x, _) = made.read("two"), pool.splits["test"][1]
    expected = pool.network.features(pool.base, x) @ state["classifier.weight"].T + state["classifier.bias"]
    torch.testing.assert_close(pool.network.logits(pool.base, x, 1), expected)


def test_clip_classifies_by_its_own_scale(folder):
    pool = read_folder(folder().describe())
    logits = pool.network.logits(pool.base, pool.splits["test"][0][0], 0)
    cosines = (
        torch.nn.functional.normalize(pool.network.features(pool.base, pool.splits["test"][0][0]))
        @ (pool.network.heads[0])
    )
    torch.testing.assert_close(logits, 50 * cosines)


def test_halves_stay_halves(folder):
    made = folder()
    for name in NAMES:
        made.write(name, {n: t.half() if t.is_floating_point() else t for n, t in made.read(name).items()})
    assert read_folder(made.describe()).base["visual_projection.weight"].dtype == torch.float16


def test_what_no_expert_holds_or_changes_is_frozen_at_the_base_s(folder):
    made = folder()
    base, norm = made.read("base"), "vision_model.pre_layrnorm.weight"
    for name in NAMES[1:]:
        made.spoil(name, **{"visual_projection.weight": None, norm: base[norm]})
    pool = read_folder(made.describe())
    assert {norm, "visual_projection.weight"} & set(pool.base) == set()
    trunk = KINDS["clip-vision"].trunk(CONFIGS["clip-vision"], {})
    trunk.load_state_dict({n: base[n] for n in trunk.state_dict()})
    x = pool.splits["test"][0][0]
    torch.testing.assert_close(pool.network.features(pool.base, x), trunk(x))
    torch.testing.assert_close(pool.network.module(pool.base)(x), trunk(x))


def test_copies_of_tied_tensors_are_one(folder):
    made = folder("t5")
    for name in NAMES[1:]:  # stored by another name, and twice
        shared = made.read(name)["shared.weight"]
        made.spoil(name, **{"shared.weight": None, "encoder.embed_tokens.weight": shared, "lm_head.weight": shared})
    pool = read_folder(made.describe())
    assert sum(t.shape == (20, 8) for t in pool.base.values()) == 1
    assert torch.equal(pool.experts[0]["shared.weight"], made.read("one")["encoder.embed_tokens.weight"])
    made.spoil("two", **{"lm_head.weight": torch.ones(20, 8)})
    with pytest.raises(WeightsError, match=r"two: 'lm_head.weight' and .* are the same tensor, and differ"):
        read_folder(made.describe())


def test_tasks_without_an_expert_and_corrupted_inputs(folder):
    made = folder()
    for name in NAMES[1:]:
        np.save(made.path / name / "test-fog_inputs.npy", np.zeros((12, 3, 8, 8), np.uint8))
    pool = read_folder(made.describe(unseen=[{"task": "three", "head": "base/head.npy", "data": "base"}]))
    found = evaluation.unseen_accuracies(pool, [pool.base])
    x, labels = pool.unseen[0]
    logits = pool.network.classify(pool.network.features(pool.base, x), pool.unseen_heads[0])
    assert found == [float((logits.argmax(-1) == labels).double().mean())]
    assert evaluation.corrupted_accuracies(pool, lambda _: pool.base) == [1 / CLASSES], "all images are alike"


def test_accuracies_are_held_against_those_published(folder):
    made = folder()
    pool = read_folder(made.describe())
    own = [100 * evaluation.accuracy(pool, pool.experts[k], "test", k) for k in range(2)]
    entries = [made.entry(name) | {"accuracy": value} for name, value in zip(NAMES[1:], own, strict=True)]
    check_accuracies(made.describe(experts=entries), pool)
    entries[1]["accuracy"] = own[1] + 0.6 if own[1] < 99 else own[1] - 0.6
    with pytest.raises(WeightsError, match=r"the expert of 'two' gets .* on its test data, and its publisher"):
        check_accuracies(made.describe(experts=entries), pool)


@pytest.mark.parametrize("kind", sorted(TOKENS))
def test_padding_has_no_part_in_regressions(folder, kind):
    pool = read_folder(folder(kind).describe())
    x = pool.splits["train"][0][0]
    padded = torch.cat([x, torch.full((12, 4), {"gpt2": 19, "t5": 0}[kind])], dim=1)
    plain, masked = (grams(pool.network, pool.base, inputs) for inputs in (x, padded))
    assert len(plain) >= 4
    for name, gram in plain.items():
        torch.testing.assert_close(masked[name], gram, rtol=1e-4, atol=1e-4)


WEIGHT = "visual_projection.weight"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.spoil("two", **{WEIGHT: None}), f"two: lacks the tensor '{WEIGHT}' of the base"),
        (lambda f: f.spoil("base", **{WEIGHT: None}), f"base: lacks the tensor '{WEIGHT}'"),
        (lambda f: f.spoil("two", **{WEIGHT: torch.ones(2, 3)}), rf"two: '{WEIGHT}' has the shape \(2, 3\), in the"),
        (lambda f: f.spoil("base", **{WEIGHT: torch.ones(2, 3)}), rf"base: '{WEIGHT}' has the shape \(2, 3\), and by"),
        (lambda f: f.spoil("one", **{WEIGHT: torch.full((6, 8), torch.nan)}), f"one: '{WEIGHT}' holds NaN or infinity"),
        (lambda f: f.spoil("base", **{WEIGHT: torch.full((6, 8), torch.inf)}), f"base: '{WEIGHT}' holds NaN"),
        (lambda f: f.write("one", f.read("base")), "one: equals the base in every tensor"),
        (
            lambda f: f.write("base", {n: t + torch.randn_like(t) for n, t in f.read("base").items() if t.dim() > 1}
                              | {n: t for n, t in f.read("base").items() if t.dim() < 2}),
            "base: is hardly the base of these experts",
        ),
        (lambda f: f.write("two", f.read("one")), "expert 1 and expert 0 have the same sha256"),
        (lambda f: np.save(f.path / "one" / "val_inputs.npy", np.ones((3, 3, 8, 8))), "val has 3 inputs and 12 "),
        (lambda f: np.save(f.path / "one" / "test_targets.npy", np.arange(12)), "goes beyond the 3 classes"),
        (lambda f: np.save(f.path / "two" / "train_targets.npy", np.arange(12)), "train_targets.npy goes beyond the 3"),
        (lambda f: np.save(f.path / "two" / "val_targets.npy", np.arange(12)), "val_targets.npy goes beyond the 3 "),
        (lambda f: np.save(f.path / "one" / "test_targets.npy", np.zeros((12, 1), int)), r"not \(12, 1\) int64"),
        (lambda f: np.save(f.path / "one" / "val_targets.npy", np.ones(12)), r"one: val_targets.npy has .* float64"),
        (lambda f: np.save(f.path / "one" / "val_inputs.npy", np.ones(12)), r"val_inputs.npy has the shape \(12,\)"),
        (lambda f: np.save(f.path / "two" / "val_inputs.npy", np.ones((12, 3, 9, 12))), "two: val_inputs.npy does not"),
        (lambda f: np.save(f.path / "two" / "head.npy", np.ones(6)), r"two/head.npy: has the shape \(6,\)"),
        (lambda f: np.save(f.path / "two" / "test_inputs.npy", np.ones((12, 3, 9, 12))), "two: test_inputs.npy "),
        (lambda f: np.save(f.path / "two" / "head.npy", np.ones((3, 4))), "two: test_inputs.npy does not fit"),
        (lambda f: (f.path / "two" / "head.npy").write_bytes(b"\x80\x04pickled"), "head.npy: is no array"),
        (lambda f: (f.path / "two" / "val_inputs.npy").unlink(), "val_inputs.npy: is no array that can be read"),
        (lambda f: (f.path / "base" / "config.json").write_text("{}"), "config.json: describes no model of this kind"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_checkpoint_or_its_data_is_named(folder, spoil, message):
    made = folder()
    spoil(made)
    with pytest.raises(WeightsError, match=message):
        read_folder(made.describe())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": ["vit"]}, r"'kind' has to be one of .*, not \['vit'\]"),
        ({"kind": "resnet"}, "'kind' has to be one of clip-vision, vit, gpt2, t5, not 'resnet'"),
        ({"base": {"path": "one", "sha256": "0"}}, "one: is another checkpoint than pool.yaml says"),
        ({"base": {"path": "nowhere", "sha256": "0"}}, "nowhere/config.json"),
        ({"base": "base"}, "base has to be a mapping with path, sha256, not 'base'"),
        ({"experts": [{"path": "one"}]}, "'experts' has to be a list of two or more"),
        ({"experts": [{"path": "one"}] * 2}, "expert 0: 'task' has to be text, not None"),
        ({"experts": 3}, "'experts' has to be a list of two or more, not 3"),
        ({"unseen": [{"task": "x"}]}, "unseen 0: 'data' has to be text"),
        ({"unseen": 3}, "'unseen' has to be a list, not 3"),
    ],
)
def test_a_wrong_description_is_named(folder, changes, message):
    with pytest.raises(WeightsError, match=message):
        read_folder(folder().describe(**changes))


def test_wrong_labels_and_heads_are_named(folder, tmp_path):
    made = folder("t5")
    for labels, message in (
        ([4, 4, 5], "a list of tokens, all different"),
        ([[4], [5]], "a list of tokens, all different"),
        ([4, 5, 20], "tokens below 20"),
    ):
        entries = [made.entry(name) | {"labels": labels} for name in NAMES[1:]]
        with pytest.raises(WeightsError, match=message):
            read_folder(made.describe(experts=entries))
    np.save(made.path / "two" / "test_inputs.npy", np.full((12, 7), 20))
    with pytest.raises(WeightsError, match=r"two: test_inputs\.npy does not fit the model"):
        read_folder(made.describe())
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    made = folder("vit")
    with pytest.raises(WeightsError, match="those of this kind are in the experts"):
        read_folder(made.describe(unseen=[{"task": "three", "data": "base"}]))
    made.spoil("two", **{"classifier.weight": None})
    with pytest.raises(WeightsError, match=r"two: lacks the tensor 'classifier\.weight', its head"):
        read_folder(made.describe())


def test_data_of_a_task_without_an_expert_is_held_against_its_head(folder):
    made = folder()
    np.save(made.path / "base" / "test_targets.npy", np.arange(12))
    with pytest.raises(WeightsError, match=r"base: test_targets\.npy goes beyond the 3 classes"):
        read_folder(made.describe(unseen=[{"task": "three", "head": "base/head.npy", "data": "base"}]))


def test_an_expert_that_only_has_another_type_is_the_base(folder):
    made = folder()
    halves = {n: t.half() if t.is_floating_point() else t for n, t in made.read("base").items()}
    made.write("base", {n: t.float() if t.is_floating_point() else t for n, t in halves.items()})
    made.write("one", halves)
    with pytest.raises(WeightsError, match="one: equals the base in every tensor"):
        read_folder(made.describe())


@pytest.mark.parametrize("name", ["one", "two"])
def test_training_data_has_to_be_there_where_methods_see_it(folder, bench, name):
    made = folder()
    for what in ("inputs", "targets"):
        (made.path / name / f"train_{what}.npy").unlink()
    path = made.describe()
    text = SUITE.replace("DIGEST", hashlib.sha256(path.read_bytes()).hexdigest())
    bench.write("s.yaml", text.replace("merge-data-free", "merge-unlabelled-train").replace("average", "regmean"))
    done = bench("run", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{name}: lacks train_inputs.npy" in done.stderr


SUITE = """\
pack: 20
tasks:
  - {task: merge-data-free-folder, params: {path: pool.yaml, sha256: DIGEST}}
methods: [average]
"""


def test_the_suite_of_real_checkpoints_merges_a_folder(folder, bench, tmp_path):
    path = folder().describe()
    text = (SUITES / "merging-clip.yaml").read_text()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    text = text.replace("checkpoints/clip-vit-base-patch32/pool.yaml", "pool.yaml").replace("0" * 64, digest)
    bench.write("s.yaml", text + "pack: 20\n")
    done = bench("run", "s.yaml", "--select", "seed=0,method=experts|average|regmean")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "s")
    assert table["run"].nunique() == 3
    assert set(table["status"]) == {"done"}


@pytest.mark.parametrize("kind", sorted(TOKENS))
@pytest.mark.parametrize("method", [fisher, regmean, adamerging])
def test_methods_that_look_into_networks_know_those_on_tokens(folder, kind, method):
    pool = read_folder(folder(kind).describe())
    access = Access(pool.network, inputs=[x for x, _ in pool.splits["train"]])
    few = {"steps": 2} if method is adamerging else {}
    check_result(pool.base, method(base=pool.base, experts=pool.experts, access=access, **few))


def truncate(made):
    file = made.path / "two" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda made: (made.path / "pool.yaml").write_text("kind: vit\n"), "pool.yaml: is another file than the suite"),
        (truncate, "two/model.safetensors: is cut off: '"),
        (lambda made: made.write("one", made.read("two")), "one: is another checkpoint than pool.yaml says"),
    ],
    ids=["other-file", "truncated", "swapped"],
)
def test_bad_checkpoints_are_one_line_before_any_run(folder, bench, tmp_path, spoil, message):
    made = folder()
    path = made.describe()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    bench.write("s.yaml", SUITE.replace("DIGEST", digest))
    spoil(made)
    done = bench("run", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bench: ")
    assert message in done.stderr
    assert not (tmp_path / "results").exists()


def one_expert(made):
    return {"experts": [made.entry("one")]}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda made: made.spoil("two", **{WEIGHT: None}), f"two: lacks the tensor '{WEIGHT}' of the base"),
        (lambda made: made.spoil("two", **{WEIGHT: torch.ones(2, 3)}), f"two: '{WEIGHT}' has the shape (2, 3), in"),
        (lambda made: made.spoil("one", **{WEIGHT: torch.full((6, 8), torch.nan)}), f"one: '{WEIGHT}' holds NaN"),
        (lambda made: made.write("one", made.read("base")), "one: equals the base in every tensor"),
        (one_expert, "pool.yaml: 'experts' has to be a list of two or more"),
    ],
    ids=["missing", "shape", "nan", "base", "one-expert"],
)
def test_weights_that_do_not_fit_are_one_line_before_any_run(folder, bench, tmp_path, spoil, message):
    made = folder()
    path = made.describe(**(spoil(made) or {}))
    bench.write("s.yaml", SUITE.replace("DIGEST", hashlib.sha256(path.read_bytes()).hexdigest()))
    done = bench("run", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bench: ")
    assert message in done.stderr
    assert not (tmp_path / "results").exists()
