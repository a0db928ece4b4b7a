"""Measures a restyler on emoji that it never saw: the right style, the right emoji, in one table.

    python -m benchmarks.tasks.restyling --model=runs/restyle --out=FOLDER --n=40

Of each style, held-out emoji of every other style are drawn in it, up to `--n` a pair of styles.
The rows compare with what the network does by itself (`network`), with the pictures as they are
(`no change`), with what snapping them to the style's colours does by itself (`colours`), with the
style's own art of the same emoji (`real`), and, where the shipped flow has the style, with its
variations (`vary`). Columns:

  style   fraction that a classifier of styles, fitted here to the training art, takes for it; that
          of `real` says how far the classifier is to be believed
  top-5   fraction whose emoji is among the first five of the recogniser, and that as a fraction of
          the real art's
  fd      Frechet distance to all training art of the style, by the emoji encoder, and that as a
          fraction of no change's; the encoder was taught to look past the style
  fd of style  the same by the classifier's features, palette and edges

With `--size` these emoji are restyled at that size too, from large pictures, and made smaller again
to be judged: along the edges of the large picture (`guided`), as `edit restyle --size` does, and by
the shipped restorer (`restored`).

Needs the sources that the model was trained on: by `--sources`, as in data.sources, where they lie
elsewhere than its config says. FOLDER gets restyling.md, restyling.json and restyling.png: of each
style a row, source and result and real art of a few emoji.
"""

import argparse
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable

import ml_collections
import numpy as np

from benchmarks.tasks import style_classifier
from emoji_gan import errors
from emoji_gan import images as images_lib
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing, sampler
from emoji_gan.trained.restyler import Restyler
from eval.metrics import frechet
from input_pipeline import dataset, degrade
from input_pipeline.art import flat_colours
from input_pipeline.dataset import EmojiData

