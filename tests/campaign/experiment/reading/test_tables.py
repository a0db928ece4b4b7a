import csv
import gzip
import pathlib

import hypothesis
import pytest
from hypothesis import strategies as st

from campaign.experiment.reading import cells
from campaign.experiment.reading.tables import Tables
from campaign.language import Language
from emoji_gan.errors import UserError


@pytest.fixture(scope="module")
def tables():
    with Tables(Language("en")) as t:
        yield t


def _written(x: float, decimal: str, thousands: str) -> str:
    return f"{x:,.2f}".replace(",", "T").replace(".", decimal).replace("T", thousands)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=20),
    st.sampled_from(
        [(",", "."), (",", " "), (",", "\u202f"), (",", "\u00a0"), (".", ","), (".", "")]
    ),
)
def test_numbers_come_back_however_they_are_written(tables, values, signs):
    tables.rows("CREATE OR REPLACE TABLE t (amount VARCHAR)")
    for x in values:
        tables.rows("INSERT INTO t VALUES (?)", _written(x, *signs) + " €")
    decimal = tables.decimal_sign("t", "amount", "file")
    assert decimal == signs[0]
    read = tables.rows(f"SELECT {cells.number('amount', decimal)} FROM t")
    assert [r[0] for r in read] == [pytest.approx(round(x, 2)) for x in values]


@pytest.mark.parametrize("text", ["", "abc", "1,2,3", "1.2.3", "12,34.5", "inf", "nan", "--1"])
@pytest.mark.parametrize("decimal", [",", "."])
def test_what_is_no_number_is_null(tables, text, decimal):
    assert tables.row(f"SELECT {cells.number(cells.quoted(text), decimal)}") == (None,)


def test_a_yes_is_a_yes(tables):
    for text, value in {
        "oui": 1,
        "Non": 0,
        "TRUE": 1,
        "3": 1,
        "": 0,
        "0,0": 0,
        "hm": None,
        "-1": None,
    }.items():
        assert tables.row(f"SELECT {cells.yes_or_no(cells.quoted(text))}") == (value,), text


def test_dates_of_both_orders(tables):
    for text, order, day in [
        ("31/12/2026", "dmy", "2026-12-31"),
        ("12-31-26 10:00", "mdy", "2026-12-31"),
        ("2026-12-31T10:00:00Z", "dmy", "2026-12-31"),
        ("2026-12-31 11:30 PM", "dmy", "2026-12-31"),
        ("12/31/2026 12:30 AM", "mdy", "2026-12-31"),
        ("1.2.2026", "dmy", "2026-02-01"),
        ("31/31/2026", "dmy", None),
        ("soon", "dmy", None),
    ]:
        got = tables.row(f"SELECT {cells.date(cells.quoted(text), order)}::VARCHAR")
        assert got == (day,), text


_TEXT = (
    st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda s: s and s.isprintable())
)


@hypothesis.settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    st.lists(_TEXT, min_size=1, max_size=6),
    st.sampled_from([";", ",", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    st.booleans(),
    st.sampled_from(["\r\n", "\n"]),
)
def test_tables_come_back_however_they_are_written(
    tmp_path, values, separator, encoding, zipped, ending
):
    path = tmp_path / ("f.csv.gz" if zipped else "f.csv")
    with (gzip.open if zipped else open)(path, "wt", encoding=encoding, newline="") as f:
        writer = csv.writer(f, delimiter=separator, lineterminator=ending)
        writer.writerow(["Prénom, nom", "N° client", "Segment"])
        writer.writerows([f"é{i}", v, "x"] for i, v in enumerate(values))
    with Tables(Language("fr")) as t:
        t.load("t", str(path), ("customer", "segment"), required=("customer",), given={})
        assert sorted(r[0] for r in t.rows("SELECT customer FROM t")) == sorted(values)


def _load(path: pathlib.Path, content: bytes, language="en", given=None):
    path.write_bytes(content)
    with Tables(Language(language)) as t:
        t.load(
            "t", str(path), ("customer", "click"), required=("customer", "click"), given=given or {}
        )
        return t.rows("SELECT * FROM t"), t.notices


def test_broken_rows_are_counted_and_the_others_kept(tmp_path):
    rows, (notice,) = _load(tmp_path / "f.csv", b"client;clic\na;1\nb;1;2;3\nc\nd;0\n")
    assert sorted(rows) == [("a", "1"), ("d", "0")]
    assert notice.code == "broken_rows" and notice.count == 2 and "line 3" in notice.text


def test_a_declared_separator_and_headings_of_ones_own(tmp_path):
    content = b"sep=,\r\nNUM,A cliqu\xe9\r\n1,oui\r\n"
    rows, (notice,) = _load(
        tmp_path / "f.csv", content, given={"customer": "NUM", "click": "A cliqué"}
    )
    assert rows == [("1", "oui")] and notice.code == "encoding"


@pytest.mark.parametrize(
    ("content", "french"),
    [
        (b"PK\x03\x04...", "enregistrez-le en CSV"),
        (b"", "est vide"),
        (b"a;b\n1;2\n", "aucun des intitul"),
        (b"client;x\n1;2\n", "n'a pas de colonne pour les clics"),
        (b"client;clic;clic\n1;2;3\n", "2 colonnes"),
        (b"client;clic\n", "aucune ligne"),
    ],
)
def test_what_cannot_be_read_is_refused_in_french(tmp_path, content, french):
    with pytest.raises(UserError, match=french) as e:
        _load(tmp_path / "f.csv", content, "fr")
    assert "\n" not in str(e.value)


def test_dates_both_ways_in_one_file_ask_for_an_order():
    with Tables(Language("en")) as t:
        t.rows("CREATE TABLE t AS SELECT * FROM (VALUES ('31/01/2026'), ('01/31/2026')) v(date)")
        with pytest.raises(UserError, match="dates both ways, 1 with the day first and 1"):
            t.date_order("t", "date", "f.csv", None)
        assert t.date_order("t", "date", "f.csv", "mdy") == "mdy"
