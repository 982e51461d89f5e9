"""Archives built in the test, of which nothing may reach beyond the folder that they are unpacked into."""

import gzip
import io
import os
import random
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile

import pytest

from harness import archive as module
from harness.archive import unpack
from harness.errors import DataError

GOOD = {"a.txt": b"first", "folder/b.bin": bytes(range(256)) * 100, "folder/deep/c": b"", "names/é ü.txt": b"x"}


@pytest.fixture
def folder(tmp_path):
    """Where archives are unpacked; nothing else may appear beside it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "unpacked"


def tar(path, members, mode="w", **options):
    """Write a tar archive of (name, content) or TarInfo."""
    with tarfile.open(path, mode, **options) as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member, io.BytesIO(b"x" * member.size))
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
    return path


def odd(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(path, members, compression=zipfile.ZIP_STORED):
    """Write a zip archive of (name, content) or (name, content, mode)."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content, *mode in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, compression  # as it is: the constructor would mend it
            info.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            file.writestr(info, content)
    return path


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything(folder):
    """Whatever lies around a folder, but for locks."""
    return sorted(path for path in folder.parent.parent.rglob("*") if path.suffix != ".lock")


def refusal(archive, folder):
    """Return the refusal of an archive, of which nothing is left anywhere."""
    before = everything(folder)
    with pytest.raises(DataError) as caught:
        unpack(archive, folder)
    assert everything(folder) == before
    message = str(caught.value)
    assert message.startswith(str(archive))
    assert message.isprintable()
    return message


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar(tmp_path, folder, mode, form):
    archive = tar(tmp_path / "x", GOOD.items(), mode, format=form)
    assert unpack(archive, folder) == folder
    assert content(folder) == GOOD
    assert set(os.listdir(folder.parent)) == {".unpacked.lock", "unpacked"}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip(tmp_path, folder, compression):
    unpack(zipped(tmp_path / "x", GOOD.items(), compression), folder)
    assert content(folder) == GOOD


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_as_the_usual_tools_make_it(tmp_path, folder):
    """With entries for the folders, `.` among them, and some of them twice."""
    (tmp_path / "in" / "empty").mkdir(parents=True)
    (tmp_path / "in" / "a").write_text("a")
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.add(tmp_path / "in", ".")
        file.add(tmp_path / "in" / "empty", "./empty/")
    unpack(tmp_path / "x.tar", folder)
    assert content(folder) == {"a": b"a"}
    assert (folder / "empty").is_dir()
    other = folder.with_name("other")
    unpack(zipped(tmp_path / "x.zip", [("./", b""), ("empty/", b"", 0), ("empty/", b"", 0), ("a", b"a", 0)]), other)
    assert content(other) == {"a": b"a"}
    assert (other / "empty").is_dir()


def test_modes_owners_and_times_are_not_taken(tmp_path, folder):
    info = tarfile.TarInfo("tool")
    info.mode, info.uid, info.mtime = 0o6777, 12345, 0
    unpack(tar(tmp_path / "x", [info]), folder)
    found = (folder / "tool").stat()
    assert found.st_mode & 0o7111 == 0
    assert found.st_uid == os.getuid()
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("before", [[], [("good", b"good")]])
@pytest.mark.parametrize("build", [tar, zipped])
@pytest.mark.parametrize(
    "name",
    [
        "/tmp/evil",
        "//evil",
        "///",
        "..",
        "../evil",
        "../../evil",
        "a/../../evil",
        "a/..",
        "./../evil",
        "a/b/../c",
        "../unpacked/evil",
        "..\\evil",
        "a\\b",
        "\\evil",
        "C:evil",
        "C:/evil",
        "c:\\evil",
        "\\\\server\\share\\evil",
        "../",
        "/",
        "a/../",
        "evil\x1b]0;x\x07/../..",
    ],
)
def test_member_that_lies_elsewhere(tmp_path, folder, build, name, before):
    message = refusal(build(tmp_path / "x", [*before, (name, b"evil")]), folder)
    assert "is refused: its member " in message
    assert message.endswith("does not name a place below the folder")


@pytest.mark.parametrize("name", ["", ".", "./.", "a" * 5000, "a/" * 5000 + "b"])
def test_member_without_a_usable_name(tmp_path, folder, name):
    assert "has no name that a file can have" in refusal(tar(tmp_path / "x", [(name, b"evil")]), folder)


def test_name_that_the_system_cannot_store(tmp_path, folder):
    assert "cannot be unpacked into" in refusal(tar(tmp_path / "x", [("good", b""), ("a" * 300, b"")]), folder)


def test_name_with_a_nought_in_it(tmp_path, folder):
    info = tarfile.TarInfo("x")
    info.pax_headers = {"path": "a\0b"}
    message = refusal(tar(tmp_path / "x", [info], format=tarfile.PAX_FORMAT), folder)
    assert message.endswith("its member 'a\\x00b' does not name a place below the folder")


def test_extended_header_with_a_name_that_lies_elsewhere(tmp_path, folder):
    info = tarfile.TarInfo("innocent")
    info.pax_headers = {"path": "../evil"}
    assert "'../evil'" in refusal(tar(tmp_path / "x", [info], format=tarfile.PAX_FORMAT), folder)


