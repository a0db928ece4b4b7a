"""Measures the search for emoji: briefs, held-out uses, queries a second, signal by signal.

    OMP_NUM_THREADS=1 python -m benchmarks.campaign.retrieval [--misses]

Briefs are `briefs.tsv`, five expected emoji each; the weights of the signals were chosen on every
other one (`tuned`), the others (`fresh`) had no part in it. Uses are of the third of
`input_pipeline/contexts/uses.tsv` that the index does not have: is the emoji of a text among the
first ten? Weights were chosen on the first 300 of them, too; the others are measured. Queries a
second are of processor time, on one core.
"""

import argparse
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from campaign.search import ranking, sentence_vectors, terms, word_vectors
from campaign.search.ranking import Ranker
from emoji_gan import errors
from input_pipeline.contexts import emoji_usage

_BRIEFS = pathlib.Path(__file__).parent / "briefs.tsv"
_FIRST = 10  # suggestions that count
_TUNED_USES = 300  # held-out uses on which weights were chosen
_LEXICAL = ("names", "uses", "themes")


def briefs() -> list[tuple[dict[str, str], frozenset[str]]]:
    """Returns the briefs: their text by language, and the code points expected."""
    rows = (line.split("\t") for line in _BRIEFS.read_text(encoding="utf-8").splitlines())
    return [
        ({"en": english, "fr": french}, frozenset(map(emoji_usage.codepoints_of, emoji.split())))
        for english, french, emoji in rows
    ]


def recalls(
    ranker: Ranker,
    cases: Sequence[tuple[str, frozenset[str]]],
    language: str,
    *,
    weights: dict[str, float],
) -> list[float]:
    """Returns the share of each case's expected emoji that stand in the first ten."""
    out = []
    for text, expected in cases:
        ranked = ranker.rank(ranker.read(text, language), _FIRST, weights=weights)
        out.append(len(expected & {r.entry.meta.codepoints for r in ranked}) / len(expected))
    return out


def _rankers() -> dict[str, tuple[Ranker, tuple[str, ...]]]:
    """Returns name of a row -> a ranker without the held-out uses, and the signals that count."""
    uses = [u for u in emoji_usage.uses() if not u.held_out]
    words, encoder = word_vectors.shipped(), sentence_vectors.encoder()
    lexical = Ranker(uses)
    static = Ranker(uses, words) if words else None
    rows = {
        "names and keywords (CLDR)": (lexical, ("names",)),
        "uses": (lexical, ("uses",)),
        "themes": (lexical, ("themes",)),
        "lexical: these three": (lexical, _LEXICAL),
    }
    if static:
        rows["word vectors alone"] = (static, ("static",))
        rows["lexical and word vectors (default)"] = (static, (*_LEXICAL, "static"))
    if encoder and sentence_vectors.shipped():
        dense = Ranker(uses, words, encoder)
        rows["sentence encoder alone"] = (dense, ("dense",))
        rows["all, with requirements-search.txt"] = (dense, ranking.SIGNALS)
    return rows


def _speed(ranker: Ranker, weights: dict[str, float]) -> float:
    queries = [text for texts, _ in briefs() for text in texts.values()]
    for query in queries[:10]:
        ranker.rank(ranker.read(query), _FIRST, weights=weights)
    start = time.process_time()
    for query in queries:
        ranker.rank(ranker.read(query), _FIRST, weights=weights)
    return len(queries) / (time.process_time() - start)


def main() -> int:
    """Prints the table."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--misses", action="store_true", help="print the tuned briefs that miss all")
    a = p.parse_args()
    held_out = [u for u in emoji_usage.uses() if u.held_out][_TUNED_USES:]
    print(f"{len(briefs())} briefs, {len(held_out)} held-out uses; English / French")
    print("| signals | hit@10 tuned | fresh | recall@10 tuned | fresh | uses | queries/s |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, (ranker, signals) in _rankers().items():
        weights = {s: ranking.WEIGHTS[s] for s in signals}
        cells: list[list[str]] = [[], [], [], [], []]
        for x in terms.LANGUAGES:
            cases = [(texts[x], expected) for texts, expected in briefs()]
            of_briefs = np.array(recalls(ranker, cases, x, weights=weights))
            pairs = [(u.text(x), frozenset([u.codepoints])) for u in held_out]
            of_uses = np.array(recalls(ranker, pairs, x, weights=weights))
            for column, part in enumerate((of_briefs[::2], of_briefs[1::2])):
                cells[column].append(f"{np.mean(part > 0):.2f}")
                cells[2 + column].append(f"{np.mean(part):.2f}")
            cells[4].append(f"{np.mean(of_uses):.2f}")
            if a.misses:
                missed = [c[0] for c, r in zip(cases[::2], of_briefs[::2], strict=True) if not r]
                print(f"{name} ({x}) misses: {missed}")
        row = " | ".join(" / ".join(of_column) for of_column in cells)
        print(f"| {name} | {row} | {_speed(ranker, weights):,.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    errors.run(main)
