"""Runs one evaluation from end to end: real and generated images, features, figures, report."""

import dataclasses
import datetime
import hashlib
import pathlib
import platform
import resource
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import jax
import ml_collections
import numpy as np

from emoji_gan import conditions
from emoji_gan.errors import UserError
from emoji_gan.trained.sampler import Sampler
from eval import generate
from eval.extractors import real_cache
from eval.extractors.features import Extractor
from eval.metrics import evaluate, memorisation
from eval.metrics.sets import SampleSet
from eval.report import report_file, write_report
from eval.report.clock import Clock
from input_pipeline import dataset
from input_pipeline.art import picture_folder

# Fields of config.data that select the real images.
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


@dataclasses.dataclass(frozen=True)
class Settings:
    """Says what is generated, and what it is compared with.

    Attributes:
      n: images to generate.
      truncation: psi; 1: the full variety.
      data: split of the real images.
      seed: of resampling.
      html: whether to write the page.
      paths: pairs for the path length; 0: without it.
    """

    n: int = 10_000
    truncation: float = 1.0
    data: str = "train"
    seed: int = 0
    html: bool = True
    paths: int = 2000


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Holds a report and its path; as a string, the report's table and the path.

    Attributes:
      report: the figures.
      path: of report.json.
    """

    report: report_file.Report
    path: pathlib.Path

    def __str__(self) -> str:
        names = ("report.json", "report.md", "report.html")
        written = ", ".join(n for n in names if (self.path.parent / n).exists())
        return f"{report_file.markdown(self.report)}\nin {self.path.parent}: {written}"


@dataclasses.dataclass(frozen=True)
class _Sides:
    """Holds the two sides of a comparison, and how the report describes them.

    Attributes:
      real: the images to compare with.
      fake: the images that are judged.
      train: the training images; None: unknown.
      about_real: describes `real`.
      about_fake: describes `fake`.
    """

    real: SampleSet
    fake: SampleSet
    train: SampleSet | None
    about_real: report_file.RealInfo
    about_fake: report_file.FakeInfo


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """Holds what a model drew.

    Attributes:
      pictures: uint8 [n h w 4], straight alpha.
      labels: int32 [n], the class that each was asked for; None: no classes.
      path_pairs: f32 [m h w 4] each, the two ends of small steps; None: without them.
    """

    pictures: np.ndarray
    labels: np.ndarray | None
    path_pairs: tuple[np.ndarray, np.ndarray] | None


def run(
    workdir: str,
    extractors: Sequence[Extractor],
    settings: Settings,
    *,
    step: int | str | None = None,
    out: str | None = None,
) -> list[Judgement]:
    """Judges a checkpoint of a run against its own data, by the same images for every extractor.

    Args:
      workdir: of the run, or a model file.
      extractors: see `eval.extractors.features`; each has a report of its own.
      settings: how many images and so on.
      step: the checkpoint's; None: the newest good one; 'best': of the best evaluation.
      out: folder of the report, or where there are several extractors of a folder for each; None:
        in the workdir, under the checkpoint's kimg, or for a model file ./eval_report.

    Returns:
      A judgement for each extractor, in their order.

    Raises:
      UserError: no good checkpoint, data that changed since the run, features that are not finite,
        an unwritable folder. DataError: data that cannot be read.
    """
    clock = Clock()
    sampler = Sampler(workdir, step)
    data, train = _load_data(sampler, settings.data, workdir)
    clock.lap("load")
    # The labels are those of the first condition that has several classes.
    class_name = next((k for k, names in train.class_names.items() if len(names) > 1), None)
    drawn = _draw(sampler, train, class_name, settings=settings)
    clock.lap("generate")
    more = {"config_sha256": sampler.config_hash} | dataclasses.asdict(settings)
    of_a_run = pathlib.Path(workdir).is_dir()
    judgements = []
    for extractor in extractors:
        own = clock.copy()
        fake = _fake_set(drawn, extractor, own)
        trained_on = _real_set(train, extractor, class_name)
        real = trained_on if data is train else _real_set(data, extractor, class_name)
        own.lap("features of real")
        sides = _Sides(
            real,
            fake,
            trained_on,
            _about_real(data, sampler, settings),
            _about_fake(fake, sampler, settings, workdir),
        )
        report, neighbours = _report(sides, extractor, seed=settings.seed, clock=own, settings=more)
        if of_a_run and out is None:
            folder = report_file.folder_of(workdir, report)
        else:
            folder = _folder(out or "eval_report", extractor, extractors)
        judgements.append(_saved(report, folder, sides, neighbours, html=settings.html))
        if of_a_run and jax.process_index() == 0:
            report_file.write_tensorboard(report, workdir)
    return judgements


def _folder(out: str, extractor: Extractor, extractors: Sequence[Extractor]) -> pathlib.Path:
    """Returns the folder of an extractor's report: `out`, or one of several in it."""
    return pathlib.Path(out, extractor.name) if len(extractors) > 1 else pathlib.Path(out)


