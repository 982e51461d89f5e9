"""Bad input: one line that says where, what and what instead; exit code 2; nothing written."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.testing import Bench, install_plugin

GOOD = "tasks: [guess]\nmethods: [shift]\n"

SIZE = "has to be a size such as 512MiB or 16GiB, with a unit of KiB, MiB, GiB, TiB, KB, MB, GB, TB"
DURATION = "has to be a duration such as 90s, 10min or 2h, with a unit of ms, s, min, h, d"

CASES = {
    "yaml syntax": ("tasks: [guess\nmethods: [shift]\n", "s.yaml:2: not valid YAML: "),
    "unknown key": (GOOD + "sedes: [1]\n", "s.yaml:3: unknown key 'sedes'; did you mean 'seeds'?"),
    "key twice": (GOOD + "tasks: [guess]\n", "s.yaml:3: the key 'tasks' is given twice"),
    "tag": ("tasks: [guess]\nmethods: [!!python/object:os.system shift]\n", "s.yaml:2: the tag "),
    "empty": ("", "s.yaml: a suite needs 'tasks': a list of at least one"),
    "not a mapping": ("- tasks\n", "s.yaml:1: a suite has to be a mapping, not a list"),
    "no methods": ("tasks: [guess]\nmethods: []\n", "s.yaml:2: a suite needs 'methods': a list of at least one"),
    "unknown method": (
        "tasks: [guess]\nmethods:\n  - noise\n  - shfit\n",
        "s.yaml:4: unknown method 'shfit'; did you mean 'shift'?",
    ),
    "unknown task": ("tasks: [gess]\nmethods: [shift]\n", "s.yaml:1: unknown task 'gess'; did you mean 'guess'?"),
    "unknown metric": (
        "tasks:\n  - task: guess\n    metrics: [distanse]\nmethods: [shift]\n",
        "s.yaml:3: unknown metric 'distanse'; did you mean 'distance'?",
    ),
    "unknown parameter": (
        "tasks: [guess]\nmethods:\n  - method: shift\n    params: {ofset: 1}\n",
        "s.yaml:4: method 'shift' has no parameter 'ofset'; did you mean 'offset'?",
    ),
    "unknown parameter in a grid": (
        "tasks: [guess]\nmethods:\n  - method: shift\n    grid:\n      ofset: [1]\n",
        "s.yaml:5: method 'shift' has no parameter 'ofset'; did you mean 'offset'?",
    ),
    "wrong type": (
        "tasks: [guess]\nmethods:\n  - method: shift\n    params: {offset: far}\n",
        "s.yaml:4: parameter 'offset' of method 'shift' has to be float, not the text 'far'",
    ),
    "wrong choice": (
        "tasks: [delay]\nmethods:\n  - {method: s4d, params: {init: lni}}\n",
        "s.yaml:3: parameter 'init' of method 's4d' has to be Literal[",
    ),
    "empty pairing": (
        "tasks: [delay]\nmethods:\n  - s4\n  - shift\n",
        "s.yaml:4: method 'shift' is of the family 'toy', for which the suite has no task",
    ),
    "pair twice": (
        "tasks: [guess]\nmethods: [shift, shift]\n",
        "s.yaml: the run 'shift on guess, seed 0' stands twice",
    ),
    "seeds": (GOOD + "seeds: 3\n", "s.yaml:3: 'seeds' has to be a list of whole numbers"),
    "seed twice": (GOOD + "seeds: [1, 1]\n", "s.yaml:3: the seed 1 is given twice"),
    "seed that is too large": (
        GOOD + "seeds: [0, 9223372036854775808]\n",
        "s.yaml:3: a seed has to be a whole number from 0 to 2^63 - 1, not the number 9223372036854775808",
    ),
    "device": (GOOD + "hardware: {device: gpu}\n", "s.yaml:3: 'device' has to be one of cpu, cuda, auto"),
    "hardware": (GOOD + "hardware:\n", "s.yaml:3: 'hardware' has to be a mapping, not nothing"),
    "hardware key": (
        GOOD + "hardware:\n  cpus: 1\n  memroy: 1GiB\n",
        "s.yaml:5: unknown key 'memroy'; did you mean 'memory'?",
    ),
    "cpus": (
        GOOD + "hardware: {cpus: 0}\n",
        "s.yaml:3: 'cpus' has to be a whole number from 1, not the number 0",
    ),
    "time limit without a unit": (GOOD + "time_limit: 90\n", f"s.yaml:3: 'time_limit' {DURATION}; not the number 90"),
    "time limit of a wrong unit": (
        GOOD + "\ntime_limit: 5m\n",
        f"s.yaml:4: 'time_limit' {DURATION}; not the text '5m'",
    ),
    "time limit of nothing": (GOOD + "time_limit:\n", f"s.yaml:3: 'time_limit' {DURATION}; not nothing"),
    "time limit of no time": (GOOD + "time_limit: 0s\n", "s.yaml:3: 'time_limit' has to be more than 0s"),
    "pack": (GOOD + "pack: 0\n", "s.yaml:3: 'pack' has to be a whole number from 1, not the number 0"),
    "pack as text": (GOOD + "pack: '8'\n", "s.yaml:3: 'pack' has to be a whole number from 1, not the text '8'"),
    "pack as truth": (
        GOOD + "pack: true\n",
        "s.yaml:3: 'pack' has to be a whole number from 1, not the truth value true",
    ),
    "memory without a unit": (
        GOOD + "hardware:\n  memory: 4\n",
        f"s.yaml:4: 'memory' {SIZE}; not the number 4",
    ),
    "memory of nothing": (
        GOOD + "hardware:\n  cpus: 1\n  memory: 0GiB\n",
        f"s.yaml:5: 'memory' {SIZE}; not the text '0GiB'",
    ),
    "memory of more than can be": (
        GOOD + f"hardware: {{memory: {'9' * 400}GiB}}\n",
        f"s.yaml:3: 'memory' {SIZE}; not the text '999",
    ),
    "gpus on a cpu": (GOOD + "hardware:\n  gpus: 1\n", "s.yaml:4: 'gpus' needs the device cuda or auto"),
    "gpu memory on a cpu": (
        GOOD + "hardware:\n  device: cpu\n  gpu_memory: 4GiB\n",
        "s.yaml:5: 'gpu_memory' needs the device cuda or auto",
    ),
    "gpus": (
        GOOD + "hardware:\n  device: cuda\n  gpus: 1.5\n",
        "s.yaml:5: 'gpus' has to be a whole number from 1, not the number 1.5",
    ),
    "gpu memory": (
        GOOD + "hardware:\n  device: auto\n  gpu_memory: [4GiB]\n",
        f"s.yaml:5: 'gpu_memory' {SIZE}; not a list",
    ),
    "grid": (
        "tasks: [guess]\nmethods:\n  - {method: shift, grid: {offset: 1}}\n",
        "s.yaml:3: the grid of 'offset' has to be a list of values, not the number 1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_suite(tmp_path, toy_folder, monkeypatch, name):
    """Without a process for each, which would take longer than all else here."""
    monkeypatch.syspath_prepend(toy_folder)
    monkeypatch.chdir(tmp_path)
    text, message = CASES[name]
    Path("s.yaml").write_text(text)
    done = CliRunner().invoke(main, ["run", "s.yaml"])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"bench: {message}")
    assert not Path("results").exists()


def test_missing_file(toy: Bench):
    (toy.folder / "suites").mkdir()
    toy.write("suites/good.yaml", GOOD)
    done = toy("run", "suites/god.yaml")
    expected = "bench: suites/god.yaml: no such file; did you mean 'suites/good.yaml'?\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_folder_instead_of_a_suite(toy: Bench):
    done = toy("run", ".")
    assert (done.returncode, done.stderr) == (2, "bench: .: is a folder; name a suite file\n")


def test_select(toy: Bench):
    toy.write("s.yaml", GOOD)
    assert "unknown key 'metod'; did you mean 'method'?" in toy("run", "s.yaml", "--select", "metod=shift").stderr
    assert "matches none of the 1 runs" in toy("run", "s.yaml", "--select", "seed=7").stderr
    done = toy("run", "s.yaml", "--select", "shift")
    assert done.returncode == 2
    assert "is not of the form key=pattern" in done.stderr


def test_unwritable_results_folder_is_found_before_any_run(toy: Bench):
    toy.write("s.yaml", GOOD)
    toy.write("taken", "a file where the results should go")
    done = toy("run", "s.yaml", "--results", "taken")
    assert done.returncode == 2
    assert done.stderr.startswith("bench: results folder taken/s cannot be written: ")
    assert "observed" not in done.stderr


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="this machine has an NVIDIA GPU")
def test_device_that_is_not_here(toy: Bench):
    toy.write("s.yaml", GOOD)
    done = toy("run", "s.yaml", "--device", "cuda")
    assert done.returncode == 2
    assert done.stderr.startswith("bench: device 'cuda' is not available on this machine: ")
    assert toy("run", "s.yaml", "--device", "tpu").returncode == 2


def test_method_declared_by_two_plugins(toy: Bench, tmp_path):
    source = """
