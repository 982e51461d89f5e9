"""Downloads from a server in the test: believed by their sha256 only, whatever the server does."""

import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import download as module
from harness.download import download
from harness.errors import DataError
from harness.testing import install_plugin

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()


SIZE = {"content_length": str(len(CONTENT))}
CHUNKED = {"transfer_encoding": "chunked"}
CHUNKS = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (CONTENT[:1000], CONTENT[1000:], b""))
ANSWERS = {  # by the first part of the path: body, status, headers
    "plain": (CONTENT, 200, SIZE),
    "unsized": (CONTENT, 200, {}),
    "chunks": (CHUNKS, 200, CHUNKED),
    "open": (CONTENT, 200, SIZE),
    "long": (CONTENT + b"more", 200, SIZE),
    "cut": (CONTENT[:1000], 200, SIZE),
    "cut-chunks": (CHUNKS[:1100], 200, CHUNKED),
    "missing": (b"nothing here", 404, {}),
    "loop": (b"", 302, {"location": "/loop/x"}),
    "stuck": (CONTENT[:1000], 200, SIZE),
    "endless": (b"", 200, {}),
}


class Handler(BaseHTTPRequestHandler):
    """Answers as above, to /to/<status>/<address> by leading there, and to anything else not at all."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind, *rest = self.path.strip("/").split("/", 2)
        if kind in ANSWERS:
            body, status, headers = ANSWERS[kind]
            self.answer(body, status, **headers)
        elif kind == "to":
            self.answer(b"", int(rest[0]), location=rest[1])
        elif kind == "nonsense":
            self.wfile.write(b"what?\r\n\r\n")
        elif kind == "ranged":
            self.answer_range(int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1]))
        if kind in ("open", "stuck", "silent"):
            self.server.released.wait(30)
        while kind == "endless" and not self.server.released.wait(0.01):
            self.wfile.write(b"x")

    def answer_range(self, begin):
        self.server.begins.append(begin)
        if begin >= len(CONTENT):
            self.answer(b"", 416)
        else:
            where = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
            self.answer(CONTENT[begin:], 206, content_length=str(len(CONTENT) - begin), content_range=where)

    def answer(self, body, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that has had enough


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as found:
        found.asked, found.begins, found.released = [], [], threading.Event()
        found.url = f"http://127.0.0.1:{found.server_address[1]}"
        thread = threading.Thread(target=found.serve_forever, args=[0.01])
        thread.start()
        yield found
        found.released.set()
        found.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where downloads lie."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "data" / "_downloads"


def refusal(url, sha256=SHA256, **options):
    with pytest.raises(DataError) as caught:
        download(url, sha256=sha256, **options)
    return str(caught.value)


def left(folder):
    """Whatever lies among the downloads, but for locks."""
    return [path.name for path in folder.iterdir() if not path.name.endswith(".lock")] if folder.exists() else []


def part(folder):
    """What is kept of a transfer that was broken off."""
    return folder / f".{SHA256[:16]}-x.part"


@pytest.mark.parametrize("kind", ["plain", "chunks", "unsized", "long", "open"])
def test_file_is_fetched_once(server, folder, kind):
    path = download(f"{server.url}/{kind}/words.bin?from=here#there", sha256=SHA256)
    assert path == folder / f"{SHA256[:16]}-words.bin"
    assert path.read_bytes() == CONTENT
    assert download(f"{server.url}/{kind}/words.bin", sha256=SHA256) == path
    assert len(server.asked) == 1
    assert left(folder) == [path.name]


def test_name_of_its_own(server, folder):
    assert download(f"{server.url}/plain/", sha256=SHA256, name="mine.txt") == folder / f"{SHA256[:16]}-mine.txt"


def test_redirect(server):
    assert download(f"{server.url}/to/302/{server.url}/plain/x", sha256=SHA256).read_bytes() == CONTENT


def test_wrong_digest(server, folder):
    url = f"{server.url}/plain/x"
    assert refusal(url, OTHER) == f"{url} gave a file with the sha256 {SHA256}, not {OTHER}; it is deleted"
    assert left(folder) == []


def test_two_digests_that_begin_alike_are_two(server):
    path = download(f"{server.url}/plain/x", sha256=SHA256)
    alike = SHA256[:16] + OTHER[16:]
    assert refusal(f"{server.url}/plain/x", alike) == (
        f"{path} has the sha256 {SHA256}, not {alike}; delete it, and it is fetched again"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cut", f"it ended after 1000 of {len(CONTENT)} bytes"),
        ("cut-chunks", "IncompleteRead"),
        ("missing", "404"),
        ("loop", "infinite loop"),
        ("nonsense", "what?"),
        ("silent", "timed out"),
        ("stuck", "timed out"),
        ("endless", "not at its end after"),
    ],
)
def test_server_that_fails(server, folder, monkeypatch, kind, words):
    monkeypatch.setattr(module, "SILENCE", 0.5)
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    url = f"{server.url}/{kind}/x"
    message = refusal(url)
    assert message.startswith(f"{url} cannot be fetched: ")
    assert words in message
    assert message.endswith(f"; the file, obtained otherwise, may be put at {folder}/{SHA256[:16]}-x")
    assert set(left(folder)) <= {part(folder).name}
    assert download(f"{server.url}/plain/x", sha256=SHA256).exists()  # nothing stands in the way afterwards


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scheme", ["file:", "FILE:", "ftp:", "data:", "gopher:"])
def test_redirect_away_from_http(server, folder, tmp_path, status, scheme):
    (tmp_path / "secret").write_bytes(CONTENT)
    for slashes in ("", "//", "//localhost"):
        message = refusal(f"{server.url}/to/{status}/{scheme}{slashes}{tmp_path}/secret")
        assert scheme in message
        assert "not allowed" in message or "it is no address of http or https" in message
    assert left(folder) == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "FILE:///etc/hostname",
        " file:///etc/hostname",
        "fi\nle:///etc/hostname",
        "URL:file:///etc/hostname",
        "<file:///etc/hostname>",
        "file://localhost/etc/hostname",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "/etc/hostname",
        "hostname",
        "",
        "http://[::1/x",
        "javascript:x",
    ],
)
@pytest.mark.parametrize("name", ["", "x"])
def test_address_of_another_kind(folder, url, name):
    message = refusal(url, name=name)
    assert message.startswith(repr(url))
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    "url", ["http:///x", "http:x", "http://127.0.0.1:port/x", "http://127.0.0.1:1/a b/x", "http://\x1bc\x07/x"]
)
def test_address_that_leads_nowhere(folder, url):
    message = refusal(url)
    assert "cannot be fetched: " in message
    assert message.isprintable()
    assert left(folder) == []


@pytest.mark.parametrize("name", ["../x", "..", ".", "/x", "a/b", "a\\b", "-x", ".x", "x\n", "a b", "é", "x" * 101])
def test_name_that_is_no_file_name(folder, name):
    message = refusal("http://127.0.0.1:1/x", name=name)
    assert message.startswith(f"http://127.0.0.1:1/x: its file cannot be called {name!r}, since a name is ")
    assert not folder.parent.exists()


@pytest.mark.parametrize("url", ["", "/", "/a/..", "/..%2Fx", "/a/%2e%2e", "/-x"])
def test_address_that_gives_no_file_name(folder, url):
    assert "its file cannot be called" in refusal("http://127.0.0.1:1" + url)
    assert not folder.parent.exists()


@pytest.mark.parametrize("sha256", ["", "x", SHA256[:-1], SHA256 + "\n", SHA256.upper(), "../" + SHA256[3:], "é" * 64])
def test_digest_that_is_none(folder, sha256):
    assert "is no sha256" in refusal("http://127.0.0.1:1/x", sha256)
    assert not folder.parent.exists()


def test_file_put_there_by_hand_needs_no_network(folder):
    url = "http://127.0.0.1:1/x"  # nobody listens
    message = refusal(url)
    place = message.rpartition(" may be put at ")[2]
    with open(place, "wb") as file:
        file.write(CONTENT)
    assert download(url, sha256=SHA256).read_bytes() == CONTENT


def test_file_put_there_by_hand_is_verified(folder):
    folder.mkdir(parents=True)
    path = folder / f"{SHA256[:16]}-x"
    path.write_bytes(b"another")
    message = refusal("http://127.0.0.1:1/x")
    assert message == f"{path} has the sha256 {OTHER}, not {SHA256}; delete it, and it is fetched again"
    assert path.exists()  # it is not ours to delete
    assert refusal("http://127.0.0.1:1/x") == message


def test_file_that_changes_is_verified_again(server):
    url = f"{server.url}/plain/x"
    path = download(url, sha256=SHA256)
    path.write_bytes(b"another")
    os.utime(path, ns=(0, 0))
    assert "has the sha256" in refusal(url)
    path.unlink()
    assert download(url, sha256=SHA256).read_bytes() == CONTENT


def test_folder_in_place_of_the_file(folder):
    (folder / f"{SHA256[:16]}-x").mkdir(parents=True)
    assert "cannot be kept as" in refusal("http://127.0.0.1:1/x")


def test_link_that_leads_nowhere_is_replaced_and_not_followed(server, folder, tmp_path):
    folder.mkdir(parents=True)
    for name in (f"{SHA256[:16]}-x", f".{SHA256[:16]}-x.part"):
        (folder / name).symlink_to(tmp_path / "elsewhere")
    path = download(f"{server.url}/plain/x", sha256=SHA256)
    assert path.is_file()
    assert not path.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_dead_process_has_left_is_written_over(server, folder):
    folder.mkdir(parents=True)
    (folder / f".{SHA256[:16]}-x.part").write_bytes(CONTENT * 2)
    assert download(f"{server.url}/plain/x", sha256=SHA256).read_bytes() == CONTENT
    assert left(folder) == [f"{SHA256[:16]}-x"]


def test_broken_transfer_goes_on_where_it_was(server, folder):
    assert "it ended after 1000 of" in refusal(f"{server.url}/cut/x")
    assert part(folder).read_bytes() == CONTENT[:1000]
    assert "it ended after 1000 of" in refusal(f"{server.url}/cut/x")  # a server that does not know ranges begins anew
    seen = []
    path = download(f"{server.url}/ranged/x", sha256=SHA256, progress=lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert server.begins == [1000]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert left(folder) == [path.name]


def test_whole_transfer_that_was_never_renamed_is_not_asked_for_again(server, folder):
    folder.mkdir(parents=True)
    part(folder).write_bytes(CONTENT)
    assert download(f"{server.url}/ranged/x", sha256=SHA256).read_bytes() == CONTENT
    assert server.asked == []


def test_rest_of_another_file(server, folder):
    folder.mkdir(parents=True)
    part(folder).write_bytes(b"another" * 100)
    assert "it is deleted" in refusal(f"{server.url}/ranged/x")
    assert left(folder) == []
    part(folder).write_bytes(CONTENT * 2)  # more than there is: the server has no such range
    assert download(f"{server.url}/ranged/x", sha256=SHA256).read_bytes() == CONTENT
    assert server.begins == [700, 2 * len(CONTENT), 0]


def test_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "data").write_text("a file")
    message = refusal(f"{server.url}/plain/x")
    assert "cannot be kept as" in message
    assert message.endswith("set BENCH_DATA to another folder")


def test_processes_at_once_fetch_once(server):
    program = f"from harness.download import download; print(download({server.url + '/plain/x'!r}, sha256={SHA256!r}))"
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate(timeout=600)[0] for process in processes}) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(server.asked) == 1


PLUGIN = """
from harness import Dataset, Task, hookimpl
from bench_toy import TOY

