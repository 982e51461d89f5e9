"""The leaderboard for other programs."""

import csv
import json

import pytest

from harness.report.entries import entries, write_csv, write_json

FIELDS = [
    "suite", "family", "task", "split", "device", "hardware", "metric", "better", "unit", "method", "rank", "mean",
    "low", "high", "n", "like_best", "failures", "invalid", "reason", "cost_ratio", "hyperparameters", "trials",
    "published", "published_std", "published_source", "cost:seconds_per_step", "cost:parameters",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(made):
    return made(2, 3, 3, failed=((0, 2, 0), (0, 2, 1), (0, 2, 2), (1, 1, 0)), published=True)


def test_csv_and_json_hold_the_same_unrounded(found, tmp_path):
    records = entries(found, found.leaderboards())
    write_csv(records, tmp_path / "x.csv")
    write_json(found, records, tmp_path / "x.json")
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole = json.loads((tmp_path / "x.json").read_text())
    assert list(rows[0]) == FIELDS == list(whole["leaderboard"][0])
    assert whole["schema_version"] == 1
    assert whole["counts"] == {"done": 14, "failed": 4}
    for row, record, board in zip(rows, whole["leaderboard"], records, strict=True):
        assert {key: "" if value is None else str(value) for key, value in record.items()} == row
        assert record == board
    first, *_ = [r for r in records if r["task"] == "t0"]
    board = next(b for b in found.leaderboards() if b.task == "t0")
    assert (first["mean"], first["low"]) == (board.standings[0].score.mean, board.standings[0].score.low)
    assert (first["rank"], first["method"], first["n"], first["like_best"]) == (1, "m0", 3, True)
    assert (first["published"], first["published_std"], first["published_source"][:7]) == (0.95, 0.01, "Someone")


def test_failures_are_never_lost(found):
    records = {(r["task"], r["method"]): r for r in entries(found, found.leaderboards())}
    gone, partly = records["t0", "m2"], records["t1", "m1"]
    assert (gone["rank"], gone["mean"], gone["reason"]) == (None, None, "failed: no luck")
    assert (partly["failures"], partly["n"]) == (1, 3)
    assert partly["mean"] < 0.6  # the failed run counts as 0


def test_infinite_mean_is_null_in_json(made, tmp_path):
    found = made(1, 2, 3, failed=((0, 1, 0),))
    found.metrics["accuracy"]["worst"] = None
    records = entries(found, found.leaderboards())
    write_json(found, records, tmp_path / "x.json")
    assert [r["mean"] for r in json.loads((tmp_path / "x.json").read_text())["leaderboard"]][1] is None
    found.metrics["accuracy"]["worst"] = 0.0


def test_hostile_names_keep_to_their_cells(hostile, tmp_path):
    records = entries(hostile, hostile.leaderboards())
    write_csv(records, tmp_path / "x.csv")
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == [record["method"] for record in records]