def _saved(
    report: report_file.Report,
    folder: pathlib.Path,
    sides: _Sides,
    neighbours: memorisation.Neighbours | None,
    *,
    html: bool,
) -> Judgement:
    """Writes a report, in the first process only."""
    if jax.process_index() == 0:
        write_report.save(
            report, folder, sides.real, sides.fake, neighbours, html=html, train=sides.train
        )
    return Judgement(report, folder / report_file.NAME)


def folders(
    real_dir: str,
    fake_dir: str,
    extractors: Sequence[Extractor],
    *,
    train_dir: str | None,
    seed: int,
    out: str,
    html: bool,
) -> list[Judgement]:
    """Judges a folder of PNGs against another.

    Args:
      real_dir: of the images to compare with.
      fake_dir: of the images to judge.
      extractors: see `eval.extractors.features`; each has a report of its own.
      train_dir: of the images that may have been memorised; None: unknown.
      seed: of resampling.
      out: folder of the report, or where there are several extractors of a folder for each.
      html: whether to write the page.

    Returns:
      A judgement for each extractor, in their order.

    Raises:
      UserError: a folder without PNGs or with several sizes, an unwritable `out`.
    """
    directories = {"real": real_dir, "fake": fake_dir, "train": train_dir}
    pictures = {side: picture_folder.read(d) for side, d in directories.items() if d is not None}
    judgements = []
    for extractor in extractors:
        clock, sets = Clock(), {}
        for side, of_side in pictures.items():
            features = real_cache.features_of(of_side.images, of_side.digest, extractor)
            sets[side] = SampleSet(
                images=of_side.images,
                features=features.features,
                logits=features.logits,
                extract=extractor,
                names=of_side.names,
            )
            clock.lap(f"features of {side}")
        real, fake = pictures["real"], pictures["fake"]
        sides = _Sides(
            sets["real"],
            sets["fake"],
            sets.get("train"),
            report_file.RealInfo(real_dir, len(real.images), real.digest, {}),
            report_file.FakeInfo(fake_dir, len(fake.images), hash=fake.digest),
        )
        report, neighbours = _report(
            sides, extractor, seed=seed, clock=clock, settings={"seed": seed}
        )
        folder = _folder(out, extractor, extractors)
        judgements.append(_saved(report, folder, sides, neighbours, html=html))
    return judgements


def _load_data(
    sampler: Sampler, split: str, workdir: str
) -> tuple[dataset.EmojiData, dataset.EmojiData]:
    """Loads the given split and the training split of a run's data.

    Raises:
      UserError: the training data is not what the run was trained on.
    """
    config = _config(sampler)
    embed = None
    if conditions.TEXT in config.data.conditions:
        from emoji_gan.encoder import encoder

        embed = encoder.PhraseEncoder()
    data = dataset.load(config.data, split, embed)
    train = data if split == "train" else dataset.load(config.data, "train", embed)
    if sampler.data_hash and sampler.data_hash != train.content_hash:
        raise UserError(
            f"{workdir}: the art it was trained on has changed since (data "
            f"{sampler.data_hash[:12]}, now {train.content_hash[:12]}): bring it back, or judge "
            "folders with --real and --fake"
        )
    return data, train


