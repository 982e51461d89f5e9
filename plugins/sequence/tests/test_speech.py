"""Speech at half the sampling rate: what the test reads, and what layers are told of it."""

import numpy as np
import torch

from bench_sequence.s4d import S4D
from bench_sequence.tasks.speech import SameTime, SpokenDigits, SpokenDigitsAtHalfRate
from harness import scoring
from harness.train import splits


class Recordings:
    """A context with sums of slow sines for recordings, whose class is their frequency."""

    device = "cpu"

    def __init__(self):
        self.seeds = scoring.seeds(0)
        self.steps = []

    def data(self, name, *, length, thin):
        assert name == "spoken-digits"
        rng, arrays = np.random.default_rng(0), {}
        for split, n in (("train", 40), ("val", 10), ("test", 10)):
            targets = np.arange(n) % 10
            time = np.arange(length // thin) / (length // thin)
            waves = np.sin(2 * np.pi * (targets[:, None] * time + rng.random((n, 1))))
            arrays[f"{split}_inputs"] = np.rint(1000 * waves).astype(np.int16)[:, :, None]
            arrays[f"{split}_lengths"] = np.full(n, length // thin - 3, np.int32)
            arrays[f"{split}_targets"] = targets
        return arrays

    def report(self, *_, **__):
        pass

    def resume(self):
        return None

    def checkpoint(self, state):
        pass


def test_layers_are_told_how_far_apart_samples_are():
    torch.manual_seed(0)
    mixer, x = S4D(d_model=3, l_max=32, causal=False).double(), torch.randn(2, 32, 3, dtype=torch.float64)
    layer = SameTime(mixer, 32)
    assert torch.equal(layer(x), mixer(x))
    assert torch.equal(layer(x[:, ::2]), mixer(x[:, ::2], rate=2.0))
    assert not torch.allclose(layer(x[:, ::2]), mixer(x[:, ::2]))


def test_every_second_sample_of_the_test_alone():
    whole, half = (task(length=512, thin=4).read(Recordings()) for task in (SpokenDigits, SpokenDigitsAtHalfRate))
    np.testing.assert_array_equal(half["test_inputs"], whole["test_inputs"][:, ::2])
    assert half["test_lengths"].tolist() == [63] * 10  # samples 0, 2, ..., 124 of 125
    assert half["val_inputs"].shape == whole["val_inputs"].shape == (10, 128, 1)
    assert splits(half)["test"].inputs[0].shape == (10, 64, 1)
    assert SpokenDigitsAtHalfRate() == SpokenDigitsAtHalfRate(batch_size=SpokenDigits().batch_size)


def test_a_continuous_layer_scores_at_half_the_rate_what_it_scores_at_the_whole():
    def predictions(task):
        run = task(length=512, thin=4, steps=4, d_model=4, layers=1, batch_size=8, evaluations=1)
        outputs = run.run(lambda **given: S4D(**given, d_state=4, dt_max=0.01), Recordings())
        return next(o.values["prediction"] for o in outputs if o.split == "test")

    whole, half = predictions(SpokenDigits), predictions(SpokenDigitsAtHalfRate)
    assert float((half - whole).abs().max()) < 0.05 * float(whole.abs().max())
