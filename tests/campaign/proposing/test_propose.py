"""Proposals through the command line, names that last, what is chosen, and the contact sheet."""

import dataclasses
import html
import json
import re
import shlex

import numpy as np
import pytest

from campaign.brief import brief_file
from campaign.language import Language
from campaign.proposing import candidates, contact_sheet, proposal, selection, theme_emoji
from campaign.proposing.candidates import Candidate
from emoji_gan.edit import parents
from input_pipeline.art import licences, picture_folder
from input_pipeline.contexts import emoji_usage
from tests.campaign.gates.test_gates import seen_as
from tests.support import campaign_folder, tiny_model
from tests.support.campaign_folder import record


@pytest.mark.slow
def test_from_a_brief_to_checked_proposals(run, tmp_path):
    campaign_folder.write(tmp_path, [])
    model = tiny_model.write_flow(tmp_path / "flow.safetensors")
    flags = (f"--dir={tmp_path}", "--per_theme=1", f"--model={model}", "--lang=en")
    code, out, err = run("propose", *flags)
    assert code == 0, err
    assert re.search(r"[12] proposals? in", out)
    proposals = proposal.read_all(tmp_path, Language("en"))
    assert {p.theme for p in proposals} <= {"pizza", "cadeaux"} and proposals
    for p in proposals:
        assert p.segment == "fidèles" and 0 < p.score <= 1
        assert "1F37A" not in p.parents  # bière is avoided
        path = tmp_path / "proposals" / p.file
        assert proposal.picture(tmp_path, p, Language("en")).shape == (128, 128, 4)
        texts = picture_folder.own_texts(path)
        assert texts["License"] == p.licence and texts["seed"] == str(p.seed)
        assert texts["parent"] == ", ".join(p.parents) and "E4002B" in texts["palette"]
    first = {f.name: f.read_bytes() for f in (tmp_path / "proposals").iterdir()}
    assert run("pick", f"--dir={tmp_path}", f"--names={proposals[-1].name}")[0] == 0
    assert run("propose", *flags)[0] == 0
    again = {f.name: f.read_bytes() for f in (tmp_path / "proposals").iterdir()}
    del first["contact_sheet.html"], again["contact_sheet.html"]  # it has the pick now
    assert first == again
    assert run("propose", *flags, "--seed=1")[0] == 0
    kept = proposal.read_all(tmp_path, Language("en"))
    assert proposals[-1].key in {p.key for p in kept}
    assert (tmp_path / "proposals" / proposals[-1].file).read_bytes() == again[proposals[-1].file]
    code, out, err = run("check", f"--dir={tmp_path}")
    assert code == 0 and re.search("pass(es)? every gate", out), err
    checked = json.loads((tmp_path / "checks.json").read_text("utf-8"))["checked"]
    assert [c["name"] for c in checked] == [p.name for p in kept]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--per_theme=0"], "1 to 64"),
        (["--size=64"], "128 to 512"),
        (["--seed=-1"], "0 to"),
        (["--emoji=gateau"], "no emoji is called that"),
        (["--emoji=1F37A"], "no emoji to draw from"),
    ],
)
def test_bad_flags_are_one_line_before_anything_is_drawn(run, tmp_path, flags, reason):
    campaign_folder.write(tmp_path, [record("pizza_01")])
    before = (tmp_path / "proposals" / "proposals.json").read_bytes()
    code, _, err = run("propose", f"--dir={tmp_path}", *flags)
    assert code == 2 and reason in err and err.count("\n") == 1
    assert (tmp_path / "proposals" / "proposals.json").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("brief.yaml", "themes: [", "n'est pas du YAML"),
        ("brief.yaml", "themes: []", "themes est vide"),
        ("search.json", '{"themes": [{"theme": "x"}]}', "campaign search"),
        ("search.json", '{"themes": []}', "n'a pas le thème"),
        ("brief.yaml", None, "campaign brief"),
    ],
)
def test_bad_files_are_one_line(run, tmp_path, file, content, reason):
    campaign_folder.write(tmp_path, [])
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content, "utf-8")
    code, _, err = run("propose", f"--dir={tmp_path}", "--lang=fr")
    assert code == 2 and reason in err and err.count("\n") == 1


def test_themes_of_unknown_words_are_told_from_others(tmp_path):
    campaign_folder.write(tmp_path, [])
    language, brief = Language("fr"), brief_file.read(tmp_path, Language("fr"))
    for understood, guessed in (({}, []), ({"understood": False}, list(brief.themes[:1]))):
        entries = [{"theme": brief.themes[0], "results": []} | understood]
        (tmp_path / "search.json").write_text(json.dumps({"themes": entries}), "utf-8")
        assert theme_emoji.guessed(tmp_path, brief, language) == guessed


def test_a_bad_palette_is_one_line(run, tmp_path):
    campaign_folder.write(tmp_path, [])
    text = campaign_folder.BRIEF.replace("#E4002B", "rouge")
    (tmp_path / "brief.yaml").write_text(text, "utf-8")
    code, _, err = run("propose", f"--dir={tmp_path}", "--lang=fr")
    assert code == 2 and "segment fidèles : 'rouge' de palette n'est pas une couleur" in err


