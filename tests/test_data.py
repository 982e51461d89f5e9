"""Data sets: prepared once, cached by content, read-only, and errors that name the data set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import source
from harness.data import content_digest, data_folder, load
from harness.errors import DataError

CODE = """
import os
import time
import numpy as np

def _count():
    with open(os.environ["DATA_CALLS"], "a") as file:
        file.write("x")

def numbers(*, count: int = 3, scale: float = 1.0):
    _count()
    return {"inputs": np.arange(count) * scale, "names": np.array(["a", "bc"])}

def slow(*, count: int = 3):
    _count()
    time.sleep(0.5)
    return {"inputs": np.arange(count)}

def needs(*, count):
    return {"inputs": np.arange(count)}

def objects():
    return {"fine": np.zeros(2), "odd": np.array([{}, None], dtype=object)}

def nothing():
    return None

def lists():
    return {"inputs": [1, 2]}

def fails():
    raise ValueError("no such luck")

def unreachable():
    raise ConnectionRefusedError("the server said no")

def empty():
    return {"inputs": np.zeros((0, 3)), "scalar": np.array(2.5)}

def dates():
    return {"when": np.array(["2026-10-17"], dtype="M8[D]"), "half": np.zeros(2, np.float16), "yes": np.ones(2, bool)}
"""


def forget():
    for name in ("_find", "_tree", "_code_digest", "_closure", "_imports", "_version"):
        getattr(source, name).cache_clear()
    sys.modules.pop("datapkg", None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder, with the module `datapkg` beside it."""
    (tmp_path / "datapkg.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATA_CALLS", str(tmp_path / "calls"))
    forget()
    yield tmp_path / "data"
    forget()


def get(function="numbers", **params):
    return load("d", f"datapkg:{function}", params)


def calls(folder):
    path = folder.parent / "calls"
    return len(path.read_text()) if path.exists() else 0


def prepared(folder):
    return [path for path in (folder / "d").iterdir() if path.is_dir()]


def test_arrays_as_the_function_gives_them(folder):
    found = get(count=4, scale=0.5)
    np.testing.assert_array_equal(found.arrays["inputs"], [0, 0.5, 1, 1.5])
    assert list(found.arrays["names"]) == ["a", "bc"]


def test_prepared_once(folder):
    first = get()
    assert get().digest == get(count=3).digest == get(scale=1.0, count=3).digest == first.digest
    assert calls(folder) == 1
    assert len(prepared(folder)) == 1


def test_nothing_half_made_is_left(folder):
    get()
    assert [path.name[0] for path in (folder / "d").iterdir() if path.is_dir()] != ["."]
    (made,) = prepared(folder)
    assert sorted(path.name for path in made.iterdir()) == ["about.json", "inputs.npy", "names.npy"]
    about = json.loads((made / "about.json").read_text())
    assert (about["name"], about["params"]) == ("d", {"count": 3, "scale": 1.0})


def test_other_parameters_are_other_data(folder):
    assert get(count=4).digest != get(count=5).digest
    assert calls(folder) == len(prepared(folder)) == 2


def test_changed_code_is_other_data(folder):
    first = get()
    (folder.parent / "datapkg.py").write_text(CODE.replace("np.arange(count) * scale", "np.arange(count) * -scale"))
    forget()
    second = get()
    assert second.arrays["inputs"][1] == -first.arrays["inputs"][1]
    assert second.digest != first.digest


def test_changed_comments_are_the_same_data(folder):
    get()
    (folder.parent / "datapkg.py").write_text("# a comment\n" + CODE)
    forget()
    get()
    assert calls(folder) == 1


def test_names_do_not_share_data(folder):
    get()
    load("other", "datapkg:numbers", {})
    assert calls(folder) == 2


