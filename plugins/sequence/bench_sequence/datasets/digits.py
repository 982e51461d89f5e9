"""Handwritten digits, 8x8 pixels, read as a sequence of 64 grey values.

The 1,797 images that scikit-learn ships (the test part of the UCI "Optical Recognition of Handwritten Digits", Alpaydin
& Kaynak, 1998): sequential and permuted pixel MNIST (Le, Jaitly & Hinton, 2015) in a size that needs no download.

The 1,797 images are distinct and each is in one split. Who wrote them (13 people) is not recorded, so that digits of
one writer are in all splits.
"""

import numpy as np

VAL_SIZE = 300
TEST_SIZE = 300
PERMUTATION_SEED = 92916  # the seed in common use for permuted MNIST; here it permutes 64 pixels instead of 784


def digits(*, permuted: bool = False, split_seed: int = 0) -> dict[str, np.ndarray]:
    """Return 1,197 / 300 / 300 images for training, validation and test, stratified by digit.

    With `permuted`, the pixels of every image come in one fixed random order, whatever `split_seed` is, so that
    neighbouring pixels are no longer neighbours in the sequence; the split is the same.

    Returns, for each split of n images:
        *_inputs: pixels row by row (or permuted), (n, 64, 1) float32 in [0, 1].
        *_targets: digit, (n,) int64.
    """
    from sklearn.datasets import load_digits  # here, since it takes seconds to import
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    pixels = (bunch.data / 16).astype(np.float32)[:, :, None]  # grey values are 0..16
    if permuted:
        pixels = pixels[:, np.random.RandomState(PERMUTATION_SEED).permutation(pixels.shape[1])]
    targets = bunch.target.astype(np.int64)

    rest, test = train_test_split(
        np.arange(len(targets)), test_size=TEST_SIZE, stratify=targets, random_state=split_seed
    )
    train, val = train_test_split(rest, test_size=VAL_SIZE, stratify=targets[rest], random_state=split_seed)
    arrays = {}
    for split, members in {"train": train, "val": val, "test": test}.items():
        arrays[f"{split}_inputs"] = pixels[members]
        arrays[f"{split}_targets"] = targets[members]
    return arrays
