"""Fine-tuning on picks: what is learned of decisions, what is compared, and the command."""

import numpy as np
import pytest

from campaign.language import Language
from campaign.refining import model_comparison, pick_ranker
from campaign.refining.model_comparison import Side
from tests.support import campaign_folder, tiny_model
from tests.support.campaign_folder import record


def _vectors(rng, count, offset):
    x = rng.standard_normal((count, 16)) + offset
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_a_taste_is_learned_where_there_is_one():
    rng = np.random.default_rng(0)
    liked = pick_ranker.learn(_vectors(rng, 12, 1.0), _vectors(rng, 12, -1.0))
    assert liked.right > 0.9 and liked.chance < 0.6
    assert liked(_vectors(rng, 20, 1.0)).mean() > liked(_vectors(rng, 20, -1.0)).mean() + 0.2
    nothing = pick_ranker.learn(_vectors(rng, 12, 0.0), _vectors(rng, 12, 0.0))
    assert nothing.right < 0.8
    assert pick_ranker.learn(_vectors(rng, 2, 1.0), _vectors(rng, 12, 0.0)) is None


def _side(scores):
    n = len(scores)
    return Side(np.asarray(scores), np.ones(n, bool), np.zeros(n, bool), np.ones(n), None)


@pytest.mark.parametrize(
    ("shift", "outcome", "words"),
    [(0.1, "helped", "higher"), (-0.1, "harmed", "lower"), (0.0, "unproved", "no difference")],
)
def test_it_can_say_that_it_did_not_help(shift, outcome, words):
    rng = np.random.default_rng(1)
    before = rng.random(40) * 0.5 + 0.2
    after = before + shift + rng.normal(0, 0.05, 40)
    c = model_comparison.compare(
        _side(before), _side(after), None, decisions=(2, 1), trained_on=(9, 2), kimg=0.1
    )
    assert c.outcome == outcome and words in c.headline(Language("en"))
    assert c.headline(Language("fr")) and "trop peu" in c.notes(Language("fr"))[1]
    assert len(c.table(Language("en"))) == 4


def test_bad_input_is_one_line(run, tmp_path):
    campaign_folder.write(tmp_path, [record("pizza_01")])
    for flags, reason in (
        (["--kimg=0"], "--kimg of 0.032"),
        (["--draws=2"], "--draws of 4"),
        ([], "campaign pick"),
    ):
        code, _, err = run("refine", f"--dir={tmp_path}", *flags)
        assert code == 2 and reason in err and err.count("\n") == 1
    assert not (tmp_path / "refine").exists()


@pytest.mark.slow
def test_it_trains_and_reports_and_a_second_run_only_reports(run, tmp_path):
    campaign_folder.write(tmp_path, [record("pizza_01"), record("pizza_02", seed=1)])
    assert run("pick", f"--dir={tmp_path}", "--best=2")[0] == 0
    model = tiny_model.write_flow(tmp_path / "flow.safetensors")
    flags = ("--kimg=0.064", "--draws=4", f"--model={model}")
    code, out, err = run("refine", f"--dir={tmp_path}", *flags)
    assert code == 0, err
    page = (tmp_path / "refine" / "report.html").read_text("utf-8")
    assert '<html lang="fr">' in page and page.count("<figure>") == 4 and "http" not in page
    (folder,) = (tmp_path / "refine").glob("run_*")
    stamp = (folder / "metrics.jsonl").read_bytes()
    code, again, _ = run("refine", f"--dir={tmp_path}", *flags)
    assert code == 0 and again.splitlines()[1] == out.splitlines()[1]
    assert (folder / "metrics.jsonl").read_bytes() == stamp
    assert (tmp_path / "refine" / "report.html").read_text("utf-8") == page
