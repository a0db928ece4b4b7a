"""Decisions through the command line: kept, changed, by number, by file; unknown names."""

import json

import numpy as np
import pytest

from campaign.language import Language
from campaign.proposing import contact_sheet, proposal
from emoji_gan import images
from tests.support.campaign_folder import record


@pytest.fixture
def folder(tmp_path):
    scores = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}
    listed = [record(f"pizza_{k}", score=v, seed=ord(k)) for k, v in scores.items()]
    listed.append(record("gift_a", parents=("1F381",), theme="cadeaux"))
    proposal.write_all(tmp_path, listed)
    return tmp_path


def draw(folder, name, grey):
    images.save_png(folder / "proposals" / f"{name}.png", np.full((8, 8, 4), grey, np.uint8))


def saved_on_the_sheet(folder, **decided):
    """Returns the path of what the page saves."""
    listed = proposal.read_all(folder, Language("en"))
    for p in listed:
        draw(folder, p.name, 9)
    path = contact_sheet.write(folder, listed, {}, Language("en"), command="pick")
    page = path.read_text("utf-8")
    texts = json.loads(page.split('id="texts">')[1].split("</script>")[0])
    path = folder / "saved.json"
    path.write_text(json.dumps(decided | {"pictures": texts["pictures"]}), "utf-8")
    return path


def picks(folder):
    return json.loads((folder / "picks.json").read_text("utf-8"))


def test_earlier_decisions_stay_and_later_ones_win(run, folder):
    code, out, _ = run(
        "pick", f"--dir={folder}", "--names=pizza_a,pizza_b", "--reject=pizza_c:sale"
    )
    assert code == 0 and "2 picked, 1 rejected of 5" in out
    code, _, _ = run("pick", f"--dir={folder}", "--names=pizza_c", "--reject=pizza_a: too: dark")
    assert code == 0
    assert picks(folder) == {
        "picked": ["pizza_b", "pizza_c"],
        "rejected": [{"name": "pizza_a", "reason": "too: dark"}],
        "automatic": [],
    }
    before = (folder / "picks.json").read_bytes()
    run("pick", f"--dir={folder}", "--names=pizza_c")
    assert (folder / "picks.json").read_bytes() == before


def test_the_best_of_each_theme_are_not_those_rejected(run, folder):
    code, out, _ = run("pick", f"--dir={folder}", "--best=2", "--reject=pizza_a:x")
    assert code == 0 and picks(folder)["picked"] == ["pizza_b", "pizza_c", "gift_a"]
    assert "3 picked (3 by score alone), 1 rejected" in out


def test_the_best_are_counted_by_segment_without_what_check_refused(run, tmp_path):
    rows = {"a": ("x", 0.9), "b": ("x", 0.8), "c": ("x", 0.7), "d": ("y", 0.2), "e": ("y", 0.1)}
    listed = [record(f"pizza_{k}", segment=s, score=v, seed=ord(k)) for k, (s, v) in rows.items()]
    proposal.write_all(tmp_path, listed)
    for p in listed:
        draw(tmp_path, p.name, 9)
    run("pick", f"--dir={tmp_path}", "--best=2")
    assert picks(tmp_path)["automatic"] == ["pizza_a", "pizza_b", "pizza_d", "pizza_e"]
    digest = proposal.digest(tmp_path, listed[0])
    # The digest of pizza_d is of another picture than is there now: it was not refused.
    refused = (("pizza_a", digest), ("pizza_d", "0"))
    checked = [{"name": n, "passed": False, "picture": d} for n, d in refused]
    (tmp_path / "checks.json").write_text(json.dumps({"checked": checked}), "utf-8")
    code, out, _ = run("pick", f"--dir={tmp_path}", "--best=2", "--lang=fr")
    assert code == 0 and set(picks(tmp_path)["picked"]) == {f"pizza_{k}" for k in "bcde"}
    assert "  pizza, x : 2 (pizza_b, pizza_c) ; 1 laissée, qui échoue à `check`\n" in out
    assert "  pizza, y : 2 (pizza_d, pizza_e)\n" in out


def test_decisions_on_another_picture_of_that_name_are_skipped(run, folder):
    decided = {"picked": ["pizza_a", "pizza_b"], "rejected": [], "undecided": ["pizza_c"]}
    path = saved_on_the_sheet(folder, **decided)
    code, out, err = run("pick", f"--dir={folder}", f"--file={path}")
    assert code == 0 and "note:" not in out and picks(folder)["picked"] == ["pizza_a", "pizza_b"]
    (folder / "picks.json").unlink()
    draw(folder, "pizza_a", 200)
    code, _, err = run("pick", f"--dir={folder}", f"--file={path}", "--lang=fr")
    assert code == 2 and picks(folder)["picked"] == ["pizza_b"]
    assert err.count("\n") == 1 and "ce nom désigne à présent une autre image" in err
    assert "pizza_a ; choisissez" in err


def test_nothing_is_recorded_where_every_picture_is_another(run, folder):
    path = saved_on_the_sheet(folder, picked=["pizza_a"], rejected=[])
    draw(folder, "pizza_a", 200)
    code, _, err = run("pick", f"--dir={folder}", f"--file={path}")
    assert code == 2 and "this name means another picture now" in err
    assert not (folder / "picks.json").exists()


