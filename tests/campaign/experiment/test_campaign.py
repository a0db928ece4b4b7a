"""From plan to verdict through the command line, with what goes wrong in real files."""

import csv
import dataclasses
import datetime
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from campaign.demo import simulation
from campaign.experiment import assignment, looks, plan_file
from campaign.experiment.reading.tables import Tables
from campaign.experiment.reporting import plan_changes
from campaign.language import Language, date


def _plan(run, folder, *flags):
    code, out, err = run(
        "plan",
        "--baseline=20%",
        "--smallest_effect=20%",
        "--start=2026-03-02",
        "--salt=s",
        f"--out={folder}/plan.json",
        *flags,
    )
    assert code == 0, err
    return out


def _assign(run, folder, customers, *flags):
    return run(
        "assign",
        f"--plan={folder}/plan.json",
        f"--customers={customers}",
        f"--out={folder}/assignments.csv",
        *flags,
    )


def _analyse(run, folder, *flags):
    return run(
        "analyse",
        f"--plan={folder}/plan.json",
        f"--assignments={folder}/assignments.csv",
        f"--outcomes={folder}/outcomes.csv",
        f"--out={folder}/report",
        *flags,
    )


def _assigned(folder):
    """Reads assignments in English or French; rows by customer."""
    columns = ("customer", "segment", "arm", "propensity", "assigned")
    with Tables(Language("en")) as t:
        t.load("a", f"{folder}/assignments.csv", columns, required=columns, given={})
        rows = t.rows(f"SELECT {', '.join(columns)} FROM a ORDER BY 1")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _outcomes(folder, rate, extra="", seed=0, left=0.0):
    """Writes outcomes with a click rate by arm; the assigned rows are returned."""
    rows = _assigned(folder)
    rng = np.random.default_rng(seed)
    u = rng.random(len(rows))
    gone = rng.random(len(rows)) < left
    lines = ["client;date;clic;désinscription"]
    for row, x, g in zip(rows, u, gone, strict=True):
        day = date(row["assigned"], "assigned", Language("en"))
        day = datetime.date.fromisoformat(day) + datetime.timedelta(days=1)
        lines.append(f"{row['customer']};{day:%d/%m/%Y};{int(x < rate[row['arm']])};{g:d}")
    (folder / "outcomes.csv").write_text("\n".join(lines) + "\n" + extra, encoding="cp1252")
    return rows


@pytest.fixture
def folder(run, tmp_path):
    """A campaign with 9,000 customers in two segments, assigned."""
    _plan(run, tmp_path)
    (tmp_path / "customers.csv").write_text(
        "N° client;Segment\n" + "".join(f"{i:05d};{'ab'[i % 2]}\n" for i in range(9000)), "cp1252"
    )
    code, _, err = _assign(run, tmp_path, tmp_path / "customers.csv")
    assert code == 0, err
    return tmp_path


RATES = {"control": 0.2, "emoji": 0.2, "holdout": 0.2}


def test_a_helpful_emoji_is_deployed_and_a_useless_one_is_not(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.28})
    code, out, err = _analyse(run, folder, "--until=2026-03-31", "--lang=fr")
    assert code == 0, err
    assert "Déployez emoji : clics +" in out and "outcomes.csv a été lu en cp1252" in out
    html = (folder / "report" / "report.html").read_text("utf-8")
    assert html.index("Déployez") < html.index("<svg") and "http" not in html.split("<svg")[0]
    assert 'aria-label="effet par rapport au témoin, % : emoji +' in html  # is read aloud
    assert '<th scope="row">emoji</th>' in html
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    (arm,) = report["verdict"]["arms"]
    assert arm["low"] < 0.08 < arm["high"] and report["verdict"]["decision"] == "deploy"
    code, out, _ = run("next", f"--report={folder}/report/report.json", f"--out={folder}/a.json")
    assert code == 0 and "clicks of 100 customers" in out and "\n  emoji " in out
    shares = json.loads((folder / "a.json").read_text())["shares"]
    assert shares["a"]["emoji"] > 0.9 and abs(sum(shares["a"].values()) - 1) < 1e-9
    _plan(run, folder / "next", f"--allocation={folder}/a.json")

    (folder / "plan.looks.json").unlink()
    _outcomes(folder, RATES)
    _, out, _ = _analyse(run, folder, "--until=2026-03-31")
    assert "Stop, and keep the control" in out


