"""benchmarks.tasks.variations: what its figures say of copies, and the whole at its smallest."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.tasks import variations
from emoji_gan import errors
from emoji_gan.encoder import encoder
from emoji_gan.trained.sampler import SHIPPED_FLOW
from tests.support.metric_inputs import normal
from tests.support.seeded_features import sample_set

EMOJI, SEEDS = 13, 4


def _figures(distance: float) -> dict:
    """Returns the figures of variations at a distance from their emoji, all recognised."""
    _, meta = encoder.load()
    codepoints = meta["codepoints"][:EMOJI]
    away = normal(EMOJI * SEEDS, 8, 2)
    away *= distance / np.linalg.norm(away, axis=1, keepdims=True)
    of_parents = normal(EMOJI, 8, 1)
    logits = 50 * np.eye(len(meta["codepoints"]))[np.arange(EMOJI).repeat(SEEDS)]
    fake = sample_set(of_parents.repeat(SEEDS, 0) + away, logits=logits)
    real = sample_set(normal(300, 8, 0))
    return variations.figures_of(real, fake, codepoints, meta, of_parents)


def test_copies_keep_the_theme_and_do_not_leave_their_emoji():
    copies, near, far = (_figures(distance) for distance in (0, 0.3, 3))
    assert copies["codepoint_top5"][0] == copies["group_top5"][0] == 1
    assert copies["left"][0] == copies["variety"][0] == copies["percentile_of_distance"][0] == 0
    assert far["left"][0] == 1 and far["percentile_of_distance"][0] > 50
    assert 0 < near["variety"][0] < far["variety"][0]


def test_verdicts_name_what_is_missed():
    of = {origin: {variations.row_of(0.6): _figures(3)} for origin in variations.ORIGINS}
    of["held out"] = {variations.row_of(0.6): _figures(0)}
    command = {"wall_s": 9.0, "peak_mib": 1300.0, "cpu_s": 8.0, "load_average": 0.5}
    assert variations.verdicts({"judge": of}, 0.6, command).splitlines() == [
        "- held out, 100% theme: met",
        "- held out, 0% left: missed",
        "- trained on, 100% theme: met",
        "- trained on, 100% left: met",
        "- the command, 9.0 wall_s, below 10: met",
        "- the command, 1300.0 peak_mib, below 1228.8: missed",
        "- the command, 8.0 cpu_s, at a load average of 0.5",
    ]


def _main(monkeypatch, *arguments: object) -> int:
    flags = (f"--model={SHIPPED_FLOW}", "--steps=1", f"--n={EMOJI}", "--strengths=0.2")
    monkeypatch.setattr(sys, "argv", ["variations", *flags, *map(str, arguments)])
    with pytest.raises(SystemExit) as e:
        errors.run(variations.main)
    return e.value.code


@pytest.mark.slow
def test_writes_a_table_an_origin_and_a_sheet(monkeypatch, tmp_path):
    assert _main(monkeypatch, "--skip_command", f"--out={tmp_path}") == 0
    result = json.loads((tmp_path / "variations.json").read_text())
    chosen = [set(of) for of in result["emoji"].values()]
    assert [len(of) for of in chosen] == [EMOJI, EMOJI] and not chosen[0] & chosen[1]
    assert list(result["figures"]) == list(variations.JUDGES)
    for of in result["figures"].values():
        for origin in variations.ORIGINS:
            rows = of[origin]
            assert rows[variations._THEMSELVES]["left"][0] == 0
            little, fresh = rows[variations.row_of(0.2)], rows[variations.row_of(1)]
            assert little["variety"][0] < fresh["variety"][0]
            assert little["percentile_of_distance"][0] < fresh["percentile_of_distance"][0]
            assert little["group_top5"][0] > fresh["group_top5"][0] - 0.1
            assert rows[variations._SECOND]["variety"][0] > 0
    text = (tmp_path / "variations.md").read_text()
    assert f"| {EMOJI} emoji, held out |" in text and f"| {EMOJI} emoji, trained on |" in text
    assert "| strength 0.2 | " in text and "| strength 0.6 (default) | " in text
    with Image.open(tmp_path / "variations.png") as page:
        assert page.size == (2 * (1 + SEEDS) * 34 + 2, EMOJI * 34 + 2)


@pytest.mark.parametrize(
    ("flag", "error"),
    [
        (f"--second={SHIPPED_FLOW}", "trained for two calls"),
        ("--strengths=0.2,much", "--strengths=0.2,much: expected numbers"),
        ("--strengths=1.5", "--strengths=1.5: expected numbers"),
        ("--n=1", "--n=1 --seeds=4: expected at least 2"),
    ],
)
def test_refuses_before_it_draws(monkeypatch, capsys, tmp_path, flag, error):
    out = tmp_path / "out"
    assert _main(monkeypatch, "--skip_command", f"--out={out}", flag) == errors.EXIT_USER_ERROR
    assert error in capsys.readouterr().err and not out.exists()
