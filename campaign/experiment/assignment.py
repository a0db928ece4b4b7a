"""Assigns customers to arms by a salted hash: the same customer always to the same arm."""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shlex

from campaign.experiment import plan_file
from campaign.experiment.inference import sample_ratio
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading import cells, headings
from campaign.experiment.reading.tables import Notice, Tables
from campaign.language import Language
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

_BITS = 52  # of the hash for the arm, and as many for the wave: exact in a double
_DIGITS = _BITS // 4
NO_SEGMENT = "-"


def uniform(salt: str, customer: str) -> tuple[float, float]:
    """Returns the two numbers in [0, 1) that decide a customer's arm and wave."""
    digest = hashlib.sha256(f"{salt}:{customer}".encode()).hexdigest()
    return tuple(int(digest[i : i + _DIGITS], 16) / 2**_BITS for i in (0, _DIGITS))


def arm_of(plan: Plan, customer: str, segment: str = NO_SEGMENT) -> str:
    """Returns the arm of one customer, for programs that assign one by one."""
    u, _ = uniform(plan.salt, customer)
    edge = 0.0
    for arm, propensity in plan.shares(segment).items():
        edge += propensity
        if u < edge:
            return arm
    return arm  # u = 1 - 2^-52 and shares that add up to a little less


def _uniform_sql(first: int) -> str:
    return f"(('0x' || substr(h, {first}, {_DIGITS}))::BIGINT / {2**_BITS}.0::DOUBLE)"


def _arm_sql(plan: Plan) -> str:
    """Writes the choice of arm and propensity by segment: a CASE on u, as `arm_of` does."""

    def choice(segment: str) -> str:
        edge, whens, shares = 0.0, [], plan.shares(segment)
        for arm, propensity in shares.items():
            edge += propensity
            value = f"{{'arm': {cells.quoted(arm)}, 'p': {propensity!r}::DOUBLE}}"
            whens.append(f"WHEN u < {edge!r}::DOUBLE THEN {value}")
        return f"(CASE {' '.join(whens)} ELSE {value} END)"

    if not plan.allocation:
        return choice(NO_SEGMENT)
    by_segment = " ".join(
        f"WHEN {cells.quoted(segment)} THEN {choice(segment)}" for segment in plan.allocation
    )
    return f"CASE segment {by_segment} ELSE {choice(NO_SEGMENT)} END"


@dataclasses.dataclass(frozen=True)
class Result:
    """Holds what an assignment did.

    Attributes:
      counts: customers by segment and arm.
      notices: what was wrong in the file.
    """

    counts: dict[str, dict[str, int]]
    notices: tuple[Notice, ...]


def assign(
    tables: Tables,
    plan: Plan,
    customers: str,
    out: pathlib.Path,
    *,
    given: dict[str, str],
    part: tuple[int, int] = (1, 1),
) -> Result:
    """Assigns the customers of a file and writes customer, segment, arm, propensity, assigned.

    Args:
      tables: a database of this command.
      plan: says arms, shares, waves and salt.
      customers: file or pattern.
      out: CSV, CSV.gz or Parquet by its suffix.
      given: headings by column, from --columns.
      part: (i, n): only the i-th of n parts of the customers, by their hash.

    Raises:
      UserError: unreadable, or a column is missing.
    """
    columns = ("customer", "segment", *([plan.covariate] if plan.covariate else []))
    required = tuple(c for c in columns if c != "segment")
    there = tables.load("raw", customers, columns, required=required, given=given)
    (empty,) = tables.row("SELECT count(*) FROM raw WHERE coalesce(customer, '') = ''")
    tables.notice(
        "no_customer",
        empty,
        "{n} [row|rows] without a customer [was|were] left out",
        "{n} [ligne|lignes] sans client [a été laissée|ont été laissées] de côté",
    )
    segment = f"coalesce(nullif(segment, ''), '{NO_SEGMENT}')" if "segment" in there else "'-'"
    covariate = ""
    if plan.covariate:
        sign = tables.decimal_sign("raw", plan.covariate, pathlib.Path(customers).name)
        covariate = cells.number(cells.name(plan.covariate), sign)
    i, n = part
    in_part = "" if n == 1 else f"AND hash(customer) % {n} = {i - 1}"
    _keep_once(tables, segment, covariate, in_part)
    _notice_duplicates(tables, plan)
    wave = f"least(floor(v * {max(plan.looks, 1)})::INT, {max(plan.looks, 1) - 1})"
    first = cells.quoted(plan.start)
    tables.rows(
        "CREATE TABLE assigned AS SELECT customer, segment, choice.arm AS arm, "
        f"choice.p AS propensity, DATE {first} + {wave} * {plan.wave_days} AS assigned"
        f"{', covariate' if covariate else ''} FROM (SELECT *, {_arm_sql(plan)} AS choice FROM "
        f"(SELECT *, {_uniform_sql(1)} AS u, {_uniform_sql(1 + _DIGITS)} AS v FROM "
        f"(SELECT *, sha256({cells.quoted(plan.salt)} || ':' || customer) AS h FROM once)))"
    )
    _write(tables, out)
    counts: dict[str, dict[str, int]] = {}
    for name, arm, count in tables.rows(
        "SELECT segment, arm, count(*) FROM assigned GROUP BY ALL ORDER BY ALL"
    ):
        counts.setdefault(name, {})[arm] = count
    return Result(counts, tuple(tables.notices))