LINKS = {
    "symbolic": odd("l", tarfile.SYMTYPE, "a"),
    "symbolic, absolute": odd("l", tarfile.SYMTYPE, "/etc"),
    "symbolic, up": odd("l", tarfile.SYMTYPE, "../.."),
    "hard": odd("l", tarfile.LNKTYPE, "a"),
    "hard, absolute": odd("l", tarfile.LNKTYPE, "/etc/passwd"),
}
DEVICES = {
    "fifo": odd("l", tarfile.FIFOTYPE),
    "character device": odd("l", tarfile.CHRTYPE),
    "block device": odd("l", tarfile.BLKTYPE),
    "unknown": odd("l", b"Z"),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_in_a_tar_archive(tmp_path, folder, name):
    members = [("a", b"a"), LINKS[name], ("l/evil", b"evil")]
    assert refusal(tar(tmp_path / "x", members), folder).endswith("is refused: its member 'l' is a link")


@pytest.mark.parametrize("last", [("../evil", b""), ("/evil", b""), ("a", b""), *LINKS.values(), *DEVICES.values()])
def test_nothing_is_written_before_the_last_member_is_known(tmp_path, folder, monkeypatch, last):
    written = []
    monkeypatch.setattr(module, "_write", lambda member, path: written.append(path))
    refusal(tar(tmp_path / "x", [("a", b"a"), last]), folder)
    assert written == []


@pytest.mark.parametrize("name", DEVICES)
def test_other_than_files_in_a_tar_archive(tmp_path, folder, name):
    message = refusal(tar(tmp_path / "x", [("a", b"a"), DEVICES[name]]), folder)
    assert message.endswith("is refused: its member 'l' is neither a file nor a folder")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (stat.S_IFLNK, "a link"),
        (stat.S_IFIFO, "neither a file nor a folder"),
        (stat.S_IFCHR, "neither a file nor a folder"),
        (stat.S_IFSOCK, "neither a file nor a folder"),
    ],
)
@pytest.mark.parametrize("name", ["l", "l/"])
def test_link_and_device_in_a_zip_archive(tmp_path, folder, kind, words, name):
    archive = zipped(tmp_path / "x", [("a", b"a"), (name, b"/etc", kind | 0o777)])
    assert refusal(archive, folder).endswith(f"is refused: its member '{name}' is {words}")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("build", [tar, zipped])
@pytest.mark.parametrize(
    "names", [["a", "a"], ["a", "./a"], ["d/a", "d//a"], ["a", "a/b"], ["a/b", "a"], ["a/b/c", "a/b"]]
)
def test_member_in_the_place_of_another(tmp_path, folder, build, names):
    message = refusal(build(tmp_path / "x", [(name, b"x") for name in names]), folder)
    assert message.endswith("would be written twice") or message.endswith("which is a file")


@pytest.mark.parametrize("order", [1, -1])
def test_folder_in_the_place_of_a_file(tmp_path, folder, order):
    members = [("a", b"x"), odd("a", tarfile.DIRTYPE)][::order]
    assert refusal(tar(tmp_path / "x", members), folder).endswith("would be written twice")


@pytest.mark.parametrize("build", [tar, zipped])
def test_more_than_is_believed(tmp_path, folder, build, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100)
    unpack(build(tmp_path / "fits", [("a", b"x" * 60), ("b", b"x" * 40)]), folder)
    archive = build(tmp_path / "x", [("a", b"x" * 60), ("b", b"x" * 41)])
    assert "its member 'b' brings the whole to 101 bytes" in refusal(archive, folder.with_name("other"))


def header(**facts):
    """Return a member's header with facts that `addfile` would not write."""
    info = tarfile.TarInfo("bomb")
    for key, value in facts.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def test_claim_of_a_size_that_is_not_there(tmp_path, folder):
    (tmp_path / "x").write_bytes(header(size=2**60))
    assert "brings the whole to" in refusal(tmp_path / "x", folder)


def test_claim_of_a_size_below_nothing(tmp_path, folder):
    """Read on its own, such a header sends Python's tarfile in circles."""
    block = bytearray(header(size=0))
    block[124:136] = b"\xff" * 10 + struct.pack(">h", -512)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "x").write_bytes(bytes(block) * 3)
    assert refusal(tmp_path / "x", folder).endswith("'bomb' has less than no content")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_that_was_cut_off_or_spoilt(tmp_path, folder, mode):
    noise = random.Random(0).randbytes(100_000)
    whole = tar(tmp_path / "x", [("a", noise), ("b", noise)], mode).read_bytes()
    for size in (0, 1, 100, 600, len(whole) // 4, len(whole) // 2):
        (tmp_path / "x").write_bytes(whole[:size])
        refusal(tmp_path / "x", folder)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar_whose_second_header_is_damaged(tmp_path, folder, mode):
    """Python's tarfile takes that for the end."""
    whole = tar(tmp_path / "x", [("a", b"a"), ("b", b"b")]).read_bytes()
    for spoilt in (whole[:1024] + b"!" + whole[1025:], whole[:1024], whole[:1500]):
        with (gzip.open if mode == "w:gz" else open)(tmp_path / "x", "wb") as file:
            file.write(spoilt)
        assert refusal(tmp_path / "x", folder).endswith("its end is missing")


def test_zip_that_was_cut_off_or_spoilt(tmp_path, folder):
    noise = random.Random(0).randbytes(1000)
    whole = zipped(tmp_path / "x", [("a", noise), ("b", noise)], zipfile.ZIP_DEFLATED).read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "x").write_bytes(whole[:size])
        refusal(tmp_path / "x", folder)
    for spoilt in (whole[:500] + b"!" + whole[501:], whole.replace(b"PK\x03\x04", b"PK\x03\x05")):
        (tmp_path / "x").write_bytes(spoilt)
        refusal(tmp_path / "x", folder)