_NOT_DECIDED = ", but it is not decided yet whether it hurts unsubscribes (between "


@pytest.mark.parametrize(
    ("tolerated", "flags", "at_first", "at_last"),
    [
        ("2%", (), "Deploy emoji: clicks +", "Deploy emoji: clicks +"),
        (
            "2%",
            ("--strict_guardrails",),
            "Continue: emoji is proved better" + _NOT_DECIDED,
            "Stop, and keep the control: emoji is proved better" + _NOT_DECIDED,
        ),
        ("90%", ("--strict_guardrails",), "Deploy emoji: clicks +", "Deploy emoji: clicks +"),
    ],
)
def test_a_guardrail_that_is_not_decided_is_named_and_holds_back_by_a_strict_plan(
    run, folder, tolerated, flags, at_first, at_last
):
    (folder / "plan.json").unlink()
    (folder / "assignments.csv.record.json").unlink()
    out = _plan(run, folder, f"--guardrails=unsubscribe:{tolerated}", *flags)
    assert ("shown to stay within" in out) == bool(flags)
    assert _assign(run, folder, folder / "customers.csv")[0] == 0
    _outcomes(folder, RATES | {"emoji": 0.35}, left=0.3)
    for until, start in (("2026-03-08", at_first), ("2026-03-31", at_last)):
        code, out, err = _analyse(run, folder, f"--until={until}")
        headline = out.splitlines()[-3]
        assert code == 0 and headline.startswith(start), (headline, err)
        assert (_NOT_DECIDED in headline) == (tolerated == "2%")


def test_a_guardrail_that_nobody_measures_is_said_in_the_first_sentence(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.35})
    _, out, _ = _analyse(run, folder, "--until=2026-03-31", "--lang=fr")
    assert out.splitlines()[-3].endswith(
        ", mais il n'est pas encore décidé si cela dégrade : désinscriptions (rien de mesuré)."
    )


def test_plans_from_before_a_field_was_added_are_still_sealed(run, folder):
    plan = plan_file.read(folder / "plan.json", Language("en"))
    assert "strict_guardrails" not in json.loads((folder / "plan.json").read_text("utf-8"))
    strict = dataclasses.replace(plan, strict_guardrails=True)
    assert plan_file.seal(strict) != plan_file.seal(plan)
    before, now = plan_file.fields_of(plan), plan_file.fields_of(strict)
    (line,) = plan_changes.changes(before, now, Language("en"))
    assert line == "strict guardrails (--strict_guardrails): none then, yes now"


def test_looks_end_where_the_plan_says(run, folder):
    _outcomes(folder, RATES)
    for day in range(8, 13):
        code, out, err = _analyse(run, folder, f"--until=2026-03-{day:02d}")
        assert code == 0, err
        again = _analyse(run, folder, f"--until=2026-03-{day:02d}")
        assert again[1] == out  # the same data is the same look
    _outcomes(folder, RATES, seed=1)
    code, _, err = _analyse(run, folder, "--until=2026-03-12")
    assert code == 2 and "an interim look too many: 5 were planned" in err


def test_new_outcomes_of_the_same_customers_make_no_look(run, folder):
    _outcomes(folder, RATES)
    assert _analyse(run, folder, "--until=2026-03-09")[0] == 0
    _outcomes(folder, RATES, seed=1)
    code, _, err = _analyse(run, folder, "--until=2026-03-09", "--lang=fr")
    assert code == 2 and err.startswith("erreur : pas de nouveaux clients")


def test_outcomes_of_another_campaign_use_up_no_look(run, folder):
    _outcomes(folder, RATES)
    right = (folder / "outcomes.csv").read_bytes()
    head, *rows = right.splitlines(keepends=True)
    (folder / "outcomes.csv").write_bytes(head + b"".join(b"9" + row for row in rows))
    code, _, err = _analyse(run, folder, "--until=2026-03-31", "--lang=fr")
    assert code == 2 and err.count("\n") == 1 and "n'est d'un client affecté" in err
    assert not looks.path_of(folder / "plan.json").exists()
    (folder / "outcomes.csv").write_bytes(right)
    assert _analyse(run, folder, "--until=2026-03-31")[0] == 0


