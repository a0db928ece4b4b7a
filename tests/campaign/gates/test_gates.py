"""Each gate passes what is sound and refuses a deliberate fault; the command writes checks.json."""

import json

import numpy as np
import PIL.Image
import pytest

from campaign.gates import (
    alt_text,
    check,
    flashing,
    ground_contrast,
    licence_terms,
    near_copy,
    nearest_real,
    offensive,
    parent_colours,
    small_size,
    theme_match,
)
from campaign.gates.gate import Subject
from campaign.picture_judge import Seen
from emoji_gan.edit import parents
from eval.extractors.nearest_emoji import Neighbour
from tests.support import campaign_folder
from tests.support.campaign_folder import record


def seen_as(codepoints, *, copy=False, visible=True, small=0.9, features=None, nearest=None):
    """What a judge sees that recognises one emoji."""
    similarity = {"1F355": 0.1, "1F381": 0.1, "1F595": 0.1} | {f"x{i}": 0.2 for i in range(9)}
    similarity[codepoints] = 0.8
    neighbour = Neighbour(
        codepoints=nearest or codepoints,
        name="near",
        name_fr="proche",
        style="openmoji",
        picture=np.zeros((1, 1, 4), np.uint8),
        similarity=0.85,
        percentile=0.0 if copy else 50.0,
        is_copy=copy,
    )
    vector = np.ones(4) / 2 if features is None else features
    return Seen(visible, vector, similarity, (codepoints, "1F381"), small, neighbour)


def subject(seen=None, picture=None, **changes):
    image = parents.of_openmoji("1F355", 128).image if picture is None else picture
    return Subject(record("pizza_01", **changes), image, seen or seen_as("1F355"))


def test_what_is_sound_passes_every_gate_and_says_why():
    for gate in check.gates_of(subject()):
        assert gate.passed, gate
        assert gate.reason["en"] and gate.reason["fr"]


def test_each_fault_fails_its_gate_alone():
    unwanted = {"1F346": {"en": "sexual", "fr": "sexuel"}}
    like_unwanted = Subject(
        record("pizza_01"),
        subject().picture,
        seen_as("1F355", nearest="1F346"),
        unwanted=unwanted,
    )
    white = subject().picture.copy()
    white[..., :3] = np.where(white[..., 3:] > 0, 255, 0)
    for module, faulty in (
        (near_copy, subject(seen_as("1F355", copy=True))),
        (nearest_real, like_unwanted),
        (small_size, subject(seen_as("1F355", small=0.3))),
        (ground_contrast, subject(picture=white, palette=("#FFFFFF",))),
        (theme_match, subject(seen_as("1F381"))),
        (
            parent_colours,
            subject(picture=np.ascontiguousarray(subject().picture[..., [2, 1, 0, 3]])),
        ),
        (offensive, subject(parents=("1F412", "1F469"), seen=seen_as("1F412"))),
        (licence_terms, subject(licence="CC-BY-SA-4.0 AND CC-BY-NC-4.0")),
        (alt_text, subject(parents=("1F355",) * 30)),
    ):
        failed = [g.gate for g in check.gates_of(faulty) if not g.passed]
        assert failed == [module.__name__.split(".")[-1]], (module, failed)


def test_line_art_is_lost_on_dark_and_a_blank_is_not_legible():
    line = parents.of_openmoji("1F355", 128, line=True).image
    gate = ground_contrast.check(subject(picture=line))
    assert not gate.passed and "on dark" in gate.reason["en"]
    assert ground_contrast.edge_contrast(line, (255, 255, 255)) > 0.95
    assert not small_size.check(subject(seen_as("1F355", visible=False))).passed
    assert ground_contrast.edge_contrast(np.zeros((8, 8, 4), np.uint8), (0, 0, 0)) == 0


def test_lost_colours_are_named_and_those_that_are_intended_pass():
    drop = parents.of_openmoji("1FA78", 128).image
    yellow = np.where(drop[..., :1] > 128, [252, 234, 43], drop[..., :3]).astype(np.uint8)
    wrong = np.concatenate([yellow, drop[..., 3:]], -1)
    of_blood = {"parents": ("1FA78",)}
    assert parent_colours.check(subject(picture=drop, **of_blood)).value == 0
    gate = parent_colours.check(subject(picture=wrong, **of_blood))
    assert not gate.passed and "surtout du rouge" in gate.reason["fr"]
    for intended in ({"palette": ("#FCEA2B",)}, {"style": "openmoji line"}, {"recipe": "restyle"}):
        assert parent_colours.check(subject(picture=wrong, **of_blood | intended)).passed
    crossed = subject(picture=wrong, parents=("1FA78", "1F34B"), recipe="mix")
    assert parent_colours.check(crossed).passed  # the lemon's yellow


