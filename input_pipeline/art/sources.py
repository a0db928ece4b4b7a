"""Other people's emoji as records: a folder or zip of PNG and SVG, or an icon JSON of Iconify's form.

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
import json
import math
import os
import pathlib
import re
import sys
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from input_pipeline import DataError
from input_pipeline.art import common_box, iconify, picture_names, rasterise, svg_text, vendors
from input_pipeline.art.picture import MAX_JSON_BYTES, NOT_IN_LIST, READ_ERRORS, Files, Picture
from input_pipeline.unicode import emoji_names, icon_names

_MAX_FILES = 100_000
_MAX_PICTURE_BYTES = 8 << 20
_CHUNK = 64  # pictures decoded at a time
_TOLERATED = 0.05  # of a set that was asked for by hand, this part may be unreadable
_AGREEMENT = 0.5  # of a set's names, this part must be emoji before doubtful ones count
_MAX_ARCHIVE_BYTES = 4 << 30  # of all pictures of a zip, unpacked

# Fluent draws each emoji in four ways, side by side; npm's fluentui-emoji calls Color modern.
_RENDERINGS = {
    "3d": "3d",
    "color": "color",
    "modern": "color",
    "flat": "flat",
    "high contrast": "high-contrast",
}
_TONES = {
    "light": "1F3FB",
    "medium-light": "1F3FC",
    "medium": "1F3FD",
    "medium-dark": "1F3FE",
    "dark": "1F3FF",
}

_HIDDEN = "hidden: a resource fork or a copy"


@dataclasses.dataclass(frozen=True)
class Records:
    """Emoji of one style, sorted by (domain, codepoints), and what was left out."""

    images: np.ndarray  # n h w 4 uint8, straight alpha
    columns: dict[str, np.ndarray]  # n: the fields of openmoji's records, and `file`
    skipped: tuple[tuple[str, str], ...]  # (file, why it was not read)


def read(
    path: str | os.PathLike,
    style: str,
    size_px: int,
    common_box: bool = False,
    max_bad_share: float = 0.01,
) -> Records:
    """Reads the emoji of one set.

    Args:
      path: a folder, a .zip, or an icon JSON; of a Fluent checkout the rendering that ends the
        style's name is taken (`fluent-3d`, `-color`, `-high-contrast`), else flat.
      style: what the set is called in the records.
      size_px: side of the images.
      common_box: crop each drawing and scale it into the box that all styles share.
      max_bad_share: of the pictures that may be unreadable.

    Returns:
      The records; pictures that are no emoji, unreadable or doubled are in `skipped`.

    Raises:
      DataError: no such path, proprietary art, nothing to read, or too many unreadable pictures.
    """
    path = pathlib.Path(path).expanduser()
    vendors.refuse(path, style)
    skipped: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        if path.suffix.lower() == ".json":
            found = list(
                iconify.pictures(
                    path.name, {path.name: _file_reader(path)} | _beside(path), skipped
                )
            )
        else:
            files = _folder(path, skipped) if path.is_dir() else _zip(path, skipped, stack)
            json_names = sorted((n for n in files if n.split("/")[-1] == "icons.json"), key=len)
            if json_names:
                found = list(iconify.pictures(json_names[0], files, skipped))
            else:
                found = _pictures(files, style, skipped)
        chosen = _without_doubles(found, skipped)
        images, kept, bad = _decode(chosen, size_px, common_box)
    skipped += bad
    if not kept:
        skipped.sort(key=lambda s: not s[1].startswith("doubtful"))  # these can be mended by a name
        what = f"; first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise DataError(
            f"{path}: no emoji in it{what}; pictures are named by code points (1f600.svg) or words"
        )
    if bad:
        what = f"{path}: {len(bad)} of {len(chosen)} pictures are unreadable, first {bad[0][0]} ({bad[0][1]})"
        if len(bad) > max(max_bad_share, _TOLERATED) * len(chosen):
            least = math.ceil(1000 * len(bad) / len(chosen)) / 1000
            raise DataError(
                f"{what}; repair them, or allow it by --config.data.max_bad_share={least}"
            )
        print(f"{what}; left out", file=sys.stderr)
    return Records(np.stack(images), _columns(kept, style), tuple(sorted(skipped)))


def content_hash(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of all that `read` may read under `path`."""
    path = pathlib.Path(path).expanduser()
    digest = hashlib.sha256()
    if path.is_dir():
        for name, get in _folder(path, []).items():
            content = get(MAX_JSON_BYTES + 1)
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()
    try:
        for file in (path, *(path.with_name(name) for name in _beside(path))):
            with open(file, "rb") as f:
                digest.update(hashlib.file_digest(f, "sha256").digest())
    except OSError as e:
        raise DataError(
            f"{path}: {e.strerror}; data.sources takes STYLE=PATH of a folder, zip or icon JSON"
        ) from e
    return digest.hexdigest()


