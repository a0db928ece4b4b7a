"""Measures what a captioner writes: the right emoji, new texts, variety, spelling, speed.

    python -m benchmarks.tasks.caption_quality --model=runs/caption --out=FOLDER
    python -m benchmarks.tasks.caption_quality --model=runs/a --model=runs/b --out=FOLDER

Of OpenMoji's held-out emoji, which no captioner of the training split saw in any style, of as many
that the shipped one-step model draws when it is asked for emoji of the training split, and of every
tenth of these emoji themselves, of which it has read what to write (`trained on`). The shipped
captioner has seen them all, so that it takes a twin. The rows of each language and kind of text:

  top-1, top-5  fraction whose emoji is nearest, or of the nearest five, of the 1,914 of the first
                encoder by the vector of the text alone; the captioner reads pictures by the second
  first, drawn  of the best of five texts by the captioner's order, at temperature 0.5, or of a text
                that is drawn
  new           fraction of texts that stand nowhere among those that were trained on
  dist-1, -2    distinct words, and pairs of words, as fractions of all
  spelling      fraction of words that a dictionary of the language or the texts trained on have

Beside it the texts that people wrote of these emoji (`written`), and those of the training picture
whose vector is nearest (`nearest`). FOLDER gets captions.md, captions.json and examples.txt.
"""

import argparse
import dataclasses
import itertools
import json
import pathlib
import re
import time
from collections.abc import Sequence

import ml_collections
import numpy as np

from emoji_gan import errors
from emoji_gan.encoder import encoder
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.captioner import Captioner
from emoji_gan.trained.sampler import Sampler
from input_pipeline import dataset
from input_pipeline.unicode import captions as texts_lib
from input_pipeline.unicode import emoji_names
from input_pipeline.unicode.captions import KINDS, LANGUAGES

GENERATOR = pathlib.Path(__file__).parents[2] / "models" / "onestep_32.safetensors"
TEMPERATURES = (0.3, 0.5, 0.7, 1.0)
DEFAULT_TEMPERATURE = 0.5
TEXTS = 5  # of a picture
_WORD = re.compile(r"[^\W\d_]+")
_COLUMNS = ("texts", "top1", "top5", "new", "dist1", "dist2", "spelling")


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Holds pictures and the emoji that they show, or were asked to.

    Attributes:
      images: uint8 [n h h 4], straight alpha.
      codepoints: n keys of the Unicode list.
    """

    images: np.ndarray
    codepoints: tuple[str, ...]


class Judge:
    """Finds the emoji of texts by the first encoder's phrases, which no captioner looks through.

    Attributes:
      codepoints: of its classes.
    """

    def __init__(self) -> None:
        self._params, meta = encoder.load()
        self.codepoints: list[str] = meta["codepoints"]
        self._encode = encoder.PhraseEncoder()
        self._number = {code: i for i, code in enumerate(self.codepoints)}

    def ranks(self, texts: Sequence[str], codepoints: Sequence[str]) -> np.ndarray:
        """Returns how many emoji are nearer to each text than its own, int [n]."""
        similarity = self._encode(list(texts)) @ np.asarray(self._params["classes"]).T
        own = np.array([self._number[code] for code in codepoints])
        right = np.take_along_axis(similarity, own[:, None], 1)
        return (similarity > right).sum(1)


class Corpus:
    """Holds the texts of the training split, and the words that are spelled right.

    Args:
      codepoints: emoji of the training split.
    """

    def __init__(self, codepoints: Sequence[str]) -> None:
        from spellchecker import SpellChecker

        own = [text for code in codepoints for text in texts_lib.of_emoji(code)]
        self.texts = {_plain(text.text) for text in own}
        self._words = {
            language: {
                word
                for text in own
                if text.language == language
                for word in _WORD.findall(text.text.lower())
            }
            for language in LANGUAGES
        }
        self._dictionaries = {language: SpellChecker(language) for language in LANGUAGES}

    def figures(self, texts: Sequence[str], ranks: np.ndarray, language: str) -> dict[str, float]:
        """Returns the columns of the table for texts of one language."""
        words = [_WORD.findall(text.lower()) for text in texts]
        every = [word for of_text in words for word in of_text]
        pairs = [pair for w in words for pair in itertools.pairwise(w)]
        right = self._words[language]
        unknown = self._dictionaries[language].unknown(set(every) - right)
        return {
            "texts": len(texts),
            "top1": float((ranks < 1).mean()),
            "top5": float((ranks < 5).mean()),
            "new": float(np.mean([_plain(text) not in self.texts for text in texts])),
            "dist1": len(set(every)) / max(len(every), 1),
            "dist2": len(set(pairs)) / max(len(pairs), 1),
            "spelling": 1 - sum(word in unknown for word in every) / max(len(every), 1),
        }


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


# ---- pictures ------------------------------------------------------------------------------------


def _openmoji(captioner: Captioner) -> ml_collections.ConfigDict:
    """Returns the model's data, of OpenMoji in colour alone."""
    config = ml_collections.ConfigDict(captioner.config.data.to_dict())
    config.sources, config.domains = ("openmoji",), ("full",)
    return config


