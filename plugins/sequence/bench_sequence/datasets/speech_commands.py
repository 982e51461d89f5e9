"""Speech Commands v0.02: which word is said? Raw audio of a second at 16 kHz (Warden 2018, arXiv:1804.03209).

SC10, the set of ten words of Kidger et al. 2020 (arXiv:2005.08926): only recordings of exactly 16,000 samples, split
70 / 15 / 15 at random, stratified. SC35, all 35 words: the official lists for validation and test, shorter recordings
padded with zeros.
"""

import re
import tarfile
from typing import Literal

import numpy as np

from bench_sequence.datasets.sources import SPEECH_COMMANDS
from bench_sequence.datasets.spoken_digits import samples
from harness.download import located

LENGTH = 16_000
TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
Recordings = dict[str, np.ndarray]  # "word/file.wav" -> samples


def speech_commands(*, words: Literal[10, 35] = 10, thin: int = 1) -> dict[str, np.ndarray]:
    """Return recordings, every `thin`-th sample of them.

    Returns, for each split of n recordings:
        *_inputs: amplitudes, (n, 16000 / thin, 1) int16.
        *_targets: word, in alphabetical order, (n,) int64.
    """
    recordings, lists = read(str(located("speech-commands", SPEECH_COMMANDS)["speech_commands_v0.02.tar.gz"]), words)
    names = sorted(recordings)
    classes = {word: i for i, word in enumerate(sorted({name.partition("/")[0] for name in names}))}
    targets = np.array([classes[name.partition("/")[0]] for name in names], np.int64)
    inputs = np.zeros((len(names), LENGTH), np.int16)
    for row, name in enumerate(names):
        inputs[row, : len(recordings[name])] = recordings[name][:LENGTH]
    arrays = {}
    members = _at_random(targets) if words == 10 else _official(names, lists)
    for split, chosen in members.items():
        arrays[f"{split}_inputs"] = np.ascontiguousarray(inputs[chosen, ::thin, None])
        arrays[f"{split}_targets"] = targets[chosen]
    return arrays


def read(path: str, words: int) -> tuple[Recordings, dict[str, set[str]]]:
    """Return the recordings that a set of so many words has, and the names in the lists "validation" and "testing"."""
    recordings: Recordings = {}
    lists: dict[str, set[str]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if listing := re.fullmatch(r"(validation|testing)_list\.txt", name):
                lists[listing[1]] = set(content.read().decode().split())
            elif re.fullmatch(r"[a-z]+/[^/]+\.wav", name) and (words != 10 or name.partition("/")[0] in TEN):
                sound = samples(content.read())
                if words != 10 or len(sound) == LENGTH:
                    recordings[name] = sound
    return recordings, lists


def _at_random(targets: np.ndarray) -> dict[str, np.ndarray]:
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(np.arange(len(targets)), train_size=0.7, random_state=0, stratify=targets)
    val, test = train_test_split(rest, train_size=0.5, random_state=1)
    return {"train": train, "val": val, "test": test}


def _official(names: list[str], lists: dict[str, set[str]]) -> dict[str, np.ndarray]:
    where = np.array([1 if name in lists["validation"] else 2 if name in lists["testing"] else 0 for name in names])
    return {split: np.flatnonzero(where == i) for i, split in enumerate(("train", "val", "test"))}
