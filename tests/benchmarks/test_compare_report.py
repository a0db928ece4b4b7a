"""The report of a comparison: tables, JSON, verdict and pictures."""

import dataclasses
import json

import numpy as np
import PIL.Image
import pytest

from benchmarks.methods import compare_report
from benchmarks.methods.compare_report import ALPHA, FID, NO_FID, WHITE, second
from emoji_gan import images
from eval.metrics.sets import Estimate
from eval.report import report_file
from tests.support.reports import a_report

SETTINGS = {"minutes": 20.0, "points": 2, "n": 75, "resolution": 32, "command": "the command"}


def figures(fd, **more):
    metrics = {
        "fd": Estimate(fd, fd - 0.02, fd + 0.02, 20, 75),
        "recall": Estimate(0.3, 0.2, 0.4, 20, 75),
    }
    settings = {"packages": {"jax": "0.10.2"}}
    return report_file.to_json(a_report(metrics=metrics | more, settings=settings))


def cell(text, run, column):
    """Returns what the first table of the text has for a run under a heading."""
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    heads = [name.strip("| ") for name in lines[0]]
    line = next(line for line in lines if line[0] == f"| {run}")
    return line[heads.index(column)].strip(" |")


def make_row(tmp_path, method, seed, fds, has_alpha=True, diverged=False):
    """Makes a run whose distances at its fixed times are `fds` on white, 0.1 more with alpha."""
    path = tmp_path / method / f"seed{seed}"
    path.mkdir(parents=True)
    points = []
    for k, fd in enumerate(fds, 1):
        point = {
            "minutes": 10.0 * k + 0.1,
            "cpu_minutes": 9.0 * k,
            "kimg": 6.0 * k,
            WHITE: figures(fd),
            second(WHITE): figures(fd / 2),
            NO_FID: "the weights are missing",
            "step": 300 * k,
            "sampled_per_s": 50.0,
            "parameters": {"drawn": 1000, "trained": 1500},
        }
        if has_alpha:
            real = {
                "alpha_binary": Estimate(0.9, 0.88, 0.92, 20, 75),
                "alpha_binary_real": Estimate(0.94, None, None, 20, 75),
            }
            point[ALPHA] = figures(fd + 0.1, **real)
            point[second(ALPHA)] = figures(fd / 2 + 0.1)
        points.append(point)
        grid = images.grid(np.full((64, 8, 8, 4), 40 * seed + k, np.uint8), 8, 8)
        images.save_png(path / f"judged-{k}.png", grid)
    return compare_report.Row(method, seed, "", diverged, tuple(points), str(path), 1234.5)


@pytest.fixture
def rows(tmp_path):
    return [
        make_row(tmp_path, "dcgan", 0, (0.5, 0.10)),
        make_row(tmp_path, "flow", 0, (0.6, 0.30)),
        make_row(tmp_path, "official-auto", 0, (0.8, 0.60), has_alpha=False),
        make_row(tmp_path, "dcgan", 1, (0.5, 0.14)),
        make_row(tmp_path, "flow", 1, (0.7, 0.40)),
        make_row(tmp_path, "official-auto", 1, (0.9, 0.50), has_alpha=False),
    ]


def test_tables_have_every_run_with_its_interval(tmp_path, rows):
    text = compare_report.write(tmp_path, SETTINGS, rows)
    assert (tmp_path / "compare.md").read_text() == text
    alpha, white = text.split("**On white**")
    white, cost = white.split("**Cost**")
    assert "alpha_binary (real 0.94)" in alpha
    assert "official" not in alpha.split("**With alpha**")[1]
    assert "| dcgan, seed 1 | 12.0 | 0.240 (0.220 to 0.260) |" in alpha
    assert "| official-auto, seed 0 | 12.0 | 0.600 (0.580 to 0.620) |" in white
    # From 6 kimg at 10.1 minutes to 12 kimg at 20.1.
    assert "| flow, seed 0 | 1,000 | 1,500 | 10 | 50 | 20.1 | 18.0 | 12.0 | 1,234 |" in cost
    assert cell(alpha, "flow, seed 1", "fd_emoji_2") == "0.300 (0.280 to 0.320)"
    assert cell(white, "official-auto, seed 0", "fd_emoji_2") == "0.300 (0.280 to 0.320)"
    assert "FID |" not in white and "No FID: the weights are missing." in white
    for table in text.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_fid_has_a_column_where_some_run_has_it(tmp_path, rows):
    by_fid = a_report(
        extractor__name="inception-2015", metrics={"fd": Estimate(41.5, 40.5, 42.5, 20, 75)}
    )
    point = dict(rows[0].points[-1]) | {FID: report_file.to_json(by_fid)}
    del point[NO_FID]
    first = dataclasses.replace(rows[0], points=(rows[0].points[0], point))
    _, white = compare_report.write(tmp_path, SETTINGS, [first, *rows[1:]]).split("**On white**")
    assert cell(white, "dcgan, seed 0", "FID") == "41.5 (40.5 to 42.5)"
    assert cell(white, "dcgan, seed 1", "FID") == ""
    assert "No FID of some: the weights are missing." in white
    data = json.loads((tmp_path / "compare.json").read_text())
    assert data["rows"][0]["points"][1][FID]["fd"] == [41.5, 40.5, 42.5]


