"""Finds the emoji to pack: those of a campaign that passed, or a folder of pictures."""

import dataclasses
import pathlib
from collections.abc import Mapping

from campaign import folder as folder_lib
from campaign import manifest
from campaign.language import Language
from campaign.manifest import Entry
from campaign.pack import artwork as artwork_lib
from campaign.pack import naming
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Text
from emoji_gan.errors import UserError
from input_pipeline.art import licences, picture_folder

_NOT_PICKED = ("not picked", "non retenu")
_AUTHOR = "emoji_gan"


@dataclasses.dataclass(frozen=True)
class Origin:
    """Holds what may be packed, and what may not.

    Attributes:
      artworks: in their order.
      left_out: name -> why.
    """

    artworks: list[Artwork]
    left_out: dict[str, Text]

    def report_left_out(self, language: Language) -> None:
        """Prints what was picked and may not be packed, and how many were not picked."""
        others = 0
        for name, reason in self.left_out.items():
            if reason == _NOT_PICKED:
                others += 1
                continue
            start = language.pick(f"left out {name}:", f"laissé de côté, {name} :")
            print(start, language.pick(*reason))
        if others:
            print(
                language.counted(
                    others,
                    "left out: {n} [proposal that is|proposals that are] not picked",
                    "[laissée|laissées] de côté : {n} [proposition non retenue|propositions non "
                    "retenues]",
                )
            )


def of_campaign(folder: pathlib.Path, language: Language) -> Origin:
    """Reads the emoji of a campaign that are picked and passed all gates, and their loops.

    Raises:
      UserError: a record is missing or malformed, or a picture cannot be read.
    """
    try:
        return _of_records(folder, language)
    except (KeyError, TypeError, AttributeError) as e:
        raise UserError(
            language.pick(
                f"a record in {folder} lacks a field ({e}): run `campaign propose`, `pick`, "
                "`check` and `animate` again",
                f"il manque un champ à un fichier de {folder} ({e}) : relancez `campaign propose`, "
                "`pick`, `check` et `animate`",
            )
        ) from None


def _of_records(folder: pathlib.Path, language: Language) -> Origin:
    proposals = _records(folder, folder_lib.PROPOSALS, "proposals", language)
    checks = {c["name"]: c for c in _records(folder, folder_lib.CHECKS, "checked", language)}
    picked = _records(folder, folder_lib.PICKS, "picked", language)
    chosen, left_out = [], {}
    for p in proposals:
        reason = _reason(p["name"], picked, checks)
        if reason is None:
            chosen.append(p)
        else:
            left_out[p["name"]] = reason
    loops = []
    if (folder / folder_lib.ANIMATIONS).exists():
        loops = _records(folder, folder_lib.ANIMATIONS, "animations", language)
    artworks = []
    where = (folder / folder_lib.PROPOSALS).parent
    for p in chosen:
        artworks.append(_artwork(where / p["file"], p, checks[p["name"]], language))
        for loop in (x for x in loops if x["of"] == p["name"]):
            path = (folder / folder_lib.ANIMATIONS).parent / loop["file"]
            named = p | {"name": loop["name"]}
            artworks.append(_artwork(path, named, checks[p["name"]], language))
    return Origin(_renamed(artworks), left_out)


def _records(folder: pathlib.Path, name: str, key: str, language: Language) -> list:
    content = folder_lib.read_record(folder, name, language)
    rows = content.get(key)
    if not isinstance(rows, list):
        raise UserError(
            language.pick(
                f"{folder / name}: there is no list {key!r} in it; write it again by its command",
                f"{folder / name} : il n'y a pas de liste {key!r} ; refaites-le par sa commande",
            )
        )
    return rows


def _reason(name: str, picked: list[str], checks: Mapping[str, dict]) -> Text | None:
    """Returns why a proposal is not packed; None: it is."""
    if name not in picked:
        return _NOT_PICKED
    if name not in checks:
        return ("not checked: run `campaign check`", "non vérifié : lancez `campaign check`")
    if checks[name]["passed"]:
        return None
    failed = [g for g in checks[name]["gates"] if not g["passed"]]
    english, french = ("; ".join(str(g["reason"][code]) for g in failed) for code in ("en", "fr"))
    return (f"did not pass `check`: {english}", f"échoue à `check` : {french}")


def _artwork(path: pathlib.Path, proposal: dict, check: dict, language: Language) -> Artwork:
    names = proposal.get("names", {})
    texts = picture_folder.own_texts(path)
    parents = ", ".join(proposal.get("parents", []))
    entry = Entry(
        name=proposal["name"],
        file=path.name,
        category=proposal.get("theme", ""),
        aliases={code: [name] for code, name in names.items() if name},
        alt=dict(check.get("alt", {})),
        licence=check.get("licence") or proposal.get("licence", ""),
        attribution=check.get("attribution") or proposal.get("attribution", ""),
        author=_AUTHOR,
        provenance=texts | ({"parents": parents} if parents else {}),
    )
    return artwork_lib.read(path, entry, language)


def of_folder(folder: pathlib.Path, language: Language) -> Origin:
    """Reads the emoji of a folder, by its manifest, or every PNG where it has none.

    A PNG's name is its file's; licence and attribution are those of its text chunks, silence
    permits nothing.

    Raises:
      UserError: no such folder, no PNG, or a picture or the manifest cannot be read.
    """
    if (folder / manifest.MANIFEST).exists():
        entries = manifest.read(folder, language)
        return Origin([artwork_lib.read(folder / e.file, e, language) for e in entries], {})
    paths = [p for p in sorted(folder.glob("*.png")) if not picture_folder.is_sheet(p)]
    if not paths:
        raise UserError(
            language.pick(
                f"--from={folder}: no {manifest.MANIFEST} and no PNG in it",
                f"--from={folder} : ni {manifest.MANIFEST} ni PNG",
            )
        )
    return Origin(_renamed([artwork_lib.read(p, _entry(p), language) for p in paths]), {})


def _entry(path: pathlib.Path) -> Entry:
    texts = picture_folder.texts(path)
    work = licences.of_texts(texts, path.name)
    words = texts.get("asked text") or path.stem.replace("_", " ")
    return Entry(
        name=path.stem,
        file=path.name,
        category="",
        aliases={},
        alt={"en": words, "fr": words},
        licence=work.expression,
        attribution="; ".join(work.credits),
        author=_AUTHOR if texts.get("Software") == "emoji_gan" else "",
        provenance=texts,
    )


def _renamed(artworks: list[Artwork]) -> list[Artwork]:
    """Gives each artwork a name that importers take."""
    names = naming.unique(a.entry.name for a in artworks)
    return [
        dataclasses.replace(a, entry=dataclasses.replace(a.entry, name=name))
        for a, name in zip(artworks, names, strict=True)
    ]
