"""Finds the emoji among the files of a folder or zip, by their names and folders."""

import json
from collections.abc import Iterator

from input_pipeline import DataError
from input_pipeline.art import fluent, picture_names, vendors
from input_pipeline.art.picture import (
    MAX_PICTURE_BYTES,
    NOT_IN_LIST,
    READ_ERRORS,
    Files,
    Picture,
    Skipped,
)
from input_pipeline.unicode import emoji_names

_AGREEMENT = 0.5  # fraction of a set's names that must be emoji before doubtful ones count


def pictures(files: Files, style: str, skipped: Skipped) -> list[Picture]:
    """Returns the pictures that are emoji: those with a certain name, then the others.

    A doubtful name ('ae', '2600') counts where at least half of the set's names are emoji in the
    same notation: words, or code points.

    Args:
      files: of the set.
      style: of a Fluent checkout the rendering that ends this name is taken, else flat.
      skipped: receives the other files, and why.

    Raises:
      DataError: the set's package.json names a vendor whose art is proprietary.
    """
    _refuse_by_package(files)
    metadata = {
        n.rpartition("/")[0]: get for n, get in files.items() if n.split("/")[-1] == "metadata.json"
    }
    renderings = {r for n in files if (r := fluent.rendering(n))}
    selected = next(
        (r for r in renderings if style.lower().endswith(r)),
        "flat" if "flat" in renderings else None,
    )
    certain: list[Picture] = []
    doubtful: list[Picture] = []
    unnamed = 0
    for name, get in files.items():
        folders, _, file_name = name.rpartition("/")
        stem, _, extension = file_name.rpartition(".")
        rendering = fluent.rendering(name)
        if why := _unfit(folders, extension, rendering=rendering, selected=selected):
            skipped.append((name, why))
            continue
        parts = folders.lower().split("/")
        codepoints = _of_metadata(folders, metadata)
        is_certain = codepoints is not None or picture_names.is_certain(stem)
        codepoints = codepoints or picture_names.lookup(stem)
        if codepoints is None:
            unnamed += 1
            skipped.append((name, NOT_IN_LIST))
            continue
        # OpenMoji's black folder and Fluent's high contrast are drawn in one colour.
        domain = "line" if "black" in parts or rendering == "high-contrast" else "full"
        picture = Picture(name, codepoints, domain, extension.lower() == "svg", get)
        (certain if is_certain else doubtful).append(picture)
    return certain + _trusted(doubtful, certain, unnamed=unnamed, skipped=skipped)


def _unfit(
    folders: str, extension: str, *, rendering: str | None, selected: str | None
) -> str | None:
    """Returns why a file is not read whatever its name says, or None."""
    if extension.lower() not in ("png", "svg"):
        return "neither PNG nor SVG"
    if folders and (vendor := vendors.of_folders(folders.split("/"))):
        return f"{vendor}'s art: proprietary and never used"
    if selected and rendering and rendering != selected:
        return f"rendering {rendering}: end the style's name in -{rendering} to read it"
    return None


def _of_metadata(folders: str, metadata: Files) -> str | None:
    """Returns the code points by the nearest metadata.json in these folders, or None.

    Args:
      folders: of a picture, joined by /.
      metadata: each metadata.json by its folders.
    """
    folder = next((f for f in _parents(folders) if f in metadata), None)
    if folder is None:
        return None
    parts = folders.lower().split("/")
    return fluent.codepoints(metadata[folder], folder.split("/")[-1], parts)


def _parents(folders: str) -> Iterator[str]:
    """Yields a folder and those around it, from the innermost to the set's own, ''."""
    while folders:
        yield folders
        folders = folders.rpartition("/")[0]
    yield ""


def _trusted(
    doubtful: list[Picture], certain: list[Picture], *, unnamed: int, skipped: Skipped
) -> list[Picture]:
    """Returns the doubtful pictures that count; the others go to `skipped`."""
    total = len(certain) + len(doubtful) + unnamed
    trusted: list[Picture] = []
    # Names of one notation vouch for each other: words say nothing of what AE or 2600 means.
    for is_code in (True, False):
        alike = [p for p in doubtful if picture_names.is_code(p.file) is is_code]
        count = len(alike) + sum(picture_names.is_code(p.file) is is_code for p in certain)
        if count >= _AGREEMENT * total:
            trusted += alike
        else:
            skipped += [(p.file, _doubt(p, count, total)) for p in alike]
    return trusted


def _doubt(picture: Picture, count: int, total: int) -> str:
    name = emoji_names.lookup(picture.codepoints).name
    return (
        f"doubtful: it could be {name}, but only {count} of {total} names here are of its kind; "
        f"call it u{picture.codepoints} to read it"
    )


def _refuse_by_package(files: Files) -> None:
    """Raises DataError if a package.json of the set names a proprietary vendor."""
    for name in (n for n in files if n.split("/")[-1] == "package.json"):
        try:
            package = json.loads(files[name](MAX_PICTURE_BYTES))
            author, title = json.dumps(package.get("author")), str(package.get("name", ""))
        except (ValueError, AttributeError, *READ_ERRORS):
            continue  # whatever it is, it says nothing of the art
        if vendor := vendors.of_words(author) or vendors.of_folders([title]):
            raise DataError(vendors.refusal(vendor, name))
