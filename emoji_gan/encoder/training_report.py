"""What a trained encoder can do, and its weights with these figures in them."""

import collections
import json
import os
import pathlib

import jax.numpy as jnp
import numpy as np

from emoji_gan import images as image_lib
from emoji_gan.encoder import encoder, recogniser, text_features, training_art, training_phrases
from emoji_gan.runtime import workdir
from input_pipeline.unicode import emoji_names

_OPENMOJI_LICENCE = (
    "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/). Trained on emojis designed by OpenMoji, "
    "the open-source emoji and icon project (https://openmoji.org), licence CC BY-SA 4.0; the other art and "
    "what its licences ask: the model card beside the weights"
)
_SIZES_PX = (16, 22, 32, 64)  # at which the held-out art is shown
_PHRASES_AT_A_TIME = 512


def write(
    out: str | os.PathLike,
    root: pathlib.Path,
    ema: encoder.Params,
    codepoints: list[str],
    art: training_art.Art,
    held_out: training_art.Art | None,
    run: dict,
    seconds: float,
) -> dict:
    """Makes the classes, judges the encoder as it will be read back, writes weights and ROOT/report.json.

    Args:
      out: the weights' file.
      root: workdir of the training.
      ema: averaged parameters.
      codepoints: the classes.
      art: trained on.
      held_out: judged on; None: nothing.
      run: what it was trained with.
      seconds: how long that took.

    Returns:
      The report.
    """
    metas = [emoji_names.lookup(c) for c in codepoints]
    meta = {
        "codepoints": codepoints,
        "groups": [m.group for m in metas],
        "licence": _OPENMOJI_LICENCE
        if "openmoji" in art.hashes
        else f"as of its art: {', '.join(art.hashes)}",
        "art": art.hashes,
        "run": run,
        "phrases_sha256": training_phrases.phrases_hash(training_phrases.phrases(codepoints)),
    }
    learned = np.asarray(encoder.unit(ema["classes"]))
    drawn = prototypes(ema, art, codepoints)
    # Half what training drew every augmented drawing towards, half where the plain drawings came to
    # lie.
    params = ema | {"classes": _unit(learned + drawn)}
    trial = root / "weights.safetensors"
    encoder.save_weights(trial, params, meta)
    params, _ = encoder.load(trial)

    report = {
        "seconds": seconds,
        "parameters": sum(int(x.size) for x in params.values()),
        "styles": {},
    }
    held_features = None
    for style in held_out.hashes if held_out else ():
        report["styles"][style], features = _style_figures(
            params, meta, held_out, style, learned, drawn
        )
        held_features = held_features or features
    report["phrases"] = _phrase_figures(params, codepoints, held_features)
    figures = {"styles": report["styles"], "phrases": report["phrases"]}
    encoder.save_weights(out, params, meta | {"figures": figures})
    report |= {"bytes": pathlib.Path(out).stat().st_size, "run": run}
    workdir.write_atomic(root / "report.json", json.dumps(report, indent=1).encode())
    return report


def prototypes(params: encoder.Params, art: training_art.Art, codepoints: list[str]) -> np.ndarray:
    """Where the whole drawings of each emoji lie in the mean, f32 `k d` of unit length."""
    whole = (art.domains == "full") | ~np.isin(
        art.codepoints, art.codepoints[art.domains == "full"]
    )
    features, _ = recogniser.extract(params, art.images[whole])
    number = {c: i for i, c in enumerate(codepoints)}
    sums = np.zeros((len(codepoints), features.shape[1]), np.float32)
    np.add.at(sums, [number[c] for c in art.codepoints[whole].tolist()], features)
    return _unit(sums)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# ---- pictures ------------------------------------------------------------------------------------


def _style_figures(params, meta, art, style, learned, drawn):
    """Recognition of a style's drawings; and their features, by code point."""
    number = {c: i for i, c in enumerate(meta["codepoints"])}
    rows = np.array(
        [
            i
            for i, (c, s) in enumerate(
                zip(art.codepoints.tolist(), art.styles.tolist(), strict=True)
            )
            if s == style and c in number
        ]
    )
    images, codepoints = art.images[rows], art.codepoints[rows].tolist()
    labels = np.array([number[c] for c in codepoints])
    features, logits = recogniser.extract(params, images)
    figures = recogniser.scores(logits, labels, meta["groups"])

    shared = np.zeros(len(number), bool)
    shared[labels] = True
    figures["among_shared"] = recogniser.scores(
        np.where(shared, logits, -np.inf), labels, meta["groups"]
    )
    for name, classes in (("learned_classes", learned), ("drawn_classes", drawn)):
        scale = float(jnp.exp(params["log_scale"]))
        figures[name] = recogniser.scores(scale * features @ classes.T, labels, meta["groups"])
    for px in _SIZES_PX:
        small = _reduced(images, px)
        figures[f"{px}px"] = recogniser.scores(
            recogniser.extract(params, small)[1], labels, meta["groups"]
        )
    on_white = recogniser.extract(params, _on_white(images))[1]
    figures["on_white"] = recogniser.scores(on_white, labels, meta["groups"])
    ranks = (logits > np.take_along_axis(logits, labels[:, None], 1)).sum(1)
    by_group = collections.defaultdict(list)
    for label, rank in zip(labels, ranks, strict=True):
        by_group[meta["groups"][label]].append(rank)
    figures["by_group"] = {
        g: {
            "n": len(r),
            "top1": float(np.mean(np.array(r) < 1)),
            "top5": float(np.mean(np.array(r) < 5)),
        }
        for g, r in sorted(by_group.items())
    }
    return figures, dict(zip(codepoints, features, strict=True))


