"""Makes the page of a report: figures in plain words, sample grids, copies, best and worst."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import PIL.Image

from emoji_gan import images
from eval.metrics import realism
from eval.metrics.sets import SampleSet
from eval.report import metric_names, report_file, web_page

_GRID = 8  # rows and columns
_EXAMPLES = 32  # of the most memorised, of the best, of the worst
_CELL_PX = 64  # the approximate size of images on the page
_THUMB_PX = 96  # larger images are scaled down to this
_JUDGED = 10_000  # generated images that best and worst are chosen from


def report_page(
    r: report_file.Report,
    real: SampleSet,
    fake: SampleSet,
    *,
    memorised: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    train: SampleSet | None = None,
) -> str:
    """Formats the report as one HTML file that needs no other.

    Args:
      r: the figures.
      real: images and features to compare with.
      fake: images and features that are judged.
      memorised: see `eval.report.write_report.save`.
      train: see `eval.report.write_report.save`.
    """
    body = [
        f'<p class="faint">Judged by {web_page.text(r.extractor.name)}: its features decide what '
        f"counts as alike. {r.fake.n:,} images against {r.real.n:,} real ones.</p>",
        web_page.background_choice(),
        "<h2>Samples</h2>",
        "<p>The first generated images, not chosen, and real ones drawn at random.</p>",
        f'<div class="side">{"".join(_grids(real, fake))}</div>',
        "<h2>Figures</h2>",
        _figures(r),
    ]
    if missing := report_file.missing(r):
        body.append(web_page.table("Not computed", ("metric", "why"), missing.items()))
    if memorised is not None:
        body += _memorised(train or real, fake, *memorised)
    body += _best_and_worst(real, fake)
    body += ["<h2>What the figures are of</h2>", web_page.terms(report_file.facts(r).items())]
    if r.timings:
        rows = [(stage, f"{s:.2f}") for stage, s in r.timings.items()]
        body.append(web_page.table("Time of each stage", ("stage", "s"), rows, numbers=(1,)))
    return web_page.document(report_file.title(r), body)


def _figures(r: report_file.Report) -> str:
    rows, words = [], []
    for name in sorted(r.metrics, key=metric_names.order):
        e, about = r.metrics[name], metric_names.about(name)
        rows.append(
            (
                metric_names.display_name(name, r.extractor.name),
                metric_names.value_text(e),
                metric_names.interval_text(e),
                about.better,
                f"{e.n_real:,}",
                f"{e.n_fake:,}",
                e.note,
            )
        )
        words.append(about.text)
    header = ("metric", "value", "95 % interval", "better", "N real", "N generated", "note")
    caption = (
        "Every figure with the interval it lies in with 95 % confidence, and the images it is of"
    )
    return web_page.table(caption, header, rows, numbers=(1, 4, 5), words=words)


def _grids(real: SampleSet, fake: SampleSet) -> Iterator[str]:
    count = min(_GRID**2, len(real.images))
    rows = np.sort(np.random.default_rng(0).choice(len(real.images), count, replace=False))
    for what, pictures in (("Generated", fake.images[: _GRID**2]), ("Real", real.images[rows])):
        pictures = np.stack([_thumbnail(image) for image in pictures])
        sheet = _sheet(pictures)
        scale = max(1, round(_CELL_PX / pictures.shape[2]))
        h, w = sheet.shape[:2]
        alt = f"{what} emoji: {len(pictures)} of them on a grid"
        picture = web_page.image(
            images.png_bytes(sheet), alt, "art sheet", width=w * scale, height=h * scale
        )
        yield f"<figure>{picture}<figcaption>{what}</figcaption></figure>"


def _memorised(
    train: SampleSet,
    fake: SampleSet,
    nearest: np.ndarray,
    distance: np.ndarray,
    percentile: np.ndarray,
) -> Iterator[str]:
    order = np.lexsort((distance, percentile))[:_EXAMPLES]
    yield "<h2>Nearest to a training image</h2>"
    yield (
        f"<p>The {len(order)} generated images that are nearest to a training image, and that "
        "image. The percentile says how near: at 1, only 1 % of the training images are nearer to "
        "another one (near-duplicates apart). Low percentiles with pictures that look alike are "
        "copies.</p>"
    )
    captions = [f"percentile {percentile[i]:.3g}, distance {distance[i]:.3g}" for i in order]
    yield _cards(train, fake, order, nearest, captions)


def _best_and_worst(real: SampleSet, fake: SampleSet) -> Iterator[str]:
    if len(real.features) <= realism.K:
        return
    score, nearest = realism.realism(real.features, fake.features[:_JUDGED])
    order = np.argsort(-score, kind="stable")
    count = min(_EXAMPLES, len(order))
    several = "" if len(fake.features) <= _JUDGED else f" of the first {_JUDGED:,}"
    for what, chosen in (("Best", order[:count]), ("Worst", order[::-1][:count])):
        yield f"<h2>{what} by realism</h2>"
        yield (
            f"<p>{count}{several} generated images, {what.lower()} first, each beside the real "
            "image nearest to it. Realism is how near an image comes to the real ones, by their "
            "own distances from one another: 1 and more lie among them.</p>"
        )
        captions = [f"realism {score[i]:.2f}" for i in chosen]
        yield _cards(real, fake, chosen, nearest, captions)


def _cards(
    real: SampleSet,
    fake: SampleSet,
    chosen: np.ndarray,
    nearest: np.ndarray,
    captions: Sequence[str],
) -> str:
    """Lists the generated images of rows `chosen`, each beside its nearest real image."""
    items = []
    for i, caption in zip(chosen, captions, strict=True):
        fake_name, real_name = fake.names[i], real.names[nearest[i]]
        left = _art(fake.images[i], f"Generated: {fake_name}")
        right = _art(real.images[nearest[i]], f"Real: {real_name}")
        both = f"{web_page.text(fake_name)} beside {web_page.text(real_name)}"
        words = f"<strong>{web_page.text(caption)}</strong><br>{both}"
        items.append(f"<li><figure>{left}{right}<figcaption>{words}</figcaption></figure></li>")
    return f'<ol class="cards">{"".join(items)}</ol>'


def _art(image: np.ndarray, alt: str) -> str:
    return web_page.image(images.png_bytes(_thumbnail(image)), alt, "art")


def _sheet(pictures: np.ndarray, pad: int = 2) -> np.ndarray:
    """Lays out `n h w 4` in reading order on one transparent image."""
    n, h, w, _ = pictures.shape
    cols = min(n, _GRID)
    rows = math.ceil(n / cols)
    sheet = np.zeros((rows * (h + pad) + pad, cols * (w + pad) + pad, 4), np.uint8)
    for i, picture in enumerate(pictures):
        y, x = pad + (i // cols) * (h + pad), pad + (i % cols) * (w + pad)
        sheet[y : y + h, x : x + w] = picture
    return sheet


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Scales an image `h w 4` down to at most 96 px."""
    h, w = image.shape[:2]
    if max(h, w) <= _THUMB_PX:
        return image
    scale = _THUMB_PX / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    premultiplied = PIL.Image.fromarray(image).convert("RGBa")
    return np.asarray(premultiplied.resize(size, PIL.Image.Resampling.BOX).convert("RGBA"))
