"""Makes the vectors that the search ships, from the encoder of requirements-search.txt.

    OMP_NUM_THREADS=1 python -m campaign.search.vectors --out=campaign/search/data

Takes about ten minutes of one core. `word_vectors.safetensors` has the words of CLDR, the themes
and the uses (but those held out), and `common_words.txt`: single pieces of the encoder's tokenizer
that stand in two lists of words (`an-array-of-english-words`, `an-array-of-french-words`, both
MIT). `sentence_vectors.safetensors` has a vector for each emoji and each theme.
"""

import argparse
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from safetensors import numpy as safetensors

from campaign.search import catalogue, sentence_vectors, terms, word_vectors
from campaign.search.ranking import phrases
from emoji_gan import errors
from emoji_gan.encoder import text_features, understanding
from emoji_gan.runtime import workdir
from input_pipeline.contexts import emoji_usage

_DIMENSIONS = 128
_COMMON = pathlib.Path(__file__).parent / "data" / "common_words.txt"
_COMMON_RANK = 3000  # words more common than this count less
_STOP, _GENERIC = 0.1, 0.4  # what words with no or little subject count
_BATCH = 200
_PASSAGE_PHRASES = 4  # name and keywords, of each language
_PASSAGE_THEMES = 2

Encode = Callable[[list[str]], np.ndarray]


def word_list() -> list[str]:
    """Returns the words of the table, one for each folded spelling, with accents."""
    texts = [p for e in catalogue.entries() for x in terms.LANGUAGES for p in phrases(e.meta, x)]
    texts += [p for t in emoji_usage.themes() for x in terms.LANGUAGES for p in t.phrases(x)]
    texts += [p for x in terms.LANGUAGES for p, _ in understanding.everyday_phrases(x)]
    texts += [u.text(x) for u in emoji_usage.uses() if not u.held_out for x in terms.LANGUAGES]
    words = dict.fromkeys(w for text in texts for w in terms.words(text) if len(w) > 1)
    words |= dict.fromkeys(_COMMON.read_text(encoding="utf-8").split())
    spelled: dict[str, str] = {}
    for word in words:
        spelled.setdefault(text_features.fold(word), word)
    return list(spelled.values())


def word_table(words: Sequence[str], encode: Encode) -> dict[str, np.ndarray]:
    """Returns words, int8 vectors [n 128] (unit rows of principal components) and scales."""
    raw = np.asarray(encode(list(words)), np.float64)
    centred = raw - raw.mean(0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    rows = centred @ components[:_DIMENSIONS].T
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    steps = np.abs(rows).max(1) / 127
    rank = {w: i for i, w in enumerate(_COMMON.read_text(encoding="utf-8").split())}
    weights = np.array([_weight(word, rank) for word in words])
    folded = "\n".join(text_features.fold(word) for word in words)
    return {
        "words": np.frombuffer(folded.encode(), np.uint8),
        "vectors": np.round(rows / steps[:, None]).astype(np.int8),
        "scales": (steps * weights).astype(np.float32),
    }


def emoji_vectors(table: word_vectors.WordVectors) -> np.ndarray:
    """Returns the mean vector of what each emoji is called, f16 [n 128]; its names count twice."""
    called = [
        [p for x in terms.LANGUAGES for p in (phrases(e.meta, x)[0], *phrases(e.meta, x))]
        for e in catalogue.entries()
    ]
    return np.stack([table.mean(of_one) for of_one in called]).astype(np.float16)


def passages() -> list[str]:
    """Returns a text for each emoji: its names, some keywords and themes, in both languages."""
    themes_of: dict[str, list[str]] = {}
    for theme in emoji_usage.themes():
        for codepoints in theme.emoji[:5]:
            themes_of.setdefault(codepoints, []).extend((theme.phrases_en[0], theme.phrases_fr[0]))
    return [
        ", ".join(
            dict.fromkeys(
                [
                    *phrases(e.meta, "en")[:_PASSAGE_PHRASES],
                    *phrases(e.meta, "fr")[:_PASSAGE_PHRASES],
                    *themes_of.get(e.meta.codepoints, [])[: 2 * _PASSAGE_THEMES],
                ]
            )
        )
        for e in catalogue.entries()
    ]


def theme_passages() -> list[str]:
    """Returns a text for each theme: how both languages name it."""
    return [", ".join((*t.phrases_en, *t.phrases_fr)) for t in emoji_usage.themes()]


def _weight(word: str, rank: dict[str, int]) -> float:
    weight = min(1.0, (1 + rank.get(word, _COMMON_RANK)) / _COMMON_RANK) ** 0.5
    if any(terms.is_stop_word(word, x) for x in terms.LANGUAGES):
        return _STOP * weight
    return _GENERIC * weight if terms.is_generic(word) else weight


def _batched(encode: Encode, texts: list[str], what: str) -> np.ndarray:
    parts = []
    for start in range(0, len(texts), _BATCH):
        parts.append(np.asarray(encode(texts[start : start + _BATCH]), np.float32))
        print(f"{what}: {min(start + _BATCH, len(texts))} of {len(texts)}", flush=True)
    return np.concatenate(parts)


def main() -> int:
    """Writes both files."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True, help="folder")
    a = p.parse_args()
    encoder = sentence_vectors.encoder()
    if encoder is None:
        raise errors.UserError("the encoder is missing: pip install -r requirements-search.txt")
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    sentences = {
        "emoji": _batched(encoder.passage, passages(), "emoji"),
        "themes": _batched(encoder.passage, theme_passages(), "themes"),
    }
    tensors = {name: x.astype(np.float16) for name, x in sentences.items()}
    workdir.write_atomic(out / "sentence_vectors.safetensors", safetensors.save(tensors))
    words = word_list()
    table = word_table(words, lambda x: _batched(encoder.query, x, "words"))
    table["emoji"] = emoji_vectors(word_vectors.table(table))
    workdir.write_atomic(out / "word_vectors.safetensors", safetensors.save(table))
    return 0


if __name__ == "__main__":
    errors.run(main)
