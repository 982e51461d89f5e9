"""Devices as a suite names them, on machines with and without a GPU."""

import os
import subprocess
import sys

import pytest

from harness import provenance
from harness.testing import install_plugin


@pytest.fixture
def machine(monkeypatch):
    """Return a function that makes this machine seem to have GPUs, and its torch to have CUDA, or not."""

    def seem(gpus, cuda):
        monkeypatch.setattr(provenance, "gpus", lambda: gpus)
        monkeypatch.setattr(provenance, "_torch_has_cuda", lambda: cuda)

    return seem


@pytest.mark.parametrize(
    ("gpus", "cuda", "auto"),
    [([], False, "cpu"), ([], True, "cpu"), (["A GPU"], False, "cpu"), (["A GPU"], True, "cuda")],
)
def test_auto_takes_the_gpu_where_it_can(machine, gpus, cuda, auto):
    machine(gpus, cuda)
    assert provenance.resolve_device("auto") == auto
    assert provenance.resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("gpus", "cuda", "lack"),
    [([], True, "no NVIDIA GPU was found"), (["A GPU"], False, "the installed torch is built without CUDA")],
)
def test_cuda_that_is_not_to_be_had(machine, gpus, cuda, lack):
    machine(gpus, cuda)
    assert provenance.why_no_cuda() == lack
    assert provenance.resolve_device("cuda") == "cuda"  # what is asked for by name is not replaced


def test_version_file_of_torch_tells_what_torch_tells():
    import torch

    assert provenance._torch_has_cuda() == (torch.version.cuda is not None)


def test_fingerprints_are_of_content():
    assert provenance.fingerprint({"a": 1, "b": 2}) == provenance.fingerprint({"b": 2, "a": 1})
    assert provenance.fingerprint({"a": 1}) != provenance.fingerprint({"a": 2})
    assert provenance.hardware()["cores"] >= 1
    assert "torch" in provenance.environment()


@pytest.fixture
def forget():
    """Have what is found out once per process be found out anew, before and after a test."""

    def all_of_it():
        for function in ("gpus", "cores", "memory", "hardware"):
            getattr(provenance, function).cache_clear()

    all_of_it()
    yield all_of_it
    all_of_it()


LISTING = """\
0, GPU-aaaa1111-0000-0000-0000-000000000000, NVIDIA H100 80GB HBM3, 81559
1, GPU-aabb2222-0000-0000-0000-000000000000, NVIDIA H100 80GB HBM3, 81559
2, GPU-cccc3333-0000-0000-0000-000000000000, NVIDIA GB10, [N/A]
"""


