"""Real data sets: readers on small files in the official formats, and on whole copies where these are at hand.

Whole copies are looked for in BENCH_SHARED_DATA, or in shared/data beside the repository.
"""

import gzip
import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from bench_sequence.datasets import aan, cifar10, imdb, mnist, sources, speech_commands, spoken_digits, time_series
from bench_sequence.datasets.characters import SPECIALS, UNKNOWN, encode, vocabulary
from bench_sequence.datasets.subsets import first, held_out
from bench_sequence.tasks.forecasting import Forecasting, linear, seasonal
from harness import Dataset, data_upkeep
from harness.train import Examples

SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder, empty."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def shared(folder):
    """Return a function that imports a data set from a copy, or skips the test."""

    def bring(name, files, copy):
        if not (SHARED / copy).exists():
            pytest.skip(f"no copy of {name} in {SHARED / copy}; BENCH_SHARED_DATA may name the folder of copies")
        data_upkeep.bring(Dataset(name, "m:f", sources=files), SHARED / copy)

    return bring


def archive(path, members):
    """Write a tar archive of these names and contents."""
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def sound(samples):
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return content.getvalue()


# --- texts


def test_characters():
    characters = vocabulary(["abca", "ab\n"], least=2)
    assert characters == "ab"
    tokens, lengths = encode(["abc", "bbbbbb", ""], characters, length=5)
    assert tokens.tolist() == [[3, 4, 1, 2, 0], [4, 4, 4, 4, 2], [2, 0, 0, 0, 0]]
    assert lengths.tolist() == [4, 5, 1]
    with pytest.raises(ValueError, match="more than the 253"):
        encode([], "".join(map(chr, range(300))), 5)


def test_reviews_of_an_archive_in_the_official_form(tmp_path):
    members = {
        "aclImdb/train/neg/0_3.txt": b"bad",
        "aclImdb/train/pos/10_9.txt": "très bien".encode(),
        "aclImdb/train/pos/2_10.txt": b"good",
        "aclImdb/train/unsup/0_0.txt": b"neither",
        "aclImdb/test/neg/7_1.txt": b"dull",
        "aclImdb/imdb.vocab": b"the",
    }
    found = imdb._ordered(imdb._of_archive(archive(tmp_path / "x.tar.gz", members)))
    assert found["train"][0] == ["good", "très bien", "bad"]
    assert found["train"][1].tolist() == [1, 1, 0]
    assert found["test"][0] == ["dull"]


def test_characters_count_where_reviews_are_read():
    reviews = {"train": (["ab" * 10 + "z" * 20] * 10, np.ones(10)), "test": (["az"], np.ones(1))}
    arrays = imdb._sequences(reviews, 21, "characters", 0, 0)
    assert arrays["vocabulary"] == SPECIALS + 2
    assert arrays["test_inputs"][0, :3].tolist() == [3, UNKNOWN, 2]
    assert imdb._sequences(reviews, 24, "characters", 0, 0)["vocabulary"] == SPECIALS + 3


def test_whole_imdb(shared):
    shared("imdb-altered", sources.IMDB_ALTERED, "imdb")
    arrays = imdb.imdb_altered(length=256, train=400, test=300)
    assert arrays["train_inputs"].shape == (400, 256)
    assert [len(arrays[f"{split}_targets"]) for split in ("val", "test")] == [40, 300]
    assert 90 <= arrays["vocabulary"] <= 113  # about 135 in whole reviews, says the card; 113 in 511 characters
    assert arrays["train_targets"].mean() == pytest.approx(0.5, abs=0.1)  # chance
    assert (arrays["train_inputs"] == 2).sum(axis=1).tolist() == [1] * 400
    assert imdb.as_bytes("é") == "Ã©"


PAPERS = '{label}\tP05-1\tP06-2\tWe show "this\tand that\n'


def test_pairs_of_papers_in_the_official_form(folder):
    for part, labels in (("train", "1100"), ("eval", "10"), ("test", "01")):
        rows = "".join(PAPERS.format(label=f"{label}.0") for label in labels)
        (folder / f"new_aan_pairs.{part}.tsv").write_text(rows)
    data_upkeep.bring(Dataset("aan", "m:f", sources=sources.AAN), folder)
    arrays = aan.aan(length=12)
    assert arrays["train_targets"].tolist() == [1, 1, 0, 0]
    assert arrays["test_targets"].tolist() == [0, 1]
    assert arrays["train_inputs"].shape == arrays["train_others"].shape == (4, 12)
    assert arrays["train_lengths"].tolist() == [12] * 4
    assert arrays["train_other_lengths"].tolist() == [9] * 4
    assert not (arrays["train_inputs"] == UNKNOWN).any()  # the S4 code keeps every character, however rare
    assert arrays["vocabulary"] == SPECIALS + len(set('We show "thand that'))  # of what is read of the texts
    assert len(aan.aan(length=12, train=2)["train_targets"]) == 2
    (folder / "bad.tsv").write_text("1\tonly\tthree\n")
    with pytest.raises(ValueError, match=r"bad.tsv:1 is not label, id, id, text, text"):
        aan.read_tsv(folder / "bad.tsv")


