"""Joins assignments with outcomes, and reduces them to sums by segment and arm."""

import dataclasses
import datetime
import json
import pathlib

import numpy as np

from campaign.experiment.inference.effects import Moments, Sums
from campaign.experiment.plan_file import HOLDOUT, Plan
from campaign.experiment.reading import assigned_customers, cells, file_kinds, headings
from campaign.experiment.reading.tables import Notice, Tables
from emoji_gan.errors import UserError

# What may be in the files, and named by --columns.
_OF_EVENTS = ("customer", "date", "sent", *headings.OUTCOMES)
COLUMNS = tuple(dict.fromkeys((*assigned_customers.COLUMNS, *_OF_EVENTS)))
_LONGEST_GAP = 60  # days between the last outcome and the one before
_SUMS = ("y", "yy", "xy", "yw", "yw2", "yyw2")


@dataclasses.dataclass(frozen=True)
class Collected:
    """Holds what was collected of an experiment until a day.

    Attributes:
      moments: sums of the customers whose window of outcomes is complete; arms as in the plan,
        the holdout last.
      sent: of these, customers to whom something was sent, by segment and arm; {} where the
        outcomes do not say.
      waiting: customers whose window is not complete yet.
      until: the day; None without dates.
      notices: what was wrong in the files.
    """

    moments: Moments
    sent: dict[str, dict[str, int]]
    waiting: int
    until: datetime.date | None
    notices: tuple[Notice, ...]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Returns customers by segment and arm."""
        m = self.moments
        return {
            s: {arm: int(n) for arm, n in zip(m.arms, row, strict=True)}
            for s, row in zip(m.segments, m.n, strict=True)
        }


def collect(
    tables: Tables,
    plan: Plan,
    assignments: str,
    outcomes: str,
    *,
    given: dict[str, str],
    dates: str | None,
    until: datetime.date | None,
    part: tuple[int, int] = (1, 1),
) -> Collected:
    """Collects the sums of a plan's experiment.

    Args:
      tables: a database of this command.
      plan: says metric, guardrails, window and covariate.
      assignments, outcomes: files or patterns.
      given: headings by column, from --columns.
      dates: order of day and month, from --dates.
      until: last day of outcomes; by default the last in the file.
      part: (i, n): only the i-th of n parts of the customers, by their hash.

    Raises:
      UserError: unreadable, a column is missing, or nothing can be analysed.
    """
    i, n = part
    in_part = "true" if n == 1 else f"hash(customer) % {n} = {i - 1}"
    file_kinds.check(
        tables,
        [
            file_kinds.Given("assignments", assignments, ("customer", "arm")),
            file_kinds.Given("outcomes", outcomes, ("customer", plan.metric)),
        ],
        given,
    )
    assigned_customers.load(tables, plan, assignments, given, in_part)
    measured = _load_events(tables, plan, outcomes, given, dates, in_part)
    has_dates = tables.row("SELECT count(d) FROM events")[0] > 0
    if until is None and has_dates:
        until = _last_day(tables, plan, outcomes)
    _join(tables, plan, measured, has_dates)
    if n == 1:
        _check_somebody(tables, outcomes)
    complete = (
        f"assigned + {plan.window_days - 1} <= DATE '{until}'" if until is not None else "true"
    )
    (waiting,) = tables.row(f"SELECT count(*) FROM who WHERE NOT ({complete})")
    if not tables.row(f"SELECT count(*) FROM who WHERE {complete}")[0]:
        raise UserError(_too_early(tables, plan, until))
    moments = _reduce(tables, plan, measured, complete)
    sent = _sent(tables, plan, complete)
    return Collected(moments, sent, waiting, until, tuple(tables.notices))


def _sent(tables: Tables, plan: Plan, complete: str) -> dict[str, dict[str, int]]:
    """Counts those to whom was sent, by segment and arm; the holdout should have none."""
    sent: dict[str, dict[str, int]] = {}
    for segment, arm, count in tables.rows(
        f"SELECT segment, arm, sum(sent) FROM who JOIN results USING (k) WHERE {complete} "
        "GROUP BY ALL HAVING sum(sent) IS NOT NULL"
    ):
        sent.setdefault(segment, {})[plan.groups[arm]] = int(count)
    tables.notice(
        "holdout_sent",
        sum(by_arm.get(HOLDOUT, 0) for by_arm in sent.values()),
        "{n} [customer|customers] of the holdout [was|were] sent to: it no longer shows what the "
        "campaign brings",
        "{n} [client|clients] de la réserve [a|ont] reçu l'envoi : elle ne montre plus ce que la "
        "campagne rapporte",
    )
    return sent


def _load_events(
    tables: Tables,
    plan: Plan,
    outcomes: str,
    given: dict[str, str],
    dates: str | None,
    in_part: str,
) -> list[str]:
    """Makes `events`: k, d and each outcome as a number; returns the outcomes."""
    there = tables.load(
        "raw", outcomes, _OF_EVENTS, required=("customer", plan.metric), given=given
    )
    file = pathlib.Path(outcomes).name
    select = ["hash(customer) AS k"]
    measured = [c for c in headings.OUTCOMES if c in there]
    if "date" in there:
        order = tables.date_order("raw", "date", file, dates)
        select.append(f"{cells.date(cells.name('date'), order)} AS d")
    else:
        select.append("NULL::DATE AS d")
    select.append(f"{cells.yes_or_no('sent') if 'sent' in there else 'NULL::DOUBLE'} AS sent")
    for column in measured:
        cell = cells.name(column)
        if column in headings.AMOUNTS:
            text = f"coalesce(nullif({cell}, ''), '0')"
            value = cells.number(text, tables.decimal_sign("raw", column, file))
        else:
            value = cells.yes_or_no(cell)
        select.append(f"{value} AS {cell}")
    tables.rows(f"CREATE TABLE events AS SELECT {', '.join(select)} FROM raw WHERE {in_part}")
    _notice_cells(tables, plan, there, measured, file)
    tables.rows("DROP TABLE raw")
    return measured


def _notice_cells(
    tables: Tables, plan: Plan, there: list[str], measured: list[str], file: str
) -> None:
    for column in measured:
        name = headings.in_words(column, tables.language)
        unread, negative = tables.row(
            f"SELECT count(*) FILTER ({column} IS NULL), count(*) FILTER ({column} < 0) FROM events"
        )
        tables.notice(
            "unreadable",
            unread,
            f"{file}, {name}: {{n}} [value|values] cannot be read and [counts|count] as 0",
            f"{file}, {name} : {{n}} [valeur illisible compte|valeurs illisibles comptent] pour 0",
        )
        tables.notice(
            "negative",
            negative,
            f"{file}, {name}: {{n}} negative [amount is taken as a refund|amounts are taken as "
            "refunds]",
            f"{file}, {name} : {{n}} [montant négatif est pris pour un remboursement|montants "
            "négatifs sont pris pour des remboursements]",
        )
    if "date" in there:
        (undated,) = tables.row("SELECT count(*) FROM events WHERE d IS NULL")
        tables.notice(
            "undated",
            undated,
            f"{file}: {{n}} [row|rows] without a readable date [was|were] left out",
            f"{file} : {{n}} [ligne|lignes] sans date lisible [a été laissée|ont été laissées] "
            "de côté",
        )
    else:
        tables.notice(
            "no_dates",
            1,
            f"{file} has no dates: outcomes from before the start cannot be told apart",
            f"{file} n'a pas de dates : les résultats d'avant le départ sont indiscernables",
        )
    for guardrail in plan.guardrails:
        english, french = headings.NAMES[guardrail]
        tables.notice(
            "guardrail_missing",
            guardrail not in measured,
            f"guardrail: {file} has no column of {english}, so nobody watches them",
            f"garde-fou : {file} n'a pas de colonne pour {french}, personne ne les surveille donc",
        )


def _join(tables: Tables, plan: Plan, measured: list[str], has_dates: bool) -> None:
    """Makes `results`: outcomes of each customer within the window."""
    early = "d < assigned" if has_dates else "false"
    late = f"d >= assigned + {plan.window_days}" if has_dates else "false"
    dated = "d IS NOT NULL" if has_dates else "true"
    counts = f"{dated} AND NOT ({early}) AND NOT ({late})"
    sums = ", ".join(
        f"{'sum' if c in headings.AMOUNTS else 'max'}({c}) FILTER ({counts}) AS {c}"
        for c in measured
    )
    tables.rows(
        f"CREATE TABLE results AS SELECT k, max(sent) AS sent, count(*) AS events, "
        f"count(*) FILTER ({early}) AS early, "
        f"count(*) FILTER ({late}) AS late, {sums} FROM events JOIN who USING (k) GROUP BY k"
    )
    early_rows, late_rows, of_somebody = tables.row(
        "SELECT coalesce(sum(early), 0), coalesce(sum(late), 0), coalesce(sum(events), 0) "
        "FROM results"
    )
    (of_torn,) = tables.row("SELECT count(*) FROM events SEMI JOIN torn USING (k)")
    nobody = tables.row("SELECT count(*) FROM events")[0] - of_somebody - of_torn
    tables.notice(
        "nobody",
        nobody,
        "{n} [outcome|outcomes] of customers who were not assigned [was|were] left out (if these "
        "are many: do customer numbers keep their leading zeros?)",
        "{n} [résultat|résultats] de clients non affectés [a été laissé|ont été laissés] de côté "
        "(s'il y en a beaucoup : les numéros gardent-ils leurs zéros initiaux ?)",
    )
    tables.notice(
        "before",
        early_rows,
        "{n} [outcome|outcomes] from before the assignment [was|were] left out",
        "{n} [résultat antérieur|résultats antérieurs] à l'affectation [a été laissé|ont été "
        "laissés] de côté",
    )
    tables.notice(
        "after",
        late_rows,
        f"{{n}} [outcome|outcomes] after a customer's window ({plan.window_days} d) [was|were] "
        "left out",
        f"{{n}} [résultat|résultats] après la fenêtre du client ({plan.window_days} j) [a été "
        "laissé|ont été laissés] de côté",
    )


def _last_day(tables: Tables, plan: Plan, file: str) -> datetime.date:
    """Returns the last day of outcomes.

    Raises:
      UserError: it is long after the others and after the plan, so most likely a slip of the pen;
        everybody would then count as observed to the end.
    """
    days = [r[0] for r in tables.rows("SELECT DISTINCT d FROM events ORDER BY d DESC LIMIT 2")]
    last, before = days[0], days[-1]
    end = plan.start_date + datetime.timedelta(days=plan.duration_days)
    if last > end and (last - before).days > _LONGEST_GAP:
        language = tables.language
        day, other = language.day(last), language.day(before)
        raise UserError(
            language.pick(
                f"{pathlib.Path(file).name} has a row of {day}, long after all others (until "
                f"{other}): mend its date, or say the last day by --until={other}",
                f"{pathlib.Path(file).name} a une ligne du {day}, bien après toutes les autres "
                f"(jusqu'au {other}) : corrigez sa date, ou dites le dernier jour par "
                f"--until={other}",
            )
        )
    return last


def _too_early(tables: Tables, plan: Plan, until: datetime.date | None) -> str:
    """Says that nobody can be counted yet, and from which day on somebody can."""
    (first,) = tables.row("SELECT min(assigned) FROM who")
    language, days = tables.language, plan.window_days
    if first is None or until is None:
        return language.pick(
            "no customer of the assignments is in an arm of the plan",
            "aucun client des affectations n'est dans un bras du plan",
        )
    day = language.day(first + datetime.timedelta(days=days - 1))
    return language.pick(
        f"on {until} the {days} days for which a customer is observed are over for nobody: come "
        f"back with outcomes until {day}",
        f"au {language.day(until)}, les {days} jours d'observation ne sont finis pour aucun "
        f"client : revenez avec les résultats jusqu'au {day}",
    )


def _check_somebody(tables: Tables, file: str) -> None:
    """Refuses outcomes of which none is of a customer: another campaign's, most likely."""
    (count,), (ours,) = (tables.row(f"SELECT count(*) FROM {x}") for x in ("events", "results"))
    (torn,) = tables.row("SELECT count(*) FROM events SEMI JOIN torn USING (k)")
    if count and not ours and not torn:
        raise UserError(
            tables.language.pick(
                f"{file}: none of its outcomes ({count}) is of an assigned customer; is it this "
                "campaign's, and do customer numbers keep their leading zeros?",
                f"{file} : aucun de ses résultats ({count}) n'est d'un client affecté ; est-ce le "
                "fichier de cette campagne, et les numéros gardent-ils leurs zéros initiaux ?",
            )
        )