def _draw(
    sampler: Sampler, train: dataset.EmojiData, class_name: str | None, *, settings: Settings
) -> _Drawn:
    """Generates the images to judge."""
    rows, condition = generate.conditions_like(train, settings.n)
    pictures = generate.pictures(sampler, settings.n, condition, settings.truncation)
    pairs = None
    if settings.paths:
        _, condition = generate.conditions_like(train, settings.paths)
        pairs = generate.path_pairs(sampler, settings.paths, condition)
    return _Drawn(pictures, train.classes[class_name][rows] if class_name else None, pairs)


def _fake_set(drawn: _Drawn, extractor: Extractor, clock: Clock) -> SampleSet:
    """Computes the features of what was drawn."""
    of_pictures = extractor(drawn.pictures)
    clock.lap("features of generated")
    pairs = None
    if drawn.path_pairs is not None:
        pairs = tuple(extractor(ends).features for ends in drawn.path_pairs)
        clock.lap("features of path pairs")
    return SampleSet(
        images=drawn.pictures,
        features=of_pictures.features,
        logits=of_pictures.logits,
        labels=drawn.labels,
        path_pairs=pairs,
        extract=extractor,
        names=tuple(f"seed {i}" for i in range(len(drawn.pictures))),
    )


def _real_set(data: dataset.EmojiData, extractor: Extractor, class_name: str | None) -> SampleSet:
    features = real_cache.features_of(data.images, data.content_hash, extractor)
    return SampleSet(
        images=data.images,
        features=features.features,
        logits=features.logits,
        labels=data.classes[class_name] if class_name else None,
        clusters=np.asarray(data.columns["cluster"]),
        extract=extractor,
        names=tuple(data.columns["codepoints"].tolist()),
    )


def _config(sampler: Sampler) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(sampler.config.to_dict())


def _about_real(
    data: dataset.EmojiData, sampler: Sampler, settings: Settings
) -> report_file.RealInfo:
    config = _config(sampler)
    return report_file.RealInfo(
        what=f"{', '.join(s.partition('=')[0] for s in config.data.sources)} {settings.data}",
        n=len(data.images),
        hash=data.content_hash,
        filter={k: config.data[k] for k in _FILTERS},
    )


def _about_fake(
    fake: SampleSet, sampler: Sampler, settings: Settings, workdir: str
) -> report_file.FakeInfo:
    return report_file.FakeInfo(
        what=pathlib.Path(workdir).resolve().name,
        n=settings.n,
        workdir=str(workdir),
        step=sampler.step,
        kimg=sampler.step * sampler.config.batch_size / 1000,
        checkpoint_hash=sampler.checkpoint_hash,
        seeds=f"0-{settings.n - 1}",
        truncation=settings.truncation,
        hash=hashlib.sha256(fake.images.tobytes()).hexdigest(),
    )


def _report(
    sides: _Sides,
    extractor: Extractor,
    *,
    seed: int,
    clock: Clock,
    settings: dict[str, Any],
) -> tuple[report_file.Report, memorisation.Neighbours | None]:
    """Computes all figures.

    Args:
      sides: what to compare.
      extractor: that computed the features.
      seed: of resampling.
      clock: with the laps up to now.
      settings: what the figures depend on, for the report.

    Returns:
      The report, and for each generated image its nearest training image.
    """
    result = evaluate.evaluate(sides.real, sides.fake, sides.train, seed)
    bytes_of_unit = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_of_unit / 2**20
    report = report_file.Report(
        extractor=report_file.ExtractorInfo(
            extractor.name, extractor.weights_hash, extractor.pipeline, extractor.background
        ),
        real=sides.about_real,
        fake=sides.about_fake,
        settings=settings
        | {
            "missing": result.missing,
            "peak_host_mib": round(peak),
            "devices": f"{jax.device_count()} {jax.devices()[0].device_kind}",
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in ("jax", "numpy", "scipy")},
        },
        metrics=result.estimates,
        timings=clock.laps | {f"metric {name}": s for name, s in result.seconds.items()},
        created=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return report, result.neighbours
