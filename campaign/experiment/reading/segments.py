"""Takes segments that differ only by capitals or spaces as one."""

from collections.abc import Iterable

from campaign.experiment.reading.tables import Tables

NO_SEGMENT = "-"
_SPACES = r"[\s\x{00A0}\x{202F}\x{2009}]+"
_FOLDED = f"lower(trim(regexp_replace(segment, '{_SPACES}', ' ', 'g')))"


def unify(tables: Tables, table: str, planned: Iterable[str] = ()) -> None:
    """Writes each segment of a table in one spelling, and says so where there were several.

    The spelling is that of the plan, else the most frequent one; of equally frequent ones the first
    by alphabet. A segment of one spelling stays as it is.

    Args:
      tables: a database of this command.
      table: with a column `segment`.
      planned: segments for which the plan has shares of their own.
    """
    tables.rows("CREATE TEMP TABLE planned (segment VARCHAR)")
    for name in planned:
        tables.rows("INSERT INTO planned VALUES (?)", name)
    tables.rows(
        "CREATE TEMP TABLE spellings AS SELECT segment, first(segment) OVER (PARTITION BY folded "
        "ORDER BY is_planned DESC, n DESC, segment ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED "
        f"FOLLOWING) AS spelling FROM (SELECT segment, {_FOLDED} AS folded, sum(n) AS n, "
        "max(is_planned) AS is_planned FROM "
        f"(SELECT segment, count(*) AS n, 0 AS is_planned FROM {table} WHERE segment <> '' "
        "GROUP BY ALL UNION ALL SELECT segment, 0, 1 FROM planned) GROUP BY segment)"
    )
    other = f"FROM spellings s WHERE {table}.segment = s.segment AND s.segment <> s.spelling"
    pairs = tables.rows(
        "SELECT s.segment, s.spelling, count(*) AS n FROM spellings s "
        f"JOIN {table} USING (segment) WHERE s.segment <> s.spelling GROUP BY ALL "
        "ORDER BY n DESC, s.segment"
    )
    if pairs:
        tables.rows(f"UPDATE {table} SET segment = s.spelling {other}")
        segment, spelling, _ = pairs[0]
        tables.notice(
            "segment_spellings",
            sum(n for _, _, n in pairs),
            f"{{n}} [row has|rows have] a segment that differs only by capitals or spaces, such as "
            f'"{segment}": taken as "{spelling}"',
            f"{{n}} [ligne a|lignes ont] un segment qui ne diffère que par les majuscules ou les "
            f"espaces, comme « {segment} » : pris pour « {spelling} »",
        )
    tables.rows("DROP TABLE spellings")
    tables.rows("DROP TABLE planned")
