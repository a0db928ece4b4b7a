"""Publishing on the Hub: a page's files, one commit, mistakes in one line, the token unseen."""

import hashlib
import json
import sys

import numpy as np
import PIL.Image
import pytest
import yaml

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import __main__ as export
from emoji_gan.export import hub_folder, model_card
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from emoji_gan.trained.source import open_trained
from eval.report import report_file
from tests.support import hub_stub, reports, tiny_model

NAME = "someone/tiny"
FILES = ["LICENSE", "NOTICE", "README.md", "SHA256SUMS", "config.json", "grid.png"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.safetensors")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty Hub, and a token that may write there."""
    stub = hub_stub.started(monkeypatch, tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub_stub.WRITE)
    yield stub
    stub.close()


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    return export.main()


def front_matter(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def test_a_dry_run_lists_what_would_be_sent(model, tmp_path, monkeypatch, capsys):
    """Without the package that sends it, too."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    out = tmp_path / "page"
    run(monkeypatch, f"--hub={NAME}", f"--model={model}", f"--out={out}", "--dry-run")
    names = [*FILES, "model.safetensors"]
    assert sorted(p.name for p in out.iterdir()) == sorted(names)
    printed = capsys.readouterr().out
    for name in names:
        data = (out / name).read_bytes()
        assert f"{len(data):>12,}  {hashlib.sha256(data).hexdigest()}  {name}\n" in printed
    sums = (out / "SHA256SUMS").read_text().splitlines()
    assert len(sums) == len(names) - 1
    assert (out / "model.safetensors").read_bytes() == model.read_bytes()
    picture = np.asarray(PIL.Image.open(out / "grid.png"))
    assert picture.shape == (440, 440, 3) and picture.std() > 1
    card = front_matter((out / "README.md").read_bytes())
    assert card["license"] == "cc-by-sa-4.0" and card["library_name"] == "emoji_gan"
    assert card["pipeline_tag"] == "unconditional-image-generation" and "dcgan" in card["tags"]
    assert json.loads((out / "config.json").read_text())["resolution"] == 16


def test_the_same_model_gives_the_same_bytes(model):
    assert hub_folder.files(NAME, str(model)) == hub_folder.files(NAME, str(model))


def test_a_published_model_is_read_from_its_commit(hub, model, monkeypatch, capsys):
    assert run(monkeypatch, f"--hub={NAME}", f"--model={model}") == errors.EXIT_OK
    printed = capsys.readouterr()
    ((_, _), (commit, files)) = hub.repositories["model", NAME]
    assert sorted(files) == sorted([*FILES, "model.safetensors", ".gitattributes"])
    assert sum(x.startswith("PUT /lfs/") for x in hub.requests) >= 1
    address = f"hub:{NAME}@{commit}"
    assert f"use it as --model={address}\n" in printed.out
    mine, published = (Sampler(source)([3]) for source in (str(model), address))
    assert np.array_equal(mine, published)
    assert "secret" not in printed.out + printed.err
    assert not any(b"secret" in data for data in files.values())
    run(monkeypatch, f"--hub={NAME}", f"--model={model}", "--message=again")  # into the same one
    assert len(hub.repositories["model", NAME]) == 3


def test_metrics_of_a_report_are_in_the_card(model, tmp_path, monkeypatch):
    from huggingface_hub import ModelCard

    path = tmp_path / "report.json"
    report = reports.a_report(fake__checkpoint_hash=open_trained(str(model)).digest)
    path.write_text(json.dumps(report_file.to_json(report)))
    files = hub_folder.files(NAME, str(model), reports=[str(path)], code="https://host/code")
    card = ModelCard(files["README.md"].decode())
    results = {x.metric_type: x.metric_value for x in card.data.eval_results}
    assert results == {"fd_emoji": 12.3456, "recall_emoji": 0.25, "alpha_binary": 0.91}
    assert card.data.eval_results[0].dataset_name == "openmoji train"
    assert "| fd_emoji | 12.3" in card.content and "[emoji_gan](https://host/code)" in card.content
    path.write_text(json.dumps(report_file.to_json(reports.a_report())))
    with pytest.raises(UserError, match="a report of another model"):
        hub_folder.files(NAME, str(model), reports=[str(path)])


def test_no_path_of_this_machine_is_published(tmp_path):
    changes = {"data.sources": ("openmoji", "noto=/home/me/noto"), "data.dir": "/home/me/data"}
    model = tiny_model.write(tmp_path / "m.safetensors", **changes, init_from="/home/me/runs/a")
    files = hub_folder.files(NAME, str(model))
    assert b"/home/me" in model.read_bytes()
    assert not any(b"/home/me" in data for data in files.values())
    assert front_matter(files["README.md"])["license"] == "cc-by-sa-4.0"  # the share-alike one
    assert b"Noto Emoji (Google), Apache-2.0" in files["NOTICE"]


def test_art_without_a_licence_asks_for_one(tmp_path):
    changes = {"data.sources": ("mine=/home/me/art",)}
    model = str(tiny_model.write(tmp_path / "m.safetensors", **changes))
    with pytest.raises(UserError, match="give --licence=SPDX"):
        hub_folder.files(NAME, model)
    files = hub_folder.files(NAME, model, licence="MIT")
    assert front_matter(files["README.md"])["license"] == "mit" and "LICENSE" not in files


def test_a_shipped_model_brings_its_card():
    text = (SHIPPED_MODEL.parent / "README.md").read_text(encoding="utf-8")
    for name in ("onestep_32", "openmoji_32", "openmoji_64", "restorer", "restorer_openmoji"):
        account = model_card.section(text, f"{name}.safetensors")
        assert "python main.py" in account and "](../" not in account and "\n#" not in account
    assert model_card.section(text, "another.safetensors") == ""


def test_a_model_that_is_given_pictures_has_no_samples():
    restorer = SHIPPED_MODEL.with_name("restorer.safetensors")
    files = hub_folder.files("someone/restorer", str(restorer))
    assert "grid.png" not in files
    card = front_matter(files["README.md"])
    assert card["pipeline_tag"] == "image-to-image"
    assert b"edit restore PICTURES --model=hub:someone/restorer@" in files["README.md"]


def test_a_captioner_and_a_restyler_say_how_they_are_used():
    for name, task, command in (
        ("captioner", "image-to-text", b"python -m emoji_gan.describe PICTURES --model=hub:a/b@"),
        ("restyler", "image-to-image", b"edit restyle PICTURES --to=STYLE --model=hub:a/b@"),
    ):
        model = SHIPPED_MODEL.with_name(f"{name}.safetensors")
        card = hub_folder.files("a/b", str(model))["README.md"]
        assert front_matter(card)["pipeline_tag"] == task and command in card


def test_a_page_is_put_beside_the_model(model, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>a</title>")
    files = hub_folder.files(NAME, str(model), demo=str(page))
    assert files["demo.html"] == page.read_bytes() and b"`demo.html`" in files["README.md"]
    page.write_text("no page")
    with pytest.raises(UserError, match="is no HTML page"):
        hub_folder.files(NAME, str(model), demo=str(page))


def mistake(monkeypatch, capsys, *arguments) -> str:
    """Returns the one line that a mistake ends with; nothing is drawn before it."""
    monkeypatch.setattr(hub_folder, "files", lambda *a, **k: {"README.md": b"---\n"})
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        errors.run(export.main)
    assert end.value.code == errors.EXIT_USER_ERROR
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "secret" not in printed
    return printed


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "a b/c", "https://huggingface.co/a/b", "a/"])
def test_a_name_that_is_none_is_refused(hub, name, monkeypatch, capsys):
    assert "expected OWNER/NAME" in mistake(monkeypatch, capsys, f"--hub={name}")
    assert hub.requests == []


def test_what_the_hub_refuses_is_one_line(hub, tmp_path, monkeypatch, capsys):
    name = f"--hub={NAME}"
    monkeypatch.setenv("HF_TOKEN", hub_stub.READ)
    assert "needs write access" in mistake(monkeypatch, capsys, name)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_and_secret")
    assert "refuses the token" in mistake(monkeypatch, capsys, name)
    monkeypatch.delenv("HF_TOKEN")
    assert "set HF_TOKEN" in mistake(monkeypatch, capsys, name)
    monkeypatch.setenv("HF_TOKEN", hub_stub.WRITE)
    assert f"{tmp_path} exists" in mistake(monkeypatch, capsys, name, f"--out={tmp_path}")
    assert "POST /api/models/someone/tiny/commit/main" not in hub.requests
    hub.add(NAME, {"pytorch_model.bin": b"x"})
    assert "holds something else" in mistake(monkeypatch, capsys, name)
    hub.fails = 502
    assert "answers 502" in mistake(monkeypatch, capsys, name)
    hub.close()
    assert "cannot be reached" in mistake(monkeypatch, capsys, name)


def test_a_file_that_the_repository_ignores_is_reported(hub, monkeypatch, capsys):
    hub.add(NAME, {".gitignore": b"README.md", "SHA256SUMS": b""})
    assert "ignores README.md" in mistake(monkeypatch, capsys, f"--hub={NAME}")


def test_without_the_package_a_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "requirements-hub.txt" in mistake(monkeypatch, capsys, f"--hub={NAME}")


def test_a_damaged_model_is_refused(hub, model, tmp_path, monkeypatch):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(model.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="damaged"):
        run(monkeypatch, f"--hub={NAME}", f"--model={damaged}", "--dry-run")
