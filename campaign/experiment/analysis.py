"""Analyses an experiment, or bare counts, and writes the report."""

import argparse
import dataclasses
import datetime
import json
import math
import pathlib
import shlex

from campaign.experiment import counts as counts_lib
from campaign.experiment import looks as looks_lib
from campaign.experiment import moments as moments_lib
from campaign.experiment import plan_file, results, verdict
from campaign.experiment.assignment import parse_part, record_path
from campaign.experiment.inference import effects
from campaign.experiment.reading import headings
from campaign.experiment.reading.tables import DATE_ORDERS, Notice, Tables
from campaign.experiment.reporting import counts_page, page, sentences
from campaign.language import NEXT, Language, date
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign analyse`."""
    say = language.pick
    p.add_argument("--plan", type=pathlib.Path, default=pathlib.Path("plan.json"))
    p.add_argument("--assignments", help=say("of `campaign assign`", "de `campaign assign`"))
    p.add_argument(
        "--outcomes",
        help=say("customer, date and what they did", "client, date et ce qu'il a fait"),
    )
    p.add_argument(
        "--counts",
        help=say(
            "without a plan: test, arm, impressions, clicks",
            "sans plan : test, bras, impressions, clics",
        ),
    )
    p.add_argument("--control", help=say("arm, with --counts", "bras témoin, avec --counts"))
    p.add_argument(
        "--out",
        type=pathlib.Path,
        help=say("folder; report, or report_counts", "dossier ; report, ou report_counts"),
    )
    p.add_argument("--columns", default="", help="customer=HEADING,click=HEADING")
    p.add_argument("--dates", choices=DATE_ORDERS)
    p.add_argument(
        "--until", help=say("last day of outcomes, YYYY-MM-DD", "dernier jour, AAAA-MM-JJ")
    )
    p.add_argument(
        "--part",
        default="1/1",
        help=say("2/8: only sums of that part", "2/8 : seulement les sommes de cette partie"),
    )
    p.add_argument(
        "--sums",
        nargs="+",
        type=pathlib.Path,
        help=say("sums.json of the parts", "sums.json des parties"),
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
    if not (a.assignments and a.outcomes):
        raise UserError(
            language.pick(
                "give --assignments and --outcomes, or --counts, or --sums",
                "donnez --assignments et --outcomes, ou --counts, ou --sums",
            )
        )
    record = record_path(pathlib.Path(a.assignments))
    if record.exists():
        plan_file.compare(json.loads(record.read_text("utf-8"))["plan"], plan, language)
    with Tables(language) as tables:
        return moments_lib.collect(
            tables,
            plan,
            a.assignments,
            a.outcomes,
            given=headings.parse_columns(a.columns, language),
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
                "--sums: not all parts of this plan, each once, until the same day (--until)",
                "--sums : il faut toutes les parties de ce plan, une fois, au même jour (--until)",
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
    language: Language,
) -> results.Verdict:
    """Judges what was collected, keeps the look, and writes report.html and report.json.

    Raises:
      UserError: one look too many, or nothing new.
    """
    m = collected.moments
    seen = looks_lib.read(looks_path, plan, language)
    compared = verdict.effects_of(m, plan)
    information = verdict.information_of(compared, plan)
    data = looks_lib.hash_of(m)
    before = looks_lib.before(seen, data, information, plan=plan, language=language)
    v = verdict.judge(m, plan, before, collected.sent)
    now = looks_lib.Look(data, information, {arm: e.z for arm, e in compared.items()})
    history = [*before, now]
    p_values = verdict.p_values(history, v.final) if plan.looks and v.arms else {}
    if v.decision != "refused" and len(history) > len(seen):
        looks_lib.write(looks_path, plan, history)  # a refused split uses up no look
    headline = sentences.headline(v, plan, language)
    content = {
        "headline": headline,
        "verdict": v,
        "p_values": p_values,
        "plan": plan,
        "looks": history,
        "counts": collected.counts,
        "sent": collected.sent,
        "waiting": collected.waiting,
        "until": str(collected.until) if collected.until else None,
        "notices": collected.notices,
        "moments": moments_lib.to_json(m),
    }
    _write(out, "report.json", json.dumps(plain(content), indent=1, ensure_ascii=False))
    _write(out, "report.html", page.html(v, plan, collected, history, p_values, language))
    return v


def _run_counts(a: argparse.Namespace, language: Language) -> int:
    with Tables(language) as tables:
        tests = counts_lib.read(
            tables, a.counts, headings.parse_columns(a.columns, language), a.control
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
    a.out = a.out or pathlib.Path("report_counts" if a.counts else "report")
    if a.counts:
        return _run_counts(a, language)
    plan = plan_file.read(a.plan, language)
    collected = _collected(a, plan, language)
    for notice in collected.notices:
        print("!", notice.text)
    if a.part != "1/1":
        content = {
            "plan": plan_file.seal(plan),
            "part": a.part,
            "moments": moments_lib.to_json(collected.moments),
            "sent": collected.sent,
            "waiting": collected.waiting,
            "until": str(collected.until) if collected.until else None,
            "notices": plain(collected.notices),
        }
        _write(a.out, "sums.json", json.dumps(content))
        print(a.out / "sums.json")
        return errors.EXIT_OK
    v = analyse(plan, collected, looks_lib.path_of(a.plan), a.out, language)
    print(sentences.headline(v, plan, language))
    print(a.out / "report.html")
    if v.decision == "continue":
        again = language.pick("the same command at the next look", "la même au bilan suivant")
        print(f"{language.pick(*NEXT)}{again}")
    elif v.decision != "refused":
        report = a.out / "report.json"
        given = "" if str(a.out) == "report" else f" --report={shlex.quote(str(report))}"
        print(language.next_line(f"next{given}"))
    return errors.EXIT_OK
