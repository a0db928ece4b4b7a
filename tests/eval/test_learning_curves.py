"""Learning curves from the files that runs leave, damaged ones included."""

import base64
import io
import json
import math
import re

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoji_gan import errors
from emoji_gan.errors import UserError
from eval.metrics.sets import Estimate
from eval.report import learning_curves, report_file, run_files


def write_run(folder, points=5, shift=0.0, metrics=True):
    """A workdir such as training and evaluation leave; returns it."""
    folder.mkdir(parents=True)
    with open(folder / "metrics.jsonl", "w") as f:
        for i in range(points):
            values = {
                "loss/g": 1.0 + shift + i,
                "loss/d": 0.5,
                "signs/real": 0.6,
                "signs/fake": -0.7,
                "signs/validation": None if i == 1 else 0.8,
                "ada/p": 0.01 * i,
                "grad_norm/g": 10.0**i,
            }
            print(json.dumps({"kimg": float(i), "step": i * 10} | values), file=f)
            alpha = {"alpha/binary": 0.4, "alpha_real/binary": 0.9}
            print(json.dumps({"kimg": float(i), "step": i * 10} | alpha), file=f)
    for kimg in (2.0, 4.0) if metrics else ():
        write_report(folder, kimg, Estimate(20.0 - kimg + shift, 19.0 - kimg, 21.0 - kimg, 30, 20))
    return folder


def write_report(folder, kimg, estimate, created="2026-11-23T09:16:39Z", truncation=1.0, name="r"):
    r = report_file.Report(
        report_file.ExtractorInfo("emoji-encoder", "ab" * 32, "alpha", "none"),
        report_file.RealInfo("openmoji train", 30, "cd" * 32, {}),
        report_file.FakeInfo(
            folder.name, 20, str(folder), int(kimg * 10), kimg, truncation=truncation
        ),
        {},
        {"fd": estimate},
        {},
        created,
    )
    path = folder / "eval" / f"{kimg:06.1f}-{name}" / "report.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(report_file.to_json(r)))


def cells(page, *beginning):
    """The cells of the table's rows that begin so."""
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in page.split("<tr>")]
    return [row[len(beginning) :] for row in rows if tuple(row[: len(beginning)]) == beginning]


def test_one_run(tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "run")
    monkeypatch.setattr("sys.argv", ["curves", str(run)])
    assert learning_curves.main() == errors.EXIT_OK
    assert capsys.readouterr().out == f"open    {run / 'curves' / 'curves.html'}\n"
    page = (run / "curves" / "curves.html").read_text()
    assert cells(page, "Loss", "G") == [["4.0", "5", "", "1", "5"]]
    assert cells(page, "Sign of D&#x27;s logits", "validation") == [
        ["4.0", "0.8", "", "0.8", "0.8"]
    ]
    assert cells(page, "Nearly binary alpha", "real") == [["4.0", "0.9", "", "0.9", "0.9"]]
    ((*figures, interval, _, _),) = cells(page, "fd_emoji", "generated")
    assert figures == ["4.0", "16"] and interval == "15 to 17"
    pngs = [
        base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    ]
    (metrics,) = (run / "curves").glob("metrics-emoji-encoder-*.png")
    assert pngs == [(run / "curves" / "training.png").read_bytes(), metrics.read_bytes()]
    assert "emoji-encoder: 20 images, psi 1, against openmoji train" in page
    for png in pngs:
        picture = np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGB"))
        assert picture.shape[1] > 400 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert "<script" not in page and "http://" not in page and "https://" not in page


def test_many_runs_share_each_panel(tmp_path):
    a, b = (
        write_run(tmp_path / "x" / "run"),
        write_run(tmp_path / "y" / "run", points=3, shift=1.0, metrics=False),
    )
    page = learning_curves.draw([str(a), str(b), str(a)], str(tmp_path / "out")).read_text()
    assert [row[0] for row in cells(page, "Loss: G", "y/run")] == ["2.0"]  # kimg
    assert [row[1] for row in cells(page, "Loss: G")] == ["4.0", "2.0"]
    assert cells(page, "Loss: G", "x/run") == [["4.0", "5", "", "1", "5"]]
    assert "fd_emoji" in page
    learning_curves.draw([str(b)], str(tmp_path / "b"))  # without reports
    assert {p.name for p in (tmp_path / "b").iterdir()} == {"training.png", "curves.html"}


