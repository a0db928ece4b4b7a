"""Writes the SQL that turns cells into numbers, yes or no, and dates."""

# Spaces of all kinds, currencies and percent signs inside numbers.
_NOISE = r"[\s\x{00A0}\x{202F}\x{2009}€$£%]"
_YES = "('1', 'true', 'vrai', 'yes', 'oui', 'y', 'o', 'x', 't', 'v')"
_NO = "('', '0', 'false', 'faux', 'no', 'non', 'n', 'f', 'null', 'na', 'nan', '-')"


def quoted(text: str) -> str:
    """Quotes a string for SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Quotes an identifier for SQL."""
    return '"' + text.replace('"', '""') + '"'


def cleaned(cell: str) -> str:
    """Removes spaces, currencies and the typographic minus from a number."""
    return f"regexp_replace(replace({cell}, '\u2212', '-'), '{_NOISE}', '', 'g')"


def number_evidence(cell: str, decimal: str) -> str:
    """Tells a cell that can only be a number with this decimal sign: 3,5 or 1.234,56 or 0,125.

    Args:
      cell: SQL of the text.
      decimal: "," or ".".
    """
    thousands = "." if decimal == "," else ","
    whole = rf"(\d+|\d{{1,3}}(\{thousands}\d{{3}})+)?"
    short_or_long = rf"[+-]?{whole}\{decimal}(\d{{1,2}}|\d{{4,}})"  # three digits may be thousands
    no_group = rf"[+-]?(0|\d{{4,}})\{decimal}\d+"
    grouped = rf"[+-]?\d{{1,3}}(\{thousands}\d{{3}})+\{decimal}\d+"
    return f"regexp_full_match({cleaned(cell)}, '{short_or_long}|{no_group}|{grouped}')"


def is_ambiguous(cell: str) -> str:
    """Tells a cell that is a thousand in one country and a fraction in another: 1,234 or 1.234."""
    return rf"regexp_full_match({cleaned(cell)}, '[+-]?[1-9]\d{{0,2}}[.,]\d{{3}}')"


def number(cell: str, decimal: str) -> str:
    """Converts a cell to DOUBLE, NULL where it cannot be read.

    Args:
      cell: SQL of the text.
      decimal: "," or ".", the decimal sign of the column.
    """
    english = cleaned(cell)
    if decimal == ",":
        english = f"translate({english}, '.,', ',.')"
        simple = f"CASE WHEN NOT contains({cell}, '.') THEN replace({cell}, ',', '.') END"
    else:
        simple = cell
    # Commas stand between groups of three; elsewhere they are an error and not to be dropped.
    grouped = r"'[+-]?\d{1,3}(,\d{3})+(\.\d*)?'"
    careful = (
        f"CASE WHEN regexp_full_match({english}, {grouped}) "
        f"THEN TRY_CAST(replace({english}, ',', '') AS DOUBLE) "
        f"ELSE TRY_CAST({english} AS DOUBLE) END"
    )
    value = f"coalesce(TRY_CAST({simple} AS DOUBLE), {careful})"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def yes_or_no(cell: str) -> str:
    """Converts a cell to 1.0 or 0.0, a count to whether there is any; NULL where unreadable."""
    text = f"lower(trim(coalesce({cell}, '')))"
    value = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
    return (
        f"CASE WHEN {cell} = '0' THEN 0.0 WHEN {cell} = '1' THEN 1.0 "  # most cells, fast
        f"WHEN {text} IN {_NO} THEN 0.0 WHEN {text} IN {_YES} THEN 1.0 "
        f"WHEN {value} >= 0 AND isfinite({value}) THEN CAST({value} > 0 AS DOUBLE) END"
    )


def date(cell: str, order: str) -> str:
    """Converts a cell to DATE: ISO, or day and month in the given order ("dmy" or "mdy")."""
    text = date_text(cell)
    parts = "%d/%m" if order == "dmy" else "%m/%d"
    iso = f"TRY_CAST(left(trim({cell}), 10) AS DATE)"
    # DuckDB's %Y takes two digits, too, and makes the year 26 of them.
    is_plain = f"length({cell}) = 10 AND substr({cell}, 3, 1) = '/'"  # most cells, fast
    return (
        f"CASE WHEN {is_plain} THEN CAST(try_strptime({cell}, '{parts}/%Y') AS DATE) "
        f"WHEN regexp_matches({text}, '^\\d{{4}}/') THEN "
        f"coalesce({iso}, CAST(try_strptime({text}, '%Y/%m/%d') AS DATE)) "
        f"WHEN regexp_matches({text}, '/\\d{{4}}$') "
        f"THEN CAST(try_strptime({text}, '{parts}/%Y') AS DATE) "
        f"ELSE CAST(try_strptime({text}, '{parts}/%y') AS DATE) END"
    )


def date_text(cell: str) -> str:
    """Cuts the time of day off and writes slashes between the parts of a date.

    DuckDB would drop the PM of a time of day (`findings/duckdb_drops_the_pm.sh`).
    """
    return f"regexp_replace(regexp_extract(trim({cell}), '^[^ T]+'), '[.-]', '/', 'g')"


def has_day_first(cell: str) -> str:
    """Tells a date whose first part is above 12."""
    return f"regexp_matches({date_text(cell)}, '^(1[3-9]|2\\d|3[01])/\\d{{1,2}}/')"


def has_month_first(cell: str) -> str:
    """Tells a date whose second part is above 12."""
    return f"regexp_matches({date_text(cell)}, '^\\d{{1,2}}/(1[3-9]|2\\d|3[01])/')"


def has_no_year_first(cell: str) -> str:
    """Tells a date that does not start with its year."""
    return f"regexp_matches({date_text(cell)}, '^\\d{{1,2}}/\\d{{1,2}}/')"
