"""Loops close, stay on the canvas and do not flash; records say so, and re-runs lose nothing."""

import json

import av
import numpy as np
import pytest
from PIL import Image

from campaign import folder as folder_lib
from campaign import manifest
from campaign.animate import flash_rate, moves
from campaign.language import Language
from emoji_gan import images

COUNT = 12


def _square(colour=(200, 40, 20, 255), px=64, edge=0) -> np.ndarray:
    picture = np.zeros((px, px, 4), np.uint8)
    picture[edge : px - edge, edge : px - edge] = colour
    return picture


@pytest.mark.parametrize("name", moves.MOVES)
def test_nothing_leaves_the_canvas_and_the_last_frame_leads_to_the_first(name):
    """Of a square that fills its canvas, which any rotation would cut."""
    frames = moves.frames(_square(), moves.MOVES[name], COUNT, px=64)
    ring = np.ones((64, 64), bool)
    ring[1:-1, 1:-1] = False
    areas = (frames[..., 3] / 255).sum((1, 2))
    assert frames[:, ring, 3].max() == 0
    assert areas.max() / areas.min() < (1.4 if name == "pulse" else 1.03)  # nothing is cut off
    small = frames[..., 3].astype(float) / 255
    steps = np.abs(small - np.roll(small, 1, 0)).mean((1, 2))
    assert steps[0] <= 1.05 * steps[1:].max() and steps.min() >= 0


def test_edges_do_not_darken_on_the_way():
    """A colour stays itself at soft edges, as it is resampled in premultiplied alpha."""
    frames = moves.frames(_square((250, 200, 40, 255), edge=12), moves.wave, COUNT, px=64)
    soft = (frames[..., 3] > 60) & (frames[..., 3] < 200)
    assert soft.sum() > 100
    assert np.abs(frames[soft][:, :3].astype(int) - [250, 200, 40]).max() <= 6
    assert not frames[frames[..., 3] == 0].any()


@pytest.mark.parametrize("per_second", [1, 2, 4, 5, 10])
def test_flashes_are_counted(per_second):
    frames = np.zeros((50, 16, 16, 4), np.uint8)
    frames[..., 3] = 255
    lit = (np.arange(50) * per_second / 50) % 1 < 0.5
    frames[lit, :, :8] = 255  # half of the canvas
    assert flash_rate.flashes(frames, 20).general == pytest.approx(per_second)
    frames[:, :, 3:] = (0, 0, 0, 255)  # less than a quarter of it
    assert flash_rate.flashes(frames, 20).worst == 0


def _alternating(first, second, per_second=5):
    """Returns a second of two opaque colours in turns, frames of 20 ms."""
    frames = np.zeros((50, 16, 16, 4), np.uint8)
    frames[:] = (*first, 255)
    frames[(np.arange(50) * per_second / 50) % 1 >= 0.5] = (*second, 255)
    return frames


@pytest.mark.parametrize(
    ("first", "second", "general", "red"),
    [
        ((200, 0, 0), (0, 102, 102), 0, 5),  # as light as each other: luminance sees nothing
        ((255, 0, 0), (0, 0, 0), 5, 5),
        ((255, 0, 0), (255, 255, 255), 5, 5),
        ((255, 0, 0), (200, 0, 0), 0, 0),  # saturated both, and of one chromaticity
        ((200, 120, 120), (100, 145, 145), 0, 0),  # reddish, not saturated
        ((0, 0, 255), (0, 90, 0), 0, 0),  # far apart in chromaticity, no red
    ],
)
def test_red_flashes_are_counted_as_wcag_2_2_defines_them(first, second, general, red):
    rates = flash_rate.flashes(_alternating(first, second), 20)
    assert (rates.general, rates.red) == (pytest.approx(general), pytest.approx(red))


def test_a_red_flash_needs_a_quarter_of_the_canvas_and_counts_on_any_ground():
    frames = _alternating((200, 0, 0), (0, 102, 102))
    frames[:, :, 3:] = (0, 0, 0, 255)
    assert flash_rate.flashes(frames, 20).worst == 0
    fading = _alternating((255, 0, 0), (255, 0, 0))
    fading[5::10, ..., 3] = 0  # through, to the white or the black behind it
    assert flash_rate.flashes(fading, 20).red == pytest.approx(5)


def test_which_kind_flashes_is_said_in_both_languages():
    english, french = flash_rate.reason(flash_rate.Rates(1.0, 4.5))
    assert english.startswith("4.5 red flashes a second")
    assert french.startswith("4,5 flashs rouges par seconde")
    assert flash_rate.Rates(1.0, 0.0).texts() == ("1.0 flash a second", "1,0 flash par seconde")