def test_names_stay_with_what_was_decided():
    drawn = [dataclasses.replace(record(""), seed=i) for i in range(3)]
    first = proposal.named(drawn, [], "en")
    assert [p.name for p in first] == ["pizza_01", "pizza_02", "pizza_03"]
    kept = [first[1]]
    assert proposal.named(drawn, kept, "en") == first
    other = [dataclasses.replace(record(""), seed=9), dataclasses.replace(record(""), seed=8)]
    again = proposal.named(other, kept, "en")
    assert [p.name for p in again] == ["pizza_01", "pizza_03", "pizza_02"]
    assert again[2] == kept[0]


def test_names_are_of_the_language_and_end_with_a_whole_word():
    for name, stem in (
        ("Man’s shoe: naïve & très long name of an emoji", "mans_shoe_naive_tres"),
        ("gâteau d’anniversaire", "gateau_d_anniversaire"),
        ("visage souriant avec les yeux en forme de cœur", "visage_souriant"),
    ):
        assert proposal.stem_of(name) == stem
    parents_of = ("1F382", "1F489")
    cross = record("", parents=parents_of, names=proposal.names_of(parents_of))
    (english,), (french,) = (proposal.named([cross], [], code) for code in ("en", "fr"))
    assert (english.name, french.name) == ("birthday_syringe_01", "gateau_seringue_01")
    assert [proposal.language_of(p) for p in (english, french)] == ["en", "fr"]


def _candidate(recipe, parents_of, seed=0):
    return Candidate(
        picture=np.zeros((1, 1, 4), np.uint8),
        parents=parents_of,
        theme="t",
        recipe=recipe,
        seed=seed,
        strength=0.5,
        line=False,
        style="openmoji",
        phrase="",
        work=licences.of_style("openmoji"),
        texts={},
    )


def test_the_best_that_differ_are_chosen():
    pool = [_candidate("vary", ("1F355",), i) for i in range(5)]
    pool += [_candidate("vary", ("1F381",)), _candidate("mix", ("1F355", "1F381"))]
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((7, 32))
    vectors[1] = vectors[0]  # the same drawing twice
    seen = [seen_as("1F355", features=v / np.linalg.norm(v)) for v in vectors]
    scores = [0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.95]
    chosen = selection.choose(pool, scores, seen, 4)
    assert chosen == [6, 0, 2, 5]  # 5 is the best of its emoji, 1 the same drawing as 0
    assert selection.choose(pool, [0.0] * 7, seen, 4) == []
    assert selection.choose(pool, scores, seen, 7) == [6, 0, 2, 3, 4, 5]
    assert selection.choose(pool, scores, seen, 1) == [0]  # the first emoji of the theme


def test_copies_and_blanks_score_nothing():
    real = {"1F355": 1.0}
    good = selection.score(seen_as("1F355"), ["1F355"], real)
    assert 0 < good <= 1
    assert selection.score(seen_as("1F381"), ["1F355"], real) < good / 2
    assert selection.score(seen_as("1F355", copy=True), ["1F355"], real) == 0
    assert selection.score(seen_as("1F355", visible=False), ["1F355"], real) == 0


def test_unwanted_pairs_are_never_crossed():
    assert candidates.allowed_pair(["1F412", "1F469", "1F355"]) == ("1F412", "1F355")
    assert candidates.allowed_pair(["1F412", "1F469"]) is None
    assert candidates.allowed_pair(["1F355"]) is None


def test_the_sheet_is_one_offline_file_in_the_language_of_the_brief(run, tmp_path):
    campaign_folder.write(tmp_path, [record("pizza_01"), record("pizza_02", theme="<b>&")])
    run("pick", f"--dir={tmp_path}", "--names=pizza_01", "--reject=pizza_02:trop <sombre>")
    real = {"1F355": parents.of_openmoji("1F355", 128).image}
    listed = proposal.read_all(tmp_path, Language("fr"))
    command = Language("fr", is_explicit=True).command("pick", "l'été")
    path = contact_sheet.write(tmp_path, listed, real, Language("fr"), command=command)
    page = path.read_text("utf-8")
    texts = json.loads(re.search(r'id="texts">(.*?)</script>', page)[1])
    assert shlex.split(texts["command"])[3:] == ["pick", "--dir=l'été", "--lang=fr"]
    assert '<html lang="fr">' in page and "Enregistrer picks.json" in page
    assert "<b>&<" not in page and "trop <sombre>" not in page and "light-dark(" in page
    assert not re.search(r"(src|href)=.?https?:", page) and "//cdn" not in page
    for p in listed:
        assert page.count(f'type="radio" name="{p.name}"') == 3
    assert page.count('role="img" aria-label="pizza, une variante"') == len(listed)
    assert html.escape(emoji_usage.cautions()["1F355"].avoid_fr) in page
    checked = re.findall(r'name="(\S+)" value="(\w*)" checked', page)
    assert checked == [("pizza_01", "pick"), ("pizza_02", "reject")]