# Where the pictures are.


def _file_reader(path: pathlib.Path) -> Callable[[int], bytes]:
    def get(limit: int) -> bytes:
        with open(path, "rb") as f:
            return f.read(limit)

    return get


def _beside(path: pathlib.Path) -> dict:
    """Iconify's packages keep code points and the author beside the icons."""
    files = ("chars.json", "info.json") if path.name == "icons.json" else ()
    return {
        name: _file_reader(path.with_name(name)) for name in files if path.with_name(name).is_file()
    }


def _folder(root: pathlib.Path, skipped: list) -> dict[str, Callable[[int], bytes]]:
    files = {}
    inside = root.resolve()
    for folder, folders, file_names in os.walk(root):
        for linked in sorted(f for f in folders if pathlib.Path(folder, f).is_symlink()):
            link = pathlib.Path(folder, linked)
            where = (
                "a folder that is read anyway"
                if link.resolve().is_relative_to(inside)
                else ("a folder elsewhere: name that as a source of its own")
            )
            skipped.append((link.relative_to(root).as_posix(), f"a link to {where}"))
        for hidden in sorted(f for f in folders if is_hidden(f)):
            skipped.append((pathlib.Path(folder, hidden).relative_to(root).as_posix(), _HIDDEN))
        folders[:] = sorted(
            f for f in folders if not is_hidden(f) and not pathlib.Path(folder, f).is_symlink()
        )
        for file_name in sorted(file_names):
            file = pathlib.Path(folder, file_name)
            name = file.relative_to(root).as_posix()
            if is_hidden(file_name):
                skipped.append((name, _HIDDEN))
            elif file.is_symlink() and not file.resolve().is_relative_to(inside):
                skipped.append((name, "a link that leaves the folder"))
            elif file.is_file():
                files[name] = _file_reader(file)
            if len(files) > _MAX_FILES:
                raise DataError(
                    f"{root}: more than {_MAX_FILES} files; name the folder of one emoji set"
                )
    return files


