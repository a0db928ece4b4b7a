"""Assigns customers to arms by a salted hash: the same customer always to the same arm."""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shlex

from campaign import folder as folder_lib
from campaign.experiment import looks as looks_lib
from campaign.experiment import plan_file, reassignment
from campaign.experiment.plan_file import Plan
from campaign.experiment.reading import cells, file_kinds, headings, segments
from campaign.experiment.reading.segments import NO_SEGMENT
from campaign.experiment.reading.tables import Notice, Tables
from campaign.experiment.reporting import plan_changes, sentences
from campaign.language import Language
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

_BITS = 52  # of the hash for the arm, and as many for the wave: exact in a double
_DIGITS = _BITS // 4
_BOM = "\ufeff"  # by which a spreadsheet recognises UTF-8


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
    looks: int = 0,
    replace: bool = False,
) -> Result:
    """Assigns the customers of a file and writes customer, segment, arm, propensity, assigned.

    In French text files are as a French spreadsheet opens them by a double click: semicolons, a
    byte-order mark, French headings, decimal commas and days first.

    Args:
      tables: a database of this command.
      plan: says arms, shares, waves and salt.
      customers: file or pattern.
      out: CSV, CSV.gz or Parquet by its suffix.
      given: headings by column, from --columns.
      part: (i, n): only the i-th of n parts of the customers, by their hash.
      looks: taken by the plan so far.
      replace: whether to write over assignments of other customers.

    Raises:
      UserError: unreadable, a column is missing, or assignments of other customers are there.
    """
    columns = ("customer", "segment", *([plan.covariate] if plan.covariate else []))
    required = tuple(c for c in columns if c != "segment")
    file_kinds.check(tables, [file_kinds.Given("customers", customers, required)], given)
    file_kinds.notice_outcomes(tables, customers)
    there = tables.load("raw", customers, columns, required=required, given=given)
    (empty,) = tables.row("SELECT count(*) FROM raw WHERE coalesce(customer, '') = ''")
    tables.notice(
        "no_customer",
        empty,
        "{n} [row|rows] without a customer [was|were] left out",
        "{n} [ligne|lignes] sans client [a été laissée|ont été laissées] de côté",
    )
    segment = "'-'"
    if "segment" in there:
        segments.unify(tables, "raw", plan.allocation)
        segment = f"coalesce(nullif(segment, ''), '{NO_SEGMENT}')"
    covariate = ""
    if plan.covariate:
        sign = tables.decimal_sign("raw", plan.covariate, pathlib.Path(customers).name)
        covariate = cells.number(cells.name(plan.covariate), sign)
    i, n = part
    in_part = "" if n == 1 else f"AND hash(customer) % {n} = {i - 1}"
    _keep_once(tables, segment, covariate, in_part)
    _notice_duplicates(tables, plan)
    _draw(tables, plan, with_covariate=bool(covariate))
    reassignment.refuse_others(tables, out, customers, looks=looks, replace=replace)
    _write(tables, plan, out)
    return Result(_counts(tables), tuple(tables.notices))


def _draw(tables: Tables, plan: Plan, *, with_covariate: bool) -> None:
    """Makes `assigned` of `once`: each customer's arm, propensity and day."""
    wave = f"least(floor(v * {max(plan.looks, 1)})::INT, {max(plan.looks, 1) - 1})"
    first = cells.quoted(plan.start)
    tables.rows(
        "CREATE TABLE assigned AS SELECT customer, segment, choice.arm AS arm, "
        f"choice.p AS propensity, DATE {first} + {wave} * {plan.wave_days} AS assigned"
        f"{', covariate' if with_covariate else ''} "
        f"FROM (SELECT *, {_arm_sql(plan)} AS choice FROM "
        f"(SELECT *, {_uniform_sql(1)} AS u, {_uniform_sql(1 + _DIGITS)} AS v FROM "
        f"(SELECT *, sha256({cells.quoted(plan.salt)} || ':' || customer) AS h FROM once)))"
    )


