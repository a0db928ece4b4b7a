"""What a campaign's measures say to a marketer: the next command, words of theirs, bad files."""

import pytest

from tests.campaign.experiment.test_campaign import RATES, _outcomes, folder

__all__ = ["folder"]  # a fixture


def _lines(run, *arguments):
    code, out, err = run(*arguments, "--lang=fr")
    assert code == 0, err
    return out.splitlines()


def test_each_measure_ends_with_the_command_that_follows(run, folder, tmp_path):
    plan, report = f"--plan={folder}/plan.json", f"--out={folder}/r"
    (folder / "again").mkdir()
    lines = _lines(
        run, "plan", "--baseline=0,2", "--start=02/03/2026", f"--out={folder}/again/plan.json"
    )
    assert lines[-1] == (
        f"ensuite : python -m campaign assign --plan={folder}/again/plan.json --customers=FICHIER "
        "--lang=fr"
    )
    customers = f"--customers={folder}/customers.csv"
    lines = _lines(run, "assign", plan, customers, f"--out={folder}/assignments.csv")
    given = f"{plan} --assignments={folder}/assignments.csv --outcomes=FICHIER"
    assert lines[-1] == f"ensuite : python -m campaign analyse {given} --lang=fr"
    files = f"--assignments={folder}/assignments.csv", f"--outcomes={folder}/outcomes.csv"
    _outcomes(folder, RATES | {"emoji": 0.22})
    lines = _lines(run, "analyse", plan, *files, report, "--until=08/03/2026")
    assert lines[-1] == "ensuite : la même commande au bilan suivant, avec un export plus récent"
    _outcomes(folder, RATES | {"emoji": 0.3})
    lines = _lines(run, "analyse", plan, *files, report, "--until=2026-03-31")
    assert lines[-1] == (
        f"ensuite : python -m campaign next --report={folder}/r/report.json --lang=fr"
    )
    flags = f"--report={folder}/r/report.json", f"--out={folder}/shares.json"
    lines = _lines(run, "next", *flags)
    assert lines[-1].startswith("ensuite : python -m campaign plan --baseline=TAUX ")
    assert lines[-1].endswith(f"--allocation={folder}/shares.json --out=plan_2.json --lang=fr")
    flags = f"--allocation={folder}/shares.json", f"--out={folder}/again/plan_2.json"
    planned = _lines(run, "plan", "--baseline=20%", "--start=2026-05-02", *flags)
    (line,) = [line for line in planned if line.startswith("mais avec ces parts control reçoit ")]
    effect = float(line.split("effet de ")[1].split()[0].replace(",", "."))  # %
    assert effect > 3 * 10  # of equal shares the plan proves 10 %
    values = [line for line in lines if "autant que" in line]
    assert [line.split("  ")[1] for line in values] == ["control", "emoji", "ces parts"]
    assert len({line.index("(") for line in values}) == 1
    assert any(line.startswith("clics pour 100 clients") for line in lines)


def test_counts_leave_a_campaign_s_report_alone(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "c.csv").write_text("test,arm,impressions,clicks\n1,a,9000,500\n1,b,9000,300\n")
    assert _lines(run, "analyse", "--counts=c.csv")[-1] == "report_counts/report.html"
    assert not (folder / "report").exists()
    code, _, err = run("next", "--report=report_counts/report.json", "--lang=fr")
    assert code == 2 and "ne vient que de comptes" in err
    code, _, err = run("assign", "--plan=absent.json", "--customers=customers.csv", "--lang=fr")
    assert code == 2 and "absent.json manque : lancez d'abord `campaign plan`" in err


def test_outcomes_have_french_names_too(run, tmp_path):
    flags = "--baseline=12", "--deviation=40", "--start=2026-03-02", f"--out={tmp_path}/p.json"
    lines = _lines(run, "plan", "--metric=Dépenses", "--guardrails=désinscription:10%", *flags)
    assert '"metric": "spend"' in (tmp_path / "p.json").read_text()
    assert '"unsubscribe": 0.1' in (tmp_path / "p.json").read_text() and lines


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--metric=spend", "--baseline=12"), "erreur : --metric=spend : un montant ; donnez"),
        (("--metric=achats_web", "--baseline=2%"), "erreur : option --metric : 'achats_web' ;"),
        (("--guardrails=pluie:2%", "--baseline=2%"), "--guardrails : pas de résultat 'pluie'"),
        (("--guardrails=plainte:-110%", "--baseline=2%"), "pas baisser de plus de 100 %"),
        (("--guardrails=plainte:-20%", "--baseline=2%"), "s'écrit sans signe"),
        (("--guardrails=conversion:110%", "--baseline=2%"), "une baisse d'un cinquième"),
        (("--guardrails=plainte:20", "--baseline=2%"), "il manque peut-être le signe %"),
        (("--guardrails=plainte:peu", "--baseline=2%"), "pas un pourcentage"),
        (("--smallest_effect=10", "--baseline=2%"), "écrivez 10% pour un dixième de plus"),
    ],
)
def test_what_cannot_be_planned_is_one_line(run, tmp_path, flags, reason):
    out = f"--out={tmp_path}/p.json"
    code, _, err = run("plan", "--start=2026-03-02", *flags, out, "--lang=fr")
    assert code == 2 and err.count("\n") == 1 and reason in err, err


def test_dates_are_told_by_one_of_the_file(run, folder):
    _outcomes(folder, RATES)
    text = (folder / "outcomes.csv").read_text("cp1252")
    head, *rows = text.splitlines()
    early = [r for r in rows if int(r.split(";")[1][:2]) <= 12]
    (folder / "outcomes.csv").write_text("\n".join([head, *early]) + "\n")
    files = f"--assignments={folder}/assignments.csv", f"--outcomes={folder}/outcomes.csv"
    flags = f"--plan={folder}/plan.json", *files, "--until=2026-03-12", f"--out={folder}/r"
    (line,) = [x for x in _lines(run, "analyse", *flags) if "dates comme" in x]
    assert line.split("dates comme ")[1][:10] in text


def test_a_file_that_is_no_table_is_named_as_it_is(run, folder):
    (folder / "outcomes.csv").write_bytes(bytes(range(256)) * 40)
    files = f"--assignments={folder}/assignments.csv", f"--outcomes={folder}/outcomes.csv"
    code, _, err = run("analyse", f"--plan={folder}/plan.json", *files, "--lang=fr")
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("erreur : outcomes.csv ") and ".utf8" not in err


def test_a_test_of_one_arm_gets_no_verdict(run, tmp_path):
    rows = "1,control,9000,500\n1,b,9000,300\n2,control,9000,400\n"
    (tmp_path / "c.csv").write_text(f"test,arm,impressions,clicks\n{rows}")
    flags = f"--counts={tmp_path}/c.csv", f"--out={tmp_path}/r"
    lines = _lines(run, "analyse", *flags)
    assert lines[0] == "! 1 test n'a qu'un bras et a été laissé de côté, le premier '2'"
    assert lines[1].startswith("control est prouvé meilleur")
    (tmp_path / "c.csv").write_text("test,arm,impressions,clicks\n2,control,9000,400\n")
    code, _, err = run("analyse", *flags)
    assert code == 2 and "no test has two arms to compare" in err


def test_a_language_that_there_is_not_is_refused_in_that_of_the_environment(run, monkeypatch):
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    code, _, err = run("next", "--lang=de")
    assert code == 2 and err.startswith("erreur : option --lang : 'de' ; choix")
