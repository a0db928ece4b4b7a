"""One folder holds a campaign; files are as a French spreadsheet opens and saves them."""

import csv
import json
import shlex

import pytest

_RATES = "--baseline=20%", "--smallest_effect=30%"


def _make_customers(path, n=4000):
    rows = "".join(f"{i:05d};{'ab'[i % 2]};{20 + i % 9},5\n" for i in range(n))
    path.write_text("N° client;Segment;Panier\n" + rows, "cp1252")


def _make_outcomes(assignments, path):
    """Writes a click by every third emoji and every fifth other customer, a day later."""
    text = assignments.read_text("utf-8-sig")
    rows = csv.reader(text.splitlines(), delimiter=";" if ";" in text else ",")
    lines = ["client;date;clic"]
    for i, (customer, _, arm, *_) in enumerate(list(rows)[1:]):
        lines.append(
            f"{customer};{8 + i % 5:02d}/03/2026;{int(i % (3 if arm == 'emoji' else 5) == 0)}"
        )
    path.write_text("\n".join(lines) + "\n")


def _ok(run, *arguments):
    code, out, err = run(*arguments)
    assert code == 0, err
    return out


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_all_measures_of_a_campaign_are_in_its_folder(run, tmp_path, monkeypatch, lang):
    monkeypatch.chdir(tmp_path)
    where = "--dir=l'été", f"--lang={lang}"
    _make_customers(tmp_path / "c.csv")
    flags = (*_RATES, "--start=02/03/2026", "--looks=1", "--covariate=Panier")
    out = _ok(run, "plan", *flags, *where)
    assert _ok(run, "plan", *flags, *where) == out  # the same plan, its random salt too
    follows = shlex.split(out.splitlines()[-1].partition(": ")[2])
    assert follows[:4] == ["python", "-m", "campaign", "assign"] and where[0] in follows
    assert "--plan" not in _ok(run, "assign", "--customers=c.csv", *where)
    _make_outcomes(tmp_path / "l'été" / "assignments.csv", tmp_path / "o.csv")
    out = _ok(run, "analyse", "--outcomes=o.csv", *where)
    assert "campaign next --dir=" in out and "--report" not in out
    _ok(run, "next", *where)
    made = {p.name for p in (tmp_path / "l'été").iterdir()}
    assert made == {
        *("plan.json", "plan.looks.json", "assignments.csv", "assignments.csv.record.json"),
        *("report", "allocation.json"),
    }
    assert {p.name for p in tmp_path.iterdir()} == {"l'été", "c.csv", "o.csv"}


def test_a_french_file_opens_in_a_french_spreadsheet_and_gives_the_same_verdict(run, tmp_path):
    _make_customers(tmp_path / "c.csv")
    _ok(run, "plan", *_RATES, "--start=2026-03-02", "--covariate=Panier", f"--dir={tmp_path}")
    verdicts = []
    for lang in ("en", "fr"):
        _ok(run, "assign", f"--customers={tmp_path}/c.csv", f"--dir={tmp_path}", f"--lang={lang}")
        path = tmp_path / "assignments.csv"
        written = path.read_bytes()
        _ok(run, "assign", f"--customers={tmp_path}/c.csv", f"--dir={tmp_path}", f"--lang={lang}")
        assert path.read_bytes() == written
        if not verdicts:
            assert written.startswith(
                b"customer,segment,arm,propensity,assigned,covariate\n00000,a,"
            )
            _make_outcomes(path, tmp_path / "o.csv")
        report = tmp_path / f"report_{lang}"
        flags = f"--outcomes={tmp_path}/o.csv", f"--dir={tmp_path}", f"--out={report}"
        _ok(run, "analyse", *flags, "--until=2026-03-31", "--lang=en")
        content = json.loads((report / "report.json").read_text("utf-8"))
        verdicts.append({k: content[k] for k in ("headline", "verdict", "looks", "counts")})
        assert {n["code"] for n in content["notices"]} <= {
            "after",
            "ambiguous_dates",
            "decimal_comma",
            "guardrail_missing",
        }
    assert verdicts[0] == verdicts[1]
    head, row, *_ = written.decode("utf-8").splitlines()
    assert head == "\ufeffClient;Segment;Bras;Propension;Affecté le;Covariable"
    customer, segment, arm, propensity, day, covariate = row.split(";")
    assert (customer, segment, propensity, covariate) == ("00000", "a", "0,475", "20,5")
    assert day.endswith("/03/2026") and arm in ("control", "emoji", "holdout")