@pytest.mark.parametrize(
    "typed", ["Pizza_A,tête_de_chien_1", " pizza_a ; TETE_DE_CHIEN_01", "pizza_a tête_de_chien_01,"]
)
def test_names_may_have_capitals_accents_and_other_marks_between(run, folder, typed):
    listed = [*proposal.read_all(folder, Language("en")), record("tete_de_chien_01", seed=5)]
    proposal.write_all(folder, listed)
    assert run("pick", f"--dir={folder}", f"--names={typed}")[0] == 0
    assert picks(folder)["picked"] == ["pizza_a", "tete_de_chien_01"]
    assert run("pick", f"--dir={folder}", "--reject=Tête_de_chien_1:non")[0] == 0
    assert picks(folder)["rejected"] == [{"name": "tete_de_chien_01", "reason": "non"}]


def test_what_nobody_decided_is_recorded_as_such(run, folder):
    run("pick", f"--dir={folder}", "--names=pizza_b", "--best=2")
    assert picks(folder)["picked"] == ["pizza_b", "pizza_a", "gift_a"]
    assert picks(folder)["automatic"] == ["pizza_a", "gift_a"]
    run("pick", f"--dir={folder}", "--names=gift_a", "--reject=pizza_a:sale")
    assert picks(folder)["picked"] == ["pizza_b", "gift_a"]
    assert picks(folder)["automatic"] == []


def test_what_is_unknown_is_named_and_the_rest_recorded(run, folder):
    code, _, err = run("pick", f"--dir={folder}", "--names=pizza_a,soup_1", "--lang=fr")
    assert code == 2 and "soup_1" in err and err.count("\n") == 1
    assert picks(folder)["picked"] == ["pizza_a"]


def test_of_many_names_the_nearest_are_listed(run, tmp_path):
    names = [f"pizza_{i:02d}" for i in range(20)] + ["balloon_01"]
    proposal.write_all(tmp_path, [record(n, seed=i) for i, n in enumerate(names)])
    code, _, err = run("pick", f"--dir={tmp_path}", "--names=ballon_1", "--lang=fr")
    assert code == 2 and "ballon_1 ; les plus proches sur 21 : balloon_01" in err
    assert len(err) < 300 and not (tmp_path / "picks.json").exists()


def test_what_is_undecided_on_the_sheet_is_taken_back(run, folder, tmp_path):
    run("pick", f"--dir={folder}", "--names=pizza_a,pizza_b,pizza_c", "--reject=pizza_d:x")
    saved = {"picked": ["pizza_b"], "rejected": [], "undecided": ["pizza_a", "pizza_d"]}
    (tmp_path / "mine.json").write_text(json.dumps(saved), "utf-8")
    code, out, _ = run("pick", f"--dir={folder}", f"--file={tmp_path / 'mine.json'}")
    assert code == 0 and "2 picked, 0 rejected of 5" in out
    assert picks(folder)["picked"] == ["pizza_b", "pizza_c"]  # of another sheet: it stays
    assert run("pick", f"--dir={folder}", "--undecided=pizza_b")[0] == 0
    assert picks(folder)["picked"] == ["pizza_c"]


def test_a_saved_sheet_is_read(run, folder, tmp_path):
    saved = {"picked": ["gift_a"], "rejected": [{"name": "pizza_d", "reason": "é"}]}
    (tmp_path / "mine.json").write_text(json.dumps(saved), "utf-8")
    code, out, _ = run("pick", f"--dir={folder}", f"--file={tmp_path / 'mine.json'}")
    assert "does not say of which pictures it is" in out  # as earlier versions saved it
    assert code == 0 and picks(folder) == saved | {"automatic": []}


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([], "nothing to record"),
        (["--best=0"], "at least 1"),
        (["--names=pizza_a", "--reject=pizza_a:x"], "both"),
        (["--file=absent.json"], "there is no such file"),
        (["--file=absent.json", "--lang=fr"], "ce fichier n'existe pas"),
        (["--file=README.md", "--lang=fr"], "ce n'est pas ce que la planche enregistre"),
        (["--file=campaign", "--lang=fr"], "c'est un dossier"),
        (["--names=soup", "--undecided=stew"], "called soup, stew; the names: gift_a, pizza_a"),
        (["--names=pizza_a", "--undecided=pizza_a"], "both in --names and in --undecided"),
    ],
)
def test_bad_input_is_one_line_and_records_nothing(run, folder, flags, reason):
    code, _, err = run("pick", f"--dir={folder}", *flags)
    assert code == 2 and reason in err and err.count("\n") == 1
    assert not (folder / "picks.json").exists()


def test_a_damaged_file_is_one_line(run, folder):
    (folder / "picks.json").write_text('{"picked": 3}')
    code, _, err = run("pick", f"--dir={folder}", "--names=pizza_a")
    assert code == 2 and err.count("\n") == 1
    code, _, err = run("pick", f"--dir={folder / 'absent'}", "--names=a", "--lang=fr")
    assert code == 2 and "campaign propose" in err and err.startswith("erreur")
