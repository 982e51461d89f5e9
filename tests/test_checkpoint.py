"""The file of a checkpoint: whole or absent, and never executed."""

import pickle
import resource
from pathlib import Path

import pytest
import torch

from harness import checkpoint
from harness.checkpoint import Checkpoint

STATE = {
    "step": 3,
    "best": (0.5, "three", None),
    "layers": [torch.arange(1000.0), torch.ones(2, dtype=torch.complex64)],
}
MARK = Path("executed")


@pytest.fixture
def saved(tmp_path):
    return Checkpoint(tmp_path / "checkpoints" / "1a2b.pt", seconds=0)


@pytest.fixture
def no_room():
    """Let no file of this process grow beyond 64 KiB, as a full disk would not."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Executes:
    def __reduce__(self):
        return MARK.touch, ()


def same(found, expected=STATE):
    assert (found["step"], found["best"]) == (expected["step"], expected["best"])
    assert all(torch.equal(*pair) for pair in zip(found["layers"], expected["layers"], strict=True))


def test_state_comes_back_as_it_was(saved):
    saved.save(STATE)
    same(saved.load())
    assert names(saved) == {"1a2b.pt"}


def test_nothing_saved(saved, capsys):
    assert saved.load() is None
    assert capsys.readouterr().err == ""


def test_later_state_takes_the_place_of_the_earlier(saved):
    saved.save(STATE)
    saved.save({**STATE, "step": 4})
    same(saved.load(), {**STATE, "step": 4})


def test_full_disk_leaves_what_was_saved_before(saved, no_room, capsys):
    saved.save(STATE)
    saved.save({**STATE, "layers": [torch.zeros(2**16)]})
    same(saved.load())
    assert names(saved) == {"1a2b.pt"}
    assert capsys.readouterr().err == "bench: no checkpoint was saved: OSError: [Errno 27] File too large\n"


def test_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "checkpoints").touch()
    saved = Checkpoint(tmp_path / "checkpoints" / "1a2b.pt", seconds=0)
    saved.save(STATE)
    assert saved.load() is None
    saved.remove()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("bench: no checkpoint was saved: FileExistsError: ")
    assert second.startswith("bench: the run begins anew, for ")


def test_state_that_cannot_be_written(saved, capsys):
    saved.save(STATE)
    saved.save({"factor": lambda step: 1.0})
    same(saved.load())
    assert capsys.readouterr().err.startswith("bench: no checkpoint was saved: ")


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    """Change one bit in the middle of the first tensor, which torch.load does not notice."""
    position = data.index(torch.arange(1000.0).numpy().tobytes()) + 2000
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda data: b"", lambda data: b"not a zip", lambda data: data[100:]])
def test_damaged_file_counts_as_none(saved, capsys, damage):
    saved.save(STATE)
    saved.path.write_bytes(damage(saved.path.read_bytes()))
    assert saved.load() is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: the run begins anew, for {saved.path} cannot be read: ")
    saved.save(STATE)
    same(saved.load())


def write_zipped(path):
    torch.save({"step": Executes()}, path)


def write_pickled(path):
    path.write_bytes(pickle.dumps({"step": Executes()}))


def write_legacy(path):
    torch.save({"step": Executes()}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [write_zipped, write_pickled, write_legacy])
def test_pickled_code_is_not_executed(saved, tmp_path, monkeypatch, capsys, write):
    monkeypatch.chdir(tmp_path)
    saved.path.parent.mkdir()
    write(saved.path)
    MARK.unlink(missing_ok=True)
    assert saved.load() is None
    assert not MARK.exists()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_due_at_most_every_so_many_seconds_and_at_once_when_to_stop(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now)
    saved = Checkpoint(tmp_path / "1a2b.pt", seconds=10)
    assert not saved.due()
    now = 110.0
    assert saved.due()
    saved.save(STATE)
    assert not saved.due()
    now = 119.0
    assert not saved.due()
    saved.stop = True
    assert saved.due()


def test_every_state_is_due_without_an_interval(saved):
    assert saved.due()
    saved.save(STATE)
    assert saved.due()


@pytest.fixture
def leftovers(saved):
    """What a process that died while saving has left, and the checkpoint of another run."""
    saved.save(STATE)
    saved.path.with_name("1a2b.pt.4242").touch()
    saved.path.with_name("3c4d.pt").touch()


def names(saved):
    return {path.name for path in saved.path.parent.iterdir()}


@pytest.mark.usefixtures("leftovers")
def test_nothing_is_left_after_removal(saved):
    saved.remove()
    assert names(saved) == {"3c4d.pt"}
    saved.remove()


@pytest.mark.usefixtures("leftovers")
def test_loading_removes_what_a_process_that_died_while_saving_left(saved):
    same(saved.load())
    assert names(saved) == {"1a2b.pt", "3c4d.pt"}