def test_days_that_a_spreadsheet_saved_month_first_are_those_of_the_plan(run, tmp_path):
    _make_customers(tmp_path / "c.csv")
    _ok(run, "plan", *_RATES, "--start=2026-03-02", f"--dir={tmp_path}")
    _ok(run, "assign", f"--customers={tmp_path}/c.csv", f"--dir={tmp_path}")
    path = tmp_path / "assignments.csv"
    _make_outcomes(path, tmp_path / "o.csv")
    counts = []
    for day in ("2026-03-0{}", "3/{}/2026", "{}/3/2026", "soon {}"):
        text = path.read_text()
        for n in range(2, 7):
            text = text.replace(f"2026-03-0{n}", day.format(n))
        (tmp_path / "a.csv").write_text(text)
        flags = f"--assignments={tmp_path}/a.csv", f"--outcomes={tmp_path}/o.csv", "--part=1/2"
        flags += f"--out={tmp_path}/s", "--until=2026-03-09", f"--dir={tmp_path}"
        out = _ok(run, "analyse", *flags)
        counts.append(json.loads((tmp_path / "s" / "sums.json").read_text())["waiting"])
    assert counts[0] == counts[1] == counts[2] > 0 == counts[3]
    assert "have no readable day of assignment" in out


def test_what_is_missing_is_said_with_the_command_that_makes_it(run, tmp_path):
    where = f"--dir={tmp_path}", "--lang=fr"
    _, _, err = run("assign", "--customers=c.csv", *where)
    assert "lancez d'abord `campaign plan`, ou nommez le dossier de la campagne par --dir" in err
    _ok(run, "plan", *_RATES, "--start=2026-03-02", *where)
    _, _, err = run("analyse", "--outcomes=o.csv", *where)
    assert f"lancez d'abord `python -m campaign assign --dir={tmp_path} --lang=fr`" in err
    _, _, err = run("next", *where)
    assert "lancez d'abord `campaign analyse`, ou nommez le dossier" in err


def test_customers_who_are_not_complete_are_said_on_the_terminal(run, tmp_path):
    where = f"--dir={tmp_path}", "--lang=fr"
    _make_customers(tmp_path / "c.csv")
    _ok(run, "plan", *_RATES, "--start=2026-03-02", *where)
    _ok(run, "assign", f"--customers={tmp_path}/c.csv", *where)
    _make_outcomes(tmp_path / "assignments.csv", tmp_path / "o.csv")
    out = _ok(run, "analyse", f"--outcomes={tmp_path}/o.csv", "--until=09/03/2026", *where)
    (line,) = [x for x in out.splitlines() if "pas encore comptés" in x]
    assert line.startswith("! ") and "7 jours d'observation" in line and "bilan suivant" in line
    assert "\nrésultats jusqu'au 09/03/2026 : " in out


def test_a_day_long_after_all_others_uses_up_no_look(run, tmp_path):
    where = f"--dir={tmp_path}", "--lang=fr"
    _make_customers(tmp_path / "c.csv")
    _ok(run, "plan", *_RATES, "--start=2026-03-02", *where)
    _ok(run, "assign", f"--customers={tmp_path}/c.csv", *where)
    path = tmp_path / "o.csv"
    _make_outcomes(tmp_path / "assignments.csv", path)
    path.write_text(path.read_text().replace("/2026", "/2062", 1))
    code, _, err = run("analyse", f"--outcomes={path}", *where)
    assert code == 2 and err.count("\n") == 1
    assert "une ligne du 08/03/2062" in err and "--until=12/03/2026" in err
    assert not (tmp_path / "plan.looks.json").exists()
    assert _ok(run, "analyse", f"--outcomes={path}", "--until=12/03/2026", *where)


def test_another_plan_is_said_in_words_with_what_to_do(run, tmp_path):
    where = f"--dir={tmp_path}", "--lang=fr"
    _make_customers(tmp_path / "c.csv")
    start = "--start=2026-03-02"
    _ok(run, "plan", *_RATES, start, "--salt=s", *where)
    _ok(run, "assign", f"--customers={tmp_path}/c.csv", *where)
    code, _, err = run("plan", "--baseline=25%", "--smallest_effect=30%", start, "--salt=s", *where)
    assert code == 2 and err.count("\n") == 1
    assert "(moyenne actuelle (--baseline) : 20 % alors, 25 % maintenant)" in err.replace(
        "\u202f", " "
    )
    (tmp_path / "plan.json").unlink()
    guards = "--guardrails=plainte:5%", "--start=03/03/2026", "--salt=s"
    _ok(run, "plan", *_RATES, *guards, *where)
    before = (tmp_path / "assignments.csv").read_bytes()
    code, _, err = run("assign", f"--customers={tmp_path}/c.csv", *where)
    err = err.replace("\u202f", " ")
    assert code == 2 and err.count("\n") == 1 and "{" not in err
    assert "premier jour (--start) : 02/03/2026 alors, 03/03/2026 maintenant" in err
    assert "désinscriptions 20 % alors, plaintes 5 % maintenant" in err
    assert "Rien n'a été écrit" in err and "--dir ou un autre fichier par --out" in err
    assert (tmp_path / "assignments.csv").read_bytes() == before
