"""Tests the list of typed phrases and how it is counted."""

from benchmarks.tasks import typed_phrases
from input_pipeline.unicode import emoji_names


def test_every_acceptable_emoji_is_one():
    rows = typed_phrases.read()
    assert len({(r["language"], r["phrase"]) for r in rows}) == len(rows) > 100
    for row in rows:
        emoji = row["acceptable emoji"].split()
        assert bool(emoji) == (row["kind"] != "nothing"), row
        for each in emoji:
            codepoints = "-".join(f"{ord(c):X}" for c in each)
            assert emoji_names.normalise(codepoints), (row["phrase"], each)


def test_counts_hits_and_refusals():
    rows = [
        {"language": "fr", "kind": "plain", "phrase": "fusée", "acceptable emoji": "🚀"},
        {"language": "fr", "kind": "plain", "phrase": "chien", "acceptable emoji": "🚀"},
        {"language": "en", "kind": "nothing", "phrase": "xqzvw", "acceptable emoji": ""},
    ]
    counts = typed_phrases.measure(rows, says_language=True)
    assert counts["fr plain"] == counts["all that name emoji"]
    assert counts["fr plain"] == {
        "phrases": 2,
        "refused": 0,
        "typed top-1": 1,
        "typed top-5": 1,
        "understood top-1": 1,
        "understood top-5": 1,
    }
    assert counts["en nothing"]["refused"] == 1