def _campaign(folder, failing="disc_2"):
    proposals = (folder / folder_lib.PROPOSALS).parent
    proposals.mkdir(parents=True)
    rows, checks = [], []
    for i in (1, 2, 3):
        name = f"disc_{i}"
        picture = _square((200, 60 * i, 20, 255), edge=10)
        text = {"Software": "emoji_gan", "seed": str(i)}
        (proposals / f"{name}.png").write_bytes(images.png_bytes(picture, text))
        rows.append(
            {
                "name": name,
                "file": f"{name}.png",
                "parents": ["1F4BF"],
                "theme": "musique",
                "names": {"en": "disc", "fr": "disque"},
                "licence": "CC0-1.0",
                "attribution": "nobody",
            }
        )
        gate = {
            "gate": "contrast",
            "passed": name != failing,
            "reason": {"en": "too pale", "fr": "trop pâle"},
        }
        checks.append(
            {
                "name": name,
                "passed": name != failing,
                "gates": [gate],
                "alt": {"en": "disc, a variation", "fr": "disque, une variante"},
                "licence": "CC0-1.0",
                "attribution": "nobody",
            }
        )
    folder_lib.write_record(folder, folder_lib.PROPOSALS, {"proposals": rows})
    folder_lib.write_record(
        folder, folder_lib.PICKS, {"picked": ["disc_1", "disc_2"], "rejected": []}
    )
    folder_lib.write_record(folder, folder_lib.CHECKS, {"checked": checks})


def test_a_campaign_moves_and_packs_what_is_picked_and_passed(run, tmp_path):
    _campaign(tmp_path)
    flags = ("--lang=fr", f"--dir={tmp_path}")
    code, out, err = run("animate", *flags, "--move=wave,pulse", "--frames=8", "--size=64")
    assert (code, err) == (0, "") and out.count("la boucle se referme sans saut visible") == 2
    assert "laissé de côté, disc_2 : échoue à `check` : trop pâle" in out
    record = json.loads((tmp_path / folder_lib.ANIMATIONS).read_text())["animations"]
    assert [(r["name"], r["of"], r["frames"], r["duration_ms"]) for r in record] == [
        ("disc_1_wave", "disc_1", 8, 40),
        ("disc_1_pulse", "disc_1", 8, 40),
    ]
    for row in record:
        assert row["seam"] <= 3 * row["median_step"] and row["flashes_a_second"] <= 3
        with av.open(str(tmp_path / "animations" / row["file"])) as container:
            frames = [f.to_ndarray(format="rgba") for f in container.decode(video=0)]
        assert len(frames) == 8 and frames[0].shape == (64, 64, 4)
    code, out, err = run("pack", *flags, "--for=slack,twitch")
    assert (code, err) == (0, "") and "slack : 3 émojis" in out
    assert "disc_2 : échoue à `check` : trop pâle" in out and "1 proposition non retenue" in out
    entries = {e.name: e for e in manifest.read(tmp_path / "packs" / "slack", Language("fr"))}
    assert set(entries) == {"disc_1", "disc_1_wave", "disc_1_pulse"}
    assert entries["disc_1"].alt["fr"] == "disque, une variante"
    assert entries["disc_1_wave"].provenance["parents"] == "1F4BF"


def test_a_record_without_a_field_is_one_line(run, tmp_path):
    _campaign(tmp_path)
    folder_lib.write_record(tmp_path, folder_lib.PROPOSALS, {"proposals": [{"name": "disc_1"}]})
    code, _, err = run("pack", "--lang=fr", f"--dir={tmp_path}", "--for=slack")
    assert code == 2 and "il manque un champ" in err and err.count("\n") == 1


def test_a_rerun_is_the_same_bytes_and_keeps_the_loops_of_others(run, tmp_path):
    art = tmp_path / "art"
    art.mkdir()
    for name in ("one", "two"):
        (art / f"{name}.png").write_bytes(images.png_bytes(_square(edge=10)))
    flags = ("--lang=en", f"--from={art}", f"--dir={tmp_path}", "--frames=6", "--size=64")
    assert run("animate", *flags, "--move=pulse")[0] == 0
    animations = tmp_path / "animations"
    first = {p.name: p.read_bytes() for p in animations.iterdir()}
    assert run("animate", *flags, "--move=pulse")[0] == 0
    assert {p.name: p.read_bytes() for p in animations.iterdir()} == first
    assert run("animate", *flags, "--move=wave", "--name=one")[0] == 0
    names = {e.name for e in manifest.read(animations, Language("en"))}
    assert names == {"one_wave", "two_pulse"}
    assert {p.stem for p in animations.glob("*.png")} == names
    assert Image.open(animations / "two_pulse.png").n_frames > 1


