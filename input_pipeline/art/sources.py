"""Reads other sets of emoji as records: a folder or zip of PNG and SVG, or an icon JSON.

    python -m input_pipeline.sources PATH --list

prints what is read, what is not and why. Layouts that work as they are: OpenMoji, Twemoji, Noto,
emoji-datasource, Fluent, Iconify; and any folder whose files are named by code points or by emoji
names.
"""

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import math
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Collection, Sequence

import numpy as np

from input_pipeline import DataError
from input_pipeline.art import (
    array_cache,
    iconify,
    named_files,
    rasterise,
    set_files,
    svg_text,
    vendors,
)
from input_pipeline.art import common_box as common_box_lib
from input_pipeline.art.array_cache import Columns
from input_pipeline.art.picture import (
    MAX_JSON_BYTES,
    MAX_PICTURE_BYTES,
    READ_ERRORS,
    Picture,
    Skipped,
)
from input_pipeline.unicode import emoji_names

_CHUNK = 64  # pictures decoded at a time
_TOLERATED = 0.05  # fraction of a set that may be unreadable whatever `max_bad_share` says


@dataclasses.dataclass(frozen=True)
class Records:
    """Holds the emoji of one style, sorted by (domain, codepoints), and what is left out.

    Attributes:
      images: n h w 4 uint8, straight alpha.
      columns: n values each: the fields of openmoji's records, and `file`.
      skipped: (file, why it is not read).
    """

    images: np.ndarray
    columns: Columns
    skipped: tuple[tuple[str, str], ...]


def read(
    path: str | os.PathLike,
    style: str,
    size_px: int,
    *,
    common_box: bool = False,
    max_bad_share: float = 0.01,
    only: Collection[str] | None = None,
) -> Records:
    """Reads the emoji of one set.

    Args:
      path: a folder, a .zip, or an icon JSON; of a Fluent checkout the rendering that ends the
        style's name is taken (`fluent-3d`, `-color`, `-high-contrast`), else flat.
      style: what the set is called in the records.
      size_px: side of the images.
      common_box: crop each drawing and scale it into the box that all styles share.
      max_bad_share: fraction of the pictures that may be unreadable; 5 % always may.
      only: code points of the emoji to be drawn; None: all.

    Returns:
      The records; pictures that are no emoji, unreadable or doubled are in `skipped`.

    Raises:
      DataError: no such path, proprietary art, nothing to read, or too many unreadable pictures.
    """
    path = pathlib.Path(path).expanduser()
    vendors.refuse(path, style)
    skipped: Skipped = []
    with contextlib.ExitStack() as stack:
        pictures = _pictures(path, style, skipped, stack)
        chosen = _without_doubles(pictures, skipped)
        if only is not None:
            chosen = [picture for picture in chosen if picture.codepoints in only]
        images, kept, bad = _decode(chosen, size_px, boxed=common_box)
    skipped += bad
    if not kept:
        skipped.sort(key=lambda s: not s[1].startswith("doubtful"))  # these can be mended by a name
        first = f"; first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise DataError(
            f"{path}: no emoji in it{first}; pictures are named by code points (1f600.svg) or words"
        )
    if bad:
        what = (
            f"{path}: {len(bad)} of {len(chosen)} pictures are unreadable, "
            f"first {bad[0][0]} ({bad[0][1]})"
        )
        if len(bad) > max(max_bad_share, _TOLERATED) * len(chosen):
            least = math.ceil(1000 * len(bad) / len(chosen)) / 1000
            raise DataError(
                f"{what}; repair them, or allow it by --config.data.max_bad_share={least}"
            )
        print(f"{what}; left out", file=sys.stderr)
    return Records(np.stack(images), _columns(kept, style), tuple(sorted(skipped)))


def read_cached(
    path: str,
    style: str,
    size_px: int,
    *,
    common_box: bool,
    max_bad_share: float,
    cache_dir: pathlib.Path,
) -> tuple[np.ndarray, Columns]:
    """Returns images and columns of one set, from `cache_dir` where they are there already.

    Prints how much of the set is read, where it is read. Arguments and errors are those of `read`.
    """
    path = str(pathlib.Path(path).expanduser())
    vendors.refuse(pathlib.Path(path), style)

    def read_set() -> tuple[np.ndarray, Columns]:
        records = read(path, style, size_px, common_box=common_box, max_bad_share=max_bad_share)
        print(
            f"{style}: {len(records.images):,} emoji from {path}; "
            f"{len(records.skipped):,} files not read "
            f"(why: python -m input_pipeline.sources {shlex.quote(path)} --list)",
            file=sys.stderr,
        )
        return records.images, {k: v for k, v in records.columns.items() if k != "file"}

    key = f"{content_hash(path)} {style} {size_px} {common_box} {max_bad_share}"
    name = re.sub(r"[^\w-]", "_", style) + f"-{array_cache.size_name(size_px, common_box)}"
    return array_cache.cached(cache_dir, name, key, read_set)


