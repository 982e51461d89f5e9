"""Sizes and durations read and shown."""

import pytest

from harness.units import BYTES, duration, show_duration, show_size, size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1KiB", 1024),
        ("512MiB", 512 * 2**20),
        ("16GiB", 16 * 2**30),
        ("1.5GiB", 3 * 2**29),
        ("2TiB", 2**41),
        ("3KB", 3000),
        ("1.001KB", 1001),
        ("1MB", 10**6),
        ("80GB", 80 * 10**9),
        ("1TB", 10**12),
        ("  4 GiB ", 4 * 2**30),
        ("0.001KB", 1),
    ],
)
def test_size(text, count):
    assert size(text) == count
    assert type(size(text)) is int


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("10min", 600),
        ("2h", 7200),
        ("1d", 86400),
        (" 1 h ", 3600),
        ("0s", 0),
    ],
)
def test_duration(text, seconds):
    assert duration(text) == seconds


NEITHER = [
    None, True, 4, 4.5, [], {}, "", " ", "4", "GiB", "s", "-1s", "-4GiB", "+4GiB", "1e3s", "1e3MiB", ".5s", "5.s",
    "inf s", "nan s", "4 4GiB", "4GiBs", "1,5GiB", "4GiB\0", "1_000s", "٣s", "٣GiB", "1..5s", "1.5.5s", "9" * 400 + "s",
    "9" * 400 + "GiB",
]  # fmt: skip


@pytest.mark.parametrize(
    "text", [*NEITHER, "4gib", "4G", "4g", "4Mib", "16 gigabytes", "90s", "0GiB", "0.0MiB", "0.0001KB"]
)
def test_no_size(text):
    with pytest.raises(ValueError, match=r"^a size such as 512MiB or 16GiB, with a unit of KiB, MiB, .*, GB, TB$"):
        size(text)


@pytest.mark.parametrize("text", [*NEITHER, "90 seconds", "90S", "2hours", "5m", "1H", "4GiB"])
def test_no_duration(text):
    with pytest.raises(ValueError, match=r"^a duration such as 90s, 10min or 2h, with a unit of ms, s, min, h, d$"):
        duration(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 KiB"),
        (512, "0.5 KiB"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (512 * 2**20, "512 MiB"),
        (1000 * 2**20, "1000 MiB"),
        (1023 * 2**20, "1023 MiB"),
        (2**30 - 1, "1024 MiB"),
        (2**30, "1 GiB"),
        (1.234 * 2**30, "1.23 GiB"),
        (5000 * 2**40, "5000 TiB"),
    ],
)
def test_show_size(count, text):
    assert show_size(count) == text


@pytest.mark.parametrize("unit", ["KiB", "MiB", "GiB", "TiB"])
def test_whole_sizes_are_shown_as_they_are_read(unit):
    for number in (1, 2, 7, 64, 100, 999, 1000, 1023):
        assert size(show_size(number * BYTES[unit])) == number * BYTES[unit]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.00123, "0.00123 s"),
        (9.4999, "9.5 s"),
        (9.5, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (7559.9, "2 h 6 min"),
        (200000, "55 h 33 min"),
    ],
)
def test_show_duration(seconds, text):
    assert show_duration(seconds) == text
