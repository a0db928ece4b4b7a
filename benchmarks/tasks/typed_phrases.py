"""Measures what typed phrases become: as they stand, and after they were understood.

    python -m benchmarks.tasks.typed_phrases [--lang] [--json=FILE]

Each phrase of typed_phrases.tsv names the emoji that somebody who typed it would accept. A phrase
counts where the emoji nearest to its vector, by the vectors of the emoji's English and French
names, is one of these. Phrases of the kind `nothing` name no emoji: they are to be refused.
"""

import argparse
import collections
import csv
import json
import pathlib

import numpy as np

from emoji_gan.encoder import understanding
from emoji_gan.encoder.encoder import PhraseEncoder
from emoji_gan.errors import UserError, run
from emoji_gan.runtime import paths
from input_pipeline.unicode import emoji_names

PHRASES = pathlib.Path(__file__).with_suffix(".tsv")
TOP = 5
COLUMNS = (
    "phrases",
    "refused",
    "typed top-1",
    "understood top-1",
    "typed top-5",
    "understood top-5",
)
_NO_EMOJI, _ALL = "nothing", "all that name emoji"


def read(file: pathlib.Path = PHRASES) -> list[dict[str, str]]:
    """Reads the phrases, a dict of the header's names each."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def nearest_emoji(encode: PhraseEncoder, phrases: list[str]) -> list[list[str]]:
    """Returns the code points of the `TOP` emoji nearest to each phrase, the nearest first."""
    every = (emoji_names.lookup(c) for c in emoji_names.every())
    candidates = [m for m in every if not m.tones and m.name_fr]
    vectors = encode([m.name_en for m in candidates]) + encode([m.name_fr for m in candidates])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(encode(phrases) @ vectors.T), axis=1, kind="stable")[:, :TOP]
    return [[candidates[i].codepoints for i in row] for row in order]


def understood(phrase: str, language: str | None) -> str | None:
    """Returns the phrase in understood words; None where it is refused."""
    try:
        return understanding.understand(phrase, language).phrase
    except UserError:
        return None


def measure(rows: list[dict[str, str]], says_language: bool) -> dict[str, collections.Counter]:
    """Counts hits and refusals of the phrases as typed and as understood.

    Args:
      rows: as `read` returns them.
      says_language: whether each phrase is understood in its own language, as `--lang` asks for.

    Returns:
      'fr plural' and so on, and 'all that name emoji' -> counts of `COLUMNS`.
    """
    encode = PhraseEncoder()
    meant = [understood(r["phrase"], r["language"] if says_language else None) for r in rows]
    before = nearest_emoji(encode, [r["phrase"] for r in rows])
    after = nearest_emoji(encode, [phrase or "" for phrase in meant])
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for row, phrase, typed, best in zip(rows, meant, before, after, strict=True):
        acceptable = {_codepoints(emoji) for emoji in row["acceptable emoji"].split()}
        names_emoji = row["kind"] != _NO_EMOJI
        hits = {
            "phrases": True,
            "refused": phrase is None,
            "typed top-1": typed[0] in acceptable,
            "typed top-5": bool(acceptable.intersection(typed)),
            "understood top-1": phrase is not None and best[0] in acceptable,
            "understood top-5": phrase is not None and bool(acceptable.intersection(best)),
        }
        for kind in (f"{row['language']} {row['kind']}", *([_ALL] if names_emoji else [])):
            counts[kind].update({name: int(hit) for name, hit in hits.items()})
    return dict(counts)


def _codepoints(emoji: str) -> str | None:
    return emoji_names.canonical("-".join(f"{ord(c):X}" for c in emoji))


def table(counts: dict[str, collections.Counter]) -> str:
    """Formats the counts as a Markdown table."""
    rows = [
        f"| {kind} | " + " | ".join(str(c[n]) for n in COLUMNS) + " |" for kind, c in counts.items()
    ]
    head = f"| kind | {' | '.join(COLUMNS)} |"
    return "\n".join([head, "|---" * (len(COLUMNS) + 1) + "|", *rows])


def main() -> None:
    """Prints the table; writes the counts as JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lang", action="store_true", help="say each phrase's language")
    parser.add_argument("--json", type=paths.local, help="a file for the counts")
    flags = parser.parse_args()
    counts = measure(read(), flags.lang)
    print(table(counts))
    if flags.json:
        pathlib.Path(flags.json).write_text(json.dumps(counts, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    run(main)
