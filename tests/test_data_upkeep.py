"""`bench data`: files fetched, imported by content, verified; and what a run without its data says."""

import hashlib
import http.server
import json
import threading

import pytest

from harness.testing import install_plugin

WORDS = b"1 2 3\n"
OTHER_FORM = b"1,2,3\n"
UNPUBLISHED = b"7\n"

PLUGIN = """
from bench_toy import TOY
from harness import Dataset, File, Task, hookimpl
from files import SOURCES, UNPUBLISHED

@hookimpl
def bench_datasets():
    yield Dataset("words", "files:words", summary="three numbers", sources=SOURCES)
    yield Dataset("loose", "files:loose", sources=UNPUBLISHED)
    yield Dataset("made", "files:made")

@hookimpl
def bench_tasks():
    for name in ("words", "loose", "made"):
        yield Task("look-" + name, TOY, "files:Look_" + name, metrics=("distance",), datasets=(name,))
"""
FILES = """
from dataclasses import dataclass
from harness import File, Outputs

SOURCES = (
    (File("words.txt", {words!r}, {url!r} + "/words.txt", 6),),
    (File("words.csv", {other!r}),),
)
UNPUBLISHED = ((File("loose.txt"),),)

def words():
    import numpy as np
    from harness.download import located

    files = located("words", SOURCES)
    separator = " " if "words.txt" in files else ","
    return {{"numbers": np.loadtxt(next(iter(files.values())), delimiter=separator)}}

def loose():
    import numpy as np
    from harness.download import located

    return {{"numbers": np.loadtxt(located("loose", UNPUBLISHED)["loose.txt"], ndmin=1)}}

def made():
    import numpy as np

    return {{"numbers": np.ones(2)}}
"""
LOOK = """

@dataclass(frozen=True)
class Look_{name}:
    def run(self, build, context):
        x = float(context.data("{name}")["numbers"].sum())
        yield Outputs(split="test", step=1, prediction=build(x=x), target=0.0)
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(WORDS)))
        self.end_headers()
        self.wfile.write(WORDS)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def plugin(tmp_path_factory, url):
    folder = tmp_path_factory.mktemp("files")
    install_plugin(folder, "bench-files", "bench_files", PLUGIN)
    text = FILES.format(words=sha256(WORDS), other=sha256(OTHER_FORM), url=url)
    (folder / "files.py").write_text(text + "".join(LOOK.format(name=name) for name in ("words", "loose", "made")))
    return folder


@pytest.fixture
def user(toy, plugin, tmp_path, monkeypatch):
    """The command line with the plugin above and a data folder of its own."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "*")
    toy.path.append(plugin)
    return toy


def states(user):
    return {row["name"]: row["state"] for row in json.loads(user("data", "list", "--json").stdout)}


def score(user, name):
    user.write("s.yaml", f"tasks: [look-{name}]\nmethods: [shift]\n")
    done = user("run", "s.yaml")
    return done.returncode, done.stdout


def test_get_fetches_what_a_run_then_uses(user, tmp_path):
    assert states(user)["words"] == "missing"
    code, output = score(user, "words")
    assert code == 1
    wanted = (
        f"data set 'words' cannot be made: no words.txt in {tmp_path}/data: `bench data get words` fetches it, "
        "`bench data import words PATH` takes a local copy"
    )
    assert wanted in " ".join(output.split())
    done = user("data", "get", "words", "made")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "data" / "_downloads" / f"{sha256(WORDS)[:16]}-words.txt"
    assert done.stdout == f"{path}\nmade is generated: it needs no files\n"
    assert path.read_bytes() == WORDS
    assert states(user)["words"] == "here"
    code, output = score(user, "words")
    assert code == 0
    assert "distance 6" in output
    where = user("data", "where", "words").stdout.splitlines()
    assert where[0] == str(path)
    assert where[1].startswith(f"{tmp_path}/data/words/")
    assert user("data", "where").stdout == f"{tmp_path}/data\n"


def test_import_recognises_files_by_their_content(user, tmp_path):
    folder = tmp_path / "copies" / "deep"
    folder.mkdir(parents=True)
    (folder / "whatever").write_bytes(OTHER_FORM)
    (folder / "noise").write_bytes(b"noise")
    done = user("data", "import", "words", str(folder.parent))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path}/data/_downloads/{sha256(OTHER_FORM)[:16]}-words.csv\n"
    assert states(user)["words"] == "here"
    assert "distance 6" in score(user, "words")[1]
    assert user("data", "get", "words").stdout == done.stdout  # one form is enough


def test_file_without_a_published_digest(user, tmp_path):
    assert "no verified address serves loose.txt" in user("data", "get", "loose").stderr
    source = tmp_path / "loose.txt"
    source.write_bytes(UNPUBLISHED)
    assert user("data", "import", "loose", str(source)).returncode == 0
    assert "distance 7" in score(user, "loose")[1]
    source.write_bytes(b"9\n")  # a newer one takes the place of what was made of the older
    assert user("data", "import", "loose", str(source)).returncode == 0
    kept = tmp_path / "data" / "_downloads" / "loose-loose.txt"
    assert kept.read_bytes() == b"9\n"
    assert not (tmp_path / "data" / "loose").exists()
    kept.write_bytes(b"10\n")
    assert "has the sha256" in user("data", "verify").stdout


def test_verify_finds_damage(user, tmp_path):
    user("data", "get", "words")
    user.write("s.yaml", "tasks: [look-words]\nmethods: [shift]\n")
    user("data", "prepare", "s.yaml")
    done = user("data", "verify", "words")
    assert (done.returncode, done.stdout) == (0, "2 files and folders read, 0 damaged\n")
    (made,) = (tmp_path / "data" / "words").glob("*/numbers.npy")
    content = bytearray(made.read_bytes())
    content[-1] ^= 1
    made.write_bytes(content)
    (raw,) = (tmp_path / "data" / "_downloads").glob("*-words.txt")
    raw.write_bytes(b"1 2 4\n")
    done = user("data", "verify")
    assert done.returncode == 1
    assert "has the sha256" in done.stdout
    assert f"{made.parent} holds other values than when it was made" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "wrods"], "did you mean 'words'?"),
        (["import", "words", "nowhere"], "nowhere does not exist"),
        (["import", "made", "."], "data set 'made' is generated: it needs no files"),
        (["import", "words", "empty"], "needs words.txt or words.csv; empty is not enough: nothing there"),
    ],
)
def test_mistakes_are_one_line(user, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    done = user("data", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith("bench: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_s_name_follows_the_rule(user, tmp_path):
    source = """
from harness import Dataset, File, hookimpl

@hookimpl
def bench_datasets():
    yield Dataset("evil", "files:words", sources=((File("../evil"),),))
"""
    install_plugin(tmp_path / "evil", "bench-evil", "bench_evil", source)
    user.path.append(tmp_path / "evil")
    assert "brings the file '../evil'" in user("list", "plugins").stdout