def test_an_arm_that_nobody_is_left_in_is_named(run, folder):
    _outcomes(folder, RATES)
    text = (folder / "assignments.csv").read_text()
    (folder / "assignments.csv").write_text(text.replace(",emoji,", ",licorne,"))
    code, _, err = _analyse(run, folder, "--until=2026-03-31", "--lang=fr")
    assert code == 2 and err.startswith("erreur : bras emoji : trop peu de clients"), err


def test_days_are_written_in_either_order_or_refused_in_one_line(run, folder):
    _outcomes(folder, RATES)
    flags = ("--until=31/03/2026", "--lang=fr")
    code, out, err = _analyse(run, folder, *flags)
    assert code == 0, err
    assert _analyse(run, folder, "--until=2026-03-31", "--lang=fr")[1] == out
    for verb, flag in (("plan", "--start"), ("analyse", "--until")):
        given = ("--baseline=20%", "--smallest_effect=20%") if verb == "plan" else ()
        args = (f"--plan={folder}/plan.json", f"--assignments={folder}/assignments.csv")
        args += (f"--outcomes={folder}/outcomes.csv",)
        args = given or args
        code, _, err = run(verb, *args, f"{flag}=demain", f"--out={folder}/x", "--lang=fr")
        assert code == 2 and err.count("\n") == 1 and "'demain' n'est pas un jour" in err


def test_places_that_cannot_be_written_are_one_line(run, folder):
    _outcomes(folder, RATES)
    code, _, err = run(
        "assign",
        f"--plan={folder}/plan.json",
        f"--customers={folder}/assignments.csv",
        f"--out={folder}",
        "--lang=fr",
    )
    assert code == 2 and "un dossier ; nommez un fichier" in err and err.count("\n") == 1
    flags = ("--until=2026-03-31", f"--out={folder}/outcomes.csv", "--lang=fr")
    code, _, err = _analyse(run, folder, *flags)
    assert code == 2 and "outcomes.csv" in err and err.count("\n") == 1
    code, _, err = run("next", f"--report={folder}/absent.json", "--lang=fr")
    assert code == 2 and "lancez d'abord `campaign analyse`" in err and err.count("\n") == 1


def test_a_broken_split_is_refused_and_uses_up_no_look(run, folder):
    rows = _outcomes(folder, RATES | {"emoji": 0.4})
    kept = [r for i, r in enumerate(rows) if r["arm"] != "emoji" or i % 5]
    with open(folder / "assignments.csv", "w", newline="") as f:
        writer = csv.DictWriter(f, rows[0])
        writer.writeheader()
        writer.writerows(kept)
    code, out, _ = _analyse(run, folder, "--until=2026-03-31")
    assert code == 0 and "No verdict: the split between the arms is broken" in out
    assert not looks.path_of(folder / "plan.json").exists()
    code, _, err = run("next", f"--report={folder}/report/report.json", f"--out={folder}/a.json")
    assert code == 2 and "split" in err and not (folder / "a.json").exists()


def test_everything_wrong_is_counted_and_said(run, folder):
    extra = "99999;05/03/2026;1;0\n00001;01/01/2026;1;0\n00002;05/05/2026;1;0\n00003;soon;1;0\n"
    extra += "00004;05/03/2026;perhaps;0\n;05/03/2026;1;0\n"
    rows = _outcomes(folder, RATES, extra)
    with open(folder / "assignments.csv", "a") as f:
        other = {"control": "emoji"}.get(rows[0]["arm"], "control")
        f.write(f"{rows[0]['customer']},a,{other},0.475,2026-03-02\n")
        f.write(",".join(rows[7].values()) + "\n")
        f.write("77777,a,mystery,0.5,2026-03-02\n,a,control,0.475,2026-03-02\n")
    assert _analyse(run, folder, "--until=2026-03-31")[0] == 0
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    counts = {n["code"]: n["count"] for n in report["notices"]}
    expected = {
        "nobody": 2,
        "no_customer": 1,
        "before": 1,
        "after": 1,
        "undated": 1,
        "unreadable": 1,
        "two_arms": 1,
        "duplicates": 2,
        "unplanned_arm": 1,
        "encoding": 1,
    }
    assert {k: counts.get(k) for k in expected} == expected


def test_a_vanished_arm_and_no_conversions_give_no_verdict(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.0})
    assert _analyse(run, folder, "--until=2026-03-31")[0] == 0
    assert "vanished" in (folder / "report" / "report.html").read_text("utf-8")
    (folder / "plan.looks.json").unlink()
    _outcomes(folder, dict.fromkeys(RATES, 0.0))
    code, out, _ = _analyse(run, folder, "--until=2026-03-31")
    assert code == 0 and "Deploy" not in out
    assert "too few events" in (folder / "report" / "report.html").read_text("utf-8")


