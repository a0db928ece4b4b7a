"""One evaluation from end to end: real images, generated ones, features, figures, report."""

import dataclasses
import datetime
import hashlib
import math
import pathlib
import platform
import resource
import sys
import time
from importlib import metadata

import jax
import ml_collections
import numpy as np

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.trained.sampler import Sampler
from eval import generate
from eval.extractors import real_cache
from eval.extractors.features import Extractor
from eval.metrics import evaluate
from eval.metrics.sets import SampleSet
from eval.report import report_file, write_report
from input_pipeline import dataset
from input_pipeline.art import picture_folder

_FILTERS = (
    "sources",
    "domains",
    "groups",
    "subgroups",
    "codepoints",
    "styles",
    "tones",
    "common_box",
    "resolution",
)
_PATHS = 2000  # pairs for the path length


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is generated, and what it is compared with."""

    n: int = 10_000  # images
    truncation: float = 1.0  # psi
    data: str = "train"  # split of the real images
    seed: int = 0  # of resampling
    html: bool = True
    paths: int = _PATHS  # 0: no path length


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A report and where it lies; as a string: its table and that."""

    report: report_file.Report
    path: pathlib.Path  # of report.json

    def __str__(self) -> str:
        names = ("report.json", "report.md", "report.html")
        written = ", ".join(n for n in names if (self.path.parent / n).exists())
        return f"{report_file.markdown(self.report)}\nin {self.path.parent}: {written}"


def run(
    workdir: str,
    extractor: Extractor,
    settings: Settings,
    *,
    step: int | None = None,
    out: str | None = None,
) -> Judgement:
    """Judges a checkpoint of a run against its own data.

    Args:
      workdir: of the run, or a model file.
      extractor: see `eval.extractors.features`.
      settings: how many images and so on.
      step: the checkpoint's; None: the newest good one.
      out: folder of the report; None: in the workdir, under the checkpoint's kimg, or for a model
        file ./eval_report.

    Raises:
      UserError: no good checkpoint, data that changed since the run, features that are not finite,
        an unwritable folder. DataError: data that cannot be read.
    """
    clock = _Clock()
    sampler = Sampler(workdir, step)
    config = ml_collections.ConfigDict(sampler.config.to_dict())
    embed = None
    if conditions.TEXT in config.data.conditions:
        from emoji_gan.encoder import encoder

        embed = encoder.PhraseEncoder()
    data = dataset.load(config.data, settings.data, embed)
    train = data if settings.data == "train" else dataset.load(config.data, "train", embed)
    if sampler.data_hash and sampler.data_hash != train.content_hash:
        raise UserError(
            f"{workdir}: the art it was trained on has changed since (data {sampler.data_hash[:12]}, "
            f"now {train.content_hash[:12]}): bring it back, or judge folders with --real and --fake"
        )
    clock.lap("load")
    asked_rows, condition = generate.conditions_like(train, settings.n)
    pictures = generate.pictures(sampler, settings.n, condition, settings.truncation)
    clock.lap("generate")
    drawn = extractor(pictures)
    clock.lap("features of generated")
    pairs = None
    if settings.paths:
        first, second = generate.path_pairs(
            sampler, settings.paths, generate.conditions_like(train, settings.paths)[1]
        )
        pairs = (extractor(first).features, extractor(second).features)
        clock.lap("path pairs")
    # Classes are those of the first condition that has several.
    several = next((name for name, known in train.class_names.items() if len(known) > 1), None)
    fake = SampleSet(
        pictures,
        drawn.features,
        drawn.logits,
        train.classes[several][asked_rows] if several else None,
        None,
        pairs,
        extractor,
        tuple(f"seed {i}" for i in range(settings.n)),
    )
    trained_on = _real(train, extractor, several)
    real = trained_on if data is train else _real(data, extractor, several)
    clock.lap("features of real")
    kimg = sampler.step * config.batch_size / 1000
    about_real = report_file.RealInfo(
        f"{', '.join(s.partition('=')[0] for s in config.data.sources)} {settings.data}",
        len(real.images),
        data.content_hash,
        {k: config.data[k] for k in _FILTERS},
    )
    about_fake = report_file.FakeInfo(
        pathlib.Path(workdir).resolve().name,
        settings.n,
        str(workdir),
        sampler.step,
        kimg,
        sampler.checkpoint_hash,
        f"0-{settings.n - 1}",
        settings.truncation,
        _hash(pictures),
    )
    more = {"config_sha256": sampler.config_hash} | dataclasses.asdict(settings)
    made = _judged(
        real, fake, trained_on, extractor, settings.seed, clock, about_real, about_fake, more
    )
    found, memorised = made
    of_a_run = pathlib.Path(workdir).is_dir()
    to = pathlib.Path(out or (report_file.folder_of(workdir, found) if of_a_run else "eval_report"))
    if jax.process_index() == 0:
        write_report.save(found, to, real, fake, memorised, settings.html, trained_on)
        if of_a_run:
            report_file.write_tensorboard(found, workdir)
    return Judgement(found, to / report_file.NAME)


