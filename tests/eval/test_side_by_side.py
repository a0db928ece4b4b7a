"""Several runs in one table and one plot; only what can be compared."""

import json

import numpy as np
import PIL.Image
import pytest

from emoji_gan.errors import UserError
from eval.metrics.sets import Estimate
from eval.report import report_file, side_by_side, write_report
from tests.support.reports import FAKE, REAL, a_report, check_page, decode


def workdir_with(tmp_path, name, *reports):
    for r in reports:
        write_report.save(r, report_file.folder_of(tmp_path / name, r), REAL, FAKE, html=False)
    return str(tmp_path / name)


def test_compare_is_one_table_and_one_plot(tmp_path, capsys):
    better = {"fd": Estimate(9.0, 8.5, 9.5, 20, 30), "recall": Estimate(0.3, 0.2, 0.4, 20, 12)}
    a = workdir_with(tmp_path, "a", a_report(fake__kimg=10.0, metrics={}), a_report())
    b = workdir_with(tmp_path, "b", a_report(metrics=better, fake__truncation=0.7))
    c = workdir_with(tmp_path, "c", a_report())
    damaged = tmp_path / "c" / "eval" / "x" / "report.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    table = side_by_side.compare([a, b, c], str(tmp_path / "out"))
    assert "report.json is not JSON" in capsys.readouterr().err
    assert "| metric | better | a | b | c | N real | N generated |" in table
    assert "| kimg |  | 30.7 | 30.7 | 30.7 |  |  |" in table
    row = next(line for line in table.splitlines() if line.startswith("| fd_emoji"))
    a, b, c = "12.3 [11.9 to 13.0]", "9.0 [8.5 to 9.5] *", "12.3 [11.9 to 13.0]"
    assert row == f"| fd_emoji | lower | {a} | {b} | {c} | 20 | 12 / 30 / 12 |"
    recall = next(line for line in table.splitlines() if line.startswith("| recall_emoji"))
    assert "*" not in recall and "0.25 [no interval]" in recall  # without intervals nobody is best
    assert "differ in truncation (a: 1, b: 0.7, c: 1)" in table
    assert "- recall_emoji of a, c: too few samples" in table
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        f"compare.{x}" for x in ("md", "html", "png", "json")
    }
    page = check_page((out / "compare.html").read_text())
    assert "9.0 [8.5 to 9.5]" in page.text
    np.testing.assert_array_equal(
        decode(page.pictures()[0]), np.asarray(PIL.Image.open(out / "compare.png"))
    )
    assert (
        report_file.from_json(
            json.loads((out / "compare.json").read_text())["b"][0]
        ).fake.truncation
        == 0.7
    )


def test_compare_refuses_what_it_cannot_compare(tmp_path):
    a = workdir_with(tmp_path, "a", a_report())
    b = workdir_with(
        tmp_path, "b", a_report(extractor__name="inception-2015", extractor__pipeline="tf1")
    )
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([a], "at least two"),
        ([a, a], "at least two"),
        ([a, b], "no two of them"),
        ([a, str(tmp_path / "empty")], "no report in"),
        ([a, str(tmp_path / "none")], "is not there"),
    ):
        with pytest.raises(UserError, match=message):
            side_by_side.compare(paths, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