def test_signs_are_refused_as_parent_and_as_seen():
    assert not offensive.check(subject(seen_as("1F595"))).passed
    assert not offensive.check(subject(parents=("1F595-1F3FF",))).passed


def test_the_reason_against_a_pair_is_in_both_languages():
    reason = offensive.check(subject(parents=("1F476", "1F37A"))).reason
    assert reason["en"] == "a pair that sexualises or endangers children"
    assert reason["fr"] == "paire à éviter : cela sexualise ou met en danger des enfants"


def test_licences_that_are_not_understood_or_forbid_are_refused():
    for expression, passed in (
        ("CC0-1.0", True),
        ("Apache-2.0 AND CC-BY-SA-4.0", True),
        ("CC-BY-ND-4.0", False),
        ("LicenseRef-own", False),
        ("WTFPL", False),
        ("", False),
    ):
        assert licence_terms.check(subject(licence=expression)).passed == passed, expression


def test_alt_text_names_the_emoji_in_both_languages():
    cross = record("x", parents=("1F381", "1F408"), recipe="mix", style="openmoji line")
    assert alt_text.of(cross) == {
        "en": "wrapped gift and cat, crossed, as line art",
        "fr": "cadeau et chat, croisés, au trait",
    }
    assert alt_text.of(record("x"))["fr"] == "pizza, une variante"


def _frames(lights):
    frames = np.full((len(lights), 32, 32, 4), 255, np.uint8)
    frames[..., :3] = np.array(lights, np.uint8)[:, None, None, None]
    return frames


def test_flashes_a_second_are_counted():
    assert flashing.check(_frames([0, 255]), 250).value == pytest.approx(2, abs=0.6)  # 2 a second
    assert flashing.check(_frames([0, 255]), 250).passed
    assert not flashing.check(_frames([0, 255]), 100).passed  # 5 a second
    assert flashing.check(_frames([0]), 100).value == 0
    slow = np.linspace(0, 255, 30).astype(int)
    assert flashing.check(_frames([*slow, *slow[::-1]]), 33).passed
    corner = _frames([0, 0])
    corner[1, :8, :8, :3] = 255  # a sixteenth of the picture
    assert flashing.check(corner, 50).passed


@pytest.mark.slow
def test_the_command_checks_proposals_and_loops(run, tmp_path):
    listed = [record("pizza_01"), record("pizza_02", style="openmoji line")]
    campaign_folder.write(tmp_path, listed)
    (tmp_path / "animations").mkdir()
    frames = [PIL.Image.fromarray(f) for f in _frames([0, 255])]
    frames[0].save(
        tmp_path / "animations" / "loop.png", save_all=True, append_images=frames[1:], duration=80
    )
    loop = {"name": "loop", "of": "pizza_01", "file": "loop.png", "duration_ms": 80}
    (tmp_path / "animations" / "animations.json").write_text(json.dumps({"animations": [loop]}))
    code, out, err = run("check", f"--dir={tmp_path}", "--lang=fr")
    assert code == 0, err
    assert "0 sur 3 (dont 1 boucle) passe" in out and "une copie de pizza" in out and "flashs" in out
    entries = json.loads((tmp_path / "checks.json").read_text("utf-8"))["checked"]
    first, second, third = entries
    failed = {g["gate"] for g in first["gates"] if not g["passed"]}
    assert failed == {"near_copy"}  # it is the real emoji itself
    failed = {g["gate"] for g in second["gates"] if not g["passed"]}
    assert failed == {"near_copy", "ground_contrast"}
    assert third["name"] == "loop" and third["gates"][0]["gate"] == "flashing"
    before = (tmp_path / "checks.json").read_bytes()
    run("check", f"--dir={tmp_path}")
    assert (tmp_path / "checks.json").read_bytes() == before
    (tmp_path / "proposals" / "pizza_01.png").write_bytes(b"no png")
    code, _, err = run("check", f"--dir={tmp_path}")
    assert code == 2 and err.count("\n") == 1 and "pizza_01.png" in err
