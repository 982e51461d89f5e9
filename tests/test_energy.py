"""Energy by counters: RAPL's from a folder made for the test, NVML's from bindings made for it."""

import sys
import types

import pytest
import torch

from harness.measure import EnergyMeter, joules_per_call

ZONES = {  # microjoules; those of parts stand beside the whole
    "intel-rapl:0": ("package-0", 1_000_000),
    "intel-rapl:0:0": ("core", 400_000),
    "intel-rapl:0:1": ("dram", 50_000),
    "intel-rapl:1": ("package-1", 2_000_000),
    "intel-rapl:2": ("psys", 9_000_000),
    "intel-rapl-mmio:0": ("package-0", 1_000_000),  # the same once more
}
RANGE = 5_000_000


@pytest.fixture
def powercap(tmp_path):
    for zone, (name, energy) in ZONES.items():
        folder = tmp_path / "powercap" / zone
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
        (folder / "energy_uj").write_text(f"{energy}\n")
    return tmp_path / "powercap"


def add(powercap, microjoules, *zones):
    for zone in zones or ZONES:
        path = powercap / zone / "energy_uj"
        path.write_text(str((int(path.read_text()) + microjoules) % RANGE))


def test_packages_and_memory_are_added_up(powercap):
    meter = EnergyMeter("cpu", powercap)
    assert meter.tells
    assert meter.joules == 0
    add(powercap, 300_000)
    assert meter.joules == pytest.approx(3 * 0.3)
    meter.begin()
    add(powercap, 100_000, "intel-rapl:0:0", "intel-rapl:2")  # part of a package, and the whole computer
    assert meter.joules == 0


def test_counter_that_begins_anew(powercap):
    meter = EnergyMeter("cpu", powercap)
    add(powercap, 4_500_000, "intel-rapl:1")
    assert int((powercap / "intel-rapl:1" / "energy_uj").read_text()) < 2_000_000
    assert meter.joules == pytest.approx(4.5)


def test_energy_of_a_call_is_a_mean(powercap):
    now = [0.0]

    def call():
        now[0] += 0.25
        add(powercap, 70_000, "intel-rapl:0", "intel-rapl:0:1")

    assert joules_per_call(call, "cpu", powercap=powercap, clock=lambda: now[0]) == pytest.approx(0.14)
    assert now[0] == 2.0


def never():
    raise AssertionError("measured without a counter")


@pytest.mark.parametrize("trouble", ["no folder", "no zones", "not permitted", "not a number"])
def test_energy_is_absent_where_the_machine_does_not_tell(powercap, trouble, monkeypatch):
    if trouble == "no folder":
        powercap = powercap / "none"
    elif trouble == "no zones":
        powercap = powercap / "intel-rapl:0"
    elif trouble == "not a number":
        (powercap / "intel-rapl:1" / "energy_uj").write_text("")
    else:
        path = powercap / "intel-rapl:0" / "energy_uj"  # root may read what nobody may: a folder it may not
        path.unlink()
        path.mkdir()
    meter = EnergyMeter("cpu", powercap)
    assert not meter.tells
    assert meter.joules is None
    assert joules_per_call(never, "cpu", powercap=powercap) is None


class NVMLError(Exception):
    pass


@pytest.fixture
def gpu(monkeypatch):
    """Bindings to a GPU that has taken 5 J, and a torch that has it."""
    module = types.ModuleType("pynvml")
    module.NVMLError, module.millijoules = NVMLError, 5000
    module.nvmlInit = lambda: None
    module.nvmlDeviceGetHandleByUUID = {"GPU-12-34": "handle"}.__getitem__
    module.nvmlDeviceGetTotalEnergyConsumption = lambda handle: {"handle": module.millijoules}[handle]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    properties = types.SimpleNamespace(uuid="12-34")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    return module


def test_energy_of_a_gpu(gpu, tmp_path):
    meter = EnergyMeter("cuda", tmp_path)
    gpu.millijoules += 1250
    assert meter.joules == 1.25


def test_gpu_that_does_not_tell(gpu, powercap):
    def refuse(*_):
        raise NVMLError("not supported")

    gpu.nvmlDeviceGetTotalEnergyConsumption = refuse
    assert not EnergyMeter("cuda", powercap).tells  # and the CPU's energy is not taken for it


def test_no_bindings(monkeypatch, powercap):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert not EnergyMeter("cuda", powercap).tells