from bench_toy import TOY
from harness import Method, hookimpl
@hookimpl
def bench_methods():
    return [Method("shift", TOY, "bench_toy:shift", reference="")]
"""
    install_plugin(tmp_path / "rival", "bench-rival", "bench_rival", source)
    toy.path.append(tmp_path / "rival")
    toy.write("s.yaml", GOOD)
    done = toy("run", "s.yaml")
    assert done.returncode == 2
    assert "two plugins declare the method 'shift': " in done.stderr
    assert "bench-rival 1.0" in done.stderr
    assert "bench-toy 1.0" in done.stderr
    assert done.stderr.count("\n") == 1
    assert toy("doctor").returncode == 1
    assert "bench-rival 1.0" in toy("list", "plugins").stdout


BAD_PLUGINS = {
    "import": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "kind": ("from harness import hookimpl\n@hookimpl\ndef bench_methods():\n    return [1]\n", "bench_methods gave 1"),
    "hook": ("from harness import hookimpl\n@hookimpl\ndef bench_nonsense():\n    pass\n", "bench_nonsense"),
    "decorator": ("def bench_methods():\n    return []\n", "bench_methods lacks the @hookimpl decorator"),
    "exit": ("raise SystemExit(5)", "SystemExit: 5"),
}


def test_plugins_that_fail_are_set_aside(toy: Bench, tmp_path):
    for name, (source, _) in BAD_PLUGINS.items():
        install_plugin(tmp_path / "bad", f"bench-bad-{name}", f"bench_bad_{name}", source)
    toy.path.append(tmp_path / "bad")
    listing = toy("list", "plugins").stdout.splitlines()
    for name, (_, reason) in BAD_PLUGINS.items():
        (line,) = [line for line in listing if line.startswith(f"bench-bad-{name} 1.0")]
        assert "set aside" in line
        assert reason in line
    assert "shift" in toy("list", "methods").stdout
    toy.write("s.yaml", GOOD)
    assert toy("run", "s.yaml", "--dry-run").returncode == 0
    toy.write("s.yaml", GOOD.replace("shift", "method-of-a-bad-one"))
    said = toy("run", "s.yaml").stderr
    assert "set aside: " in said
    assert all(f"bench-bad-{name} 1.0" in said for name in BAD_PLUGINS)
    assert toy("doctor").returncode == 1
