"""Customers who were assigned are not written over by others unasked."""

import pytest

from tests.campaign.experiment.test_campaign import RATES, _analyse, _assign, _outcomes, folder

__all__ = ["folder"]  # a fixture


def _write(path, numbers):
    rows = (f"{i:05d};{'ab'[i % 2]}\n" for i in numbers)
    path.write_text("N° client;Segment\n" + "".join(rows), "cp1252")


def test_other_customers_need_replace_and_are_refused_once_looks_were_taken(run, folder):
    path = folder / "assignments.csv"
    before = path.read_bytes()
    assert _assign(run, folder, folder / "customers.csv")[0] == 0  # the same customers
    assert path.read_bytes() == before
    others = folder / "others.csv"
    _write(others, range(8990, 9030))
    code, _, err = _assign(run, folder, others, "--lang=fr")
    assert code == 2 and err.count("\n") == 1 and path.read_bytes() == before
    assert "9\u202f000 clients affectés ; avec others.csv, 8\u202f990 d'entre eux" in err
    assert "30 s'ajouteraient" in err and "--replace" in err and "--out" in err
    _outcomes(folder, RATES)
    assert _analyse(run, folder, "--until=2026-03-31")[0] == 0
    code, _, err = _assign(run, folder, others, "--replace")
    assert code == 2 and path.read_bytes() == before
    assert "1 look was taken by them, so they stay, --replace or not" in err
    _write(folder / "more.csv", range(9100))  # nobody is dropped
    assert _assign(run, folder, folder / "more.csv")[0] == 2
    assert _assign(run, folder, folder / "more.csv", "--replace")[0] == 0
    (folder / "plan.looks.json").unlink()
    code, out, err = _assign(run, folder, others, "--replace")
    assert code == 0 and "40 customers assigned" in out, err


@pytest.mark.parametrize("text", ["number;note\n1;mine\n", "PK\x03\x04", ""])
def test_a_file_of_one_s_own_is_not_written_over(run, folder, text):
    path = folder / "assignments.csv"
    path.write_text(text)
    code, _, err = _assign(run, folder, folder / "customers.csv")
    assert code == 2 and "holds no assignments" in err and path.read_text() == text
