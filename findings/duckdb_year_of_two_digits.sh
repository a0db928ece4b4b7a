#!/usr/bin/env bash
# DuckDB's strptime takes two digits for %Y, which Python's refuses: 31/12/26 becomes the year 26. In
# a list of formats '%d/%m/%Y' before '%d/%m/%y' therefore swallows short years without an error,
# and every date is 2,000 years early.
# Seen 2026-11-29 with duckdb 2.0.1: "%Y first: 0026-12-31, %y first: 2026-12-31".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PY'
import datetime

import duckdb


def read(formats):
    sql = f"SELECT CAST(try_strptime('31/12/26', {formats}) AS DATE)::VARCHAR"
    return duckdb.sql(sql).fetchall()[0][0]


long_first, short_first = read(["%d/%m/%Y", "%d/%m/%y"]), read(["%d/%m/%y", "%d/%m/%Y"])
print(f"duckdb {duckdb.__version__}: %Y first: {long_first}, %y first: {short_first}")
try:
    datetime.datetime.strptime("31/12/26", "%d/%m/%Y")
except ValueError as e:
    print("Python:", e)
else:
    raise AssertionError("Python takes it, too")
assert (long_first, short_first) == ("0026-12-31", "2026-12-31"), (long_first, short_first)
PY