def _on_white(images: np.ndarray) -> np.ndarray:
    alpha = images[..., 3:].astype(np.float32) / 255
    rgb = np.rint(images[..., :3] * alpha + 255 * (1 - alpha))
    return np.concatenate([rgb, np.full_like(alpha, 255)], -1).astype(np.uint8)


def _reduced(images: np.ndarray, px: int) -> np.ndarray:
    """The pictures at px a side, as files would have them."""
    return np.asarray(image_lib.to_uint8(encoder.preprocess(jnp.asarray(images), px)))


# ---- phrases -------------------------------------------------------------------------------------


def _phrase_figures(params, codepoints, held_features) -> dict:
    """How well a phrase that was never trained on for an emoji finds it.

    Other emoji that CLDR gives the same phrase are no mistakes and left out of the ranking.
    """
    every = training_phrases.phrases(codepoints)
    number = {c: i for i, c in enumerate(codepoints)}
    holders, trained = collections.defaultdict(set), set()
    for p in every:
        key = text_features.fold(p.text)
        holders[key].add(number[p.codepoints])
        if not p.held_out:
            trained.add(key)
    asked = [p for p in every if p.held_out]
    classes = np.asarray(params["classes"])
    answers = {"": (classes, np.arange(len(codepoints)))}
    if held_features:
        answers["held_out_style"] = (
            np.stack(list(held_features.values())),
            np.array([number[c] for c in held_features]),
        )
    figures = {"pairs": len(every), "held_out": len(asked)}
    lexical = _lexical(params, codepoints, every)
    for name, (points, owner) in answers.items():
        found = {}
        for start in range(0, len(asked), _PHRASES_AT_A_TIME):
            part = asked[start : start + _PHRASES_AT_A_TIME]
            texts = [p.text for p in part]
            similarity = encoder.embed_text(params, texts) @ points.T
            for p, row in zip(part, similarity, strict=True):
                found[p] = _rank(
                    row, owner, number[p.codepoints], holders[text_features.fold(p.text)]
                )
        figures[name or "classes"] = _rank_table(found, trained)
        if not name:
            buckets = params["text/table"].shape[0]
            ranks = {}
            for p in asked:
                row = lexical[:, list(text_features.phrase_features(p.text, buckets))].sum(1)
                ranks[p] = _rank(
                    row, owner, number[p.codepoints], holders[text_features.fold(p.text)]
                )
            figures["lexical_baseline"] = _rank_table(ranks, trained)
    return figures


def _lexical(params, codepoints, every) -> np.ndarray:
    """The mean bag of each emoji's trained phrases, `k buckets`: what spelling alone can tell."""
    buckets = params["text/table"].shape[0]
    number = {c: i for i, c in enumerate(codepoints)}
    bags = np.zeros((len(codepoints), buckets), np.float32)
    for p in every:
        if not p.held_out:
            features = list(text_features.phrase_features(p.text, buckets))
            bags[number[p.codepoints], features] += len(features) ** -0.5
    return bags / np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1e-9)


def _rank(row, owner, right, holders) -> int | None:
    """How many are before the right one; None if it is not there."""
    mine = row[owner == right]
    if not len(mine):
        return None
    rivals = ~np.isin(owner, list(holders))
    return int((row[rivals] >= mine.max()).sum())


def _rank_table(found: dict, trained: set[str]) -> dict:
    rows = collections.defaultdict(list)
    for p, rank in found.items():
        if rank is None:
            continue
        seen = "seen with other emoji" if text_features.fold(p.text) in trained else "never seen"
        for key in ("all", f"{p.language} {p.kind}", f"{p.language}", seen):
            rows[key].append(rank)
    return {
        key: {"n": len(r)}
        | {f"top{n}": float(np.mean(np.array(r) < n)) for n in (1, 5, 10)}
        | {"median_rank": int(np.median(r)) + 1}
        for key, r in sorted(rows.items())
    }
