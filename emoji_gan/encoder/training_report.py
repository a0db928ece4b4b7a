"""Judges a trained encoder and writes its weights with the figures in them."""

import json
import os
import pathlib
from typing import Any

import numpy as np

from emoji_gan.encoder import (
    encoder,
    phrase_retrieval,
    recogniser,
    style_recognition,
    training_phrases,
)
from emoji_gan.encoder.training_art import Art
from emoji_gan.runtime import workdir
from input_pipeline.unicode import emoji_names

_OPENMOJI_LICENCE = (
    "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/). Trained on emojis designed by "
    "OpenMoji, the open-source emoji and icon project (https://openmoji.org), licence CC BY-SA "
    "4.0; the other art and what its licences ask: the model card beside the weights"
)


def write(
    out: str | os.PathLike,
    root: pathlib.Path,
    *,
    ema: encoder.Params,
    codepoints: list[str],
    art: Art,
    held_out: Art | None,
    run: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """Sets the classes, judges the encoder as it is read back, writes weights and ROOT/report.json.

    Args:
      out: the .safetensors file of the weights.
      root: workdir of the training.
      ema: averaged parameters.
      codepoints: the classes.
      art: the drawings that were trained on.
      held_out: the drawings to judge on; None: none.
      run: the settings of the training.
      seconds: how long the training took.

    Returns:
      The report.
    """
    meta = _metadata(codepoints, art, run)
    # The mean of both: training pulled all augmented drawings of an emoji to the learned vector,
    # and the plain drawings lie around the mean one.
    learned = np.asarray(encoder.unit(ema["classes"]))
    mean = mean_features(ema, art, codepoints)
    params = ema | {"classes": _unit(learned + mean)}
    trial = root / "weights.safetensors"
    encoder.save_weights(trial, params, meta)
    params, _ = encoder.load(trial)

    figures = _judge(params, meta, held_out, {"learned_classes": learned, "drawn_classes": mean})
    encoder.save_weights(out, params, meta | {"figures": figures})
    report = {
        "seconds": seconds,
        "parameters": sum(int(x.size) for x in params.values()),
        **figures,
        "bytes": pathlib.Path(out).stat().st_size,
        "run": run,
    }
    workdir.write_atomic(root / "report.json", json.dumps(report, indent=1).encode())
    return report


def _metadata(codepoints: list[str], art: Art, run: dict[str, Any]) -> dict[str, Any]:
    """Returns the metadata of the weights, without figures."""
    licence = (
        _OPENMOJI_LICENCE if "openmoji" in art.hashes else f"as of its art: {', '.join(art.hashes)}"
    )
    phrases = {}
    if run["size"]["text_buckets"]:
        digest = training_phrases.phrases_hash(training_phrases.phrases(codepoints))
        phrases = {"phrases_sha256": digest}
    return {
        "codepoints": codepoints,
        "groups": [emoji_names.lookup(c).group for c in codepoints],
        "licence": licence,
        "art": art.hashes,
        "run": run,
    } | phrases


def _judge(
    params: encoder.Params,
    meta: dict[str, Any],
    held_out: Art | None,
    other_classes: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Returns the figures of the held-out drawings of each style, and of the held-out phrases."""
    codepoints = meta["codepoints"]
    index = {c: i for i, c in enumerate(codepoints)}
    styles: dict[str, Any] = {}
    drawings: dict[str, np.ndarray] = {}  # features by code points, of the first held-out style
    for style in held_out.hashes if held_out else ():
        rows = style_recognition.rows_of(held_out, style, codepoints)
        emoji = held_out.codepoints[rows].tolist()
        styles[style], features = style_recognition.figures(
            params,
            held_out.images[rows],
            np.array([index[c] for c in emoji]),
            groups=meta["groups"],
            other_classes=other_classes,
        )
        drawings = drawings or dict(zip(emoji, features, strict=True))
    if "text/table" not in params:
        return {"styles": styles}
    return {"styles": styles, "phrases": phrase_retrieval.figures(params, codepoints, drawings)}


def mean_features(params: encoder.Params, art: Art, codepoints: list[str]) -> np.ndarray:
    """Computes the mean features of the drawings of each emoji, f32 [k d] of unit length.

    Drawings of the domains 'line' and 'fill' count only where an emoji has no full drawing.
    """
    full = art.domains == "full"
    chosen = full | ~np.isin(art.codepoints, art.codepoints[full])
    features, _ = recogniser.extract(params, art.images[chosen])
    index = {c: i for i, c in enumerate(codepoints)}
    sums = np.zeros((len(codepoints), features.shape[1]), np.float32)
    np.add.at(sums, [index[c] for c in art.codepoints[chosen].tolist()], features)
    return _unit(sums)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