def _reduce(tables: Tables, plan: Plan, measured: list[str], complete: str) -> Moments:
    arms = plan.groups
    (centre,) = tables.row("SELECT coalesce(avg(x), 0) FROM who")
    shares = " ".join(f"WHEN {i} THEN {p!r}" for i, p in enumerate(plan.shares("-").values()))
    columns = ["count(*)", "sum(x)", "sum(x * x)", "sum(w)", "sum(w * w)"]
    for c in measured:
        columns += [f"sum({c})", f"sum({c} * {c})", f"sum(x * {c})", f"sum({c} * w)"]
        columns += [f"sum({c} * w * w)", f"sum({c} * {c} * w * w)"]
    values = ", ".join(f"coalesce({c}, 0) AS {c}" for c in measured)
    rows = tables.rows(
        f"SELECT segment, arm, {', '.join(columns)} FROM (SELECT segment, arm, "
        f"coalesce(x - {centre!r}, 0) AS x, 1 / coalesce(nullif(p, 0), CASE arm {shares} END) AS w,"
        f" {values} FROM who LEFT JOIN results USING (k) WHERE {complete}) GROUP BY segment, arm"
    )
    segments = tuple(sorted({r[0] for r in rows}))
    table = np.zeros((len(segments), len(arms), len(columns)))
    for segment, arm, *sums in rows:
        table[segments.index(segment), arm] = sums
    names = iter(range(5, len(columns)))
    outcomes = {c: Sums(**{name: table[:, :, next(names)] for name in _SUMS}) for c in measured}
    n, x, xx, w, w2 = (table[:, :, i] for i in range(5))
    return Moments(segments, arms, n, x, xx, w, w2, outcomes)


def to_json(m: Moments) -> dict:
    """Turns sums into what JSON can hold."""
    return {
        "segments": list(m.segments),
        "arms": list(m.arms),
        **{k: getattr(m, k).tolist() for k in ("n", "x", "xx", "w", "w2")},
        "outcomes": {
            name: {k: getattr(s, k).tolist() for k in _SUMS} for name, s in m.outcomes.items()
        },
    }


def from_json(content: dict) -> Moments:
    """Reads what `to_json` made."""
    return Moments(
        segments=tuple(content["segments"]),
        arms=tuple(content["arms"]),
        **{k: np.array(content[k], float) for k in ("n", "x", "xx", "w", "w2")},
        outcomes={
            name: Sums(**{k: np.array(s[k], float) for k in _SUMS})
            for name, s in content["outcomes"].items()
        },
    )


def fingerprint(m: Moments) -> str:
    """Returns a text that is equal for equal data, to recognise a look that is repeated."""
    return json.dumps([[round(v, 6) for v in row] for row in m.n.tolist()]) + json.dumps(
        {name: [round(float(v), 4) for v in s.y.ravel()] for name, s in m.outcomes.items()}
    )