def test_what_is_refused_of_a_batch_is_counted_and_the_rest_made(run, tmp_path):
    art = tmp_path / "art"
    art.mkdir()
    (art / "one.png").write_bytes(images.png_bytes(_square(edge=10)))
    flags = ("--lang=fr", f"--from={art}", f"--dir={tmp_path}", "--frames=8", "--size=64")
    code, out, err = run("animate", *flags, "--move=latent,pulse")
    assert code == 2 and err.startswith("refusée : one : latent demande") and err.count("\n") == 1
    assert "1 boucle dans" in out and "; 1 refusée, pour la raison ci-dessus" in out
    assert (tmp_path / "animations" / "one_pulse.png").exists()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--move=jump",), "choose from bounce, wave, pulse, latent"),
        (("--frames=1",), "expected 4 to 240"),
        (("--fps=100",), "expected 1 to 50"),
        (("--name=ten",), "no such still; there are one"),
        (("--move=latent", "--name=one"), "its PNG names none"),
    ],
)
def test_mistakes_get_one_line(run, tmp_path, flags, why):
    (tmp_path / "one.png").write_bytes(images.png_bytes(_square()))
    common = ("--lang=en", f"--from={tmp_path}", f"--dir={tmp_path / 'out'}", "--size=64")
    code, _, err = run("animate", *common, *flags)
    assert code == 2 and why in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_latent_loop_begins_with_the_emoji(run, tmp_path):
    """Of an emoji that the shipped model drew; one that was changed since is refused."""
    from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask

    drawer = Sampler(str(SHIPPED_MODEL))
    request = {"text": "red heart", "style": "openmoji"}
    drawn = drawer([5], ask(drawer.spec, request, 1), 0.5)[0]
    texts = drawer.provenance(5, 0.5, request)
    (tmp_path / "heart.png").write_bytes(images.png_bytes(drawn, texts))
    (tmp_path / "blue.png").write_bytes(images.png_bytes(drawn[..., [2, 1, 0, 3]], texts))
    flags = ("--lang=en", f"--from={tmp_path}", f"--dir={tmp_path / 'out'}", "--frames=8")
    code, out, err = run("animate", *flags, "--move=latent", "--size=32")
    assert code == 2 and "heart_latent: 8 frames" in out and "blue: latent does not work" in err
    assert "1 loop in" in out and out.splitlines()[-1].endswith("1 refused, for the reason above")
    first = np.asarray(Image.open(tmp_path / "out" / "animations" / "heart_latent.png"))
    np.testing.assert_array_equal(first, drawn)


@pytest.mark.slow
def test_a_latent_loop_of_a_variation_keeps_its_parent(run, tmp_path):
    from emoji_gan.edit import parents, vary
    from emoji_gan.trained.sampler import SHIPPED_FLOW, Sampler

    drawer, parent = Sampler(str(SHIPPED_FLOW)), parents.of_openmoji("1F355", 32)
    request = {"style": "openmoji"}
    drawn = vary.vary(drawer, parent, [3], strength=0.5, request=request)[0]
    texts = vary.provenance_of(drawer, [parent], 0.5, request) | {"seed": "3"}
    (tmp_path / "pizza.png").write_bytes(images.png_bytes(drawn, texts))
    other = texts | {"parent": "1F355, 1F369"}  # as a cross of two names them
    (tmp_path / "cross.png").write_bytes(images.png_bytes(drawn, other))
    flags = (f"--from={tmp_path}", f"--dir={tmp_path / 'out'}", "--frames=4")
    code, out, err = run("animate", "--lang=fr", *flags, "--move=latent", "--size=32")
    assert (
        code == 2
        and "pizza_latent : 4 images" in out
        and "cross : latent ne marche pas sur un" in err
    )
    loop = Image.open(tmp_path / "out" / "animations" / "pizza_latent.png")
    frames = []
    for i in range(loop.n_frames):
        loop.seek(i)
        frames.append(np.asarray(loop.convert("RGBA")))
    assert len(frames) == 4
    np.testing.assert_allclose(frames[0].astype(int), drawn, atol=1)
    from_first = [np.abs(f.astype(int) - drawn).mean() for f in frames[1:]]
    assert min(from_first) > 0.2 and max(from_first) < 40  # it moves, and stays a pizza
