"""Ranks sets of real, damaged and generated emoji by both emoji encoders, and compares the orders.

    python -m benchmarks.methods.two_judges --out=FOLDER --n=400

The emoji that the model was trained on are divided in two halves, as by
`benchmarks.methods.sanity_ladder`. One half is the real side; every set has --n emoji, of the other
half, of it with a damage, or of the model by several ways of sampling. FOLDER keeps what was drawn,
so that the same command goes on from there, and gets two_judges.md and two_judges.json.
"""

import argparse
import dataclasses
import io
import itertools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np
from scipy import stats

from benchmarks.methods.sanity_ladder import Damage, Ladder
from emoji_gan import errors
from emoji_gan.encoder import encoder
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import sampler as sampler_lib
from eval import generate
from eval.extractors import features, real_cache
from eval.metrics import evaluate, memorisation
from eval.metrics.sets import Estimate, SampleSet
from eval.report import condition_agreement, metric_names
from input_pipeline import dataset

JUDGES = ("emoji-encoder", "emoji-encoder-2")
FIGURES = ("fd", "kid", "precision", "recall", "density", "coverage", "memorisation_rate")
_METRICS = {
    name: evaluate.METRICS[name]
    for name in ("frechet", "kid", "precision_recall", "density_coverage")
} | {"memorisation": memorisation.evaluate}
_REAL = "real emoji"


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Says how a set is drawn by the model.

    Attributes:
      truncation: psi.
      changes: of `config.sample`; {}: as the model has it.
    """

    truncation: float
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Damaged:
    """Says how a set is made of another one.

    Attributes:
      of: the name of the other set.
      damage: of `Ladder`.
      strength: of the damage.
    """

    of: str
    damage: Damage
    strength: float


_BEST = "model, truncation 0.7"
DRAWN = {
    _BEST: Sampling(0.7),
    "model, truncation 1": Sampling(1.0),
    "model, truncation 0.7, guidance 1": Sampling(0.7, {"guidance": 1.0}),
    "model, truncation 1, guidance 1": Sampling(1.0, {"guidance": 1.0}),
    "model, truncation 0.7, 4 steps": Sampling(0.7, {"steps": 4}),
    "model, truncation 0.7, 2 steps": Sampling(0.7, {"steps": 2}),
}
DAMAGED = {
    "real emoji, blur 0.5 px": Damaged(_REAL, Ladder.blur, 0.5),
    "real emoji, blur 1 px": Damaged(_REAL, Ladder.blur, 1),
    "real emoji, blur 2 px": Damaged(_REAL, Ladder.blur, 2),
    "real emoji, alpha noise 0.15": Damaged(_REAL, Ladder.alpha_noise, 0.15),
    "real emoji, hue 45 degrees": Damaged(_REAL, Ladder.hue, 45),
    "real emoji, JPEG loss 80": Damaged(_REAL, Ladder.jpeg, 80),
    "real emoji, 50 % of the classes": Damaged(_REAL, Ladder.drop_classes, 50),
    "real emoji, 75 % duplicates": Damaged(_REAL, Ladder.repeat, 75),
    "real emoji, 50 % copies": Damaged(_REAL, Ladder.copy, 50),
    f"{_BEST}, blur 1 px": Damaged(_BEST, Ladder.blur, 1),
    f"{_BEST}, alpha noise 0.15": Damaged(_BEST, Ladder.alpha_noise, 0.15),
}

Figures = dict[str, dict[str, Estimate]]  # by set and figure


def draw(model: str, n: int, data: dataset.EmojiData, folder: pathlib.Path) -> dict[str, Any]:
    """Draws every set of DRAWN, or reads it from the folder: uint8 [n h w 4] by name."""
    _, condition = generate.conditions_like(data, n)
    sets = {}
    for name, how in DRAWN.items():
        sampler = sampler_lib.Sampler(model, changes=how.changes)
        digest = sampler.checkpoint_hash[:12]
        path = folder / f"{name.replace(', ', '-').replace(' ', '_')}-{n}-{digest}.npy"
        if not path.exists():
            print(f"drawing {name}", flush=True)
            buffer = io.BytesIO()
            np.save(buffer, generate.pictures(sampler, n, condition, how.truncation))
            workdir.write_atomic(path, buffer.getvalue())
        sets[name] = np.load(path, allow_pickle=False)
    return sets


@dataclasses.dataclass(frozen=True)
class Judged:
    """Holds what one judge says.

    Attributes:
      figures: of every set.
      guesses: int [n] by set, the class that the judge sees first in each picture.
      recognised: how often it sees the emoji that each training picture shows, and its group:
        value and interval.
    """

    figures: Figures
    guesses: dict[str, np.ndarray]
    recognised: dict[str, list[float]]


def judge(judge_name: str, data: dataset.EmojiData, drawn: Mapping[str, Any], n: int) -> Judged:
    """Judges every set by one judge.

    Args:
      judge_name: the extractor's.
      data: training emoji; the first half of them is the real side.
      drawn: uint8 [n h w 4] by name.
      n: emoji of each set.
    """
    extractor = features.Extractor(judge_name)
    ladder = Ladder(data, extractor, n)
    sets: dict[str, SampleSet] = {_REAL: ladder.start}
    seeds = tuple(f"seed {i}" for i in range(n))
    for name, images in drawn.items():
        of_images = extractor(images)
        sets[name] = SampleSet(images, of_images.features, of_images.logits, names=seeds)
    for name, how in DAMAGED.items():
        sets[name] = how.damage(ladder, sets[how.of], how.strength)
    figures = {
        name: evaluate.evaluate(ladder.real, fake, None, 0, _METRICS).estimates
        for name, fake in sets.items()
    }
    guesses = {name: fake.logits.argmax(1) for name, fake in sets.items()}
    logits = real_cache.features_of(data.images, data.content_hash, extractor).logits
    _, meta = encoder.load()  # the classes of both judges are the same
    codepoints = data.columns["base"].tolist()
    recognised = condition_agreement.recognised(logits, codepoints, meta)
    return Judged(figures, guesses, recognised)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Says how far two judges order the sets alike by one figure.

    Attributes:
      spearman: rank correlation.
      pairs: of sets.
      opposite: pairs that the judges order differently.
      clear: those of them whose intervals do not overlap by either judge.
    """

    spearman: float
    pairs: int
    opposite: list[tuple[str, str]]
    clear: list[tuple[str, str]]


