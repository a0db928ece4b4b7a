#!/usr/bin/env bash
# duckdb 2.0.1: cast to TIMESTAMP, "2026-01-05 10:00 PM" is 10 in the morning and "12:30 AM" half
# past noon: a word after a space is taken for a time zone, which TIMESTAMP drops unread, whatever
# it says. So does read_csv where the column's type is given, and TRY_CAST gives no NULL that would
# show it. TIMESTAMPTZ and the sniffer look at the word and refuse it; strptime with %I:%M %p reads
# it.
# Seen 2026-11-30: "TIMESTAMP: 10:00 PM -> 10:00, 12:30 AM -> 12:30, 10:00 sharp -> 10:00";
# "read_csv: 10:00"; "TIMESTAMPTZ: None"; "strptime: 22:00".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 pytz==2025.2
cat > "$folder/evening.py" <<'PYTHON'
"""Reads times of day of twelve hours."""

import pathlib
import sys

import duckdb

EVENING = "2026-01-05 10:00 PM"


def one(sql, *parameters):
    return duckdb.execute(sql, parameters).fetchone()[0]


cast = {
    text: one(f"SELECT strftime(TRY_CAST('2026-01-05 {text}' AS TIMESTAMP), '%H:%M')")
    for text in ("10:00 PM", "12:30 AM", "10:00 sharp")
}
print("TIMESTAMP:", ", ".join(f"{text} -> {time}" for text, time in cast.items()))
file = pathlib.Path(sys.argv[1])
file.write_text(f"customer,clicked\n1,{EVENING}\n")
typed = "read_csv(?, types={'clicked': 'TIMESTAMP'})"
print("read_csv:", one(f"SELECT strftime(clicked, '%H:%M') FROM {typed}", str(file)))
print("TIMESTAMPTZ:", one("SELECT TRY_CAST(? AS TIMESTAMPTZ)", EVENING))
parsed = "strptime(?, '%Y-%m-%d %I:%M %p')"
print("strptime:", one(f"SELECT strftime({parsed}, '%H:%M')", EVENING))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/evening.py" "$folder/clicks.csv")
echo "$seen"
[[ $seen == *"TIMESTAMP: 10:00 PM -> 10:00, 12:30 AM -> 12:30, 10:00 sharp -> 10:00"* ]]
[[ $seen == *"read_csv: 10:00"* && $seen == *"TIMESTAMPTZ: None"* ]]
[[ $seen == *"strptime: 22:00"* ]]
