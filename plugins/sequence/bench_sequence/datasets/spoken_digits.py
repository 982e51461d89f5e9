"""Free Spoken Digit Dataset: which digit is said? Raw audio, a small relative of Speech Commands.

Jackson et al., doi:10.5281/zenodo.1342401: 3,000 recordings at 8 kHz, ten digits by six speakers, fifty of each. Of
each digit and speaker, recordings 0-4 are the official test set; 5-9 are held out here.
"""

import io
import re
import wave
import zipfile

import numpy as np

from bench_sequence import dataset_limits
from bench_sequence.datasets.sources import SPOKEN_DIGITS
from harness.download import located


def spoken_digits(*, length: int = 8192, thin: int = 1) -> dict[str, np.ndarray]:
    """Return recordings cut or padded to `length` samples, of which `thin` at a time are averaged.

    Returns, for each split of n recordings (2,400, 300 and 300):
        *_inputs: amplitudes, (n, length / thin, 1) int16.
        *_lengths: samples that are not padding, (n,) int32.
        *_targets: digit, (n,) int64.

    Raises ValueError where `thin` does not divide `length`.
    """
    dataset_limits.spoken_digits(length=length, thin=thin)
    found: dict[str, list[tuple[str, np.ndarray, int]]] = {"train": [], "val": [], "test": []}
    with zipfile.ZipFile(located("spoken-digits", SPOKEN_DIGITS)["recordings.zip"]) as archive:
        for name in sorted(archive.namelist()):
            parts = re.search(r"([0-9])_[a-z]+_([0-9]+)\.wav$", name)
            if parts:
                split = ("test", "val", "train")[min(int(parts[2]) // 5, 2)]
                found[split].append((name, samples(archive.read(name)), int(parts[1])))
    arrays = {}
    for split, recordings in found.items():
        inputs, lengths = np.zeros((len(recordings), length), np.int16), np.zeros(len(recordings), np.int32)
        for row, (_, sound, _) in enumerate(recordings):
            lengths[row] = min(len(sound), length)
            inputs[row, : lengths[row]] = sound[:length]
        thinned = np.rint(inputs.reshape(len(inputs), -1, thin).mean(axis=2)).astype(np.int16)
        arrays[f"{split}_inputs"] = thinned[:, :, None]
        arrays[f"{split}_lengths"] = -(-lengths // thin)
        arrays[f"{split}_targets"] = np.array([digit for *_, digit in recordings], np.int64)
    return arrays


def samples(content: bytes) -> np.ndarray:
    """Return the samples of a WAV file of one channel of 16 bits, (n,) int16. Raises ValueError for another."""
    with wave.open(io.BytesIO(content)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"a WAV file of {file.getnchannels()} channels of {8 * file.getsampwidth()} bits")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
