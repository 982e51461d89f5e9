"""Series for forecasting: electricity transformers (ETT), exchange rates, influenza-like illness.

Zhou et al. 2021 (Informer, arXiv:2012.07436) for ETT; Lai et al. 2018 (arXiv:1703.07015) for exchange rates; Wu et al.
2021 (Autoformer, arXiv:2106.13008) for illness and the protocol. ETT is split by months, 12 / 4 / 4 of 30 days, and
what comes after is not used; the others 70 / 10 / 20 % in the order of time. Each column is standardised by mean and
standard deviation of its training part.

Each function returns
    series       the standardised columns, (rows, columns) float32; of ETT the last is OT, the oil temperature.
    borders      the first row of the validation part, of the test part, and of what is not used, (3,) int64.
    mean, scale  of each column in the training part, in the file's units, (columns,) float64.
"""

import csv
import gzip
from pathlib import Path

import numpy as np

from bench_sequence.datasets.sources import ETTH1, ETTH2, ETTM1, ETTM2, EXCHANGE, ILLNESS
from harness.download import located

_MONTH = 30 * 24  # hours


def etth1() -> dict[str, np.ndarray]:
    """Hourly, two years."""
    return _ett(located("etth1", ETTH1)["ETTh1.csv"], 1)


def etth2() -> dict[str, np.ndarray]:
    """Hourly, two years, another station."""
    return _ett(located("etth2", ETTH2)["ETTh2.csv"], 1)


def ettm1() -> dict[str, np.ndarray]:
    """Of the first station, every 15 minutes."""
    return _ett(located("ettm1", ETTM1)["ETTm1.csv"], 4)


def ettm2() -> dict[str, np.ndarray]:
    """Of the second station, every 15 minutes."""
    return _ett(located("ettm2", ETTM2)["ETTm2.csv"], 4)


def exchange() -> dict[str, np.ndarray]:
    """Daily rates of eight currencies, 1990-2010."""
    with gzip.open(located("exchange", EXCHANGE)["exchange_rate.txt.gz"], "rt") as file:
        values = np.loadtxt(file, delimiter=",")
    return _standardised(values, _by_shares(len(values)))


def illness() -> dict[str, np.ndarray]:
    """Weekly patients with influenza-like illness in the United States, seven columns, 2002-2020."""
    values = read_csv(located("illness", ILLNESS)["national_illness.csv"])
    return _standardised(values, _by_shares(len(values)))


def read_csv(path: Path) -> np.ndarray:
    """Return the columns after `date`, (rows, columns). Raises ValueError for another format."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    if not header or header[0] != "date":
        raise ValueError(f"{path} has no column 'date' at its beginning, but {header[:1]}")
    return np.array([[float(value) for value in row[1:]] for row in rows])


def _ett(path: Path, per_hour: int) -> dict[str, np.ndarray]:
    borders = [months * _MONTH * per_hour for months in (12, 16, 20)]
    return _standardised(read_csv(path), borders)


def _by_shares(rows: int) -> list[int]:
    return [int(0.7 * rows), rows - int(0.2 * rows), rows]


def _standardised(values: np.ndarray, borders: list[int]) -> dict[str, np.ndarray]:
    mean, scale = values[: borders[0]].mean(axis=0), values[: borders[0]].std(axis=0)
    series = ((values - mean) / scale).astype(np.float32)
    return {"series": series, "borders": np.array(borders, np.int64), "mean": mean, "scale": scale}
