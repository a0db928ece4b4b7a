"""`campaign search` and `campaign brief`, as typed."""

import json
import sys

import pytest

from campaign import __main__ as program
from campaign import folder
from emoji_gan import errors
from input_pipeline.contexts import emoji_usage
from input_pipeline.unicode import emoji_names


@pytest.fixture
def campaign(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["campaign", *arguments])
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
        with pytest.raises(SystemExit) as end:
            errors.run(program.main)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_the_last_line_is_json(campaign):
    code, out, _ = campaign("search", "--text=soldes d'été", "--lang=fr", "--json", "--n=5")
    content = json.loads(out.splitlines()[-1])
    assert code == 0 and len(content["codepoints"]) == 5
    assert "1F6CD" in content["codepoints"] and "FE0F" not in out
    result = content["themes"][0]["results"][0]
    assert set(result) == {"codepoints", "emoji", "names", "score", "uses", "avoid", "meanings"}
    assert 1 <= len(result["uses"]) <= 3 and set(result["uses"][0]) == {
        "channel",
        "tone",
        "en",
        "fr",
    }


def test_brief_then_search_twice_gives_the_same_bytes(campaign, tmp_path):
    text = "lancement d'une application de livraison de pizzas"
    code, out, _ = campaign(
        "brief", text, f"--dir={tmp_path}", "--lang=fr", "--start=1/7/2026", "--avoid=🍕"
    )
    assert code == 0 and "supposé : thèmes" in out
    assert "start: '2026-07-01'" in (tmp_path / folder.BRIEF).read_text()
    written = []
    for _ in range(2):
        assert campaign("search", f"--dir={tmp_path}", "--lang=fr")[0] == 0
        written.append((tmp_path / folder.SEARCH).read_bytes())
    assert written[0] == written[1]
    content = json.loads(written[0])
    assert {t["theme"] for t in content["themes"]} >= {"pizza"}
    suggested_now = {r["codepoints"] for t in content["themes"] for r in t["results"]}
    withheld = {w["codepoints"]: w["reason"]["fr"] for w in content["not_suggested"]}
    assert "1F355" not in suggested_now and "évite" in withheld["1F355"]


def test_emoji_of_words_that_nobody_knows_are_called_a_guess(campaign):
    code, out, _ = campaign("search", "--text=zzkwqx vrtplm", "--lang=fr", "--n=3")
    assert code == 0 and "'zzkwqx vrtplm' : aucun mot n'en est connu" in out
    for text, understood in (("zzkwqx vrtplm", False), ("zzkwqx pizza", True), ("pizzza", True)):
        _, out, _ = campaign("search", f"--text={text}", "--lang=en", "--json")
        assert json.loads(out.splitlines()[-1])["themes"][0]["understood"] == understood, text
    assert "no word of it is known" not in campaign("search", "--text=zzkwqx pizza")[1]


@pytest.mark.parametrize(
    ("text", "emoji", "suggested"),
    [
        ("recette d'aubergine", "1F346", True),
        ("plante violette", "1F346", False),
        ("pizza italienne", "1F1EE-1F1F9", False),
        ("14 juillet", "1F1EB-1F1F7", True),
        ("repas du soir pendant le ramadan", "1F377", False),
        ("dégustation de vins", "1F377", True),
        ("halloween", "26B0", True),
    ],
)
def test_what_is_not_suggested_depends_on_the_text(campaign, text, emoji, suggested):
    _, out, _ = campaign("search", f"--text={text}", "--lang=fr", "--json", "--n=40")
    content = json.loads(out.splitlines()[-1])
    assert (emoji in content["codepoints"]) == suggested
    for withheld in content["not_suggested"]:
        assert withheld["codepoints"] not in content["codepoints"] and withheld["reason"]["fr"]


def test_the_page_has_uses_and_cautions_in_the_users_language(campaign):
    code, out, _ = campaign("search", "--text=birthday", "--lang=en")
    assert code == 0 and "birthday cake" in out and "avoid: " in out
    assert "à éviter : " in campaign("search", "--text=anniversaire", "--lang=fr")[1]


@pytest.mark.parametrize("emoji", "📓📐🖍🔎📄🩴🩸🔟🕥")
def test_the_uses_of_a_common_emoji_are_texts_for_a_channel(campaign, emoji):
    for language, code in (("fr", "name_fr"), ("en", "name_en")):
        name = getattr(emoji_names.lookup(f"{ord(emoji):X}"), code)
        _, out, _ = campaign("search", f"--text={name}", f"--lang={language}", "--json", "--n=20")
        results = json.loads(out.splitlines()[-1])["themes"][0]["results"]
        uses = next(r["uses"] for r in results if r["codepoints"] == f"{ord(emoji):X}")
        assert len(uses) == 3
        for use in uses:
            assert use["channel"] and use["tone"] and use[language].casefold() != name


def test_the_genders_of_a_profession_have_the_same_uses(campaign):
    _, out, _ = campaign("search", "--text=agriculteur", "--lang=fr", "--json", "--n=3")
    results = json.loads(out.splitlines()[-1])["themes"][0]["results"]
    farmer = next(r for r in results if r["codepoints"].endswith("-200D-1F33E"))
    of_another = [u.fr for u in emoji_usage.uses() if u.codepoints == "1F468-200D-1F33E"]
    assert farmer["codepoints"] != "1F468-200D-1F33E"
    assert sorted(u["fr"] for u in farmer["uses"]) == sorted(of_another)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("search", "--text= "), "--text is empty"),
        (("search", "--text=a", "--n=0"), "--n=0: from 1 to 100"),
        (("search", "--dir=nowhere"), "brief.yaml is missing"),
        (("brief",), "write what the campaign is about"),
        (("brief", "sale", "--start=31/02/2026"), "is no day"),
        (("brief", "sale", "--start=2026-03-02", "--end=2026-03-01"), "is before start"),
        (("brief", "sale", "--segment=:x"), "write NAME:WORDS"),
    ],
)
def test_mistakes_are_one_line(campaign, tmp_path, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    code, _, err = campaign(*arguments, "--lang=en")
    assert code == 2 and line in err and len(err.splitlines()) == 1
    assert not (tmp_path / folder.BRIEF).exists()


def test_a_text_in_another_language_is_warned_of(campaign, tmp_path):
    text = "Sommerschlussverkauf bei Gartenmöbeln"
    _, out, _ = campaign("brief", text, f"--dir={tmp_path}", "--lang=en")
    assert "neither English nor French" in out


def test_an_emoji_that_nobody_has_examined_is_not_called_harmless(campaign):
    _, out, _ = campaign("search", "--text=drapeau de la Belgique", "--n=20", "--json")
    results = json.loads(out.splitlines()[-1])["themes"][0]["results"]
    examined = emoji_usage.cautions().keys()
    assert {r["avoid"] is None for r in results} == {True, False}
    for r in results:
        assert (r["avoid"] is None) == (r["meanings"] is None) == (r["codepoints"] not in examined)
        assert r["avoid"] is None or (r["avoid"]["en"] and r["avoid"]["fr"])
    _, out, _ = campaign("search", "--text=drapeau de la Belgique", "--n=20", "--lang=fr")
    assert out.count("à éviter : personne n'a écrit") == sum(r["avoid"] is None for r in results)
