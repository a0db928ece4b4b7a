"""A corrected export replaces the look that was shown; a later one does not."""

import json

from tests.campaign.experiment.test_campaign import RATES, _analyse, _outcomes, folder

__all__ = ["folder"]  # a fixture


def _mend(folder):
    """Turns one no of the first wave, which is counted at every look, into a yes."""
    lines = (folder / "outcomes.csv").read_text("cp1252").split("\n")
    row = next(i for i, line in enumerate(lines) if ";03/03/2026;0;" in line)
    lines[row] = lines[row].replace(";0;", ";1;", 1)
    (folder / "outcomes.csv").write_text("\n".join(lines), "cp1252")


def _looks(folder):
    return json.loads((folder / "plan.looks.json").read_text("utf-8"))["looks"]


def test_a_corrected_export_replaces_the_look_and_the_report_says_so(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.22})
    first = _analyse(run, folder, "--until=08/03/2026", "--lang=fr")
    assert first[0] == 0, first
    _mend(folder)
    code, _, err = _analyse(run, folder, "--until=08/03/2026", "--lang=fr")
    assert code == 2 and err.count("\n") == 1
    assert '--corrects_last_look="ce qui a été corrigé"' in err
    flags = ("--until=08/03/2026", "--corrects_last_look=un clic <oublié>", "--lang=fr")
    code, out, err = _analyse(run, folder, *flags)
    assert code == 0, err
    assert "! le bilan 1 avait déjà été montré, un export corrigé le remplace" in out
    again = _analyse(run, folder, *flags)
    assert again[1] == out and _analyse(run, folder, "--until=08/03/2026", "--lang=fr")[1] == out
    (look,) = _looks(folder)  # no further look is used up
    (correction,) = look["corrections"]
    assert correction["reason"] == "un clic <oublié>" and correction["z"] != look["z"]
    assert correction["headline"] in first[1]
    page = (folder / "report" / "report.html").read_text("utf-8")
    assert page.index("Un bilan a été corrigé") < page.index("<svg")
    assert "un clic &lt;oublié&gt;" in page and "rien ici ne permet de le vérifier" in page
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    assert report["looks"][0]["corrections"] == [correction] and report["verdict"]["look"] == 1
    code, _, err = _analyse(run, folder, "--until=09/03/2026", "--lang=fr")
    assert code == 0, err
    assert [len(x["corrections"]) for x in _looks(folder)] == [1, 0]
    assert "Un bilan a été corrigé" in (folder / "report" / "report.html").read_text("utf-8")


def test_the_export_that_was_replaced_is_recognised(run, folder):
    _outcomes(folder, RATES)
    wrong = (folder / "outcomes.csv").read_bytes()
    assert _analyse(run, folder, "--until=2026-03-08")[0] == 0
    _mend(folder)
    assert _analyse(run, folder, "--until=2026-03-08", "--corrects_last_look=a click")[0] == 0
    (folder / "outcomes.csv").write_bytes(wrong)
    code, _, err = _analyse(run, folder, "--until=2026-03-08")
    assert code == 2 and 'replaced at look 1 ("a click")' in err


def test_more_customers_are_no_correction(run, folder):
    _outcomes(folder, RATES)
    flag = "--corrects_last_look=a date"
    code, _, err = _analyse(run, folder, "--until=2026-03-08", flag)
    assert code == 2 and "there is no look yet" in err
    assert _analyse(run, folder, "--until=2026-03-08")[0] == 0
    code, _, err = _analyse(run, folder, "--until=2026-03-09", flag)
    assert code == 2 and "so it is a new look" in err and "(--until=2026-03-08)" in err
    assert len(_looks(folder)) == 1
    code, _, err = _analyse(run, folder, "--until=2026-03-08", "--corrects_last_look= ")
    assert code == 2 and "say what was mended" in err


def test_a_correction_lies_between_the_looks_around_it(run, folder):
    _outcomes(folder, RATES)
    for day in ("08", "10"):
        assert _analyse(run, folder, f"--until=2026-03-{day}")[0] == 0
    _mend(folder)
    code, _, err = _analyse(run, folder, "--until=2026-03-08", "--corrects_last_look=a date")
    assert code == 2 and "cannot stand for look 2" in err
    assert _analyse(run, folder, "--until=2026-03-09", "--corrects_last_look=a date")[0] == 0
    assert [x["until"] for x in _looks(folder)] == ["2026-03-08", "2026-03-09"]


def test_the_last_look_can_be_corrected_too(run, folder):
    _outcomes(folder, RATES)
    for day in range(8, 13):
        assert _analyse(run, folder, f"--until=2026-03-{day:02d}")[0] == 0
    _mend(folder)
    code, _, err = _analyse(run, folder, "--until=2026-03-12")
    assert code == 2 and "an interim look too many" in err
    assert "--corrects_last_look" in err
    code, out, _ = _analyse(run, folder, "--until=2026-03-12", "--corrects_last_look=a click")
    assert code == 0 and "look 5 was shown before" in out and len(_looks(folder)) == 5