def _zip(
    path: pathlib.Path, skipped: list, stack: contextlib.ExitStack
) -> dict[str, Callable[[int], bytes]]:
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; data.sources takes STYLE=PATH")
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as e:
        raise DataError(f"{path}: neither a folder, a readable zip nor a .json ({e})") from e
    infos = [i for i in archive.infolist() if i.filename and not i.is_dir()]
    total = sum(i.file_size for i in infos)
    if len(infos) > _MAX_FILES or total > _MAX_ARCHIVE_BYTES:
        raise DataError(
            f"{path}: {len(infos)} files of {total >> 20} MiB unpacked; "
            f"at most {_MAX_FILES} and {_MAX_ARCHIVE_BYTES >> 20} MiB are read"
        )

    def reader(info: zipfile.ZipInfo) -> Callable[[int], bytes]:
        def get(limit: int) -> bytes:
            with archive.open(
                info
            ) as f:  # never unpacked to disk, never more than `limit` in memory
                return f.read(limit)

        return get

    files = {}
    for info in sorted(infos, key=lambda i: i.filename):
        parts = re.split(r"[/\\]", info.filename)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            skipped.append((info.filename, "its name leaves the archive"))
        elif any(is_hidden(part) for part in parts):
            skipped.append((info.filename, _HIDDEN))
        else:
            files["/".join(parts)] = reader(info)
    return files


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is no content: a Mac's resource fork, a notebook's copy."""
    return name.startswith(".") or name == "__MACOSX"


# Which emoji a picture is.


def _pictures(files: Files, style: str, skipped: list[tuple[str, str]]) -> list[Picture]:
    """Returns the pictures that are known to be emoji; the others and the reason go to `skipped`."""
    _refuse_by_package(files)
    metadata = {n.rpartition("/")[0]: n for n in files if n.split("/")[-1] == "metadata.json"}
    present = {r for n in files if (r := _rendering(n))}
    wanted = next(
        (r for r in present if style.lower().endswith(r)), "flat" if "flat" in present else None
    )
    certain: list[Picture] = []
    doubtful: list[Picture] = []
    unnamed = 0
    for name, get in files.items():
        folders, _, file_name = name.rpartition("/")
        stem, _, extension = file_name.rpartition(".")
        rendering = _rendering(name)
        vendor = vendors.of_folders(folders.split("/")) if folders else None
        if extension.lower() not in ("png", "svg"):
            why = "neither PNG nor SVG"
        elif vendor:
            why = f"{vendor}'s art: proprietary and never used"
        elif wanted and rendering and rendering != wanted:
            why = f"rendering {rendering}: end the style's name in -{rendering} to read it"
        else:
            home = next((f for f in _parents(folders) if f in metadata), None)
            parts = folders.lower().split("/")
            codepoints = None
            if home is not None:
                codepoints = _fluent(files[metadata[home]], home.split("/")[-1], parts)
            is_certain = codepoints is not None or picture_names.is_certain(stem)
            if codepoints := codepoints or picture_names.lookup(stem):
                # OpenMoji's black folder and Fluent's high contrast are drawn in one colour.
                domain = "line" if "black" in parts or rendering == "high-contrast" else "full"
                picture = Picture(name, codepoints, domain, extension.lower() == "svg", get)
                (certain if is_certain else doubtful).append(picture)
                continue
            unnamed += 1
            why = NOT_IN_LIST
        skipped.append((name, why))
    total = len(certain) + len(doubtful) + unnamed
    chosen = list(certain)
    # Names of one notation vouch for each other: words say nothing of what AE or 2600 means.
    for notation in (True, False):
        alike = [p for p in doubtful if picture_names.is_code(p.file) is notation]
        count = len(alike) + sum(picture_names.is_code(p.file) is notation for p in certain)
        if count >= _AGREEMENT * total:
            chosen += alike
        else:
            skipped += [(p.file, _doubt(p, count, total)) for p in alike]
    return chosen


def _refuse_by_package(files: Files) -> None:
    """Refuses a set whose package.json names a proprietary vendor."""
    for name in (n for n in files if n.split("/")[-1] == "package.json"):
        try:
            package = json.loads(files[name](_MAX_PICTURE_BYTES))
            author, title = json.dumps(package.get("author")), str(package.get("name", ""))
        except (ValueError, AttributeError, *READ_ERRORS):
            continue  # whatever it is, it says nothing of the art
        if vendor := vendors.of_words(author) or vendors.of_folders([title]):
            raise DataError(vendors.refusal(vendor, name))


def _doubt(picture: Picture, count: int, pictures: int) -> str:
    name = emoji_names.lookup(picture.codepoints).name
    return (
        f"doubtful: it could be {name}, but only {count} of {pictures} names here are of its kind; "
        f"call it u{picture.codepoints} to read it"
    )


def _rendering(name: str) -> str | None:
    """Which of Fluent's renderings a file is, by its folders."""
    folders = name.lower().replace("-", " ").split("/")[:-1]
    return next((_RENDERINGS[f] for f in folders if f in _RENDERINGS), None)


def _parents(folders: str) -> Iterator[str]:
    while folders:
        yield folders
        folders = folders.rpartition("/")[0]
    yield ""


