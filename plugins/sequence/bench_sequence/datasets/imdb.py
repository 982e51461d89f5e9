"""IMDB: is a review positive? Text of the Long Range Arena, by characters or bytes.

`imdb` reads the official archive. `imdb_altered` reads a public copy in which at least three reviews (training 0 and 7,
test 0 of the positive ones) are reviews of an app instead: its results are not quite those of IMDB.

Maas et al., "Learning Word Vectors for Sentiment Analysis" (ACL 2011): 25,000 labelled reviews to train on and 25,000
to test. As in the S4 code, tokens are characters, 4096 of a review, which are told apart where they occur at least 15
times in what is read of the training reviews; the Arena itself has bytes. Both choose checkpoints on the test set; here
a tenth of the training reviews is held out instead.
"""

import json
import lzma
import re
import tarfile
from pathlib import Path
from typing import Literal

import numpy as np

from bench_sequence.datasets.characters import SPECIALS, encode, vocabulary
from bench_sequence.datasets.sources import IMDB, IMDB_ALTERED
from bench_sequence.datasets.subsets import first, held_out
from harness.download import located

LEAST = 15  # occurrences of a character in the vocabulary
VAL_SHARE, SPLIT_SEED = 0.1, 42

Reviews = tuple[list[str], np.ndarray]  # texts, and whether they are positive, (n,)


def imdb(
    *, length: int = 4096, tokens: Literal["characters", "bytes"] = "characters", train: int = 0, test: int = 0
) -> dict[str, np.ndarray]:
    """Return reviews cut to `length` tokens; `train` and `test` take so many of them at random, 0 takes all.

    Returns, for each split of n reviews:
        *_inputs: token ids, (n, length) uint8: the text, <eos>, <pad> to the end.
        *_lengths: number of tokens that are not <pad>, (n,) int32.
        *_targets: 1 for positive, (n,) int64.
    and `vocabulary`, the number of token ids, ().
    """
    return _sequences(_ordered(_of_archive(located("imdb", IMDB)["aclImdb_v1.tar.gz"])), length, tokens, train, test)


def imdb_altered(
    *, length: int = 4096, tokens: Literal["characters", "bytes"] = "characters", train: int = 0, test: int = 0
) -> dict[str, np.ndarray]:
    """Return what `imdb` does, of the altered copy."""
    files = located("imdb-altered", IMDB_ALTERED)
    lines = {split: _of_lines(files[f"{split}.jsonl.xz"]) for split in ("train", "test")}
    return _sequences(_ordered(lines), length, tokens, train, test)


def _sequences(reviews: dict[str, Reviews], length: int, tokens: str, train: int, test: int) -> dict[str, np.ndarray]:
    texts, targets = reviews["train"]
    if tokens == "bytes":
        reviews = {split: ([as_bytes(text) for text in texts], y) for split, (texts, y) in reviews.items()}
        texts, characters = reviews["train"][0], "".join(map(chr, range(1, 254)))
    else:
        characters = vocabulary((text[: length - 1] for text in texts), LEAST)
    kept, held = held_out(len(texts), VAL_SHARE, SPLIT_SEED)
    arrays = {"vocabulary": np.array(SPECIALS + len(characters))}
    members = {"train": first(kept, train), "val": first(held, round(VAL_SHARE * train))}
    members["test"] = first(np.arange(len(reviews["test"][0])), test)
    for split, chosen in members.items():
        texts, targets = reviews["test" if split == "test" else "train"]
        arrays[f"{split}_inputs"], arrays[f"{split}_lengths"] = encode([texts[i] for i in chosen], characters, length)
        arrays[f"{split}_targets"] = targets[chosen]
    return arrays


def as_bytes(text: str) -> str:
    """Return a text whose characters are the bytes of another in UTF-8, none of which is 0, 254 or 255."""
    return text.replace("\0", " ").encode().decode("latin-1")


def _ordered(found: dict[str, list[tuple[bool, int, str]]]) -> dict[str, Reviews]:
    """Return the reviews in one order, whatever form they come in: the positive ones first, by number."""
    reviews = {}
    for split, rows in found.items():
        rows = sorted(rows, key=lambda row: (not row[0], row[1]))
        reviews[split] = [text for *_, text in rows], np.array([positive for positive, *_ in rows], np.int64)
    return reviews


def _of_archive(path: Path) -> dict[str, list[tuple[bool, int, str]]]:
    found: dict[str, list[tuple[bool, int, str]]] = {"train": [], "test": []}
    with tarfile.open(path) as archive:
        for member in archive:
            parts = re.fullmatch(r"(?:\./)?aclImdb/(train|test)/(pos|neg)/([0-9]+)_[0-9]+\.txt", member.name)
            content = archive.extractfile(member) if parts else None
            if parts and content:
                found[parts[1]].append((parts[2] == "pos", int(parts[3]), content.read().decode()))
    return found


def _of_lines(path: Path) -> list[tuple[bool, int, str]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(bool(row["label"]), int(str(row["id"]).partition("_")[0]), row["text"]) for row in rows]
