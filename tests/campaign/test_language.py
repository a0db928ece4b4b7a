"""Texts with counts, in the number that the count asks for."""

import shlex

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
    assert "\n1 bilan jusqu'au 09/03/2026, 7 jours ; chaque client" in out
    code, out, err = run(
        "assign", "--lang=fr", plan, f"--customers={tmp_path}/c.csv", f"--out={tmp_path}/a.csv"
    )
    assert code == 0, err
    assert "! 1 ligne sans client a été laissée de côté\n" in out
    assert "\n2 clients affectés dans " in out, out


def test_the_next_command_works_as_it_is_pasted(run, tmp_path):
    folder = tmp_path / "soldes d'été"
    code, out, err = run("brief", "soldes d'été", f"--dir={folder}", "--lang=fr")
    assert code == 0, err
    pasted = shlex.split(out.split(" ensuite : ")[1])
    assert pasted[:3] == ["python", "-m", "campaign"]
    code, out, err = run(*pasted[3:])
    assert code == 0 and "écrit : " in out, err
    follows = shlex.split(out.splitlines()[-1].removeprefix("ensuite : "))
    assert follows == ["python", "-m", "campaign", "propose", f"--dir={folder}", "--lang=fr"]
    (folder / "search.json").unlink()
    _, _, err = run("propose", f"--dir={folder}", "--lang=fr")
    assert shlex.split(err.split("`")[1]) == pasted


def test_without_a_language_the_next_command_leaves_it_to_the_environment(run, tmp_path):
    _, out, _ = run("brief", "summer sale", f"--dir={tmp_path}")
    assert "--lang" not in out and f"--dir={tmp_path}" in out
    assert Language("en").command("check") == "python -m campaign check"