def _counts(tables: Tables) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for name, arm, count in tables.rows(
        "SELECT segment, arm, count(*) FROM assigned GROUP BY ALL ORDER BY ALL"
    ):
        counts.setdefault(name, {})[arm] = count
    return counts


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


def _write(tables: Tables, plan: Plan, out: pathlib.Path) -> None:
    """Writes the table aside and moves it, so that no half a file is taken for whole."""
    workdir.make_folder(out.parent)
    aside = out.with_name(f".{out.name}.part")
    source, how = "assigned", "FORMAT parquet"
    if out.suffix != ".parquet":
        how = f"FORMAT csv, HEADER, COMPRESSION {'gzip' if out.suffix == '.gz' else 'none'}"
        if tables.language.code == "fr":
            source, how = f"({_french_table(plan)})", f"{how}, DELIMITER ';'"
    tables.rows(f"COPY {source} TO {cells.quoted(str(aside))} ({how})")
    aside.replace(out)


def _french_table(plan: Plan) -> str:
    """Writes the SQL of the table as French spreadsheets read it."""
    columns = {
        _BOM + "Client": "customer",
        "Segment": "segment",
        "Bras": "arm",
        "Propension": "replace(propensity::VARCHAR, '.', ',')",
        "Affecté le": "strftime(assigned, '%d/%m/%Y')",
    }
    if plan.covariate:
        columns["Covariable"] = "replace(covariate::VARCHAR, '.', ',')"
    listed = ", ".join(f"{sql} AS {cells.name(heading)}" for heading, sql in columns.items())
    return f"SELECT {listed} FROM assigned"