def test_zip_whose_two_names_of_a_member_differ(tmp_path, folder):
    whole = zipped(tmp_path / "x", [("name", b"x")]).read_bytes()
    (tmp_path / "x").write_bytes(whole.replace(b"name", b"/etc", 1))
    refusal(tmp_path / "x", folder)


def test_zip_that_holds_more_than_it_says(tmp_path, folder):
    whole = zipped(tmp_path / "x", [("a", b"x" * 1000)], zipfile.ZIP_DEFLATED).read_bytes()
    (tmp_path / "x").write_bytes(whole.replace(struct.pack("<L", 1000), struct.pack("<L", 10)))
    refusal(tmp_path / "x", folder)


def test_zip_that_wants_a_password(tmp_path, folder):
    whole = bytearray(zipped(tmp_path / "x", [("a", b"x")]).read_bytes())
    whole[6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x").write_bytes(whole)
    assert "password" in refusal(tmp_path / "x", folder)


@pytest.mark.parametrize("text", [b"", b"hello", b"\x1f\x8b", b"PK\x05\x06", b"PK", random.Random(1).randbytes(5000)])
def test_what_is_no_archive(tmp_path, folder, text):
    (tmp_path / "x").write_bytes(text)
    refusal(tmp_path / "x", folder)


def test_random_damage_is_an_error_or_harmless(tmp_path, folder):
    """Whatever bytes change, unpacking ends in DataError or in files below the folder."""
    draw = random.Random(2)
    for build in (tar, zipped):
        whole = build(tmp_path / "x", list(GOOD.items())[:2]).read_bytes()
        for i in range(150):
            spoilt = bytearray(whole)
            for _ in range(draw.randint(1, 6)):
                spoilt[draw.randrange(min(len(whole), 2000))] = draw.randrange(256)
            (tmp_path / "x").write_bytes(spoilt)
            place = folder.with_name(f"{build.__name__}{i}")
            try:
                unpack(tmp_path / "x", place)
            except DataError:
                assert not place.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"x", "place"}


def test_archive_that_is_missing(tmp_path, folder):
    assert "No such file" in refusal(tmp_path / "x", folder)


def test_tar_that_ends_in_a_zip_is_a_tar(tmp_path, folder):
    inner = zipped(tmp_path / "inner.zip", [("evil", b"evil")]).read_bytes()
    unpack(tar(tmp_path / "x", [("a", b"a"), ("inner.zip", inner)]), folder)
    assert content(folder) == {"a": b"a", "inner.zip": inner}


def test_folder_that_is_filled_is_left_as_it_is(tmp_path, folder):
    archive = tar(tmp_path / "x", GOOD.items())
    unpack(archive, folder)
    archive.unlink()
    assert unpack(archive, folder) == folder
    assert content(folder) == GOOD


def test_empty_folder_is_filled(tmp_path, folder):
    folder.mkdir()
    assert content(unpack(tar(tmp_path / "x", GOOD.items()), folder)) == GOOD


def test_folders_above_are_made(tmp_path, folder):
    assert content(unpack(tar(tmp_path / "x", GOOD.items()), folder / "new" / "one")) == GOOD


def test_file_in_place_of_the_folder(tmp_path, folder):
    folder.write_text("mine")
    refusal(tar(tmp_path / "x", GOOD.items()), folder)
    assert folder.read_text() == "mine"


def test_what_a_dead_process_has_left_is_cleared(tmp_path, folder):
    aside = folder.with_name(".unpacked.part")
    aside.mkdir()
    (aside / "half").write_text("half")
    assert content(unpack(tar(tmp_path / "x", GOOD.items()), folder)) == GOOD


def test_link_in_place_of_the_temporary_folder_is_not_followed(tmp_path, folder):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    folder.with_name(".unpacked.part").symlink_to(tmp_path / "precious")
    with pytest.raises(DataError):
        unpack(tar(tmp_path / "x", GOOD.items()), folder)
    assert content(tmp_path / "precious") == {"file": b"mine"}


def test_processes_at_once(tmp_path, folder):
    archive = tar(tmp_path / "x", GOOD.items())
    program = "import sys, pathlib, harness.archive; harness.archive.unpack(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", program, archive, folder]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(240) for process in processes] == [0, 0, 0]
    assert content(folder) == GOOD