def _keep_once(tables: Tables, segment: str, covariate: str, condition: str) -> None:
    """Makes the table `once` of different customers; groups only where there are duplicates."""
    source = f"FROM raw WHERE coalesce(customer, '') <> '' {condition}"
    (repeated,) = tables.row(f"SELECT count(*) - count(DISTINCT hash(customer)) {source}")
    if repeated:
        columns = f"customer, min({segment}) AS segment, count(*) AS copies, "
        columns += f"min({segment}) <> max({segment}) AS torn"
        columns += f", max({covariate}) AS covariate" if covariate else ""
        source += " GROUP BY customer"
    else:
        columns = f"customer, {segment} AS segment, 1 AS copies, false AS torn"
        columns += f", {covariate} AS covariate" if covariate else ""
    tables.rows(f"CREATE TABLE once AS SELECT {columns} {source}")


def _notice_duplicates(tables: Tables, plan: Plan) -> None:
    copies, torn = tables.row(
        "SELECT coalesce(sum(copies - 1), 0), count(*) FILTER (torn) FROM once"
    )
    tables.notice(
        "duplicates",
        copies,
        "{n} further [row|rows] of customers who were there already: each is assigned once",
        "{n} [ligne|lignes] en double de clients déjà vus : chacun n'est affecté qu'une fois",
    )
    tables.notice(
        "torn_segments",
        torn,
        "{n} [customer is|customers are] in several segments: the first by alphabet was taken",
        "{n} [client est|clients sont] dans plusieurs segments : le premier par ordre "
        "alphabétique a été pris",
    )
    if plan.covariate:
        (unread,) = tables.row("SELECT count(*) FROM once WHERE covariate IS NULL")
        tables.notice(
            "no_covariate",
            unread,
            f"{{n}} [customer has|customers have] no readable {plan.covariate}: the mean stands in",
            f"{{n}} [client n'a|clients n'ont] pas de {plan.covariate} lisible : la moyenne "
            "la remplace",
        )


def _write(tables: Tables, out: pathlib.Path) -> None:
    """Writes the table aside and moves it, so that no half a file is taken for whole."""
    workdir.make_folder(out.parent)
    aside = out.with_name(f".{out.name}.part")
    if out.suffix == ".parquet":
        how = "FORMAT parquet"
    else:
        how = f"FORMAT csv, HEADER, COMPRESSION {'gzip' if out.suffix == '.gz' else 'none'}"
    tables.rows(f"COPY assigned TO {cells.quoted(str(aside))} ({how})")
    aside.replace(out)


