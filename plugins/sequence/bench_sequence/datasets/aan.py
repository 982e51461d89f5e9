"""AAN: does one paper cite the other? Retrieval of the Long Range Arena.

Pairs of papers of the ACL Anthology Network (Radev et al., 2009), as the Arena's release has them: three files
new_aan_pairs.{train,eval,test}.tsv without a header, whose columns are label (0.0 or 1.0), two ids and the two texts.
As in the S4 code, tokens are the characters of the training texts, however rare, 4000 of each text. The release is one
archive of 7.7 GB without a published sha256, so the files are imported: `bench data import aan FOLDER`.
"""

from pathlib import Path

import numpy as np

from bench_sequence.datasets.characters import SPECIALS, encode, vocabulary
from bench_sequence.datasets.sources import AAN
from bench_sequence.datasets.subsets import first
from harness.download import located

_FILES = {"train": "new_aan_pairs.train.tsv", "val": "new_aan_pairs.eval.tsv", "test": "new_aan_pairs.test.tsv"}


def aan(*, length: int = 4000, train: int = 0, test: int = 0) -> dict[str, np.ndarray]:
    """Return pairs of texts cut to `length` tokens; `train` and `test` take so many of them at random, 0 takes all.

    Returns, for each split of n pairs:
        *_inputs, *_others: token ids of the two texts, (n, length) uint8: the text, <eos>, <pad> to the end.
        *_lengths, *_other_lengths: number of tokens that are not <pad>, (n,) int32.
        *_targets: 1 where one cites the other, (n,) int64.
    and `vocabulary`, the number of token ids, ().

    Raises ValueError for a file of another format.
    """
    files = located("aan", AAN)
    pairs = {split: read_tsv(files[name]) for split, name in _FILES.items()}
    characters = vocabulary((text[: length - 1] for _, *texts in pairs["train"] for text in texts), least=1)
    arrays = {"vocabulary": np.array(SPECIALS + len(characters))}
    for split, rows in pairs.items():
        limit = {"train": train, "val": round(0.1 * train), "test": test}[split]
        chosen = [rows[i] for i in first(np.arange(len(rows)), min(limit, len(rows)))]
        for texts, lengths, column in (("inputs", "lengths", 1), ("others", "other_lengths", 2)):
            encoded = encode([str(row[column]) for row in chosen], characters, length)
            arrays[f"{split}_{texts}"], arrays[f"{split}_{lengths}"] = encoded
        arrays[f"{split}_targets"] = np.array([label for label, *_ in chosen], np.int64)
    return arrays


def read_tsv(path: Path) -> list[tuple[int, str, str]]:
    """Return label and texts of each pair in a file. Raises ValueError, with the line, for another format."""
    rows = []
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            row = line.rstrip("\r\n").split("\t")  # the Arena reads them without a meaning for quotes
            if len(row) != 5 or row[0] not in ("0", "1", "0.0", "1.0"):
                raise ValueError(f"{path}:{number} is not label, id, id, text, text, separated by tabs")
            rows.append((int(float(row[0])), row[3], row[4]))
    return rows
