"""Delay: give back a band-limited noise `lag` steps later.

Gu, Johnson, Timalsina, Rudra & Ré, "How to Train Your HiPPO" (ICLR 2023), "continuous delay"; the signal follows
nengo's WhiteSignal. A causal layer solves the task by remembering the last `lag` inputs. One without such memory has
a mean squared error of about 1 on the positions from `lag` on; those before it have target 0.

    L, lag   length of the sequences and of the delay, in steps
    f_max    highest frequency of the signal as a fraction of the Nyquist frequency, half a cycle per step
    u, y     input and target, (n, L, 1): y_t = u_{t-lag}, and 0 for t < lag

The released code (state-spaces/s4) has L=1024, dt=1e-3 and 100 Hz, thus f_max = 100 / (0.5 / dt) = 0.2, in the loader,
and L=4000, lag=1000, dt=2.5e-4 and 1000 Hz, thus f_max=0.5, in its configuration. As there, a signal is one period of
a periodic one. Two things differ: the variance is 1 (there 0.25), and the signal is not shifted to start at 0, which
would add the constant -u_0 to every sequence and double the mean square. The released training data is also drawn
anew in every epoch; here it is fixed.
"""

import numpy as np

from bench_sequence import dataset_limits


def delay(
    *,
    length: int = 256,
    lag: int = 128,
    f_max: float = 0.2,
    train: int = 12_800,
    val: int = 256,
    test: int = 512,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs and *_targets, (n, length, 1) float32, for train, val and test.

    No split changes with the size of another.

    Raises:
        ValueError: the lag is not within the sequence, or no frequency of the sequence is in (0, f_max].
    """
    dataset_limits.delay(length=length, lag=lag, f_max=f_max)
    arrays = {}
    for stream, (split, n) in enumerate({"train": train, "val": val, "test": test}.items()):
        u = white_signal(n, length, f_max, np.random.default_rng([seed, stream])).astype(np.float32)
        y = np.zeros_like(u)
        y[:, lag:] = u[:, :-lag]
        arrays[f"{split}_inputs"], arrays[f"{split}_targets"] = u[:, :, None], y[:, :, None]
    return arrays


def white_signal(n: int, length: int, f_max: float, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian signals of expected variance 1 with equal power at all frequencies in (0, f_max], (n, length)."""
    spectrum = np.fft.rfft(rng.standard_normal((n, length)))
    frequency = 2 * np.arange(length // 2 + 1) / length  # 1 is Nyquist; rfftfreq would round 0.3 up, out of the band
    kept = (frequency > 0) & (frequency <= f_max)
    degrees = 2 * kept.sum() - (frequency[kept] == 1).sum()  # sine and cosine, at Nyquist the cosine alone
    return np.fft.irfft(np.where(kept, spectrum, 0), n=length) * np.sqrt(length / degrees)
