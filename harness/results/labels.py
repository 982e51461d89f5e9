"""What methods and tasks are called: the name, and the parameters in which the variants at hand differ."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

Labels = dict[tuple[str, str, str], str]  # kind, name, parameters -> label
_PARAMETERS = {"method": "variant", "task": "task_params"}  # what tells those of one name apart


def labels_of(runs: pd.DataFrame) -> Labels:
    """Return a label for each method and task at hand."""
    return {
        (kind, str(name), text): label
        for kind in ("method", "task")
        for name, variants in runs.groupby(kind)[_PARAMETERS[kind]].unique().items()
        for text, label in _labels(str(name), list(variants)).items()
    }


def labelled(rows: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Return rows with the columns `method_label` and `task_label`."""
    return rows.assign(**{f"{kind}_label": _label_column(rows, kind, labels) for kind in ("method", "task")})


def _label_column(rows: pd.DataFrame, kind: str, labels: Labels) -> Any:
    """Return the labels of rows, looked up once for each pair of a name and parameters."""
    (names, name), (texts, text) = pd.factorize(rows[kind]), pd.factorize(rows[_PARAMETERS[kind]])
    pairs, inverse = np.unique(names * max(len(text), 1) + texts, return_inverse=True)
    found = [labels[kind, name[pair // len(text)], text[pair % len(text)]] for pair in pairs]
    return pd.array(found, dtype="str").take(inverse)


def _labels(name: str, variants: list[str]) -> dict[str, str]:
    """Return a label for each set of parameters (JSON): the name, and the parameters that not all have alike."""
    parsed = {text: json.loads(text) for text in variants}
    spelled = {text: {key: json.dumps(value) for key, value in params.items()} for text, params in parsed.items()}
    keys = dict.fromkeys(key for params in spelled.values() for key in params)
    varying = [key for key in keys if len({params.get(key) for params in spelled.values()}) > 1]

    def label(text: str, quoted: bool) -> str:
        words = {
            k: v if quoted or not isinstance(parsed[text][k], str) else parsed[text][k]
            for k, v in spelled[text].items()
        }
        return " ".join([name, *(f"{key}={words[key]}" for key in varying if key in words)])

    plain = {text: label(text, quoted=False) for text in variants}
    # A text may read like a number: then it keeps its quotes, since two variants must not share a label.
    return plain if len(set(plain.values())) == len(plain) else {text: label(text, quoted=True) for text in variants}
