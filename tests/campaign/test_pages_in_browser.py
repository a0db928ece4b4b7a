"""The pages of a campaign in headless Chromium: with the keyboard alone, and read aloud."""

import numpy as np
import pytest

from campaign.language import Language
from campaign.proposing import contact_sheet
from campaign.refining import model_comparison, refine_page
from campaign.refining.model_comparison import Side
from tests.support import browser, campaign_folder
from tests.support.campaign_folder import record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    browser.needs("node", "npm"),
]
FRENCH = Language("fr")
NAMES = ("pizza_01", "pizza_02", "wrapped_gift_01", "wrapped_gift_02")


def _sheet(folder):
    gift = {
        "parents": ("1F381",),
        "theme": "cadeaux",
        "names": {"en": "wrapped gift", "fr": "cadeau"},
    }
    listed = [record(name, **(gift if "gift" in name else {})) for name in NAMES]
    campaign_folder.write(folder, listed)
    real = {"1F355": np.full((8, 8, 4), 255, np.uint8)}
    path = contact_sheet.write(folder, listed, real, FRENCH, command="python -m campaign pick")
    return path.read_text("utf-8")


def _refined():
    scores = np.linspace(0.2, 0.6, 4)
    sides = [Side(s, np.ones(4, bool), np.zeros(4, bool), np.ones(4), None) for s in (scores,) * 2]
    c = model_comparison.compare(*sides, None, decisions=(2, 1), trained_on=(9, 2), kimg=0.1)
    pictures = np.full((4, 8, 8, 4), 255, np.uint8)
    return refine_page.html(c, pictures, pictures, ["pizza"] * 4, FRENCH)


@pytest.fixture(scope="module")
def seen(run, tmp_path_factory):
    """What a walk through the pages saw."""
    work, folder = tmp_path_factory.mktemp("campaign"), tmp_path_factory.mktemp("pages")
    rows = ["1,control,9000,300", "1,un emoji au nom bien long,9000,500"]
    (work / "counts.csv").write_text("\n".join(["test,arm,impressions,clicks", *rows]))
    flags = (f"--counts={work}/counts.csv", f"--out={work}/report", "--lang=fr")
    assert run("analyse", *flags)[0] == 0
    report = (work / "report" / "report.html").read_text("utf-8")
    pages = {"sheet": _sheet(work), "refine": _refined(), "report": report}
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    scripts = browser.in_cache("campaign_pages.mjs")
    return browser.run_script(scripts, "campaign_pages.mjs", str(folder))


def test_nothing_serious_is_wrong_with_any_page_in_light_in_dark_and_at_400_percent(seen):
    assert len(seen["faults"]) == 6 and not any(seen["faults"].values()), seen["faults"]
    assert seen["errors"] == []


@pytest.mark.parametrize("window", ["wide", "narrow", "low"])
def test_every_control_has_a_visible_focus_in_a_sensible_order(seen, window):
    controls = [stop for name in NAMES for stop in (name, f"reason {name}")]
    expected = ["skip", *controls, "save", "copy", "line"]
    assert seen["tabs"][window] == [f"{name} seen" for name in expected]


def test_proposals_are_chosen_kept_over_a_reload_and_saved_by_keyboard(seen):
    walk = seen["walk"]
    assert walk["third"] == "wrapped_gift_01 seen" and walk["skipped"] == "save seen"
    assert walk["count"] == walk["afterReload"] == "retenues : 1, écartées : 1, sur 4"
    pictures = walk["picks"].pop("pictures")
    assert set(pictures) == set(NAMES) and all(pictures.values())
    assert walk["picks"] == {
        "picked": ["pizza_01"],
        "rejected": [{"name": "pizza_02", "reason": "trop d'ombre"}],
        "undecided": ["wrapped_gift_01", "wrapped_gift_02"],
    }
    assert walk["live"] == [walk["count"], "picks.json est téléchargé"]
    assert walk["line"].endswith(r"--names=pizza_01 --reject='pizza_02:trop d'\''ombre'")


def test_a_screen_reader_says_what_each_card_is(seen):
    tree = seen["walk"]["tree"]
    for text in (
        'heading "4 propositions" [level=1]',
        'heading "cadeaux" [level=2]',
        'group "wrapped_gift_01"',
        'heading "wrapped_gift_01" [level=3]',
        'img "cadeau, une variante"',
        'radio "écarter"',
        "raison d'écarter, wrapped_gift_01",
        'region "décisions"',
        "ligne qui note les décisions",
    ):
        assert text in tree, tree


def test_the_grounds_stay_with_forced_colours_and_on_paper(seen):
    colours = ["rgb(255, 255, 255)", "rgb(30, 30, 30)", "rgb(47, 111, 237)"]
    assert seen["grounds"]["colours"] == colours
    printed = {"adjust": "exact", "paper": "rgb(255, 255, 255)", "bar": "static"}
    assert seen["grounds"]["printed"] == printed
