"""Help in the user's language, from the list of verbs to the last flag."""

import re

import pytest

from campaign import introductions, verbs

_SLOW = ("refine",)  # brings the trainer
_VERBS = [pytest.param(v, marks=[pytest.mark.slow] * (v in _SLOW)) for v in verbs.MODULES]


def test_the_program_introduces_itself_in_french(run, monkeypatch):
    code, out, _ = run("--help", "--lang=fr")
    assert code == 0 and out.startswith("usage : python -m campaign COMMANDE [options]\n")
    assert "Mène une campagne avec des emoji" in out and "commandes :" in out
    assert not re.search(r"\b(show|usage:|positional|the)\b", out)
    assert run("--help")[1].startswith("usage: python -m campaign COMMAND [options]\n")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run("--help")[1] == out


@pytest.mark.parametrize("verb", _VERBS)
def test_each_verb_introduces_itself_and_every_flag_in_both_languages(run, verb):
    pages = {lang: run(verb, "--help", f"--lang={lang}")[1] for lang in ("en", "fr")}
    for (lang, page), text in zip(pages.items(), introductions.INTRODUCTIONS[verb], strict=True):
        assert text.rstrip() in page, lang
        flags = re.split(r"\n  (?=--|-h)", page)[1:]
        bare = [x for x in flags if len(re.sub(r"\s+", " ", x).split("  ")[0].split()) < 3]
        assert flags and not bare, (lang, bare)
    assert "dossier" in pages["fr"] and "folder" in pages["en"]
    assert not re.search(r"\b(show|options:|default|needed|folder)\b", pages["fr"])


def test_a_missing_flag_is_said_in_french(run):
    assert "il manque : --baseline" in run("plan", "--lang=fr")[2]


def test_a_mistake_names_the_help_of_its_verb(run):
    _, _, err = run("plan", "--looks=2,5", "--lang=fr")
    assert "(voir python -m campaign plan --help)" in err


def test_the_nearest_flag_of_the_verb_is_suggested(run):
    code, _, err = run("propose", "--per-theme=3", "--lang=fr")
    assert code == 2 and err.count("\n") == 1
    assert "options inconnues : --per-theme=3 ; est-ce --per_theme ?" in err
    assert "unrecognized arguments: x" in run("pick", "x", "--best=1")[2]