@pytest.fixture
def smi(forget, tmp_path, monkeypatch):
    """Return a function that puts an nvidia-smi with this answer on the path, and one that has it asked anew."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def answer(text, code=0, visible=None):
        (tmp_path / "answer").write_bytes(text if isinstance(text, bytes) else text.encode())
        script = tmp_path / "nvidia-smi"
        script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/answer\nexit {code}\n')
        script.chmod(0o755)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        forget()
        return provenance.gpus()

    return answer


def test_driver_is_asked_once_for_the_gpus(smi, tmp_path):
    first, second, third = smi(LISTING)
    assert (first.index, first.name, first.memory) == (0, "NVIDIA H100 80GB HBM3", 81559 * 2**20)
    assert (second.index, second.uuid) == (1, "GPU-aabb2222-0000-0000-0000-000000000000")
    assert (third.index, third.memory) == (2, 0)  # it shares the memory of the machine, and tells no size
    assert provenance.gpus() == [first, second, third]
    assert provenance.hardware()["gpus"] == [first.name, second.name, third.name]
    asked = "--query-gpu=index,uuid,name,memory.total --format=csv,noheader,nounits\n"
    assert (tmp_path / "asked").read_text() == asked


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        ("0", [0]),
        ("2,0", [0, 2]),
        (" 1 , 2 ", [1, 2]),
        ("", []),
        ("-1", []),
        ("0,-1,1", [0]),  # for CUDA too the list ends where it names no GPU
        ("7,0", []),
        ("0,0", [0]),
        ("NoDevFiles", []),
        ("GPU-cccc3333-0000-0000-0000-000000000000", [2]),
        ("GPU-cccc3333-0000-0000-0000-000000000000,GPU-aaaa1111-0000-0000-0000-000000000000", [0, 2]),
        ("GPU-cc", [2]),
        ("GPU-aa", []),  # the beginning of two
        ("GPU-", []),
        ("GPU-dd,0", []),
        ("MIG-cccc3333", []),
        ("01", []),
    ],
)
def test_variable_of_cuda_restricts_the_gpus(smi, visible, indices):
    assert [gpu.index for gpu in smi(LISTING, visible=visible)] == indices


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "No devices were found\n",
        "Unable to determine the device handle for GPU0000:01:00.0: Unknown Error\n",
        "[N/A], GPU-1, A GPU, 10\n",
        "Failed to initialize NVML: Driver/library version mismatch, again, and, again\n",
        "0, GPU-1\n",
        b"\xff\xfe, GPU-1, A GPU, 10\n",
    ],
)
def test_answer_of_a_driver_that_lists_no_gpu(smi, text):
    assert smi(text) == []
    assert provenance.why_no_cuda() == "no NVIDIA GPU was found"


def test_message_between_the_gpus_is_passed_over(smi):
    assert [gpu.index for gpu in smi("Warning: infoROM is corrupted at gpu 0000:01:00.0\n" + LISTING)] == [0, 1, 2]


def test_driver_that_fails_or_is_not_there(smi, tmp_path, forget):
    assert smi(LISTING, code=9) == []
    (tmp_path / "nvidia-smi").unlink()
    forget()
    assert provenance.gpus() == []


def test_driver_that_hangs(smi, monkeypatch):
    def hang(*_, timeout, **__):
        raise provenance.subprocess.TimeoutExpired("nvidia-smi", timeout)

    monkeypatch.setattr(provenance.subprocess, "run", hang)
    assert smi(LISTING) == []


@pytest.fixture
def group(forget, tmp_path, monkeypatch):
    """Return a function that writes a file of this process's control group."""
    real = provenance.Path
    monkeypatch.setattr(
        provenance,
        "Path",
        lambda text, *more: tmp_path / text.lstrip("/") if text.startswith("/sys/") else real(text, *more),
    )
    monkeypatch.setattr(provenance.os, "sched_getaffinity", lambda _: {9, 3, 5, 4})

    def write(name, text):
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup" / name).write_text(text)
        forget()

    return write


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", [3, 4, 5, 9]),
        ("200000 100000\n", [3, 4]),
        ("250000 100000\n", [3, 4]),
        ("50000 100000\n", [3]),
        ("1000 100000\n", [3]),
        ("1000000 100000\n", [3, 4, 5, 9]),
        ("", [3, 4, 5, 9]),
        ("nonsense\n", [3, 4, 5, 9]),
        ("1 2 3\n", [3, 4, 5, 9]),
    ],
)
def test_cores_are_those_that_the_container_may_use(group, quota, cores):
    group("cpu.max", quota)
    assert provenance.cores() == cores
    assert provenance.hardware()["cores"] == len(cores)


def test_cores_of_a_machine_without_quota(group, forget):
    forget()
    assert provenance.cores() == [3, 4, 5, 9]


@pytest.mark.parametrize(
    ("limit", "is_less"), [("max\n", False), ("268435456\n", True), ("9" * 18, False), ("", False)]
)
def test_memory_is_what_the_container_may_use(group, limit, is_less):
    physical = provenance.os.sysconf("SC_PAGE_SIZE") * provenance.os.sysconf("SC_PHYS_PAGES")
    group("memory.max", limit)
    assert provenance.memory() == (268435456 if is_less else physical)


def test_the_commit_of_a_plugin_is_known_where_git_has_its_code(tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    def told():
        program = "from harness import provenance as p; print(p.environment().get('commit of bench-mine'))"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    install_plugin(tmp_path, "bench-mine", "bench_mine", "")
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "nothing yet")
    assert told() == "None"  # the file is not git's, as in a virtual environment inside a checkout
    git("add", "-A")
    git("commit", "-q", "-m", "the plugin")
    commit = git("rev-parse", "HEAD")
    assert told() == commit
    (tmp_path / "bench_mine.py").write_text("changed = True\n")
    assert told() == f"{commit}, changed"
    git("checkout", "-q", ".")
    assert told() == commit
    (tmp_path / "notes.txt").touch()
    assert told() == commit
    (tmp_path / "helper.py").touch()  # forgotten by `git add`
    assert told() == f"{commit}, changed"
    assert provenance.commits({"commit of a": commit, "commit of b": "f, changed"}) == {commit: False, "f": True}