def held_out(captioner: Captioner, codes_of_encoder: Sequence[str]) -> Pictures:
    """Returns OpenMoji's coloured held-out emoji among those that the judge knows."""
    config = _openmoji(captioner)
    parts = [dataset.load(config, split) for split in ("validation", "test")]
    codepoints = [code for part in parts for code in part.columns["codepoints"].tolist()]
    images = np.concatenate([part.images for part in parts])
    kept = [i for i, code in enumerate(codepoints) if code in set(codes_of_encoder)]
    return Pictures(images[kept], tuple(codepoints[i] for i in kept))


def every_tenth(train: dataset.EmojiData, codes_of_encoder: Sequence[str]) -> Pictures:
    """Returns every tenth of the emoji of the training split that the judge knows."""
    codepoints = train.columns["codepoints"].tolist()
    rows = [i for i, code in enumerate(codepoints) if code in set(codes_of_encoder)][::10]
    return Pictures(train.images[rows], tuple(codepoints[i] for i in rows))


def generated(train: dataset.EmojiData, codes_of_encoder: Sequence[str], count: int) -> Pictures:
    """Draws emoji of the training split, asked for by their English names, by the shipped model."""
    codes = sorted(set(train.columns["codepoints"].tolist()) & set(codes_of_encoder))
    some = [codes[i] for i in np.linspace(0, len(codes) - 1, count).astype(int)]
    sampler = Sampler(str(GENERATOR))
    phrases = encoder.PhraseEncoder()([emoji_names.lookup(code).name_en for code in some])
    condition = sampler.spec.none(count) | {"text": phrases}
    condition["style"] = np.full(count, _colour_style(sampler), np.int32)
    return Pictures(sampler(range(count), condition, 0.7), tuple(some))


def _colour_style(sampler: Sampler) -> int:
    return dict(sampler.spec.classes)["style"].index("openmoji")


