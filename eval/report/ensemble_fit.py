"""Fits who draws what in an ensemble, by the features of the judge that does not report.

    python -m eval --model=a.safetensors,b.safetensors --fit_ensemble=both.json --data=validation

The Frechet distance to the real emoji, in the second encoder's features, is minimised: of a mixture
over the weights, whose mean and covariance follow from the members' own; of a choice over the
member of each class, one class at a time. Every member draws the same seeds and conditions.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence

import ml_collections
import numpy as np
from scipy import optimize

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.trained.ensemble import Ensemble, recipe_of, save
from eval import generate
from eval.extractors import real_cache
from eval.extractors.features import Extractor
from eval.metrics import frechet
from input_pipeline import dataset

JUDGE = "emoji-encoder-2"  # never the one that reports


def fit(source: str, kind: str, *, n: int, data: str, truncation: float, out: str) -> str:
    """Learns the weights or choices of an ensemble and writes its file.

    Args:
      source: models with commas between them, or the file of an ensemble, whose members and their
        options are taken.
      kind: 'mixture' or 'choice'.
      n: images that each member draws.
      data: split of the real emoji.
      truncation: psi.
      out: the JSON file to write.

    Returns:
      What was learned, in one line.

    Raises:
      UserError: models that make no ensemble, nothing to choose by, or an unwritable file.
    """
    if kind not in ("mixture", "choice"):
        raise UserError(f"--ensemble={kind}: nothing is learned of it; fit a mixture or a choice")
    if not out.endswith(".json"):
        raise UserError(f"--fit_ensemble={out}: must end in .json")
    if n < 100:
        raise UserError(f"--n={n}: too few images to fit by; at least 100")
    given = recipe_of(source, "mixture")
    both = Ensemble(given)
    if len(both.members) < 2:
        raise UserError(f"--model={source}: an ensemble has several models, with commas")
    if kind == "choice" and given.by not in dict(both.spec.classes):
        raise UserError(f"--ensemble=choice: these models are not asked by {given.by}")
    emoji, train = load_data(both, data)
    extractor = Extractor(JUDGE)
    real = real_cache.features_of(emoji.images, emoji.content_hash, extractor).features
    _, condition = generate.conditions_like(train, n)
    drawn = [extractor(m(range(n), condition, truncation)).features for m in both.members]
    alone = [frechet.fd(real, features) for features in drawn]
    if kind == "mixture":
        weights, value = fit_mixture(real, drawn)
        recipe, what = dataclasses.replace(given, weights=tuple(weights)), _in_words(weights)
    else:
        classes = np.asarray(condition[given.by])
        whose, value = fit_choice(real, drawn, classes)
        names = dict(both.spec.classes)[given.by]
        choices = {names[c]: i for c, i in whose.items() if c >= 0}
        best = int(np.argmin(alone))
        weights = [float(i == best) for i in range(len(drawn))]
        recipe = dataclasses.replace(given, kind=kind, weights=tuple(weights), choices=choices)
        what = json.dumps(choices, ensure_ascii=False)
    hashes = [m.checkpoint_hash for m in both.members]
    fitted = {
        "judge": JUDGE,
        "data": data,
        "n": n,
        "psi": truncation,
        "fd": value,
        "fd_alone": alone,
    }
    save(out, dataclasses.replace(recipe, fitted=fitted | {"members_sha256": hashes}))
    figures = ", ".join(f"{value:.4f}" for value in alone)
    return f"{out}: {kind} {what}; fd by {JUDGE} {value:.4f}, alone {figures}"


def load_data(ensemble: Ensemble, split: str) -> tuple[dataset.EmojiData, dataset.EmojiData]:
    """Loads the given split and the training split of the data.

    They are those of the first member that held emoji out: others were trained on all.
    """
    configs = [ml_collections.ConfigDict(m.config.to_dict()) for m in ensemble.members]
    held_out = [c for c in configs if c.data.get("split", "auto") == "auto"]
    config = (held_out or configs)[0]
    embed = None
    if conditions.TEXT in config.data.conditions:
        from emoji_gan.encoder import encoder

        embed = encoder.PhraseEncoder()
    train = dataset.load(config.data, "train", embed)
    return (train if split == "train" else dataset.load(config.data, split, embed)), train


def fit_mixture(real: np.ndarray, drawn: Sequence[np.ndarray]) -> tuple[list[float], float]:
    """Finds the weights whose mixture is nearest to the real features.

    Args:
      real: f32 [n d].
      drawn: f32 [m d] of each member.

    Returns:
      The weights, at least 0, which sum to 1, and the distance.
    """
    side = frechet.fit(real)
    means = np.stack([features.mean(0, dtype=np.float64) for features in drawn])
    covariances = np.stack([frechet.covariance(features) for features in drawn])

    def distance(weights: np.ndarray) -> float:
        weights = np.maximum(weights, 0) / np.maximum(weights, 0).sum()
        mean = weights @ means
        apart = means - mean
        spread = np.einsum("k,ki,kj->ij", weights, apart, apart)
        covariance = np.einsum("k,kij->ij", weights, covariances) + spread
        return frechet.distance(side, frechet.from_moments(mean, covariance))

    count = len(drawn)
    starts = [np.full(count, 1 / count), *np.eye(count)]
    best = min(starts, key=distance)
    result = optimize.minimize(
        distance,
        np.full(count, 1 / count),
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"eps": 1e-3},
    )
    found_weights = min((best, result.x), key=distance)
    weights = np.maximum(found_weights, 0)
    weights = np.round(weights / weights.sum(), 4)
    weights[np.argmax(weights)] += 1 - weights.sum()
    return [float(w) for w in weights], distance(weights)


def fit_choice(
    real: np.ndarray, drawn: Sequence[np.ndarray], classes: np.ndarray
) -> tuple[Mapping[int, int], float]:
    """Finds the member of each class whose pictures together are nearest to the real features.

    Starts from the best member for all, and moves one class at a time while the distance falls.

    Args:
      real: f32 [n d].
      drawn: f32 [m d] of each member, of the same seeds and conditions.
      classes: int [m], the class of each picture.

    Returns:
      {class: position of its member}, and the distance.
    """
    side = frechet.fit(real)
    together = np.stack(drawn)  # [member, picture, feature]
    rows = np.arange(len(classes))

    def distance(whose: np.ndarray) -> float:
        return frechet.distance(side, frechet.fit(together[whose, rows]))

    first = min(range(len(drawn)), key=lambda i: distance(np.full(len(rows), i)))
    whose = np.full(len(rows), first)
    value, moved = distance(whose), True
    while moved:
        moved = False
        for c in np.unique(classes):
            for i in range(len(drawn)):
                other = np.where(classes == c, i, whose)
                if (lower := distance(other)) < value:
                    whose, value, moved = other, lower, True
    return {int(c): int(whose[classes == c][0]) for c in np.unique(classes)}, value


def _in_words(weights: Sequence[float]) -> str:
    return ", ".join(f"{w:.0%}" for w in weights)
