"""Checks every proposal of a campaign: what fails a gate is not exported."""

import argparse
import dataclasses
import pathlib
from typing import Any

import numpy as np
import PIL.Image

from campaign import folder as folder_lib
from campaign.brief import channel_names
from campaign.gates import (
    alt_text,
    flashing,
    ground_contrast,
    licence_terms,
    near_copy,
    nearest_real,
    offensive,
    parent_colours,
    small_size,
    theme_match,
)
from campaign.gates.gate import Gate, Subject
from campaign.language import Language
from campaign.picture_judge import PictureJudge
from campaign.proposing import proposal
from campaign.proposing.proposal import Proposal
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import host
from input_pipeline.art import common_box

GATES = (
    near_copy,
    nearest_real,
    small_size,
    ground_contrast,
    theme_match,
    parent_colours,
    offensive,
    licence_terms,
    alt_text,
)
# Gate -> what it looks at, in English and French.
LABELS = {
    "near_copy": ("copy", "copie"),
    "nearest_real": ("likeness", "ressemblance"),
    "small_size": ("small size", "petite taille"),
    "ground_contrast": ("contrast", "contraste"),
    "theme_match": ("subject", "sujet"),
    "parent_colours": ("colours", "couleurs"),
    "offensive": ("offence", "offense"),
    "licence_terms": ("licence", "licence"),
    "alt_text": ("text for screen readers", "texte pour lecteurs d'écran"),
    "flashing": ("flashes", "flashs"),
}
_JUDGED_PX = 128
_MAX_FRAMES = 1000


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign check`."""


def run(a: argparse.Namespace, language: Language) -> int:
    """Runs the verb: writes checks.json, prints what failed and why."""
    proposals = proposal.read_all(a.dir, language)
    pictures = [proposal.picture(a.dir, p, language) for p in proposals]
    host.setup_compilation_cache()
    theme, unwanted = _search(a.dir)
    judge = PictureJudge()
    judged = [common_box.resize(x, _JUDGED_PX) for x in pictures]
    seen = judge(np.stack(judged)) if judged else []
    subjects = [
        Subject(p, picture, s, theme.get(p.theme, ()), unwanted)
        for p, picture, s in zip(proposals, pictures, seen, strict=True)
    ]
    checked = [
        entry(s.proposal, gates_of(s)) | {"picture": proposal.digest(a.dir, s.proposal)}
        for s in subjects
    ]
    of_name = {p.name: p for p in proposals}
    for loop in _loops(a.dir, language):
        frames = _frames(a.dir, loop["file"], language)
        gate = flashing.check(frames, float(loop["duration_ms"]))
        if loop["of"] in of_name:
            checked.append(entry(of_name[loop["of"]], [gate]) | {"name": loop["name"]})
    path = folder_lib.write_record(a.dir, folder_lib.CHECKS, {"checked": checked})
    _report(checked, path, language)
    return errors.EXIT_OK


def gates_of(subject: Subject) -> list[Gate]:
    """Returns what every gate for still pictures says."""
    return [module.check(subject) for module in GATES]


def entry(p: Proposal, gates: list[Gate]) -> dict[str, Any]:
    """Returns the entry of one proposal, or of a loop of it, in checks.json."""
    return {
        "name": p.name,
        "passed": all(gate.passed for gate in gates),
        "gates": [dataclasses.asdict(gate) for gate in gates],
        "alt": alt_text.of(p),
        "licence": p.licence,
        "attribution": p.attribution,
    }


def _search(
    folder: pathlib.Path,
) -> tuple[dict[str, tuple[str, ...]], dict[str, dict[str, str]]]:
    """Returns theme -> its emoji, and what is not suggested with the reason; {} without search."""
    if not (folder / folder_lib.SEARCH).exists():
        return {}, {}
    content = folder_lib.read_record(folder, folder_lib.SEARCH, Language("en"))
    themes = {
        str(t.get("theme")): tuple(str(r["codepoints"]) for r in t.get("results", []))
        for t in content.get("themes", [])
    }
    unwanted = {str(n["codepoints"]): n.get("reason", {}) for n in content.get("not_suggested", [])}
    return themes, unwanted


def _loops(folder: pathlib.Path, language: Language) -> list[dict[str, Any]]:
    if not (folder / folder_lib.ANIMATIONS).exists():
        return []
    return folder_lib.read_record(folder, folder_lib.ANIMATIONS, language).get("animations", [])


def _frames(folder: pathlib.Path, file: str, language: Language) -> np.ndarray:
    """Reads the frames of a campaign's APNG: uint8 [n h w 4], straight alpha.

    Raises:
      UserError: it cannot be read.
    """
    path = (folder / folder_lib.ANIMATIONS).with_name(file)
    try:
        with PIL.Image.open(path, formats=("PNG",)) as picture:
            count = min(getattr(picture, "n_frames", 1), _MAX_FRAMES)
            frames = []
            for i in range(count):
                picture.seek(i)
                frames.append(np.asarray(picture.convert("RGBA")))
            return np.stack(frames)
    except Exception as e:  # Pillow raises many kinds on damaged files
        command = language.command("animate", folder)
        raise UserError(
            language.pick(
                f"{path} cannot be read: run `{command}` again",
                f"{path} n'est pas lisible : relancez `{command}`",
            )
        ) from e


def _report(checked: list[dict[str, Any]], path: pathlib.Path, language: Language) -> None:
    """Prints a table of what failed, and a summary in one line."""
    failed = [c for c in checked if not c["passed"]]
    for c in failed:
        print(f"{c['name']} ({c['alt'][language.code]})" + language.pick(" fails:", " échoue :"))
        for gate in (g for g in c["gates"] if not g["passed"]):
            label, reason = language.pick(*LABELS[gate["gate"]]), gate["reason"][language.code]
            colon = language.pick(":", " :")
            print(f"  {label} ({gate['gate']}){colon} {reason}")
    passed = len(checked) - len(failed)
    loops = sum(c["gates"][0]["gate"] == "flashing" for c in checked)
    of_loops = language.counted(
        loops, " ({n} of them [a loop|loops])", " (dont {n} [boucle|boucles])"
    )
    print(
        language.counted(
            passed,
            f"{{n}} of {len(checked)}{of_loops if loops else ''} [passes|pass] every gate; {path}",
            f"{{n}} sur {len(checked)}{of_loops if loops else ''} [passe|passent] tous les "
            f"contrôles ; {path}",
        )
    )
    if passed:
        targets = channel_names.targets(path.parent, language)
        pack = language.command(f"pack --for={targets}", path.parent)
        moved = language.next_line("animate --move=bounce", path.parent)
        print(moved + language.pick(f"; or at once: {pack}", f" ; ou sans attendre : {pack}"))
