"""What the data sets of sequences can be asked for. Imports no array library; see `bench_sequence.limits`.

The functions are named after the data sets, which call them; they raise ValueError, in one line for the user.
"""

from harness.conditions import not_negative, positive

PATHFINDER_SIZES = (32, 64, 128, 256)


def adding(*, length: int) -> None:
    if length < 2:
        raise ValueError(f"the two halves of a sequence need a number each: length at least 2, got {length}")


def autoregressive(*, radius: float) -> None:
    if not 0 < radius <= 1:
        raise ValueError(f"the radius of the poles must be in (0, 1], got {radius}: beyond 1 a series grows for ever")


def delay(*, length: int, lag: int, f_max: float) -> None:
    if not 0 < lag < length:
        raise ValueError(f"lag must be between 1 and length - 1 = {length - 1}, got {lag}")
    if not 2 / length <= f_max <= 1:
        raise ValueError(f"f_max must be between 2 / length = {2 / length:g}, one cycle, and 1 (Nyquist), got {f_max}")


def listops(*, min_length: int, max_length: int, max_depth: int, max_args: int) -> None:
    not_negative(min_length=min_length)
    if max_length < min_length + 2:
        raise ValueError(f"expressions are longer than min_length and shorter than max_length, got {min_length} and "
                         f"{max_length}")  # fmt: skip
    if max_depth < 1 or max_args < 2:
        raise ValueError(f"max_depth must be at least 1 and max_args 2, got {max_depth} and {max_args}")


def mnist(*, shrink: int) -> None:
    positive(shrink=shrink)
    if 28 % shrink:
        raise ValueError(f"shrink must divide 28, got {shrink}")


def pathfinder(*, size: int, contour: int) -> None:
    if size not in PATHFINDER_SIZES or not 3 <= contour <= 14:
        sizes = ", ".join(map(str, PATHFINDER_SIZES))
        raise ValueError(f"size must be one of {sizes} and contour 3 to 14, got {size} and {contour}")


def copying(*, length: int, tokens: int, vocabulary: int) -> None:
    not_negative(length=length)
    positive(tokens=tokens)
    if vocabulary < 4:
        raise ValueError(f"copying needs a blank, a marker and two symbols: vocabulary at least 4, got {vocabulary}")


def induction_heads(*, length: int, test_length: int, vocabulary: int) -> None:
    shortest = min(length, test_length or length)
    if shortest < 4:
        raise ValueError(f"induction heads need sequences of at least 4 tokens, got {shortest}")
    if vocabulary < 3:
        raise ValueError(
            f"induction heads need a special token and two others: vocabulary at least 3, got {vocabulary}"
        )


def mqar(*, length: int, pairs: int, vocabulary: int) -> None:
    positive(pairs=pairs)
    if (length - 2 * pairs) // 2 < pairs:
        raise ValueError(f"{pairs} pairs and their queries need a length of at least {4 * pairs}, got {length}")
    if vocabulary // 2 - 1 < pairs:
        raise ValueError(f"{pairs} pairs need a vocabulary of at least {2 * pairs + 2}, got {vocabulary}")


def spoken_digits(*, length: int, thin: int) -> None:
    positive(length=length, thin=thin)
    if length % thin:
        raise ValueError(f"thin must divide the length {length}, got {thin}")