def fetched(*, count: int = 3):
    import numpy as np
    from harness.archive import unpack
    from harness.download import download

    archive = download({url!r}, sha256={sha256!r})
    folder = unpack(archive, archive.with_name("unpacked"))
    return {{"numbers": np.loadtxt(folder / "numbers.txt", ndmin=1)[:count]}}

@hookimpl
def bench_datasets():
    yield Dataset("fetched", "bench_web:fetched")

@hookimpl
def bench_tasks():
    yield Task("look", TOY, "bench_web:Look", metrics=("distance",), datasets=("fetched",))
"""
LOOK = """
from dataclasses import dataclass
from harness import Outputs

@dataclass(frozen=True)
class Look:
    def run(self, build, context):
        x = float(context.data("fetched")["numbers"].sum())
        yield Outputs(split="test", step=1, prediction=build(x=x), target=0.0)
"""


def test_data_set_of_a_plugin_without_a_network(toy, tmp_path, monkeypatch):
    """The run fails with a reason that says what to do, and doing it makes the same command succeed."""
    with zipfile.ZipFile(content := io.BytesIO(), "w") as file:
        file.writestr("numbers.txt", "1\n2\n3\n")
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    source = PLUGIN.format(url="http://127.0.0.1:1/numbers.zip", sha256=sha256) + LOOK
    install_plugin(tmp_path / "web", "bench-web", "bench_web", source)
    toy.path.append(tmp_path / "web")
    toy.write("s.yaml", "tasks: [look]\nmethods: [shift]\n")
    done = toy("run", "s.yaml")
    assert done.returncode == 1, done.stderr
    place = tmp_path / "data" / "_downloads" / f"{sha256[:16]}-numbers.zip"
    assert f"the file, obtained otherwise, may be put at {place}" in done.stdout
    place.write_bytes(content.getvalue())
    done = toy("run", "s.yaml")
    assert done.returncode == 0, done.stdout
    assert "distance 6" in done.stdout