def record_path(assignments: pathlib.Path) -> pathlib.Path:
    """Returns the file beside the assignments that says by which plan they were made."""
    return assignments.with_name(f"{assignments.name}.record.json")


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign assign`."""
    say = language.pick
    file = say("FILE", "FICHIER")
    p.add_argument(
        "--customers",
        required=True,
        metavar=file,
        help=say(
            "needed: CSV or Parquet with a column of customers, perhaps one of segments",
            "obligatoire : CSV ou Parquet avec une colonne de clients, si possible une de segments",
        ),
    )
    p.add_argument(
        "--plan",
        type=pathlib.Path,
        metavar=file,
        help=say("by default plan.json in --dir", "par défaut plan.json dans --dir"),
    )
    p.add_argument(
        "--out",
        type=pathlib.Path,
        metavar=file,
        help=say(
            "by default assignments.csv in --dir; also .csv.gz or .parquet",
            "par défaut assignments.csv dans --dir ; aussi .csv.gz ou .parquet",
        ),
    )
    p.add_argument(
        "--replace",
        action="store_true",
        help=say(
            "write over assignments of other customers; not once looks were taken by them",
            "écraser les affectations d'autres clients ; plus possible après un bilan sur eux",
        ),
    )
    headings.add_columns(p, "customer", "segment", language=language)
    add_part(p, language)


def add_part(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flag --part."""
    p.add_argument(
        "--part",
        default="1/1",
        metavar="i/n",
        help=language.pick(
            "on several machines: only the i-th of n parts of the customers, such as 2/8",
            "sur plusieurs machines : seulement la i-ième de n parties des clients, comme 2/8",
        ),
    )


def parse_part(text: str, language: Language) -> tuple[int, int]:
    """Reads --part: "2/8" -> (2, 8)."""
    i, _, n = text.partition("/")
    if not (i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n)):
        raise UserError(language.pick(f"--part={text}: write 2/8", f"--part={text} : écrivez 2/8"))
    return int(i), int(n)


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes the assignments, their record, and the counts on the terminal."""
    plan_path, out = a.plan or a.dir / folder_lib.PLAN, a.out or a.dir / folder_lib.ASSIGNMENTS
    plan = plan_file.read(plan_path, language)
    if out.is_dir():
        raise UserError(
            language.pick(
                f"--out={out}: a folder; name a file, e.g. {out}/assigned.csv",
                f"--out={out} : un dossier ; nommez un fichier, p. ex. {out}/affectes.csv",
            )
        )
    advice = language.pick(
        "Nothing was written. To go on with that test, put its plan back; for a new test, name "
        "another folder by --dir or another file by --out",
        "Rien n'a été écrit. Pour poursuivre ce test-là, remettez son plan ; pour un nouveau test, "
        "nommez un autre dossier par --dir ou un autre fichier par --out",
    )
    refuse_other_plan(out, plan, advice, language)
    covariate = (plan.covariate,) if plan.covariate else ()
    given = headings.parse_columns(a.columns, ("customer", "segment", *covariate), language)
    part = parse_part(a.part, language)
    looks = len(looks_lib.read(looks_lib.path_of(plan_path), plan, language))
    with Tables(language) as tables:
        more = {"part": part, "looks": looks, "replace": a.replace}
        result = assign(tables, plan, a.customers, out, given=given, **more)
    _keep_record(out, plan, result)
    for notice in result.notices:
        print("!", notice.text)
    total = _print_counts(result, out, language)
    needed = plan.n_in_all
    if part == (1, 1) and total < needed:
        print(
            "!",
            language.pick(
                f"the plan needs {language.number(needed)}: the last look will come with less, "
                "and may miss the effect that was planned",
                f"le plan en demande {language.number(needed)} : le dernier bilan en aura moins, "
                "et risque de manquer l'effet prévu",
            ),
        )
    print(
        language.next_line(f"analyse{_flags_of_analysis(a.dir, plan_path, out, language)}", a.dir)
    )
    return errors.EXIT_OK


def _keep_record(out: pathlib.Path, plan: Plan, result: Result) -> None:
    content = {
        "plan": plan_file.fields_of(plan),
        "counts": result.counts,
        "notices": [dataclasses.asdict(n) for n in result.notices],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    workdir.write_atomic(record_path(out), text.encode())


def _print_counts(result: Result, out: pathlib.Path, language: Language) -> int:
    """Prints the customers by segment and arm; returns how many there are."""
    for segment, counts in result.counts.items():
        listed = ", ".join(f"{arm} {language.number(n)}" for arm, n in counts.items())
        print(f"{sentences.segment(segment, language)}{language.pick(':', ' :')} {listed}")
    total = sum(sum(c.values()) for c in result.counts.values())
    print(
        language.counted(
            total,
            f"{{n}} [customer|customers] assigned in {out}",
            f"{{n}} [client affecté|clients affectés] dans {out}",
        )
    )
    return total


def _flags_of_analysis(
    folder: pathlib.Path, plan_path: pathlib.Path, out: pathlib.Path, language: Language
) -> str:
    """Returns the flags of the analysis that follows, with a space before each."""
    flags = plan_file.flag(plan_path, folder)
    if out != folder / folder_lib.ASSIGNMENTS:
        flags += f" --assignments={shlex.quote(str(out))}"
    flags += f" --outcomes={language.pick('FILE', 'FICHIER')}"
    if plan_path.name != folder_lib.PLAN:  # beside another plan, and its report
        flags += f" --out={shlex.quote(str(folder / f'{folder_lib.REPORT}_{plan_path.stem}'))}"
    return flags


def refuse_other_plan(
    assignments: pathlib.Path, plan: Plan, advice: str, language: Language
) -> None:
    """Refuses a plan other than that which the record beside the assignments holds, if any.

    Raises:
      UserError: says how the plans differ, and the advice.
    """
    record = record_path(assignments)
    if record.exists():
        before = json.loads(record.read_text(encoding="utf-8"))["plan"]
        plan_changes.refuse_other(assignments, before, plan, advice, language)