def test_pictures_follow_the_numbers(tmp_path):
    a, b = (
        write_run(tmp_path / name, shift=s, metrics=False) for name, s in (("a", 0.0), ("b", 3.0))
    )
    for run in (a, b):
        learning_curves.draw([str(run)], str(tmp_path / "out" / run.name))
    same = write_run(tmp_path / "c" / "a", metrics=False)
    learning_curves.draw([str(same)], str(tmp_path / "out" / "same"))
    first, other, again = (
        (tmp_path / "out" / d / "training.png").read_bytes() for d in ("a", "b", "same")
    )
    assert first == again != other


def test_only_comparable_reports_share_a_curve(tmp_path):
    run = write_run(tmp_path / "run")
    write_report(run, 4.0, Estimate(7.0, None, None, 30, 20), truncation=0.7, name="psi")
    write_report(
        run, 2.0, Estimate(99.0, None, None, 30, 20), created="2026-11-23T08:00:00Z", name="older"
    )
    page = learning_curves.draw([str(run)], str(tmp_path / "out")).read_text()
    other, usual = cells(page, "fd_emoji", "generated")
    assert other == ["4.0", "7", "none", "7", "7"]
    assert usual == ["4.0", "16", "15 to 17", "16", "18"]  # not 99, which was found earlier
    headings = re.findall("<h2>emoji-encoder: 20 images, psi ([^,]*)", page)
    assert headings == ["0.7", "1"] and len(list((tmp_path / "out").glob("metrics-*.png"))) == 2


def test_a_line_cut_by_a_kill_is_passed_over(tmp_path, capsys):
    run = write_run(tmp_path / "run", points=3, metrics=False)
    with open(run / "metrics.jsonl", "a") as f:
        f.write('{"kimg": 3.0, "step": 30, "loss/g": 9')
    page = learning_curves.draw([str(run)], str(tmp_path / "out")).read_text()
    assert cells(page, "Loss", "G") == [["2.0", "3", "", "1", "3"]]
    err = capsys.readouterr().err
    assert (
        err
        == f"{run / 'metrics.jsonl'}, line 7: not a whole JSON object with a kimg, passed over\n"
    )


@given(
    points=st.lists(
        st.tuples(st.floats(0, 1e6), st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        max_size=8,
    ),
    cut=st.integers(0, 38),  # of 39 characters
    junk=st.lists(
        st.sampled_from(
            [
                b"",
                b"{}",
                b"[1]",
                b"null",
                b'{"kimg": "x"}',
                b"\xff",
                b"[" * 99999,
                b'{"kimg": 1e999}',
            ]
        ),
        max_size=3,
    ),
)
def test_curves_hold_every_whole_line(tmp_path_factory, points, cut, junk):
    path = tmp_path_factory.mktemp("jsonl") / "metrics.jsonl"
    lines = [json.dumps({"kimg": x, "step": 1, "loss/g": y}).encode() for x, y in points]
    half = json.dumps({"kimg": 1.0, "step": 1, "loss/g": 1.0}).encode()[:cut]
    path.write_bytes(b"\n".join([*junk, *lines, half]))
    curves_read = run_files.read_jsonl(path)
    expected = {x: math.nan if y is None else y for x, y in points}
    kimg, values = curves_read.get("loss/g", (np.empty(0), np.empty(0)))
    np.testing.assert_array_equal(kimg, sorted(expected))
    np.testing.assert_array_equal(values, [expected[x] for x in sorted(expected)])


def test_long_runs_are_smoothed_about_their_own_kimg():
    x = np.arange(1000.0)
    smooth_x, smooth = learning_curves.running_mean(x, 2 * x + 1, 20)
    np.testing.assert_array_equal(smooth_x, x)
    np.testing.assert_allclose(smooth, 2 * x + 1)
    noisy = np.where(np.arange(1000) % 2, 1.0, -1.0)
    assert np.abs(learning_curves.running_mean(x, noisy, 20)[1][10:-10]).max() <= 1 / 21 + 1e-12


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    run = write_run(tmp_path / "run", metrics=False)
    for path, message in (
        ("none", "no such workdir"),
        ("empty", "no curves .* and no reports"),
        ("file", "no such"),
    ):
        with pytest.raises(UserError, match=message):
            learning_curves.draw([str(run), str(tmp_path / path)], str(tmp_path / "out"))
    with pytest.raises(UserError, match="cannot write"):
        learning_curves.draw([str(run)], str(tmp_path / "file" / "out"))
