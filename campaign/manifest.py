"""Describes the emoji of a pack once, for every target: `manifest.json` beside the pictures."""

import dataclasses
import json
import pathlib
import re

from campaign.language import Language
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

MANIFEST = "manifest.json"
NAME = re.compile(r"[a-z0-9_]{2,32}")  # what every importer takes as a short code


@dataclasses.dataclass(frozen=True)
class Entry:
    """Describes one emoji of a pack.

    Attributes:
      name: short code, `NAME`.
      file: PNG, or APNG where it moves; relative to the manifest.
      category: theme of the campaign, or "".
      aliases: other short names, by language ("en", "fr").
      alt: what a screen reader says, by language.
      licence: SPDX expression.
      attribution: text to publish with the emoji.
      author: who made it.
      provenance: text chunks that draw it again: model, seed, parents, ...
    """

    name: str
    file: str
    category: str
    aliases: dict[str, list[str]]
    alt: dict[str, str]
    licence: str
    attribution: str
    author: str
    provenance: dict[str, str]


def write(folder: pathlib.Path, entries: list[Entry]) -> pathlib.Path:
    """Writes the manifest of the pictures in a folder, whole or not at all."""
    content = {"emoji": [dataclasses.asdict(e) for e in entries]}
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MANIFEST
    workdir.write_atomic(path, text.encode())
    return path


def read(folder: pathlib.Path, language: Language) -> list[Entry]:
    """Reads the manifest of a folder.

    Raises:
      UserError: missing, unreadable, a name that importers refuse or that two emoji have, or a
        picture that is not in the folder.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = [Entry(**fields) for fields in content["emoji"]]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(
            language.pick(
                f"{path} cannot be read ({type(e).__name__}): docs/packs.md has its fields",
                f"{path} n'est pas lisible ({type(e).__name__}) : ses champs sont dans "
                "docs/packs.fr.md",
            )
        ) from None
    seen: set[str] = set()
    for e in entries:
        if not NAME.fullmatch(e.name) or e.name in seen:
            raise UserError(
                language.pick(
                    f"{path}: the name {e.name!r} is used twice or is not 2 to 32 of a-z, 0-9, _",
                    f"{path} : le nom {e.name!r} est employé deux fois ou n'est pas fait de 2 à 32 "
                    "signes a-z, 0-9, _",
                )
            )
        if not (folder / e.file).is_file() or not _inside(folder, e.file):
            raise UserError(
                language.pick(
                    f"{path}: {e.file} of {e.name} is not in {folder}",
                    f"{path} : {e.file} de {e.name} n'est pas dans {folder}",
                )
            )
        seen.add(e.name)
    return entries


def _inside(folder: pathlib.Path, file: str) -> bool:
    return (folder / file).resolve().is_relative_to(folder.resolve())