def _fluent(get: Callable[[int], bytes], folder: str, parts: list[str]) -> str | None:
    """Code points of a picture of a Fluent folder: its metadata, its tone's and gender's folder."""
    tone = next((_TONES[p] for p in parts if p in _TONES), None)
    gender = next((p for p in parts if p in ("man", "woman") and p != folder.lower()), None)
    if gender:
        word = next((t for t, c in _TONES.items() if c == tone), "default")
        return icon_names.lookup(f"{gender}-{folder}-{word}")
    try:
        meta = json.loads(get(_MAX_PICTURE_BYTES))
        every = [str(meta["unicode"]), *map(str, meta.get("unicodeSkintones", ()))]
    except (ValueError, KeyError, TypeError, *READ_ERRORS):
        return None
    for codepoints in every:
        tones = {c for c in codepoints.upper().split() if c in _TONES.values()}
        if tones == ({tone} if tone else set()):
            return emoji_names.normalise("-".join(codepoints.split()))
    return None


# Pictures to records.


def _without_doubles(found: list[Picture], skipped: list) -> list[Picture]:
    """One picture of each emoji and domain: an SVG if there is one, else the largest PNG."""
    groups = collections.defaultdict(list)
    for picture in found:
        groups[picture.domain, picture.codepoints].append(picture)
    chosen = []
    for key in sorted(groups):
        group = groups[key]
        if len(group) > 1:
            group.sort(
                key=lambda p: (
                    not p.is_svg,
                    0 if p.is_svg else -_png_width(p),
                )
            )
        chosen.append(group[0])
        skipped += [(p.file, f"the same emoji as {group[0].file}") for p in group[1:]]
    return chosen


def _png_width(picture: Picture) -> int:
    try:
        return int.from_bytes(picture.get(20)[16:20], "big")
    except READ_ERRORS:
        return 0


def _decode(chosen: list[Picture], size_px: int, boxed: bool) -> tuple[list, list[Picture], list]:
    """Images of the readable pictures, these pictures, and (file, why) of the others."""
    place = common_box.fit if boxed else common_box.resize
    images, kept, bad = [], [], []
    with rasterise.Rasteriser(2 * size_px if boxed else size_px) as rasteriser:
        for chunk in (chosen[i : i + _CHUNK] for i in range(0, len(chosen), _CHUNK)):
            contents = [_content(picture) for picture in chunk]
            drawn = rasteriser.render_pngs(c for c in contents if isinstance(c, str))
            for picture, content in zip(chunk, contents, strict=True):
                try:
                    png = next(drawn) if isinstance(content, str) else content
                    if isinstance(png, rasterise.BadImage):
                        raise png
                    image = place(rasterise.read_png(png), size_px)
                    if not image[..., 3].any():
                        raise rasterise.BadImage("nothing is drawn")
                except rasterise.BadImage as e:
                    bad.append((picture.file, f"unreadable: {e}"))
                else:
                    images.append(image)
                    kept.append(picture)
    return images, kept, bad


def _content(picture: Picture) -> str | bytes | rasterise.BadImage:
    """The text of an SVG or the bytes of a PNG."""
    try:
        data = picture.get(_MAX_PICTURE_BYTES + 1)
        if len(data) > _MAX_PICTURE_BYTES:
            return rasterise.BadImage(f"larger than {_MAX_PICTURE_BYTES >> 20} MiB")
        if vendor := vendors.of_content(data):
            return rasterise.BadImage(f"{vendor}'s art: proprietary and never used")
        return svg_text.decode(data) if picture.is_svg else data
    except (UnicodeError, *READ_ERRORS) as e:
        return rasterise.BadImage(str(e) or type(e).__name__)


def _columns(pictures: list[Picture], style: str) -> dict[str, np.ndarray]:
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
    """The command line."""
    parser = argparse.ArgumentParser(description="What would be read of a set of emoji.")
    parser.add_argument("path", help="a folder, a .zip or an icon JSON")
    parser.add_argument("--list", action="store_true", help="every picture: read or why not")
    parser.add_argument("--style", help="name of the set; else that of the file")
    parser.add_argument("--resolution", type=int, default=64, help="px")
    parser.add_argument("--common_box", action="store_true")
    args = parser.parse_args()
    style = args.style or pathlib.Path(args.path).stem or "emoji"
    records = read(args.path, style, args.resolution, args.common_box, max_bad_share=1.0)
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