def folders(
    real_dir: str,
    fake_dir: str,
    train_dir: str | None,
    extractor: Extractor,
    seed: int,
    out: str,
    html: bool,
) -> Judgement:
    """Judges a folder of PNGs against another.

    Raises:
      UserError: a folder without PNGs or with several sizes, an unwritable `out`.
    """
    clock = _Clock()
    sides = {}
    for what, directory in (("real", real_dir), ("fake", fake_dir), ("train", train_dir)):
        if directory is None:
            continue
        pictures = picture_folder.read(directory)
        found = real_cache.features_of(pictures.images, pictures.digest, extractor)
        side = SampleSet(
            pictures.images,
            found.features,
            found.logits,
            None,
            None,
            None,
            extractor,
            pictures.names,
        )
        sides[what] = (side, pictures.digest)
        clock.lap(f"features of {what}")
    (real, real_hash), (fake, fake_hash) = sides["real"], sides["fake"]
    train = sides["train"][0] if train_dir else None
    about_real = report_file.RealInfo(real_dir, len(real.images), real_hash, {})
    about_fake = report_file.FakeInfo(fake_dir, len(fake.images), hash=fake_hash)
    found, memorised = _judged(
        real, fake, train, extractor, seed, clock, about_real, about_fake, {"seed": seed}
    )
    if jax.process_index() == 0:
        write_report.save(found, out, real, fake, memorised, html, train)
    return Judgement(found, pathlib.Path(out, report_file.NAME))


def best_so_far(
    workdir: str, extractor: Extractor, settings: Settings
) -> tuple[tuple[float, int] | None, set[int]]:
    """What an earlier watch found: the lowest distance with its step, and the steps that have a report."""
    best, seen = None, set()
    for path in sorted(pathlib.Path(workdir, "eval").glob(f"kimg*/*/{report_file.NAME}")):
        try:
            old = report_file.load(path)
        except UserError as e:
            print(f"{e}; passed over", file=sys.stderr)
            continue
        same = (old.extractor.weights_hash, old.fake.n, old.fake.truncation) == (
            extractor.weights_hash,
            settings.n,
            settings.truncation,
        )
        if not same or old.settings.get("data") != settings.data or "fd" not in old.metrics:
            continue
        seen.add(old.fake.step)
        distance = old.metrics["fd"].value
        if math.isfinite(distance) and (best is None or distance < best[0]):
            best = (distance, old.fake.step)
    return best, seen


def _real(data: dataset.EmojiData, extractor: Extractor, several: str | None) -> SampleSet:
    found = real_cache.features_of(data.images, data.content_hash, extractor)
    return SampleSet(
        data.images,
        found.features,
        found.logits,
        data.classes[several] if several else None,
        np.asarray(data.columns["cluster"]),
        None,
        extractor,
        tuple(data.columns["codepoints"].tolist()),
    )


def _judged(real, fake, train, extractor, seed, clock, about_real, about_fake, more):
    metrics, missing, seconds, neighbours = evaluate.evaluate(real, fake, train, seed)
    info = report_file.ExtractorInfo(
        extractor.name, extractor.weights_hash, extractor.pipeline, extractor.background
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    settings = more | {
        "missing": missing,
        "peak_host_mib": round(peak),
        "devices": f"{jax.device_count()} {jax.devices()[0].device_kind}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("jax", "numpy", "scipy")},
    }
    timings = clock.laps | {f"metric {name}": s for name, s in seconds.items()}
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = report_file.Report(info, about_real, about_fake, settings, metrics, timings, made)
    return found, neighbours


def _hash(images: np.ndarray) -> str:
    return hashlib.sha256(images.tobytes()).hexdigest()


class _Clock:
    """Seconds by stage."""

    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now