def content_hash(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of all that `read` may read under `path`.

    Raises:
      DataError: no such path, or it cannot be read.
    """
    path = pathlib.Path(path).expanduser()
    digest = hashlib.sha256()
    if path.is_dir():
        for name, get in set_files.of_folder(path, []).items():
            content = get(MAX_JSON_BYTES + 1)
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()
    try:
        for file in (path, *(path.with_name(name) for name in set_files.beside(path))):
            with open(file, "rb") as f:
                digest.update(hashlib.file_digest(f, "sha256").digest())
    except OSError as e:
        raise DataError(
            f"{path}: {e.strerror}; data.sources takes STYLE=PATH of a folder, zip or icon JSON"
        ) from e
    return digest.hexdigest()


def _pictures(
    path: pathlib.Path, style: str, skipped: Skipped, stack: contextlib.ExitStack
) -> list[Picture]:
    """Lists the emoji of a set by its layout; `stack` keeps its files open."""
    if path.suffix.lower() == ".json":
        files = {path.name: set_files.of_path(path)} | set_files.beside(path)
        return list(iconify.pictures(path.name, files, skipped))
    files = (
        set_files.of_folder(path, skipped)
        if path.is_dir()
        else set_files.of_zip(path, skipped, stack)
    )
    json_names = sorted((n for n in files if n.split("/")[-1] == "icons.json"), key=len)
    if json_names:
        return list(iconify.pictures(json_names[0], files, skipped))
    return named_files.pictures(files, style, skipped)


def _without_doubles(pictures: Sequence[Picture], skipped: Skipped) -> list[Picture]:
    """Returns one picture of each emoji and domain: an SVG if any, else the largest PNG."""
    groups = collections.defaultdict(list)
    for picture in pictures:
        groups[picture.domain, picture.codepoints].append(picture)
    chosen = []
    for key in sorted(groups):
        group = groups[key]
        if len(group) > 1:
            group.sort(key=lambda p: (not p.is_svg, 0 if p.is_svg else -_png_width(p)))
        chosen.append(group[0])
        skipped += [(p.file, f"the same emoji as {group[0].file}") for p in group[1:]]
    return chosen


def _png_width(picture: Picture) -> int:
    """Returns the width in the header of a PNG; 0 if it cannot be read."""
    try:
        return int.from_bytes(picture.get(20)[16:20], "big")
    except READ_ERRORS:
        return 0


def _decode(
    chosen: Sequence[Picture], size_px: int, *, boxed: bool
) -> tuple[list[np.ndarray], list[Picture], Skipped]:
    """Returns images of the readable pictures, these pictures, and (file, why) of the others."""
    scale = common_box_lib.fit if boxed else common_box_lib.resize
    images: list[np.ndarray] = []
    kept: list[Picture] = []
    bad: Skipped = []
    with rasterise.Rasteriser(2 * size_px if boxed else size_px) as rasteriser:
        for chunk in (chosen[i : i + _CHUNK] for i in range(0, len(chosen), _CHUNK)):
            contents = [_content(picture) for picture in chunk]
            drawn = rasteriser.render_pngs(c for c in contents if isinstance(c, str))
            for picture, content in zip(chunk, contents, strict=True):
                try:
                    png = next(drawn) if isinstance(content, str) else content
                    if isinstance(png, rasterise.BadImage):
                        raise png
                    image = scale(rasterise.read_png(png), size_px)
                    if not image[..., 3].any():
                        raise rasterise.BadImage("nothing is drawn")
                except rasterise.BadImage as e:
                    bad.append((picture.file, f"unreadable: {e}"))
                else:
                    images.append(image)
                    kept.append(picture)
    return images, kept, bad


def _content(picture: Picture) -> str | bytes | rasterise.BadImage:
    """Returns the text of an SVG, the bytes of a PNG, or why it is not read."""
    try:
        data = picture.get(MAX_PICTURE_BYTES + 1)
        if len(data) > MAX_PICTURE_BYTES:
            return rasterise.BadImage(f"larger than {MAX_PICTURE_BYTES >> 20} MiB")
        if vendor := vendors.of_content(data):
            return rasterise.BadImage(f"{vendor}'s art: proprietary and never used")
        return svg_text.decode(data) if picture.is_svg else data
    except (UnicodeError, *READ_ERRORS) as e:
        return rasterise.BadImage(str(e) or type(e).__name__)


def _columns(pictures: Sequence[Picture], style: str) -> Columns:
    """Returns the fields of the records, n values each; 'a|b' for a sequence."""
    metas = [emoji_names.lookup(p.codepoints) for p in pictures]
    columns = {
        f.name: [getattr(m, f.name) for m in metas] for f in dataclasses.fields(emoji_names.Meta)
    }
    for name, values in columns.items():
        if isinstance(values[0], tuple):
            columns[name] = ["|".join(v) for v in values]
    columns["domain"] = [p.domain for p in pictures]
    columns["style"] = [style] * len(pictures)
    columns["file"] = [p.file for p in pictures]
    arrays = {name: np.array(values) for name, values in columns.items()}
    return arrays | {"version": arrays["version"].astype(np.float32)}


def main() -> None:
    """Prints what is read of a set of emoji, what is not, and why."""
    parser = argparse.ArgumentParser(description="What would be read of a set of emoji.")
    parser.add_argument("path", help="a folder, a .zip or an icon JSON")
    parser.add_argument("--list", action="store_true", help="every picture: read or why not")
    parser.add_argument("--style", help="name of the set; else that of the file")
    parser.add_argument("--resolution", type=int, default=64, help="px")
    parser.add_argument("--common_box", action="store_true")
    args = parser.parse_args()
    style = args.style or pathlib.Path(args.path).stem or "emoji"
    records = read(args.path, style, args.resolution, common_box=args.common_box, max_bad_share=1.0)
    columns = records.columns
    if args.list:
        for codepoints, name, domain, file in zip(
            *(columns[c] for c in ("codepoints", "name", "domain", "file")), strict=True
        ):
            print(f"read {codepoints} {domain} ({name}): {file}")
        for file, why in records.skipped:
            print(f"not read {file}: {why}")
    read_count, emoji = len(records.images), len(set(columns["codepoints"]))
    whys = collections.Counter(re.split(r" as |: ", why)[0] for _, why in records.skipped)
    print(
        f"total: {read_count} of {read_count + len(records.skipped)} files or icons read, "
        f"{emoji} of the {len(emoji_names.every())} emoji of the Unicode list, as style {style!r}"
    )
    for why, count in whys.most_common():
        print(f"not read: {count} ({why})")
