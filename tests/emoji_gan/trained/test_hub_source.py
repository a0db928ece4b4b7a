"""Models from the Hub: by commit and hash, from the cache afterwards, mistakes in one line."""

import hashlib
import os
import pathlib
import subprocess
import sys

import pytest

from emoji_gan.errors import UserError
from emoji_gan.trained import hub_source
from emoji_gan.trained.source import is_model_file, open_trained
from tests.support import hub_stub, tiny_model
from tests.support import runs as runs_lib

NAME = "someone/tiny"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> bytes:
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.safetensors").read_bytes()


def files_of(model: bytes) -> dict[str, bytes]:
    sums = f"{hashlib.sha256(model).hexdigest()}  {hub_source.MODEL}\n"
    return {hub_source.MODEL: model, hub_source.SUMS: sums.encode()}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    stub = hub_stub.started(monkeypatch, tmp_path)
    yield stub
    stub.close()


def cached(tmp_path: pathlib.Path) -> set[str]:
    return {p.name for p in (tmp_path / "cache").rglob("snapshots/*/*") if p.exists()}


def test_a_model_is_opened_by_its_commit_and_then_without_the_hub(hub, model):
    commit = hub.add(NAME, files_of(model))
    hub.add(NAME, files_of(b"of a later commit"))
    address = f"hub:{NAME}@{commit}"
    assert is_model_file(address)
    trained = open_trained(address)
    assert trained.is_file and trained.config["method"] == "dcgan" and trained.step == 500
    hub.requests.clear()
    digest = hashlib.sha256(model).hexdigest()
    assert open_trained(f"{address}#{digest}").digest == trained.digest
    assert hub.requests == []


def test_a_branch_is_answered_with_its_commit(hub, model):
    commit = hub.add(NAME, files_of(model))
    for address in (f"hub:{NAME}", f"hub:{NAME}@main"):
        with pytest.raises(UserError, match=f"name the commit, which now is hub:{NAME}@{commit}$"):
            hub_source.from_hub(address)


@pytest.mark.parametrize(
    "address",
    ["hub:", "hub:tiny", "hub:a/b/c", "hub:../x@main", "hub:a/b@c d", f"hub:{NAME}@main#12"],
)
def test_a_malformed_address_is_refused(hub, address):
    with pytest.raises(UserError, match="expected hub:OWNER/NAME@COMMIT"):
        hub_source.from_hub(address)
    assert hub.requests == []


def test_a_damaged_file_is_removed_and_fetched_anew(hub, model, tmp_path):
    address = f"hub:{NAME}@{hub.add(NAME, files_of(model))}"
    path = pathlib.Path(hub_source.from_hub(address))
    path.resolve().write_bytes(model[:-1] + b"?")
    with pytest.raises(UserError, match=r"has SHA-256 \w+, .* removed from the cache"):
        hub_source.from_hub(address)
    assert cached(tmp_path) == set()
    assert pathlib.Path(hub_source.from_hub(address)).read_bytes() == model


def test_another_hash_than_the_wanted_one_is_refused(hub, model, tmp_path):
    address = f"hub:{NAME}@{hub.add(NAME, files_of(model))}"
    with pytest.raises(UserError, match="has another SHA-256"):
        hub_source.from_hub(f"{address}#{'0' * 64}")
    assert cached(tmp_path) == {hub_source.MODEL, hub_source.SUMS}  # it is whole, and stays


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"model.bin": b"x"}, "not published by this program"),
        ({hub_source.SUMS: b"no sums", hub_source.MODEL: b"x"}, "SHA256SUMS has None"),
    ],
)
def test_what_is_not_published_by_this_program_is_refused(hub, files, line):
    address = f"hub:{NAME}@{hub.add(NAME, files)}"
    with pytest.raises(UserError, match=line):
        hub_source.from_hub(address)


def test_what_is_not_there_is_answered_in_one_line(hub, model):
    hub.add(NAME, files_of(model))
    hub.add("someone/pictures", {"a.png": b""}, kind="dataset")
    for address, line in {
        f"hub:{NAME}@{'0' * 40}": "no such commit, branch or tag",
        f"hub:{NAME}@v2": "no such commit, branch or tag",
        f"hub:someone/else@{'0' * 40}": "no such model on the Hub, or a private one",
        f"hub:someone/pictures@{'0' * 40}": "is a dataset, no model",
    }.items():
        with pytest.raises(UserError, match=line) as error:
            hub_source.from_hub(address)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("status", "line"), [(503, "answers 503"), (429, "answers 429")])
def test_a_hub_in_trouble_is_named(hub, status, line):
    hub.fails = status
    with pytest.raises(UserError, match=line):
        hub_source.from_hub(f"hub:{NAME}@{'0' * 40}")


def test_a_wrong_token_is_named_and_not_printed(hub, model, monkeypatch):
    commit = hub.add(NAME, files_of(model))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_and_secret")
    with pytest.raises(UserError, match="refuses the token") as error:
        hub_source.from_hub(f"hub:{NAME}@{commit}")
    assert "secret" not in str(error.value)


def test_without_a_network_the_line_says_so(hub, model):
    commit = hub.add(NAME, files_of(model))
    hub.close()
    with pytest.raises(UserError, match="cannot be reached, and it is not in the cache"):
        hub_source.from_hub(f"hub:{NAME}@{commit}")


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-hub\.txt"):
        hub_source.from_hub(f"hub:{NAME}@{'0' * 40}")


def test_the_sampler_draws_from_an_address_as_a_user_does(hub, model, tmp_path):
    commit = hub.add(NAME, files_of(model))
    command = [sys.executable, "-m", "emoji_gan.sample", f"--model=hub:{NAME}@{commit}"]
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    del environment["XLA_FLAGS"]
    for out in ("first", "second"):
        done = subprocess.run(
            [*command, "--seeds=0-1", f"--out={tmp_path / out}"],
            cwd=runs_lib.ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        hub.fails = 503  # the second one asks nothing of the Hub
    first, second = (tmp_path / out / "seed0000000001.png" for out in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
