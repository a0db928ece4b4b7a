"""Themes, uses and cautions: every line is whole, and what is held out is a third."""

import collections

from input_pipeline.contexts import emoji_usage
from input_pipeline.unicode import emoji_names


def test_themes_are_whole():
    themes = emoji_usage.themes()
    assert len(themes) >= 350
    assert len({t.key for t in themes}) == len(themes)
    for t in themes:
        assert 8 <= len(t.emoji) <= 12 and len(set(t.emoji)) == len(t.emoji), t.key
        assert all(emoji_names.lookup(c).base == c for c in t.emoji), t.key
        for phrases in (t.phrases("en"), t.phrases("fr")):
            assert len(phrases) >= 2 or len(t.phrases_en + t.phrases_fr) >= 3, t.key
            assert all(p == p.strip() and p for p in phrases), t.key
            assert len(set(phrases)) == len(phrases), t.key


def test_uses_are_whole():
    uses = emoji_usage.uses()
    by_emoji = collections.defaultdict(list)
    for u in uses:
        assert u.channel in emoji_usage.CHANNELS and u.tone in emoji_usage.TONES, u
        assert u.en.strip() == u.en and u.fr.strip() == u.fr and u.en and u.fr, u
        by_emoji[u.codepoints].append(u.channel)
    assert len(by_emoji) > 300
    assert {len(channels) for channels in by_emoji.values()} == {3}
    assert len({u.en for u in uses}) == len({u.fr for u in uses}) == len(uses)


def test_every_emoji_in_use_has_a_caution_in_both_languages():
    cautions = emoji_usage.cautions()
    assert {u.codepoints for u in emoji_usage.uses()} == cautions.keys()
    for c in cautions.values():
        assert all((c.avoid_en, c.avoid_fr, c.meanings_en, c.meanings_fr)), c


def test_a_third_of_the_uses_is_held_out_by_their_english_text():
    uses = emoji_usage.uses()
    ratio = sum(u.held_out for u in uses) / len(uses)
    assert 0.28 < ratio < 0.39
    use = uses[0]
    moved = emoji_usage.Use("2764", "web", "warm", use.en, "autre texte")
    assert moved.held_out == use.held_out
