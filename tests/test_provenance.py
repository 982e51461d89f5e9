"""Devices as a suite names them, on machines with and without a GPU."""

import pytest

from harness import provenance
from harness.errors import DeviceError


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
    with pytest.raises(DeviceError, match=f"{lack}; use --device cpu"):
        provenance.resolve_device("cuda")


def test_version_file_of_torch_tells_what_torch_tells():
    import torch

    assert provenance._torch_has_cuda() == (torch.version.cuda is not None)


def test_fingerprints_are_of_content():
    assert provenance.fingerprint({"a": 1, "b": 2}) == provenance.fingerprint({"b": 2, "a": 1})
    assert provenance.fingerprint({"a": 1}) != provenance.fingerprint({"a": 2})
    assert provenance.hardware()["cores"] >= 1
    assert "torch" in provenance.environment()
