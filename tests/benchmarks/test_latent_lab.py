"""The benchmark of walks, directions and inversion: the whole program, small, and its table."""

import json
import sys

import pytest

from benchmarks.tasks import latent_lab
from emoji_gan import errors


def test_a_table_has_the_columns_of_all_rows():
    text = latent_lab.table([{"of": "a", "error": 1.0}, {"of": "b", "seconds": 2.5}])
    assert text.splitlines()[0] == "| of | error | seconds |"
    assert text.splitlines()[2:] == ["| a | 1.00 |  |", "| b |  | 2.50 |"]


@pytest.mark.slow
def test_the_whole_program(whole, tmp_path, monkeypatch, capsys):
    def run(*flags):
        arguments = ["latent_lab", f"--model={whole.workdir}", f"--out={tmp_path / 'a'}", *flags]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            errors.run(latent_lab.main)
        return ended.value.code, capsys.readouterr().err

    assert run("--parts=loop")[0] == 2 and run("--points=3")[0] == 2
    code, message = run("--points=8", "--n=2")
    assert not code, message
    written = json.loads((tmp_path / "a" / "latent_lab.json").read_text())["rows"]
    assert [row["what"] for row in written["inversion"]] == ["guess", "inverted", "turned a tenth"]
    assert written["inversion"][1]["error"] < written["inversion"][0]["error"]
    assert {row["loop"] for row in written["loops"]} == {"around one", "through two"}
    assert (tmp_path / "a" / "inversion.png").exists()
