"""Loads the customers of a test with their arms, each once."""

import pathlib

from campaign.experiment.plan_file import Plan
from campaign.experiment.reading import cells, segments
from campaign.experiment.reading.tables import Tables

COLUMNS = ("customer", "arm", "segment", "propensity", "assigned", "covariate")


def load(tables: Tables, plan: Plan, assignments: str, given: dict[str, str], in_part: str) -> None:
    """Makes `who`: k, arm (index), segment, p, assigned, x of each customer in one arm.

    Also makes `torn`: k of each customer in two arms.

    Args:
      tables: a database of this command.
      plan: says arms, first day and covariate.
      assignments: file or pattern, as `campaign assign` wrote it, perhaps saved anew since.
      given: headings by column, from --columns.
      in_part: SQL of the customers of this part.

    Raises:
      UserError: unreadable, or a column is missing.
    """
    there = tables.load(
        "assignments", assignments, COLUMNS, required=("customer", "arm"), given=given
    )
    _leave_out_nameless(tables)
    file, arms = pathlib.Path(assignments).name, plan.groups
    listed = ", ".join(cells.quoted(a) for a in arms)
    _notice_unplanned(tables, listed)
    start = f"DATE '{plan.start}'"
    segment = "'-'"
    if "segment" in there:
        segments.unify(tables, "assignments", plan.allocation)
        segment = "coalesce(nullif(segment, ''), '-')"
    propensity = "NULL::DOUBLE"
    if "propensity" in there:
        propensity = "TRY_CAST(replace(propensity, ',', '.') AS DOUBLE)"
    assigned = _day(tables, plan, file) if "assigned" in there else start
    x = "NULL::DOUBLE"
    if plan.covariate and "covariate" in there:
        x = cells.number("covariate", tables.decimal_sign("assignments", "covariate", file))
    source = f"FROM assignments WHERE arm IN ({listed}) AND {in_part}"
    arm = f"(list_position([{listed}], arm) - 1)::UTINYINT"
    # 64 bits of hash stand for the customer: among 10 million, two collide once in 370,000 times,
    # and would be taken for one customer.
    each = (
        f"SELECT hash(customer) AS k, {arm} AS arm, {segment} AS segment, {propensity} AS p, "
        f"{assigned} AS assigned, {x} AS x {source}"
    )
    _keep_once(tables, each, source)
    tables.rows("DROP TABLE assignments")


def _leave_out_nameless(tables: Tables) -> None:
    """Drops rows without a customer, who would together be one, with all outcomes without one."""
    nameless = "FROM assignments WHERE coalesce(customer, '') = ''"
    (count,) = tables.row(f"SELECT count(*) {nameless}")
    tables.notice(
        "no_customer",
        count,
        "{n} [row|rows] without a customer [was|were] left out",
        "{n} [ligne|lignes] sans client [a été laissée|ont été laissées] de côté",
    )
    if count:
        tables.rows(f"DELETE {nameless}")


def _keep_once(tables: Tables, each: str, source: str) -> None:
    """Makes `who` of a row for each customer, and `torn` of those in two arms.

    Args:
      tables: a database of this command.
      each: SQL of the rows, perhaps several a customer.
      source: its FROM and WHERE.
    """
    rows, customers = tables.row(f"SELECT count(*), count(DISTINCT hash(customer)) {source}")
    if rows > customers:
        tables.rows(
            "CREATE TABLE who_all AS SELECT k, min(arm) AS arm, min(arm) <> max(arm) AS torn, "
            "min(segment) AS segment, max(p) AS p, min(assigned) AS assigned, max(x) AS x "
            f"FROM ({each}) GROUP BY k"
        )
        (torn,) = tables.row("SELECT count(*) FROM who_all WHERE torn")
        tables.notice(
            "two_arms",
            torn,
            "{n} [customer is|customers are] in two arms: left out of the analysis",
            "{n} [client est|clients sont] dans deux bras : [exclu|exclus] de l'analyse",
        )
        tables.notice(
            "duplicates",
            rows - customers,
            "{n} further [row|rows] of customers who were there already: each counts once",
            "{n} [ligne|lignes] en double de clients déjà vus : chacun compte une fois",
        )
        tables.rows("CREATE TABLE who AS SELECT * EXCLUDE torn FROM who_all WHERE NOT torn")
        # Their outcomes are not those of nobody.
        tables.rows("CREATE TABLE torn AS SELECT k FROM who_all WHERE torn")
    else:
        tables.rows(f"CREATE TABLE who AS {each}")
        tables.rows("CREATE TABLE torn (k UBIGINT)")


def _day(tables: Tables, plan: Plan, file: str) -> str:
    """Returns the SQL of the day that a customer was assigned for; counts unreadable ones.

    Days come as ISO, or as a spreadsheet saved them: the order of day and month is the one by which
    more of them lie in the time of the plan.
    """
    iso = "TRY_CAST(assigned AS DATE)"
    if not tables.row(f"SELECT count(*) FROM assignments WHERE {iso} IS NULL")[0]:
        return iso
    last = (max(plan.looks, 1) - 1) * plan.wave_days
    fits = {
        order: tables.row(
            f"SELECT count(*) FROM assignments WHERE {cells.date('assigned', order)} "
            f"BETWEEN DATE '{plan.start}' AND DATE '{plan.start}' + {last}"
        )[0]
        for order in ("dmy", "mdy")
    }
    day = cells.date("assigned", max(fits, key=fits.__getitem__))
    (unread,) = tables.row(f"SELECT count(*) FROM assignments WHERE {day} IS NULL")
    tables.notice(
        "no_assigned_day",
        unread,
        f"{file}: {{n}} [customer has|customers have] no readable day of assignment: the first day "
        "of the plan stands in",
        f"{file} : {{n}} [client n'a|clients n'ont] pas de jour d'affectation lisible : le premier "
        "jour du plan le remplace",
    )
    return f"coalesce({day}, DATE '{plan.start}')"


def _notice_unplanned(tables: Tables, listed: str) -> None:
    (strange,) = tables.row(f"SELECT count(*) FROM assignments WHERE arm NOT IN ({listed})")
    names = [
        r[0]
        for r in tables.rows(
            f"SELECT DISTINCT arm FROM assignments WHERE arm NOT IN ({listed}) ORDER BY 1 LIMIT 3"
        )
    ]
    tables.notice(
        "unplanned_arm",
        strange,
        f"{{n}} [customer is|customers are] in arms that are not planned ({', '.join(names)}): "
        "left out",
        f"{{n}} [client est|clients sont] dans des bras non prévus ({', '.join(names)}) : "
        "[laissé|laissés] de côté",
    )