def record_path(assignments: pathlib.Path) -> pathlib.Path:
    """Returns the file beside the assignments that says by which plan they were made."""
    return assignments.with_name(f"{assignments.name}.record.json")


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign assign`."""
    say = language.pick
    p.add_argument("--plan", type=pathlib.Path, default=pathlib.Path("plan.json"))
    p.add_argument("--customers", required=True, help=say("CSV or Parquet", "CSV ou Parquet"))
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("assignments.csv"))
    p.add_argument("--columns", default="", help="customer=HEADING,segment=HEADING")
    p.add_argument(
        "--part",
        default="1/1",
        help=say("2/8: the second of eight parts", "2/8 : la deuxième de huit parties"),
    )


def parse_part(text: str, language: Language) -> tuple[int, int]:
    """Reads --part: "2/8" -> (2, 8)."""
    i, _, n = text.partition("/")
    if not (i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n)):
        raise UserError(language.pick(f"--part={text}: write 2/8", f"--part={text} : écrivez 2/8"))
    return int(i), int(n)


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes the assignments, their record, and the counts on the terminal."""
    plan = plan_file.read(a.plan, language)
    if a.out.is_dir():
        raise UserError(
            language.pick(
                f"--out={a.out}: a folder; name a file, e.g. {a.out}/assigned.csv",
                f"--out={a.out} : un dossier ; nommez un fichier, p. ex. {a.out}/affectes.csv",
            )
        )
    record = record_path(a.out)
    if record.exists():
        before = json.loads(record.read_text(encoding="utf-8"))
        plan_file.compare(before["plan"], plan, language)
    given = headings.parse_columns(a.columns, language)
    part = parse_part(a.part, language)
    with Tables(language) as tables:
        result = assign(tables, plan, a.customers, a.out, given=given, part=part)
    for notice in result.notices:
        print("!", notice.text)
    number = language.number
    for segment, counts in result.counts.items():
        listed = ", ".join(f"{arm} {number(n)}" for arm, n in counts.items())
        print(f"{segment}: {listed}")
    content = {
        "plan": plan_file.fields_of(plan),
        "counts": result.counts,
        "notices": [dataclasses.asdict(n) for n in result.notices],
    }
    workdir.write_atomic(record, json.dumps(content, indent=1, ensure_ascii=False).encode())
    total = sum(sum(c.values()) for c in result.counts.values())
    print(
        language.counted(
            total,
            f"{{n}} [customer|customers] assigned in {a.out}",
            f"{{n}} [client affecté|clients affectés] dans {a.out}",
        )
    )
    needed = plan.n_per_arm * len(plan.arms) / (1 - plan.holdout)
    if part == (1, 1) and total < needed:
        print(
            "!",
            language.pick(
                f"the plan needs {number(needed)}: the last look will come with less",
                f"le plan en demande {number(needed)} : le dernier bilan en aura moins",
            ),
        )
    file = language.pick("FILE", "FICHIER")
    given = f"{plan_file.flag(a.plan)} --assignments={shlex.quote(str(a.out))} --outcomes={file}"
    print(language.next_line(f"analyse{given}"))
    return errors.EXIT_OK


def expected_counts(plan: Plan, segments: dict[str, int]) -> dict[str, float]:
    """Returns how many customers each arm should have, given the sizes of the segments."""
    totals: dict[str, float] = {}
    for segment, n in segments.items():
        for arm, propensity in plan.shares(segment).items():
            totals[arm] = totals.get(arm, 0.0) + n * propensity
    return totals


def ratio_p_value(plan: Plan, counts: dict[str, dict[str, int]]) -> float:
    """Tests the sizes of all arms, in all segments together and in each, by their shares.

    The smallest p-value of the segments counts as often as there are segments.
    """
    sizes = {segment: sum(c.values()) for segment, c in counts.items()}
    expected = expected_counts(plan, sizes)
    arms = list(expected)
    total = [sum(c.get(arm, 0) for c in counts.values()) for arm in arms]
    overall = sample_ratio.p_value(total, [expected[arm] for arm in arms])
    each = []
    for segment, c in counts.items():
        shares = plan.shares(segment)
        meant = [sizes[segment] * shares[arm] for arm in arms]
        if min(meant) >= 5:  # below, chi-square is no guide
            each.append(sample_ratio.p_value([c.get(arm, 0) for arm in arms], meant))
    return min(1.0, overall * 2, 2 * len(each) * min(each)) if each else overall
