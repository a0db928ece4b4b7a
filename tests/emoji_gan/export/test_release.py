"""A release: the same zip twice, its checksums, notes, and a tag in a bare repository."""

import hashlib
import io
import shutil
import subprocess
import sys
import zipfile

import pytest

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import __main__ as export
from emoji_gan.export import release
from emoji_gan.trained.source import open_trained
from tests.support import runs as runs_lib
from tests.support import tiny_model

VERSION = "0.2.0"
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Someone"), ("EMAIL", "someone@example.org"))
}


def git(folder, *arguments) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.safetensors")


@pytest.fixture
def checkout(tmp_path, model, monkeypatch):
    """A small checkout of one commit, as the project's is."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "checkout"
    (root / "models").mkdir(parents=True)
    shutil.copy(model, root / "models")
    for name in ("LICENSE", "NOTICE", "models/README.md", "models/LICENSE"):
        shutil.copy(runs_lib.ROOT / name, root / name)
    (root / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "{VERSION}"\n')
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "Begin")
    return root


def commit(root, subject):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", subject)


@pytest.fixture
def remote(tmp_path):
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    return bare


def publish(root, folder, remote=None) -> bytes:
    release.publish(root, VERSION, str(folder), remote and str(remote))
    return (folder / f"emoji_gan-models-{VERSION}.zip").read_bytes()


def test_a_release_is_the_same_bytes_twice_and_opens(checkout, tmp_path):
    first, second = (publish(checkout, tmp_path / name) for name in ("first", "second"))
    (checkout / "models" / "tiny.safetensors").touch()
    assert first == second == publish(checkout, tmp_path / "third")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(io.BytesIO(first)) as packed:
        names = packed.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name in names:
            packed.extract(name, unpacked)
    folder = unpacked / f"emoji_gan-models-{VERSION}"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert open_trained(str(folder / "models" / "tiny.safetensors")).config["method"] == "dcgan"
    assert (folder / "models" / "LICENSE").exists() and (folder / "NOTICE").exists()
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "first", check=True
    )


def test_notes_list_models_and_what_changed(checkout, tmp_path):
    notes = tmp_path / "a" / release.NOTES
    packed = publish(checkout, tmp_path / "a")
    text = notes.read_text()
    assert hashlib.sha256(packed).hexdigest() in text and "## First release" in text
    model = (checkout / "models" / "tiny.safetensors").read_bytes()
    assert f"| tiny.safetensors | dcgan | 16 | 8.0 | {len(model):,} | " in text
    assert hashlib.sha256(model).hexdigest() in text and git(checkout, "rev-parse", "HEAD") in text
    git(checkout, "tag", "--annotate", "v0.1.0", "--message", "Release 0.1.0")
    commit(checkout, "Draw hats")
    publish(checkout, tmp_path / "b")
    assert (
        (tmp_path / "b" / release.NOTES)
        .read_text()
        .endswith("## Changes since v0.1.0\n\n- Draw hats\n")
    )


def test_branch_and_tag_are_pushed(checkout, remote, tmp_path, capsys):
    publish(checkout, tmp_path / "out", remote)
    head = git(checkout, "rev-parse", "HEAD")
    assert git(remote, "rev-parse", "refs/heads/main") == head
    assert git(remote, "rev-parse", f"v{VERSION}^{{commit}}") == head
    assert git(remote, "cat-file", "-t", f"v{VERSION}") == "tag"
    assert f"gh release create v{VERSION}" in capsys.readouterr().out


def test_a_refused_push_leaves_no_tag(checkout, remote, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "--quiet", str(checkout), str(other)], check=True)
    commit(other, "Be first")
    git(other, "push", "--quiet", str(remote), "HEAD:refs/heads/main")
    with pytest.raises(UserError, match=r"git push: ! \[rejected\]"):
        publish(checkout, tmp_path / "a", remote)
    assert git(checkout, "tag") == git(remote, "tag") == ""
    with pytest.raises(UserError, match="git push: fatal:") as error:
        publish(checkout, tmp_path / "b", "file://me:a_secret@/nowhere.git")
    assert "secret" not in str(error.value)
    assert git(checkout, "tag") == ""


@pytest.mark.parametrize(
    ("version", "line"),
    [("1", "expected a version"), ("v0.2.0", "expected a version"), ("0.3.0", "says 0.2.0")],
)
def test_a_version_that_is_not_the_projects_is_refused(checkout, tmp_path, version, line):
    with pytest.raises(UserError, match=line):
        release.publish(checkout, version, str(tmp_path / "out"), None)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_released_is_refused(checkout, remote, tmp_path):
    def refused(line, folder, where=None):
        with pytest.raises(UserError, match=line) as error:
            publish(checkout, folder, where)
        assert "\n" not in str(error.value)

    refused("exists: give a new folder", tmp_path)
    notice = checkout / "NOTICE"
    notice.write_text("changed")
    refused("NOTICE has changes that are not committed", tmp_path / "a", remote)
    git(checkout, "checkout", "--quiet", "NOTICE")
    git(checkout, "tag", f"v{VERSION}")
    refused(f"the tag v{VERSION} exists", tmp_path / "b", remote)
    git(checkout, "tag", "--delete", f"v{VERSION}")
    git(checkout, "checkout", "--quiet", "--detach")
    refused("no branch is checked out", tmp_path / "c", remote)
    model = checkout / "models" / "tiny.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    refused("damaged", tmp_path / "d")
    model.unlink()
    refused("there is no model", tmp_path / "e")
    shutil.rmtree(checkout / ".git")
    refused("git rev-parse: fatal: not a git repository", tmp_path / "f")
    assert not [p for p in tmp_path.iterdir() if len(p.name) == 1]


def test_the_shipped_models_are_released(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    version = release.project_version(runs_lib.ROOT)
    monkeypatch.setattr(sys, "argv", ["export", f"--release={version}", f"--out={out}"])
    assert export.main() == errors.EXIT_OK
    with zipfile.ZipFile(out / f"emoji_gan-models-{version}.zip") as packed:
        names = {name.partition("/")[2] for name in packed.namelist()}
        shipped = {f"models/{p.name}" for p in (runs_lib.ROOT / "models").glob("*.safetensors")}
        assert names >= shipped | {"models/README.md", "LICENSE", "NOTICE", "SHA256SUMS"}
    assert f"written to {out}" in capsys.readouterr().out
