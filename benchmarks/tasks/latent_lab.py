"""Measures directions, inversion and closed loops of a model, on seeds and emoji held out.

    python -m benchmarks.tasks.latent_lab --model=models/openmoji_64.safetensors --out=FOLDER \
        --parts=inversion,loops --n=48

`directions`: each named direction at +1, from --points points (phrases x seeds that the units were
not measured on). The change of its attribute in standard deviations and its deviation over points;
the mean absolute change of the others, and the largest of them. A direction by words has no
attribute: its effect is that on the score of the second encoder, mean logit of smiling minus sad
faces, in its standard deviations among the faces that it starts from.
`inversion`: --n held-out emoji of OpenMoji, and of --source, a style that no model has seen,
inverted and drawn again: error in premultiplied RGBA, code point among the first five of both
encoders as a fraction of the pictures themselves, length of the latent to normal noise, and the
same after a turn of a tenth of a right angle to other noise, which says whether there is something
to explore around it. Where the model was trained on every emoji (`data.split=all`) those of
OpenMoji are not held out, and the table says so.
`loops`: closed loops of 24 frames through two phrases and around one: the seam to the median step,
evenness.

FOLDER gets latent_lab.md, latent_lab.json and inversion.png (pictures over what is drawn again).
"""

import argparse
import json
import pathlib
import time
from collections.abc import Sequence

import ml_collections
import numpy as np

from emoji_gan import conditions, errors
from emoji_gan import images as images_lib
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import attributes, directions, inversion, latent
from emoji_gan.trained.latent import Points
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask
from input_pipeline import dataset

PARTS = ("directions", "inversion", "loops")
_PHRASES = ("smiling face", "cat", "heart", "pizza", "house", "woman", "flower", "car")
_FACES = ("face", "neutral face", "man", "woman")
_FIRST_SEED = 1000  # the units of directions are measured on lower ones
_SMILING = ("1F642", "1F600", "1F603", "1F604", "1F60A", "1F970")
_SAD = ("1F641", "2639", "1F61E", "1F622", "1F62D", "1F614")
_FRAMES = 24
_TURN = 0.1  # of a right angle, from an inverted latent

Row = dict[str, float | str]


def _points(sampler: Sampler, phrase: str, seeds: Sequence[int]) -> Points:
    request = {conditions.TEXT: phrase} if sampler.spec.text_dim else {}
    if "style" in sampler.spec.names:
        request["style"] = "openmoji"
    return latent.points(sampler, seeds, ask(sampler.spec, request, len(seeds)), truncation=0.7)


# ---- directions ----------------------------------------------------------------------------------


def direction_rows(sampler: Sampler, count: int) -> list[Row]:
    """Measures every named direction from `count` points."""
    lab = directions.Directions(sampler)
    names, rows = list(attributes.ATTRIBUTES), []
    starts = [
        _points(sampler, _PHRASES[i % len(_PHRASES)], [_FIRST_SEED + i]) for i in range(count)
    ]
    for number, name in enumerate(names):
        changes = np.concatenate([lab.moved(start, name, [1.0]).changes for start in starts])
        others = np.delete(changes, number, 1)
        rows.append(
            {
                "direction": name,
                "change": float(changes[:, number].mean()),
                "deviation": float(changes[:, number].std()),
                "others": float(np.abs(others).mean()),
                "most other": float(np.abs(others).mean(0).max()),
            }
        )
        print(rows[-1], flush=True)
    if "happier" in lab.names:
        rows.append(_happier(sampler, lab, count))
        print(rows[-1], flush=True)
    return rows


def _happier(sampler: Sampler, lab: directions.Directions, count: int) -> Row:
    params, meta = encoder.load(encoder.SECOND_WEIGHTS)
    smiling, sad = ([meta["codepoints"].index(c) for c in of] for of in (_SMILING, _SAD))
    scores, changes = [], []
    for i in range(count):
        start = _points(sampler, _FACES[i % len(_FACES)], [_FIRST_SEED + i])
        moved = lab.moved(start, "happier", [0.0, 1.0])
        _, logits = recogniser.extract(params, latent.pictures(sampler, moved.points))
        scores.append(logits[:, smiling].mean(1) - logits[:, sad].mean(1))
        changes.append(moved.changes[1])
    scores = np.array(scores).reshape(-1, 2)
    of_phrase = np.arange(count) % len(_FACES)
    unit = np.sqrt(np.mean([scores[of_phrase == k, 0].var() for k in set(of_phrase)]))
    gain = (scores[:, 1] - scores[:, 0]) / max(unit, 1e-6)
    others = np.abs(changes)
    return {
        "direction": "happier",
        "change": float(gain.mean()),
        "deviation": float(gain.std()),
        "others": float(others.mean()),
        "most other": float(others.mean(0).max()),
    }


# ---- inversion -----------------------------------------------------------------------------------


def held_out(
    sampler: Sampler, sources: Sequence[str], style: str, count: int
) -> tuple[np.ndarray, list[str]]:
    """Returns emoji of a style that flows are not trained on, and their code points."""
    config = ml_collections.ConfigDict(sampler.config.data.to_dict())
    config.split, config.sources, config.conditions = "auto", tuple(sources), ("style",)
    images, codepoints = [], []
    for split in ("validation", "test"):
        data = dataset.load(config, split)
        of_style = np.array(data.class_names["style"])[data.classes["style"]] == style
        for i in np.random.default_rng(0).permutation(np.flatnonzero(of_style)):
            images.append(data.images[i])
            codepoints.append(str(data.columns["base"][i]))
    if not images:
        raise UserError(f"no held-out emoji of style {style!r}")
    return np.stack(images[:count]), codepoints[:count]