Restyle = Callable[[np.ndarray], np.ndarray]
_SEED = 20261129
_STRENGTH = 0.6  # of `vary`
_IN_PICTURE = 6  # emoji of each style


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Holds held-out emoji in one style and, row by row, in the styles that they are drawn from.

    Attributes:
      sources: uint8 [n h w 4].
      real: uint8 [n h w 4], in the target style.
      codepoints: n.
      styles: n, of the sources.
    """

    sources: np.ndarray
    real: np.ndarray
    codepoints: np.ndarray
    styles: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judge:
    """Computes the figures of pictures of one style.

    Attributes:
      classifier: of styles.
      number: of the style.
      art: of the style's training art: (features of the encoder, of the classifier).
      params: of the emoji encoder.
      classes: code points -> class of the encoder.
    """

    classifier: style_classifier.StyleClassifier
    number: int
    art: tuple[frechet.Gaussian, frechet.Gaussian]
    params: encoder.Params
    classes: dict[str, int]

    def __call__(self, images: np.ndarray, codepoints: np.ndarray) -> dict[str, float]:
        """Returns the figures of images uint8 [n h w 4] that are to show emoji."""
        features, logits = recogniser.extract(self.params, images)
        styles, of_style = self.classifier(images)
        rows = np.array([i for i, c in enumerate(codepoints) if c in self.classes], int)
        labels = np.array([self.classes[codepoints[i]] for i in rows])
        right = np.take_along_axis(logits[rows], labels[:, None], 1)
        return {
            "style": float((styles == self.number).mean()),
            "top5": float(((logits[rows] > right).sum(1) < 5).mean()),
            "fd": frechet.distance(frechet.fit(features), self.art[0]),
            "fd_style": frechet.distance(frechet.fit(of_style), self.art[1]),
        }


def held_out_pairs(data: list[EmojiData], style: str, count: int) -> HeldOut:
    """Pairs held-out emoji of every other style with those of `style`, `count` a style at most."""
    rng = np.random.default_rng(_SEED)
    sources, real, codepoints, styles = [], [], [], []
    for part in data:
        names = np.array(part.class_names["style"])[part.classes["style"]]
        codes = part.columns["codepoints"]
        target_of = {codes[i]: i for i in np.flatnonzero(names == style)}
        for other in sorted(set(names) - {style}):
            rows = [i for i in np.flatnonzero(names == other) if codes[i] in target_of]
            most = -(-count // len(data))
            for i in rng.permutation(rows)[:most]:
                sources.append(part.images[i])
                real.append(part.images[target_of[codes[i]]])
                codepoints.append(codes[i])
                styles.append(other)
    if not sources:
        raise UserError(f"no held-out emoji of style {style!r} is in another style too")
    return HeldOut(np.stack(sources), np.stack(real), np.array(codepoints), np.array(styles))


def large_pictures(data: list[EmojiData], pairs: HeldOut) -> np.ndarray:
    """Returns the sources of pairs at another size: uint8 [n s s 4]."""
    picture_of = {}
    for part in data:
        names = np.array(part.class_names["style"])[part.classes["style"]]
        rows = zip(names, part.columns["codepoints"], part.images, strict=True)
        picture_of |= {(style, code): image for style, code, image in rows}
    return np.stack([picture_of[key] for key in zip(pairs.styles, pairs.codepoints, strict=True)])


def ways_of_size(restyler: Restyler, style: str, large: np.ndarray) -> dict[str, Restyle]:
    """Returns the ways of restyling at the size of `large`, made smaller again, by name."""
    times = large.shape[1] // restyler.px
    restorer = finishing.restorer_of(finishing.traced_style([style]))

    def smaller(pictures: np.ndarray) -> np.ndarray:
        return np.stack([degrade.shrink(picture, times) for picture in pictures])

    def guided(pictures: np.ndarray) -> np.ndarray:
        return smaller(restyler.enlarged(restyler(pictures, style), pictures, large, style))

    def restored(pictures: np.ndarray) -> np.ndarray:
        return smaller(restorer.to_size(restyler(pictures, style), large.shape[1]))

    return {"guided": guided, "restored": restored}


def variations(flow: sampler.Sampler, style: str) -> Restyle:
    """Returns what draws pictures anew by a flow, from part of the way, in one of its styles."""

    def vary(pictures: np.ndarray) -> np.ndarray:
        condition = sampler.ask(flow.spec, {"style": style}, len(pictures))
        return flow.vary(pictures, range(len(pictures)), condition, strength=_STRENGTH)

    return vary


def ways(restyler: Restyler, style: str) -> dict[str, Restyle]:
    """Returns the ways of restyling to a style, by name."""
    by_name: dict[str, Restyle] = {
        "restyle": lambda pictures: restyler(pictures, style),
        "network": lambda pictures: restyler.by_network(pictures, style),
    }
    flow = sampler.Sampler(str(sampler.SHIPPED_FLOW))
    if style in dict(flow.spec.classes)["style"] and restyler.px == flow.config.data.resolution:
        by_name["vary"] = variations(flow, style)
    palette = restyler.palettes[style]
    return by_name | {
        "colours": lambda pictures: flat_colours.snap(pictures, palette),
        "no change": lambda pictures: pictures,
    }


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Formats rows of {style: {way: figures}}, `real` and `no change` among the ways."""
    names = "n", "style", "top-5", "of real", "fd", "of no change", "fd of style", "of no change"
    lines = [f"| to | way | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]
    for style, rows in results.items():
        for way, row in rows.items():
            ratios = [
                row["top5"] / max(rows["real"]["top5"], 1e-9),
                *(row[k] / rows["no change"][k] for k in ("fd", "fd_style")),
            ]
            lines.append(
                f"| {style} | {way} | {row['n']} | {row['style']:.1%} | {row['top5']:.1%} | "
                f"{ratios[0]:.2f} | {row['fd']:.3f} | {ratios[1]:.2f} | {row['fd_style']:.3f} | "
                f"{ratios[2]:.2f} |"
            )
    return "\n".join(lines) + "\n"


def _held_out(config: ml_collections.ConfigDict, size_px: int | None = None) -> list[EmojiData]:
    config = ml_collections.ConfigDict(config)
    config.resolution = size_px or config.resolution
    return [dataset.load(config, split) for split in ("validation", "test")]


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, help="of configs/restyle.py; default: shipped")
    p.add_argument("--sources", nargs="+", help="openmoji STYLE=PATH ...; default: the model's own")
    p.add_argument("--n", type=int, default=40, help="emoji of each pair of styles, at most")
    p.add_argument("--size", type=int, help="px, a multiple of the model's; default: none")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    restyler = Restyler(a.model)
    if a.size is not None and (a.size <= restyler.px or a.size % restyler.px):
        raise UserError(f"--size={a.size}: expected a multiple of {restyler.px} px")
    data_config = ml_collections.ConfigDict(restyler.config.data)
    data_config.sources = tuple(a.sources or data_config.sources)
    train, held_out = dataset.load(data_config), _held_out(data_config)
    held_out_large = _held_out(data_config, a.size) if a.size else []
    styles = train.classes["style"]
    classifier = style_classifier.trained(train.images, styles)
    params, meta = encoder.load()
    classes = {code: i for i, code in enumerate(meta["codepoints"])}
    results: dict[str, dict[str, dict[str, float]]] = {}
    strips: list[np.ndarray] = []
    for number, style in enumerate(train.class_names["style"]):
        art = train.images[styles == number]
        features, _ = recogniser.extract(params, art)
        of_art = frechet.fit(features), frechet.fit(classifier(art)[1])
        judge = Judge(classifier, number, of_art, params, classes)
        pairs, rows = held_out_pairs(held_out, style, a.n), {}
        restyles = ways(restyler, style)
        if a.size:
            large = large_pictures(held_out_large, pairs)
            restyles |= ways_of_size(restyler, style, large)
        for way, restyle in restyles.items():
            start = time.perf_counter()
            drawn = restyle(pairs.sources)
            seconds = time.perf_counter() - start
            rows[way] = judge(drawn, pairs.codepoints)
            rows[way] |= {"n": len(drawn), "images_per_s": len(drawn) / max(seconds, 1e-9)}
            if way == "restyle":
                some = np.linspace(0, len(drawn) - 1, _IN_PICTURE).astype(int)
                strips += [x[i] for i in some for x in (pairs.sources, drawn, pairs.real)]
        rows["real"] = judge(pairs.real, pairs.codepoints) | {"n": len(pairs.real)}
        results[style] = rows
        print(style, {w: round(r["style"], 3) for w, r in rows.items()}, flush=True)
    text = table(results)
    print(text)
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    board = images_lib.grid(np.stack(strips), len(results), 3 * _IN_PICTURE)
    images_lib.save_png(out / "restyling.png", board.repeat(2, 0).repeat(2, 1))
    workdir.write_atomic(out / "restyling.md", text.encode())
    summary = {"model": restyler.provenance("")["checkpoint_sha256"], "styles": results}
    workdir.write_atomic(out / "restyling.json", json.dumps(summary, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