def test_json_holds_every_figure_at_every_time(tmp_path, rows):
    compare_report.write(tmp_path, SETTINGS, rows)
    data = json.loads((tmp_path / "compare.json").read_text())
    assert data["settings"] == SETTINGS
    assert data["extractor"] == "emoji-encoder"
    assert data["real"]["n"] == 20
    assert [(r["method"], r["seed"], len(r["points"])) for r in data["rows"]][:2] == [
        ("dcgan", 0, 2),
        ("flow", 0, 2),
    ]
    assert data["rows"][0]["points"][0][WHITE]["fd"] == [0.5, 0.48, 0.52]
    assert data["rows"][0]["points"][0][ALPHA]["fd"] == [0.6, 0.58, 0.62]
    assert ALPHA not in data["rows"][2]["points"][0]


def test_verdict_is_of_means_over_the_same_seeds(tmp_path, rows):
    verdict = compare_report.verdict(SETTINGS, rows)
    assert (verdict["ours"], verdict["official"]) == ("dcgan", "official-auto")
    assert verdict["reached"] is True
    assert verdict["ratio"] == pytest.approx(0.12 / 0.55)
    assert verdict["ratio_worst_to_best"] == pytest.approx(0.14 / 0.5)
    better = [
        make_row(tmp_path, "official-cifar", seed, (0.5, 0.4), has_alpha=False) for seed in (0, 1)
    ]
    verdict = compare_report.verdict(SETTINGS, rows + better)  # their best counts
    assert verdict["official"] == "official-cifar"
    assert verdict["ratio"] == pytest.approx(0.3)
    assert not verdict["reached"]
    assert "not reached" in verdict["text"]


def test_unfinished_runs_have_no_part_in_the_verdict(tmp_path, rows):
    lucky = make_row(tmp_path, "stylegan2", 0, (0.1, 0.01))  # its other seed is missing
    early = [make_row(tmp_path, "r3gan", seed, (0.01,), diverged=seed == 0) for seed in (0, 1)]
    verdict = compare_report.verdict(SETTINGS, [*rows, lucky, *early])
    assert verdict["ours"] == "dcgan" and "r3gan, stylegan2" in verdict["text"]
    never = compare_report.Row("wgan_gp", 0, "", True, (), str(tmp_path))
    text = compare_report.markdown(SETTINGS, [*rows, *early, never])
    assert "| r3gan, seed 0, point 1 (diverged) |" in text and "| r3gan, seed 1, point 1 |" in text
    assert "Without any figure yet: wgan_gp, seed 0 (diverged)." in text
    assert "No verdict" in compare_report.verdict(SETTINGS, rows[:2])["text"]
    assert "Nothing" in compare_report.write(tmp_path, SETTINGS, [])


def test_pictures_follow_the_figures(tmp_path, rows):
    for name, some in (("a", rows), ("b", rows[:3]), ("c", rows)):
        (tmp_path / name).mkdir()
        compare_report.write(tmp_path / name, SETTINGS, some)
    a, b, c = ((tmp_path / name / "compare.png").read_bytes() for name in "abc")
    assert a == c != b
    board = np.asarray(PIL.Image.open(tmp_path / "a" / "compare_samples.png"))
    grid = np.asarray(PIL.Image.open(tmp_path / "dcgan" / "seed0" / "judged-2.png"))
    rows_shown = grid.shape[0] * 4 // 8
    np.testing.assert_array_equal(
        board[16 : 16 + 2 * rows_shown : 2, : 2 * grid.shape[1] : 2], grid[:rows_shown]
    )