def test_arrays_are_read_only_and_mapped(folder):
    array = get().arrays["inputs"]
    assert isinstance(array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_processes_at_once_prepare_once(folder):
    program = "from harness.data import load; print(load('d', 'datapkg:slow', {'count': 5}).digest)"
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    processes = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    digests = {process.communicate(timeout=600)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(digests) == 1
    assert calls(folder) == 1


def test_half_made_folder_is_made_anew(folder):
    get()
    (made,) = prepared(folder)
    (made / "about.json").unlink()
    (made / "inputs.npy").write_bytes(b"half")
    np.testing.assert_array_equal(get().arrays["inputs"], [0, 1, 2])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("inputs.npy", None),
        ("inputs.npy", b""),
        ("inputs.npy", b"half"),
        ("about.json", b"{"),
        ("about.json", b"{}"),
        ("about.json", b'{"arrays": []}'),
        ("about.json", b"[]"),
        ("about.json", b"\xff"),
    ],
)
def test_damaged_folder_is_named(folder, file, content):
    get()
    (made,) = prepared(folder)
    (made / file).unlink()
    if content is not None:
        (made / file).write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged \(.*\); delete it, and it is prepared again") as caught:
        get()
    assert str(caught.value).startswith(str(made))


def test_array_that_was_cut_off_is_damage(folder):
    get(count=1000)
    (made,) = prepared(folder)
    whole = (made / "inputs.npy").read_bytes()
    (made / "inputs.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is damaged"):
        get(count=1000)


def test_unknown_parameter(folder):
    with pytest.raises(DataError, match="data set 'd' has no parameter 'cuont'"):
        get(cuont=3)


def test_parameter_that_is_needed(folder):
    with pytest.raises(DataError, match=r"data set 'd'.*'count'"):
        get("needs")
    assert get("needs", count=2).arrays["inputs"].shape == (2,)


def test_python_objects_are_refused(folder):
    with pytest.raises(DataError, match="data set 'd' cannot be made: 'odd' is no numpy array"):
        get("objects")
    assert prepared(folder) == []


@pytest.mark.parametrize(
    ("function", "words"),
    [("nothing", ""), ("lists", "inputs"), ("fails", "no such luck"), ("unreachable", "the server said no")],
)
def test_data_that_cannot_be_made(folder, function, words):
    with pytest.raises(DataError, match=r"^data set 'd'") as caught:
        get(function)
    assert words in str(caught.value)
    assert "BENCH_DATA" not in str(caught.value)  # that is for a folder which cannot be written
    assert prepared(folder) == []


def test_arrays_without_entries_and_single_numbers(folder):
    found = get("empty").arrays
    assert found["inputs"].shape == (0, 3)
    assert float(found["scalar"]) == 2.5


def test_dates_and_other_kinds(folder):
    found = get("dates").arrays
    assert {name: array.dtype.str for name, array in found.items()} == {"half": "<f2", "when": "<M8[D]", "yes": "|b1"}


def test_folder_that_cannot_be_written(folder, monkeypatch):
    (folder.parent / "taken").write_text("a file")
    monkeypatch.setenv("BENCH_DATA", str(folder.parent / "taken"))
    with pytest.raises(DataError, match=r"data set 'd' cannot be stored in .*; set BENCH_DATA to another folder"):
        get()


def test_data_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("BENCH_DATA", "~/mine")
    assert data_folder() == Path.home() / "mine"
    monkeypatch.delenv("BENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder() == Path("/cache/bench/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == Path.home() / ".cache/bench/data"


BASE = {"a": np.arange(6).reshape(2, 3), "b": np.zeros(2)}


@pytest.mark.parametrize(
    "other",
    [
        {"a": BASE["a"] + 1, "b": BASE["b"]},
        {"a": BASE["a"].reshape(3, 2), "b": BASE["b"]},
        {"a": BASE["a"].T, "b": BASE["b"]},
        {"a": BASE["a"].astype(np.int32), "b": BASE["b"]},
        {"a": BASE["a"], "c": BASE["b"]},
        {"a": BASE["a"]},
    ],
    ids=["values", "shape", "order", "type", "name", "fewer"],
)
def test_digest_follows_the_content(other):
    assert content_digest(other) != content_digest(BASE)


def test_digest_follows_nothing_else():
    assert content_digest({"b": BASE["b"], "a": np.asfortranarray(BASE["a"])}) == content_digest(BASE)
