"""Analyses an experiment, or bare counts, and writes the report."""

import argparse
import dataclasses
import datetime
import json
import math
import pathlib
import shlex

from campaign import folder as folder_lib
from campaign.experiment import counts as counts_lib
from campaign.experiment import looks as looks_lib
from campaign.experiment import moments as moments_lib
from campaign.experiment import plan_file, results, verdict
from campaign.experiment.assignment import add_part, parse_part, refuse_other_plan
from campaign.experiment.inference import effects
from campaign.experiment.reading import headings
from campaign.experiment.reading.tables import DATE_ORDERS, Notice, Tables
from campaign.experiment.reporting import counts_page, page, sentences
from campaign.language import NEXT, Language, date
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir


# A flag after the other, with its help in both languages.
def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign analyse`."""
    say = language.pick
    file, folder = say("FILE", "FICHIER"), say("FOLDER", "DOSSIER")
    p.add_argument(
        "--outcomes",
        metavar=file,
        help=say(
            "CSV or Parquet: customer, date and what they did",
            "CSV ou Parquet : client, date et ce qu'il a fait",
        ),
    )
    p.add_argument(
        "--assignments",
        metavar=file,
        help=say(
            "of `campaign assign`; by default assignments.csv in --dir",
            "de `campaign assign` ; par défaut assignments.csv dans --dir",
        ),
    )
    p.add_argument(
        "--plan",
        type=pathlib.Path,
        metavar=file,
        help=say("by default plan.json in --dir", "par défaut plan.json dans --dir"),
    )
    p.add_argument(
        "--until",
        metavar=say("DAY", "JOUR"),
        help=say(
            "last day of outcomes, 2026-03-31 or 31/03/2026; by default the last in the file",
            "dernier jour de résultats, 31/03/2026 ; par défaut le dernier du fichier",
        ),
    )
    p.add_argument(
        "--corrects_last_look",
        metavar=say("REASON", "RAISON"),
        help=say(
            "this export mends a mistake in that of the last look: it replaces that look, and the "
            "report says so, with your reason",
            "cet export corrige une erreur de celui du dernier bilan : il remplace ce bilan, et le "
            "rapport le dit, avec votre raison",
        ),
    )
    p.add_argument(
        "--counts",
        metavar=file,
        help=say(
            "instead, without a plan: test, arm, impressions, clicks, perhaps winner",
            "à la place, sans plan : test, bras, impressions, clics, si possible gagnant",
        ),
    )
    p.add_argument(
        "--control",
        metavar=say("NAME", "NOM"),
        help=say("with --counts: the control arm", "avec --counts : le bras témoin"),
    )
    p.add_argument(
        "--out",
        type=pathlib.Path,
        metavar=folder,
        help=say(
            "by default report in --dir; report_counts with --counts",
            "par défaut report dans --dir ; report_counts avec --counts",
        ),
    )
    headings.add_columns(p, "customer", "click", language=language)
    p.add_argument(
        "--dates",
        choices=DATE_ORDERS,
        help=say(
            "in dates such as 03/04/2026 the day (dmy) or the month (mdy) is first",
            "dans des dates comme 03/04/2026, le jour (dmy) ou le mois (mdy) vient d'abord",
        ),
    )
    add_part(p, language)
    p.add_argument(
        "--sums",
        nargs="+",
        type=pathlib.Path,
        metavar=file,
        help=say("sums.json of all parts", "les sums.json de toutes les parties"),
    )


def plain(value: object) -> object:
    """Turns results into what JSON can hold: infinities and NaN become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write(out: pathlib.Path, name: str, text: str) -> None:
    workdir.make_folder(out)
    workdir.write_atomic(out / name, text.encode())


def _until(text: str | None, language: Language) -> datetime.date | None:
    return datetime.date.fromisoformat(date(text, "--until", language)) if text else None


def _collected(
    a: argparse.Namespace, plan: plan_file.Plan, language: Language
) -> moments_lib.Collected:
    if a.sums:
        return _merged(a.sums, plan, language)
    if not a.outcomes:
        raise UserError(
            language.pick(
                "give the outcomes by --outcomes, or --counts, or --sums",
                "donnez les résultats par --outcomes, ou bien --counts, ou --sums",
            )
        )
    assignments = a.assignments or str(a.dir / folder_lib.ASSIGNMENTS)
    if not a.assignments and not pathlib.Path(assignments).exists():
        raise UserError(
            language.pick(
                f"{assignments} is missing: run `{language.command('assign', a.dir)}` first, or "
                "name the file by --assignments",
                f"{assignments} manque : lancez d'abord `{language.command('assign', a.dir)}`, ou "
                "nommez le fichier par --assignments",
            )
        )
    advice = language.pick(
        "Give that plan by --plan, or the assignments of this one by --assignments",
        "Donnez ce plan-là par --plan, ou les affectations de celui-ci par --assignments",
    )
    refuse_other_plan(pathlib.Path(assignments), plan, advice, language)
    with Tables(language) as tables:
        return moments_lib.collect(
            tables,
            plan,
            assignments,
            a.outcomes,
            given=headings.parse_columns(a.columns, moments_lib.COLUMNS, language),
            dates=a.dates,
            until=_until(a.until, language),
            part=parse_part(a.part, language),
        )


def _merged(
    paths: list[pathlib.Path], plan: plan_file.Plan, language: Language
) -> moments_lib.Collected:
    """Adds the sums of all parts of the customers."""
    try:
        parts = [json.loads(p.read_text("utf-8")) for p in paths]
        moments = effects.merge([moments_lib.from_json(x["moments"]) for x in parts])
        seals = {x["plan"] for x in parts}
        is_whole = {x["part"] for x in parts} == {
            f"{i + 1}/{len(parts)}" for i in range(len(parts))
        }
        is_whole &= len({x["until"] for x in parts}) == 1
    except (OSError, ValueError, KeyError, TypeError):
        seals, is_whole = set(), False
    if seals != {plan_file.seal(plan)} or not is_whole:
        raise UserError(
            language.pick(
                "--sums: give the sums.json of all parts (--part) of this plan, each once, until "
                "the same day (--until)",
                "--sums : donnez les sums.json de toutes les parties (--part) de ce plan, chacune "
                "une fois, jusqu'au même jour (--until)",
            )
        )
    sent: dict[str, dict[str, int]] = {}
    for x in parts:
        for segment, by_arm in x["sent"].items():
            row = sent.setdefault(segment, {})
            for arm, n in by_arm.items():
                row[arm] = row.get(arm, 0) + n
    until = parts[0]["until"]
    return moments_lib.Collected(
        moments=moments,
        sent=sent,
        waiting=sum(x["waiting"] for x in parts),
        until=datetime.date.fromisoformat(until) if until else None,
        notices=tuple(Notice(**n) for x in parts for n in x["notices"]),
    )


def analyse(
    plan: plan_file.Plan,
    collected: moments_lib.Collected,
    looks_path: pathlib.Path,
    out: pathlib.Path,
    *,
    reason: str = "",
    language: Language,
) -> tuple[results.Verdict, looks_lib.Look]:
    """Judges what was collected, keeps the look, and writes report.html and report.json.

    Args:
      plan: of the experiment.
      collected: of its customers.
      looks_path: file of the looks so far.
      out: folder of the report.
      reason: why this replaces the last look; "" where it does not.
      language: of the report.

    Returns:
      The verdict and its look.

    Raises:
      UserError: one look too many, nothing new, or no correction of the last look.
    """
    m = collected.moments
    seen = looks_lib.read(looks_path, plan, language)
    compared = verdict.effects_of(m, plan)
    information = verdict.information_of(compared, plan)
    data = looks_lib.hash_of(m)
    position = looks_lib.position(
        seen, data, information, plan=plan, reason=reason, language=language
    )
    v = verdict.judge(m, plan, position.before, collected.sent)
    headline = sentences.headline(v, plan, language)
    now = looks_lib.Look(
        data,
        information,
        {arm: e.z for arm, e in compared.items()},
        headline,
        str(collected.until or ""),
        position.corrections,
    )
    history = [*position.before, now]
    p_values = verdict.p_values(history, v.final) if plan.looks and v.arms else {}
    if v.decision != "refused" and position.is_new:
        looks_lib.write(looks_path, plan, history)  # a refused split uses up no look
    content = {
        "headline": headline,
        "verdict": v,
        "p_values": p_values,
        "plan": plan,
        "looks": history,
        "counts": collected.counts,
        **_collected_content(collected),
    }
    _write(out, "report.json", json.dumps(plain(content), indent=1, ensure_ascii=False))
    _write(out, "report.html", page.html(v, plan, collected, history, p_values, language))
    return v, now


def _run_counts(a: argparse.Namespace, language: Language) -> int:
    with Tables(language) as tables:
        tests = counts_lib.read(
            tables,
            a.counts,
            headings.parse_columns(a.columns, counts_lib.COLUMNS, language),
            a.control,
        )
        notices = tuple(tables.notices)
    verdicts = [counts_lib.judge(t, a.control) for t in tests]
    rows = [
        {"test": t.name, "arms": list(t.arms), **plain(v), "p_values": v.p_values.tolist()}
        for t, v in zip(tests, verdicts, strict=True)
    ]
    headline = counts_page.headline(tests, verdicts, a.control, language)
    content = {"headline": headline, "tests": rows, "notices": plain(notices)}
    _write(a.out, "report.json", json.dumps(content, indent=1, ensure_ascii=False))
    _write(a.out, "report.html", counts_page.html(tests, verdicts, notices, a.control, language))
    for notice in notices:
        print("!", notice.text)
    print(headline)
    print(a.out / "report.html")
    return errors.EXIT_OK


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs `campaign analyse`."""
    _refuse_flags(a, language)
    default = folder_lib.REPORT_OF_COUNTS if a.counts else folder_lib.REPORT
    a.out = a.out or a.dir / default
    if a.counts:
        return _run_counts(a, language)
    plan_path = a.plan or a.dir / folder_lib.PLAN
    plan = plan_file.read(plan_path, language)
    collected = _collected(a, plan, language)
    for notice in collected.notices:
        print("!", notice.text)
    if a.part != "1/1":
        return _write_sums(a, plan, collected)
    looks_path, reason = looks_lib.path_of(plan_path), (a.corrects_last_look or "").strip()
    v, look = analyse(plan, collected, looks_path, a.out, reason=reason, language=language)
    for line in sentences.counted_customers(collected, plan, language):
        print(line)
    if look.corrections and v.decision != "refused":
        print("!", sentences.correction(v.look, look.corrections[-1].reason, language))
    print(look.headline)
    print(a.out / "report.html")
    if v.decision == "continue":
        again = language.pick(
            "the same command at the next look, with a newer export",
            "la même commande au bilan suivant, avec un export plus récent",
        )
        print(f"{language.pick(*NEXT)}{again}")
    elif v.decision != "refused":
        report = a.out / "report.json"
        is_usual = report == a.dir / folder_lib.REPORT / "report.json"
        given = "" if is_usual else f" --report={shlex.quote(str(report))}"
        print(language.next_line(f"next{given}", a.dir))
    return errors.EXIT_OK


def _refuse_flags(a: argparse.Namespace, language: Language) -> None:
    """Refuses flags that do not go together, and a correction without a reason."""
    if a.counts and (a.outcomes or a.assignments or a.sums):
        raise UserError(
            language.pick(
                "--counts needs no plan and no customers: leave --assignments, --outcomes and "
                "--sums out",
                "--counts se passe de plan et de clients : retirez --assignments, --outcomes et "
                "--sums",
            )
        )
    if a.corrects_last_look is not None and not a.corrects_last_look.strip():
        raise UserError(
            language.pick(
                '--corrects_last_look: say what was mended, e.g. "a date of one row"; the report '
                "shows it",
                "--corrects_last_look : dites ce qui a été corrigé, p. ex. « la date d'une ligne » "
                "; le rapport le montre",
            )
        )


def _write_sums(
    a: argparse.Namespace, plan: plan_file.Plan, collected: moments_lib.Collected
) -> int:
    content = {"plan": plan_file.seal(plan), "part": a.part, **_collected_content(collected)}
    _write(a.out, "sums.json", json.dumps(plain(content)))
    print(a.out / "sums.json")
    return errors.EXIT_OK


def _collected_content(collected: moments_lib.Collected) -> dict[str, object]:
    """Returns what was collected as JSON has it, for the report and for sums of parts."""
    return {
        "sent": collected.sent,
        "waiting": collected.waiting,
        "until": str(collected.until) if collected.until else None,
        "notices": collected.notices,
        "moments": moments_lib.to_json(collected.moments),
    }