# --- images


def test_cifar_in_the_official_form():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8), np.arange(5, dtype=np.uint8)
    records = b"".join(bytes([y]) + x.transpose(2, 0, 1).tobytes() for x, y in zip(images, labels, strict=True))
    found = cifar10.of_records(records)
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)


def test_grey_is_that_of_pillow():
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cifar10.luma(images)[..., 0], np.array(Image.fromarray(images).convert("L")))


def test_whole_cifar_after_jpeg(shared):
    shared("cifar10-jpeg", sources.CIFAR10_JPEG, "cifar10-jpeg")
    arrays = cifar10.cifar10_jpeg(grey=False, train=300, test=50)
    assert arrays["train_inputs"].shape == (300, 1024, 3)
    assert arrays["val_inputs"].shape == (30, 1024, 3)
    assert arrays["train_inputs"].mean() / 255 == pytest.approx(0.473, abs=0.03)  # the card's channel means
    assert np.bincount(arrays["train_targets"]).min() > 10


def test_whole_mnist(shared):
    shared("mnist", sources.MNIST, "mnist")
    arrays = mnist.mnist(shrink=1, train=2000, test=0)
    assert arrays["train_inputs"].shape == (2000, 784, 1)
    assert np.bincount(arrays["test_targets"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert arrays["train_inputs"].mean() / 255 == pytest.approx(0.1307, abs=0.01)
    small = mnist.mnist(shrink=2, train=2000)["train_inputs"].reshape(-1, 14, 14)
    square = arrays["train_inputs"].reshape(-1, 14, 2, 14, 2)[5].mean(axis=(1, 3))
    np.testing.assert_allclose(small[5], square, atol=0.5)
    with pytest.raises(ValueError, match="must divide 28"):
        mnist.mnist(shrink=3)


@pytest.mark.parametrize("order", ["rows", "permuted", "bit-reversed"])
def test_orders_of_pixels(order):
    found = mnist._order(order, 784)
    assert sorted(found) == list(range(784))
    assert (order == "rows") == (found == np.arange(784)).all()
    if order == "bit-reversed":  # 0, 512, 256, 768, 128, ...
        assert found[:5].tolist() == [0, 512, 256, 768, 128]


def test_idx_of_another_kind(tmp_path):
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(b"\0\0\x0d\1\0\0\0\1\0\0\0\0")
    with pytest.raises(ValueError, match="no IDX file of bytes"):
        mnist.read_idx(tmp_path / "x.gz")


# --- sounds


def test_whole_spoken_digits(shared):
    shared("spoken-digits", sources.SPOKEN_DIGITS, "fsdd")
    arrays = spoken_digits.spoken_digits(thin=16)
    assert [arrays[f"{split}_inputs"].shape for split in ("train", "val", "test")] == [
        (2400, 512, 1),
        (300, 512, 1),
        (300, 512, 1),
    ]
    assert np.bincount(arrays["test_targets"]).tolist() == [30] * 10
    assert arrays["train_lengths"].mean() * 16 == pytest.approx(3499, rel=0.05)
    with pytest.raises(ValueError, match="thin must divide"):
        spoken_digits.spoken_digits(thin=3)


def test_speech_commands_in_the_official_form(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    members = {"./validation_list.txt": b"yes/a1.wav\ncat/b.wav\n", "./testing_list.txt": b"no/a2.wav\n"}
    for word in ("yes", "no"):
        members |= {f"./{word}/a{i}.wav": sound(rng.integers(-9, 9, 16000)) for i in range(20)}
    members |= {"./cat/b.wav": sound([1, 2, 3]), "./yes/short.wav": sound([7] * 15999)}
    members["./_background_noise_/x.wav"] = sound([1] * 16000)
    path = archive(tmp_path / "speech.tar.gz", members)
    monkeypatch.setattr(speech_commands, "located", lambda *_: {"speech_commands_v0.02.tar.gz": path})
    ten = speech_commands.speech_commands(words=10, thin=2)
    assert [len(ten[f"{split}_targets"]) for split in ("train", "val", "test")] == [28, 6, 6]
    assert ten["train_inputs"].shape == (28, 8000, 1)
    assert np.bincount(ten["train_targets"]).tolist() == [14, 14]
    every = speech_commands.speech_commands(words=35)
    assert [len(every[f"{split}_targets"]) for split in ("train", "val", "test")] == [39, 2, 1]
    assert every["val_inputs"][0, :5, 0].tolist() == [1, 2, 3, 0, 0]
    assert every["val_targets"].tolist() == [0, 2]  # cat, no, yes
    assert every["test_targets"].tolist() == [1]


# --- series


def test_whole_ett(shared):
    shared("etth1", sources.ETTH1, "ett-hourly")
    data = time_series.etth1()
    assert data["series"].shape == (17_420, 7)
    assert data["borders"].tolist() == [8640, 11520, 14400]
    np.testing.assert_allclose(data["series"][:8640].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(data["series"][:8640].std(axis=0), 1, atol=1e-4)
    windows = Forecasting(lookback=96, horizon=96).windows(data)
    assert [len(windows[split]) for split in ("train", "val", "test")] == [8449, 2785, 2785]
    seen, target = windows["test"].inputs[0], windows["test"].targets
    np.testing.assert_array_equal(target[0, 0], data["series"][11520])
    np.testing.assert_array_equal(seen[0, -1], data["series"][11519])
    np.testing.assert_array_equal(target[-1, -1], data["series"][14399])
    repeated, daily = seen[:, -1:].expand_as(target), seasonal(seen, 24, 96)
    assert (repeated - target).square().mean() == pytest.approx(1.295, abs=0.002)  # Zeng et al. 2022, arXiv:2205.13504
    assert (daily - target).square().mean() == pytest.approx(0.512, abs=0.002)
    assert (linear(windows["train"], seen) - target).square().mean() == pytest.approx(0.385, abs=0.01)  # as DLinear


def test_whole_exchange_and_illness(shared):
    shared("exchange", sources.EXCHANGE, "forecast-small")
    shared("illness", sources.ILLNESS, "forecast-small")
    data = time_series.exchange()
    assert data["series"].shape == (7588, 8)
    test = Forecasting(lookback=96, horizon=96).windows(data)["test"]
    error = (test.inputs[0][:, -1:] - test.targets).square().mean()
    assert error == pytest.approx(0.081, abs=0.001)  # Zeng et al. 2022, arXiv:2205.13504
    assert time_series.illness()["series"].shape == (966, 7)


@pytest.mark.parametrize(("lookback", "horizon"), [(96, 96), (96, 720), (336, 192), (720, 24)])
@pytest.mark.parametrize("per_hour", [1, 4])
def test_every_window_of_the_protocols_is_taken(lookback, horizon, per_hour):
    """len - lookback - horizon + 1 of training, and of the other parts one for each first row that it holds whole."""
    rows = np.array([12, 16, 20]) * 30 * 24 * per_hour
    data = {"series": np.arange(rows[2], dtype=np.float32)[:, None], "borders": rows}
    windows = Forecasting(lookback=lookback, horizon=horizon).windows(data)
    part = 4 * 30 * 24 * per_hour
    counts = [rows[0] - lookback - horizon + 1, part - horizon + 1, part - horizon + 1]
    assert [len(windows[split]) for split in ("train", "val", "test")] == counts
    for split, begin in (("val", rows[0]), ("test", rows[1])):
        assert windows[split].targets[0, 0, 0] == begin
        assert windows[split].targets[-1, -1, 0] == begin + part - 1
        assert windows[split].inputs[0][0, 0, 0] == begin - lookback


def test_linear_forecast_is_exact_for_a_linear_recurrence():
    t = torch.arange(400.0)
    series = torch.stack([torch.sin(0.3 * t), torch.cos(0.3 * t) * 2], dim=1)
    windows = series.unfold(0, 12, 1).transpose(1, 2)
    train = Examples((windows[:200, :8],), windows[:200, 8:])
    forecast = linear(train, windows[200:, :8], penalty=1e-9)
    torch.testing.assert_close(forecast, windows[200:, 8:], atol=1e-3, rtol=0)


def test_horizon_beyond_the_series():
    data = {"series": np.zeros((100, 2), np.float32), "borders": np.array([70, 80, 100])}
    with pytest.raises(ValueError, match=r"lookback \+ horizon is 30, and val has 20 rows"):
        Forecasting(lookback=10, horizon=20).windows(data)


# --- splits


def test_held_out_and_first():
    kept, held = held_out(1000, 0.1, 42)
    assert (len(kept), len(held)) == (900, 100)
    assert sorted([*kept, *held]) == list(range(1000))
    few, more = first(kept, 50), first(kept, 80)
    assert set(few) < set(more) < set(kept)
    assert first(kept, 0) is kept
    with pytest.raises(ValueError, match="901 examples are asked for, of the 900"):
        first(kept, 901)


def test_every_source_is_named_by_the_catalog():
    """What a function asks for is what `bench data get` fetches."""
    from harness.catalog import load_catalog

    declared = {dataset.sources for dataset in load_catalog().datasets.values() if dataset.sources}
    written = {value for name, value in vars(sources).items() if name.isupper() and not name.startswith("_")}
    assert written <= declared