def agreement(first: Figures, second: Figures, figure: str) -> Agreement:
    """Compares the orders of sets by a figure of two judges."""
    a, b = ({name: e[figure] for name, e in by.items()} for by in (first, second))
    pairs = list(itertools.combinations(a, 2))
    opposite = [
        (x, y) for x, y in pairs if (a[x].value - a[y].value) * (b[x].value - b[y].value) < 0
    ]
    clear = [(x, y) for x, y in opposite if _apart(a[x], a[y]) and _apart(b[x], b[y])]
    rho = stats.spearmanr([a[x].value for x in a], [b[x].value for x in a]).statistic
    return Agreement(float(rho), len(pairs), opposite, clear)


def _apart(x: Estimate, y: Estimate) -> bool:
    """Returns whether the intervals do not overlap; without intervals they count as overlapping."""
    if None in (x.low, x.high, y.low, y.high):
        return False
    return x.high < y.low or y.high < x.low


def table(by_judge: Mapping[str, Figures], same: Mapping[str, float]) -> str:
    """Formats the figures of every set by both judges, sorted by the first one's distance.

    Args:
      by_judge: the figures by the name of the extractor.
      same: the fraction of each set in which both judges see the same emoji first.
    """
    first, second = by_judge.values()
    rank = _ranks(second)
    heads = [metric_names.display_name(f, j) for f in FIGURES for j in by_judge]
    lines = [f"| set | order | same guess | {' | '.join(heads)} |"]
    lines += ["|---|---|---:|" + "---:|" * len(heads)]
    for i, name in enumerate(_ranks(first), 1):
        cells = []
        for figure in FIGURES:
            for figures in by_judge.values():
                e = figures[name][figure]
                interval = f" ({metric_names.interval_text(e)})" if figure == "fd" else ""
                cells.append(metric_names.value_text(e) + interval)
        order = f"{i}, {rank.index(name) + 1}"
        lines.append(f"| {name} | {order} | {same[name]:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ranks(figures: Figures) -> list[str]:
    return sorted(figures, key=lambda name: figures[name]["fd"].value)


def agreement_table(by_figure: Mapping[str, Agreement]) -> str:
    """Returns how far the judges agree by each figure, and every clear disagreement."""
    lines = ["| figure | Spearman | pairs ordered differently | of these beyond both intervals |"]
    lines += ["|---|---:|---:|---|"]
    for figure, of in by_figure.items():
        clear = "; ".join(f"{x} and {y}" for x, y in of.clear)
        count = f"{len(of.clear)}{': ' if clear else ''}{clear}"
        lines.append(
            f"| {figure} | {of.spearman:.2f} | {len(of.opposite)} of {of.pairs} | {count} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, default=str(sampler_lib.SHIPPED_FLOW))
    p.add_argument("--n", type=int, default=400, help="emoji of each set")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    config = sampler_lib.Sampler(a.model).config
    data_config = ml_collections.ConfigDict(config.to_dict()).data
    data = dataset.load(data_config, "train", encoder.PhraseEncoder())
    drawn = draw(a.model, a.n, data, out)
    judged = {name: judge(name, data, drawn, a.n) for name in JUDGES}
    by_judge = {name: of.figures for name, of in judged.items()}
    first, second = by_judge.values()
    guesses = [of.guesses for of in judged.values()]
    same = {name: float(np.mean(guesses[0][name] == guesses[1][name])) for name in first}
    by_figure = {figure: agreement(first, second, figure) for figure in FIGURES}
    text = table(by_judge, same) + "\n" + agreement_table(by_figure)
    recognised = {name: of.recognised for name, of in judged.items()}
    text += f"\nRecognised, of {len(data.images):,} training pictures: {json.dumps(recognised)}\n"
    print(text)
    values = {
        judge_name: {
            name: {f: dataclasses.asdict(e[f]) for f in FIGURES} for name, e in figures.items()
        }
        for judge_name, figures in by_judge.items()
    }
    agreements = {figure: dataclasses.asdict(of) for figure, of in by_figure.items()}
    result = {"n": a.n, "figures": values, "agreement": agreements, "same_guess": same}
    result["recognised"] = recognised
    workdir.write_atomic(out / "two_judges.md", text.encode())
    workdir.write_atomic(out / "two_judges.json", json.dumps(result, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
