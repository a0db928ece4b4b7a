"""Files and flags as a marketer gives them, and what the answers then say."""

import dataclasses
import json

import pytest

from campaign.experiment.reading import headings
from campaign.experiment.reading.tables import Tables
from campaign.experiment.reporting import sentences
from campaign.experiment.results import Guardrail
from campaign.language import Language
from tests.campaign.experiment.test_campaign import (
    RATES,
    _analyse,
    _assign,
    _assigned,
    _outcomes,
    _plan,
    folder,
)

__all__ = ["folder"]  # a fixture


@pytest.mark.parametrize("first", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("later", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_lines_may_end_in_several_ways(tmp_path, first, later, encoding):
    text = f"client;nom{first}é1;a{later}é2;b{later}é3;c{later}"
    (tmp_path / "f.csv").write_bytes(text.encode(encoding))
    with Tables(Language("fr")) as t:
        t.load("t", f"{tmp_path}/f.csv", ("customer",), required=("customer",), given={})
        assert t.rows("SELECT customer FROM t ORDER BY 1") == [("é1",), ("é2",), ("é3",)]


def test_segments_that_differ_by_capitals_or_spaces_are_one(run, tmp_path):
    _plan(run, tmp_path)
    names = ["Familles"] * 5 + ["familles", "jeunes  actifs", "Jeunes actifs", "Jeunes actifs", ""]
    rows = "".join(f"{i:05d};{names[i % 10]}\n" for i in range(9000))
    (tmp_path / "c.csv").write_text("client;segment\n" + rows)
    code, out, err = _assign(run, tmp_path, tmp_path / "c.csv", "--lang=fr")
    assert code == 0, err
    assert out.count("un segment qui ne diffère que par") == 1 and "1\u202f800 lignes" in out
    assert {r["segment"] for r in _assigned(tmp_path)} == {"-", "Familles", "Jeunes actifs"}
    path = tmp_path / "assignments.csv"
    arms = [(r["customer"], r["arm"]) for r in _assigned(tmp_path)]
    (tmp_path / "c.csv").write_text("client;segment\n" + rows.replace("familles", "Familles"))
    assert _assign(run, tmp_path, tmp_path / "c.csv")[0] == 0
    assert [(r["customer"], r["arm"]) for r in _assigned(tmp_path)] == arms
    _outcomes(tmp_path, RATES)
    head, *lines = path.read_text().splitlines()
    lines[::9] = [x.replace("Familles", "FAMILLES") for x in lines[::9]]
    path.write_text("\n".join([head, *lines]) + "\n")
    code, out, err = _analyse(run, tmp_path, "--until=2026-03-31", "--lang=fr")
    assert code == 0 and out.count("pris pour « Familles »") == 1, err
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert set(report["counts"]) == {"-", "Familles", "Jeunes actifs"}
    html = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert ">sans segment</text>" in html and ">-</text>" not in html
    assert "points" in html.split("<table>")[1].split("</table>")[0]


def test_a_holdout_that_was_sent_to_is_said(run, folder):
    rows = _outcomes(folder, RATES)
    lines = ["client;date;clic;envoyé"]
    lines += [f"{r['customer']};10/03/2026;{i % 5 == 0:d};oui" for i, r in enumerate(rows)]
    (folder / "outcomes.csv").write_text("\n".join(lines) + "\n")
    code, out, err = _analyse(run, folder, "--until=2026-03-31", "--lang=fr")
    assert code == 0, err
    held = sum(r["arm"] == "holdout" for r in rows)
    says = f"{held} clients de la réserve ont reçu l'envoi : elle ne montre plus"
    html = (folder / "report" / "report.html").read_text("utf-8")
    assert says in out and f"Mais {says}".replace("'", "&#x27;") in html
    assert "la campagne entière contre la réserve" not in html


def test_next_says_that_the_test_still_runs(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.21})
    code, out, err = _analyse(run, folder, "--until=2026-03-08")
    assert code == 0 and "Continue" in out, err
    flags = f"--report={folder}/report/report.json", f"--out={folder}/shares.json"
    code, out, err = run("next", *flags, "--lang=fr")
    assert code == 0, err
    assert out.startswith("! le test court encore, et rien n'est prouvé")


def test_an_open_interval_is_said_in_words():
    g = Guardrail("complaint", 0.4, -0.35, float("inf"), 0.2, "unclear")
    french, english = (sentences.guardrail(g, Language(code)) for code in ("fr", "en"))
    assert "∞" not in french and "au moins" in french and "trop peu" in french
    assert "∞" not in english and "too few to tell how much at most" in english
    g = dataclasses.replace(g, low=-1.0)
    assert "(too few to tell)" in sentences.guardrail(g, Language("en"))


def test_a_control_may_be_written_in_other_capitals(run, tmp_path):
    rows = "1,sans emoji,9000,500\n1,Emoji,9000,700\n"
    (tmp_path / "c.csv").write_text(f"test,arm,impressions,clicks\n{rows}")
    flags = f"--counts={tmp_path}/c.csv", f"--out={tmp_path}/r", "--lang=fr"
    code, out, err = run("analyse", *flags, "--control=Sans Emoji")
    assert code == 0 and "Emoji est prouvé meilleur : +2,22 points contre Sans Emoji" in out, err
    code, _, err = run("analyse", *flags, "--control=Sans")
    assert code == 2 and "pas de bras 'Sans'" in err


def test_columns_have_french_words_that_are_understood(run):
    french = Language("fr")
    for column in headings.SYNONYMS:
        text = f"{headings.word(column, french)}=X"
        assert headings.parse_columns(text, (column,), french) == {column: "X"}
    _, out, _ = run("analyse", "--help", "--lang=fr")
    assert "client=INTITULÉ,clic=INTITULÉ" in out and "customer=" not in out


def test_plan_and_assign_need_as_many_customers(run, tmp_path):
    out = _plan(run, tmp_path, "--holdout=7%")
    needed = out.split(" in all")[0].split()[-1]
    (tmp_path / "c.csv").write_text("client\n" + "".join(f"{i}\n" for i in range(50)))
    assert f"the plan needs {needed}:" in _assign(run, tmp_path, tmp_path / "c.csv")[1]
