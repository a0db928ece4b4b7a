"""Texts with counts, in the number that the count asks for."""

import pytest

from campaign.language import Language

_ROWS = ("{n} [row was|rows were] left out", "{n} [ligne a été laissée|lignes ont été laissées]")


@pytest.mark.parametrize(
    ("count", "english", "french"),
    [
        (0, "0 rows were left out", "0 ligne a été laissée"),
        (1, "1 row was left out", "1 ligne a été laissée"),
        (2, "2 rows were left out", "2 lignes ont été laissées"),
        (1234, "1,234 rows were left out", "1\u202f234 lignes ont été laissées"),
    ],
)
def test_words_agree_with_their_count(count, english, french):
    assert Language("en").counted(count, *_ROWS) == english
    assert Language("fr").counted(count, *_ROWS) == french


def test_one_row_of_a_file_is_said_in_the_singular(run, tmp_path):
    (tmp_path / "c.csv").write_text("client\na\n\nb\nb\n", encoding="utf-8")
    plan = f"--plan={tmp_path}/plan.json"
    code, out, err = run(
        "plan",
        "--lang=fr",
        "--baseline=20%",
        "--start=2026-03-02",
        "--looks=1",
        f"--out={tmp_path}/plan.json",
    )
    assert code == 0, err
    assert "\n1 bilan jusqu'au 09/03/2026, 7 jours\n" in out
    code, out, err = run(
        "assign", "--lang=fr", plan, f"--customers={tmp_path}/c.csv", f"--out={tmp_path}/a.csv"
    )
    assert code == 0, err
    assert "! 1 ligne sans client a été laissée de côté\n" in out
    assert "\n2 clients affectés dans " in out, out
