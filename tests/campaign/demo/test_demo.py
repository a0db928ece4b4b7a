"""The demo through the command line, each verb again on the folder that it leaves, and failures."""

import json
import shlex

import pytest

from campaign.demo.demo_steps import Steps
from campaign.language import Language

_DRAWING = ("brief", "search", "propose", "pick", "check", "animate", "pack")
_MEASURING = ("plan", "assign", *["analyse"] * 4, "next", "plan", "assign", "analyse")


def _commands(folder):
    lines = (folder / "commands.txt").read_text("utf-8").splitlines()
    return [shlex.split(x)[4:] for x in lines if x.startswith("$ ")]


@pytest.mark.slow
def test_the_demo_goes_from_a_brief_to_a_true_verdict(run, tmp_path):
    folder = tmp_path / "soldes"
    code, out, err = run("demo", f"--dir={folder}", "--lang=fr")
    assert code == 0, out + err
    commands = _commands(folder)
    assert tuple(c[0] for c in commands) == _DRAWING + _MEASURING
    lines = out.splitlines()
    others = 5  # the folder, the truth, the broken split, the time, the pages
    assert len(lines) == len(commands) + others
    assert "Déployez helpful" in out and "Pas de verdict" in lines[-3]
    assert "(3 d'après le score seul)" in out
    pages = [word.rstrip(",;") for word in lines[-1].split() if word.rstrip(",;").endswith(".html")]
    assert len(pages) == 4 and pages[0] == str(folder / "report" / "report.html")
    assert all((tmp_path / page).is_file() for page in pages)
    picks = json.loads((folder / "picks.json").read_text("utf-8"))
    assert picks["automatic"] == picks["picked"] and len(picks["picked"]) == 3
    for target in ("slack", "email", "web"):
        packed = json.loads((folder / "packs" / target / "manifest.json").read_text("utf-8"))
        assert {e["name"].removesuffix("_bounce") for e in packed["emoji"]} <= {*picks["picked"]}
        assert packed["emoji"]
    for typed in commands:
        if typed[0] not in ("propose", "check", "animate", "pack", "analyse"):
            assert run(*typed)[0] == 0, typed
    assert run(*[c for c in commands if c[0] == "analyse"][3])[0] == 0  # the same look


def test_a_folder_with_something_in_it_is_left_alone(run, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    code, out, err = run("demo", f"--dir={tmp_path}", "--lang=fr")
    assert code == 2 and not out and "n'est pas vide" in err and err.count("\n") == 1
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_a_step_that_fails_is_one_line(tmp_path, capsys):
    steps = Steps(tmp_path / "new", Language("fr"))
    assert not steps.run("propose", f"--dir={tmp_path / 'new'}")
    out = capsys.readouterr().out
    assert out.startswith("propose  échec : ") and "brief.yaml manque" in out
    assert out.count("\n") == 1 and steps.exit_code == 2
    (typed,) = _commands(tmp_path / "new")
    assert typed == ["propose", f"--dir={tmp_path / 'new'}", "--lang=fr"]
    assert steps.run("brief", "soldes d'été", "--theme=soldes d'été", f"--dir={tmp_path / 'new'}")
    assert steps.exit_code == 2  # the first failure stays