def inversion_rows(
    sampler: Sampler, name: str, pictures: np.ndarray, codepoints: list[str]
) -> tuple[list[Row], np.ndarray]:
    """Measures inverted pictures; returns also what is drawn of them, uint8 [n h w 4]."""
    began = time.monotonic()
    where = inversion.invert(sampler, pictures)
    seconds = (time.monotonic() - began) / len(pictures)
    others = latent.points(sampler, range(len(pictures)))
    turned = _turned(where, others)
    guess = inversion.invert(sampler, pictures, steps=0)
    rows, drawn = [], {}
    for label, points in (("guess", guess), ("inverted", where), ("turned a tenth", turned)):
        if label == "guess" and sampler.generator.invert is not None:
            continue  # a way back has no guess
        drawn[label] = latent.pictures(sampler, points)
        pairs = zip(drawn[label], pictures, strict=True)
        away = [latent.steps(np.stack(pair).astype(np.float32))[0] for pair in pairs]
        row: Row = {"of": name, "what": label, "error": float(np.mean(away))}
        for title, file in (("first", encoder.WEIGHTS), ("second", encoder.SECOND_WEIGHTS)):
            kept, real = (_top5(file, x, codepoints) for x in (drawn[label], pictures))
            row[f"top-5, {title}"], row[f"of real, {title}"] = kept, kept / max(real, 1e-6)
        row["length"] = float(np.sqrt(np.square(points.values).mean()))
        if label == "inverted":
            row["s an emoji"] = seconds
        rows.append(row)
        print(row, flush=True)
    return rows, drawn["inverted"]


def _turned(where: Points, others: Points) -> Points:
    angle = _TURN * np.pi / 2
    values = np.cos(angle) * where.values + np.sin(angle) * others.values
    return Points(values.astype(np.float32), where.kind, where.vectors)


def _top5(file: pathlib.Path, pictures: np.ndarray, codepoints: list[str]) -> float:
    params, meta = encoder.load(file)
    rows = [i for i, c in enumerate(codepoints) if c in meta["codepoints"]]
    labels = np.array([meta["codepoints"].index(codepoints[i]) for i in rows])
    _, logits = recogniser.extract(params, pictures[rows])
    return recogniser.scores(logits, labels, meta["groups"])["top5"]


# ---- loops ---------------------------------------------------------------------------------------


def loop_rows(sampler: Sampler) -> list[Row]:
    """Measures loops around each phrase and through each and the next."""
    rows = []
    for way in ("around one", "through two"):
        figures = []
        for i, phrase in enumerate(_PHRASES):
            stop = _points(sampler, phrase, [_FIRST_SEED + i])
            if way == "around one":
                path = latent.around(sampler, stop, radius=0.35, seed=i)
            else:
                other = _PHRASES[(i + 1) % len(_PHRASES)]
                stops = latent.joined([stop, _points(sampler, other, [_FIRST_SEED + i])])
                path = latent.through(sampler.spec, stops, closed=True)
            times = latent.even_times(sampler, path, _FRAMES, closed=True)
            figures.append(latent.loop_figures(latent.draw(sampler, path(times))))
        ratio = [f["seam"] / max(f["median_step"], 1e-6) for f in figures]
        row: Row = {"loop": way, "seam to median": float(np.mean(ratio)), "worst": max(ratio)}
        for name in ("median_step", "largest_step", "evenness"):
            row[name] = float(np.mean([f[name] for f in figures]))
        rows.append(row)
        print(row, flush=True)
    return rows


# ---- report --------------------------------------------------------------------------------------


def table(rows: list[Row]) -> str:
    """Formats rows as a table, whose columns are those of any row."""
    heads = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for row in rows:
        cells = [row.get(name, "") for name in heads]
        cells = [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, default=str(SHIPPED_MODEL))
    p.add_argument("--parts", default=",".join(PARTS))
    p.add_argument("--points", type=int, default=24, help="that each direction starts from")
    p.add_argument("--n", type=int, default=48, help="emoji inverted, of each style")
    p.add_argument("--source", help="STYLE=PATH of art never trained on, as in data.sources")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    parts = a.parts.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise UserError(f"--parts={a.parts}: no {unknown[0]!r}; choose of {','.join(PARTS)}")
    if a.points < 2 * len(_FACES):
        raise UserError(f"--points={a.points}: expected at least {2 * len(_FACES)}")
    host.setup_host_memory()
    host.setup_compilation_cache()
    sampler = Sampler(a.model)
    out, rows = pathlib.Path(a.out), {}
    workdir.make_folder(out)
    if "directions" in parts:
        rows["directions"] = direction_rows(sampler, a.points)
    if "inversion" in parts:
        is_seen = sampler.config.data.get("split", "auto") == "all"
        sets = {"openmoji, trained on" if is_seen else "openmoji": (("openmoji",), "openmoji")}
        if a.source:
            style = a.source.partition("=")[0]
            sets[style] = (("openmoji", a.source), style)
        rows["inversion"], strips = [], []
        for name, (sources, style) in sets.items():
            pictures, codepoints = held_out(sampler, sources, style, a.n)
            measured, drawn = inversion_rows(sampler, name, pictures, codepoints)
            rows["inversion"] += measured
            strips += [pictures[:12], drawn[:12]]
        board = images_lib.grid(np.concatenate(strips), len(strips), len(strips[0]))
        images_lib.save_png(out / "inversion.png", board)
    if "loops" in parts:
        rows["loops"] = loop_rows(sampler)
    text = "\n".join(table(of_part) for of_part in rows.values())
    print(text)
    workdir.write_atomic(out / "latent_lab.md", text.encode())
    summary = {"model": sampler.checkpoint_hash, "n": a.n, "points": a.points, "rows": rows}
    workdir.write_atomic(out / "latent_lab.json", json.dumps(summary, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