def test_a_plan_changed_after_the_start_is_refused_and_says_what(run, folder):
    _outcomes(folder, RATES)
    path = folder / "plan.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"alpha": 0.2}))
    code, _, err = _analyse(run, folder)
    assert code == 2 and "changed after it was written: alpha" in err
    path.unlink()
    _plan(run, folder, "--alpha=0.2")  # sealed anew
    code, _, err = _analyse(run, folder)
    assert code == 2 and "risk of a false alarm (--alpha): 5% then, 20% now" in err
    code, _, err = run("plan", "--baseline=3%", "--start=2026-03-02", f"--out={path}")
    assert code == 2 and "another plan already" in err


def test_parts_give_the_same_report(run, folder):
    _outcomes(folder, RATES | {"emoji": 0.28})
    assert _analyse(run, folder, "--until=2026-03-31")[0] == 0
    whole = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    sums = []
    for i in (1, 2, 3):
        code, _, err = _analyse(
            run, folder, "--until=2026-03-31", f"--part={i}/3", f"--out={folder}/part{i}"
        )
        assert code == 0, err
        sums.append(folder / f"part{i}" / "sums.json")
    joined = ["analyse", f"--plan={folder}/plan.json", f"--out={folder}/joined", "--sums"]
    assert run(*joined, *sums)[0] == 0
    parts = json.loads((folder / "joined" / "report.json").read_text("utf-8"))
    assert parts["moments"]["n"] == whole["moments"]["n"]
    assert parts["headline"] == whole["headline"]
    assert run(*joined, *sums[:2])[0] == 2


def test_an_open_campaign_gives_an_interval_at_every_moment(run, folder):
    (folder / "plan.json").unlink()
    (folder / "assignments.csv.record.json").unlink()
    _plan(run, folder, "--looks=0")
    _outcomes(folder, RATES | {"emoji": 0.3})
    code, out, err = _analyse(run, folder, "--until=2026-03-31")
    assert code == 0 and "Deploy emoji" in out, err


def test_an_audience_too_small_is_refused_with_what_it_could_show(run, tmp_path):
    code, _, err = run(
        "plan",
        "--baseline=3 %",
        "--start=2026-03-02",
        "--audience=20000",
        f"--out={tmp_path}/p.json",
        "--lang=fr",
    )
    assert code == 2 and "il faut" in err and "--smallest_effect=24.8%" in err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    "flag",
    [
        "--baseline=3",
        "--power=80",
        "--holdout=-1%",
        "--arms=one",
        "--alpha=2",
        "--start=soon",
        "--guardrails=joy:1",
        "--smallest_effect=-1",
    ],
)
def test_impossible_plans_are_refused_in_a_line(run, tmp_path, flag):
    code, _, err = run("plan", "--baseline=3%", "--start=2026-03-02", f"--out={tmp_path}/p", flag)
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1


_PLAN = simulation.plan()


@hypothesis.settings(max_examples=10, deadline=None)
@hypothesis.given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_an_arm_depends_on_the_customer_and_the_salt_alone(tmp_path_factory, customers):
    """The SQL and the function for one customer agree, whoever else is in the file."""
    folder = tmp_path_factory.mktemp("a")
    with open(folder / "c.csv", "w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([["customer"], *([c] for c in customers)])
    with Tables(Language("en")) as tables:
        assignment.assign(tables, _PLAN, str(folder / "c.csv"), folder / "o.csv", given={})
    with open(folder / "o.csv", encoding="utf-8", newline="") as f:
        got = {r["customer"]: r["arm"] for r in csv.DictReader(f)}
    assert got == {c: assignment.arm_of(_PLAN, c) for c in customers}


def test_shares_are_kept_and_records_name_nobody(run, folder):
    with open(folder / "assignments.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    emoji = np.mean([r["arm"] == "emoji" for r in rows])
    assert abs(emoji - 0.475) < 0.02
    assert {r["propensity"] for r in rows if r["arm"] != "holdout"} == {"0.475"}
    record = (folder / "assignments.csv.record.json").read_text()
    assert plan_file.HOLDOUT in record and rows[0]["customer"] not in record
