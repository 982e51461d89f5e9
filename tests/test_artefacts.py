"""Arrays that runs leave beside their rows: written whole, read without executing anything, moved with their runs."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from harness import artefacts, upkeep
from harness.errors import ResultsError
from harness.results import Results
from harness.testing import install_plugin

PLUGIN = """
from dataclasses import dataclass
from harness import Outputs, Task, hookimpl
from bench_toy import TOY

@dataclass(frozen=True)
class Keeps:
    size: int = 3
    def run(self, build, context):
        import numpy as np
        context.keep("fields", first=np.zeros(self.size))
        context.keep("fields", first=np.full(self.size, build(x=2.0)), second=[1, 2])
        yield Outputs(split="test", step=1, prediction=0.0, target=1.0)

@hookimpl
def bench_tasks():
    yield Task("keeps", TOY, "bench_keeps:Keeps", metrics=("distance",))
"""


def test_what_a_run_keeps_is_found_in_its_results(toy):
    install_plugin(toy.folder / "plugins", "bench-keeps", "bench_keeps", PLUGIN)
    toy.path.append(toy.folder / "plugins")
    toy.write("s.yaml", "tasks: [keeps, {task: keeps, params: {size: 600000}}]\nmethods: [shift]\n")
    done = toy("run", "s.yaml")
    assert done.returncode == 1
    assert "the artefact 'fields' has 4800000 bytes, and 4194304 is the most" in done.stdout
    results = Results.load(toy.folder / "results" / "s")
    run = results.runs.set_index("status")["run"]["done"]
    kept = results.only([run]).artefact(run, "fields")
    assert kept["first"].tolist() == [2.0, 2.0, 2.0]
    assert kept["second"].tolist() == [1, 2]
    assert results.artefact(run, "others") is None
    assert toy("results", "verify", "s").returncode == 0


def test_what_is_no_small_array_of_numbers_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    for name, arrays in (("../b", {"x": [1]}), ("b", {"x": ["text"]}), ("b", {"x": [object()]})):
        with pytest.raises(ValueError, match="artefact"):
            artefacts.write(path, name, arrays)
    assert list(tmp_path.iterdir()) == []


def test_whatever_byte_is_changed_nothing_but_damage_is_raised(tmp_path):
    path = tmp_path / "a.npz"
    artefacts.write(path, "a", {"x": np.arange(40.0)})
    whole, damaged = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            artefacts.read(path)
        except ResultsError:
            damaged += 1
    assert damaged > len(whole) / 2


def test_an_array_that_seems_huge_is_damage(tmp_path):
    path = tmp_path / "a.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**58,)})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", header.getvalue())
    with pytest.raises(ResultsError, match=r"a\.npz: damaged"):
        artefacts.read(path)


class Trap:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("kind", ["pickle", "cut", "flipped", "large"])
def test_damaged_and_foreign_files_are_named(tmp_path, kind, capsys):
    path = artefacts.path_of(tmp_path, "a" * 12, "fields")
    artefacts.write(path, "fields", {"x": np.random.default_rng(0).random(1000)})
    content = path.read_bytes()
    if kind == "pickle":
        np.savez(path, x=np.array([Trap()], dtype=object))
    elif kind == "large":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("x.npy", bytes(2 * artefacts.MOST))
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    with pytest.raises(ResultsError, match=r"a-fields\.npz"):
        artefacts.read(path)
    path.with_name("b.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ResultsError):
        artefacts.read(path.with_name("b.npz"))
    assert capsys.readouterr().out == ""


def test_merge_and_verify_look_after_them(folder, tmp_path, ended):
    other = tmp_path / "others" / "s"
    ended(folder, "a", "b")
    ended(other, "b", "c")
    for place, run in ((folder, "a"), (folder, "b"), (other, "b")):
        artefacts.write(artefacts.path_of(place, run, "fields"), "fields", {"x": [ord(run)], "in": [len(str(place))]})
    upkeep.merge(other, folder)
    assert {run for run, _ in artefacts.of(other)} == {"a", "b"}
    assert artefacts.read(artefacts.path_of(other, "a", "fields"))["x"] == [97]
    assert artefacts.read(artefacts.path_of(other, "b", "fields"))["in"] == [len(str(other))]  # its own
    assert upkeep.verify(other).problems == []
    artefacts.path_of(other, "a", "fields").write_bytes(b"")
    assert "a-fields.npz: damaged" in upkeep.verify(other).problems[0]
