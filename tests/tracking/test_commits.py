"""What a user means by commits."""

import pytest

from harness.errors import BenchError
from harness.tracking import commits


@pytest.fixture
def history(repository):
    """A history of four commits, of which a side branch brought one."""
    hashes = [repository.commit("one"), repository.commit("two")]
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit("aside")
    repository.git("checkout", "--quiet", "main")
    hashes.append(repository.commit("three"))
    repository.git("merge", "--quiet", "--no-ff", "--message=merged", "side")
    repository.git("tag", "--annotate", "--message=a tag", "v1", hashes[1])
    return [*hashes, repository.git("rev-parse", "HEAD")]


def found(repository, *names):
    return [commit.hash for commit in commits.resolve(repository.folder, names)]


def test_names(repository, history):
    one, two, three, merged = history
    assert found(repository, "HEAD") == [merged]
    assert found(repository, "main~1", two[:8], "v1") == [three, two]  # each once
    assert found(repository, one) == [one]
    assert str(commits.resolve(repository.folder, ["v1"])[0]) == f"{two[:8]} two"


def test_a_range_is_oldest_first_and_of_first_parents(repository, history):
    assert found(repository, "HEAD~3..") == history[1:]
    assert found(repository, "HEAD~3..HEAD~1", "HEAD~2..HEAD") == history[1:]


@pytest.mark.parametrize("name", ["nonsense", "HEAD~99", "deadbeef", "nonsense..HEAD", "--all", "", "HEAD:file"])
def test_unknown(repository, history, name):
    with pytest.raises(BenchError, match="has no commit"):
        found(repository, name)


def test_empty_range(repository, history):
    with pytest.raises(BenchError, match="holds no commit"):
        found(repository, "HEAD..HEAD~1")


def test_no_repository(tmp_path):
    with pytest.raises(BenchError, match="in no git repository"):
        commits.repository(tmp_path)


def test_the_variables_of_a_git_hook_do_not_lead_elsewhere(repository, history, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert [commit.subject for commit in commits.resolve(repository.folder, ["HEAD~1"])] == ["three"]


def test_uncommitted(repository, history):
    repository.write("new/file.py", "")
    assert commits.uncommitted(repository.folder) == ["new/file.py"]