# ---- what is measured ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Measures texts of some pictures, one row of the table after the other.

    Attributes:
      judge: finds emoji of texts.
      corpus: of the training split.
      pictures: that are described.
      rows: figures, with `of`, `way`, `language`, `kind`, `temperature` and `which`.
      of: what the pictures are.
    """

    judge: Judge
    corpus: Corpus
    pictures: Pictures
    rows: list[dict[str, object]]
    of: str

    def add(
        self, texts: Sequence[str], codepoints: Sequence[str], language: str, **names: object
    ) -> None:
        """Adds a row of texts and the emoji that each is of."""
        if not len(texts):
            return
        ranks = self.judge.ranks(texts, codepoints)
        figures = self.corpus.figures(texts, ranks, language)
        self.rows.append({"of": self.of, "language": language, **names, **figures})

    def add_model(self, name: str, captioner: Captioner, temperatures: Sequence[float]) -> None:
        """Adds the rows of a captioner, in all languages, kinds and at all temperatures."""
        codes = self.pictures.codepoints
        for language, kind, temperature in itertools.product(LANGUAGES, KINDS, temperatures):
            request = {"language": language, "kind": kind, "temperature": temperature}
            if temperature == DEFAULT_TEMPERATURE:
                texts = captioner(self.pictures.images, **request, count=TEXTS)
                kept = [(t[0].text, code) for t, code in zip(texts, codes, strict=True) if t]
                self.add(
                    [t for t, _ in kept], [c for _, c in kept], **request, way=name, which="first"
                )
            features = captioner.features(self.pictures.images)
            drawn = captioner.candidates(features, np.zeros(len(codes), int), **request, seed=1)
            kept = [(c.text, code) for c, code in zip(drawn, codes, strict=True) if c.text]
            self.add([t for t, _ in kept], [c for _, c in kept], **request, way=name, which="drawn")

    def add_written(self, train: dataset.EmojiData, captioner: Captioner) -> None:
        """Adds what people wrote of these emoji, and of the nearest training picture."""
        of_training = captioner.features(train.images)
        of_training /= np.linalg.norm(of_training, axis=1, keepdims=True)
        own = captioner.features(self.pictures.images)
        nearest = train.columns["codepoints"][np.argmax(own @ of_training.T, 1)].tolist()
        for way, codes in (("written", self.pictures.codepoints), ("nearest", nearest)):
            for language, kind in itertools.product(LANGUAGES, KINDS):
                pairs = [
                    (texts[0], right)
                    for code, right in zip(codes, self.pictures.codepoints, strict=True)
                    if (texts := _written(code, language, kind))
                ]
                texts, right = [p[0] for p in pairs], [p[1] for p in pairs]
                request = {"language": language, "kind": kind, "temperature": ""}
                self.add(texts, right, **request, way=way, which="first")


def _written(codepoints: str, language: str, kind: str) -> list[str]:
    return [
        text.text
        for text in texts_lib.of_emoji(codepoints)
        if (text.language, text.kind) == (language, kind)
    ]


def texts_a_second(captioner: Captioner, count: int = 640) -> float:
    """Returns how many texts in context a second of processor time draws, pictures read before."""
    features = np.repeat(captioner.features([np.full((32, 32, 4), 255, np.uint8)]), count, 0)
    numbers = np.arange(count)
    request = {"language": "fr", "kind": "context", "temperature": DEFAULT_TEMPERATURE}
    captioner.candidates(features[:64], numbers[:64], **request, seed=0)  # compiles
    start = time.process_time()
    captioner.candidates(features, numbers, **request, seed=1)
    return count / (time.process_time() - start)


# ---- what is written -----------------------------------------------------------------------------


def table(rows: Sequence[dict[str, object]]) -> str:
    """Formats rows as a Markdown table."""
    names = ("of", "way", "language", "kind", "temperature", "which")
    lines = [f"| {' | '.join((*names, *_COLUMNS))} |", "|---" * (len(names) + len(_COLUMNS)) + "|"]
    for row in rows:
        cells = [str(row[name]) for name in names] + [str(row["texts"])]
        cells += [f"{100 * float(row[column]):.0f}" for column in _COLUMNS[1:]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def examples(captioner: Captioner, pictures: Pictures, count: int = 10) -> str:
    """Writes what is said of some pictures, spread evenly over them: nothing is chosen."""
    rows = np.linspace(0, len(pictures.images) - 1, count).astype(int)
    lines = []
    for language, kind in itertools.product(LANGUAGES, KINDS):
        texts = captioner(pictures.images[rows], language=language, kind=kind, count=2)
        for row, of_one in zip(rows, texts, strict=True):
            meta = emoji_names.lookup(pictures.codepoints[row])
            lines_of = " / ".join(caption.text for caption in of_one)
            lines.append(f"{language} {kind:9} {meta.name_en:30} {lines_of}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--model", action="append", type=paths.local, required=True, help="may be repeated"
    )
    p.add_argument("--n", type=int, help="pictures of either sort; default: all held out")
    p.add_argument(
        "--temperatures", default=",".join(map(str, TEMPERATURES)), help="of the curve, by commas"
    )
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    workdir.make_folder(a.out)  # before anything is measured
    temperatures = [float(value) for value in a.temperatures.split(",")]
    captioners = {model: Captioner(model) for model in a.model}
    first = next(iter(captioners.values()))
    judge, train = Judge(), dataset.load(_openmoji(first))
    unseen = held_out(first, judge.codepoints)
    kept = np.linspace(0, len(unseen.images) - 1, a.n or len(unseen.images)).astype(int)
    unseen = Pictures(unseen.images[kept], tuple(unseen.codepoints[i] for i in kept))
    drawn = generated(train, judge.codepoints, len(unseen.images))
    seen = every_tenth(train, judge.codepoints)
    corpus, rows = Corpus(sorted(set(train.columns["codepoints"].tolist()))), []
    for of, pictures in (("held out", unseen), ("generated", drawn), ("trained on", seen)):
        measurement = Measurement(judge, corpus, pictures, rows, of)
        measurement.add_written(train, first)
        for name, captioner in captioners.items():
            measurement.add_model(pathlib.Path(name).stem, captioner, temperatures)
    speeds = {name: texts_a_second(captioner) for name, captioner in captioners.items()}
    text, out = table(rows), pathlib.Path(a.out)
    print(text, *(f"{name}: {speed:.0f} texts/s of a core" for name, speed in speeds.items()))
    lines_of = "".join(
        f"{name}, {of}\n{examples(captioner, pictures)}\n"
        for name, captioner in captioners.items()
        for of, pictures in (("held out", unseen), ("generated", drawn))
    )
    workdir.write_atomic(out / "captions.md", text.encode())
    workdir.write_atomic(out / "examples.txt", lines_of.encode())
    whole = json.dumps({"rows": rows, "texts_per_core_second": speeds}, indent=1)
    workdir.write_atomic(out / "captions.json", whole.encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
