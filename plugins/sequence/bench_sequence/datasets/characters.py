"""Texts as sequences of characters, as in the S4 code for the Long Range Arena's Text and Retrieval.

The vocabulary is <pad>, <unk>, <eos> and every character that the training texts have often enough, in the order of
their code points; case is kept. A text is cut to length - 1 characters, then <eos> and <pad> follow.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

PAD, UNKNOWN, END = range(3)
SPECIALS = 3


def vocabulary(texts: Iterable[str], least: int) -> str:
    """Return the characters that occur at least `least` times, as one text; ids begin at SPECIALS."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return "".join(sorted(character for character, count in counts.items() if count >= least))


def encode(texts: list[str], characters: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids, (n, length) uint8, and the number of tokens that are not <pad>, (n,) int32.

    Raises ValueError where there are more characters than a byte can tell.
    """
    if len(characters) + SPECIALS > 256:
        raise ValueError(f"{len(characters)} characters are more than the 253 that one byte can tell")
    table = np.full(0x110000, UNKNOWN, np.uint8)
    table[[ord(character) for character in characters]] = np.arange(SPECIALS, SPECIALS + len(characters))
    tokens, lengths = np.full((len(texts), length), PAD, np.uint8), np.zeros(len(texts), np.int32)
    for row, text in enumerate(texts):
        codes = np.frombuffer(text[: length - 1].encode("utf-32-le", "surrogatepass"), np.uint32)
        tokens[row, : len(codes)] = table[codes]
        tokens[row, len(codes)] = END
        lengths[row] = len(codes) + 1
    return tokens, lengths
